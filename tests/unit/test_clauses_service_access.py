"""Tables for access, rate limit and parity of a service, and tests of all clauses."""

import base64
from typing import Any

import pytest

from contract.cases.placeholders import DELETED, OTHER, OWN
from contract.clauses.service_response import PARITY, RATE
from contract.clauses.service_state import AUTH, ORG, SECRET
from contract.endpoint import RateLimitHeader
from contract.model import (
    Danger,
    Headers,
    KeyVariant,
    Level,
    Operation,
    RequestOverride,
)
from tests.unit import test_clauses_service_response as response_tables
from tests.unit import test_clauses_service_state as state_tables
from tests.unit.client_examples import Table, row_ids, rows, untested_rules
from tests.unit.service_examples import (
    BEFORE,
    FOREIGN,
    IDS,
    KEYS,
    NEW_ROW,
    NO_RESPONSE,
    NOT_CONCERNED,
    OPEN,
    SITES,
    changed,
    findings,
    listing,
    raw_findings,
    raw_response,
    request,
    returned,
    wrong_keys,
)

ADDED = {**BEFORE, "new": NEW_ROW}
OTHER_ZONE = "2019-09-19T12:00:00.500+02:00"


def foreign(status: int = 404, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange with the other organization's keys."""
    fields = parts.pop("fields", {})
    case = {**FOREIGN, **fields}
    return {"status": status, "after": BEFORE, "case": case, **parts}


def limited(**numbers: str | None) -> dict[str, Any]:
    """Return the parts of a 429 with other rate-limit headers."""
    usual = {"LIMIT": "10", "PERIOD": "60", "REMAINING": "0", "RESET": "5"}
    headers: Headers = tuple(
        (RateLimitHeader[name].value, text)
        for name, text in {**usual, **numbers}.items()
        if text is not None
    )
    return {"status": 429, "headers": headers}


def sites(*parts: dict[str, Any], **case: Any) -> dict[str, Any]:
    """Return the parts of the exchanges of one case on several sites."""
    return {
        "sites": [
            {**site_parts, "site": site, "case": case}
            for site, site_parts in zip(SITES, parts, strict=False)
        ]
    }


AUTH_TABLE: Table = {
    "401": (wrong_keys(KeyVariant.MISSING, 401), []),
    "403": (wrong_keys(KeyVariant.SWAPPED, 403), []),
    "accepted": (
        wrong_keys(KeyVariant.MISSING_APP_KEY, 200, after=BEFORE),
        ["key-unchecked@missing-app-key"],
    ),
    "a redirect": (
        wrong_keys(KeyVariant.FOREIGN_API_KEY, 302),
        ["wrong-key-status@302"],
    ),
    "another status": (wrong_keys(KeyVariant.EMPTY, 400), ["wrong-key-status@400"]),
    "refused, yet stored": (
        wrong_keys(KeyVariant.CUT_API_KEY, 403, after=ADDED),
        ["changed-without-key@cut-api-key"],
    ),
    "right keys": ({}, NOT_CONCERNED),
    "another organization's": (foreign(), NOT_CONCERNED),
    "failed": (wrong_keys(KeyVariant.WRONG, 500), NOT_CONCERNED),
    "rate-limited": (wrong_keys(KeyVariant.WRONG, 429), NOT_CONCERNED),
    "doubled, which is left open": (
        {
            **wrong_keys(KeyVariant.DOUBLED_SAME, 200),
            "case": {**wrong_keys(KeyVariant.DOUBLED_SAME, 200)["case"], **OPEN},
        },
        NOT_CONCERNED,
    ),
}

LIST = {"operation": Operation.LIST, "snapshot_id": (), "body": None}
DELETE = {"operation": Operation.DELETE, "body": None}

ORG_TABLE: Table = {
    "not found": (foreign(), []),
    "an own key and the other's snapshot": (
        {"status": 404, "case": {"snapshot_id": (OTHER,)}},
        [],
    ),
    "update": (foreign(200), ["other-tenant-accepted@update"]),
    "deletion": (foreign(204, fields=DELETE), ["other-tenant-accepted@delete"]),
    "refused, yet stored": (
        foreign(after=ADDED),
        ["changed-by-other-tenant@update"],
    ),
    "a refusal that shows the snapshot": (
        foreign(403, document={"errors": [BEFORE[IDS[OWN]]]}),
        ["shown-to-other-tenant@update"],
    ),
    "a list without it": (foreign(200, document={"data": []}, fields=LIST), []),
    "a list with it": (
        foreign(200, document={"data": [BEFORE[IDS[OWN]]]}, fields=LIST),
        ["listed-for-other-tenant@"],
    ),
    "its own snapshot": (foreign(200, fields={"snapshot_id": (OTHER,)}), NOT_CONCERNED),
    "an own list": (request(**LIST), NOT_CONCERNED),
    "another method": (
        foreign(405, fields={"override": RequestOverride(method="PUT")}),
        NOT_CONCERNED,
    ),
    "wrong keys": (wrong_keys(KeyVariant.FOREIGN_APP_KEY, 403), NOT_CONCERNED),
    "rate-limited": (foreign(429), NOT_CONCERNED),
    "a malformed id": (foreign(fields={"snapshot_id": ("*",)}), NOT_CONCERNED),
}

SECRET_TABLE: Table = {
    "no key": ({}, []),
    "in the body of an error": (
        {"status": 403, **raw_response(KEYS[0].encode())},
        ["key-in-body@403"],
    ),
    "in Base64": (
        raw_response(base64.b64encode(KEYS[1].encode())),
        ["key-in-body@200"],
    ),
    "in a header": ({"headers": (("X-Key", KEYS[1]),)}, ["key-in-header@X-Key"]),
    "in both": (
        {"raw": KEYS[0].encode(), "headers": (("X-Key", KEYS[0]),)},
        ["key-in-body@200", "key-in-header@X-Key"],
    ),
    "an ordinary word": ({"keys": ("", "errors"), "status": 400}, NOT_CONCERNED),
    "no key was sent": ({"keys": ()}, NOT_CONCERNED),
    "no response": ({"responses": (None,), "outcome": NO_RESPONSE}, NOT_CONCERNED),
}

RESET = "X-RateLimit-Reset"
RATE_TABLE: Table = {
    "sensible": (limited(), []),
    "the longest period": (limited(PERIOD=str(366 * 86_400), RESET="31622400"), []),
    "missing": (limited(RESET=None), [f"header-missing@{RESET}"]),
    "no number": (limited(RESET="soon"), [f"header-no-number@{RESET}"]),
    "other digits": (limited(RESET="٥"), [f"header-no-number@{RESET}"]),
    "zero": (limited(RESET="0"), [f"header-too-small@{RESET}"]),
    "a date": (limited(RESET="1700000000"), [f"header-too-large@{RESET}"]),
    "beyond the period": (limited(RESET="61"), [f"header-too-large@{RESET}"]),
    "something remains": (
        limited(REMAINING="1"),
        ["header-too-large@X-RateLimit-Remaining"],
    ),
    "no limit": (limited(LIMIT="0"), ["header-too-small@X-RateLimit-Limit"]),
    "200": ({}, NOT_CONCERNED),
    "400": ({"status": 400}, NOT_CONCERNED),
}

STATUS = {"status": 400}
MEDIA = {"headers": (("Content-Type", "text/html"),)}
SHAPE = {"document": {"data": []}}
PARITY_TABLE: Table = {
    "alike": (sites({}, {}, {}), []),
    "other values": (sites({}, returned(event_id="b"), {}), []),
    "longer lists": (
        sites({"document": {"data": [1]}}, {"document": {"data": [1, 2]}}),
        [],
    ),
    "the first differs": (sites(STATUS, {}, {}), [f"status-differs@{SITES[0]}"]),
    "the last differs": (sites({}, {}, STATUS), [f"status-differs@{SITES[2]}"]),
    "a tie": (sites({}, STATUS), ["status-differs@"]),
    "three ways": (sites({}, STATUS, {"status": 404}), ["status-differs@"]),
    "media type": (sites({}, MEDIA, {}), [f"media-type-differs@{SITES[1]}"]),
    "shape": (sites({}, SHAPE, {}), [f"shape-differs@{SITES[1]}"]),
    "status before shape": (
        sites({**STATUS, **SHAPE}, {}, {}),
        [f"status-differs@{SITES[0]}"],
    ),
    "a number with a fraction of zero": (
        sites({}, returned(org_id=1.0, start=2.0), {}),
        [],
    ),
    "unreadable, which S-SCHEMA judges": (sites({}, {"raw": b""}, {}), []),
    "one does not respond": (sites({"responses": (None,)}, {}, {}), []),
    "one site": (sites({}), NOT_CONCERNED),
    "one response": (sites({"status": 429}, {}), NOT_CONCERNED),
    "left open": (sites({}, STATUS, **OPEN), NOT_CONCERNED),
}

TABLES = {
    AUTH: AUTH_TABLE,
    ORG: ORG_TABLE,
    SECRET: SECRET_TABLE,
    RATE: RATE_TABLE,
    PARITY: PARITY_TABLE,
}
ALL_TABLES = {**response_tables.TABLES, **state_tables.TABLES, **TABLES}


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


def test_the_rate_limit_is_a_should() -> None:
    assert [clause.id for clause in ALL_TABLES if clause.level is Level.SHOULD] == [
        "S-RATE"
    ]


def test_keys_at_risk_come_first() -> None:
    at_risk = {
        clause.id
        for clause in ALL_TABLES
        for rule in clause.rules
        if rule.danger is Danger.KEYS_AT_RISK
    }
    assert at_risk == {"S-AUTH", "S-ORG", "S-SECRET"}


def test_the_message_names_the_keys() -> None:
    parts = wrong_keys(KeyVariant.MISSING_APP_KEY, 200)
    (finding,) = raw_findings(AUTH, parts) or []
    assert finding.message == ("A request with keys that are missing app key gets 200.")


def without_reads(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the same parts as if nothing had been listed."""
    return {**parts, "before": None, "after": None}


def test_these_clauses_compare_reads() -> None:
    readers = {
        clause.id
        for clause, parts, expected in rows(ALL_TABLES)
        if clause is not PARITY
        and expected not in ([], NOT_CONCERNED)
        and findings(clause, without_reads(parts)) != expected
    }
    assert readers == {
        "S-REJECT",
        "S-STORED",
        "S-UNTOUCHED",
        "S-UNKNOWN",
        "S-GONE",
        "S-PATH-ID",
        "S-AUTH",
        "S-ORG",
    }


@pytest.mark.parametrize(
    "parts",
    [
        {"after": listing(created_at=OTHER_ZONE, sibling={"created_at": OTHER_ZONE})},
        {"status": 400, "after": listing(start=1.0, modified_at=OTHER_ZONE)},
        wrong_keys(KeyVariant.WRONG, 403, after=listing(created_at=OTHER_ZONE)),
        foreign(after=listing(modified_at=OTHER_ZONE)),
        {
            "status": 404,
            "after": listing(created_at=OTHER_ZONE),
            "case": {"snapshot_id": (DELETED,)},
        },
    ],
    ids=["update", "refused", "wrong keys", "another organization", "deleted"],
)
def test_another_notation_is_no_change(parts: dict[str, Any]) -> None:
    accused = [
        clause.id
        for clause in ALL_TABLES
        if clause not in (PARITY, state_tables.STORED)
        and findings(clause, parts) not in ([], NOT_CONCERNED, ["modified-still@"])
    ]
    assert accused in ([], ["S-ACCEPT"])


@pytest.mark.parametrize("raw", [b"", b"\xef\xbb\xbf{}", b'{"a":"\xe9"}'])
def test_an_unreadable_200_is_one_defect(raw: bytes) -> None:
    accused = [
        clause.id
        for clause in ALL_TABLES
        if clause is not PARITY
        and findings(clause, raw_response(raw)) not in ([], NOT_CONCERNED)
    ]
    assert accused == ["S-SCHEMA"]


def test_a_response_that_holds_is_accused_by_no_clause() -> None:
    for clause in ALL_TABLES:
        if clause is not PARITY:
            assert findings(clause, changed({})) in ([], NOT_CONCERNED)
