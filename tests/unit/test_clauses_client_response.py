"""A table for each clause about what a client makes of a response."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contract.clauses.client_response import ANSWER, ERROR, ERROR_ODD
from contract.clauses.client_response import SNAPSHOT as SNAPSHOT_CLAUSE
from contract.model import (
    Delivery,
    FirstCall,
    Json,
    Label,
    Level,
    Outcome,
    OutcomeKind,
    Response,
)
from tests.unit.client_examples import (
    BROKEN,
    FAILED,
    KEYS,
    NOT_CONCERNED,
    REFUSED,
    SNAPSHOT,
    SPEC,
    UNSUPPORTED,
    Table,
    findings,
    other_schema,
    raw_findings,
    row_ids,
    rows,
    served,
    untested_rules,
)

PLACE = "/data/attributes"
CRASHED = Outcome(OutcomeKind.CRASHED, type="KeyError")
CUT = (Response(200, delivery=Delivery.CUT),)
REDIRECT = (Response(307, (("Location", "https://example.com/"),)),)

ATTRIBUTES: Json = {
    "created_at": "2019-09-19T10:00:00.5Z",
    "session_id": "a",
    "start": 9007199254740993,
    "is_device_type_selected_by_user": True,
}


def snapshot(**changes: Any) -> Json:
    """Return a snapshot with other attributes. `...` leaves one out."""
    members = {**ATTRIBUTES, **changes}
    remaining = {n: value for n, value in members.items() if value is not ...}
    return {"data": {"type": "snapshots", "id": "a", "attributes": remaining}}


def changed(**changes: Any) -> dict[str, Any]:
    """Return the parts of an exchange whose caller gets other attributes."""
    outcome = Outcome(OutcomeKind.SNAPSHOT, snapshot=snapshot(**changes))
    return served(snapshot(), outcome=outcome)


def reported(value: Json, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange whose caller gets another snapshot."""
    return {"outcome": Outcome(OutcomeKind.SNAPSHOT, snapshot=value), **parts}


def packed(value: Json) -> Response:
    """Return a response that may come by gzip."""
    headers = (("Content-Type", "application/json"),)
    return Response(200, headers, json.dumps(value).encode(), Delivery.GZIP)


EARLIER = FirstCall(packed(snapshot()))
SAME = FirstCall(packed(SNAPSHOT))
LIST: Json = {"type": "array", "items": {"type": "integer"}}
SPEC_WITH_A_LIST = replace(
    SPEC, success_schema=other_schema(SPEC.success_schema, "view_id", LIST)
)

