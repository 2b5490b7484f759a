"""Content of a request: keys, length, codings, UTF-8, JSON. It raises Refusal."""

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

from contract.model import Headers, Json

Environ: TypeAlias = Mapping[str, Any]
"""One request as a WSGI server passes it on (PEP 3333)."""

ZLIB_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""Window sizes by coding. Some senders omit deflate's frame (RFC 9110, 8.4.1.2)."""

MOST_CODINGS = 3


class Refusal(Exception):
    """End of a request with an error response: status and error texts."""

    def __init__(self, status: int, *errors: str, headers: Headers = ()) -> None:
        super().__init__(status, *errors)
        self.status, self.errors, self.headers = status, errors, headers


def keys_in(environ: Environ) -> tuple[str, str]:
    """Return API key and application key of a request. A missing one is empty."""
    api_key = environ.get("HTTP_DD_API_KEY") or ""
    return api_key, environ.get("HTTP_DD_APPLICATION_KEY") or ""


def read_body(environ: Environ, limit: int) -> bytes:
    """Return the decoded body, which has at most `limit` bytes in each form."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise Refusal(400, "Content-Length: is not a number")
    if len(length) > 15 or int(length) > limit:
        raise too_large(limit)
    body: bytes = environ["wsgi.input"].read(int(length))
    codings = environ.get("HTTP_CONTENT_ENCODING", "").lower().split(",")
    names = [name for name in map(str.strip, codings) if name not in ("", "identity")]
    if len(names) > MOST_CODINGS or {*names} - {*ZLIB_WINDOWS}:
        accepted = ("Accept-Encoding", "gzip, deflate")  # RFC 9110, 15.5.16
        text = "Content-Encoding: is neither gzip nor deflate"
        raise Refusal(415, text, headers=(accepted,))
    for name in reversed(names):
        body = inflated(body, name, limit)
    return body


def inflated(packed: bytes, coding: str, limit: int) -> bytes:
    """Return an unpacked body of at most `limit` bytes. Raise Refusal."""
    for window in ZLIB_WINDOWS[coding]:
        body, rest = b"", packed
        try:
            # Several gzip members make one body (RFC 1952, 2.2).
            while rest or not packed:
                stream = zlib.decompressobj(window)
                body += stream.decompress(rest, limit + 1 - len(body))
                if len(body) > limit:
                    raise too_large(limit)
                if not stream.eof:
                    raise zlib.error
                rest = stream.unused_data
        except zlib.error:
            continue
        return body
    raise Refusal(400, f"body: is damaged, or not {coding}")


def parse_json(body: bytes) -> Json:
    """Return the JSON of a body. Anything but RFC 8259 in UTF-8 is refused.

    The last one of equal keys counts. A number beyond a double is an infinity.
    """
    try:
        text = body.decode()
        value = DECODER.decode(text)
        if "\\u" in text:  # a lone surrogate raises UnicodeEncodeError
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        problem = "is not Unicode in UTF-8"
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        problem = f"is not JSON: {error.msg}, {where}"
    except ValueError:
        problem = "holds a number that is too long, or not JSON"
    except RecursionError:
        problem = "is nested too deep"
    else:
        return value
    raise Refusal(400, f"body: {problem}")


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def too_large(limit: int) -> Refusal:
    return Refusal(413, f"body: is over {limit} bytes")
