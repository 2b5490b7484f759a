"""The end of a command that checks: what it shows and writes."""

import os
import sys
from collections.abc import Callable
from functools import partial

from rich.console import Console

from contract.cli.base import LAST_VERDICT, SUMMARY, Options
from contract.cli.entry import discard_output, show_internal_error, warn
from contract.engine.comparison import GateResult
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.redaction import guard, quoting
from contract.report.ci import announce, render_markdown
from contract.report.files import write_text
from contract.report.json_document import render_json
from contract.report.rendering import write_report
from contract.report.terminal import show
from contract.report.view import make_view
from contract.spec import load

STATUS = {"holds": 0, "broken": 1, "unknown": 2}


def finish(
    options: Options,
    verdict: Verdict,
    *,
    is_last: bool = True,
    comparison: GateResult | None = None,
) -> int:
    """Show the verdict, write the files, and return the exit status.

    With `is_last`, `contract replay` looks for breaches in this verdict. What
    cannot be written is a warning. Raise UsageError if --prune is refused,
    LeakError if a file has a secret.
    """
    refusal: UsageError | None = None
    try:
        verdict, text = options.written.update(verdict)
        if text:
            print(text, file=sys.stderr)
    except UsageError as error:
        refusal = error
    view = make_view(verdict, load(), comparison=comparison)
    text = render_json(view)
    outputs = Outputs()
    if options.json == "-":
        outputs.write(partial(print, text, end=""))
    else:
        outputs.show(partial(show, view, Console(), verbose=options.verbose))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            outputs.write(partial(announce, view))
    files = list(options.files(is_last=is_last))
    for what, path in files:
        write = partial(write_text, what, path)
        if what == SUMMARY:
            outputs.write(partial(write, f"{render_markdown(view)}\n", mode="a"))
        else:
            outputs.write(partial(write, text, is_private=path == LAST_VERDICT))
    if options.written.report:
        outputs.write(partial(write_report, view, options.written.report))
    secrets = verdict.redactor.secrets
    for warning in verdict.warnings:
        warn(f"warning: {warning}", secrets)
    guard([*options.written.paths, *(path for _, path in files)], secrets)
    if defect := verdict.error or outputs.error:
        show_internal_error(defect, secrets, is_verbose=options.verbose)
        return 2
    if refusal:
        raise refusal
    return STATUS[verdict.verdict]


class Outputs:
    """Outputs of a command. One that fails does not stop the others.

    What cannot be written is a warning. `error` is the first internal error.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def write(self, output: Callable[[], None]) -> None:
        try:
            output()
            if sys.stdout:
                sys.stdout.flush()
        except UsageError as error:
            warn(f"warning: {error}")
        except (OSError, SystemExit) as error:  # rich exits if a pipe is closed
            discard_output()
            reason = getattr(error, "strerror", "a closed pipe")
            warn(f"warning: standard output: cannot be written: {reason}")
        except Exception as error:
            self.error = self.error or error

    def show(self, output: Callable[[], object]) -> None:
        """Write an output for people, in which no text is a command."""

        def show_quoted() -> None:
            with quoting(sys.stdout):
                output()

        self.write(show_quoted)

    def raise_error(self) -> None:
        if self.error:
            raise self.error
