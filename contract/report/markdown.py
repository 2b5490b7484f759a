"""A verdict for a pull request: a short Markdown summary, and GitHub Actions' annotations."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from contract.engine.verdict import Verdict
from contract.model import Breach
from contract.report.format import (
    again,
    by_reason,
    remarks,
    summed_up,
    visible,
    without_keys,
)

__all__ = ["announce", "to_markdown"]

_MOST_ROWS = 20
_MOST_ANNOTATIONS = 10
"""GitHub shows so many of a kind for one step."""

_LONGEST = 300
_SIGNS = {"holds": "✅", "broken": "❌", "unknown": "❔"}


def to_markdown(verdict: Verdict) -> str:
    """Return the verdict as Markdown: the verdict, broken clauses in a table, and the lines that play them again.

    What a client or a service said stands in code spans alone, where nothing is obeyed: no HTML, no link, no mention.
    """
    found = sorted(
        (each for each in verdict.breaches.values() if not each.accepted),
        key=lambda each: each.level,
    )
    accepted = len(verdict.breaches) - len(found)
    lines = [
        f"## {_SIGNS[verdict.verdict]} Contract: {verdict.verdict}",
        "",
        _code(summed_up(verdict)),
        "",
    ]
    if found:
        lines += [
            "| clause | level | what is wrong | seen | play it again |",
            "| --- | --- | --- | --- | --- |",
        ]
        alike = _alike(found)
        lines += [_row(each, verdict) for each in alike[:_MOST_ROWS]]
        if len(alike) > _MOST_ROWS:
            lines += [
                "",
                f"and {len(alike) - _MOST_ROWS} more: see `index.html` of the report",
            ]
        lines.append("")
    if verdict.interrupted:
        lines.append(f"- ended early: {_code(verdict.interrupted)}")
    if accepted:
        lines.append(f"- accepted breaches: {accepted}")
    lines += [f"- {_code(each)}" for each in remarks(verdict)]
    lines += [
        f"- not judged: {', '.join(names)}: {_code(reason)}"
        for reason, names in by_reason(verdict).items()
    ]
    return "\n".join(lines).rstrip() + "\n"


def _alike(breaches: list[Breach]) -> list[list[Breach]]:
    """Return the breaches that say the same, together."""
    found: dict[tuple[str, str, str], list[Breach]] = {}
    for each in breaches:
        found.setdefault((each.clause, each.level, _said(each)), []).append(each)
    return list(found.values())


def _row(alike: list[Breach], verdict: Verdict) -> str:
    breach, count = alike[0], sum(each.count for each in alike)
    sites = list(dict.fromkeys(site for each in alike for site in each.sites))
    seen = f"{count}×, {sites[0]}" + (f" + {len(sites) - 1}" if len(sites) > 1 else "")
    cells = (_said(breach), seen, again(breach, verdict))
    return (
        f"| {breach.clause} | {breach.level} | "
        + " | ".join(_code(cell).replace("|", "\\|") for cell in cells)
        + " |"
    )


def _said(breach: Breach) -> str:
    text = visible(without_keys(breach.message, breach.exchange))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _code(text: str) -> str:
    """Return a text as a code span, whatever back-ticks are in it (CommonMark, 6.1)."""
    text = visible(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def announce(
    verdict: Verdict, environ: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Under GitHub Actions: add the summary to that of the step, and annotate the breaches.

    Annotations go to `stream`, standard output unless given, since that is where the runner reads them: don't call it
    where a JSON verdict goes there.
    """
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(to_markdown(verdict) + "\n")
    if environ.get("GITHUB_ACTIONS") == "true":
        out = stream or sys.stdout
        left = {"error": _MOST_ANNOTATIONS, "warning": _MOST_ANNOTATIONS}
        for breach, *rest in _alike(
            [each for each in verdict.breaches.values() if not each.accepted]
        ):
            kind = "error" if verdict.strict or breach.level == "must" else "warning"
            if left[kind]:
                left[kind] -= 1
                sites = dict.fromkeys(
                    site for each in (breach, *rest) for site in each.sites
                )
                text = f"{_said(breach)}\n{', '.join(sites)}\n{again(breach, verdict)}"
                out.write(f"::{kind} title={_property(breach.clause)}::{_data(text)}\n")


def _data(text: str) -> str:
    """Escape as GitHub's toolkit does (actions/toolkit, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
