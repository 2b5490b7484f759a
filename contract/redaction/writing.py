"""Writing a file whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from contract.errors import UsageError

__all__ = ["write"]


def write(path: Path, content: str | bytes, *, replace: bool = True) -> Path:
    """Write a file, and its directories, so that it is never seen half-written; return its path.

    Unless `replace`, a file that exists stays as it is. Raises UsageError where it exists or cannot be written.
    """
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        with made.open("xb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        if replace:
            made.replace(path)
        else:
            os.link(made, path)  # fails where the path exists
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise UsageError(f"{path}: exists, and is not written over") from None
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            made.unlink(missing_ok=True)
    return path
