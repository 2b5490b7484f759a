"""Reads what a witness is in: a file, or an address."""

import re
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests

from contract.errors import SpecError, SubjectError

__all__ = ["LIMIT", "fetch", "read_source", "without_credentials"]

LIMIT = 64 * 2**20
"""The most bytes that a witness may have."""

_SILENCE, _DEADLINE = 30, 300
"""Seconds: how long a server may say nothing, and how long it may take in all."""


def read_source(source: str) -> bytes:
    """Return the bytes of a file, or of an `http://` or `https://` address.

    Raises SpecError where they cannot be read or are more than 64 MiB, SubjectError where the server cannot be reached.
    """
    if re.match(r"https?://", source, re.IGNORECASE):
        return fetch(source)
    try:
        with Path(source).open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from None
    if len(content) > LIMIT:
        raise SpecError(f"{source}: too large; accepted: {LIMIT // 2**20} MiB")
    return content


def fetch(url: str, accept: str = "*/*") -> bytes:
    """Return what an address gives.

    Raises SubjectError where it cannot be had, SpecError where it is too large. No message holds credentials.
    """
    content, shown, started = bytearray(), without_credentials(url), time.monotonic()
    try:
        with requests.get(
            url, headers={"Accept": accept}, timeout=_SILENCE, stream=True
        ) as answer:
            if answer.status_code != 200:
                raise SubjectError(f"{shown}: answers {answer.status_code}, not 200")
            for chunk in answer.iter_content(2**16):
                content += chunk
                if len(content) > LIMIT:
                    raise SpecError(
                        f"{shown}: too large; accepted: {LIMIT // 2**20} MiB"
                    )
                if time.monotonic() - started > _DEADLINE:
                    raise SubjectError(f"{shown}: not read within {_DEADLINE} s")
    except requests.RequestException as error:
        raise SubjectError(
            f"{shown}: cannot be reached: {type(error).__name__}"
        ) from None
    except ValueError as error:  # what urllib3 says of an address that is none
        raise SubjectError(f"{shown}: no address: {type(error).__name__}") from None
    return bytes(content)


def without_credentials(url: str) -> str:
    """Return an address without its user, password and query; a file's name is not changed."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")
    )
