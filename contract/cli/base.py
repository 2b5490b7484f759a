"""Parts that the commands share: the lazy group, the options of a run, its end."""

import datetime
import math
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from rich.console import Console

from contract.cli.characters import use_plain_characters
from contract.engine.baseline import Baseline, read_baseline, write_baseline
from contract.engine.job import RunOptions
from contract.engine.runner import MAX_WAIT_S
from contract.engine.schedule import PROFILES
from contract.engine.verdict import Verdict
from contract.errors import ContractError, UsageError, visible
from contract.redaction import Redactor, guard, quoting, secrets_from_environment
from contract.report import (
    RENDERERS,
    Progress,
    announce,
    make_view,
    render_json,
    show,
    write_report,
    write_text,
)
from contract.spec import load

LAST_VERDICT = Path(".contract/verdict.json")
"""The JSON verdict of the last run, for `contract replay`."""

STATUS = {"holds": 0, "broken": 1, "unknown": 2}

COMMANDS = {
    "check": "run:check",
    "client": "run:client",
    "service": "run:service",
    "gate": "tools:gate",
    "replay": "run:replay",
    "prove": "tools:prove",
    "serve": "tools:serve",
    "list": "tools:list_",
    "drift": "tools:drift",
    "sweep": "tools:sweep",
}
"""Each command and where it is defined."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. A user's mistake is one line.

    An internal error is 2, too: 1 says that a contract is broken.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    secrets = secrets_from_environment()
    trace = ""
    use_plain_characters()
    try:
        check_words(words)
        status = cli.main(
            words, prog_name="contract", standalone_mode=False, obj=secrets
        )
        if sys.stdout:
            sys.stdout.flush()
    except click.exceptions.Abort:
        problem = "interrupted"
    except click.ClickException as error:
        problem = error.format_message()
    except ContractError as error:
        problem = str(error)
    except (OSError, SystemExit) as error:  # click and rich exit if a pipe is closed
        # Python's last flush of standard output must succeed. Its status is 120.
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 1)
        reason = getattr(error, "strerror", "a closed pipe?")
        problem = f"ended without a verdict: {reason}"
    except Exception:
        trace = traceback.format_exc()
        problem = "internal error"
    else:
        return int(status or 0)
    if sys.stderr:
        with quoting(sys.stderr):
            text = Redactor(secrets, labelling=True).text(f"{trace}contract: {problem}")
            print(*map(visible, text.split("\n")), sep="\n", file=sys.stderr)
    return 2


def check_words(words: Sequence[str]) -> None:
    """Raise UsageError for an empty argument: most likely a variable is not set."""
    own = words[: words.index("--") + 2] if "--" in words else words
    if "" in own:
        raise UsageError("an empty argument; is a variable not set?")
    if own and own[-1] == "--":
        raise UsageError("--: must be followed by the command of a driver")


class LazyGroup(click.Group):
    """Group that imports a command when it is called: each waits for its own needs."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        place = COMMANDS.get(name)
        return pkgutil.resolve_name(f"contract.cli.{place}") if place else None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Check clients and services of "Update replay heatmap snapshot"."""


@dataclass(frozen=True)
class Options:
    """Options of the commands that check. Raise UsageError if they don't fit."""

    run: RunOptions
    sites: tuple[str, ...] = ()
    report: Path | None = None
    json_file: str | None = None
    verbose: bool = False
    update_accepted: bool = False
    prune: bool = False

    def __post_init__(self) -> None:
        if self.update_accepted and not self.accepted:
            raise UsageError("--update-accepted: needs --accepted FILE")
        if self.prune and not self.update_accepted:
            raise UsageError("--prune: needs --update-accepted")
        parts = self.sites, self.run.get("clauses"), self.run.get("scenarios")
        if self.prune and (any(parts) or self.run["profile"] == "quick"):
            raise UsageError(
                "--prune: needs a whole run, without --site, --clause, --scenario and "
                "--profile quick"
            )

    @property
    def accepted(self) -> Path | None:
        return self.run.get("accepted")

    @contextmanager
    def running(self) -> Iterator[RunOptions]:
        """Show progress. Yield the options for the Python API, without the sites.

        Raise UsageError if the accepted file could not be updated.
        """
        accepted = self.accepted
        if self.update_accepted and accepted:
            is_new = not accepted.exists()
            write_text("--accepted", accepted, "", mode="a")
            if is_new:
                accepted.unlink()
                accepted = None
        with Progress(quiet=self.json_file == "-") as progress:
            yield {**self.run, "accepted": accepted, "progress": progress}

    def finish(self, verdict: Verdict, *, is_last: bool = True) -> int:
        """Show the verdict, write the files, and return the exit status.

        With `is_last`, `contract replay` looks for breaches in this verdict. Raise
        LeakError if a file has a secret, UsageError if none can be written.
        """
        if self.update_accepted and self.accepted:
            verdict = updated(verdict, self.accepted, prune=self.prune)
        view = make_view(verdict, load())
        text = render_json(view)
        files = {"the last verdict": LAST_VERDICT} if is_last else {}
        if self.json_file == "-":
            sys.stdout.write(text)
        else:
            with quoting(sys.stdout):
                show(view, Console(), verbose=self.verbose)
            announce(view, os.environ)
            if self.json_file is not None:
                files["--json"] = Path(self.json_file)
        try:
            for what, path in files.items():
                write_text(what, path, text, is_private=path == LAST_VERDICT)
            if self.report:
                write_report(view, self.report)
        finally:
            paths = [self.report / name for name in RENDERERS if self.report]
            paths += files.values()
            if self.update_accepted and self.accepted:
                paths.append(self.accepted)
            if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
                paths.append(Path(summary))
            guard(paths, verdict.redactor.secrets)
        return STATUS[verdict.verdict]


