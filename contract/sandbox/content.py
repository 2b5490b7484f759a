"""From the bytes of a request to JSON: length, content codings, UTF-8, RFC 8259; raises Refusal."""

import json
import zlib
from typing import NoReturn

from contract.model import Json
from contract.sandbox.model import Environ, Refusal

__all__ = ["parsed", "received", "unpacked"]

_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""zlib's window sizes by content coding; some senders leave the zlib frame of deflate out (RFC 9110, 8.4.1.2)."""


def received(environ: Environ, limit: int) -> bytes:
    """Return the body as it came; 413 where it has more than `limit` bytes."""
    length: str = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise Refusal(400, "Content-Length: is not a number")
    if len(length) > 15 or int(length) > limit:
        raise _too_large(limit)
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def unpacked(body: bytes, codings: str, limit: int) -> bytes:
    """Undo the codings that Content-Encoding names; 415 for an unknown one, 400 where the bytes are damaged."""
    names = [
        name
        for text in codings.lower().split(",")
        if (name := text.strip()) not in ("", "identity")
    ]
    if len(names) > 3 or any(name not in _WINDOWS for name in names):
        accepted = [("Accept-Encoding", "gzip, deflate")]  # RFC 9110, 15.5.16
        raise Refusal(
            415, "Content-Encoding: is neither gzip nor deflate", headers=accepted
        )
    for name in reversed(names):
        body = _inflated(body, name, limit)
    return body


def _inflated(packed: bytes, coding: str, limit: int) -> bytes:
    for window in _WINDOWS[coding]:
        body, rest = b"", packed
        try:
            while (
                rest or not packed
            ):  # several gzip members make one body (RFC 1952, 2.2)
                stream = zlib.decompressobj(window)
                body += stream.decompress(rest, limit + 1 - len(body))
                if len(body) > limit:
                    raise _too_large(limit)
                if not stream.eof:
                    raise zlib.error
                rest = stream.unused_data
        except zlib.error:
            continue
        return body
    raise Refusal(400, f"body: is damaged, or not {coding}")


def parsed(body: bytes) -> Json:
    """Return the JSON; 400 for anything else than RFC 8259 in UTF-8, for lone surrogates and for what is too much.

    Of equal keys the last one counts; a number beyond a double is an infinity, and fits no schema.
    """
    try:
        value = _DECODER.decode(text := body.decode())
        if "\\u" in text:
            json.dumps(
                value, ensure_ascii=False
            ).encode()  # raises where a surrogate is alone
    except UnicodeError:
        raise Refusal(400, "body: is not Unicode in UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(400, f"body: is not JSON: {error.msg}, {where}") from None
    except ValueError:
        raise Refusal(
            400, "body: holds a number that is too long, or not JSON"
        ) from None
    except RecursionError:
        raise Refusal(400, "body: is nested too deep") from None
    return value


def _not_json(_: str) -> NoReturn:
    raise ValueError


_DECODER = json.JSONDecoder(parse_constant=_not_json)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"body: is over {limit} bytes")
