"""A table for each clause about the snapshots that a service stores."""

import json
from typing import Any

import pytest

from contract.cases.placeholders import DELETED, OTHER, OWN, SIBLING, UNKNOWN
from contract.clauses.service_state import (
    ECHO,
    GONE,
    ID,
    PATH_ID,
    REPEAT,
    STORED,
    UNTOUCHED,
)
from contract.clauses.service_state import (
    UNKNOWN as UNKNOWN_CLAUSE,
)
from contract.model import (
    Json,
    KeyVariant,
    Label,
    Level,
    Operation,
    RequestOverride,
    Response,
    Violation,
)
from tests.unit.client_examples import Table, row_ids, rows, untested_rules
from tests.unit.service_examples import (
    AFTER,
    ATTRIBUTES,
    BEFORE,
    FOREIGN,
    IDS,
    LOWER_CASE,
    MOVED,
    NEW_ROW,
    NOT_CONCERNED,
    OPEN,
    PLACE,
    changed,
    created,
    findings,
    listing,
    named,
    path,
    raw_findings,
    raw_response,
    redirected,
    request,
    returned,
    sends,
    sequence,
    stays,
    wrong_keys,
)

EVENT, START = f"{PLACE}/event_id", f"{PLACE}/start"
SESSION = f"{PLACE}/session_id"
FLAG = "is_device_type_selected_by_user"
BIG = Label(START, "beyond 2^53")
OTHER_ZONE = "2019-09-19T12:00:00.500+02:00"
NOT_JSON = Violation("", "JSON", "truncated")
ADDED = {**BEFORE, "new": NEW_ROW}


def listed(parts: dict[str, Any], **attributes: Json) -> dict[str, Any]:
    """Return parts in which the list has other attributes than the response."""
    data = parts["document"]["data"]
    merged = {**data["attributes"], **attributes}
    left = {name: merged[name] for name in merged if merged[name] is not ...}
    return {**parts, "after": {**BEFORE, IDS[OWN]: {**data, "attributes": left}}}


def twice(**attributes: Json) -> dict[str, Any]:
    """Return the parts of an exchange in which the second response differs."""
    first = {"data": AFTER[IDS[OWN]]}
    second = returned(**attributes)["document"]
    bodies = [json.dumps(document).encode() for document in (first, second)]
    return {"responses": tuple(Response(200, (), body) for body in bodies)}


ID_TABLE: Table = {
    "the path's id": ({}, []),
    "another id": (
        {"document": {"data": {"id": "b"}}},
        ["id-other@/data/id"],
    ),
    "no id": ({"document": {"data": {}}}, ["id-missing@/data/id"]),
    "null": ({"document": {"data": {"id": None}}}, ["id-missing@/data/id"]),
    "a number, which S-SCHEMA judges": (
        {"document": {"data": {"id": 17}}, "ids": {**IDS, OWN: "17"}},
        [],
    ),
    "a list": ({"document": {"data": []}}, ["id-missing@/data/id"]),
    "not found": ({"status": 404}, ["new-id-unknown@"]),
    "a body with another id, the path's id returned": (named(SIBLING), []),
    "a body with another id, which is returned": (
        named(SIBLING, document={"data": {"id": IDS[SIBLING]}}),
        ["id-other@/data/id"],
    ),
    "unreadable": (raw_response(b"\xef\xbb\xbf{}"), NOT_CONCERNED),
    "refused": ({"status": 400}, NOT_CONCERNED),
    "an unknown id": (path(UNKNOWN), NOT_CONCERNED),
    "left open": (request(**OPEN), NOT_CONCERNED),
}

