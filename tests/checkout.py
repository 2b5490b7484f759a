"""The checkout that the tests run in."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked(*folders: str) -> list[str]:
    """Return the files that git tracks and that exist."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *folders]
    output = subprocess.run(  # noqa: S603
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [name for name in output.split("\0") if name and (ROOT / name).is_file()]


def copied(target: Path) -> Path:
    """Copy the tracked files to a directory, and return it."""
    for name in tracked():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    return target
