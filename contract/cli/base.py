"""Parts that the commands share: the options of a run, and its end."""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.core import ParameterSource
from rich.console import Console

from contract.arguments import HeaderOption, read_header, secrets_of
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
    Progress,
    announce,
    check_writable,
    make_view,
    render_json,
    render_markdown,
    show,
    write_report,
    write_text,
)
from contract.report.files import RunFiles
from contract.report.format import clean
from contract.spec import load

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Variable with the file of the summary of a step of GitHub Actions."""

LAST_VERDICT = Path(".contract/verdict.json")
"""The JSON verdict of the last run, for `contract replay`."""

STATUS = {"holds": 0, "broken": 1, "unknown": 2}


@dataclass
class Options:
    """Options of the commands that check. Raise UsageError if they don't fit."""

    run: RunOptions
    sites: tuple[str, ...] = ()
    json: str | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        self.written = RunFiles(self.run, self.sites)

    @contextmanager
    def running(self, subject: str, *, is_late: bool = False) -> Iterator[RunOptions]:
        """Name the subject, and show progress, from the first exchange if `is_late`.

        Yield the options for the Python API, without the sites and files. Raise
        UsageError if a file could not be written after the run.
        """
        for what, path in self.files():
            check_writable(what, path)
        self.written.check()
        title = f"judging {clean(subject)}"
        quiet = self.json == "-"
        with Progress(title, quiet=quiet, is_late=is_late) as progress:
            run: Any = {**self.written.run_options, "progress": progress}
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
        try:
            verdict, text = self.written.update(verdict)
            if text:
                print(text, file=sys.stderr)
        except UsageError as error:
            refusal = error
        view = make_view(verdict, load(), comparison=comparison)
        text = render_json(view)
        outputs = Outputs()
        if self.json == "-":
            outputs.write(partial(print, text, end=""))
        else:
            outputs.show(partial(show, view, Console(), verbose=self.verbose))
            if os.environ.get("GITHUB_ACTIONS") == "true":
                outputs.write(partial(announce, view))
        files = list(self.files(is_last=is_last))
        for what, path in files:
            write = partial(write_text, what, path)
            if what == SUMMARY:
                outputs.write(partial(write, f"{render_markdown(view)}\n", mode="a"))
            else:
                outputs.write(partial(write, text, is_private=path == LAST_VERDICT))
        if self.written.report:
            outputs.write(partial(write_report, view, self.written.report))
        secrets = verdict.redactor.secrets
        for warning in verdict.warnings:
            warn(f"warning: {warning}", secrets)
        guard([*self.written.paths, *(path for _, path in files)], secrets)
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
        if self.error:
            raise self.error


def number(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Check an option that is a number from 0 on, or None."""
    if value is not None and not value >= 0:
        problem = "is not a number" if math.isnan(value) else "is below 0"
        raise click.BadParameter(f"{value:g} {problem}.")
    return value


Command: TypeAlias = Callable[..., int]
Decorator: TypeAlias = Callable[[Command], Command]

FILE = click.Path(path_type=Path)
TYPES: dict[str, Any] = {"profile": click.Choice(PROFILES)}


def option(*words: str, **settings: Any) -> Decorator:
    """Return an option for its words: names, a metavar and a help text."""
    *names, metavar, text = words
    return click.option(*names, metavar=metavar, help=text, **settings)


def parameter(item: Option) -> Decorator:
    default = DEFAULTS.get(item.name)
    settings: dict[str, Any] = {"is_flag": True}
    if item.kind is not bool:
        kind = FILE if item.kind is Path else item.kind
        settings = {"default": default, "multiple": item.is_list}
        settings["type"] = TYPES.get(item.name, kind)
    return click.option(
        f"--{item.name}",
        item.parameter,
        metavar=None if item.name in TYPES else item.metavar or None,
        help=f"{item.text}{' Repeatable.' if item.is_list else ''}",
        show_default=default is not None,
        callback=number if item.kind is float else None,
        **settings,
    )


def show_wait(seconds: float) -> None:
    """Show that a run waits."""
    print_lines(f"contract: waiting for {seconds:.0f} s")


def read_headers(lines: Iterable[str]) -> list[HeaderOption]:
    """Return the values of `--header`. Messages of this run have none of them."""
    fields = list(map(read_header, lines))
    click.get_current_context().ensure_object(dict).update(secrets_of(fields))
    return fields


def is_given(name: str) -> bool:
    """Return whether the command line has a parameter, not the settings."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def setting(name: str) -> Any:
    """Return the setting of an argument, which click does not look up, or None."""
    return click.get_current_context().lookup_default(name)


def options_of(command: str) -> Decorator:
    """Return the options of a command."""

    def decorate(function: Command) -> Command:
        for item in reversed(list(parameters_of(command))):
            if item.name not in SHOWN_AS:
                function = parameter(item)(function)
        return function

    return decorate


def run_options(command: str) -> Decorator:
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
