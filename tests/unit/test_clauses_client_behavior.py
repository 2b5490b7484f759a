"""A table for each clause about a client's behavior."""

from typing import Any

import pytest

from contract.clauses.client_behavior import (
    PARITY,
    REDIRECT,
    RETRY,
    SECRET,
    TIME,
    TLS,
)
from contract.clauses.client_behavior import SITE as SITE_CLAUSE
from contract.model import (
    Credential,
    Delivery,
    Level,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    Tls,
    Violation,
)
from tests.unit.client_examples import (
    API_KEY,
    APP_KEY,
    BROKEN,
    FAILED,
    KEYS,
    NOT_CONCERNED,
    REFUSED,
    SITE,
    SPEC,
    UNSUPPORTED,
    Table,
    findings,
    raw_findings,
    row_ids,
    rows,
    untested_rules,
)

URL = SPEC.url(SITE) + SPEC.path_of("a")
COLLECTOR = "https://collector.contract.example"
CRASHED = Outcome(OutcomeKind.CRASHED, type="ValueError")
HUNG = Outcome(OutcomeKind.CRASHED, type="hang")


def invalid(place: str, keyword: str = "format", how: str = "") -> Violation:
    """Return a violation of a parameter."""
    return Violation(place, keyword, how)


def sent_at(*times_s: float, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange with a request at each time.

    Every response ends 0.5 s after its request.
    """
    fields = {"method": "PATCH", "url": URL, "body": b"{}"}
    requests = [
        Request(sent_at_s=time_s, answered_at_s=time_s + 0.5, **fields)
        for time_s in times_s
    ]
    return {"requests": tuple(requests), "retry": True, **parts}


def limited(
    status: int = 429, reset: str = "1", name: str = "X-RateLimit-Reset"
) -> Response:
    """Return a response with a Reset."""
    return Response(status, ((name, reset),), b"{}")


GOOD = Response(200)
RETRY_TABLE: Table = {
    "one request": ({}, []),
    "after the Reset": (sent_at(0, 1.5, responses=(limited(), GOOD)), []),
    "before the Reset": (
        sent_at(0, 1, responses=(limited(), GOOD)),
        ["retried-before-reset@X-RateLimit-Reset"],
    ),
    "before a Reset in lower case": (
        sent_at(0, 1, responses=(limited(name="x-ratelimit-reset"), GOOD)),
        ["retried-before-reset@x-ratelimit-reset"],
    ),
    "a Reset that is no number": (
        sent_at(0, 0.5, responses=(limited(reset="soon"), GOOD)),
        [],
    ),
    "a Reset under 503": (sent_at(0, 0.5, responses=(limited(503), GOOD)), []),
    "after 408": (sent_at(0, 0.5, responses=(limited(408), GOOD)), []),
    "after no response": (sent_at(0, 1, responses=(None, GOOD)), []),
    "after 400": (
        sent_at(0, 9, responses=(limited(400), GOOD)),
        ["retried-after-status@400"],
    ),
    "unasked": (
        sent_at(0, 9, responses=(limited(), GOOD), retry=False),
        ["retried-unasked@429"],
    ),
    "unasked after no response": (
        sent_at(0, 9, responses=(None, GOOD), retry=False),
        ["retried-unasked@none"],
    ),
    "eleven times": (
        sent_at(*range(0, 24, 2), responses=(limited(),) * 12),
        ["retried-too-often@"],
    ),
    "ten times": (sent_at(*range(0, 22, 2), responses=(limited(),) * 11), []),
    "another body": (
        {
            "requests": (Request("PATCH", URL, body=b"a"), Request("PATCH", URL)),
            "responses": (limited(503), GOOD),
            "retry": True,
        },
        ["retried-differently@body"],
    ),
    "after a redirect": (
        sent_at(0, 1, responses=(Response(307, (("Location", COLLECTOR),)), GOOD)),
        [],
    ),
    "no response at all": (sent_at(0, 1, responses=(None, None)), NOT_CONCERNED),
    "unsupported": ({"outcome": UNSUPPORTED}, NOT_CONCERNED),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}


def redirected(location: str, *urls: str, **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange with a redirect, and requests after it."""
    headers = (API_KEY, APP_KEY)
    requests = [Request("PATCH", url, headers) for url in (URL, *urls)]
    responses = [Response(307, (("Location", location),)), *[GOOD] * len(urls)]
    return {
        "requests": tuple(requests),
        "responses": tuple(responses),
        "outcome": FAILED,
        **parts,
    }


SUCCESS = Outcome(OutcomeKind.SNAPSHOT, snapshot={})
REDIRECT_TABLE: Table = {
    "not followed": (redirected(COLLECTOR), []),
    "followed without keys": (
        redirected(COLLECTOR)
        | {"requests": (Request("PATCH", URL), Request("PATCH", COLLECTOR))},
        [],
    ),
    "followed to another host": (
        redirected(COLLECTOR, COLLECTOR),
        ["keys-follow-redirect@other-host"],
    ),
    "followed to another host over http": (
        redirected("http://a.example/", "http://a.example/"),
        ["keys-follow-redirect@other-host"],
    ),
    "followed to another port": (
        redirected(f"https://api.{SITE}:8443/a", f"https://api.{SITE}:8443/a"),
        ["keys-follow-redirect@other-port"],
    ),
    "followed to plain http": (
        redirected(f"http://api.{SITE}/a", f"http://api.{SITE}/a"),
        ["keys-follow-redirect@plain-http"],
    ),
    "a success": (
        redirected(COLLECTOR, COLLECTOR, outcome=SUCCESS),
        ["keys-follow-redirect@other-host", "redirect-as-success@other-host"],
    ),
    "a success at once": (
        redirected("//a.example/b", outcome=SUCCESS),
        ["redirect-as-success@other-host"],
    ),
    "user information": (
        redirected(f"https://api.{SITE}@a.example/", outcome=SUCCESS),
        ["redirect-as-success@other-host"],
    ),
    "same origin": (redirected("/elsewhere", outcome=SUCCESS), NOT_CONCERNED),
    "no redirect": ({}, NOT_CONCERNED),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}

INVALID_SITE = {"site": f"keys@{SITE}", "violation": invalid("site", how="user name")}
UNDOCUMENTED = {
    "site": "app.datadoghq.com",
    "violation": invalid("site", "enum", "undocumented"),
}
SITE_TABLE: Table = {
    "refused": (INVALID_SITE | {"sent": 0, "outcome": REFUSED}, []),
    "sent": (INVALID_SITE, ["invalid-site-sent@user-name"]),
    "sent and refused": (
        INVALID_SITE | {"outcome": REFUSED},
        ["invalid-site-sent@user-name"],
    ),
    "failed": (
        INVALID_SITE | {"sent": 0, "outcome": FAILED},
        ["site-not-refused@user-name"],
    ),
    "crashed": (INVALID_SITE | {"sent": 0, "outcome": CRASHED}, []),
    "undocumented, sent": (UNDOCUMENTED, ["undocumented-site-sent@undocumented"]),
    "undocumented, refused": (UNDOCUMENTED | {"sent": 0, "outcome": REFUSED}, []),
    "unsupported": (INVALID_SITE | {"sent": 0, "outcome": UNSUPPORTED}, NOT_CONCERNED),
    "documented": ({}, NOT_CONCERNED),
    "invalid id": ({"violation": invalid("snapshot_id")}, NOT_CONCERNED),
}


def on_sites(*others: dict[str, Any], count: int = 3) -> dict[str, Any]:
    """Return exchanges on several sites. The last ones differ in these parts."""
    plain: list[dict[str, Any]] = [{}] * (count - len(others))
    parts = [*plain, *others]
    return {
        "sites": [
            {"site": site, **part}
            for site, part in zip(SPEC.sites, parts, strict=False)
        ]
    }


LAST = SPEC.sites[2]
EQUAL_BODIES = (b'{"a":2,"b":1}', b'{"b": 1, "a": 2}', b'{"b":1,"a":2}')
NAN = {"outcome": Outcome(OutcomeKind.SNAPSHOT, snapshot=float("nan"))}
PARITY_TABLE: Table = {
    "alike": (on_sites(), []),
    "another order of members": (
        on_sites(*({"sent_body": body} for body in EQUAL_BODIES)),
        [],
    ),
    "another method": (on_sites({"method": "PUT"}), [f"request-differs@{LAST}"]),
    "another path": (on_sites({"segment": "%61"}), [f"request-differs@{LAST}"]),
    "another Accept": (
        on_sites({"headers": (API_KEY, APP_KEY, ("Accept", "*/*"))}),
        [f"request-differs@{LAST}"],
    ),
    "another header": (
        on_sites({"headers": (("x", "y"),)}),
        [f"request-differs@{LAST}"],
    ),
    "another body": (on_sites({"sent_body": b"{}"}), [f"request-differs@{LAST}"]),
    "no JSON": (on_sites({"sent_body": b"{"}), [f"request-differs@{LAST}"]),
    "another outcome": (on_sites({"outcome": BROKEN}), [f"outcome-differs@{LAST}"]),
    "two of five": (
        on_sites({"outcome": BROKEN}, {"outcome": FAILED}, count=5),
        [f"outcome-differs@{SPEC.sites[3]}", f"outcome-differs@{SPEC.sites[4]}"],
    ),
    "two of four": (
        on_sites({"outcome": BROKEN}, {"outcome": BROKEN}, count=4),
        ["outcome-differs@"],
    ),
    "one of two": (on_sites({"outcome": BROKEN}, count=2), ["outcome-differs@"]),
    "NaN everywhere": (on_sites(NAN, NAN, NAN), []),
    "another message": (
        on_sites(*({"outcome": Outcome(OutcomeKind.FAILED, message=m)} for m in "abc")),
        [],
    ),
    "one site": (on_sites(count=1), NOT_CONCERNED),
    "an undocumented site": ({"sites": [{}, UNDOCUMENTED]}, NOT_CONCERNED),
    "unsupported": (on_sites(*[{"outcome": UNSUPPORTED}] * 3), NOT_CONCERNED),
}


def delivered(delivery: Delivery, kind: OutcomeKind, seconds: float) -> dict[str, Any]:
    """Return the parts of an exchange with a slow response."""
    return {
        "responses": (Response(200, delivery=delivery),),
        "outcome": Outcome(kind, seconds=seconds),
        "timeout_s": 0.2,
    }


TIME_TABLE: Table = {
    "stall ends": (delivered(Delivery.STALL, OutcomeKind.FAILED, 1.2), []),
    "stall is too long": (
        delivered(Delivery.STALL, OutcomeKind.FAILED, 1.3),
        ["too-slow@stall"],
    ),
    "drip is too long": (
        delivered(Delivery.DRIP, OutcomeKind.CRASHED, 3.2),
        ["too-slow@drip"],
    ),
    "drip is a success": (delivered(Delivery.DRIP, OutcomeKind.SNAPSHOT, 1), []),
    "cut is a failure": (delivered(Delivery.CUT, OutcomeKind.FAILED, 0), []),
    "cut is a success": (
        delivered(Delivery.CUT, OutcomeKind.SNAPSHOT, 0),
        ["incomplete-as-success@cut"],
    ),
    "whole": ({"outcome": Outcome(OutcomeKind.SNAPSHOT, seconds=99)}, NOT_CONCERNED),
    "unsupported": (
        delivered(Delivery.CUT, OutcomeKind.UNSUPPORTED, 0),
        NOT_CONCERNED,
    ),
    "nothing sent": ({"sent": 0}, NOT_CONCERNED),
}

UNTRUSTED = {"tls": Tls.WRONG_NAME, "outcome": FAILED}
TLS_TABLE: Table = {
    "nothing sent": (UNTRUSTED | {"sent": 0}, []),
    "sent without keys": (UNTRUSTED | {"headers": ()}, []),
    "keys sent": (UNTRUSTED, ["keys-sent-untrusted@wrong-name"]),
    "one key in the URL": (
        UNTRUSTED | {"headers": (), "segment": f"a?{KEYS.api_key}"},
        ["keys-sent-untrusted@wrong-name"],
    ),
    "keys sent over http": (
        UNTRUSTED | {"tls": Tls.PLAIN_HTTP},
        ["keys-sent-untrusted@plain-http"],
    ),
    "trusted": ({}, NOT_CONCERNED),
    "unsupported": (UNTRUSTED | {"outcome": UNSUPPORTED}, NOT_CONCERNED),
}


def unsendable(part: str, place: str = "api_key") -> dict[str, Any]:
    """Return the parts of an exchange with a key that no header can hold."""
    keys = {"api_key": KEYS.api_key, "app_key": KEYS.app_key}
    credential = Credential(
        "odd", **{**keys, place: f"{keys[place]}{part}0123456789ab"}
    )
    return {"credential": credential, "violation": invalid(place)}


def said(**fields: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which the client says something."""
    return {"outcome": Outcome(OutcomeKind.API_ERROR, status=400, **fields)}


KEY = KEYS.app_key
SECRET_TABLE: Table = {
    "silent": ({}, []),
    "other words": (said(message="DD-API-KEY is wrong", logged="app-01"), []),
    "message": (said(message=f"with {KEY}"), ["key-in-output@message"]),
    "log": (said(logged=f"key: {KEY}"), ["key-in-output@logs"]),
    "log in Base64": (
        said(logged="YXBwLTAxMjM0NTY3ODlhYmNkZWY="),
        ["key-in-output@logs"],
    ),
    "standard output": (said(printed=KEY), ["key-in-output@stdout"]),
    "error text": (said(errors=("a", KEY)), ["key-in-output@error-text"]),
    "trace": (said(trace=(f"send({KEY!r})",)), ["key-in-output@trace"]),
    "part of a key with CR": (
        unsendable("\r") | {"sent": 0} | said(message="0123456789ab is wrong"),
        ["key-in-output@message"],
    ),
    "CR sent": (unsendable("\r"), ["unsendable-key-sent@CR"]),
    "LF sent": (unsendable("\n", "app_key"), ["unsendable-key-sent@LF"]),
    "CRLF sent": (unsendable("\r\nX-A: "), ["unsendable-key-sent@CRLF"]),
    "NUL sent": (unsendable("\0"), ["unsendable-key-sent@NUL"]),
    "NUL refused": (unsendable("\0") | {"sent": 0, "outcome": REFUSED}, []),
}

TABLES: dict[Any, Table] = {
    RETRY: RETRY_TABLE,
    REDIRECT: REDIRECT_TABLE,
    SITE_CLAUSE: SITE_TABLE,
    PARITY: PARITY_TABLE,
    TIME: TIME_TABLE,
    TLS: TLS_TABLE,
    SECRET: SECRET_TABLE,
}
ROWS = pytest.mark.parametrize(
    ("clause", "parts", "expected"), rows(TABLES), ids=row_ids(TABLES)
)


@ROWS
def test_findings(clause: Any, parts: dict[str, Any], expected: list[str]) -> None:
    assert findings(clause, parts) == expected


@ROWS
def test_no_message_holds_a_key(
    clause: Any, parts: dict[str, Any], expected: list[str]
) -> None:
    messages = [finding.message for finding in raw_findings(clause, parts) or []]
    assert not [m for m in messages if KEYS.api_key in m or KEYS.app_key in m]


@pytest.mark.parametrize("clause", TABLES, ids=lambda clause: clause.id)
def test_every_rule_is_shown_by_a_row(clause: Any) -> None:
    assert not untested_rules(clause, TABLES[clause])


@pytest.mark.parametrize(
    ("clause", "parts", "timed"),
    [
        (RETRY, RETRY_TABLE["before the Reset"][0], True),
        (RETRY, RETRY_TABLE["after 400"][0], False),
        (TIME, TIME_TABLE["stall is too long"][0], True),
        (TIME, TIME_TABLE["cut is a success"][0], False),
        (PARITY, on_sites({"outcome": FAILED}), True),
        (PARITY, on_sites({}, {"outcome": FAILED}, {"outcome": FAILED}), True),
        (PARITY, on_sites({"outcome": HUNG}), True),
        (PARITY, on_sites({"outcome": CRASHED}), False),
        (PARITY, on_sites({"outcome": BROKEN}), False),
    ],
)
def test_timed_findings(clause: Any, parts: dict[str, Any], timed: bool) -> None:
    assert [f.is_timed for f in raw_findings(clause, parts) or []] == [timed]


@pytest.mark.parametrize("row", ["undocumented, sent", "failed"])
def test_what_a_site_should_do_is_milder(row: str) -> None:
    (finding,) = raw_findings(SITE_CLAUSE, SITE_TABLE[row][0]) or []
    assert finding.rule.level is Level.SHOULD


def test_a_message_names_both_sides() -> None:
    (finding,) = raw_findings(PARITY, on_sites({"outcome": FAILED})) or []
    assert finding.message == (
        f"{LAST} differs in outcome, snapshot. It ended as failed: timed out, "
        f"{SITE} as snapshot."
    )
