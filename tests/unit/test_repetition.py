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


def played(fault: Fault, step: int) -> Ledger:
    """Play every n-th kind on all sites, and those that the fault needs."""
    with subject_of(fault) as (subject, sites):
        schedule = make_schedule(SCENARIOS, EVERYWHERE, sites, subject, SPEC.sites)
        cases = tuple(
            item
            for number, item in enumerate(schedule.cases)
            if number % step == 0 or item.case.scenario in fault.scenarios
            if not subject.skip_reason(item.case)
        )
        part = replace(schedule, cases=cases)
        return Runner(subject, part, CLIENT_CLAUSES, SPEC).play_all()


def verdict(ledger: Ledger, is_timed: bool) -> dict[str, Any]:
    """Return what must not change. On real sockets a busy machine loses exchanges."""
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
        "judged": None if is_timed else ledger.judged,
        "kinds": None if is_timed else ledger.judged_kinds,
        "error": ledger.stop_reason,
    }


def assert_same(faults: Sequence[Fault], step: int) -> None:
    for fault in faults:
        cheap = verdict(played(fault, step), bool(fault.scenarios))
        with patch.object(module, "likeness_of", lambda *_: object()):
            whole = verdict(played(fault, step), bool(fault.scenarios))
        assert cheap == whole, fault.id


def test_repetitions_change_no_verdict() -> None:
    faults = [fault for fault in CLIENT_FAULTS if not fault.scenarios]
    on_some_sites = [f for f in faults if f.clause in ("C-HOST", "C-PARITY")]
    assert_same([*on_some_sites, *faults[::32]], step=160)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_repetitions_change_no_verdict_of_any_fault(part: int) -> None:
    assert_same(CLIENT_FAULTS[part::8], step=16)
