"""Reports: functions from a view of a verdict to a text. None holds a key."""

from collections.abc import Callable
from pathlib import Path

from contract.errors import UsageError
from contract.report.ci import announce, render_junit, render_markdown
from contract.report.html import render_html
from contract.report.json_document import render_json
from contract.report.terminal import Progress, explain, show, show_gate, show_matrix
from contract.report.view import View, make_view

__all__ = [
    "RENDERERS",
    "Progress",
    "announce",
    "explain",
    "make_view",
    "render_json",
    "show",
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
    """Write the files of a report. Raise UsageError."""
    for name, render in RENDERERS.items():
        write_text("--report", directory / name, render(view))


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
