"""Checkouts of SDKs, from which drivers are built as from a registry.

Nothing is ever written to a checkout: a build has a copy. The digest of its files names
it in the cache and in verdicts.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.errors import UsageError

NO_SOURCES = {".contract", ".git", ".venv", "__pycache__", "node_modules"}
"""Names of directories, anywhere, that no build needs."""

LEFT_OUT = {
    *(".generator", ".github", "build", "cassettes", "dist", "docs"),
    *("features", "spec", "src/test", "target", "test", "tests"),
}
"""Directories of a checkout that no build needs."""


@dataclass(frozen=True)
class Checkout:
    """Directory with the source of an SDK. `digest` is that of its files."""

    directory: Path
    digest: str

    @property
    def mark(self) -> str:
        """Words that a verdict adds to the version of the SDK."""
        return f"+source.{self.digest[:8]}"

    def copy_to(self, directory: Path) -> None:
        """Copy the files. Raise UsageError if they have changed since."""
        for file in files_of(self.directory):
            path = directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.directory / file, path)
        if read_checkout(directory).digest != self.digest:
            raise UsageError(f"{self.directory}: has changed while it was copied")


def read_checkout(directory: Path) -> Checkout:
    """Return the checkout in a directory. Raise UsageError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in files_of(directory):
            content = hashlib.sha256((directory / file).read_bytes())
            digest.update(f"{file}\0{content.hexdigest()}\n".encode())
    except OSError as error:
        problem = f"{error.filename}: cannot be read: {error.strerror}"
        raise UsageError(problem) from None
    return Checkout(directory, digest.hexdigest())


def files_of(directory: Path) -> Iterator[str]:
    """Yield the regular files that a build may need, as relative paths in order."""
    for root, folders, files in os.walk(directory):
        place = Path(root).relative_to(directory)
        folders[:] = sorted(
            name
            for name in folders
            if name not in NO_SOURCES and (place / name).as_posix() not in LEFT_OUT
        )
        for name in sorted(files):
            if (Path(root) / name).is_file():  # no socket, no dangling link
                yield (place / name).as_posix()
