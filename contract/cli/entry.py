"""Entry of the command line: the commands, and what an error shows.

It imports what every command needs. A command is imported when it is called.
"""

import codecs
import os
import pkgutil
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from contract.errors import ContractError, UsageError, internal_error, visible
from contract.jsondiff import shorten
from contract.options import parameters_of, read_settings
from contract.redaction import Redactor, quoting, secrets_from_environment

LONGEST = 10_000
"""Characters of a line on standard error. The list of all faults has 8,000."""

PLAIN = {"»": ">", "«": "<", "…": "...", "✅": "+", "❌": "-", "❔": "?"}
"""Characters for a locale that is not UTF-8."""

CLOSED = select.POLLERR | select.POLLHUP | select.POLLNVAL

COMMANDS = {
    "check": ("run:check", "Check the minimal client and the embedded sandbox."),
    "client": ("client:client", "Check a client by the clauses for clients."),
    "service": ("service:service", "Check a service by the clauses for services."),
    "gate": ("tools:gate", "Compare two versions of a client."),
    "replay": ("run:replay", "Play a breach, a cause or a case again."),
    "prove": ("tools:prove", "Show that the clauses can fail."),
    "serve": ("tools:serve", "Serve the sandbox over HTTP, until SIGINT or SIGTERM."),
    "list": ("lists:list_", "List clauses, rules, faults, sites, drivers or cases."),
    "merge": ("tools:merge", "Make one verdict of those of several machines."),
    "drift": ("tools:drift", "Show what others say differently than spec/."),
    "sweep": ("tools:sweep", "Remove what interrupted live runs left behind."),
}
"""Where each command is defined, and what it does."""


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
    print_lines(f"contract: {shorten(visible(line), LONGEST)}")


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
    closed = UsageError("standard output is closed; nothing was done")
    if sys.stdout is None:
        raise closed
    with suppress(OSError):  # it is no file in a test
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        if any(events & CLOSED for _, events in poll.poll(0)):
            raise closed


def use_plain_characters() -> None:
    """Let the standard streams replace what they cannot show."""
    codecs.register_error("contract-plain", plain)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and stream.encoding.lower().replace("-", "") != "utf8":
            reconfigure(errors="contract-plain")


def plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks. An error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    parts = (PLAIN.get(c) or c.encode("unicode_escape").decode() for c in text)
    return "".join(parts), error.end


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does. A second one ends the clean-up, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def own_words(words: Sequence[str]) -> Sequence[str]:
    """Return the words up to the first one of a driver's command."""
    return words[: words.index("--") + 2] if "--" in words else words


def check_words(words: Sequence[str]) -> None:
    own = own_words(words)
    if "" in own:
        raise UsageError("an empty argument; is a variable not set?")
    if own and own[-1] == "--":
        raise UsageError("--: must be followed by the command of a driver")


class LazyGroup(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        place, _ = COMMANDS.get(name, ("", ""))
        return pkgutil.resolve_name(f"contract.cli.{place}") if place else None

    def format_commands(
        self, context: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--verbose",
    is_flag=True,
    expose_value=False,
    help="Show the traceback of an internal error.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Check clients and services of "Update replay heatmap snapshot"."""
    command = context.invoked_subcommand or ""
    if items := list(parameters_of(command)):
        try:
            values = read_settings(Path.cwd())
        except ValueError as error:
            raise UsageError(str(error)) from None
        defaults = {i.parameter: values[i.name] for i in items if i.name in values}
        context.default_map = {command: defaults}
