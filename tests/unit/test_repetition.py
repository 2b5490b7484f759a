"""A case on further sites is judged by what differs from its first exchange."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT_CLAUSES
from contract.engine import runner as module
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import PROOF, make_schedule
from contract.faults import CLIENT_FAULTS, Fault, subject_of
from contract.spec import load

SPEC = load()
SCENARIOS = client_scenarios(SPEC)
EVERYWHERE = replace(PROOF, all_everywhere=True)


def played(fault: Fault, step: int) -> tuple[Ledger, set[str]]:
    """Play every n-th kind on all sites, and those that the fault needs.

    Return what came of it, and the scenarios that had a case on real sockets.
    """
    with subject_of(fault) as (subject, sites):
        schedule = make_schedule(SCENARIOS, EVERYWHERE, sites, subject, SPEC.sites)
        cases = tuple(
            item
            for number, item in enumerate(schedule.cases)
            if number % step == 0 or item.case.scenario in fault.scenarios
            if not subject.skip_reason(item.case)
        )
        part = replace(schedule, cases=cases)
        on_sockets = {
            item.case.scenario
            for item in cases
            if fault.scenarios and subject.server.is_on_loopback(item.case)
        }
        ledger = Runner(subject, part, CLIENT_CLAUSES, SPEC).play_all()
        return ledger, on_sockets


def verdict(ledger: Ledger, on_sockets: set[str]) -> dict[str, Any]:
    """Return what must not change. On real sockets a busy machine loses exchanges."""
    kinds = {
        place: {kind for kind in kinds if kind.scenario not in on_sockets}
        for place, kinds in ledger.judged_kinds.items()
    }
    breaches = {**ledger.breaches, **ledger.not_confirmed}
    # How often real time shows a breach depends on the machine.
    timed = {name.partition("@")[0] for name, b in breaches.items() if b.is_timed}
    causes = ledger.cause_counts.items()
    return {
        "timed": timed,
        "breaches": {
            breach_id: (b.count, b.sites, b.kinds, b.level, b.message, b.example.site)
            for breach_id, b in breaches.items()
            if not b.is_timed
        },
        "causes": {name: count for name, count in causes if name not in timed},
        "notes": ledger.notes,
        "judged": None if on_sockets else ledger.judged,
        "kinds": {place: names for place, names in kinds.items() if names},
        "error": ledger.stop_reason,
    }


def assert_same(faults: Sequence[Fault], step: int) -> None:
    for fault in faults:
        cheap = verdict(*played(fault, step))
        with patch.object(module, "likeness_of", lambda *_: object()):
            whole = verdict(*played(fault, step))
        assert cheap == whole, fault.id


def test_repetitions_change_no_verdict() -> None:
    faults = [fault for fault in CLIENT_FAULTS if not fault.scenarios]
    on_some_sites = [f for f in faults if f.clause in ("C-HOST", "C-PARITY")]
    assert_same([*on_some_sites, *faults[::32]], step=160)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_repetitions_change_no_verdict_of_any_fault(part: int) -> None:
    assert_same(CLIENT_FAULTS[part::8], step=16)
