"""The commands that check: `check`, `client`, `service` and `replay`."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from contract.api import (
    Client,
    check_all,
    check_client,
    check_example,
    check_service,
)
from contract.cases.client import client_scenarios
from contract.cases.codec import case_from_json, case_id
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.cli.base import (
    FILE,
    LAST_VERDICT,
    Options,
    ca_file_option,
    json_option,
    option,
    run_options,
    warn,
    with_options,
)
from contract.cli.bounds import (
    BOUNDS,
    accepted_options,
    budget_options,
    check_service_options,
    shard_option,
    show_wait,
    wait_options,
)
from contract.cli.headers import HeaderOption, read_header, secrets_of
from contract.drivers.building import DRIVERS, driver_command
from contract.drivers.examples import LANGUAGES
from contract.engine.selection import select_scenarios, select_sites
from contract.errors import UsageError
from contract.live import check_live
from contract.model import AnyCase, ClientCase, ServiceCase
from contract.recordings.replay import RecordedUpdates
from contract.report import check_writable
from contract.report.reading import indices_of, reading
from contract.spec import load
from contract.spec.text import read_bytes, text_of

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
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)

MINIMAL = "the minimal client of this package"
SANDBOX = "the embedded sandbox of this package"
"""Subjects of a command that names none."""

BREACH_ID = re.compile("[CS]-[A-Z0-9-]+/.*")
CASE_ID = re.compile("[0-9a-f]{12}")


@click.command()
@run_options
@shard_option
def check(options: Options) -> int:
    """Check the minimal client on all sites and the embedded sandbox."""
    with options.running(f"{MINIMAL} and {SANDBOX}") as run:
        verdict = check_all(**run, sites=options.sites)
    return options.finish(verdict)


@click.command()
@client_options
@run_options
@accepted_options
@shard_option
@option("--recordings", "DIR", "Play recorded responses.", type=FILE)
@option(
    "--example",
    "LANGUAGE",
    f"A program of the page: {', '.join(LANGUAGES)}. Needs --page.",
)
@option("--page", "FILE", "The documentation page, as Markdown.", type=FILE)
def client(
    options: Options,
    recordings: Path | None,
    example: str | None,
    page: Path | None,
    **words: Any,
) -> int:
    """Check a client by the clauses for clients.

    Without a COMMAND the client is the minimal one. A COMMAND that speaks the driver
    protocol, a built-in driver and a Python object meet the sites over TLS.
    """
    subject, arguments = chosen_client(**words)
    if options.prune and (recordings or example):
        raise UsageError(
            "--prune: needs a whole run, without --recordings and --example"
        )
    name = arguments.strip() or MINIMAL
    if example:
        name = f"the page's {example} example"
    with options.running(f"the client {name}" if arguments else name) as run:
        if recordings:
            updates = RecordedUpdates(recordings, load())
            if updates.remark:
                warn(f"{recordings}: {updates.remark}")
            run["scenarios"] = select_scenarios(run["scenarios"], updates.scenarios())
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
        return text_of(f"--page {path}", read_bytes(path))
    except OSError as error:
        raise UsageError(f"--page {path}: cannot be read: {error.strerror}") from None


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options
@accepted_options
@shard_option
@option(
    "--live",
    "SITE",
    "A live site. CONTRACT_SANDBOX_ORG_ID names the sandbox organization.",
)
@budget_options
@wait_options
@click.option(
    "--disposable",
    is_flag=True,
    help="The service may be lost, as in Docker Compose: treat it as on loopback.",
)
@option("--recordings", "DIR", "Directory for live recordings.", type=FILE)
@option(
    "--snapshot-id",
    "ID",
    "The snapshot to update, for a service without create and list.",
)
@option(
    "--snapshot-view",
    "NAME",
    "The view of that snapshot: what its list shows of it is written back.",
)
@option(
    "--header",
    "headers",
    "'NAME: VALUE'",
    "Header of every request. VALUE may be @FILE or $VARIABLE. Repeatable.",
    multiple=True,
)
@option(
    "--max-lag",
    "max_lag_s",
    "S",
    "Seconds until a list shows an update at the latest. Default: 3 on loopback, "
    "else 5.",
    type=float,
)
@ca_file_option
@click.option(
    "--no-collection",
    is_flag=True,
    help="Send nothing but create to the collection, on loopback too.",
)
def service(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    recordings: Path | None,
    headers: tuple[str, ...],
    no_collection: bool,
    disposable: bool,
    max_lag_s: float | None,
    **settings: Any,
) -> int:
    """Check a service by the clauses for services.

    The service is at URL, or on a live SITE, or it is the embedded sandbox. Several
    URLs are several sites that must behave alike. Keys are read from DD_API_KEY and
    DD_APP_KEY, those of a second organization from CONTRACT_OTHER_API_KEY and
    CONTRACT_OTHER_APP_KEY. HTTPS_PROXY is honored.
    """
    bounds = {name: settings.pop(name) for name in BOUNDS}
    bounds = {name: value for name, value in bounds.items() if value is not None}
    check_service_options(options, urls, live, recordings, bounds, settings, headers)
    recordings = recordings or Path(".contract/recordings")
    if live:
        check_writable("--recordings", recordings / "new.yaml")
    fields = list(map(read_header, headers))
    secrets = secrets_of(fields)
    click.get_current_context().ensure_object(dict).update(secrets)
    names = ", ".join(map(without_login, urls)) or SANDBOX
    subject = f"the live site {live}" if live else names
    words = {"live": live, "max_lag": max_lag_s, **settings}
    words |= {BOUNDS[name]: value for name, value in bounds.items()}
    words |= {"no-collection": no_collection or None, "disposable": disposable or None}
    with options.running(subject) as run:
        settings |= {**bounds, **run, "max_lag_s": max_lag_s, "on_wait": show_wait}
        if live:
            del settings["snapshot_id"], settings["snapshot_view"]
            verdict = check_live(live, recordings=recordings, **settings)
        else:
            settings |= {"collection": not no_collection, "secrets": secrets}
            settings["headers"] = tuple(item[:2] for item in fields)
            verdict = check_service(*urls, disposable=disposable, **settings)
    arguments = service_arguments(urls, words, fields)
    return options.finish(replace(verdict, arguments=arguments))


def without_login(url: str) -> str:
    """Return a URL without user information and query."""
    return re.sub("//[^/?#]*@", "//", url).partition("?")[0]


def service_arguments(
    urls: tuple[str, ...], values: dict[str, Any], headers: Sequence[HeaderOption]
) -> str:
    """Return the words that name a service on a command line, without secrets."""
    words = [
        f" --{name.replace('_', '-')}"
        + ("" if value is True else f" {shlex.quote(str(value))}")
        for name, value in values.items()
        if value is not None
    ]
    words += [f" {header.word}" for header in headers]
    prefix = "" if words else "--service "
    return "".join([*(f" {prefix}{url}" for url in urls), *words])


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
@click.argument("source", metavar="FILE|ID")
@option(
    "--service",
    "urls",
    "URL",
    "The service for a service case. Repeatable.",
    multiple=True,
)
@json_option
@client_options
def replay(
    source: str,
    urls: tuple[str, ...],
    json_file: str | None,
    command: tuple[str, ...],
    **words: Any,
) -> int:
    """Play reported cases again.

    ID is a breach, a cause or a case. It is looked up in the verdict of the last run,
    then in the catalogue. FILE is a verdict.json. All of its causes are played, or with
    the id of a breach after FILE that one. COMMAND is a client, after `--`.
    """
    name = ""
    if source.endswith(".json") and command and BREACH_ID.fullmatch(command[0]):
        name, command = command[0], command[1:]
    client, arguments = chosen_client(command=command, **words)
    cases = find_cases(source, name)
    options = Options({}, json_file=json_file, verbose=True)
    is_client = isinstance(cases[0], ClientCase)
    subject = arguments.strip() if client else MINIMAL
    if not is_client:
        subject = ", ".join(map(without_login, urls)) or SANDBOX
    with options.running(subject) as run:
        run["scenarios"] = [
            Scenario(name, partial(iter, [c for c in cases if c.scenario == name]))
            for name in dict.fromkeys(case.scenario for case in cases)
        ]
        if is_client:
            if urls:
                raise UsageError(
                    f"{source} is for clients: give --python, --driver, -- COMMAND, or "
                    "nothing for the minimal client"
                )
            verdict = check_client(client, **run)
        else:
            if client:
                raise UsageError(
                    f"{source} is for services: give --service URL, or nothing for the "
                    "embedded sandbox"
                )
            verdict = check_service(*urls, **run)
            arguments = "".join(f" --service {url}" for url in urls)
    return options.finish(replace(verdict, arguments=arguments), is_last=False)


def find_cases(source: str, name: str = "") -> list[AnyCase]:
    """Return the cases of a verdict file, or the one that an id names.

    `name` is an id to look up in the file. Raise UsageError.
    """
    if source.endswith(".json"):
        report = read_report(Path(source))
        cases = [find_case(name, report, source)] if name else report.causes
    else:
        is_there = LAST_VERDICT.exists()
        report = read_report(LAST_VERDICT) if is_there else Report([], {}, {})
        cases = [find_case(source, report, LAST_VERDICT)]
    cases = [c for c in cases if not (isinstance(c, ServiceCase) and c.is_step)]
    if not cases:
        raise UsageError(
            f"{name or source}: has no case that can be played alone. A step of a "
            "sequence is played by its scenario, with the same --seed."
        )
    if len({type(case) for case in cases}) > 1:
        raise UsageError(f"{source}: has cases for clients and services. Add an ID.")
    for case in cases:
        if isinstance(case, ClientCase):
            select_sites(case.sites, load())
        elif case.sites:
            raise UsageError(f"{source}: a case for services names no sites")
    return cases


class Report(NamedTuple):
    """Cases of a JSON verdict: examples of causes, and all by their ids.

    `kinds` has the first kind of each breach by its id.
    """

    causes: list[AnyCase]
    by_id: dict[str, AnyCase]
    kinds: dict[str, str]


def find_case(name: str, report: Report, where: str | Path) -> AnyCase:
    """Return the case that the id of a breach, cause, kind or case names."""
    if name in report.by_id:
        return report.by_id[name]
    names = {name, report.kinds.get(name)}
    spec = load()
    is_case_id = CASE_ID.fullmatch(name)
    clients = () if name.startswith("S-") else client_scenarios(spec)
    for scenario in (*clients, *service_scenarios(spec)):
        for case in scenario.cases():
            placed = case.in_scenario(scenario.name)
            if str(placed.kind) in names or (is_case_id and case_id(placed) == name):
                return placed
    cause = name.partition("@")[0]
    if cause in report.by_id:
        return report.by_id[cause]
    raise UsageError(
        f"no case {name!r} in {where} or in the catalogue (accepted: the id of a "
        "breach, a cause or a case, or a verdict.json)"
    )


def read_report(path: Path) -> Report:
    by_id: dict[str, AnyCase] = {}
    kinds: dict[str, str] = {}
    with reading(path) as document:
        causes = document["causes"]
        for item in (*causes, *document["breaches"]):
            breach = item["breach" if "breach" in item else "id"]
            if "case" in item:
                case = case_from_json(item["case"])
                cause = f"{item['clause']}/{item['rule']}"
                for name in (breach, cause, case_id(case)):
                    by_id.setdefault(name, case)
            if item.get("kinds"):
                kinds[breach] = document["kinds"][indices_of(item["kinds"])[0]]
        examples = [by_id[cause["breach"]] for cause in causes]
    return Report(examples, by_id, kinds)
