"""The view for a CI server: JUnit XML, a Markdown summary, GitHub's annotations.

JUnit has a suite for clients and one for services. A test case is a clause on a site.
Its name is the same in every run: ports and versions are properties. Dots are
underscores, since Jenkins and others cut names at them.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, count, groupby
from typing import NamedTuple

from contract.engine.verdict import Cause, GridCell
from contract.report.example import replay_line
from contract.report.format import cut
from contract.report.templates import render
from contract.report.terminal import block
from contract.report.view import Grid, View, in_words, sites_of

MOST_ANNOTATIONS = 10
"""GitHub shows ten annotations of a level for one step."""

LONGEST = 300


class Result(NamedTuple):
    """A test case. `tag` is `failure`, `error`, `skipped` or empty."""

    name: str
    tag: str = ""
    message: str = ""
    text: str = ""
    output: str = ""


class Suite(NamedTuple):
    """The results of all clients or all services of a run."""

    name: str
    properties: dict[str, str]
    seconds: float
    results: list[Result]


def render_junit(view: View) -> str:
    """Return the view as JUnit XML.

    Causes that count fail a test case, others are its output. An incomplete run has an
    error.
    """
    suites = [suite_of(grid, view) for grid in view.grids]
    return render("junit.xml.j2", run=view.run, suites=suites)


def suite_of(grid: Grid, view: View) -> Suite:
    first, sites = grid.parts[0], stable_names(grid.sites)
    properties = {
        "version": first.version,
        "profile": view.run.profile,
        "seed": str(view.run.seed),
        **{f"site {name}": view.title(site) for site, name in sites.items()},
    }
    name = f"{first.kind} {stable_names([grid.name])[grid.name]}"
    seconds = sum(part.seconds for part in grid.parts)
    return Suite(name, properties, seconds, list(results(grid, sites, view)))


def results(grid: Grid, sites: dict[str, str], view: View) -> Iterator[Result]:
    for clause_id, row in grid.rows.items():
        for site, cell in row.items():
            place = sites.get(site, "sites named by cases")
            title = f"{clause_id} {view.title(site).replace(site, place, 1)}"
            yield result_of(title, cell, view)
    for part in grid.parts:
        left = ", ".join(part.leftovers)
        for what, text in ("ended early", part.interrupted), ("left behind", left):
            if text:
                yield Result("the run", "error", f"{what}: {text}")


def result_of(title: str, cell: GridCell, view: View) -> Result:
    failures: list[str] = []
    output: list[str] = []
    for _, breaches in groupby(view.breaches_in(cell), lambda b: b.cause_id):
        cause = view.cause(list(breaches))
        texts = failures if view.run.is_counted(cause) else output
        texts.append("\n".join(block(view, cause)))
    tag = message = ""
    if failures:
        tag, message = "failure", failures[0].partition("\n")[0]
    elif cell.state == "not judged":
        tag, fallback = "skipped", "not judged on this site"
        message = view.run.not_judged.get(cell.clause_id, fallback)
    elif cell.state == "partial":
        output.append(f"judged: {in_words(cell)}")
    return Result(title, tag, message, "\n\n".join(failures), "\n\n".join(output))


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
    return render("summary.md.j2", view=view, causes=causes, problem=problem)


def problem(cause: Cause) -> str:
    return cut(" ".join(problem_of(cause)), LONGEST)


def problem_of(cause: Cause) -> list[str]:
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
        sys.stdout.write(f"::{level} title={title}::{escaped(text)}\n")


def escaped(text: str) -> str:
    """Escape data of a workflow command (actions/toolkit, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
