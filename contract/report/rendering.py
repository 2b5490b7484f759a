"""The files of a report."""

from collections.abc import Callable
from pathlib import Path

from contract.errors import UsageError
from contract.report.ci import render_junit, render_markdown
from contract.report.files import write_text
from contract.report.html import render_html
from contract.report.json_document import render_json
from contract.report.view import View

RENDERERS: dict[str, Callable[[View], str]] = {
    "index.html": render_html,
    "verdict.json": render_json,
    "junit.xml": render_junit,
    "summary.md": render_markdown,
}


def write_report(view: View, directory: Path) -> None:
    """Write the files of a report. Raise UsageError after those that can be written."""
    problems = []
    for name, render in RENDERERS.items():
        try:
            write_text("--report", directory / name, render(view))
        except UsageError as error:
            problems.append(error)
    if problems:
        raise problems[0]
