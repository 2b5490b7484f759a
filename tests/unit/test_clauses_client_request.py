"""A table for each clause about requests."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from contract.clauses.client_request import (
    ACCEPT,
    AUTH,
    HOST,
    MEDIA,
    METHOD,
    PATH,
    VALID,
)
from contract.clauses.client_request import (
    BODY as BODY_CLAUSE,
)
from contract.model import (
    Credential,
    Delivery,
    FirstCall,
    Label,
    Outcome,
    OutcomeKind,
    Response,
    Tls,
    Violation,
)
from tests.unit.client_examples import (
    API_KEY,
    APP_KEY,
    BODY,
    BROKEN,
    FAILED,
    INVALID_BODY,
    JSON,
    KEYS,
    NOT_CONCERNED,
    REFUSED,
    SITE,
    SPEC,
    UNSUPPORTED,
    Table,
    findings,
    other_schema,
    raw_findings,
    row_ids,
    rows,
    untested_rules,
)

CRASHED = Outcome(OutcomeKind.CRASHED, type="ValueError")
DOT_SEGMENT = Violation("snapshot_id", "format", "dot-segment")
EMPTY = Violation("snapshot_id", "format", "empty")
SURROGATE = Violation("snapshot_id", "format", "surrogate")
INVALID_SITE = Violation("site", "format", "path")
INVALID_KEY = Violation("api_key", "format", "CR at the end")
REDIRECT = Response(307, (("Location", "https://example.com/"),))
CLOSED = FirstCall(Response(200), is_closed=True)

METHOD_TABLE: Table = {
    "one PATCH": ({}, []),
    "PUT": ({"method": "PUT"}, ["method-wrong@PUT"]),
    "two requests": ({"sent": 2, "status": 429}, ["sent-twice@429"]),
    "two requests, no response": (
        {"sent": 2, "responses": (None, None), "outcome": FAILED},
        ["sent-twice@none"],
    ),
    "retry allowed": ({"sent": 2, "status": 429, "retry": True}, []),
    "after a redirect": ({"sent": 2, "responses": (REDIRECT, None)}, []),
    "after a reset": (
        {"sent": 2, "responses": (Response(200, delivery=Delivery.RESET), None)},
        [],
    ),
    "nothing sent": ({"sent": 0}, ["nothing-sent@"]),
    "nothing sent on a closed connection": (
        {"sent": 0, "first_call": CLOSED, "outcome": FAILED},
        NOT_CONCERNED,
    ),
    "nothing sent on a closed connection, yet a success": (
        {"sent": 0, "first_call": CLOSED},
        ["nothing-sent@"],
    ),
    "nothing sent, refused": ({"sent": 0, "outcome": REFUSED}, NOT_CONCERNED),
    "nothing sent, crashed": ({"sent": 0, "outcome": CRASHED}, NOT_CONCERNED),
    "nothing sent in a short time": (
        {"sent": 0, "timeout_s": 0.2, "outcome": FAILED},
        NOT_CONCERNED,
    ),
    "invalid body refused": (
        {"sent": 0, "violation": INVALID_BODY, "outcome": REFUSED},
        NOT_CONCERNED,
    ),
    "invalid site": ({"violation": INVALID_SITE}, NOT_CONCERNED),
}

HOST_TABLE: Table = {
    "the site's host": ({}, []),
    "port 443": ({"origin": f"https://api.{SITE}:443"}, []),
    "another site": (
        {"site": "datadoghq.eu", "origin": f"https://api.{SITE}"},
        ["host-wrong@datadoghq.eu"],
    ),
    "another port": ({"origin": f"https://api.{SITE}:8443"}, [f"host-wrong@{SITE}"]),
    "no api": ({"origin": f"https://{SITE}"}, [f"host-wrong@{SITE}"]),
    "plain HTTP": ({"origin": f"http://api.{SITE}"}, [f"sent-without-tls@{SITE}"]),
    "after a redirect": (
        {
            "sent": 1,
            "responses": (REDIRECT,),
        },
        [],
    ),
    "undocumented site": (
        {"site": "app.datadoghq.com", "origin": "https://example.com"},
        NOT_CONCERNED,
    ),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}

PATH_TABLE: Table = {
    "plain": ({}, []),
    "slash encoded": ({"snapshot_id": "a/b", "segment": "a%2Fb"}, []),
    "needless encoding": ({"segment": "%61"}, []),
    "lower-case hexadecimal": ({"snapshot_id": "a/b", "segment": "a%2fb"}, []),
    "plus sign stays": ({"snapshot_id": "a+b", "segment": "a+b"}, []),
    "delimiters of a segment stay": (
        {"snapshot_id": "a:@!$&'()*+,;=b", "segment": "a:@!$&'()*+,;=b"},
        [],
    ),
    "slash not encoded": (
        {"snapshot_id": "a/b", "segment": "a/b"},
        ["id-not-encoded@/"],
    ),
    "question mark not encoded": (
        {"snapshot_id": "a?b=c", "segment": "a?b=c"},
        ["id-not-encoded@%3F"],
    ),
    "both not encoded": (
        {"snapshot_id": "a?b/c", "segment": "a?b/c"},
        ["id-not-encoded@/", "id-not-encoded@%3F"],
    ),
    "percent sign not encoded": (
        {"snapshot_id": "%2F", "segment": "%2F"},
        ["id-not-encoded@%25"],
    ),
    "lone percent sign not encoded": (
        {"snapshot_id": "100%", "segment": "100%"},
        ["id-not-encoded@%25"],
    ),
    "letters not encoded": (
        {"snapshot_id": "é", "segment": "é"},
        ["id-not-encoded@non-ascii"],
    ),
    "bytes not encoded": (
        {"snapshot_id": "é", "segment": "Ã©"},
        ["id-not-encoded@non-ascii"],
    ),
    "control not encoded": (
        {"snapshot_id": "a\x7f", "segment": "a\x7f"},
        ["id-not-encoded@control"],
    ),
    "dot segments inside resolved": (
        {"snapshot_id": "b/../a", "segment": "a"},
        ["id-not-encoded@/"],
    ),
    "resolved with another character": (
        {"snapshot_id": "b/../a?", "segment": "a%3F"},
        ["id-not-encoded@/"],
    ),
    "encoded twice": (
        {"snapshot_id": "a/b", "segment": "a%252Fb"},
        ["id-encoded-twice@"],
    ),
    "space as plus": ({"snapshot_id": "a b", "segment": "a+b"}, ["space-as-plus@"]),
    "cut at a hash": ({"snapshot_id": "a#b", "segment": "a"}, ["id-cut@%23"]),
    "cut at a length": ({"snapshot_id": "abc", "segment": "ab"}, ["id-cut@"]),
    "lower case": ({"snapshot_id": "aBc", "segment": "abc"}, ["id-case-changed@"]),
    "control characters lost": (
        {"snapshot_id": "a\r\nb", "segment": "ab"},
        ["id-altered@control"],
    ),
    "Latin-1": ({"snapshot_id": "é", "segment": "%E9"}, ["id-altered@non-ascii"]),
    "another id": ({"snapshot_id": "a", "segment": "b"}, ["id-altered@"]),
    "another version": ({"target": "/api/v1/snapshots/a"}, ["path-altered@before-id"]),
    "slash at the end": ({"segment": "a/"}, ["path-altered@after-id"]),
    "slash at the end of a slash": (
        {"snapshot_id": "a/b", "segment": "a%2Fb/"},
        ["path-altered@after-id"],
    ),
    "query": ({"segment": "a?b=c"}, ["path-altered@after-id"]),
    "empty query": ({"segment": "a?"}, ["query-empty@"]),
    "query after %3F": ({"snapshot_id": "a?", "segment": "a%3F?"}, ["query-empty@"]),
    "raw mark": ({"snapshot_id": "a?", "segment": "a?"}, ["id-not-encoded@%3F"]),
    "empty query of a wrong path": (
        {"segment": "a/?"},
        ["query-empty@", "path-altered@after-id"],
    ),
    "dot segment sent": (
        {"snapshot_id": "..", "segment": "..", "violation": DOT_SEGMENT},
        ["invalid-id-sent@dot-segment"],
    ),
    "empty id sent": (
        {"snapshot_id": "", "segment": "", "violation": EMPTY},
        ["invalid-id-sent@empty"],
    ),
    "surrogate sent": (
        {"snapshot_id": "\ud800", "segment": "%3F", "violation": SURROGATE},
        ["invalid-id-sent@surrogate"],
    ),
    "dot segment refused": (
        {"snapshot_id": "..", "violation": DOT_SEGMENT, "sent": 0, "outcome": REFUSED},
        [],
    ),
    "dot segment, crashed": (
        {"snapshot_id": "..", "violation": DOT_SEGMENT, "sent": 0, "outcome": CRASHED},
        NOT_CONCERNED,
    ),
    "nothing sent": ({"sent": 0, "outcome": REFUSED}, NOT_CONCERNED),
    "invalid body": ({"violation": INVALID_BODY}, NOT_CONCERNED),
}
AUTH_TABLE: Table = {
    "both keys": ({}, []),
    "names in lower case": (
        {"headers": [(name.lower(), key) for name, key in (API_KEY, APP_KEY)]},
        [],
    ),
    "no API key": ({"headers": (APP_KEY,)}, ["key-missing@DD-API-KEY"]),
    "API key twice": (
        {"headers": (API_KEY, API_KEY, APP_KEY)},
        ["key-repeated@DD-API-KEY"],
    ),
    "keys swapped": (
        {"headers": ((API_KEY[0], KEYS.app_key), (APP_KEY[0], KEYS.api_key))},
        ["key-altered@DD-API-KEY", "key-altered@DD-APPLICATION-KEY"],
    ),
    "Bearer without a token": (
        {"headers": (API_KEY, APP_KEY, ("authorization", "Bearer "))},
        ["token-missing@Authorization"],
    ),
    "Bearer with a token": (
        {"headers": (API_KEY, APP_KEY, ("Authorization", "Bearer a"))},
        [],
    ),
    "key in a cookie": (
        {"headers": (API_KEY, APP_KEY, ("Cookie", KEYS.app_key))},
        ["key-elsewhere@Cookie"],
    ),
    "key in the query": (
        {"segment": f"a?key={KEYS.api_key}"},
        ["key-elsewhere@url"],
    ),
    "key in the body": (
        {"sent_body": json.dumps({"key": KEYS.api_key}).encode()},
        ["key-elsewhere@body"],
    ),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
    "invalid body": ({"violation": INVALID_BODY}, NOT_CONCERNED),
    "untrusted host": ({"tls": Tls.EXPIRED}, NOT_CONCERNED),
}

MEDIA_TABLE: Table = {
    "JSON": ({}, []),
    "a charset": (
        {"headers": (("Content-Type", "Application/JSON; charset=utf-8"),)},
        [],
    ),
    "none": ({"headers": ()}, ["content-type-missing@Content-Type"]),
    "text": (
        {"headers": (("Content-Type", "text/plain"),)},
        ["content-type-wrong@Content-Type"],
    ),
    "twice": ({"headers": (JSON, JSON)}, ["content-type-wrong@Content-Type"]),
    "Accept admits": (
        {"headers": (JSON, ("Accept", "text/html, application/*;q=0.5"))},
        [],
    ),
    "Accept XML": (
        {"headers": (JSON, ("Accept", "application/xml"))},
        ["accept-excludes-json@Accept"],
    ),
    "Accept all but JSON": (
        {"headers": (JSON, ("Accept", "application/json;q=0, text/html"))},
        ["accept-excludes-json@Accept"],
    ),
    "success as text": ({"response_headers": (("Content-Type", "text/html"),)}, []),
    "success as text fails": (
        {"response_headers": (("Content-Type", "text/html"),), "outcome": BROKEN},
        ["content-type-decides@text/html"],
    ),
    "success as nothing fails": (
        {"response_headers": (), "outcome": FAILED},
        ["content-type-decides@none"],
    ),
    "success as JSON fails": ({"outcome": BROKEN}, []),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
    "invalid body": ({"violation": INVALID_BODY}, NOT_CONCERNED),
}


def sent(value: Any, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which another body was sent."""
    return {"sent_body": json.dumps(value).encode(), **parts}


