"""Exchanges without secrets, and in a recording without personal values."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from contract.model import (
    Headers,
    Label,
    Placeholder,
    Request,
    Response,
    ServiceExchange,
    Violation,
)
from contract.redaction.redactor import Redactor

OWN_WORDS = (Enum, Label, Placeholder, Violation)
"""Types with words of the suite only."""


def redacted(value: Any, redactor: Redactor) -> Any:
    """Return an exchange, or a part of one, with the same stand-ins throughout.

    Clauses find in it what they find in the original. The names that the suite itself
    has for a case stay.
    """
    match value:
        case str() if not isinstance(value, Enum):
            return redactor.text(value)
        case bytes():
            return redactor.bytes(value)
        case tuple():
            return tuple(redacted(item, redactor) for item in value)
        case Mapping() if any(isinstance(key, Placeholder) for key in value):
            return {key: redacted(value[key], redactor) for key in value}
        case list() | Mapping():
            return redactor.json(value)
    if not is_dataclass(value) or isinstance(value, (type, *OWN_WORDS)):
        return value
    members = {
        f.name: redacted(getattr(value, f.name), redactor) for f in fields(value)
    }
    match value:
        case Request() | Response():
            headers = tuple(redactor.header(*item) for item in value.headers)
            members["headers"] = resized(headers, value.body, members["body"])
        case ServiceExchange():
            members["keys"] = tuple(map(redactor.value, value.keys))
    return replace(value, **members)


def resized(headers: Headers, old: bytes, new: bytes) -> Headers:
    was = "content-length", str(len(old))
    return tuple(
        (name, str(len(new)) if (name.lower(), value) == was else value)
        for name, value in headers
    )
