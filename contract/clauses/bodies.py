"""Bodies of requests and responses, parsed as JSON."""

import gzip
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from contract.model import Json, Request


class Defect(StrEnum):
    """Reason why a body is no JSON text."""

    EMPTY = "empty"
    ENCODING = "encoding"
    TRUNCATED = "truncated"
    SYNTAX = "syntax"


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """A JSON value that equal bodies share, or the reason why there is none."""

    value: Json = None
    defect: Defect | None = None
    error: str = ""


def refuse(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def unique(members: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(members)
    if len(result) != len(members):
        raise ValueError("an object names a member twice")
    return result


@lru_cache(maxsize=256)
def parse(body: bytes) -> ParsedBody:
    """Parse a body (RFC 8259). NaN and duplicate names are defects. Never raises."""
    try:
        text = body.decode()
        value = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except UnicodeDecodeError:
        return ParsedBody(None, Defect.ENCODING, "not UTF-8")
    except RecursionError:
        return ParsedBody(None, Defect.SYNTAX, "not JSON: nested too deep")
    except ValueError as error:
        return ParsedBody(None, defect_of(text, error), f"not JSON: {error}")
    return ParsedBody(value)


PARTIAL = re.compile(
    r'"(?:[^"\\]|\\.)*\\?|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-|', re.DOTALL
)
"""The beginning of a string or of another token, at the end of a text."""


def defect_of(text: str, error: ValueError) -> Defect:
    text = text.rstrip(" \t\r\n")
    if not text:
        return Defect.EMPTY
    if isinstance(error, json.JSONDecodeError) and PARTIAL.fullmatch(text, error.pos):
        return Defect.TRUNCATED
    return Defect.SYNTAX


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "identity": bytes,
}


def parse_request(request: Request) -> ParsedBody:
    """Parse a request's body after its Content-Encoding (RFC 9110, section 8.4)."""
    coding = (request.header("Content-Encoding") or "identity").lower()
    error = f"not {coding}" if coding in DECODERS else "in an unknown coding"
    try:
        return parse(DECODERS[coding](request.body))
    except (KeyError, OSError, zlib.error, EOFError):
        return ParsedBody(None, Defect.ENCODING, error)