def altered(**attributes: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which attributes were altered on the wire."""
    caller = {**BODY["data"]["attributes"], "session_id": "", "list": [1]}
    members = {**caller, **attributes}
    wire = {name: value for name, value in members.items() if value is not ...}
    return sent(
        {"data": {"type": "snapshots", "attributes": wire}},
        body={"data": {"type": "snapshots", "attributes": caller}},
    )


PLACE = "/data/attributes"
BODY_TABLE: Table = {
    "equal": ({}, []),
    "another order": (
        sent({"data": dict(reversed(BODY["data"].items()))}),
        [],
    ),
    "integer as 1.0": (altered(start=1.0), []),
    "gzip": (
        {
            "sent_body": gzip.compress(json.dumps(BODY).encode()),
            "headers": (("Content-Encoding", "gzip"),),
        },
        [],
    ),
    "member lost": (altered(session_id=...), [f"member-lost@{PLACE}/session_id"]),
    "member added": (altered(view_id=""), [f"member-added@{PLACE}/view_id"]),
    "unnamed member added": (altered(x={"y": 1}), [f"member-added@{PLACE}/{{any}}"]),
    "null": (altered(session_id=None), [f"nulled@{PLACE}/session_id"]),
    "text for a number": (altered(start="1"), [f"type-changed@{PLACE}/start"]),
    "another number": (altered(start=2), [f"number-altered@{PLACE}/start"]),
    "another text": (altered(event_id="b"), [f"text-altered@{PLACE}/event_id"]),
    "inverted": (
        altered(is_device_type_selected_by_user=False),
        [f"boolean-altered@{PLACE}/is_device_type_selected_by_user"],
    ),
    "longer list": (altered(list=[1, 2]), [f"length-changed@{PLACE}/{{any}}"]),
    "another document": (sent([]), ["type-changed@$"]),
    "no JSON": ({"sent_body": b"{'a': 1}"}, ["body-unreadable@syntax"]),
    "unknown coding": (
        {"headers": (("Content-Encoding", "br"),)},
        ["body-unreadable@encoding"],
    ),
    "invalid body sent": (sent({}, body={}, violation=INVALID_BODY), []),
    "invalid body mended": (
        sent(BODY, body={"data": None}, violation=INVALID_BODY),
        ["invalid-body-mended@/data"],
    ),
    "invalid id": ({"violation": DOT_SEGMENT}, NOT_CONCERNED),
    "untrusted host": ({"tls": Tls.EXPIRED}, NOT_CONCERNED),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}


DATE: dict[str, Any] = {"type": "string", "format": "date-time"}
SPEC_WITH_A_DATE = replace(SPEC, request=other_schema(SPEC.request, "view_id", DATE))


def attributes(**changes: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which an invalid body was sent."""
    members = {**BODY["data"]["attributes"], **changes}
    data = {"type": "snapshots", "attributes": members}
    return {"body": {"data": data}, "violation": INVALID_BODY}


VALID_TABLE: Table = {
    "refused": ({"violation": INVALID_BODY, "sent": 0, "outcome": REFUSED}, []),
    "mended": ({"violation": INVALID_BODY}, []),
    "null": (attributes(start=None), [f"null-sent@{PLACE}/start"]),
    "boolean": (attributes(start=True), [f"boolean-sent@{PLACE}/start"]),
    "numeric text": (attributes(start="1"), [f"numeric-text-sent@{PLACE}/start"]),
    "list": (attributes(start=[]), [f"type-unchecked@{PLACE}/start"]),
    "2^63": (attributes(start=2**63), [f"range-unchecked@{PLACE}/start"]),
    "enum": (
        {"body": {"data": {"type": "SNAPSHOTS"}}, "violation": INVALID_BODY},
        ["enum-unchecked@/data/type"],
    ),
    "enum of another type": (
        {"body": {"data": {"type": None}}, "violation": INVALID_BODY},
        ["null-sent@/data/type"],
    ),
    "no data": ({"body": {}, "violation": INVALID_BODY}, ["required-unchecked@/data"]),
    "no data, sent as null": (
        sent({"data": None}, body={}, violation=INVALID_BODY),
        ["absent-as-null@/data"],
    ),
    "no date-time": (
        attributes(view_id="2020-01-01") | {"spec": SPEC_WITH_A_DATE},
        [f"date-unchecked@{PLACE}/view_id"],
    ),
    "a list": ({"body": [], "violation": INVALID_BODY}, ["type-unchecked@$"]),
    "no JSON": (
        {"sent_body": b"{", "violation": INVALID_BODY},
        ["no-json-sent@truncated"],
    ),
    "unsupported": (
        {"violation": INVALID_BODY, "sent": 0, "outcome": UNSUPPORTED},
        NOT_CONCERNED,
    ),
    "invalid id": ({"violation": DOT_SEGMENT}, NOT_CONCERNED),
    "valid body": ({}, NOT_CONCERNED),
}

ACCEPT_TABLE: Table = {
    "success": ({}, []),
    "failed": ({"outcome": FAILED}, []),
    "refused": ({"outcome": REFUSED, "sent": 0}, ["valid-input-refused@"]),
    "refused at a place": (
        {"outcome": REFUSED, "labels": (Label(f"{PLACE}/start", "negative"),)},
        [f"valid-input-refused@{PLACE}/start"],
    ),
    "refused for one of several": (
        {
            "outcome": REFUSED,
            "labels": (Label("snapshot_id", "slash"), Label("/{any}", "null")),
        },
        ["valid-input-refused@snapshot_id"],
    ),
    "invalid key refused": (
        {"violation": INVALID_KEY, "outcome": REFUSED},
        NOT_CONCERNED,
    ),
    "undocumented site": ({"site": "app.datadoghq.com"}, NOT_CONCERNED),
    "crashed": ({"outcome": CRASHED}, NOT_CONCERNED),
    "unsupported": ({"outcome": UNSUPPORTED}, NOT_CONCERNED),
}

TABLES = {
    METHOD: METHOD_TABLE,
    HOST: HOST_TABLE,
    PATH: PATH_TABLE,
    AUTH: AUTH_TABLE,
    MEDIA: MEDIA_TABLE,
    BODY_CLAUSE: BODY_TABLE,
    VALID: VALID_TABLE,
    ACCEPT: ACCEPT_TABLE,
}


@pytest.mark.parametrize(
    ("clause", "parts", "expected"), rows(TABLES), ids=row_ids(TABLES)
)
def test_findings(clause: Any, parts: dict[str, Any], expected: list[str]) -> None:
    assert findings(clause, parts) == expected


@pytest.mark.parametrize("clause", TABLES, ids=lambda clause: clause.id)
def test_every_rule_is_shown_by_a_row(clause: Any) -> None:
    assert not untested_rules(clause, TABLES[clause])


@pytest.mark.parametrize(
    ("clause", "parts", "expected"), rows(TABLES), ids=row_ids(TABLES)
)
def test_no_message_holds_a_key(
    clause: Any, parts: dict[str, Any], expected: list[str]
) -> None:
    messages = [finding.message for finding in raw_findings(clause, parts) or []]
    assert not [m for m in messages if KEYS.api_key in m or KEYS.app_key in m]


def test_a_key_with_odd_characters_is_in_no_message() -> None:
    key = "0123456789abcdef/+;0123456789ABCDEF"
    parts = {
        "credential": Credential("odd", key, KEYS.app_key),
        "segment": f"a?key={key[:16]}%2F",
    }
    (finding,) = raw_findings(PATH, parts) or []
    assert "0123456789abcdef" not in finding.message


def test_a_refusal_may_be_filed_under_any_label() -> None:
    labels = (Label("snapshot_id", "slash"), Label("/{any}", "null"))
    (finding,) = raw_findings(ACCEPT, {"outcome": REFUSED, "labels": labels}) or []
    assert finding.other_places == ("/{any}",)


def test_a_failure_without_request_is_timed() -> None:
    timed = raw_findings(METHOD, {"sent": 0, "outcome": FAILED}) or []
    assert [finding.is_timed for finding in timed] == [True]
    untimed = raw_findings(METHOD, {"sent": 0}) or []
    assert [finding.is_timed for finding in untimed] == [False]


def test_a_message_says_what_was_sent_and_what_was_due() -> None:
    (finding,) = raw_findings(PATH, PATH_TABLE["encoded twice"][0]) or []
    path = "/api/v2/replay/heatmap/snapshots/a%252Fb"
    assert finding.message == f"The id 'a/b' was sent as '{path}'."
    (finding,) = raw_findings(AUTH, {"headers": (APP_KEY,)}) or []
    assert finding.message == "DD-API-KEY is missing."
