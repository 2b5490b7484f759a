"""Texts of others: escaped, with names for keys, cut. All reports take them here."""

import re
from collections.abc import Iterable

from contract.errors import visible
from contract.model import AnyExchange, ClientExchange
from contract.redaction.redactor import labelling

Keys = tuple[tuple[str, str], ...]
"""Keys of an exchange, each with the name that a report shows for it.

A verdict holds no secret. The keys of cases are made up, but names are easier to read.
"""

OPEN, CLOSE = "»", "«"
"""Marks of the part of a text that matters."""


def keys_of(exchange: AnyExchange) -> Keys:
    """Return the keys of an exchange. Those of a service are names already."""
    if isinstance(exchange, ClientExchange):
        credential = exchange.case.credential
        return (credential.api_key, "[api key]"), (credential.app_key, "[app key]")
    return tuple((key, key) for key in exchange.keys if key[:1] == "[")


def clean(text: str, keys: Keys = (), *, keeps_lines: bool = False) -> str:
    """Return a text of others as a report may show it.

    It comes before every cut, so that no cut leaves a part of a key.
    """
    own = tuple((name.strip("[]"), key) for key, name in keys if key != name)
    text = labelling(own).text(text) if own else text
    lines = text.split("\n") if keeps_lines else [text]
    return "\n".join(map(visible, lines))


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