SNAPSHOT_TABLE: Table = {
    "equal": ({}, []),
    "the same instant": (changed(created_at="2019-09-19T12:00:00.500+02:00"), []),
    "digits of a date lost": (
        changed(created_at="2019-09-19T10:00:00Z"),
        [f"instant-altered@{PLACE}/created_at"],
    ),
    "no longer a date": (
        changed(created_at="today"),
        [f"instant-altered@{PLACE}/created_at"],
    ),
    "rounded": (
        changed(start=9007199254740992),
        [f"number-altered@{PLACE}/start"],
    ),
    "rounded to a double": (
        changed(start=9007199254740992.0),
        [f"number-altered@{PLACE}/start"],
    ),
    "trimmed": (changed(session_id=""), [f"text-altered@{PLACE}/session_id"]),
    "inverted": (
        changed(is_device_type_selected_by_user=False),
        [f"boolean-altered@{PLACE}/is_device_type_selected_by_user"],
    ),
    "number as text": (changed(start="1"), [f"type-changed@{PLACE}/start"]),
    "lost": (changed(session_id=...), [f"member-lost@{PLACE}/session_id"]),
    "added": (changed(view_id=""), [f"member-added@{PLACE}/view_id"]),
    "null": (changed(session_id=None), [f"nulled@{PLACE}/session_id"]),
    "list of a documented member": (
        reported(snapshot(view_id=[1]), spec=SPEC_WITH_A_LIST)
        | served(snapshot(view_id=[1, 2])),
        [f"length-changed@{PLACE}/view_id"],
    ),
    "item of a documented list": (
        reported(snapshot(view_id=[1]), spec=SPEC_WITH_A_LIST)
        | served(snapshot(view_id=[2])),
        [f"number-altered@{PLACE}/view_id/{{item}}"],
    ),
    "undocumented member lost": (
        served({**SNAPSHOT, "x": [1]}),
        ["undocumented-member-altered@/{any}"],
    ),
    "undocumented integer rounded": (
        reported({**SNAPSHOT, "x": 2**53}) | served({**SNAPSHOT, "x": 2**53 + 1}),
        ["undocumented-integer-altered@/{any}"],
    ),
    "undocumented integer in an object": (
        reported({**SNAPSHOT, "x": {"y": [-(2**53)]}})
        | served({**SNAPSHOT, "x": {"y": [-(2**53) - 1]}}),
        ["undocumented-integer-altered@/{any}"],
    ),
    "undocumented integer refused": (
        {**served({**SNAPSHOT, "x": 2**53 + 1}), "outcome": BROKEN},
        ["undocumented-integer-altered@"],
    ),
    "documented integer refused": (
        {**served(snapshot()), "outcome": BROKEN},
        ["success-lost@"],
    ),
    "undocumented integer kept": (
        reported({**SNAPSHOT, "x": 2**53 + 1}) | served({**SNAPSHOT, "x": 2**53 + 1}),
        [],
    ),
    "of an earlier call": (
        {**reported(snapshot()), "first_call": EARLIER},
        ["earlier-response-returned@"],
    ),
    "of no call": (
        {**reported(snapshot(start=1)), "first_call": EARLIER},
        ["member-added@/data/attributes"],
    ),
    "the same twice": ({**reported(SNAPSHOT), "first_call": SAME}, []),
    "packed": (
        {"responses": (packed(SNAPSHOT),), "outcome": BROKEN},
        ["success-lost@"],
    ),
    "reported as broken": (
        {"outcome": BROKEN, "labels": (Label(f"{PLACE}/start", "negative"),)},
        [f"success-lost@{PLACE}/start"],
    ),
    "reported as failed": ({"outcome": FAILED}, ["success-lost@"]),
    "refused after all": ({"outcome": REFUSED}, NOT_CONCERNED),
    "crashed": ({"outcome": CRASHED}, NOT_CONCERNED),
    "another media type": (
        {"response_headers": (("Content-Type", "text/plain"),), "outcome": BROKEN},
        NOT_CONCERNED,
    ),
    "with errors": (served({**SNAPSHOT, "errors": []}), NOT_CONCERNED),
    "cut": ({"responses": CUT}, NOT_CONCERNED),
    "redirect": ({"responses": REDIRECT}, NOT_CONCERNED),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}

ANSWER_TABLE: Table = {
    "noticed": (served({"data": None}, outcome=BROKEN), []),
    "undocumented status": ({"status": 201}, ["undocumented-2xx@201"]),
    "no content": ({"status": 204, "response": b""}, ["undocumented-2xx@204"]),
    "empty": ({"response": b" \n"}, ["unreadable-response@empty"]),
    "truncated": ({"response": b'{"data"'}, ["unreadable-response@truncated"]),
    "trailing comma": ({"response": b'{"a": 1,}'}, ["unreadable-response@syntax"]),
    "trailing text": ({"response": b"{}}"}, ["unreadable-response@trailing"]),
    "two documents": ({"response": b"{}, {}"}, ["unreadable-response@trailing"]),
    "comment": ({"response": b"{} // a"}, ["unreadable-response@comment"]),
    "not UTF-8": ({"response": b'{"a": "\xff"}'}, ["unreadable-response@encoding"]),
    "errors": (served({"errors": []}), ["errors-in-200@$"]),
    "errors beside data": (
        served({**SNAPSHOT, "errors": []}),
        ["errors-in-200@/data"],
    ),
    "root is null": (served(None), ["null-accepted@$"]),
    "null": (served({"data": None}), ["null-accepted@/data"]),
    "boolean": (
        served(snapshot(session_id=True)),
        [f"boolean-accepted@{PLACE}/session_id"],
    ),
    "text for an integer": (
        served(snapshot(start="1")),
        [f"numeric-text-accepted@{PLACE}/start"],
    ),
    "list for a text": (
        served(snapshot(session_id=[])),
        [f"type-unchecked@{PLACE}/session_id"],
    ),
    "beyond int64": (served(snapshot(start=2**63)), [f"range-unchecked@{PLACE}/start"]),
    "date without zone": (
        served(snapshot(created_at="2019-09-19")),
        [f"date-unchecked@{PLACE}/created_at"],
    ),
    "date of another type": (
        served(snapshot(created_at=None)),
        [f"null-accepted@{PLACE}/created_at"],
    ),
    "another type name": (
        served({"data": {"type": "snapshot"}}),
        ["enum-unchecked@/data/type"],
    ),
    "no type": (served({"data": {}}), ["required-unchecked@/data/type"]),
    "documented success": ({}, NOT_CONCERNED),
    "error": ({"status": 429}, NOT_CONCERNED),
    "crash": ({"status": 201, "outcome": CRASHED}, NOT_CONCERNED),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}


