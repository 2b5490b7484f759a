"""The client that options of a command name."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click

from contract.api import Client
from contract.cli.base import FILE, option, with_options
from contract.drivers.building import DRIVERS, checkout_of, driver_command
from contract.engine.verdict import Verdict
from contract.errors import UsageError

client_options = with_options(
    option(
        "--python",
        "MODULE:FACTORY",
        "A client of this process: FACTORY() has update(call), or is update(call).",
    ),
    option(
        "--driver",
        "NAME",
        f"A client with a built-in driver: {', '.join(sorted(DRIVERS))}.",
    ),
    option(
        "--driver-version",
        "V",
        "A version of the driver's SDK. Default: the pinned one.",
    ),
    option(
        "--driver-source",
        "DIR",
        "A checkout of the driver's SDK, to build it from.",
        type=FILE,
    ),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


class Chosen(NamedTuple):
    """A client, and the words that name it on a command line.

    None is the minimal client. `mark` is added to the version.
    """

    client: Client
    arguments: str
    mark: str = ""

    def name(self, verdict: Verdict) -> Verdict:
        """Return a verdict that names the client."""
        version = f"{verdict.version}{self.mark}"
        return replace(verdict, version=version, arguments=self.arguments)


def chosen_client(
    python: str | None = None,
    driver: str | None = None,
    driver_version: str | None = None,
    driver_source: Path | None = None,
    command: Sequence[str] = (),
) -> Chosen:
    """Return the client that options name. Raise UsageError, SubjectError."""
    if sum(map(bool, (python, driver, command))) > 1:
        raise UsageError("one client at a time: give --python, --driver or -- COMMAND")
    for what, value in ("version", driver_version), ("source", driver_source):
        if value and not driver:
            raise UsageError(f"--driver-{what}: needs --driver NAME")
    if driver_version and driver_source:
        raise UsageError("one SDK: give --driver-version or --driver-source")
    if driver and driver_source:
        checkout = checkout_of(driver, driver_source)
        words = f" --driver {driver} --driver-source {place_of(driver_source)}"
        return Chosen(driver_command(driver, None, checkout), words, checkout.mark)
    if driver:
        version = f" --driver-version {driver_version}" if driver_version else ""
        words = f" --driver {driver}{version}"
        return Chosen(driver_command(driver, driver_version), words)
    if python:
        return Chosen(python, f" --python {shlex.quote(python)}")
    return Chosen(
        list(command) or None, f" -- {shlex.join(command)}" if command else ""
    )


def place_of(directory: Path) -> str:
    """Return a directory as a word: its path below this one, or DIR."""
    place, here = directory.absolute(), Path.cwd()
    inside = place.is_relative_to(here) and ".." not in place.parts
    return shlex.quote(str(place.relative_to(here))) if inside else "DIR"
