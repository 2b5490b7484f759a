"""A table for each clause about the responses of a service."""

import json
from typing import Any

import pytest

from contract.cases.placeholders import DELETED, UNKNOWN
from contract.clauses.service_response import (
    ACCEPT,
    CLOSED_WHILE_SENDING,
    ERROR,
    MEDIA,
    NO_5XX,
    REJECT,
    SCHEMA,
    STATUS,
)
from contract.model import (
    Finding,
    Json,
    KeyVariant,
    Label,
    Level,
    Note,
    Operation,
    Outcome,
    OutcomeKind,
    RequestOverride,
    Response,
    Violation,
)
from tests.unit.client_examples import Table, row_ids, rows, untested_rules
from tests.unit.service_examples import (
    ATTRIBUTES,
    BEFORE,
    ERRORS,
    NEW_ROW,
    NO_RESPONSE,
    NOT_CONCERNED,
    OPEN,
    PLACE,
    findings,
    raw_findings,
    raw_response,
    redirected,
    refused,
    request,
    returned,
    sends,
    wrong_keys,
)

JSON_API = "application/vnd.api+json"
NEGATIVE = Label(f"{PLACE}/start", "below -2^31")
EMPTY = Label(f"{PLACE}/event_id", "empty")
GENERATED = {"labels": (NEGATIVE, EMPTY), "is_generated": True}
START, FLAG = f"{PLACE}/start", f"{PLACE}/is_device_type_selected_by_user"
SHAPE = "$:truncated"
NOT_JSON = Violation("", "JSON", "trailing comma")
NOT_JSON_MEDIA = Violation("Content-Type", "media type", "text/plain; charset=utf-8")
UNREADABLE = {**raw_response(b"<html>", "text/html"), "sent_body": b" " * (1 << 20)}


def is_invalid(place: str, keyword: str, how: str, value: Json = ...) -> dict[str, Any]:
    """Return the parts of an exchange in which an invalid value is accepted."""
    parts = sends()
    body = {"data": {"type": "snapshots", "attributes": {**ATTRIBUTES}}}
    *names, name = place.split("/")[1:]
    parent: Json = body
    for member in names:
        parent = parent[member]
    parent.pop(name, None)
    if value is not ...:
        parent[name] = value
    violation = Violation(place, keyword, how)
    return {**parts, "case": {"violation": violation, "body": body}}


ACCEPT_TABLE: Table = {
    "200": ({}, []),
    "header names in lower case": (request(labels=(Label("", "minimal"),)), []),
    "refused": (
        {"status": 400, "case": {"labels": (NEGATIVE,)}},
        [f"valid-body-refused@{START}:below-2-31"],
    ),
    "a catalogue case has one place": (
        {"status": 422, "case": {"labels": (NEGATIVE, EMPTY)}},
        [f"valid-body-refused@{START}:below-2-31"],
    ),
    "a generated case has several": (
        {"status": 400, "case": GENERATED},
        [f"valid-body-refused@{START}:below-2-31 {PLACE}/event_id:empty"],
    ),
    "failed": ({"status": 500}, ["valid-body-failed@full"]),
    "another success": ({"status": 201}, ["status-not-200@201"]),
    "a redirect": ({"status": 302}, ["status-not-200@302"]),
    "no response": (
        {"responses": (None,), "outcome": NO_RESPONSE},
        ["valid-body-unanswered@full"],
    ),
    "not found, though listed": ({"status": 404}, ["valid-body-refused@full"]),
    "not found, not listed": ({"status": 404, "before": {}}, NOT_CONCERNED),
    "rate-limited": ({"status": 429}, NOT_CONCERNED),
    "an invalid body": (refused(200, NOT_JSON), NOT_CONCERNED),
    "an unknown id": (request(snapshot_id=(UNKNOWN,)), NOT_CONCERNED),
    "left open": (request(**OPEN), NOT_CONCERNED),
}

