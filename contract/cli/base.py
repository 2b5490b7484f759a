"""Parts that the commands share: the lazy group, the options of a run, its end."""

import datetime
import math
import os
import pkgutil
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from rich.console import Console

from contract.cli.characters import use_plain_characters
from contract.cli.signals import terminable
from contract.engine.baseline import Baseline, read_baseline, write_baseline
from contract.engine.job import RunOptions
from contract.engine.runner import MAX_WAIT_S
from contract.engine.schedule import PROFILES
from contract.engine.verdict import Verdict
from contract.errors import ContractError, UsageError, internal_error, visible
from contract.redaction import Redactor, guard, quoting, secrets_from_environment
from contract.report import (
    RENDERERS,
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
from contract.report.format import clean, cut
from contract.spec import load

NOT_PRUNED = (
    "--prune: needs a whole run, this one was cut off; the accepted file is as it was"
)
LAST_VERDICT = Path(".contract/verdict.json")
"""The JSON verdict of the last run, for `contract replay`."""

STATUS = {"holds": 0, "broken": 1, "unknown": 2}

LONGEST = 10_000
"""Characters of a line on standard error. The list of all faults has 8,000."""

CLOSED = select.POLLERR | select.POLLHUP | select.POLLNVAL

COMMANDS = {
    "check": "run:check",
    "client": "run:client",
    "service": "run:service",
    "gate": "tools:gate",
    "replay": "run:replay",
    "prove": "tools:prove",
    "serve": "tools:serve",
    "list": "tools:list_",
    "merge": "tools:merge",
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
    use_plain_characters()
    try:
        check_words(words)
        check_output()
        with terminable():
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
        discard_output()
        reason = getattr(error, "strerror", "a closed pipe?")
        problem = f"ended without a verdict: {reason}"
    except Exception as error:
        is_verbose = "--verbose" in own_words(words)
        show_internal_error(error, secrets, is_verbose=is_verbose)
        return 2
    else:
        return int(status or 0)
    warn(problem, secrets)
    return 2


def warn(text: str, secrets: Mapping[str, str] | None = None) -> None:
    """Print one line to standard error, if that is open.

    By default the secrets are those of the environment.
    """
    if secrets is None:
        secrets = secrets_from_environment()
    line = Redactor(secrets, labelling=True).text(" ".join(text.split()))
    print_lines(f"contract: {cut(clean(line), LONGEST)}")


def print_lines(*lines: str) -> None:
    """Print lines to standard error, if that is open."""
    with suppress(OSError):
        if sys.stderr:
            with quoting(sys.stderr):
                print(*map(visible, lines), sep="\n", file=sys.stderr)


def show_internal_error(
    error: BaseException, secrets: Mapping[str, str], *, is_verbose: bool
) -> None:
    """Print a line that asks to report the error, after a traceback if verbose."""
    if is_verbose:
        trace = "".join(traceback.format_exception(error)).rstrip("\n")
        print_lines(*Redactor(secrets, labelling=True).text(trace).split("\n"))
    request = "this is a defect of the suite. Please report it"
    how = "with this output" if is_verbose else "with the output of --verbose"
    warn(f"{internal_error(error)}; {request}, {how}", secrets)


def discard_output() -> None:
    """Send the rest of standard output nowhere.

    Python's last flush of it must succeed. Otherwise its status is 120.
    """
    with open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), 1)


def check_output() -> None:
    """Raise UsageError if standard output is closed."""
    closed = UsageError("standard output is closed; nothing was done")
    if sys.stdout is None:
        raise closed
    with suppress(OSError):  # it is no file in a test
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        if any(events & CLOSED for _, events in poll.poll(0)):
            raise closed


def own_words(words: Sequence[str]) -> Sequence[str]:
    """Return the words up to the first one of a driver's command."""
    return words[: words.index("--") + 2] if "--" in words else words


def check_words(words: Sequence[str]) -> None:
    """Raise UsageError for an empty argument: most likely a variable is not set."""
    own = own_words(words)
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
@click.option(
    "--verbose",
    is_flag=True,
    expose_value=False,
    help="Show the traceback of an internal error.",
)
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
        parts = self.sites, *map(self.run.get, ("clauses", "scenarios", "shard"))
        if self.prune and (any(parts) or self.run["profile"] == "quick"):
            raise UsageError(
                "--prune: needs a whole run, without --site, --clause, --scenario, "
                "--shard and --profile quick"
            )

    @property
    def accepted(self) -> Path | None:
        return self.run.get("accepted")

    @contextmanager
    def running(self, subject: str) -> Iterator[RunOptions]:
        """Name the subject, and show progress.

        Yield the options for the Python API, without the sites. Raise UsageError if a
        file could not be written after the run.
        """
        accepted = self.accepted
        for what, path in self.files():
            check_writable(what, path)
        if self.update_accepted and accepted:
            check_writable("--accepted", accepted)
            accepted = accepted if accepted.exists() else None
        is_json = self.json_file == "-"
        title = f"judging {clean(subject)}"
        with Progress(title, quiet=is_json) as progress:
            yield {**self.run, "accepted": accepted, "progress": progress}

    def files(self, *, is_last: bool = True) -> Iterator[tuple[str, Path]]:
        """Yield the files that a run writes, each with its option or variable."""
        if is_last:
            yield "the last verdict", LAST_VERDICT
        if self.json_file not in (None, "-"):
            yield "--json", Path(str(self.json_file))
        for name in RENDERERS if self.report else ():
            yield "--report", Path(str(self.report)) / name
        if self.json_file != "-" and (path := os.environ.get(SUMMARY)):
            yield SUMMARY, Path(path)

    def finish(self, verdict: Verdict, *, is_last: bool = True) -> int:
        """Show the verdict, write the files, and return the exit status.

        With `is_last`, `contract replay` looks for breaches in this verdict. What
        cannot be written is a warning. Raise UsageError if --prune is refused,
        LeakError if a file has a secret.
        """
        refusal: UsageError | None = None
        if self.update_accepted and self.accepted:
            if self.prune and is_cut_off(verdict):
                refusal = UsageError(NOT_PRUNED)
            else:
                verdict = updated(verdict, self.accepted, prune=self.prune)
        view = make_view(verdict, load())
        text = render_json(view)
        outputs = Outputs()
        if self.json_file == "-":
            outputs.write(partial(write_output, text))
        else:
            outputs.show(partial(show, view, Console(), verbose=self.verbose))
            outputs.write(partial(announce, view, os.environ))
        paths = []
        for what, path in self.files(is_last=is_last):
            paths.append(path)
            if what not in ("--report", SUMMARY):
                is_private = path == LAST_VERDICT
                outputs.write(
                    partial(write_text, what, path, text, is_private=is_private)
                )
        if self.report:
            outputs.write(partial(write_report, view, self.report))
        secrets = verdict.redactor.secrets
        for warning in verdict.warnings:
            warn(f"warning: {warning}", secrets)
        if self.update_accepted and self.accepted:
            paths.append(self.accepted)
        guard(paths, secrets)
        if defect := verdict.error or outputs.error:
            show_internal_error(defect, secrets, is_verbose=self.verbose)
            return 2
        if refusal:
            raise refusal
        return STATUS[verdict.verdict]


def is_cut_off(verdict: Verdict) -> bool:
    return bool(verdict.interrupted or verdict.cut_off or verdict.share < 1)


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


def updated(verdict: Verdict, path: Path, *, prune: bool) -> Verdict:
    """Write the accepted file for a verdict, and apply it. Raise UsageError."""
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

verdict_options = with_options(
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
)

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
    verdict_options,
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
