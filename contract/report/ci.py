"""The view for a CI server: JUnit XML, a Markdown summary, GitHub's annotations.

JUnit has a suite for clients and one for services. A test case is a clause on a site.
Its name is the same in every run: ports and versions are properties. Dots are
underscores, since Jenkins and others cut names at them.
"""

import re
import sys
from collections.abc import Iterable
from itertools import chain, count, groupby
from xml.etree import ElementTree as Xml

from contract.engine.verdict import Cause, GridCell
from contract.report.example import replay_line
from contract.report.format import code_span, cut
from contract.report.terminal import block
from contract.report.view import (
    Grid,
    View,
    in_words,
    occurrences,
    remarks,
    severity,
    sites_of,
    summary,
)

TAGS = dict(tests="testcase", failures="failure", errors="error", skipped="skipped")

MOST_ROWS = 20
MOST_ANNOTATIONS = 10
"""GitHub shows ten annotations of a level for one step."""


LONGEST = 300
HEAD = "| cause | level | problem | seen | replay |", "| --- " * 5 + "|"
SIGNS = {"holds": "✅", "broken": "❌", "unknown": "❔"}


def render_junit(view: View) -> str:
    """Return the view as JUnit XML.

    Causes that count fail a test case, others are its output. An incomplete run has an
    error.
    """
    root = Xml.Element("testsuites", name="contract")
    for grid in view.grids:
        add_suite(Xml.SubElement(root, "testsuite"), grid, view)
    set_counts(root, view.run.seconds)
    Xml.indent(root, " ")
    text = Xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def set_counts(element: Xml.Element, seconds: float) -> None:
    for name, tag in TAGS.items():
        element.set(name, str(sum(1 for _ in element.iter(tag))))
    element.set("time", f"{seconds:.3f}")


def add_suite(suite: Xml.Element, grid: Grid, view: View) -> None:
    first, run = grid.parts[0], view.run
    name = f"{first.kind} {stable_names([grid.name])[grid.name]}"
    sites = stable_names(grid.sites)
    suite.set("name", name)
    suite.set("timestamp", run.started.strftime("%Y-%m-%dT%H:%M:%SZ"))
    properties = {
        "version": first.version,
        "profile": run.profile,
        "seed": str(run.seed),
        **{f"site {name}": view.title(site) for site, name in sites.items()},
    }
    element = Xml.SubElement(suite, "properties")
    for key, value in properties.items():
        Xml.SubElement(element, "property", name=key, value=value)
    for clause_id, row in grid.rows.items():
        for site, cell in row.items():
            place = sites.get(site, "sites named by cases")
            title = f"{clause_id} {view.title(site).replace(site, place, 1)}"
            case = Xml.SubElement(suite, "testcase", classname=name, name=title)
            add_result(case, cell, view)
    for part in grid.parts:
        left = ", ".join(part.leftovers)
        for what, text in ("ended early", part.interrupted), ("left behind", left):
            if text:
                case = Xml.SubElement(suite, "testcase", classname=name, name="the run")
                message = f"{what}: {text}"
                Xml.SubElement(case, "error", type="run", message=message)
    set_counts(suite, sum(part.seconds for part in grid.parts))


def add_result(case: Xml.Element, cell: GridCell, view: View) -> None:
    failures: dict[str, str] = {}
    output: dict[str, str] = {}
    for _, breaches in groupby(view.breaches_in(cell), lambda b: b.cause_id):
        cause = view.cause(list(breaches))
        texts = failures if view.run.is_counted(cause) else output
        texts[cause.id] = "\n".join(block(view, cause))
    if failures:
        message = next(iter(failures.values())).partition("\n")[0]
        failure = Xml.SubElement(case, "failure", type="breach", message=message)
        failure.text = "\n\n".join(failures.values())
    elif cell.state == "not judged":
        fallback = "not judged on this site"
        reason = view.run.not_judged.get(cell.clause_id, fallback)
        Xml.SubElement(case, "skipped", message=reason)
    elif cell.state == "partial":
        output["partial"] = f"judged: {in_words(cell)}"
    if output:
        Xml.SubElement(case, "system-out").text = "\n\n".join(output.values())


def stable_names(texts: Iterable[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for text in texts:
        host = re.sub(r"^[a-z]+://", "", text).rstrip("/")
        stem = re.sub(r":\d+\b", "", host).replace(".", "_")
        candidates = chain([stem], (f"{stem}-{number}" for number in count(2)))
        names[text] = next(c for c in candidates if c not in names.values())
    return names


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
    problem = cut(" ".join(problem_of(cause)), LONGEST)
    cells = problem, occurrences(cause), replay_line(cause.example, view.run)
    texts = [code_span(cell).replace("|", "\\|") for cell in cells]
    return f"| {cause.id} | {severity(cause)} | {' | '.join(texts)} |"


def problem_of(cause: Cause) -> list[str]:
    """Return the rule's meaning and the message, without repetition."""
    meaning, message = cause.rule.meaning, cut(cause.example.message, LONGEST)
    return [message] if message.startswith(meaning[:-1]) else [meaning, message]


def announce(view: View) -> None:
    """Annotate the causes. The runner of GitHub Actions reads standard output."""
    left = {"error": MOST_ANNOTATIONS, "warning": MOST_ANNOTATIONS}
    for cause in view.run.causes:
        level = "error" if view.run.is_counted(cause) else "warning"
        if (cause.is_accepted and level == "warning") or not left[level]:
            continue
        left[level] -= 1
        sites = ", ".join(sites_of(cause.breaches))
        replay = replay_line(cause.example, view.run)
        text = "\n".join((*problem_of(cause), sites, replay))
        title = escaped(cause.id).replace(":", "%3A").replace(",", "%2C")
        line = f"::{level} title={title}::{escaped(text)}\n"
        sys.stdout.write(line)


def escaped(text: str) -> str:
    """Escape data of a workflow command (actions/toolkit, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
