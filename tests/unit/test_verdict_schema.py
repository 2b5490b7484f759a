"""Schema of the JSON verdict: the types that design and documents promise."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

FILE = Path(__file__).parents[2] / "spec" / "verdict.schema.json"
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)

Change = Callable[[dict[str, Any]], object]

BREACH = {
    "id": "C-VALID/null-sent@/data/attributes/start",
    "clause": "C-VALID",
    "rule": "null-sent",
    "level": "must",
    "place": "/data/attributes/start",
    "count": 3,
    "kinds": "0-1,3",
    "sites": ["datadoghq.eu"],
    "message": {"$text": "null", "length": 2000},
    "accepted": False,
    "replay": "contract replay C-VALID/null-sent@/data/attributes/start",
}
CAUSE = {
    "clause": "C-VALID",
    "rule": "null-sent",
    "level": "must",
    "count": 3,
    "places": ["", "$", "/a~1b", "/{any}/{item}", "%2A"],
    "new": 4,
    "accepted": 1,
    "places_left_out": 0,
    "kinds": "",
    "sites": ["datadoghq.eu"],
    "message": "null was sent",
    "breach": BREACH["id"],
    "case": {"scenario": "valid-bodies", "body": {"$repeat": ["a", 10_000_000]}},
    "replay": "contract replay C-VALID/null-sent@/data/attributes/start",
    "curl": "curl",
}
VERDICT: dict[str, Any] = {
    "format": 2,
    "verdict": "broken",
    "started": "2026-01-31T12:00:00Z",
    "seconds": 1.5,
    "contract": {"version": "1", "spec_sha256": "a" * 64},
    "subject": {"kind": "client", "name": "minimal", "version": ""},
    "profile": "ci",
    "seed": 1,
    "cases": 1,
    "exchanges": 8,
    "sites": ["datadoghq.eu"],
    "clauses": [
        {"id": "C-VALID", "level": "must", "judged": 8, "breaches": 4, "accepted": 1}
    ],
    "not_judged": [{"clause": "C-TLS", "reason": "no fake sites"}],
    "causes": [CAUSE],
    "breaches": [BREACH],
    "kinds": ["valid-bodies/body minimal", "snapshots/created_at: nanoseconds"],
    "grid": [
        {
            "clause": "C-VALID",
            "site": "datadoghq.eu",
            "state": "broken",
            "kinds": 1,
            "of": 2,
            "judged": "0",
        }
    ],
    "notes": [{"clause": "S-RATE", "message": "no reset", "count": 1}],
    "not_confirmed": [],
}


def changed(change: Change) -> dict[str, Any]:
    """Return a copy of the verdict with one change."""
    verdict = copy.deepcopy(VERDICT)
    change(verdict)
    return verdict


def test_schema_is_valid_draft_2020_12() -> None:
    assert jsonschema_rs.meta.is_valid(SCHEMA)


VALID: dict[str, Change] = {
    "as it is": lambda verdict: None,
    "more members": lambda verdict: verdict.update(interrupted="", more=1),
    "outcomes of a service": lambda verdict: verdict.update(
        outcomes={"a": "0123456789abcdef"}
    ),
    "more members of a cause": lambda verdict: verdict["causes"][0].update(more=1),
    "empty place": lambda verdict: verdict["breaches"][0].update(
        id="C-HOST/other-host@", place=""
    ),
    "not confirmed": lambda verdict: verdict.update(not_confirmed=[BREACH]),
}
INVALID: dict[str, Change] = {
    "format 1": lambda verdict: verdict.update(format=1),
    "verdict": lambda verdict: verdict.update(verdict="failed"),
    "local time": lambda verdict: verdict.update(started="2026-01-31 12:00"),
    **{
        f"no {name}": lambda verdict, name=name: verdict.pop(name)  # type: ignore[misc]
        for name in VERDICT
    },
    "state partly": lambda verdict: verdict["grid"][0].update(state="partly"),
    "long message": lambda verdict: verdict["causes"][0].update(message="a" * 1001),
    "text and more": lambda verdict: verdict["causes"][0].update(
        message={"$text": "a", "length": 2000, "more": 1}
    ),
    "41 places": lambda verdict: verdict["causes"][0].update(
        places=[str(number) for number in range(41)]
    ),
    "place with a blank": lambda verdict: verdict["breaches"][0].update(place="a b"),
    "place with *": lambda verdict: verdict["breaches"][0].update(place="/*"),
    "place too long": lambda verdict: verdict["breaches"][0].update(place="a" * 101),
    "id without place": lambda verdict: verdict["breaches"][0].update(id="C-VALID/x"),
    "kinds as a list": lambda verdict: verdict["breaches"][0].update(kinds=[0, 1]),
    "open range": lambda verdict: verdict["breaches"][0].update(kinds="1-"),
    "rule with a place": lambda verdict: verdict["breaches"][0].update(rule="a@b"),
    "count of no exchange": lambda verdict: verdict["breaches"][0].update(count=0),
    "accepted as a number": lambda verdict: verdict["breaches"][0].update(accepted=0),
    "level note": lambda verdict: verdict["breaches"][0].update(level="note"),
    "clause in lower case": lambda verdict: verdict["notes"][0].update(clause="c-tls"),
    "kinds twice": lambda verdict: verdict.update(kinds=["a/b", "a/b"]),
    "no reason": lambda verdict: verdict["not_judged"][0].update(reason=""),
    "outcomes as texts": lambda verdict: verdict.update(outcomes={"a": "204"}),
}


@pytest.mark.parametrize("change", VALID.values(), ids=VALID)
def test_valid_verdict_is_accepted(change: Change) -> None:
    errors = list(VALIDATOR.iter_errors(changed(change)))
    assert [(error.message, error.instance_path) for error in errors] == []


@pytest.mark.parametrize("change", INVALID.values(), ids=INVALID)
def test_invalid_verdict_is_rejected(change: Change) -> None:
    assert not VALIDATOR.is_valid(changed(change))
