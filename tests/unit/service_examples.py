"""Exchanges with a service that hold, for tables of clauses.

Each row of a table changes a few parts, and names the findings that follow.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from contract.cases.placeholders import DELETED, OTHER, OWN, SIBLING, UNKNOWN
from contract.clauses.base import Clause, SitesClause
from contract.clauses.service_facts import ServiceFacts
from contract.model import (
    VIEW_NAME,
    Finding,
    Headers,
    Json,
    KeyVariant,
    Label,
    Listing,
    Note,
    Operation,
    Outcome,
    OutcomeKind,
    Owner,
    Placeholder,
    Request,
    RequestOverride,
    Response,
    ServiceCase,
    ServiceCredential,
    ServiceExchange,
    Violation,
)
from contract.spec import load

__all__ = [
    "AFTER",
    "ATTRIBUTES",
    "BEFORE",
    "CREATE",
    "ERRORS",
    "FOREIGN",
    "IDS",
    "KEYS",
    "LOWER_CASE",
    "MOVED",
    "NEW",
    "NEW_ROW",
    "NOT_CONCERNED",
    "NO_RESPONSE",
    "OPEN",
    "PLACE",
    "SITES",
    "changed",
    "context_with",
    "created",
    "findings",
    "listing",
    "named",
    "path",
    "raw_findings",
    "raw_response",
    "redirected",
    "refused",
    "request",
    "returned",
    "sends",
    "sequence",
    "stays",
    "wrong_keys",
]

SPEC = load()
SITES = ("a.example", "b.example", "c.example")
PLACE = "/data/attributes"
NEW = Placeholder(Owner.OWN, 10)
IDS = {
    OWN: "11111111-0000-4000-8000-000000000001",
    SIBLING: "11111111-0000-4000-8000-000000000002",
    OTHER: "22222222-0000-4000-8000-000000000001",
    DELETED: "11111111-0000-4000-8000-000000000003",
    UNKNOWN: "11111111-0000-4000-8000-000000000004",
}
KEYS = ("api-0123456789abcdef", "app-0123456789abcdef")
VIEW = "contract-view-1"
NOT_CONCERNED = ["not concerned"]
ERRORS: Json = {"errors": ["no"]}
JSON: Headers = (("Content-Type", "application/json"),)
SUCCESS = Outcome(OutcomeKind.SNAPSHOT)
NO_RESPONSE = Outcome(OutcomeKind.FAILED, type="timeout", message="timed out")

ATTRIBUTES: Json = {
    "created_at": "2019-09-19T10:00:00.5Z",
    "created_by": "Ada",
    "event_id": "old",
    "is_device_type_selected_by_user": False,
    "modified_at": "2019-09-19T10:00:00.5Z",
    "org_id": 1,
    "session_id": "session",
    "start": 1,
    "view_name": VIEW,
}
SENT: Json = {"event_id": "a", "start": 2, "is_device_type_selected_by_user": True}
MOVED = "2019-09-19T10:00:01.5Z"


def row(placeholder: Placeholder, **attributes: Json) -> Json:
    """Return a stored snapshot with other attributes. Those that are `...` go."""
    merged = {**ATTRIBUTES, **attributes}
    left = {name: merged[name] for name in merged if merged[name] is not ...}
    return {"type": "snapshots", "id": IDS[placeholder], "attributes": left}


def listing(
    *more: Placeholder, sibling: Json = None, **attributes: Json
) -> dict[str, Json]:
    """Return a listing. The attributes differ in the own snapshot."""
    rows = (row(OWN, **attributes), row(SIBLING, **(sibling or {})), *map(row, more))
    return {snapshot["id"]: snapshot for snapshot in rows}


BEFORE = listing()
AFTER = listing(**SENT, modified_at=MOVED)
NEW_ROW: Json = {"id": "new", "type": "snapshots", "attributes": ATTRIBUTES}


@dataclass(frozen=True)
class Example:
    """The parts of an exchange that a row may change.

    `document` is the JSON of the response, `raw` its body instead. `statuses` are
    those of all requests, `responses` replaces them all. `after` is by default what
    the status promises. `case` changes fields of the case.
    """

    status: int = 200
    statuses: tuple[int, ...] = ()
    document: Json = None
    raw: bytes | None = None
    headers: Headers = JSON
    responses: tuple[Response | None, ...] | None = None
    before: Listing | None = field(default_factory=lambda: BEFORE)
    after: Any = ...
    lag_s: float = 0.0
    since_update_s: float = 0.0
    outcome: Outcome = SUCCESS
    keys: tuple[str, ...] = KEYS
    ids: dict[Placeholder, str] = field(default_factory=lambda: IDS)
    sent_body: bytes = b"{}"
    site: str = SITES[0]
    target: str = "/"
    case: dict[str, Any] = field(default_factory=dict)

    def response(self, status: int) -> Response:
        """Return one response."""
        document = {"data": AFTER[IDS[OWN]]} if status < 400 else ERRORS
        if self.document is not None:
            document = self.document
        body = json.dumps(document).encode() if self.raw is None else self.raw
        return Response(status, self.headers, body)

    def exchange(self) -> ServiceExchange:
        """Return the exchange."""
        responses = self.responses
        if responses is None:
            statuses = self.statuses or (self.status,)
            responses = tuple(self.response(status) for status in statuses)
        after = self.after
        if after is ...:
            after = AFTER if self.status == 200 else self.before
        body = {"data": {"type": "snapshots", "id": OWN, "attributes": SENT}}
        plain = {"labels": (Label("", "full"),), "snapshot_id": (OWN,), "body": body}
        url = f"https://{self.site}{self.target}"
        return ServiceExchange(
            case=ServiceCase(**(plain | self.case)),
            site=self.site,
            requests=(Request("PATCH", url, body=self.sent_body),) * len(responses),
            responses=responses,
            outcome=self.outcome,
            before=self.before,
            after=after,
            lag_s=self.lag_s,
            since_update_s=self.since_update_s,
            ids=self.ids,
            view=VIEW,
            keys=self.keys,
        )


def context_with(**parts: Any) -> ServiceFacts:
    """Return the context of an exchange that differs in these parts."""
    return ServiceFacts(Example(**parts).exchange(), SPEC)


def raw_findings(clause: Any, parts: dict[str, Any]) -> list[Finding | Note] | None:
    """Return the results in an exchange, or None if it does not concern the clause.

    A clause that compares sites gets one context for each of `parts["sites"]`.
    """
    match clause:
        case Clause():
            context = context_with(**parts)
            return list(clause.check(context)) if clause.concerns(context) else None
        case SitesClause():
            contexts = [context_with(**site) for site in parts["sites"]]
            if not clause.concerns(contexts):
                return None
            return [finding for _, finding in clause.check(contexts)]
    return None


def findings(clause: Any, parts: dict[str, Any]) -> list[str]:
    """Return `rule@place` of each finding in an exchange. Notes are left out."""
    results = raw_findings(clause, parts)
    if results is None:
        return NOT_CONCERNED
    findings_only = [result for result in results if isinstance(result, Finding)]
    assert all(finding.rule in clause.rules for finding in findings_only)
    return [
        "@".join((finding.rule.name, " ".join((finding.place, *finding.other_places))))
        for finding in findings_only
    ]


# -- parts that several rows need ------------------------------------------------------


def request(**fields: Any) -> dict[str, Any]:
    """Return the parts of an exchange with other fields of the case."""
    return {"case": fields}


def sends(*labels: Label, **attributes: Json) -> dict[str, Any]:
    """Return the parts of an exchange in which these attributes were sent and kept."""
    sent = {**SENT, **attributes}
    snapshot = row(OWN, **sent, modified_at=MOVED)
    body = {"data": {"type": "snapshots", "id": OWN, "attributes": sent}}
    labels = labels or (Label("", "full"),)
    return {
        "document": {"data": snapshot},
        "after": {**BEFORE, IDS[OWN]: snapshot},
        "case": {"labels": labels, "body": body},
    }


def changed(parts: dict[str, Any], **attributes: Json) -> dict[str, Any]:
    """Return parts in which the response has other attributes than the list."""
    data = parts.get("document", {"data": AFTER[IDS[OWN]]})["data"]
    merged = {**data["attributes"], **attributes}
    left = {name: merged[name] for name in merged if merged[name] is not ...}
    return {**parts, "document": {"data": {**data, "attributes": left}}}


def returned(**attributes: Json) -> dict[str, Any]:
    """Return the parts of an exchange whose 200 has other attributes. `...` goes."""
    return changed({}, **attributes)


def raw_response(raw: bytes, media_type: str | None = "application/json") -> Any:
    """Return the parts of an exchange with this body and media type."""
    headers = () if media_type is None else (("Content-Type", media_type),)
    return {"raw": raw, "headers": headers}


def refused(status: int, violation: Violation, **fields: Any) -> dict[str, Any]:
    """Return the parts of an exchange with an invalid body."""
    return {"status": status, "case": {"violation": violation, **fields}}


def wrong_keys(variant: KeyVariant, status: int, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange with keys that open nothing."""
    credential = ServiceCredential(variant=variant)
    return {"status": status, "case": {"credential": credential}, **parts}