REJECT_TABLE: Table = {
    "refused": (refused(400, NOT_JSON), []),
    "failed, which S-NO-5XX judges": (refused(500, NOT_JSON), []),
    "required": (
        is_invalid(START, "required", "absent"),
        [f"required-unchecked@{START}"],
    ),
    "null": (is_invalid(START, "type", "null", None), [f"null-accepted@{START}"]),
    "boolean": (
        is_invalid(START, "type", "boolean", True),
        [f"boolean-accepted@{START}"],
    ),
    "numeric text": (
        is_invalid(START, "type", "numeric text", "7"),
        [f"numeric-text-accepted@{START}"],
    ),
    "another type": (
        is_invalid(FLAG, "type", "boolean as text", "true"),
        [f"type-unchecked@{FLAG}:boolean-as-text"],
    ),
    "enum": (
        is_invalid("/data/type", "enum", "other case", "Snapshots"),
        ["enum-unchecked@/data/type:other-case"],
    ),
    "range": (
        is_invalid(START, "format", "just above", 2**63),
        [f"range-unchecked@{START}:just-above"],
    ),
    "a root that is no object": (
        refused(200, Violation("", "type", "array"), body=[]),
        ["type-unchecked@$:array"],
    ),
    "no JSON": (
        refused(200, NOT_JSON, override=RequestOverride(body=(b"{,}",))),
        ["malformed-json-accepted@trailing-comma"],
    ),
    "no JSON media type": (
        refused(200, NOT_JSON_MEDIA, override=RequestOverride(body=(b"{}",))),
        ["media-type-accepted@text/plain"],
    ),
    "refused, yet stored": (
        {**refused(400, NOT_JSON), "after": {**BEFORE, "new": NEW_ROW}},
        ["changed-although-refused@"],
    ),
    "a valid body": ({}, NOT_CONCERNED),
    "a redirect": (refused(308, NOT_JSON), NOT_CONCERNED),
    "a deleted snapshot": (
        refused(404, NOT_JSON, snapshot_id=(DELETED,)),
        NOT_CONCERNED,
    ),
    "no response": ({**refused(400, NOT_JSON), "responses": (None,)}, NOT_CONCERNED),
}

NO_5XX_TABLE: Table = {
    "200": ({}, []),
    "400": ({"status": 400}, []),
    "429": ({"status": 429}, []),
    "500": (
        {"status": 500, "case": {"labels": (NEGATIVE,)}},
        [f"server-error@{START}:below-2-31"],
    ),
    "503, left open": ({"status": 503, "case": OPEN}, ["server-error@full"]),
    "500 before a 200": ({"statuses": (500, 200)}, ["server-error@full"]),
    "no response": (
        {"responses": (None,), "outcome": NO_RESPONSE},
        ["no-response@full"],
    ),
    "closed while sending": (
        {
            "responses": (None,),
            "outcome": Outcome(OutcomeKind.FAILED, type=CLOSED_WHILE_SENDING),
        },
        [],
    ),
}

STATUS_TABLE: Table = {
    "200": ({}, []),
    "429": ({"status": 429}, []),
    "observed": ({"status": 404}, []),
    "unknown success": ({"status": 201}, ["status-unknown@201"]),
    "unknown error": ({"status": 402}, ["status-unknown@402"]),
    "PUT": (
        {"status": 302, "case": {"override": RequestOverride(method="PUT")}},
        ["status-unknown@302"],
    ),
    "HEAD": (
        {"status": 302, "case": {"override": RequestOverride(method="HEAD")}},
        NOT_CONCERNED,
    ),
    "a deletion": (
        {"status": 204, "case": {"operation": Operation.DELETE}},
        NOT_CONCERNED,
    ),
    "an odd id, redirected to another form": (
        redirected("a/b", "/api/snapshots/a/b", 302),
        [],
    ),
    "an odd id, redirected elsewhere": (
        redirected("a/b", "/login", 302),
        ["status-unknown@302"],
    ),
    "500 alone": ({"status": 500}, NOT_CONCERNED),
    "left open": ({"status": 402, "case": OPEN}, NOT_CONCERNED),
}

