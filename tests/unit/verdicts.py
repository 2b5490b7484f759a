"""Artificial verdicts for the tests of reports."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import requests

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT_CLAUSES
from contract.clauses.base import Clause
from contract.engine.conclusion import conclude
from contract.engine.ledger import Coverage
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, make_schedule
from contract.engine.verdict import Verdict
from contract.faults import Kill
from contract.model import (
    Breach,
    Call,
    ClientCase,
    ClientExchange,
    Credential,
    Danger,
    Json,
    Kind,
    Label,
    Level,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    Rule,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.report.view import View, make_view
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientSubject
from contract.subjects.python_client import PythonClient

SPEC = load()
API_KEY = "a9b8c7d6e5f40312a9b8c7d6e5f40312"
APP_KEY = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3"
HOSTILE = (
    "[red]x[/red] :smile: </script><script>alert(1)</script> <img src=x> "
    "\0 \x1b[31m \u202e 𝄞 ` ``| @all #1 \n::error::x"
)
BODY = {
    "data": {
        "id": "a",
        "type": "snapshots",
        "attributes": {"event_id": "a", "start": 0, "session_id": "s"},
    }
}

NULL_BODY = {
    "data": {
        "id": "a",
        "type": "snapshots",
        "attributes": {"event_id": None, "start": 0, "session_id": "s"},
    }
}


def rule(name: str, danger: Danger = Danger.OTHER) -> Rule:
    """Return a rule whose meaning has its name."""
    return Rule(name, f"The mistake {name}.", danger)


NULL_SENT = Rule("null-sent", "A null is sent where nothing is nullable.")


def client_exchange(
    *,
    body: Json = BODY,
    sent: Json = None,
    response: Response | None = None,
    outcome: Outcome | None = None,
    site: str = "datadoghq.com",
    **case: Any,
) -> ClientExchange:
    """Return an exchange of a client that holds the contract."""
    snapshot_id = case.get("snapshot_id", "abc")
    default = Response(200, (("Content-Type", "application/json"),), encode(BODY))
    response = response or default
    request = Request(
        SPEC.method,
        f"{SPEC.url(site)}{SPEC.collection_path}/{snapshot_id}",
        (
            ("Content-Type", "application/json"),
            (SPEC.auth_headers[0], API_KEY),
            (SPEC.auth_headers[1], APP_KEY),
        ),
        encode(body if sent is None else sent),
    )
    fields = {
        "scenario": "valid-bodies",
        "labels": (Label("/data/id", "null"),),
        "snapshot_id": "abc",
        "body": body,
        "credential": Credential("plain", API_KEY, APP_KEY),
        "responses": (response,),
        **case,
    }
    return ClientExchange(
        case=ClientCase(**fields),
        site=site,
        requests=(request,),
        responses=(response,),
        outcome=outcome or Outcome(OutcomeKind.SNAPSHOT, BODY),
    )


def service_exchange(**changes: Any) -> ServiceExchange:
    """Return an exchange with a service."""
    case = ServiceCase(
        scenario="updates", labels=(Label("/data/id", "null"),), body=BODY
    )
    url = f"http://127.0.0.1:8080{SPEC.collection_path}/abc"
    headers = (("Content-Type", "application/json"), (SPEC.auth_headers[0], API_KEY))
    exchange = ServiceExchange(
        case=replace(case, **changes.pop("case", {})),
        site="http://127.0.0.1:8080",
        requests=(Request("PATCH", url, headers, encode(BODY)),),
        responses=(Response(500, (), b"oops"),),
        outcome=Outcome(OutcomeKind.API_ERROR, status=500),
        keys=(API_KEY, APP_KEY),
    )
    return replace(exchange, **changes)


def breach(
    broken_rule: Rule = NULL_SENT,
    place: str = "/data/id",
    *,
    clause: str = "C-VALID",
    example: ClientExchange | ServiceExchange | None = None,
    **fields: Any,
) -> Breach:
    """Return a breach of a clause."""
    exchange = example or client_exchange()
    kinds = (exchange.case.kind,) if exchange.case.kind else ()
    defaults: dict[str, Any] = {
        "level": Level.MUST,
        "message": f"The message of {broken_rule.name}.",
        "count": 2,
        "kinds": kinds,
        "sites": (exchange.site,),
    }
    values = defaults | fields
    return Breach(
        clause_id=clause, rule=broken_rule, place=place, example=exchange, **values
    )


def clauses_of(breaches: Iterable[Breach], *more: str) -> tuple[Clause[Any], ...]:
    """Return a clause for each id that is broken, and for more."""
    rules: dict[str, dict[Rule, None]] = {}
    for item in breaches:
        rules.setdefault(item.clause_id, {})[item.rule] = None
    for clause_id in more:
        rules.setdefault(clause_id, {})
    return tuple(
        Clause(
            clause_id,
            statement=f"The statement of {clause_id}.",
            source=f"page: {clause_id}",
            rules=tuple(rules[clause_id]),
            concerns=lambda context: True,
            check=lambda context: iter(()),
        )
        for clause_id in rules
    )


def verdict_of(
    *breaches: Breach, clauses: Sequence[str] = (), **fields: Any
) -> Verdict:
    """Return a verdict in which each clause judged each kind on each site."""
    items = clauses_of(breaches, *clauses)
    kinds = dict.fromkeys(kind for item in breaches for kind in item.kinds)
    kinds.setdefault(Kind("valid-bodies", "plain"))
    sites = fields.get("sites", SPEC.sites)
    everywhere = frozenset(fields.get("kinds", kinds))
    defaults: dict[str, Any] = {
        "kind": SubjectKind.CLIENT,
        "name": "client",
        "version": "1.0",
        "profile": "ci",
        "seed": 1,
        "sites": sites,
        "clauses": items,
        "coverage": Coverage(SPEC),
        "started": datetime(2026, 11, 26, 12, tzinfo=UTC),
        "seconds": 1.5,
        "cases": 10,
        "exchanges": 80,
        "judged": Counter({(c.id, site): 10 for c in items for site in sites}),
        "kinds": tuple(kinds),
        "judged_kinds": {(c.id, site): everywhere for c in items for site in sites},
        "own_site_kinds": frozenset(),
        "breaches": breaches,
        "cause_counts": {},
    }
    return Verdict(**(defaults | fields))


def large_verdict(
    causes: int = 40, places: int = 10, text: int = 2_000, accepted: int = 5
) -> Verdict:
    """Return a verdict of many causes, places, kinds and long texts."""
    dangers = list(Danger)
    breaches = []
    for number in range(causes):
        broken = rule(f"rule-{number}", dangers[number % len(dangers)])
        for place in range(places):
            body = {"data": {"id": f"{number} {place} " + "x" * text}}
            outcome = Outcome(
                OutcomeKind.CRASHED,
                type="ValueError",
                message="m" * text,
                trace=("client.py:12 in update", "rest.py:34 in request"),
            )
            example = client_exchange(
                body=body,
                outcome=outcome,
                labels=(Label(f"/data/{number}/{place}", "long " + "l" * 40),),
            )
            breaches.append(
                breach(
                    broken,
                    f"/data/attributes/{'member' * 8}/{place}",
                    clause=f"C-{number % 20}A",
                    example=example,
                    message="e" * text,
                    sites=SPEC.sites,
                    is_accepted=number < accepted,
                    reason="known" if number < accepted else "",
                )
            )
    return verdict_of(*breaches)


def render(verdict: Verdict, renderer: Callable[[View], str]) -> str:
    """Return a report of a verdict."""
    return renderer(make_view(verdict, SPEC))


def encode(value: Json) -> bytes:
    """Return a value as the bytes of a body."""
    return json.dumps(value).encode()


def played(client: Any, *scenarios: str, name: str = "client") -> Verdict:
    """Return the verdict of a quick run of an object with `update(call)`."""
    with MockedSites(SPEC.sites) as server:
        subject = ClientSubject(PythonClient(client), server, name)
        chosen = [s for s in client_scenarios(SPEC) if s.name in scenarios]
        schedule = make_schedule(
            chosen,
            PROFILES["quick"],
            SPEC.sites,
            subject,
            SPEC.sites,
        )
        runner = Runner(subject, schedule, CLIENT_CLAUSES, SPEC)
        runner.play_all()
        return conclude(runner)


class SloppyClient:
    """A client that checks nothing, and says its keys when it fails."""

    def update(self, call: Call) -> dict[str, Any]:
        response = requests.patch(
            f"https://api.{call.site}{SPEC.collection_path}/{call.snapshot_id}"
            f"?key={call.api_key}",
            json=call.body,
            headers={"DD-API-KEY": call.api_key, "DD-APPLICATION-KEY": call.app_key},
            timeout=5,
        )
        if response.status_code != 200:
            raise ValueError(f"{call} {call.app_key} {response.request.headers}")
        return {"outcome": "snapshot", "snapshot": response.json()}


class HostileClient:
    """A client that says what a page, a terminal or a pull request could obey."""

    def update(self, call: Call) -> Outcome:
        return Outcome(
            OutcomeKind.CRASHED, type="Hostile", message=HOSTILE, errors=(HOSTILE,)
        )


@cache
def sloppy_verdict() -> Verdict:
    """Return the verdict of a client that leaks keys and checks nothing."""
    scenarios = "valid-bodies", "invalid-bodies", "keys", "documented-errors"
    return played(SloppyClient(), *scenarios)


@cache
def hostile_verdict() -> Verdict:
    """Return the verdict of a client whose texts are to be obeyed."""
    return played(HostileClient(), "valid-bodies", "snapshot-ids")


def service_verdict() -> Verdict:
    """Return the verdict of a service on two ports."""
    broken = rule("server-error", Danger.CRASH)
    item = breach(broken, clause="S-ALIVE", example=service_exchange())
    return verdict_of(
        item,
        clauses=("S-ECHO",),
        kind=SubjectKind.SERVICE,
        name="http://127.0.0.1:8080",
        sites=("http://127.0.0.1:8080", "http://127.0.0.1:8081"),
    )


KILLS = [
    Kill("one", "C-BODY", ("C-BODY/x@", "C-ALIVE/y@")),
    Kill("two", "C-HOST", ()),
]
