"""Options that name a client under test."""

import shlex

import click

from contract.api import Client
from contract.cli.base import value_option, with_options
from contract.drivers.building import DRIVERS, driver_command
from contract.errors import UsageError

client_options = with_options(
    value_option(
        "--python",
        "MODULE:FACTORY",
        "A client of this process: FACTORY() has update(call).",
    ),
    value_option(
        "--driver",
        "NAME",
        f"A client with a built-in driver: {', '.join(sorted(DRIVERS))}.",
    ),
    value_option(
        "--driver-version",
        "V",
        "A version of the driver's SDK. Default: the pinned one.",
    ),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


def chosen_client(
    python: str | None,
    driver: str | None,
    driver_version: str | None,
    command: tuple[str, ...],
) -> tuple[Client, str]:
    """Return the client, and the words that name it on a command line.

    None is the minimal client. Raise UsageError.
    """
    if sum(map(bool, (python, driver, command))) > 1:
        raise UsageError("one client at a time: give --python, --driver or -- COMMAND")
    if driver_version and not driver:
        raise UsageError("--driver-version: needs --driver NAME")
    if driver:
        version = f" --driver-version {driver_version}" if driver_version else ""
        return driver_command(driver, driver_version), f" --driver {driver}{version}"
    if python:
        return python, f" --python {shlex.quote(python)}"
    return list(command) or None, f" -- {shlex.join(command)}" if command else ""


def split_command(option: str, line: str) -> list[str]:
    """Split a command line into words. Raise UsageError if that cannot be done."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{option} {line!r}: {error}") from None
    if not words:
        raise UsageError(f"{option}: must be a command line, is empty")
    return words
