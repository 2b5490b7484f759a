"""Bodies of messages: how much of one is read, stored and unpacked."""

import zlib
from collections.abc import Iterable
from hashlib import sha256

MAX_BODY = 4 << 20
"""Bytes of a body that are read, packed or unpacked."""

ABRIDGED = 1 << 16
"""Bytes of a body that are stored after it was judged."""

CODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""Content codings that are unpacked, with their zlib windows (RFC 9110, 8.4.1)."""


class CutBody(bytes):
    """The beginning of a body, with the length and the SHA-256 of what was read."""

    length: int
    digest: str

    @classmethod
    def of(cls, body: bytes | bytearray, size: int = ABRIDGED) -> "CutBody":
        cut = cls(body[:size])
        if isinstance(body, CutBody):
            cut.length, cut.digest = body.length, body.digest
        else:
            cut.length, cut.digest = len(body), sha256(body).hexdigest()
        return cut

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CutBody) and self.identity == other.identity

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"{self[:20]!r}… ({self.length} bytes, SHA-256 {self.digest})"

    @property
    def identity(self) -> tuple[int, str]:
        return self.length, self.digest


def abridged_body(body: bytes) -> bytes:
    """Return a body as it is stored after it was judged."""
    return body if len(body) <= ABRIDGED else CutBody.of(body)


def gather(parts: Iterable[bytes], body: bytearray) -> bytes:
    """Append parts to a body. Return it whole, or its first 4 MiB."""
    for part in parts:
        body += part
        if len(body) > MAX_BODY:
            return CutBody.of(body[:MAX_BODY], MAX_BODY)
    return bytes(body)


def inflated(packed: bytes, window: int) -> bytes:
    """Unpack a body, and cut it if it is longer than is read. Raise zlib.error.

    Several gzip members make one body (RFC 1952, 2.2).
    """
    body, rest = bytearray(), packed
    while rest or not body:
        stream = zlib.decompressobj(window)
        body += stream.decompress(rest, MAX_BODY + 1 - len(body))
        if len(body) > MAX_BODY:
            return CutBody.of(body[:MAX_BODY], MAX_BODY)
        if not stream.eof:
            raise zlib.error("the packed body does not end")
        if not (rest := stream.unused_data):
            break
    return bytes(body)
