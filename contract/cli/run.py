"""`contract check`, `client`, `service` and `gate`: the commands that check."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from contract.api import (
    Client,
    check_all,
    check_client,
    check_example,
    check_service,
    client_under_test,
)
from contract.cli.base import (
    FILE,
    Options,
    ca_file_option,
    number,
    run_options,
    value_option,
    with_options,
)
from contract.drivers.building import DRIVERS, driver_command
from contract.drivers.examples import LANGUAGES
from contract.engine.comparison import compare
from contract.engine.job import make_job
from contract.engine.selection import (
    secrets_from_environment,
    select_scenarios,
    select_sites,
)
from contract.errors import UsageError
from contract.live import check_live
from contract.model import SubjectKind
from contract.recordings import recorded_scenarios
from contract.report import show_gate
from contract.spec import load

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

accepted_options = with_options(
    click.option(
        "--update-accepted",
        is_flag=True,
        help="Add new breaches to the file of --accepted, without a reason.",
    ),
    click.option(
        "--prune",
        is_flag=True,
        help="With --update-accepted: drop entries that are no longer seen.",
    ),
)


AGES = ("old", "new")


@click.command()
@run_options
def check(options: Options) -> int:
    """Check the minimal client on eight sites and the embedded sandbox."""
    with options.running() as run:
        verdict = check_all(**run, sites=options.sites)
    return options.finish(verdict)


@click.command()
@client_options
@run_options
@accepted_options
@value_option("--recordings", "DIR", "Play recorded responses.", type=FILE)
@value_option(
    "--example",
    "LANGUAGE",
    f"A program of the page: {', '.join(LANGUAGES)}. Needs --page.",
)
@value_option("--page", "FILE", "The documentation page, as Markdown.", type=FILE)
def client(
    options: Options,
    recordings: Path | None,
    example: str | None,
    page: Path | None,
    **words: Any,
) -> int:
    """Check a client by the clauses for clients.

    Without a COMMAND the client is the minimal one. A COMMAND that speaks the driver
    protocol, a built-in driver and a Python object meet the eight sites over TLS.
    """
    subject, arguments = chosen_client(**words)
    if options.prune and (recordings or example):
        raise UsageError(
            "--prune: needs a whole run, without --recordings and --example"
        )
    with options.running() as run:
        if recordings:
            recorded = recorded_scenarios(recordings)
            run["scenarios"] = select_scenarios(run["scenarios"], recorded)
        if example or page:
            if not (example and page) or subject:
                raise UsageError(
                    "--example LANGUAGE and --page FILE: give both, and no other client"
                )
            text = read_page(page)
            verdict = check_example(text, example, sites=options.sites, **run)
            page_name = shlex.quote(str(page))
            arguments = f" --example {example} --page {page_name}"
        else:
            verdict = check_client(subject, sites=options.sites, **run)
    return options.finish(replace(verdict, arguments=arguments))


def read_page(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--page {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--page {path}: is not UTF-8") from None


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options
@accepted_options
@value_option(
    "--live",
    "SITE",
    "A live site. CONTRACT_SANDBOX_ORG_ID names the sandbox organization.",
)
@value_option("--max-requests", "N", "Largest number of live requests.", type=int)
@value_option(
    "--max-minutes", "N", "Longest time of a live run.", type=float, callback=number
)
@value_option("--recordings", "DIR", "Directory for live recordings.", type=FILE)
@value_option(
    "--snapshot-id",
    "ID",
    "The snapshot to update, for a service without create and list.",
)
@value_option(
    "--header",
    "headers",
    "'NAME: VALUE'",
    "Header of every request. Repeatable.",
    multiple=True,
)
@ca_file_option
def service(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    recordings: Path | None,
    headers: tuple[str, ...],
    **settings: Any,
) -> int:
    """Check a service by the clauses for services.

    The service is at URL, or on a live SITE, or it is the embedded sandbox. Several
    URLs are several sites that must behave alike. Keys are read from DD_API_KEY and
    DD_APP_KEY, those of a second organization from CONTRACT_OTHER_API_KEY and
    CONTRACT_OTHER_APP_KEY. HTTPS_PROXY is honored.
    """
    bounds = {name: settings.pop(name) for name in ("max_requests", "max_minutes")}
    if options.sites:
        raise UsageError("--site: a service is named by its URL, or by --live SITE")
    if live and (urls or settings["snapshot_id"] or headers):
        raise UsageError("--live SITE: goes without URL, --snapshot-id and --header")
    if not live and (recordings or {*bounds.values()} != {None}):
        raise UsageError(
            "--max-requests, --max-minutes, --recordings: need --live SITE"
        )
    if not (live or urls) and (headers or any(settings.values())):
        raise UsageError("--snapshot-id, --header, --ca-file: need a URL")
    with options.running() as run:
        if live:
            verdict = check_live(
                live,
                ca_file=settings["ca_file"],
                recordings=recordings or Path(".contract/recordings"),
                **bounds,
                **run,
            )
        else:
            fields = tuple(split_header(line) for line in headers)
            verdict = check_service(*urls, headers=fields, **settings, **run)
    arguments = service_arguments(urls, {"live": live, **bounds, **settings}, headers)
    secrets = secrets_from_environment() if live or urls else None
    return options.finish(replace(verdict, arguments=arguments), secrets)


def service_arguments(
    urls: tuple[str, ...], values: dict[str, Any], headers: tuple[str, ...]
) -> str:
    """Return the words that name a service on a command line, without secrets."""
    words = [
        f" --{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in values.items()
        if value is not None
    ]
    words += [f" --header '{line.partition(':')[0]}: …'" for line in headers]
    prefix = "" if words else "--service "
    return "".join([*(f" {prefix}{url}" for url in urls), *words])


def split_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(
            f"--header: must be 'NAME: VALUE', is {name!r} and what follows it"
        )
    return name, value.strip()


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


@click.command()
@run_options
@value_option("--driver", "NAME", f"A built-in driver: {', '.join(sorted(DRIVERS))}.")
@value_option("--old-version", "V", "SDK version in use.")
@value_option("--new-version", "V", "SDK version to judge.")
@value_option("--old-command", "C", "Command line of the client in use.")
@value_option("--new-command", "C", "Command line of the client to judge.")
def gate(options: Options, driver: str | None, **words: Any) -> int:
    """Compare two versions of a client. Exit 1 if the new one breaks a clause."""
    spec = load()
    versions = [words[f"{age}_version"] for age in AGES]
    lines = [words[f"{age}_command"] for age in AGES]
    if driver and all(versions) and not any(lines):
        old, new = (driver_command(driver, version) for version in versions)
    elif all(lines) and not (driver or any(versions)):
        old, new = map(split_command, AGES, lines)
    else:
        raise UsageError(
            "give two clients: --driver NAME --old-version V --new-version V, or "
            "--old-command C --new-command C"
        )
    with options.running() as run:
        job = make_job(SubjectKind.CLIENT, spec, run)
        sites = select_sites(options.sites, spec)
        with (
            client_under_test(old, spec) as before,
            client_under_test(new, spec) as after,
        ):
            result = compare(before, after, job, sites)
    if options.json_file != "-":
        show_gate(result, Console())
    verdict = replace(result.new, arguments=f" -- {shlex.join(new)}")
    return options.finish(verdict, is_last=False)


def split_command(age: str, line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"--{age}-command {line!r}: {error}") from None
    if not words:
        raise UsageError(f"--{age}-command: must be a command line, is empty")
    return words
