"""Parts that the commands share: the options of a run, and its end."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.core import ParameterSource
from rich.console import Console

from contract.cli.entry import (
    discard_output,
    print_lines,
    show_internal_error,
    warn,
)
from contract.engine.comparison import GateResult
from contract.engine.job import RunOptions
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.options import DEFAULTS, PROFILES, SHOWN_AS, Option, parameters_of
from contract.redaction import guard, quoting
from contract.report import (
    SUMMARY,
    Progress,
    announce,
    check_writable,
    make_view,
    render_json,
    show,
    write_report,
    write_text,
)
from contract.report.files import RunFiles
from contract.report.format import clean
from contract.spec import load

LAST_VERDICT = Path(".contract/verdict.json")
"""The JSON verdict of the last run, for `contract replay`."""

STATUS = {"holds": 0, "broken": 1, "unknown": 2}


@dataclass(frozen=True)
class Options:
    """Options of the commands that check. Raise UsageError if they don't fit."""

    run: RunOptions
    sites: tuple[str, ...] = ()
    json: str | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        RunFiles(self.run, self.sites)

    @property
    def written(self) -> RunFiles:
        return RunFiles(self.run, self.sites)

    @contextmanager
    def running(self, subject: str) -> Iterator[RunOptions]:
        """Name the subject, and show progress.

        Yield the options for the Python API, without the sites and files. Raise
        UsageError if a file could not be written after the run.
        """
        for what, path in self.files():
            check_writable(what, path)
        self.written.check()
        is_json = self.json == "-"
        title = f"judging {clean(subject)}"
        with Progress(title, quiet=is_json) as progress:
            run: RunOptions = self.written.run_options
            run["progress"] = progress
            yield run

    def files(self, *, is_last: bool = True) -> Iterator[tuple[str, Path]]:
        """Yield further files that a run writes, each with its option or variable."""
        if is_last:
            yield "the last verdict", LAST_VERDICT
        if self.json not in (None, "-"):
            yield "--json", Path(str(self.json))
        if self.json != "-" and (path := os.environ.get(SUMMARY)):
            yield SUMMARY, Path(path)

    def finish(
        self,
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
        written = self.written
        try:
            verdict, text = written.update(verdict)
            if text:
                print(text, file=sys.stderr)
        except UsageError as error:
            refusal = error
        view = make_view(verdict, load(), comparison=comparison)
        text = render_json(view)
        outputs = Outputs()
        if self.json == "-":
            outputs.write(partial(write_output, text))
        else:
            outputs.show(partial(show, view, Console(), verbose=self.verbose))
            outputs.write(partial(announce, view, os.environ))
        paths = []
        for what, path in self.files(is_last=is_last):
            paths.append(path)
            if what != SUMMARY:
                is_private = path == LAST_VERDICT
                outputs.write(
                    partial(write_text, what, path, text, is_private=is_private)
                )
        if written.report:
            outputs.write(partial(write_report, view, written.report))
        secrets = verdict.redactor.secrets
        for warning in verdict.warnings:
            warn(f"warning: {warning}", secrets)
        guard((*paths, *written.paths), secrets)
        if defect := verdict.error or outputs.error:
            show_internal_error(defect, secrets, is_verbose=self.verbose)
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
        """Raise the internal error, if there was one."""
        if self.error:
            raise self.error


def write_output(text: str) -> None:
    """Write to the standard output of the moment."""
    sys.stdout.write(text)


def number(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Check an option that is a number from 0 on, or None."""
    if value is not None and not value >= 0:
        problem = "is not a number" if math.isnan(value) else "is below 0"
        raise click.BadParameter(f"{value:g} {problem}.")
    return value


Command: TypeAlias = Callable[..., int]
Decorator: TypeAlias = Callable[[Command], Command]

FILE = click.Path(path_type=Path)


def option(*words: str, **settings: Any) -> Decorator:
    """Return an option for its words: names, a metavar and a help text."""
    *names, metavar, text = words
    return click.option(*names, metavar=metavar, help=text, **settings)


def with_options(*options: Decorator) -> Decorator:
    """Return a decorator that gives a command several options."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(options):
            command = decorator(command)
        return command

    return decorate


def parameter(item: Option) -> Decorator:
    """Return an option of the table as one of the command line."""
    default = DEFAULTS.get(item.name)
    settings: dict[str, Any] = {"default": default, "multiple": item.is_list}
    if item.kind is bool:
        settings = {"is_flag": True}
    elif item.kind is Path:
        settings |= {"type": FILE, "metavar": item.metavar}
    elif item.metavar == "|".join(PROFILES):
        settings["type"] = click.Choice(PROFILES)
    else:
        settings |= {"type": item.kind, "metavar": item.metavar}
    if item.kind is float:
        settings["callback"] = number
    return click.option(
        f"--{item.name}",
        item.parameter,
        help=f"{item.text}{' Repeatable.' if item.is_list else ''}",
        show_default=default is not None,
        **settings,
    )


def show_wait(seconds: float) -> None:
    """Show that a run waits."""
    print_lines(f"contract: waiting for {seconds:.0f} s")


def is_given(name: str) -> bool:
    """Return whether the command line has a parameter, not the settings."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def setting(name: str) -> Any:
    """Return the setting of an argument, which click does not look up, or None."""
    return click.get_current_context().lookup_default(name)


def options_of(command: str, *names: str) -> Decorator:
    """Return the options of a command, or those of the names that it takes."""
    items = (item for item in parameters_of(command) if item.name not in SHOWN_AS)
    return with_options(*(parameter(i) for i in items if i.name in (names or i.name)))


def run_options(command: str) -> Callable[[Command], Command]:
    """Return a decorator: the options of a run, those of files and output as one."""

    def decorate(function: Command) -> Command:
        @options_of(command)
        @wraps(function)
        def wrapper(**arguments: Any) -> int:
            run: Any
            run, own = (
                {name: arguments.pop(name) for name in names if name in arguments}
                for names in (RunOptions.__annotations__, Options.__dataclass_fields__)
            )
            return function(Options(run, **own), **arguments)

        return wrapper

    return decorate
