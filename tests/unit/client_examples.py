"""Exchanges with a client that hold, for tables of clauses.

Each row of a table changes a few parts, and names the findings that follow.
"""

import copy
import json
from dataclasses import dataclass
from typing import Any

from contract.clauses.base import Clause, SitesClause
from contract.clauses.client_facts import ClientFacts
from contract.model import (
    ClientCase,
    ClientExchange,
    Credential,
    Finding,
    FirstCall,
    Headers,
    Json,
    Label,
    Note,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    Tls,
    Violation,
)
from contract.spec import Schema, Spec, load

__all__ = [
    "API_KEY",
    "APP_KEY",
    "BODY",
    "BROKEN",
    "FAILED",
    "INVALID_BODY",
    "JSON",
    "KEYS",
    "NOT_CONCERNED",
    "REFUSED",
    "SITE",
    "SNAPSHOT",
    "SPEC",
    "UNSUPPORTED",
    "Table",
    "context_with",
    "findings",
    "other_schema",
    "raw_findings",
    "row_ids",
    "rows",
    "served",
    "untested_rules",
]

SPEC = load()
SITE = SPEC.sites[0]
KEYS = Credential("plain", "api-0123456789abcdef", "app-0123456789abcdef")
API_KEY = ("DD-API-KEY", KEYS.api_key)
APP_KEY = ("DD-APPLICATION-KEY", KEYS.app_key)
JSON = ("Content-Type", "application/json")
ATTRIBUTES: Json = {
    "event_id": "a",
    "start": 1,
    "is_device_type_selected_by_user": True,
}
BODY: Json = {"data": {"type": "snapshots", "attributes": ATTRIBUTES}}
SNAPSHOT: Json = {"data": {"type": "snapshots", "id": "a"}}
INVALID_BODY = Violation("/data", "type", "null")

REFUSED = Outcome(OutcomeKind.REFUSED, message="not valid")
FAILED = Outcome(OutcomeKind.FAILED, message="timed out")
BROKEN = Outcome(OutcomeKind.BROKEN_ANSWER)
UNSUPPORTED = Outcome(OutcomeKind.UNSUPPORTED)
SUCCESS = Outcome(OutcomeKind.SNAPSHOT, snapshot=SNAPSHOT)

NOT_CONCERNED = ["not concerned"]

Table = dict[str, tuple[dict[str, Any], list[str]]]
"""The parts that differ from an exchange that holds, and `rule@place` of findings."""


@dataclass(frozen=True)
class Example:
    """The parts of an exchange that a row may change.

    `sent` is the number of equal requests. `requests` and `responses` replace them
    all. `body` is the caller's, `sent_body` the one on the wire.
    """

    spec: Spec = SPEC
    site: str = SITE
    snapshot_id: str = "a"
    segment: str = "a"
    target: str = ""
    origin: str = ""
    method: str = "PATCH"
    headers: Headers = (API_KEY, APP_KEY, JSON)
    body: Json = None
    sent_body: bytes | None = None
    credential: Credential = KEYS
    violation: Violation | None = None
    labels: tuple[Label, ...] = (Label("", "plain"),)
    timeout_s: float = 5.0
    retry: bool = False
    tls: Tls = Tls.TRUSTED
    first_call: FirstCall | None = None
    sent: int = 1
    requests: tuple[Request, ...] | None = None
    status: int = 200
    response: bytes = json.dumps(SNAPSHOT).encode()
    response_headers: Headers = (JSON,)
    responses: tuple[Response | None, ...] | None = None
    outcome: Outcome = SUCCESS

    def request(self) -> Request:
        """Return one request."""
        target = self.target or SPEC.path.replace("{snapshot_id}", self.segment)
        origin = self.origin or SPEC.url(self.site)
        body = self.sent_body
        if body is None:
            body = json.dumps(BODY if self.body is None else self.body).encode()
        return Request(self.method, f"{origin}{target}", self.headers, body)

    def exchange(self) -> ClientExchange:
        """Return the exchange."""
        requests = self.requests
        if requests is None:
            requests = (self.request(),) * self.sent
        responses = self.responses
        if responses is None:
            only = Response(self.status, self.response_headers, self.response)
            responses = (only, *[None] * (len(requests) - 1))[: len(requests)]
        case = ClientCase(
            labels=self.labels,
            body=BODY if self.body is None else self.body,
            violation=self.violation,
            snapshot_id=self.snapshot_id,
            credential=self.credential,
            responses=tuple(response for response in responses if response),
            retry=self.retry,
            timeout_s=self.timeout_s,
            tls=self.tls,
            first_call=self.first_call,
        )
        return ClientExchange(
            case=case,
            site=self.site,
            requests=requests,
            responses=responses,
            outcome=self.outcome,
        )


def context_with(**parts: Any) -> ClientFacts:
    """Return the context of an exchange that differs in these parts."""
    example = Example(**parts)
    return ClientFacts(example.exchange(), example.spec)


def raw_findings(clause: Any, parts: dict[str, Any]) -> list[Finding] | None:
    """Return the findings in an exchange, or None if it does not concern the clause.

    Notes are left out. A clause that compares sites gets one context for each of `parts["sites"]`.
    """
    match clause:
        case Clause():
            context = context_with(**parts)
            concerned = clause.concerns(context)
            items = clause.check(context) if concerned else ()
            findings = [item for item in items if not isinstance(item, Note)]
            results = findings if concerned else None
        case SitesClause():
            contexts = [context_with(**site) for site in parts["sites"]]
            concerned = clause.concerns(contexts)
            pairs = list(clause.check(contexts)) if concerned else None
            results = None if pairs is None else [finding for _, finding in pairs]
    return results


def findings(clause: Any, parts: dict[str, Any]) -> list[str]:
    """Return `rule@place` of each finding in an exchange."""
    results = raw_findings(clause, parts)
    if results is None:
        return NOT_CONCERNED
    assert all(finding.rule in clause.rules for finding in results)
    return [f"{finding.rule.name}@{finding.place}" for finding in results]


def other_schema(schema: Schema, place: str, node: Json) -> Schema:
    """Return a schema with another node for one attribute."""
    raw = copy.deepcopy(schema.raw)
    data = raw["properties"]["data"]["properties"]
    data["attributes"]["properties"][place] = node
    return Schema(raw)


def served(value: Json, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which this JSON was served."""
    return {"response": json.dumps(value).encode(), **parts}


def rows(tables: dict[Any, Table]) -> list[tuple[Any, dict[str, Any], list[str]]]:
    """Return (clause, parts, expected findings) of every row."""
    return [
        (clause, parts, expected)
        for clause, table in tables.items()
        for parts, expected in table.values()
    ]


def row_ids(tables: dict[Any, Table]) -> list[str]:
    """Return a readable id for every row."""
    return [f"{clause.id} {row}" for clause, table in tables.items() for row in table]


def untested_rules(clause: Any, table: Table) -> set[str]:
    """Return the rules of a clause that no row of its table shows."""
    names = {text.split("@")[0] for _, expected in table.values() for text in expected}
    return {rule.name for rule in clause.rules} - names
