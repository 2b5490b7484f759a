"""Texts of others: freed of keys, escaped and cut. All reports take them from here."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote

from contract.model import AnyExchange, ClientExchange

Keys: TypeAlias = tuple[tuple[str, str], ...]
"""Values that no report may show, each with the name that stands for it."""

SHORTEST_PIECE = 12

OPEN, CLOSE = "»", "«"
"""Marks of the part of a text that matters."""


def keys_of(exchange: AnyExchange) -> Keys:
    """Return the keys of an exchange."""
    if isinstance(exchange, ClientExchange):
        credential = exchange.case.credential
        return (credential.api_key, "[api key]"), (credential.app_key, "[app key]")
    return tuple((key, "[key]") for key in exchange.keys)


def clean(text: str, keys: Keys = (), *, keeps_lines: bool = False) -> str:
    """Return a text of others as a report may show it: without keys, escaped.

    It comes before every cut, so that no cut leaves a part of a key.
    """
    for form, name in spellings(keys):
        text = text.replace(form, name)
    lines = text.split("\n") if keeps_lines else [text]
    return "\n".join(map(visible, lines))


@lru_cache(maxsize=256)
def spellings(keys: Keys) -> tuple[tuple[str, str], ...]:
    """Return the forms of keys, whole or in pieces, plain or encoded."""
    forms: dict[str, str] = {}
    for key, name in keys:
        for piece in (key, *pieces(key)):
            encoded = base64.b64encode(piece.encode("utf-8", "surrogatepass")).decode()
            escaped = json.dumps(piece)[1:-1]
            percent = quote(piece, safe="", errors="replace")
            for form in (piece, percent, escaped, visible(piece), encoded):
                forms.setdefault(form, name)
    forms.pop("", None)
    return tuple(sorted(forms.items(), key=lambda item: -len(item[0])))


def pieces(key: str) -> Iterator[str]:
    """Yield the longer pieces of a key, without the characters at which it is cut."""
    for is_part in (str.isprintable, str.isalnum):
        text = "".join(char if is_part(char) else "\n" for char in key)
        yield from (part for part in text.split("\n") if len(part) >= SHORTEST_PIECE)


def visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def cut(text: str, width: int) -> str:
    """Return a text of at most a width."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def around(text: str, width: int) -> str:
    """Return the part of a clean text around its mark, cut to a width."""
    start = text.find(OPEN)
    if len(text) <= width or start < 0:
        return cut(text, width)
    end = text.find(CLOSE, start) + 1
    begin = 0 if end < width else (start + end - width) // 2
    begin = max(0, min(begin, start - 1, len(text) - width))
    part = text[begin : begin + width]
    if begin:
        part = f"…{part[1:]}"
    return part if begin + width >= len(text) else f"{part[:-1]}…"


def code_span(text: str) -> str:
    """Return a text as a code span of Markdown (CommonMark, section 6.1)."""
    text = text or " "
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{space}{text}{space}{fence}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 site`, `8 sites`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def some(items: Iterable[str], most: int) -> str:
    """Return the first items, and the number of the others."""
    names = list(items)
    more = len(names) - most
    listed = ", ".join(names[:most])
    return f"{listed} and {more} more" if more > 0 else listed


def ranges(indices: Iterable[int]) -> str:
    """Return indices as ranges: `0-12,14`."""
    runs: list[list[int]] = []
    for index in sorted(set(indices)):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
