"""Clients of this process as subjects: outcomes, captured output, crashes, servers."""

import importlib.metadata
import logging
import os
import signal
import sys
from asyncio import CancelledError
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contract.client import SITES, SnapshotClient
from contract.errors import SubjectError
from contract.model import (
    Call,
    ClientCase,
    Delivery,
    FirstCall,
    Outcome,
    OutcomeKind,
    Response,
    Tls,
    Violation,
)
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.driver import GRACE_S
from contract.subjects.heartbeat import BEAT, Watcher
from contract.subjects.in_process import (
    ClientSubject,
    MinimalClientAdapter,
    minimal_subject,
)
from contract.subjects.python_client import PythonClient
from contract.version import suite_version
from tests.unit.client_cases import CREDENTIAL, UPDATE, client_case

EU = "datadoghq.eu"
OK = Response(200, (), b'{"data": {"type": "snapshots", "id": "x"}}')


@dataclass
class FunctionClient:
    """A client that is one function."""

    call: Callable[[Call], Any]

    def update(self, call: Call) -> Any:
        return self.call(call)


def outcome_of(
    mocked_sites: MockedSites, call: Callable[[Call], Any], **details: Any
) -> Outcome:
    adapter = PythonClient(FunctionClient(call))
    subject = ClientSubject(adapter, mocked_sites)
    return subject.play(client_case(OK, **details), EU).outcome


# -- the minimal client ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (
            Response(429, (), b'{"errors": ["one", "two"]}'),
            Outcome(
                OutcomeKind.API_ERROR,
                status=429,
                errors=("one", "two"),
                message="429: one; two",
            ),
        ),
        (
            Response(302, (("Location", "/"),)),
            Outcome(
                OutcomeKind.FAILED,
                message="datadoghq.eu: status 302 leads elsewhere, "
                "and redirects are not followed",
            ),
        ),
        (
            Response(201, (), b"{}"),
            Outcome(OutcomeKind.BROKEN_ANSWER, message="status 201 is not documented"),
        ),
    ],
    ids=["429", "redirect", "201"],
)
def test_the_minimal_client_reports_what_came(
    mocked_sites: MockedSites, response: Response, outcome: Outcome
) -> None:
    adapter = MinimalClientAdapter(clock=mocked_sites.clock)
    exchange = ClientSubject(adapter, mocked_sites).play(client_case(response), EU)
    assert replace(exchange.outcome, seconds=0) == outcome


def test_the_minimal_client_refuses_an_invalid_body(mocked_sites: MockedSites) -> None:
    exchange = ClientSubject(MinimalClientAdapter(), mocked_sites).play(
        client_case(body={}), EU
    )
    assert exchange.outcome.kind is OutcomeKind.REFUSED
    assert exchange.requests == ()


# -- two calls in a case ---------------------------------------------------------------


TWO_CALLS = client_case(OK, first_call=FirstCall(Response(429, (), b"{}"), 0.5))


def test_only_the_second_call_is_judged(mocked_sites: MockedSites) -> None:
    exchange = ClientSubject(MinimalClientAdapter(), mocked_sites).play(TWO_CALLS, EU)
    assert exchange.outcome.kind is OutcomeKind.SNAPSHOT
    assert (len(exchange.requests), exchange.responses) == (1, (OK,))
    assert exchange.case is TWO_CALLS


@pytest.mark.parametrize(
    ("first", "calls", "message"),
    [
        (Outcome(OutcomeKind.FAILED), 1, "the request of its first call did not come"),
        (Outcome(OutcomeKind.CRASHED, type="hang", message="one"), 1, "one"),
        (Outcome(OutcomeKind.UNSUPPORTED, message="one"), 1, "one"),
        (Outcome(OutcomeKind.CRASHED, type="KeyError", message="one"), 2, "two"),
        (Outcome(OutcomeKind.REFUSED, message="one"), 2, "two"),
    ],
    ids=["nothing sent", "hang", "unsupported", "crash", "refused"],
)
def test_a_first_call_may_end_the_case(
    mocked_sites: MockedSites, first: Outcome, calls: int, message: str
) -> None:
    timeouts: list[float] = []

    def update(call: Call) -> Outcome:
        timeouts.append(call.timeout_s)
        second = Outcome(OutcomeKind.FAILED, message="two")
        return first if len(timeouts) == 1 else second

    adapter = PythonClient(FunctionClient(update))
    exchange = ClientSubject(adapter, mocked_sites).play(TWO_CALLS, EU)
    assert timeouts == [0.5, 5.0][:calls]
    assert exchange.outcome.message == message
    assert exchange.case is TWO_CALLS


# -- any object ------------------------------------------------------------------------


