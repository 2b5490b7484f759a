"""Framing of HTTP/1.1: where heads and bodies end (RFC 9112, 6 and 7)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from contract.model import Headers

MAX_HEAD = 1 << 18
"""Bytes of a head, of the trailers, or of the line of a chunk."""

MAX_LINES = 1_000
LENGTH = re.compile("[0-9]{1,18}")
HEAD_END = re.compile(rb"\n\r?\n")

LENGTH_IGNORED = "a Content-Length beside Transfer-Encoding, which is ignored"


class FramingError(ValueError):
    """A message whose end cannot be found."""


@dataclass
class ByteStream:
    """Bytes of a connection. `receive` returns more of them, b"" at the end."""

    receive: Callable[[], bytes]
    buffer: bytearray = field(default_factory=bytearray)

    def fill(self) -> None:
        """Wait for more bytes. Raise EOFError."""
        if not (received := self.receive()):
            raise EOFError
        self.buffer += received

    def line(self, limit: int = MAX_HEAD) -> bytes:
        """Return the next line without its end. Raise EOFError, FramingError."""
        searched = 0
        while (end := self.buffer.find(b"\n", searched)) < 0:
            searched = len(self.buffer)
            if searched > limit:
                break
            self.fill()
        if max(end, searched) > limit:
            raise FramingError(f"a head of more than {MAX_HEAD >> 10} kB")
        return self.taken(end + 1)[:-1].removesuffix(b"\r")

    def head(self) -> bytes | None:
        """Wait for bytes. Return a head without its empty line, if all came."""
        if not self.buffer:
            self.fill()
        is_empty = self.buffer.startswith((b"\n", b"\r\n"))
        end = None if is_empty else HEAD_END.search(self.buffer, 0, MAX_HEAD)
        if end and self.buffer.count(b"\n", 0, end.end()) < MAX_LINES:
            return self.taken(end.end())[: end.start()]
        return None

    def lines(self) -> Iterator[bytes]:
        """Yield the lines up to an empty one, read as far as they are needed."""
        limit = MAX_HEAD
        for _ in range(MAX_LINES):
            line = self.line(limit)
            if not line:
                return
            yield line
            limit = max(limit - len(line), 0)
        raise FramingError(f"a head of more than {MAX_LINES} lines")

    def taken(self, size: int) -> bytes:
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def parts(self, size: int) -> Iterator[bytes]:
        """Yield so many bytes. Raise EOFError."""
        while size:
            if not self.buffer:
                self.fill()
            part = self.taken(size)
            size -= len(part)
            yield part

    def chunks(self) -> Iterator[bytes]:
        """Yield a body in chunks. Raise EOFError, FramingError."""
        while size := chunk_size(self.line()):
            yield from self.parts(size)
            self.line()
        for _ in self.lines():
            pass  # trailers

    def rest(self) -> Iterator[bytes]:
        yield self.taken(len(self.buffer))
        while received := self.receive():
            yield received


def framed_request(
    method: str, target: str, host: str, headers: Headers, body: bytes
) -> bytes:
    """Return a request."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {host}",
        f"Content-Length: {len(body)}",
        *[f"{name}: {value}" for name, value in headers],
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", digits):
        raise FramingError("a chunk has no size")
    return int(digits, 16)


def values_of(name: str, headers: Sequence[tuple[str, str]]) -> list[str]:
    """Return the values of the header fields of a name in lower case."""
    return [value for key, value in headers if key.lower() == name]


def content_length(headers: Headers) -> int | None:
    """Return the length of a body, or None. Equal ones count once.

    Raise FramingError: the error cannot be recovered from (RFC 9112, 6.3).
    """
    return length_of(*values_of("content-length", headers))


@lru_cache
def length_of(*values: str) -> int | None:
    texts = {text.strip() for value in values for text in value.split(",")}
    if not all(LENGTH.fullmatch(text) for text in texts):
        raise FramingError("Content-Length is no number")
    lengths = {*map(int, texts)}
    if len(lengths) > 1:
        raise FramingError("several values of Content-Length")
    return lengths.pop() if lengths else None
