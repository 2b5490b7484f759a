"""The view for a pull request: a Markdown summary, annotations of GitHub Actions."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from contract.engine.verdict import Cause
from contract.report.commands import replay_line
from contract.report.format import code_span, cut
from contract.report.view import View, occurrences, remarks, severity, sites_of, summary

MOST_ROWS = 20
MOST_ANNOTATIONS = 10
"""GitHub shows ten annotations of a level for one step."""

LONGEST = 300
HEAD = "| cause | level | problem | seen | replay |", "| --- " * 5 + "|"
SIGNS = {"holds": "✅", "broken": "❌", "unknown": "❔"}


def render_markdown(view: View) -> str:
    """Return the verdict, a table of causes, and the lines that replay them.

    Texts of others stand in code spans only, where nothing is obeyed.
    """
    causes = [cause for cause in view.run.causes if not cause.is_accepted]
    accepted = sum(breach.is_accepted for breach in view.run.breaches)
    word = view.run.verdict
    lines = [f"## {SIGNS[word]} Contract: {word}", "", code_span(summary(view.run)), ""]
    if causes:
        lines += [*HEAD, *(table_row(view, cause) for cause in causes[:MOST_ROWS]), ""]
    if (more := len(causes) - MOST_ROWS) > 0:
        lines += [f"and {more} more: see `index.html` of the report", ""]
    if accepted:
        lines.append(f"- accepted breaches: {accepted}")
    lines += [f"- {code_span(remark)}" for remark in remarks(view)]
    for reason, ids in view.gaps.items():
        lines.append(f"- not judged: {ids}: {code_span(reason)}")
    return "\n".join(lines).rstrip() + "\n"


def table_row(view: View, cause: Cause) -> str:
    problem = cut(f"{cause.rule.meaning} {cause.example.message}", LONGEST)
    replay = replay_line(cause.example, view.run)
    cells = problem, occurrences(cause), replay
    texts = [code_span(cell).replace("|", "\\|") for cell in cells]
    return f"| {cause.id} | {severity(cause)} | {' | '.join(texts)} |"


def announce(
    view: View, environ: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Add the summary to the step's, and annotate the causes, under GitHub Actions.

    The runner reads annotations from standard output, the default of `stream`.
    """
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(render_markdown(view) + "\n")
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    left = {"error": MOST_ANNOTATIONS, "warning": MOST_ANNOTATIONS}
    for cause in view.run.causes:
        level = "error" if view.run.is_counted(cause) else "warning"
        if (cause.is_accepted and level == "warning") or not left[level]:
            continue
        left[level] -= 1
        message = cut(cause.example.message, LONGEST)
        sites = ", ".join(sites_of(cause.breaches))
        replay = replay_line(cause.example, view.run)
        text = f"{cause.rule.meaning}\n{message}\n{sites}\n{replay}"
        title = escaped(cause.id).replace(":", "%3A").replace(",", "%2C")
        line = f"::{level} title={title}::{escaped(text)}\n"
        (stream or sys.stdout).write(line)


def escaped(text: str) -> str:
    """Escape data of a workflow command (actions/toolkit, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
