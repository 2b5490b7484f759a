"""Reports: functions from a view of a verdict to a text. None holds a key."""

from collections.abc import Callable
from pathlib import Path

from contract.errors import UsageError
from contract.report.ci import announce, render_junit, render_markdown
from contract.report.html import render_html
from contract.report.json_document import render_json
from contract.report.terminal import (
    Progress,
    explain,
    show,
    show_drift,
    show_gate,
    show_matrix,
)
from contract.report.view import View, make_view

__all__ = [
    "RENDERERS",
    "Progress",
    "announce",
    "check_writable",
    "explain",
    "make_view",
    "render_json",
    "render_markdown",
    "show",
    "show_drift",
    "show_gate",
    "show_matrix",
    "write_report",
    "write_text",
]


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


def write_text(
    what: str, path: Path, text: str, mode: str = "w", *, is_private: bool = False
) -> None:
    """Write a file, and its directory. Raise UsageError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            if is_private:
                path.chmod(0o600)
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"{what} {path}: cannot be written: {error.strerror}"
        ) from None


def check_writable(what: str, path: Path) -> None:
    """Raise UsageError if a file cannot be written. None is left that was not there."""
    is_new = not path.exists()
    if is_new or not (path.is_fifo() or path.is_char_device()):
        write_text(what, path, "", mode="a")
    if is_new:
        path.unlink(missing_ok=True)
