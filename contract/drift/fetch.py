"""Reads a witness from a file or from an address."""

import re
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests

from contract.errors import SpecError, SubjectError

__all__ = ["LIMIT", "fetch", "read_source", "without_credentials"]

LIMIT = 64 * 2**20
"""The most bytes that a witness may have."""

_SILENCE_S, _DEADLINE_S = 30, 300
"""The longest pause of a server, and the longest time for a whole document."""


def read_source(source: str) -> bytes:
    """Return the bytes of a file, or of an `http://` or `https://` address.

    Raises SpecError for a source that cannot be read or has more than 64 MiB, and
    SubjectError if the server cannot be reached.
    """
    if re.match(r"https?://", source, re.IGNORECASE):
        return fetch(source)
    try:
        with Path(source).open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from None
    _check_size(source, len(content))
    return content


def fetch(url: str, accept: str = "*/*") -> bytes:
    """Return the bytes at an address. No message of an error holds credentials.

    Raises SubjectError if they cannot be had, SpecError if they are too many.
    """
    content, name, start_s = bytearray(), without_credentials(url), time.monotonic()
    headers = {"Accept": accept}
    try:
        with requests.get(
            url, headers=headers, timeout=_SILENCE_S, stream=True
        ) as response:
            status = response.status_code
            if status != 200:
                raise SubjectError(f"{name}: answers {status}, not 200")
            for chunk in response.iter_content(2**16):
                content += chunk
                _check_size(name, len(content))
                if time.monotonic() - start_s > _DEADLINE_S:
                    raise SubjectError(f"{name}: not read within {_DEADLINE_S} s")
    except (requests.RequestException, ValueError) as error:  # ValueError: urllib3
        reason = type(error).__name__
        raise SubjectError(f"{name}: cannot be reached: {reason}") from None
    return bytes(content)


def _check_size(name: str, size: int) -> None:
    if size > LIMIT:
        raise SpecError(f"{name}: too large; accepted: {LIMIT // 2**20} MiB")


def without_credentials(url: str) -> str:
    """Return an address without user, password and query, or a file name as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