def redirected(
    snapshot_id: str, location: str, status: int = 307, *, first: Any = ""
) -> dict[str, Any]:
    """Return the parts of an exchange in which an id is redirected."""
    target = f"/api/snapshots/{quote(snapshot_id, safe='')}"
    return {
        "status": status,
        "target": target,
        "headers": (*JSON, ("Location", location)),
        "after": BEFORE,
        "case": {"snapshot_id": (first or snapshot_id,)},
    }


OPEN = {"override": RequestOverride(is_open=True)}
FOREIGN = {"credential": ServiceCredential(Owner.OTHER)}
LOWER_CASE = {"credential": ServiceCredential(variant=KeyVariant.LOWER_CASE_NAMES)}
CREATE: dict[str, Any] = {
    "operation": Operation.CREATE,
    "snapshot_id": (NEW,),
    "body": {
        "data": {
            "type": "snapshots",
            "attributes": {**ATTRIBUTES, "view_name": VIEW_NAME},
        }
    },
}


def named(placeholder: Any, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange whose body has another id than the path."""
    body = {"data": {"type": "snapshots", "id": placeholder, "attributes": {}}}
    return {"case": {"body": body}, **parts}


def path(*snapshot_id: Any, status: int = 404, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange about another snapshot."""
    fields = parts.pop("fields", {})
    case = {"snapshot_id": snapshot_id, **fields}
    return {"status": status, "after": BEFORE, "case": case, **parts}


def created(status: int = 201, row: Json = None, **attributes: Json) -> dict[str, Any]:
    """Return the parts of an exchange that creates a snapshot."""
    data = CREATE["body"]["data"]
    body = {"data": {**data, "attributes": {**data["attributes"], **attributes}}}
    return {
        "status": status,
        "ids": {**IDS, NEW: "new"},
        "after": BEFORE if row is None else {**BEFORE, "new": row},
        "case": {**CREATE, "body": body},
    }


def sequence(**attributes: Json) -> dict[str, Any]:
    """Return the parts of a list whose result a sequence knows."""
    expected = {OWN: {**ATTRIBUTES, **attributes}}
    fields = {"operation": Operation.LIST, "snapshot_id": (), "body": None}
    return {"after": BEFORE, "case": {**fields, "expected": expected}}


def stays(time: str) -> dict[str, Any]:
    """Return the parts of an exchange after which `modified_at` is as before."""
    return {
        "before": listing(modified_at=time),
        "after": listing(modified_at=time),
    }
