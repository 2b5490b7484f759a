"""Words of others in a log of GitHub Actions, which obeys commands in it.

`::error::` is a command at the start of a line, `##[error]` anywhere in it.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def stop_and_resume() -> tuple[str, str]:
    """Return the lines around a text without commands, empty outside of Actions.

    Nobody can guess the second one (GitHub's documentation of workflow commands).
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return "", ""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n", f"::{token}::\n"


@contextmanager
def quoting(stream: TextIO) -> Iterator[None]:
    """Let nothing that is written to a stream be a command."""
    stop, resume = stop_and_resume()
    stream.write(stop)
    try:
        yield
    finally:
        stream.write(resume)
        stream.flush()


def quoted(head: str, text: str) -> str:
    """Return words of the suite and below a text in which nothing is a command."""
    stop, resume = stop_and_resume()
    return f"{head}\n{stop}{text}\n{resume}".rstrip("\n")
