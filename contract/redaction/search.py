"""Search for secrets in bytes, in any case and encoding, in linear time.

Bytes are searched as they are, and decoded in each of four ways.
"""

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

SHORTEST = 12
"""Shorter ones may be ordinary words."""

PIECE = 16
"""Bytes of the shortest prefix or suffix that is replaced."""

TOKENS = (
    rb'\\u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|[0-9a-f]{4})|\\["\\/bfnrt]',
    b"%[0-9a-f]{2}",
    b"%25[0-9a-f]{2}",
    rb"&(?:#\d{1,9}|#x[0-9a-f]{1,9}|[a-z]\w{1,31});",
)
"""Encodings: JSON, percent encoding once and twice, HTML."""

PATTERNS = [re.compile(token, re.IGNORECASE) for token in TOKENS]
NOTHING = re.compile(b"(?!)")


class Span(NamedTuple):
    """Bytes to replace. A label stands whole for any part of a secret."""

    start: int
    end: int
    replacement: bytes
    is_label: bool


def is_strong(secret: str) -> bool:
    """Return whether a secret is long, and of two kinds of characters."""
    kinds = {(c.isalpha(), c.isdecimal()) for c in secret}
    return len(secret) >= SHORTEST and len(kinds) > 1


@dataclass
class View:
    """Bytes with decoded tokens, in lower case."""

    original: bytes
    pattern: re.Pattern[bytes]

    @cached_property
    def data(self) -> bytes:
        data = self.pattern.sub(lambda token: decoded(token[0]), self.original)
        return data.lower()

    @cached_property
    def offsets(self) -> tuple[list[int], list[int]]:
        """Where tokens begin and end, here and originally."""
        here, there = [0], [0]
        for token in self.pattern.finditer(self.original):
            start = here[-1] + token.start() - there[-1]
            here += start, start + len(decoded(token[0]))
            there += token.span()
        return here, there

    def source(self, offset: int) -> int:
        here, there = self.offsets
        index = bisect_right(here, offset) - 1
        return there[index] + offset - here[index]


def views(data: bytes) -> list[View]:
    """Return the bytes as they are, and in each of their encodings."""
    encodings = (p for p in PATTERNS if p.search(data))
    return [View(data, pattern) for pattern in (NOTHING, *encodings)]


@lru_cache(1024)
def decoded(token: bytes) -> bytes:
    """Return the character that a token stands for, in UTF-8."""
    if token.startswith(b"%"):
        return bytes.fromhex(token[-2:].decode())
    text = token.decode()
    if text[0] == "&":
        return encoded(html.unescape(text))
    return encoded(json.loads(f'"{text.lower()}"'))


@dataclass(frozen=True)
class Form:
    """A secret in lower case, or its Base64, and what replaces it."""

    secret: bytes
    replacement: bytes
    is_label: bool

    def spans(self, view: View) -> Iterator[Span]:
        secret, replacement, data = self.secret, self.replacement, view.data
        for first in {0, max(0, len(secret) - PIECE)}:
            piece = secret[first : first + PIECE]
            start = data.find(piece)
            while start >= 0:
                left, right = first, first + len(piece)
                end = start + len(piece)
                while left and start and data[start - 1] == secret[left - 1]:
                    start, left = start - 1, left - 1
                while secret[right : right + 1] == data[end : end + 1] != b"":
                    end, right = end + 1, right + 1
                part = replacement if self.is_label else replacement[left:right]
                yield Span(view.source(start), view.source(end), part, self.is_label)
                start = data.find(piece, end)


def forms(secret: str, stand_in: str, *, is_label: bool = False) -> set[Form]:
    """Return a secret, plain and in JSON, as it is and in Base64."""
    escaped = json.dumps(secret)[1:-1]
    label = encoded(stand_in) if is_label else b""
    result = set()
    for text in {secret, escaped, escaped.replace("/", r"\/")}:
        octets = encoded(text)
        filler = label or (encoded(stand_in) * len(octets))[: len(octets)]
        result.add(Form(octets.lower(), filler, is_label))
        for before in range(3):
            form = in_base64(octets, before).lower()
            replacement = label or in_base64(filler, before)
            result.add(Form(form, replacement, is_label))
            result.add(Form(form.translate(URL_SAFE), replacement, is_label))
    return result


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


URL_SAFE = bytes.maketrans(b"+/", b"-_")


def in_base64(octets: bytes, before: int) -> bytes:
    """Return the Base64 of bytes after others, but nothing of those."""
    text = base64.b64encode(bytes(before) + octets).rstrip(b"=")
    is_shared = before and (before + len(octets)) % 3
    return text[(before * 8 + 5) // 6 : -1 if is_shared else None]


def replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    """Return bytes with replaced spans, the longest first."""
    parts: list[bytes] = []
    done = 0
    for start, end, text, is_label in sorted(spans, key=lambda s: (s.start, -s.end)):
        if end > done:
            # Part of a character would be no UTF-8.
            while data[start] & 0xC0 == 0x80:
                start -= 1
            while end < len(data) and data[end] & 0xC0 == 0x80:
                end += 1
            overlap = max(0, done - start)
            rest = b"" if overlap and is_label else text[overlap:]
            parts += data[done:start], rest
            done = end
    return b"".join([*parts, data[done:]])
