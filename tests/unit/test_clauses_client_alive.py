"""A table for C-ALIVE: what makes a client crash."""

from typing import Any

import pytest

from contract.clauses.client_behavior import ALIVE
from contract.model import (
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
    INVALID_BODY,
    UNSUPPORTED,
    Table,
    findings,
    raw_findings,
    row_ids,
    rows,
    served,
    untested_rules,
)

COLLECTOR = "https://collector.contract.example"
PLACE = "/data/attributes"


def crashed(type_: str = "ValueError", **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which the client crashed."""
    return {"outcome": Outcome(OutcomeKind.CRASHED, type=type_), **parts}


def crashed_early(type_: str = "ValueError", **parts: Any) -> dict[str, Any]:
    """Return the parts of an exchange in which the client crashed before sending."""
    return crashed(type_, sent=0, **parts)


def invalid(place: str, keyword: str = "format", how: str = "") -> Violation:
    """Return a violation of a parameter."""
    return Violation(place, keyword, how)


def special(place: str, value_class: str) -> dict[str, Any]:
    """Return the parts of a case with one label."""
    return {"labels": (Label(place, value_class),)}


ERROR = {"errors": ["a"]}
CLOSED = FirstCall(Response(200), is_closed=True)
OLD_VERSION = Response(200, (), b'{"data": {"type": "snapshots"}}', Delivery.HTTP_1_0)
LIMITED = served(ERROR, status=429, retry=True)

ALIVE_TABLE: Table = {
    "alive": ({}, []),
    "unsupported": ({"outcome": UNSUPPORTED}, []),
    "invalid body": (
        crashed_early(violation=INVALID_BODY),
        ["exception-on-input@ValueError"],
    ),
    "valid body": (
        crashed_early(**special(f"{PLACE}/start", "negative")),
        ["exception-on-input@ValueError"],
    ),
    "invalid id": (
        crashed_early("URIError", violation=invalid("snapshot_id")),
        ["exception-on-id@URIError"],
    ),
    "valid id": (
        crashed_early(**special("snapshot_id", "slash")),
        ["exception-on-id@ValueError"],
    ),
    "invalid key": (
        crashed_early("panic", violation=invalid("app_key")),
        ["exception-on-key@panic"],
    ),
    "valid key": (
        crashed_early("", **special("api_key", "very long")),
        ["exception-on-key@panic"],
    ),
    "invalid site": (
        crashed_early("java.lang.RuntimeException", violation=invalid("site")),
        ["exception-on-site@RuntimeException"],
    ),
    "every valid response": (crashed(), ["exception-on-valid-response@ValueError"]),
    "a special response": (
        crashed(**special(f"{PLACE}/created_at", "beyond nanoseconds")),
        ["exception-on-valid-response@ValueError/beyond-nanoseconds"],
    ),
    "a media type": (
        crashed(**special("Content-Type", "text/html")),
        ["exception-on-valid-response@ValueError/text-html"],
    ),
    "valid response to an odd id": (
        crashed(**special("snapshot_id", "slash")),
        ["exception-on-valid-response@ValueError"],
    ),
    "unreadable success": (
        crashed(response=b"{"),
        ["exception-on-unreadable-response@ValueError"],
    ),
    "HTML page under 502": (
        crashed(response=b"<html>", status=502),
        ["exception-on-unreadable-response@ValueError"],
    ),
    "empty 204": (
        crashed(response=b"", status=204),
        ["exception-on-unreadable-response@ValueError"],
    ),
    "broken snapshot": (
        crashed("a::b::Oops", **served({"data": None})),
        ["exception-on-wrong-shape@Oops"],
    ),
    "errors in a 200": (
        crashed(**served(ERROR)),
        ["exception-on-wrong-shape@ValueError"],
    ),
    "odd error": (
        crashed(**served([], status=400)),
        ["exception-on-wrong-shape@ValueError"],
    ),
    "documented error": (
        crashed(**served(ERROR, status=429)),
        ["exception-on-error-status@ValueError"],
    ),
    "undocumented 2xx": (
        crashed(status=201),
        ["exception-on-undocumented-2xx@ValueError"],
    ),
    "redirect": (
        crashed(responses=(Response(307, (("Location", COLLECTOR),)),)),
        ["exception-on-redirect@ValueError"],
    ),
    "rate limit": (
        crashed("InvalidHeader", **LIMITED),
        ["exception-on-rate-limit-header@InvalidHeader"],
    ),
    "cut": (
        crashed(responses=(Response(200, delivery=Delivery.CUT),)),
        ["exception-on-transport@ValueError"],
    ),
    "no response": (crashed(responses=(None,)), ["exception-on-transport@ValueError"]),
    "closed before": (
        crashed_early("BrokenPipeError", first_call=CLOSED),
        ["exception-on-transport@BrokenPipeError"],
    ),
    "an old version": (
        crashed(responses=(OLD_VERSION,), **special("version", "HTTP/1.0")),
        ["exception-on-valid-response@ValueError/http-1-0"],
    ),
    "untrusted": (
        crashed_early(tls=Tls.EXPIRED),
        ["exception-on-transport@ValueError"],
    ),
    "hang on a drip": (
        crashed("hang", responses=(Response(200, delivery=Delivery.DRIP),)),
        ["hang@transport"],
    ),
    "hang on a Reset": (crashed("hang", **LIMITED), ["hang@rate-limit-header"]),
    "process died": (
        crashed_early("process-died", violation=INVALID_BODY),
        ["process-died@input"],
    ),
    "garbled": (crashed("garbled"), ["reply-garbled@"]),
    "wrong seq": (crashed("wrong seq"), ["reply-out-of-order@"]),
    "printed": (
        {"outcome": Outcome(OutcomeKind.REFUSED, printed="updated")},
        ["unexpected-output@"],
    ),
}

TABLES: dict[Any, Table] = {ALIVE: ALIVE_TABLE}


@pytest.mark.parametrize(
    ("clause", "parts", "expected"), rows(TABLES), ids=row_ids(TABLES)
)
def test_findings(clause: Any, parts: dict[str, Any], expected: list[str]) -> None:
    assert findings(clause, parts) == expected


def test_every_rule_is_shown_by_a_row() -> None:
    assert not untested_rules(ALIVE, ALIVE_TABLE)


@pytest.mark.parametrize(("type_", "timed"), [("hang", True), ("process-died", False)])
def test_a_hang_is_timed(type_: str, timed: bool) -> None:
    (finding,) = raw_findings(ALIVE, crashed(type_)) or []
    assert finding.is_timed is timed


def test_a_crash_may_be_filed_under_its_class_alone() -> None:
    parts = crashed(**special(f"{PLACE}/start", "negative"))
    (finding,) = raw_findings(ALIVE, parts) or []
    assert finding.other_places == ("ValueError",)


def test_a_message_names_class_and_words() -> None:
    outcome = Outcome(OutcomeKind.CRASHED, type="KeyError", message="'errors'")
    (finding,) = raw_findings(ALIVE, {"outcome": outcome}) or []
    assert finding.message == "The client raised KeyError: 'errors'"