def updated(verdict: Verdict, path: Path, *, prune: bool) -> Verdict:
    """Write the accepted file for a verdict, and apply it. Raise UsageError."""
    if prune and (verdict.interrupted or verdict.cut_off or verdict.share < 1):
        raise UsageError("--prune: needs a whole run, this one was cut off")
    today = datetime.date.today()
    baseline = read_baseline(path) if path.exists() else Baseline()
    print(write_baseline(path, verdict, baseline, today, prune=prune), file=sys.stderr)
    return read_baseline(path).apply(verdict, today)


def number(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Check an option that is a number, or None."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a number.")
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


json_option = option(
    "--json", "json_file", "FILE", "Write the verdict as JSON. '-' is standard output."
)

ca_file_option = option("--ca-file", "FILE", "PEM file of the trusted authority.")

every_option = with_options(
    click.option(
        "--profile",
        type=click.Choice(list(PROFILES)),
        default="ci",
        show_default=True,
        help="Number of cases: quick, ci or nightly.",
    ),
    click.option("--seed", type=int, default=1, show_default=True, help="Random seed."),
    *(
        option(
            f"--{noun}", f"{noun}s", metavar, f"One {noun}. Repeatable.", multiple=True
        )
        for noun, metavar in (("site", "S"), ("clause", "ID"), ("scenario", "NAME"))
    ),
    click.option("--strict", is_flag=True, help="Let a broken 'should' count."),
    option("--accepted", "FILE", "Accepted breaches.", type=FILE),
    option(
        "--report",
        "DIR",
        "Write HTML, JSON, JUnit and Markdown to this directory.",
        type=FILE,
    ),
    json_option,
    click.option("--verbose", is_flag=True, help="Show every breach."),
    option(
        "--max-wait",
        "max_wait_s",
        "S",
        "Seconds that a scenario may wait for time-outs.",
        type=click.FloatRange(min=0),
        default=MAX_WAIT_S,
        callback=number,
        show_default=True,
    ),
)


def run_options(command: Command) -> Command:
    """Give a command the options of a run, as one argument."""

    @every_option
    @wraps(command)
    def wrapper(**arguments: Any) -> int:
        run: Any
        run, own = (
            {name: arguments.pop(name) for name in names if name in arguments}
            for names in (RunOptions.__annotations__, Options.__dataclass_fields__)
        )
        return command(Options(run, **own), **arguments)

    return wrapper