def error(*texts: str, status: int = 429, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange with a documented error."""
    return served({"errors": list(texts)}, status=status, **parts)


def api_error(*errors: str, status: int = 429) -> Outcome:
    """Return the outcome of an error that the client noticed."""
    return Outcome(OutcomeKind.API_ERROR, status=status, errors=errors)


ERROR_TABLE: Table = {
    "status and text": (error("a", outcome=api_error("a")), []),
    "two texts in one": (error("a", "b", outcome=api_error("400: a, b")), []),
    "raw body": (error('"é"', outcome=api_error(r'{"errors": ["\"\u00e9\""]}')), []),
    "no text": (error(outcome=api_error()), []),
    "success": (error("a"), ["error-as-success@"]),
    "broken": (error("a", outcome=BROKEN), ["error-as-other-outcome@broken_answer"]),
    "failed": (error("a", outcome=FAILED), ["error-as-other-outcome@failed"]),
    "another status": (
        error("a", outcome=api_error("a", status=400)),
        ["status-lost@"],
    ),
    "the first text only": (
        error("a", "b", "c", outcome=api_error("a")),
        ["error-text-lost@/errors/{item}"],
    ),
    "Latin-1": (
        error("Größe a, 日 b", outcome=api_error("GrÃ¶Ã\x9fe a, æ\x97¥ b")),
        ["error-text-altered@/errors/{item}"],
    ),
    "another text": (
        error("Größe a", outcome=api_error("a Gr")),
        ["error-text-lost@/errors/{item}"],
    ),
    "no ASCII in the text": (
        error("日", outcome=api_error("?")),
        ["error-text-lost@/errors/{item}"],
    ),
    "another shape": (served({}, status=429, outcome=BROKEN), NOT_CONCERNED),
    "crashed": (error("a", outcome=CRASHED), NOT_CONCERNED),
    "unsupported": (error("a", outcome=UNSUPPORTED), NOT_CONCERNED),
    "documented success": ({}, NOT_CONCERNED),
}

PAGE: dict[str, Any] = {"status": 502, "response": b"<html>"}
ERROR_ODD_TABLE: Table = {
    "status": (PAGE | {"outcome": api_error(status=502)}, []),
    "success": (PAGE, ["error-as-success@"]),
    "broken": (PAGE | {"outcome": BROKEN}, ["error-as-other-outcome@broken_answer"]),
    "another status": (PAGE | {"outcome": api_error(status=500)}, ["status-lost@"]),
    "object errors": (
        served({"errors": {}}, status=400, outcome=BROKEN),
        ["error-as-other-outcome@broken_answer"],
    ),
    "empty": (
        {"status": 500, "response": b"", "outcome": api_error(status=500)},
        [],
    ),
    "documented shape": (error("a"), NOT_CONCERNED),
    "crashed": (PAGE | {"outcome": CRASHED}, NOT_CONCERNED),
    "documented success": ({}, NOT_CONCERNED),
}

TABLES = {
    SNAPSHOT_CLAUSE: SNAPSHOT_TABLE,
    ANSWER: ANSWER_TABLE,
    ERROR: ERROR_TABLE,
    ERROR_ODD: ERROR_ODD_TABLE,
}


@pytest.mark.parametrize(
    ("clause", "parts", "expected"), rows(TABLES), ids=row_ids(TABLES)
)
def test_findings(clause: Any, parts: dict[str, Any], expected: list[str]) -> None:
    assert findings(clause, parts) == expected


@pytest.mark.parametrize("clause", TABLES, ids=lambda clause: clause.id)
def test_every_rule_is_shown_by_a_row(clause: Any) -> None:
    assert not untested_rules(clause, TABLES[clause])


def test_an_undocumented_member_is_milder() -> None:
    (finding,) = raw_findings(SNAPSHOT_CLAUSE, served({**SNAPSHOT, "x": 1})) or []
    assert finding.rule.level is Level.SHOULD


def test_a_lost_success_is_timed_only_if_the_call_failed() -> None:
    results = [
        raw_findings(SNAPSHOT_CLAUSE, {"outcome": outcome}) or []
        for outcome in (FAILED, BROKEN)
    ]
    assert [[f.is_timed for f in result] for result in results] == [[True], [False]]


def test_a_message_shows_both_values_without_keys() -> None:
    parts = changed(session_id=KEYS.api_key)
    (finding,) = raw_findings(SNAPSHOT_CLAUSE, parts) or []
    assert finding.message == (
        "The caller's snapshot differs: /data/attributes/session_id: "
        '"a" became "[key]".'
    )
