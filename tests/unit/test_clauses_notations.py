"""Another notation of a value is no difference: the clauses that compare values."""

from typing import Any

import pytest

from contract.cases.placeholders import OWN, SIBLING, UNKNOWN
from contract.clauses import SERVICE_CLAUSES, service_facts
from contract.clauses.base import Clause
from contract.model import KeyVariant, Operation, Violation
from tests.unit import test_clauses_service_access as access
from tests.unit import test_clauses_service_response as response
from tests.unit import test_clauses_service_state as state
from tests.unit.service_examples import (
    AFTER,
    ATTRIBUTES,
    BEFORE,
    FOREIGN,
    SENT,
    findings,
    refused,
    returned,
    wrong_keys,
)

LATER = "2019-09-19T11:00:00.500+01:00"
SHORTER = "2019-09-19T10:00:00.50000Z"
OTHER_NOTATION = {"created_at": LATER, "org_id": 1.0}


def noted(listing: Any) -> Any:
    """Return a listing with each value in another notation."""
    return {
        snapshot_id: {
            **row,
            "attributes": {
                **row["attributes"],
                **OTHER_NOTATION,
                "start": float(row["attributes"]["start"]),
            },
        }
        for snapshot_id, row in listing.items()
    }


UNCHANGED = {"before": BEFORE, "after": noted(BEFORE)}
UPDATED = {"before": BEFORE, "after": noted(AFTER)}
SEQUENCE = {
    "operation": Operation.LIST,
    "snapshot_id": (),
    "body": None,
    "expected": {OWN: {**ATTRIBUTES, "created_at": SHORTER}},
}
NO_JSON = Violation("", "JSON", "truncated")
OTHER_ID = {"data": {"type": "snapshots", "id": SIBLING, "attributes": SENT}}

COMPARING: dict[str, list[dict[str, Any]]] = {
    "S-REJECT": [refused(400, NO_JSON) | UNCHANGED],
    "S-ECHO": [returned(start=2.0, **OTHER_NOTATION)],
    "S-STORED": [
        UPDATED,
        refused(400, NO_JSON) | UNCHANGED,
        {"after": noted(BEFORE), "case": SEQUENCE},
    ],
    "S-UNTOUCHED": [UPDATED, UPDATED | returned(**OTHER_NOTATION)],
    "S-REPEAT": [state.twice(start=2.0, **OTHER_NOTATION)],
    "S-UNKNOWN": [state.path(UNKNOWN, **UNCHANGED)],
    "S-PATH-ID": [
        {"case": {"body": OTHER_ID}, **UPDATED},
        {"case": {"body": OTHER_ID}, "status": 409, **UNCHANGED},
    ],
    "S-AUTH": [wrong_keys(KeyVariant.WRONG, 403) | UNCHANGED],
    "S-ORG": [{"status": 404, "case": FOREIGN, **UNCHANGED}],
}
"""Exchanges in which one value has two notations, by clause."""


def comparing_clauses(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the clauses that compare values in a row of their table."""
    seen: list[str] = []
    found = set()

    def watch(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def watched(*args: Any) -> Any:
            seen.append(name)
            return original(*args)

        monkeypatch.setattr(owner, name, watched)

    watch(service_facts, "differences")
    watch(service_facts.ServiceFacts, "first_change")
    for module in (access, response, state):
        for clause, table in module.TABLES.items():
            for parts, _ in table.values():
                seen.clear()
                if isinstance(clause, Clause):
                    findings(clause, parts)
                found |= {clause.id} if seen else set()
    return found


def test_the_clauses_that_compare_are_these(monkeypatch: pytest.MonkeyPatch) -> None:
    assert comparing_clauses(monkeypatch) == set(COMPARING)


@pytest.mark.parametrize(
    ("clause_id", "number"),
    [(name, i) for name, rows in COMPARING.items() for i in range(len(rows))],
)
def test_another_notation_is_no_difference(clause_id: str, number: int) -> None:
    (clause,) = (item for item in SERVICE_CLAUSES if item.id == clause_id)
    assert findings(clause, COMPARING[clause_id][number]) == []
