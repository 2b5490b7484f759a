"""Search for secrets in bytes, in any case and encoding, in linear time.

The bytes are searched as they are, and decoded in each of four ways. A view of them
has the offsets of its tokens, so that a match leads back to the original bytes.
"""

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

SHORTEST = 12
"""Shorter secrets are not replaced in texts: they may be ordinary words."""

PIECE = 16
"""Bytes of the shortest prefix or suffix that is replaced."""

UNIT = r"\\u[0-9a-fA-F]{4}"
TOKENS = (
    rf'(?=\\u[dD][89abAB]){UNIT}(?=\\u[dD][c-fC-F]){UNIT}|{UNIT}|\\["\\/bfnrt]',
    "%[0-9a-fA-F]{2}",
    "%25[0-9a-fA-F]{2}",
    r"&(?:#\d{1,9}|#[xX][0-9a-fA-F]{1,9}|[A-Za-z]\w{1,31});",
)
"""Encodings: JSON, percent encoding once and twice, HTML."""

PATTERNS = [re.compile(token.encode()) for token in TOKENS]
NOTHING = re.compile(b"(?!)")

SKIPPED = (0, 2, 3)
"""Characters of Base64 that also show bytes before the secret, by their number."""


def is_strong(secret: str) -> bool:
    """Return whether a secret is long enough, and of two kinds of characters."""
    kinds = {"a" if c.isalpha() else "0" if c.isdecimal() else "-" for c in secret}
    return len(secret) >= SHORTEST and len(kinds) > 1


@dataclass
class View:
    """Bytes, and what they are in lower case if tokens of a pattern are decoded."""

    original: bytes
    pattern: re.Pattern[bytes]

    @cached_property
    def data(self) -> bytes:
        """The decoded bytes."""
        return self.pattern.sub(lambda token: decoded(token[0]), self.original).lower()

    @cached_property
    def offsets(self) -> tuple[list[int], list[int]]:
        """Where tokens begin and end in the decoded bytes, and in the original."""
        here, there = [0], [0]
        for token in self.pattern.finditer(self.original):
            start = here[-1] + token.start() - there[-1]
            here += start, start + len(decoded(token[0]))
            there += token.span()
        return here, there

    def source(self, offset: int) -> int:
        """Return an offset in the original bytes."""
        here, there = self.offsets
        index = bisect_right(here, offset) - 1
        return there[index] + offset - here[index]


def views(data: bytes) -> list[View]:
    """Return the bytes as they are, and in each encoding that they have."""
    encodings = [pattern for pattern in PATTERNS if pattern.search(data)]
    return [View(data, pattern) for pattern in (NOTHING, *encodings)]


@lru_cache(maxsize=1024)
def decoded(token: bytes) -> bytes:
    """Return the character that a token stands for, in UTF-8."""
    if token.startswith(b"%"):
        return bytes.fromhex(token[-2:].decode())
    text = token.decode()
    return encoded(html.unescape(text) if text[0] == "&" else json.loads(f'"{text}"'))


@dataclass(frozen=True)
class Form:
    """A secret, or its Base64, in lower case, and a replacement of the same length."""

    secret: bytes
    replacement: bytes

    def spans(self, view: View) -> Iterator[tuple[int, int, bytes]]:
        """Yield starts and ends of the secret, a prefix or a suffix, with stand-ins."""
        secret, data = self.secret, view.data
        for first in {0, max(0, len(secret) - PIECE)}:
            piece = secret[first : first + PIECE]
            start = data.find(piece)
            while start >= 0:
                end, left, right = start + len(piece), first, first + len(piece)
                while left and start and data[start - 1] == secret[left - 1]:
                    start, left = start - 1, left - 1
                while secret[right : right + 1] == data[end : end + 1] != b"":
                    end, right = end + 1, right + 1
                replacement = self.replacement[left:right]
                yield view.source(start), view.source(end), replacement
                start = data.find(piece, end)


def forms(secret: str, stand_in: str) -> set[Form]:
    """Return a secret as it is and in Base64, there also as JSON."""
    escaped = json.dumps(secret)[1:-1]
    result = set()
    for text in {secret, escaped, escaped.replace("/", r"\/")}:
        octets = encoded(text)
        filler = (encoded(stand_in) * len(octets))[: len(octets)]
        if text == secret:
            result.add(Form(octets.lower(), filler))
        for before in range(3):
            form = in_base64(octets, before).lower()
            replacement = in_base64(filler, before)
            result |= {Form(f, replacement) for f in (form, form.translate(URL_SAFE))}
    return result


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


URL_SAFE = bytes.maketrans(b"+/", b"-_")


def in_base64(octets: bytes, before: int) -> bytes:
    """Return the Base64 of bytes after others, without what shows the others."""
    text = base64.b64encode(bytes(before) + octets).rstrip(b"=")
    is_shared = before and (before + len(octets)) % 3
    return text[SKIPPED[before] : -1 if is_shared else None]


def replaced(data: bytes, spans: list[tuple[int, int, bytes]]) -> bytes:
    """Return bytes with replaced spans, at one place the longest."""
    parts: list[bytes] = []
    position = 0
    for start, end, stand_in in sorted(spans, key=lambda s: (s[0], -s[1])):
        if end > position:
            parts += data[position:start], stand_in[max(0, position - start) :]
            position = end
    return b"".join([*parts, data[position:]])
