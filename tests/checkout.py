"""The checkout that the tests run in."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked(*under: str) -> list[str]:
    """Return the files that git knows and that are there."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *under]
    listed = subprocess.run(  # noqa: S603
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def copied(to: Path) -> Path:
    """Copy those files to a directory, and return it."""
    for name in tracked():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)
    return to
