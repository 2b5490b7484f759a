"""A verdict, shown: on the terminal, as JSON, as a page, as JUnit XML and as Markdown. No key is in any of them.

write_report(verdict, spec, Path("report"))    # index.html, verdict.json, junit.xml, summary.md
"""

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.report.format import again, curl, explain, without_keys
from contract.report.html import to_html
from contract.report.json import keep, to_json
from contract.report.junit import to_junit
from contract.report.markdown import announce, to_markdown
from contract.report.progress import Progress
from contract.report.terminal import show, show_gate, show_matrix
from contract.spec import Spec

if TYPE_CHECKING:  # what makes these need not be there when a run is shown
    from contract.faults import Killed

__all__ = [
    "REPORT",
    "Progress",
    "again",
    "announce",
    "curl",
    "explain",
    "keep",
    "show",
    "show_gate",
    "show_matrix",
    "to_html",
    "to_json",
    "to_junit",
    "to_markdown",
    "without_keys",
    "write_report",
]


REPORT = ("index.html", "verdict.json", "junit.xml", "summary.md")
"""The files of a report."""


def write_report(
    verdict: Verdict,
    spec: Spec,
    directory: Path,
    matrix: "Sequence[Killed]" = (),
    seconds: Mapping[tuple[str, str], float] | None = None,
) -> None:
    """Write `index.html`, `verdict.json`, `junit.xml` and `summary.md` to a directory, which is made if need be.

    `matrix` is that of a proof, `seconds` what `Progress` has measured. Raises UsageError where it
    cannot be written.
    """
    texts = (
        to_html(verdict, spec, matrix, seconds),
        dumps(to_json(verdict, spec), indent=1) + "\n",
        to_junit(verdict),
        to_markdown(verdict),
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in zip(REPORT, texts, strict=True):
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--report {directory}: cannot be written: {error.strerror}"
        ) from None