ECHO_TABLE: Table = {
    "exact": ({}, []),
    "another notation of a number": (returned(start=2.0), []),
    "more attributes": (returned(extra=1), []),
    "an attribute that the request schema does not name": (
        changed(sends(extra=1), extra=2),
        [],
    ),
    "rounded": (
        changed(sends(BIG, start=2**53 + 1), start=2**53),
        [f"number-altered@{START}:beyond-2-53"],
    ),
    "the label is about another value": (
        changed(sends(BIG, start=2**53 + 1), event_id="b"),
        [f"text-altered@{EVENT}"],
    ),
    "lost": (returned(event_id=...), [f"member-lost@{EVENT}"]),
    "null": (returned(event_id=None), [f"nulled@{EVENT}"]),
    "a text for a number": (returned(start="2"), [f"type-changed@{START}"]),
    "inverted": (returned(**{FLAG: False}), [f"boolean-altered@{PLACE}/{FLAG}"]),
    "a longer list": (
        changed(sends(event_id=[1]), event_id=[1, 2]),
        [f"length-changed@{EVENT}"],
    ),
    "a member more": (
        changed(sends(event_id={}), event_id={"a": 1}),
        [f"member-added@{EVENT}/{{any}}"],
    ),
    "no attributes": (
        {"document": {"data": {"type": "snapshots"}}},
        [f"member-lost@{PLACE}"],
    ),
    "unreadable": (raw_response(b""), NOT_CONCERNED),
    "refused": ({"status": 400}, NOT_CONCERNED),
    "a body with another id": (named(SIBLING), NOT_CONCERNED),
}

STORED_TABLE: Table = {
    "stored": ({}, []),
    "another notation of a number": (listed(sends(start=5), start=5.0), []),
    "refused": ({"status": 400}, []),
    "refused, yet stored": (
        {"status": 400, "after": AFTER},
        ["changed-although-refused@"],
    ),
    "wrong keys, yet stored": (
        wrong_keys(KeyVariant.WRONG, 403, after=ADDED),
        ["changed-although-refused@"],
    ),
    "not listed": ({"after": {}}, ["snapshot-not-listed@"]),
    "the old value": (
        listed(sends(), event_id="old"),
        [f"old-value-listed@{EVENT}"],
    ),
    "rounded": (
        listed(sends(BIG, start=2**53 + 1), start=2**53),
        [f"number-altered@{START}:beyond-2-53"],
    ),
    "altered": (listed(sends(), event_id="?"), [f"text-altered@{EVENT}"]),
    "lost": (listed(sends(), event_id=...), [f"member-lost@{EVENT}"]),
    "null": (listed(sends(), event_id=None), [f"nulled@{EVENT}"]),
    "a text for a number": (listed(sends(), start="2"), [f"type-changed@{START}"]),
    "created": (created(row=NEW_ROW), []),
    "created, not listed beside others": (created(), []),
    "created, and the list is empty": (
        {**created(), "before": {}, "after": {}},
        ["snapshot-not-listed@"],
    ),
    "listed late": ({"lag_s": 0.3}, ["listed-late@"]),
    "listed late, another operation": (
        {**sequence(), "lag_s": 0.3},
        [],
    ),
    "created, inverted": (
        created(row=NEW_ROW, **{FLAG: True}),
        [f"boolean-altered@{PLACE}/{FLAG}"],
    ),
    "created, another instant": (
        created(row=NEW_ROW, created_at="2019-09-19T10:00:00Z"),
        [f"instant-altered@{PLACE}/created_at"],
    ),
    "created, the same instant": (created(row=NEW_ROW, created_at=OTHER_ZONE), []),
    "created, a longer list": (
        created(row={"attributes": {**ATTRIBUTES, "extra": [1, 2]}}, extra=[1]),
        [f"length-changed@{PLACE}/{{any}}"],
    ),
    "created, a member more": (
        created(row={"attributes": {**ATTRIBUTES, "extra": {"a": 1}}}, extra={}),
        [f"member-added@{PLACE}/{{any}}"],
    ),
    "create refused": (created(status=400), NOT_CONCERNED),
    "a sequence": (sequence(), []),
    "a sequence lists what a step before has judged": (sequence(event_id="new"), []),
    "a sequence lists another value than after the last step": (
        {**sequence(event_id="new"), "before": listing(event_id="new")},
        ["sequence-differs@"],
    ),
    "a list of no sequence": (request(operation=Operation.LIST), NOT_CONCERNED),
    "a deletion": (request(operation=Operation.DELETE), NOT_CONCERNED),
    "not listed before": ({"before": None}, NOT_CONCERNED),
    "failed": ({"status": 500}, NOT_CONCERNED),
    "rate-limited": ({"status": 429}, NOT_CONCERNED),
    "left open": ({"status": 400, "case": OPEN}, NOT_CONCERNED),
}

