"""`contract client`."""

import shlex
from pathlib import Path
from typing import Any

import click

from contract.cli.base import (
    COMMAND,
    FILE,
    MINIMAL,
    Options,
    given_words,
    is_given,
    option,
    run_options,
    setting,
)
from contract.cli.entry import warn
from contract.drivers.building import build, checkout_of, split_command
from contract.drivers.examples import ALL, FROM_REGISTRY, LANGUAGES
from contract.engine.selection import select_scenarios
from contract.errors import UsageError
from contract.options import TABLE
from contract.recordings.replay import RecordedUpdates
from contract.runs.clients import (
    Client,
    check_client,
    check_example,
    chosen_client,
)
from contract.spec import load
from contract.spec.text import read_bytes, text_of

ONE_EXAMPLE = "--example LANGUAGE and --page FILE: give both, and no other client"


@click.command()
@COMMAND
@run_options("client")
@option(
    "--example",
    "LANGUAGE",
    f"A program of the page: {', '.join(LANGUAGES)} or {ALL}. Needs --page.",
)
@option("--page", "FILE", "The documentation page, as Markdown.", type=FILE)
def client(
    options: Options,
    recordings: Path | None,
    example: str | None,
    page: Path | None,
    command: tuple[str, ...],
    **words: Any,
) -> int:
    """Check a client by the clauses for clients.

    Without a COMMAND the client is the minimal one. A COMMAND that speaks the driver
    protocol, a built-in driver and a Python object meet the sites over TLS.
    """
    if command or example or is_given("python") or is_given("driver"):
        words = given_words(words)
    elif line := setting("client"):
        command = tuple(split_command(f"{TABLE} client", line))
    chosen = chosen_client(command=command, **words)
    subject, arguments = chosen.client, chosen.arguments
    if options.run.get("prune") and (recordings or example):
        raise UsageError(
            "--prune: needs a whole run, without --recordings and --example"
        )
    name = arguments.strip() or MINIMAL
    if example:
        name = f"the page's {'examples' if example == ALL else f'{example} example'}"
    with options.running(f"the client {name}" if arguments else name) as run:
        if recordings:
            updates = RecordedUpdates(recordings, load())
            if updates.remark:
                warn(f"{recordings}: {updates.remark}")
            run["scenarios"] = select_scenarios(run["scenarios"], updates.scenarios())
        if example or page:
            if not (example and page):
                raise UsageError(ONE_EXAMPLE)
            sdk = sdk_of_example(example, subject, **words)
            verdict = check_example(
                read_page(page), example, sites=options.sites, sdk=sdk, **run
            )
            arguments += f" --example {example} --page {shlex.quote(str(page))}"
        else:
            verdict = check_client(subject, sites=options.sites, **run)
    return options.finish(chosen._replace(arguments=arguments).name(verdict))


def sdk_of_example(
    example: str,
    subject: Client,
    driver: str | None,
    driver_version: str | None,
    driver_source: Path | None,
    **_: Any,
) -> tuple[str, Path | None]:
    if subject and (not driver or example not in (ALL, driver)):
        raise UsageError(ONE_EXAMPLE)
    if not driver:
        return "", None
    if driver_source and driver in FROM_REGISTRY:
        raise UsageError(f"--driver-source: not for examples of {driver}")
    checkout = checkout_of(driver, driver_source) if driver_source else None
    return driver, build(driver, driver_version, checkout)


def read_page(path: Path) -> str:
    try:
        return text_of(f"--page {path}", read_bytes(path))
    except OSError as error:
        raise UsageError(f"--page {path}: cannot be read: {error.strerror}") from None
