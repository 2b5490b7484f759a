"""The view as JUnit XML: a suite for clients and one for services.

A test case is a clause on a site. Its name is the same in every run: ports and versions
are properties. Dots are underscores, since Jenkins and others cut names at them.
"""

import re
from collections.abc import Iterable
from itertools import chain, count, groupby
from xml.etree import ElementTree as Xml

from contract.engine.verdict import GridCell
from contract.report.terminal import block
from contract.report.view import Grid, View, in_words

OWN_SITES = "sites named by cases"
TAGS = {
    "tests": "testcase",
    "failures": "failure",
    "errors": "error",
    "skipped": "skipped",
}


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
        **{f"site {name}": site for site, name in sites.items()},
    }
    element = Xml.SubElement(suite, "properties")
    for key, value in properties.items():
        Xml.SubElement(element, "property", name=key, value=value)
    for clause_id, row in grid.rows.items():
        for site, cell in row.items():
            title = f"{clause_id} {sites.get(site, OWN_SITES)}"
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
    """Return a name for each site or subject, without scheme, port and dots."""
    names: dict[str, str] = {}
    for text in texts:
        host = re.sub(r"^[a-z]+://", "", text).rstrip("/")
        stem = re.sub(r":\d+\b", "", host).replace(".", "_")
        candidates = chain([stem], (f"{stem}-{number}" for number in count(2)))
        names[text] = next(c for c in candidates if c not in names.values())
    return names
