"""Writing a file whole or not at all."""

import os
import secrets
from contextlib import suppress
from functools import partial
from pathlib import Path

from contract.errors import UsageError

open_private = partial(os.open, mode=0o600)


def write(path: Path, content: str | bytes, *, replace: bool = True) -> Path:
    """Write a file for its owner only, whole or not at all. Return its path.

    Raises UsageError if it cannot be written, or exists and `replace` is not set.
    """
    data = content if isinstance(content, bytes) else content.encode()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "xb", opener=open_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise UsageError(f"{path}: exists, and is not written over") from None
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return path
