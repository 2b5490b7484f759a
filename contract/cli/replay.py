"""`contract replay`: play reported cases again."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from contract.api import check_client, check_service
from contract.cases.client import client_scenarios
from contract.cases.codec import case_from_json, case_id
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.cli.base import LAST_VERDICT, Options, json_option, value_option
from contract.cli.run import chosen_client, client_options
from contract.errors import UsageError
from contract.model import AnyCase, ClientCase, ServiceCase
from contract.spec import load

BREACH_ID = re.compile("[CS]-[A-Z0-9-]+/.*")
CASE_ID = re.compile("[0-9a-f]{12}")


@click.command()
@click.argument("source", metavar="FILE|ID")
@value_option(
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
    with options.running() as run:
        run["scenarios"] = [
            Scenario(name, partial(iter, [c for c in cases if c.scenario == name]))
            for name in dict.fromkeys(case.scenario for case in cases)
        ]
        if isinstance(cases[0], ClientCase):
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
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != 2:
            raise ValueError
        causes = document["causes"]
        for item in (*causes, *document["breaches"]):
            breach = item["breach" if "breach" in item else "id"]
            if "case" in item:
                case = case_from_json(item["case"])
                cause = f"{item['clause']}/{item['rule']}"
                for name in (breach, cause, case_id(case)):
                    by_id.setdefault(name, case)
            if item.get("kinds"):
                first = int(re.split("[-,]", item["kinds"])[0])
                kinds[breach] = document["kinds"][first]
        return Report([by_id[cause["breach"]] for cause in causes], by_id, kinds)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (LookupError, TypeError, ValueError, RecursionError):
        raise UsageError(f"{path}: is no JSON verdict of format 2") from None