UNTOUCHED_TABLE: Table = {
    "nothing else": ({}, []),
    "the response writes an instant in another zone": (
        returned(created_at=OTHER_ZONE),
        [],
    ),
    "lost in the list": (
        {"after": listing(session_id=..., modified_at=MOVED)},
        [f"unnamed-lost@{SESSION}"],
    ),
    "modified stays, the same instant in another zone": (
        {"after": listing(modified_at=OTHER_ZONE), "since_update_s": 0.2},
        ["modified-still@"],
    ),
    "modified stays within one tick of its clock": (
        {"after": listing(modified_at=OTHER_ZONE), "since_update_s": 0.05},
        [],
    ),
    "modified stays, with whole seconds": (
        {**stays("2019-09-19T10:00:01Z"), "since_update_s": 1.1},
        ["modified-still@"],
    ),
    "modified stays within a second": (
        {**stays("2019-09-19T10:00:01Z"), "since_update_s": 0.9},
        [],
    ),
    "modified stays within a second, written with zeros": (
        {**stays("2019-09-19T10:00:01.000000Z"), "since_update_s": 0.9},
        [],
    ),
    "a null in the response, which S-SCHEMA judges": (returned(session_id=None), []),
    "a null that only the list has": (
        {"before": listing(extra=None), "after": listing(extra=None)},
        [],
    ),
    "lost in the response": (returned(session_id=...), [f"unnamed-lost@{SESSION}"]),
    "added": (returned(extra=1), [f"unnamed-added@{PLACE}/{{any}}"]),
    "altered": (returned(session_id="b"), [f"unnamed-altered@{SESSION}"]),
    "made by another": (
        changed(sends(created_by="Eve"), created_by="Eve"),
        [f"unnamed-altered@{PLACE}/created_by"] * 2,
    ),
    "an undocumented attribute that was sent": (sends(extra=1), []),
    "no attributes in the response": (
        {"document": {"data": {}}},
        [f"unnamed-lost@{PLACE}"],
    ),
    "another snapshot changed": (
        {"after": {**AFTER, IDS[SIBLING]: NEW_ROW}},
        ["other-snapshot-changed@"],
    ),
    "another snapshot appeared": (
        {"after": {**AFTER, "new": NEW_ROW}},
        ["other-snapshot-changed@"],
    ),
    "another snapshot disappeared": (
        {"after": {IDS[OWN]: AFTER[IDS[OWN]]}},
        ["other-snapshot-changed@"],
    ),
    "modified went back": (
        {"after": listing(modified_at="2019-09-19T10:00:00.4Z")},
        ["modified-back@"],
    ),
    "no date": ({"after": listing(modified_at="now")}, []),
    "unreadable": (raw_response(b""), NOT_CONCERNED),
    "refused": ({"status": 400}, NOT_CONCERNED),
    "not listed after": ({"after": None}, NOT_CONCERNED),
}

REPEAT_TABLE: Table = {
    "the same": ({"statuses": (200, 200)}, []),
    "refused": ({"statuses": (200, 409)}, ["repeat-refused@409"]),
    "failed": ({"statuses": (200, 500)}, ["repeat-refused@500"]),
    "rate-limited between": ({"statuses": (200, 429, 200)}, []),
    "the time of the last change": (twice(modified_at=OTHER_ZONE), []),
    "another value": (twice(session_id="b"), [f"repeat-differs@{SESSION}"]),
    "a value less": (twice(session_id=...), [f"repeat-differs@{SESSION}"]),
    "refused first": ({"statuses": (400, 200)}, NOT_CONCERNED),
    "unreadable, which S-SCHEMA judges": (
        {"responses": (twice()["responses"][0], Response(200, (), b"\xff"))},
        [],
    ),
    "once": ({}, NOT_CONCERNED),
    "an unknown id": ({**path(UNKNOWN), "statuses": (200, 200)}, NOT_CONCERNED),
}

