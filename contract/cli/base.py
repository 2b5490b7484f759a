"""What the commands have in common: how they are found, how they end, and the options of a run."""

import datetime
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from contract.engine.baseline import Accepted, accept, read_accepted
from contract.engine.runner import PROFILES
from contract.engine.verdict import Verdict
from contract.errors import ContractError, UsageError
from contract.report import (
    REPORT,
    Progress,
    announce,
    keep,
    show,
    to_json,
    write_report,
)
from contract.spec import load

__all__ = ["KEPT", "Options", "cli", "main", "part", "run_options", "write_json"]

KEPT = Path(".contract/cases")
_STATUS = {"holds": 0, "broken": 1, "unknown": 2}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status. Prints one line, and no traceback, where the user is at fault."""
    try:
        status: int = cli.main(
            list(argv) if argv is not None else None,
            prog_name="contract",
            standalone_mode=False,
        )
    except click.exceptions.Abort:
        print("contract: interrupted", file=sys.stderr)
        return 2
    except click.ClickException as error:
        print(f"contract: {error.format_message()}", file=sys.stderr)
        return 2
    except ContractError as error:
        print(f"contract: {error}", file=sys.stderr)
        return 2
    return status or 0


_COMMANDS = {
    "check": "run:check",
    "client": "run:client",
    "service": "run:service",
    "gate": "run:gate_",
    "replay": "run:replay",
    "prove": "tools:prove_",
    "serve": "serve:serve_",
    "list": "tools:list_",
    "drift": "tools:drift_",
    "sweep": "tools:sweep_",
}


class _Commands(click.Group):
    """Commands that are imported when they are asked for, so that each waits only for what it needs."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return part(f"cli.{_COMMANDS[name]}") if name in _COMMANDS else None


def part(name: str) -> Any:
    """Return what `module:name` names in the package, imported now: not every run has to wait for what some need."""
    module, _, what = name.partition(":")
    return getattr(importlib.import_module(f"contract.{module}"), what)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Hold clients and services to the documented contract of "Update replay heatmap snapshot"."""


@dataclass(frozen=True)
class Options:
    """What the commands that judge have in common."""

    profile: str
    seed: int
    sites: tuple[str, ...]
    clauses: tuple[str, ...]
    scenarios: tuple[str, ...]
    strict: bool
    accepted: Path | None
    report: Path | None
    json_file: str | None

    @property
    def rules(self) -> dict[str, Any]:
        """What every check takes."""
        return {
            "profile": self.profile,
            "seed": self.seed,
            "clauses": self.clauses,
            "scenarios": self.scenarios,
        }

    @property
    def known(self) -> tuple[Accepted, ...]:
        """The accepted breaches, read."""
        return read_accepted(self.accepted) if self.accepted else ()

    def progress(self) -> Progress:
        """Return what shows how far a run is."""
        return Progress(quiet=self.json_file == "-")

    def finish(
        self,
        verdict: Verdict,
        watch: Progress,
        arguments: str = "",
        known: tuple[Accepted, ...] = (),
        secrets: Mapping[str, str] | None = None,
    ) -> int:
        """Show the verdict, write what was asked for, keep the cases, and return the exit status.

        What was written is searched for `secrets`, by their names; raises LeakError where one is in it.
        """
        spec = load()
        verdict.strict, verdict.arguments = self.strict, arguments
        accept(verdict, known, datetime.date.today())
        text = json.dumps(to_json(verdict, spec), indent=1) + "\n"
        if self.json_file == "-":
            sys.stdout.write(text)
        else:
            show(verdict, Console())
            announce(verdict, os.environ)
        written = [self.report / name for name in REPORT] if self.report else []
        written += [Path(self.json_file)] if self.json_file not in (None, "-") else []
        try:
            written += keep(verdict, KEPT)
            if self.report is not None:
                write_report(verdict, spec, self.report, seconds=watch.seconds)
            if self.json_file not in (None, "-"):
                write_json(self.json_file, text)
        finally:
            if secrets:
                part("redaction:guard")(
                    [path for path in written if path.is_file()], secrets
                )
        return _STATUS[verdict.verdict]


def write_json(path: str, text: str) -> None:
    """Write a file that --json names; raises UsageError."""
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise UsageError(
            f"--json {path}: cannot be written: {error.strerror}"
        ) from None


_RUN_OPTIONS = (
    click.option(
        "--profile",
        type=click.Choice(list(PROFILES)),
        default="ci",
        show_default=True,
        help="How much.",
    ),
    click.option(
        "--seed",
        type=int,
        default=1,
        show_default=True,
        help="What generated cases are made from.",
    ),
    click.option(
        "--site",
        "sites",
        multiple=True,
        metavar="S",
        help="On this site only; repeatable.",
    ),
    click.option(
        "--clause",
        "clauses",
        multiple=True,
        metavar="ID",
        help="By this clause only; repeatable.",
    ),
    click.option(
        "--scenario",
        "scenarios",
        multiple=True,
        metavar="NAME",
        help="In this scenario only; repeatable.",
    ),
    click.option(
        "--strict", is_flag=True, help="A broken 'should' counts like a 'must'."
    ),
    click.option(
        "--accepted",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Breaches that are accepted.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Write HTML, JSON, JUnit, Markdown.",
    ),
    click.option(
        "--json",
        "json_file",
        metavar="FILE",
        help="Write the verdict as JSON; '-' is standard output.",
    ),
)


def run_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of a run, as one argument."""

    @wraps(command)
    def called(**given: Any) -> int:
        common = {name: given.pop(name) for name in Options.__dataclass_fields__}
        return command(Options(**common), **given)

    for option in reversed(_RUN_OPTIONS):
        called = option(called)
    return called
