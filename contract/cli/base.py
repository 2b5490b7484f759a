"""Parts that the commands share: the options of a run, and its end."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.core import ParameterSource

from contract.cli.entry import print_lines
from contract.engine.job import RunOptions
from contract.engine.verdict import Verdict
from contract.options import DEFAULTS, PROFILES, SHOWN_AS, Option, parameters_of
from contract.report.files import RunFiles, check_writable
from contract.report.format import clean
from contract.report.progress import Progress

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Variable with the file of the summary of a step of GitHub Actions."""

LAST_VERDICT = Path(".contract/verdict.json")
"""The JSON verdict of the last run, for `contract replay`."""

MINIMAL = "the minimal client of this package"
SANDBOX = "the embedded sandbox of this package"
"""Subjects of a command that names none."""


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

    def finish(self, verdict: Verdict, **settings: Any) -> int:
        """Show the verdict, write the files, and return the exit status."""
        # Reports are slow to import, and needed at the end.
        from contract.cli.finish import finish

        return finish(self, verdict, **settings)


def number(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Check an option that is a number from 0 on, or None."""
    if value is not None and not value >= 0:
        problem = "is not a number" if math.isnan(value) else "is below 0"
        raise click.BadParameter(f"{value:g} {problem}.")
    return value


Command: TypeAlias = Callable[..., int]
Decorator: TypeAlias = Callable[[Command], Command]

COMMAND = click.argument("command", nargs=-1, type=click.UNPROCESSED)

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


def is_given(name: str) -> bool:
    """Return whether the command line has a parameter, not the settings."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def given_words(words: dict[str, Any]) -> dict[str, Any]:
    """Return words that name a client, without those of the settings."""
    return {name: v if is_given(name) else None for name, v in words.items()}


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