def test_a_python_client_gets_the_call(mocked_sites: MockedSites) -> None:
    calls: list[Call] = []
    outcome_of(mocked_sites, lambda call: calls.append(call) or {"outcome": "refused"})
    assert calls == [
        Call(
            site=EU,
            api_key=CREDENTIAL.api_key,
            app_key=CREDENTIAL.app_key,
            snapshot_id="an-id",
            body=UPDATE,
        )
    ]


@pytest.mark.parametrize(
    ("result", "kind", "type_"),
    [
        (Outcome(OutcomeKind.FAILED), OutcomeKind.FAILED, ""),
        ({"outcome": "snapshot", "snapshot": {}}, OutcomeKind.SNAPSHOT, ""),
        ({"outcome": "snapshot"}, OutcomeKind.CRASHED, "garbled"),
        ({"outcome": "fine"}, OutcomeKind.CRASHED, "garbled"),
        (None, OutcomeKind.CRASHED, "garbled"),
    ],
    ids=["outcome", "protocol", "no snapshot", "unknown outcome", "nothing"],
)
def test_a_python_client_returns_an_outcome_or_words_of_the_protocol(
    mocked_sites: MockedSites, result: Any, kind: OutcomeKind, type_: str
) -> None:
    outcome = outcome_of(mocked_sites, lambda call: result)
    assert (outcome.kind, outcome.type) == (kind, type_)


def test_an_object_without_update_is_no_client() -> None:
    with pytest.raises(SubjectError, match=r"int has no update\(call\)"):
        PythonClient(5)


def test_output_and_log_records_are_captured(mocked_sites: MockedSites) -> None:
    def call(_: Call) -> dict[str, str]:
        sys.stdout.write("printed")
        sys.stderr.write("said\n")
        logging.getLogger("some.client").debug("key %s", "k")
        return {"outcome": "refused"}

    root = logging.getLogger()
    before = root.level, root.handlers, sys.stdout
    outcome = outcome_of(mocked_sites, call)
    assert outcome.printed == "printed"
    assert outcome.logged == "said\nDEBUG:some.client:key k\n"
    assert (root.level, root.handlers, sys.stdout) == before


# -- crashes ---------------------------------------------------------------------------


def inner(depth: int) -> None:
    if depth:
        inner(depth - 1)
    raise KeyError("data")


def test_an_exception_is_a_crash_with_its_last_frames(
    mocked_sites: MockedSites,
) -> None:
    outcome = outcome_of(mocked_sites, lambda call: inner(9))
    assert (outcome.kind, outcome.type) == (OutcomeKind.CRASHED, "KeyError")
    assert outcome.message == "'data'"
    assert len(outcome.trace) == 5
    assert all(frame.endswith(" inner") for frame in outcome.trace)
    assert not any(frame.startswith("/") for frame in outcome.trace)
    assert "test_subjects_in_process.py:" in outcome.trace[0]