UNKNOWN_TABLE: Table = {
    "404": (path(UNKNOWN), []),
    "failed, which S-NO-5XX judges": (path(UNKNOWN, status=500), []),
    "400": (path(UNKNOWN, status=400), ["unknown-id-status@400"]),
    "malformed, 400": (path("*", status=400), []),
    "malformed, redirect": (path("*", status=302), ["unknown-id-status@302"]),
    "malformed, success": (
        path("*", status=200, fields={"labels": (Label("snapshot_id", "wildcard"),)}),
        ["unknown-id-accepted@snapshot_id:wildcard"],
    ),
    "an id with a slash, redirected to its segments": (
        redirected("a/b", "/api/snapshots/a/b"),
        [],
    ),
    "an id with a dot, normalized": (
        redirected("a/./b", "https://a.example/api/snapshots/a/b", 301),
        [],
    ),
    "an id with a percent sign, decoded": (
        redirected("a%20b", "/api/snapshots/a%20b", 308),
        [],
    ),
    "a slash at the end, left out": (redirected("a/", "/api/snapshots/a"), []),
    "an id with a slash, redirected elsewhere": (
        redirected("a/b", "/login"),
        ["unknown-id-status@307"],
    ),
    "an id with a slash, redirected to another host": (
        redirected("a/b", "https://b.example/api/snapshots/a/b"),
        ["unknown-id-status@307"],
    ),
    "an id without any of them, redirected": (
        redirected("a+b", "/api/snapshots/a%2Bb"),
        ["unknown-id-status@307"],
    ),
    "the well-formed one, redirected": (
        redirected(IDS[UNKNOWN], f"/api/snapshots/{IDS[UNKNOWN]}/", first=UNKNOWN),
        ["unknown-id-status@307"],
    ),
    "lengthened": (path(OWN, "x", status=200), ["unknown-id-accepted@full"]),
    "success at the second request": (
        path(UNKNOWN, statuses=(404, 200)),
        ["unknown-id-accepted@full"],
    ),
    "404, yet created": (path(UNKNOWN, after=ADDED), ["changed-by-unknown-id@"]),
    "an existing snapshot": ({"status": 404}, NOT_CONCERNED),
    "wrong keys": (wrong_keys(KeyVariant.WRONG, 404), NOT_CONCERNED),
    "rate-limited": (path(UNKNOWN, status=429), NOT_CONCERNED),
}

DELETE = {"operation": Operation.DELETE, "body": None}
LEFT = {IDS[SIBLING]: BEFORE[IDS[SIBLING]]}
BACK = {**BEFORE, IDS[DELETED]: NEW_ROW}

GONE_TABLE: Table = {
    "404": (path(DELETED), []),
    "410": (path(DELETED, status=410), []),
    "deleted again": (path(DELETED, status=204, fields=DELETE), []),
    "success": (path(DELETED, status=200), ["deleted-id-accepted@"]),
    "another status": (path(DELETED, status=409), ["deleted-id-status@409"]),
    "deleted again, another status": (
        path(DELETED, status=409, fields=DELETE),
        ["deleted-id-status@409"],
    ),
    "another status in a sequence": (
        path(DELETED, status=400, fields={"is_step": True}),
        [],
    ),
    "404, yet restored": (path(DELETED, after=BACK), ["listed-again@"]),
    "404, and still there": (
        path(DELETED, before=BACK, after=BACK),
        ["still-listed@"],
    ),
    "first deletion": (path(OWN, status=204, after=LEFT, fields=DELETE), []),
    "first deletion without effect": (
        path(OWN, status=204, fields=DELETE),
        ["still-listed@"],
    ),
    "first deletion refused": (path(OWN, status=409, fields=DELETE), NOT_CONCERNED),
    "a deletion by another organization": (
        path(OWN, status=204, fields={**DELETE, **FOREIGN}),
        NOT_CONCERNED,
    ),
    "a deleted snapshot and another organization": (
        path(DELETED, fields=FOREIGN),
        NOT_CONCERNED,
    ),
    "an existing snapshot": ({}, NOT_CONCERNED),
    "rate-limited": (path(DELETED, status=429), NOT_CONCERNED),
}

