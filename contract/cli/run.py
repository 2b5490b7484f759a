"""`contract check`, `client` and `service`: the commands that check."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from contract.api import check_all, check_client, check_example, check_service
from contract.cli.base import (
    FILE,
    Options,
    ca_file_option,
    number,
    run_options,
    value_option,
    with_options,
)
from contract.cli.client_options import chosen_client, client_options
from contract.drivers.examples import LANGUAGES
from contract.engine.selection import secrets_from_environment, select_scenarios
from contract.errors import UsageError
from contract.live import check_live
from contract.recordings.replay import recorded_scenarios

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
