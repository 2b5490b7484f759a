"""The documentation page's Markdown, as blocks: tables and fenced code, each with where it stands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Block", "Curl", "blocks", "curls"]


_OPTIONS = re.compile(r"""(?:[\s\\]*-(?:H|d)\s+(?:"[^"]*"|'[^']*'|@-))*""")
_BODY = re.compile(r"\s*<<\s*(\w+)\n(.*?)\n\1\b", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A table (`rows` by column), a fenced text, or a plain one, below a heading and within tabs."""

    section: str
    heading: str
    tabs: tuple[str, ...]
    text: str = ""
    language: str | None = None
    rows: tuple[Mapping[str, str], ...] | None = None


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks in order; `section` is a heading of the third level, `heading` one below it."""
    section = heading = ""
    tabs: tuple[str, ...] = ()
    lines = iter([*page.splitlines(), ""])
    for line in lines:
        if opened := re.match(r'\s*\{% tab title="([^"]*)" %\}', line):
            tabs = (*tabs, opened[1])
        elif re.match(r"\s*\{% /tab %\}", line):
            tabs = tabs[:-1]
        elif found := re.match(r"(#{1,6})\s+([^\s{][^{]*)", line):
            heading = found[2].strip() if len(found[1]) > 3 else ""
            section = section if len(found[1]) > 3 else found[2].strip()
        elif fence := re.match(r"\s*(```+|~~~+)\s*(\w*)", line):
            text = []
            while (line := next(lines, fence[1])).strip() != fence[1]:
                text.append(line)
            yield Block(
                section, heading, tabs, "\n".join(text), language=fence[2].lower()
            )
        elif line.lstrip().startswith("|"):
            table = [line]
            while (line := next(lines, "")).lstrip().startswith("|"):
                table.append(line)
            yield Block(section, heading, tabs, rows=_rows(table))
        elif line.strip():
            yield Block(section, heading, tabs, " ".join(line.split()))


def _rows(table: list[str]) -> tuple[Mapping[str, str], ...]:
    cells = [
        [_plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in table
    ]
    columns = [name.lower() for name in cells[0]]
    body = [
        row
        for row in cells[1:]
        if not all(re.fullmatch(r":?-+:?", cell) for cell in row)
    ]
    return tuple(
        dict(zip(columns, row + [""] * (len(columns) - len(row)), strict=False))
        for row in body
    )


def _plain(cell: str) -> str:
    return re.sub(r"\\([\\`*_{}\[\]<>()#+.!|-])", r"\1", cell.strip())


@dataclass(frozen=True)
class Curl:
    """One request of the page's curl example."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


def curls(page: str) -> list[Curl]:
    """Return every curl command that names its method; a body is taken from a here-document."""
    found = []
    for start in re.finditer(r'curl\s+-X\s+"?([A-Z]+)"?\s+["\']([^"\'\s]+)["\']', page):
        options = _OPTIONS.match(page, start.end())[0]  # type: ignore[index]  # it matches nothing, too
        headers = dict(re.findall(r"""-H\s+["']([^:"']+):\s*([^"']*)["']""", options))
        body = _BODY.match(page, start.end() + len(options))
        found.append(Curl(start[1], start[2], headers, body[2] if body else None))
    return found
