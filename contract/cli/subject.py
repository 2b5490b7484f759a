"""The options that name a client."""

import shlex
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from contract.drivers.building import RECIPES, driver_command
from contract.errors import UsageError

__all__ = ["subject_options"]

_SUBJECT_OPTIONS = (
    click.option(
        "--python",
        metavar="MODULE:FACTORY",
        help="A client of this process: FACTORY() has update(case).",
    ),
    click.option(
        "--driver",
        metavar="NAME",
        help=f"A client with a driver of ours: {', '.join(sorted(RECIPES))}.",
    ),
    click.option(
        "--driver-version",
        metavar="V",
        help="Another version of the driver's SDK than the pinned one.",
    ),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


def subject_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that name a client, as `client` (what `client_under_test` takes) and `arguments`."""

    @wraps(command)
    def called(
        python: str | None, driver: str | None, driver_version: str | None, **given: Any
    ) -> int:
        words: tuple[str, ...] = given.pop("command")
        if sum(map(bool, (python, driver, words))) > 1:
            raise UsageError(
                "one client at a time: give --python, --driver or -- COMMAND"
            )
        if driver_version and not driver:
            raise UsageError("--driver-version: needs --driver NAME")
        if driver:
            version = f" --driver-version {driver_version}" if driver_version else ""
            return command(
                client=driver_command(driver, driver_version),
                arguments=f" --driver {driver}{version}",
                **given,
            )
        if python:
            return command(
                client=python, arguments=f" --python {shlex.quote(python)}", **given
            )
        return command(
            client=list(words) or None,
            arguments=f" -- {shlex.join(words)}" if words else "",
            **given,
        )

    for option in reversed(_SUBJECT_OPTIONS):
        called = option(called)
    return called
