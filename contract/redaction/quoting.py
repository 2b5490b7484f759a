"""Words of others in a log of GitHub Actions, which obeys commands in it.

`::error::` is a command at the start of a line, `##[error]` anywhere in it.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)


def stop_and_resume() -> tuple[str, str]:
    """Return the lines around a text without commands, empty outside of Actions.

    Nobody can guess the second one (GitHub's documentation of workflow commands).
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return "", ""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n", f"::{token}::\n"


def without_commands(document: str) -> str:
    """Return an equal JSON document in which no line is a command."""
    return document.replace("##[", r"#\u0023[")


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
    """Return words of the suite, and a text in which nothing is a command."""
    stop, resume = stop_and_resume() if COMMAND.search(text) else ("", "")
    return f"{head}\n{stop}{text}\n{resume.strip()}" if stop else head + text
