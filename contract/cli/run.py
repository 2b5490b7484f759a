"""The commands that check: `check`, `client`, `service` and `replay`."""

import re
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from contract.api import (
    Client,
    check_all,
    check_client,
    check_example,
    check_service,
)
from contract.arguments import (
    Chosen,
    check_service_options,
    chosen_client,
    is_missing,
    service_arguments,
    service_options,
    without_login,
)
from contract.cases.client import client_scenarios
from contract.cases.codec import case_from_json
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.cli.base import (
    FILE,
    LAST_VERDICT,
    Options,
    is_given,
    option,
    options_of,
    read_headers,
    run_options,
    setting,
    show_wait,
)
from contract.cli.entry import warn
from contract.drivers.building import build, checkout_of, split_command
from contract.drivers.examples import ALL, FROM_REGISTRY, LANGUAGES
from contract.engine.job import cores, spec_of
from contract.engine.selection import select_scenarios, select_sites
from contract.errors import UsageError
from contract.live import check_live
from contract.model import AnyCase, ClientCase, ServiceCase
from contract.options import TABLE
from contract.recordings.replay import RecordedUpdates
from contract.report import check_writable
from contract.report.reading import reading
from contract.spec import Spec, load
from contract.spec.text import read_bytes, text_of

COMMAND = click.argument("command", nargs=-1, type=click.UNPROCESSED)

MINIMAL = "the minimal client of this package"
SANDBOX = "the embedded sandbox of this package"
"""Subjects of a command that names none."""

ONE_EXAMPLE = "--example LANGUAGE and --page FILE: give both, and no other client"

BREACH_ID = re.compile("[CS]-[A-Z0-9-]+/.*")
CASE_ID = re.compile("[0-9a-f]{12}")


@click.command()
@run_options("check")
def check(options: Options) -> int:
    """Check the minimal client on all sites and the embedded sandbox."""
    with options.running(f"{MINIMAL} and {SANDBOX}", is_late=True) as run:
        run["jobs"] = run["jobs"] or cores()
        verdict = check_all(**run, sites=options.sites)
    return options.finish(verdict)


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


def given_words(words: dict[str, Any]) -> dict[str, Any]:
    """Return words that name a client, without those of the settings."""
    return {name: v if is_given(name) else None for name, v in words.items()}


def read_page(path: Path) -> str:
    try:
        return text_of(f"--page {path}", read_bytes(path))
    except OSError as error:
        raise UsageError(f"--page {path}: cannot be read: {error.strerror}") from None


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options("service")
@option("--recordings", "DIR", "Directory for live recordings.", type=FILE)
def service(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    recordings: Path | None,
    **values: Any,
) -> int:
    """Check a service by the clauses for services.

    The service is at URL, or on a live SITE, or it is the embedded sandbox. Several
    URLs are several sites that must behave alike. Keys are read from DD_API_KEY and
    DD_APP_KEY, those of a second organization from CONTRACT_OTHER_API_KEY and
    CONTRACT_OTHER_APP_KEY. HTTPS_PROXY is honored.
    """
    if is_given("sites"):
        raise UsageError("--site: a service is named by its URL, or by --live SITE")
    if recordings and not live:
        raise UsageError("--recordings: needs --live SITE")
    if not (urls and is_given("urls")):
        urls = tuple(() if live else setting("urls") or ())
    values = {name: v for name, v in values.items() if not is_missing(v)}
    check_service_options(urls, live, set(filter(is_given, values)))
    recordings = recordings or Path(".contract/recordings")
    if live:
        check_writable("--recordings", recordings / "new.yaml")
    fields = read_headers(values.pop("headers", ()))
    names = ", ".join(map(without_login, urls)) or SANDBOX
    names = f"the live site {live}" if live else names
    with options.running(names, is_late=not live) as run:
        own = service_options(values, fields, is_live=bool(live))
        settings: Any = {**run, **own, "on_wait": show_wait}
        if live:
            verdict = check_live(live, recordings=recordings, **settings)
        else:
            settings["jobs"] = run["jobs"] or cores()
            verdict = check_service(*urls, **settings)
    arguments = service_arguments(urls, {"live": live, **values}, fields)
    return options.finish(replace(verdict, arguments=arguments))