SCHEMA_TABLE: Table = {
    "as documented": ({}, []),
    "a member that the schema does not name": (returned(extra=None), []),
    "text for an integer": (returned(start="1"), [f"type-wrong@{START}"]),
    "integer for a boolean": (
        returned(is_device_type_selected_by_user=1),
        [f"type-wrong@{FLAG}"],
    ),
    "null": (returned(session_id=None), [f"null-returned@{PLACE}/session_id"]),
    "beyond int64": (returned(start=2**63), [f"range-exceeded@{START}"]),
    "another type name": (
        {"document": {"data": {"type": "snapshot"}}},
        ["enum-unknown@/data/type"],
    ),
    "no type": ({"document": {"data": {"id": "a"}}}, ["member-missing@/data/type"]),
    "a list": ({"document": {"data": []}}, ["type-wrong@/data"]),
    "a space in a date": (
        returned(created_at="2019-09-19 10:00:00Z"),
        [f"date-malformed@{PLACE}/created_at"],
    ),
    "no zone": (
        returned(modified_at="2019-09-19T10:00:00.5"),
        [f"date-without-zone@{PLACE}/modified_at"],
    ),
    "no such day": (
        returned(modified_at="2019-02-30T10:00:00Z"),
        [f"date-impossible@{PLACE}/modified_at"],
    ),
    "empty": (raw_response(b""), ["unreadable@empty"]),
    "a byte order mark": (raw_response(b"\xef\xbb\xbf{}"), ["unreadable@syntax"]),
    "Latin-1": (raw_response(b'{"a":"\xe9"}'), ["unreadable@encoding"]),
    "an error": ({"status": 400}, NOT_CONCERNED),
    "left open": ({**raw_response(b""), "case": OPEN}, NOT_CONCERNED),
    "a list of snapshots": (request(operation=Operation.LIST), NOT_CONCERNED),
}

MEDIA_TABLE: Table = {
    "JSON": ({}, []),
    "a parameter": (raw_response(b"{}", "Application/JSON; charset=utf-8"), []),
    "none": (raw_response(b"{}", None), ["media-type-missing@"]),
    "HTML": (raw_response(b"{}", "text/html"), ["media-type-wrong@text/html"]),
    "JSON:API": (
        raw_response(b"{}", JSON_API),
        ["media-type-suffixed@application/vnd.api%2Bjson"],
    ),
    "unreadable, which S-SCHEMA judges": (raw_response(b""), NOT_CONCERNED),
    "an error": ({"status": 404, **raw_response(b"", "text/html")}, NOT_CONCERNED),
    "left open": (request(**OPEN), NOT_CONCERNED),
}


def error(status: int, document: Json, media_type: str = "application/json") -> Any:
    """Return the parts of an exchange with this error document."""
    return {"status": status, **raw_response(json.dumps(document).encode(), media_type)}


ERROR_TABLE: Table = {
    "documented": (error(400, ERRORS), []),
    "429": (error(429, ERRORS), []),
    "objects": (error(400, {"errors": [{"title": "no"}]}), []),
    "one error": (error(403, {"error": {"code": "a", "message": "b"}}), []),
    "JSON:API": (error(404, {"errors": [{"title": "no"}]}, JSON_API), []),
    "a page": (
        {"status": 404, **raw_response(b"<html>", "text/html")},
        ["error-unreadable@404"],
    ),
    "JSON under another media type": (
        error(400, ERRORS, "text/html"),
        ["error-media-type@text/html"],
    ),
    "no errors": (error(400, {"message": "no"}), ["error-member-missing@/errors"]),
    "null": (error(404, {"errors": None}), ["error-null@/errors"]),
    "text": (error(400, {"errors": "no"}), ["error-type-wrong@/errors"]),
    "a number in an object": (
        error(400, {"errors": [{"status": 400}]}),
        ["error-type-wrong@/errors/{item}/status"],
    ),
    "a list": (error(400, []), ["error-type-wrong@$"]),
    "429 with objects": (
        error(429, {"errors": [{"title": "no"}]}),
        ["error-type-wrong@/errors/{item}"],
    ),
    "429 as JSON:API": (
        error(429, ERRORS, JSON_API),
        ["error-media-type@application/vnd.api%2Bjson"],
    ),
    "a page below the application": ({"status": 413, **UNREADABLE}, NOT_CONCERNED),
    "a page of the application": (
        {"status": 404, **UNREADABLE},
        ["error-unreadable@404"],
    ),
    "a malformed id refused by the server": (
        {
            "status": 400,
            **UNREADABLE,
            "sent_body": b"",
            "case": {"snapshot_id": ("*",)},
        },
        NOT_CONCERNED,
    ),
    "200": ({}, NOT_CONCERNED),
    "500": ({"status": 500}, NOT_CONCERNED),
    "HEAD": (
        {"status": 404, "case": {"override": RequestOverride(method="HEAD")}},
        NOT_CONCERNED,
    ),
    "wrong keys": (wrong_keys(KeyVariant.MISSING, 403), []),
}