def test_a_client_that_exits_has_crashed(mocked_sites: MockedSites) -> None:
    outcome = outcome_of(mocked_sites, lambda call: sys.exit(0))
    assert (outcome.kind, outcome.type) == (OutcomeKind.CRASHED, "SystemExit")


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        GeneratorExit(),
        CancelledError(),
        pytest.skip.Exception("not today"),
        BaseException("rare"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_client_that_raises_anything_has_crashed(
    mocked_sites: MockedSites, error: BaseException
) -> None:
    def call(_: Call) -> None:
        raise error

    outcome = outcome_of(mocked_sites, call)
    assert (outcome.kind, outcome.type) == (OutcomeKind.CRASHED, type(error).__name__)


@pytest.mark.parametrize("end", [pytest.exit, pytest.fail])
def test_the_end_of_a_pytest_run_passes(
    mocked_sites: MockedSites, end: Callable[[str], Any]
) -> None:
    with pytest.raises((pytest.exit.Exception, pytest.fail.Exception), match="on time"):
        outcome_of(mocked_sites, lambda call: end("on time"))


@pytest.mark.parametrize("is_caught", [True, False])
def test_a_real_interrupt_ends_the_run(
    mocked_sites: MockedSites, is_caught: bool
) -> None:
    def call(_: Call) -> dict[str, str]:
        with suppress(KeyboardInterrupt if is_caught else ZeroDivisionError):
            signal.raise_signal(signal.SIGINT)
        return {"outcome": "failed"}

    with pytest.raises(KeyboardInterrupt):
        outcome_of(mocked_sites, call)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_crash_of_the_minimal_client_has_its_frames(
    mocked_sites: MockedSites,
) -> None:
    class Faulty(SnapshotClient):
        def update(self, *_: Any) -> Any:
            return int("x")

    adapter = MinimalClientAdapter(Faulty)
    outcome = ClientSubject(adapter, mocked_sites).play(client_case(), EU).outcome
    assert (outcome.kind, outcome.type) == (OutcomeKind.CRASHED, "ValueError")
    assert [frame.rpartition(" ")[2] for frame in outcome.trace] == ["update"]


def test_a_lost_subject_is_no_crash(mocked_sites: MockedSites) -> None:
    def call(_: Call) -> None:
        raise SubjectError("gone")

    with pytest.raises(SubjectError, match="gone"):
        outcome_of(mocked_sites, call)


# -- servers ---------------------------------------------------------------------------


def test_a_checkout_that_is_not_installed_has_the_version_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert suite_version() == "0"


def test_waiting_is_charged_as_the_case_says() -> None:
    class RealServer(MockedSites):
        is_real_time = True

    with RealServer(SITES) as server:
        subject = ClientSubject(MinimalClientAdapter(), server)
        exchange = subject.play(client_case(OK, timeout_s=2.0), EU)
        costs = [
            subject.waiting_cost_s(replace(exchange, outcome=outcome))
            for outcome in (
                exchange.outcome,
                replace(exchange.outcome, seconds=2.9),
                replace(exchange.outcome, seconds=3.1),
                Outcome(OutcomeKind.CRASHED, type="hang"),
                Outcome(OutcomeKind.CRASHED, type="process-died"),
            )
        ]
    assert costs == [0.0, 0.0, 2.0, 2.0 + GRACE_S, 0.0]


def test_the_minimal_subject_plays_every_case_on_the_server_that_can() -> None:
    environment = dict(os.environ)
    stalled = replace(OK, delivery=Delivery.STALL)
    cases: list[tuple[ClientCase, OutcomeKind]] = [
        (client_case(OK), OutcomeKind.SNAPSHOT),
        (client_case(stalled, timeout_s=0.1), OutcomeKind.FAILED),
        (client_case(OK, tls=Tls.EXPIRED), OutcomeKind.FAILED),
        (client_case(OK), OutcomeKind.SNAPSHOT),
        (client_case(OK, tls=Tls.WRONG_NAME), OutcomeKind.FAILED),
    ]
    with minimal_subject(load()) as subject:
        for case, kind in cases:
            assert subject.skip_reason(case) == ""
            exchange = subject.play(case, EU)
            assert (exchange.outcome.kind, exchange.outcome.type) == (kind, "")
            assert subject.waiting_cost_s(exchange) == 0.0
    assert dict(os.environ) == environment


# -- time ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latency_s", "timeout_s"), [(0.0, 0.2), (0.03, 0.2), (0.1, 0.6)]
)
def test_a_time_out_is_never_below_six_latencies(
    mocked_sites: MockedSites, latency_s: float, timeout_s: float
) -> None:
    mocked_sites.latency_s = latency_s
    subject = ClientSubject(MinimalClientAdapter(), mocked_sites)
    exchange = subject.play(client_case(OK, timeout_s=0.2), EU)
    assert exchange.case.timeout_s == pytest.approx(timeout_s)
    assert subject.play(client_case(OK), EU).case == client_case(OK)


@pytest.mark.parametrize(("gaps", "is_disturbed"), [([3, 3], False), ([3, 4], True)])
def test_a_play_in_which_the_suite_stood_still_is_disturbed(
    mocked_sites: MockedSites, gaps: list[int], is_disturbed: bool
) -> None:
    watcher = Watcher(bytearray(BEAT.pack(0.0, gaps[0])), lambda: 0.0)

    class Adapter:
        def update(self, case: ClientCase, site: str) -> Outcome:
            BEAT.pack_into(watcher.memory, 0, 0.0, gaps[1])
            return Outcome("refused")

    subject = ClientSubject(Adapter(), mocked_sites, watcher=watcher)
    assert subject.play(client_case(OK), EU).is_disturbed is is_disturbed


class LateServer(MockedSites):
    """Server that says which calls end without an answer, and if one was due."""

    def end_call(self, *, is_due: bool) -> int:
        return 5 if is_due else 1


@pytest.mark.parametrize(
    ("outcome", "details", "late"),
    [
        (Outcome("failed"), {}, 5),
        (Outcome("crashed", type="hang"), {}, 5),
        (Outcome("failed"), {"tls": Tls.EXPIRED}, 1),
        (Outcome("failed"), {"violation": Violation("site", "enum", "other")}, 1),
        (Outcome("refused"), {}, 0),
        (Outcome("crashed", type="KeyError"), {}, 0),
    ],
)
def test_only_a_call_without_an_answer_has_late_requests(
    outcome: Outcome, details: dict[str, Any], late: int
) -> None:
    class Adapter:
        def update(self, case: ClientCase, site: str) -> Outcome:
            return outcome

    with LateServer(SITES) as server:
        exchange = ClientSubject(Adapter(), server).play(client_case(**details), EU)
    assert exchange.late_requests == late