@click.command()
@click.argument("source", metavar="FILE|ID")
@option(
    "--service",
    "urls",
    "URL",
    "The service for a service case. Repeatable.",
    multiple=True,
)
@COMMAND
@options_of("replay")
def replay(
    source: str,
    urls: tuple[str, ...],
    json: str | None,
    own_sites: tuple[str, ...],
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
    chosen = chosen_client(command=command, **given_words(words))
    options = Options({"own_sites": own_sites}, json=json, verbose=True)
    cases = find_cases(source, name, spec_of(options.run))
    is_client = isinstance(cases[0], ClientCase)
    if urls if is_client else chosen.client:
        use = (
            "clients: give --python, --driver, -- COMMAND, or nothing for the minimal "
            "client"
            if is_client
            else "services: give --service URL, or nothing for the embedded sandbox"
        )
        raise UsageError(f"{source} is for {use}")
    subject = chosen.arguments.strip() or MINIMAL
    if not is_client:
        subject = ", ".join(map(without_login, urls)) or SANDBOX
        chosen = Chosen(None, "".join(f" --service {url}" for url in urls))
    with options.running(subject) as run:
        run["scenarios"] = [
            Scenario(name, partial(iter, [c for c in cases if c.scenario == name]))
            for name in dict.fromkeys(case.scenario for case in cases)
        ]
        if is_client:
            verdict = check_client(chosen.client, **run)
        else:
            verdict = check_service(*urls, **run)
    return options.finish(chosen.name(verdict), is_last=False)


def find_cases(source: str, name: str = "", spec: Spec | None = None) -> list[AnyCase]:
    """Return the cases of a verdict file, or the one that an id names.

    `name` is an id to look up in the file. Raise UsageError.
    """
    if source.endswith(".json"):
        examples, by_id = read_report(Path(source))
        cases = [find_case(name, by_id, source)] if name else examples
    else:
        _, by_id = read_report(LAST_VERDICT) if LAST_VERDICT.exists() else ([], {})
        cases = [find_case(source, by_id, LAST_VERDICT)]
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
            select_sites(case.sites, spec or load())
        elif case.sites:
            raise UsageError(f"{source}: a case for services names no sites")
    return cases


def find_case(name: str, by_id: dict[str, AnyCase], where: str | Path) -> AnyCase:
    if name in by_id:
        return by_id[name]
    is_case_id = CASE_ID.fullmatch(name)
    clients = () if name.startswith("S-") else client_scenarios(load())
    for scenario in (*clients, *service_scenarios(load())):
        for case in scenario.cases():
            placed = case.in_scenario(scenario.name)
            if str(placed.kind) == name or (is_case_id and placed.id == name):
                return placed
    cause = name.partition("@")[0]
    if cause in by_id:
        return by_id[cause]
    raise UsageError(
        f"no case {name!r} in {where} or in the catalogue (accepted: the id of a "
        "breach, a cause or a case, or a verdict.json)"
    )


def read_report(path: Path) -> tuple[list[AnyCase], dict[str, AnyCase]]:
    """Return the examples of causes, and all cases by their ids."""
    by_id: dict[str, AnyCase] = {}
    with reading(path) as document:
        causes = document["causes"]
        for item in (*causes, *document["breaches"]):
            if "case" in item:
                case = case_from_json(item["case"])
                breach = item["breach" if "breach" in item else "id"]
                cause = f"{item['clause']}/{item['rule']}"
                for name in (breach, cause, case.id):
                    by_id.setdefault(name, case)
        examples = [by_id[cause["breach"]] for cause in causes]
    return examples, by_id