TABLES = {
    ACCEPT: ACCEPT_TABLE,
    REJECT: REJECT_TABLE,
    NO_5XX: NO_5XX_TABLE,
    STATUS: STATUS_TABLE,
    SCHEMA: SCHEMA_TABLE,
    MEDIA: MEDIA_TABLE,
    ERROR: ERROR_TABLE,
}


@pytest.mark.parametrize(
    ("clause", "parts", "expected"), rows(TABLES), ids=row_ids(TABLES)
)
def test_findings(clause: Any, parts: dict[str, Any], expected: list[str]) -> None:
    assert findings(clause, parts) == expected


@pytest.mark.parametrize("clause", TABLES, ids=lambda clause: clause.id)
def test_every_rule_is_shown_by_a_row(clause: Any) -> None:
    assert not untested_rules(clause, TABLES[clause])


@pytest.mark.parametrize("clause", TABLES, ids=lambda clause: clause.id)
def test_a_table_has_at_least_six_rows(clause: Any) -> None:
    assert len(TABLES[clause]) >= 6


@pytest.mark.parametrize("clause", [ACCEPT, NO_5XX], ids=lambda clause: clause.id)
def test_a_missing_response_is_timed(clause: Any) -> None:
    silent = {"responses": (None,), "outcome": NO_RESPONSE}
    for parts, is_timed in ((silent, True), ({"status": 500}, False)):
        (finding,) = raw_findings(clause, parts) or []
        assert isinstance(finding, Finding)
        assert finding.is_timed is is_timed


def test_another_json_type_is_milder() -> None:
    (finding,) = raw_findings(MEDIA, raw_response(b"{}", JSON_API)) or []
    assert isinstance(finding, Finding)
    assert finding.rule.level is Level.SHOULD


@pytest.mark.parametrize(
    ("clause", "parts", "message"),
    [
        (ERROR, error(400, {"errors": [{}]}), "has errors that are objects"),
        (ERROR, error(400, ERRORS, JSON_API), "has errors that are texts"),
        (
            ERROR,
            error(403, {"errors": [{"title": "a"}]}, "text/plain"),
            "has errors that are objects",
        ),
        (ERROR, error(400, {"error": {"code": "a", "message": "b"}}), "has one error"),
        (STATUS, {"status": 404}, "undocumented status 404"),
        (
            STATUS,
            redirected("a/b", "/api/snapshots/a/b", 302),
            "302: an id goes to another form of its path",
        ),
    ],
)
def test_observed_behavior_is_a_note(
    clause: Any, parts: dict[str, Any], message: str
) -> None:
    (note,) = raw_findings(clause, parts) or []
    assert isinstance(note, Note)
    assert message in note.message


def test_responses_with_one_mistake_give_one_finding_each() -> None:
    body = b"<html>"
    parts = {"responses": (Response(404, (), body), Response(405, (), body))}
    assert findings(ERROR, parts) == ["error-unreadable@404", "error-unreadable@405"]


def test_a_coding_that_nobody_reads_is_named() -> None:
    headers = (("Content-Type", "application/json"), ("Content-Encoding", "br"))
    (finding,) = raw_findings(SCHEMA, {"raw": b"\x8b\xff", "headers": headers}) or []
    assert finding.message == "A 200 is not UTF-8, in the coding br."


def test_the_message_names_the_violation() -> None:
    parts = is_invalid(START, "type", "numeric text", "7")
    (finding,) = raw_findings(REJECT, parts) or []
    assert finding.message == (
        "A body that breaks /data/attributes/start type: numeric text gets status 200."
    )