PATH_ID_TABLE: Table = {
    "the path's snapshot alone": (named(SIBLING), []),
    "refused": (named(SIBLING, status=409), []),
    "refused, yet stored": (
        named(SIBLING, status=409, after=ADDED),
        ["changed-although-refused@"],
    ),
    "another status": (named(SIBLING, status=202), ["other-id-status@202"]),
    "the sibling alone": (
        named(SIBLING, after=listing(sibling={"start": 7})),
        ["body-id-wins@"],
    ),
    "both": (
        named(SIBLING, after=listing(sibling={"start": 7}, start=7)),
        ["both-changed@"],
    ),
    "renamed": (
        named("new", after={**LEFT, "new": NEW_ROW}),
        ["id-replaced@"],
    ),
    "a deleted id": (named(DELETED), []),
    "the path's own id as text": (named(IDS[OWN]), NOT_CONCERNED),
    "no text, which the schema judges": (named(None), NOT_CONCERNED),
    "an invalid body": (
        {"case": {**named(SIBLING)["case"], "violation": NOT_JSON}},
        NOT_CONCERNED,
    ),
    "failed": (named(SIBLING, status=500), NOT_CONCERNED),
    "another method": (
        {
            "case": {
                **named(SIBLING)["case"],
                "override": RequestOverride(method="PUT"),
            }
        },
        NOT_CONCERNED,
    ),
    "the other organization's own snapshot": (
        {
            "after": BEFORE,
            "case": {**named(SIBLING)["case"], **FOREIGN, "snapshot_id": (OTHER,)},
        },
        [],
    ),
    "header names in lower case": (request(**LOWER_CASE), NOT_CONCERNED),
}

TABLES = {
    ID: ID_TABLE,
    ECHO: ECHO_TABLE,
    STORED: STORED_TABLE,
    UNTOUCHED: UNTOUCHED_TABLE,
    REPEAT: REPEAT_TABLE,
    UNKNOWN_CLAUSE: UNKNOWN_TABLE,
    GONE: GONE_TABLE,
    PATH_ID: PATH_ID_TABLE,
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


def test_a_generated_case_names_every_class_of_a_value() -> None:
    parts = changed(sends(BIG, start=2**53 + 1), start=2**53)
    case = {**parts["case"], "is_generated": True}
    places = f"{START}:beyond-2-53 {START}"
    assert findings(ECHO, {**parts, "case": case}) == [f"number-altered@{places}"]


def test_a_time_that_stays_is_milder() -> None:
    parts = {"after": listing(), "since_update_s": 1.5}
    results = raw_findings(UNTOUCHED, parts) or []
    assert [r.rule.level for r in results] == [Level.SHOULD]


def test_the_message_shows_both_values() -> None:
    (finding,) = raw_findings(STORED, listed(sends(), event_id="?")) or []
    assert finding.message == (
        "The list differs from what was stored: "
        '/data/attributes/event_id: "a" became "?"'
    )


def test_the_message_of_a_forbidden_change_shows_the_status() -> None:
    (finding,) = raw_findings(UNKNOWN_CLAUSE, path(UNKNOWN, after=ADDED)) or []
    assert finding.message == (
        "An unknown id changes what is stored (status 404): a snapshot appeared."
    )
