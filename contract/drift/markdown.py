"""The documentation page's Markdown as blocks: tables, code and texts."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Block", "Curl", "blocks", "curls"]

_TAB = re.compile(r'\s*\{% tab title="([^"]*)" %\}')
_TAB_END = re.compile(r"\s*\{% /tab %\}")
_HEADING = re.compile(r"(#{1,6})\s+([^\s{][^{]*)")
_FENCE = re.compile(r"\s*(```+|~~~+)\s*(\w*)")

_CURL = re.compile(
    r"""curl\s+-X\s+"?([A-Z]+)"?\s+["']([^"'\s]+)["']"""
    r"""((?:[\s\\]*-(?:H|d)\s+(?:"[^"]*"|'[^']*'|@-))*)"""
)
_HEADER = re.compile(r"""-H\s+["']([^:"']+):\s*([^"']*)["']""")
_BODY = re.compile(r"\s*<<\s*(\w+)\n(.*?)\n\1\b", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A table, a code block or a text, below a heading and within tabs."""

    section: str
    heading: str
    tabs: tuple[str, ...]
    text: str = ""
    language: str | None = None
    rows: tuple[Mapping[str, str], ...] = ()

    @property
    def columns(self) -> Collection[str]:
        """The names of a table's columns, in lower case."""
        return self.rows[0] if self.rows else ()


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page in order.

    `section` is a heading of the third level or above, `heading` one below it.
    """
    section = heading = ""
    tabs: tuple[str, ...] = ()
    lines = iter([*page.splitlines(), ""])
    for line in lines:
        if tab := _TAB.match(line):
            tabs = (*tabs, tab[1])
        elif _TAB_END.match(line):
            tabs = tabs[:-1]
        elif match := _HEADING.match(line):
            heading = match[2].strip()
            if len(match[1]) <= 3:
                section, heading = heading, ""
        elif fence := _FENCE.match(line):
            code = []
            while (line := next(lines, fence[1])).strip() != fence[1]:
                code.append(line)
            language = fence[2].lower()
            yield Block(section, heading, tabs, "\n".join(code), language)
        elif line.lstrip().startswith("|"):
            table = [line]
            while (line := next(lines, "")).lstrip().startswith("|"):
                table.append(line)
            yield Block(section, heading, tabs, rows=_rows(table))
        elif line.strip():
            yield Block(section, heading, tabs, " ".join(line.split()))


def _rows(table: list[str]) -> tuple[Mapping[str, str], ...]:
    columns, *rows = [_cells(line) for line in table]
    columns = [name.lower() for name in columns]
    return tuple(
        dict(zip(columns, row + [""] * (len(columns) - len(row)), strict=False))
        for row in rows
        if not all(re.fullmatch(r":?-+:?", cell) for cell in row)
    )


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    escaped = r"\\([\\`*_{}\[\]<>()#+.!|-])"
    return [re.sub(escaped, r"\1", cell.strip()) for cell in cells]


@dataclass(frozen=True)
class Curl:
    """One curl command of the page."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


def curls(page: str) -> Iterator[Curl]:
    """Yield the curl commands that name a method. A body comes from a here-document."""
    for command in _CURL.finditer(page):
        method, url, options = command.groups()
        body = _BODY.match(page, command.end())
        headers = dict(_HEADER.findall(options))
        yield Curl(method, url, headers, body[2] if body else None)
