"""`contract check` and `contract replay`: for clients and services."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import click

from contract.api import check_all, check_client, check_service
from contract.cases.client import client_scenarios
from contract.cases.codec import case_from_json
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.cli.base import (
    COMMAND,
    LAST_VERDICT,
    MINIMAL,
    SANDBOX,
    Options,
    given_words,
    option,
    options_of,
    run_options,
)
from contract.engine.job import cores, spec_of
from contract.engine.selection import select_sites
from contract.errors import UsageError
from contract.model import AnyCase, ClientCase, ServiceCase
from contract.report.reading import reading
from contract.runs.clients import Chosen, chosen_client
from contract.runs.services import without_login
from contract.spec import Spec, load

BREACH_ID = re.compile("[CS]-[A-Z0-9-]+/.*")
CASE_ID = re.compile("[0-9a-f]{12}")


@click.command()
@run_options("check")
def check(options: Options) -> int:
    """Check the minimal client on all sites and the embedded sandbox."""
    with options.running(f"{MINIMAL} and {SANDBOX}", is_late=True) as run:
        run["jobs"] = cores() if run["jobs"] is None else run["jobs"]
        verdict = check_all(**run, sites=options.sites)
    return options.finish(verdict)


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
