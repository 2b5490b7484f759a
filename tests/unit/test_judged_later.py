"""What is judged while a response is awaited gives the verdict of judging at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from contract import faults
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE_CLAUSES
from contract.clauses.base import AnyClause
from contract.engine.ledger import INTERRUPTED, Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, PROOF, Schedule, make_schedule
from contract.engine.subject import PlayResult, Skipped, Stopped
from contract.errors import SubjectError
from contract.faults import SERVICE_FAULTS, Fault, subject_of
from contract.model import AnyCase, AnyExchange, Response
from contract.sandbox import Sandbox
from contract.sandbox.direct import DirectConnection
from contract.subjects.service import MultiSiteService
from tests.unit.engine_support import (
    ALTERED,
    SPEC,
    StubSubject,
    clause,
    client_case,
    exchange_of,
    scenario,
    schedule,
    sites_clause,
)

CASES = [client_case(f"/{letter}", body=letter) for letter in "abcdef"]
PLAN = schedule(scenario("one", *CASES[:3]), scenario("two", *CASES[3:]))
BROKEN = (
    clause("C-ONE", lambda context: [ALTERED.at("/a")]),
    sites_clause(lambda contexts: [(0, ALTERED.at("/b"))]),
)


class Slow(StubSubject):
    """A subject with time to judge in each play."""

    work: Callable[[], object]

    def while_waiting(self, work: Any) -> bool:
        self.work = work
        return True

    def play(self, case: AnyCase, site: str) -> PlayResult:
        self.work()
        return super().play(case, site)


class SlowConnection(DirectConnection):
    """A connection with time to judge in each request."""

    waits = True
    while_waiting: Callable[[], object] = staticmethod(lambda: None)

    def send(self, *request: Any) -> Response:
        self.while_waiting()
        return super().send(*request)


def summary(ledger: Ledger) -> dict[str, Any]:
    return {
        "breaches": {
            b.id: (b.count, b.sites, b.kinds, b.example.case)
            for b in ledger.breaches.values()
        },
        "judged": (ledger.judged, ledger.judged_kinds, ledger.notes),
        "played": (ledger.exchanges, ledger.cases, ledger.outcomes),
        "left out": (ledger.skipped, ledger.cut_off),
        "end": (ledger.stop_reason, ledger.is_stop_planned),
    }


def played(
    subject: Any,
    plan: Schedule = PLAN,
    clauses: Sequence[AnyClause] = BROKEN,
    **details: Any,
) -> Ledger:
    return Runner(subject, plan, clauses, SPEC, **details).play_all()


def lost(case: Any, _: str) -> Any:
    raise SubjectError("gone")


def fourth(end: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda case, site: (exchange_of if case.body != "d" else end)(case, site)


@pytest.mark.parametrize(
    "answer",
    [
        exchange_of,
        fourth(lost),
        fourth(lambda *_: Stopped("spent", is_planned=True)),
        fourth(lambda *_: Skipped("too odd")),
    ],
    ids=["whole", "lost", "stopped", "skipped"],
)
def test_the_results_are_the_same(answer: Callable[[Any, str], Any]) -> None:
    slow = Slow(answer)
    assert summary(played(slow)) == summary(played(StubSubject(answer)))
    assert slow.played


@pytest.mark.parametrize("most", range(1, 9))
def test_a_stop_has_the_same_results(most: int) -> None:
    def is_enough(ledger: Ledger, _: str) -> bool:
        return ledger.exchanges >= most

    both = (played(kind(), progress=is_enough) for kind in (Slow, StubSubject))
    later, at_once = map(summary, both)
    assert later == at_once
    assert later["played"][0] == most


def test_what_was_played_is_judged_though_the_next_play_is_interrupted() -> None:
    def interrupt(case: Any, _: str) -> Any:
        raise KeyboardInterrupt

    ledger = played(Slow(fourth(interrupt)))
    assert ledger.stop_reason == INTERRUPTED
    assert summary(ledger) == summary(played(StubSubject(fourth(interrupt))))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("odd"), OSError()])
def test_an_error_in_judging_ends_the_run_and_no_exchange(error: BaseException) -> None:
    check_one = Runner.check

    def check(runner: Runner, whole: AnyExchange) -> AnyExchange:
        if runner.ledger.exchanges == 2:
            raise error
        return check_one(runner, whole)

    slow = Slow()
    with patch.object(Runner, "check", check):
        ledger = played(slow)
    assert ledger.is_stopped
    assert ledger.error is (None if isinstance(error, KeyboardInterrupt) else error)
    assert len(slow.played) == 4  # the third was judged while the fourth was awaited


def test_only_connections_that_wait_give_time_to_judge() -> None:
    connections = SlowConnection(Sandbox()), DirectConnection(Sandbox())
    for some, waits in ((connections[:1], True), (connections, False), ((), False)):
        subject = MultiSiteService([], connections=some)
        assert subject.while_waiting(lambda: None) is waits


def verdict(fault: Fault, connection: type[DirectConnection]) -> dict[str, Any]:
    """Play the catalogue and a few sequences on a sandbox with a fault."""
    few = replace(PROFILES["quick"], examples=3)
    scenarios = service_scenarios(SPEC)
    with (
        patch.object(faults, "DirectConnection", connection),
        subject_of(fault) as (subject, sites),
    ):
        plan = make_schedule(scenarios, PROOF, sites, subject, SPEC.sites)
        plan = replace(plan, profile=few)
        return summary(played(subject, plan, SERVICE_CLAUSES))


@pytest.mark.parametrize("fault", SERVICE_FAULTS[::30], ids=lambda fault: fault.id)
def test_a_faulty_service_has_the_same_verdict(fault: Fault) -> None:
    later = verdict(fault, SlowConnection)
    assert later == verdict(fault, DirectConnection)
    assert later["breaches"]
