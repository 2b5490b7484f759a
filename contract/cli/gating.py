"""`contract gate`."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from contract.cases.scenarios import client_scenarios
from contract.check.choosing import chosen_clauses, chosen_scenarios, chosen_sites
from contract.check.clients import client_under_test
from contract.clauses import CLIENT
from contract.cli.base import Options, run_options
from contract.drivers.building import RECIPES, driver_command
from contract.errors import UsageError
from contract.gate import gate
from contract.report import show_gate
from contract.run import PROFILES
from contract.spec import Spec, load
from contract.subjects import ClientUnderTest

__all__ = ["gate_"]


@click.command()
@run_options
@click.option(
    "--driver", metavar="NAME", help=f"A driver of ours: {', '.join(sorted(RECIPES))}."
)
@click.option("--old-version", metavar="V", help="The SDK's version that is known.")
@click.option("--new-version", metavar="V", help="The SDK's version that is to come.")
@click.option(
    "--old-command", metavar="C", help="The client that is known, as a command line."
)
@click.option(
    "--new-command", metavar="C", help="The client that is to come, as a command line."
)
def gate_(
    options: Options,
    driver: str | None,
    old_version: str | None,
    new_version: str | None,
    old_command: str | None,
    new_command: str | None,
) -> int:
    """Play the same cases to two versions of a client; exit 1 where the new one breaks what the old one kept."""
    spec, known = load(), options.known
    sites, clauses = (
        chosen_sites(options.sites, spec),
        chosen_clauses(options.clauses, CLIENT),
    )
    scenarios = chosen_scenarios(options.scenarios, client_scenarios(spec))
    if driver and old_version and new_version and not (old_command or new_command):
        commands = [
            driver_command(driver, version) for version in (old_version, new_version)
        ]
    elif old_command and new_command and not (driver or old_version or new_version):
        commands = [
            _words("--old-command", old_command),
            _words("--new-command", new_command),
        ]
    else:
        raise UsageError(
            "give two clients: --driver NAME --old-version V --new-version V, or --old-command C --new-command C"
        )
    with _both(commands, spec) as (old, new), options.progress() as watch:
        profile = PROFILES[options.profile]
        found = gate(
            old,
            new,
            scenarios,
            clauses,
            spec,
            profile=profile,
            seed=options.seed,
            sites=sites,
            watch=watch,
        )
    if options.json_file != "-":
        show_gate(found, Console())
    return options.finish(found.new, watch, f" -- {shlex.join(commands[1])}", known)


@contextmanager
def _both(
    commands: list[list[str]], spec: Spec
) -> Iterator[tuple[ClientUnderTest, ClientUnderTest]]:
    with (
        client_under_test(commands[0], spec) as old,
        client_under_test(commands[1], spec) as new,
    ):
        yield old, new


def _words(option: str, line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{option} {line!r}: {error}") from None
    if not words:
        raise UsageError(f"{option}: must be a command line, is empty")
    return words
