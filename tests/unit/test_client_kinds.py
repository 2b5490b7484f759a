"""Ways in which responses come: right clients hold, and no kind is superfluous."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from contract import check_client, faults
from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.clauses.client_behavior import REPEATED_NOTE, RETRY
from contract.clauses.client_facts import ClientFacts
from contract.client import NoAnswer, SnapshotClient
from contract.engine.verdict import Verdict
from contract.faults import prove
from contract.model import SubjectKind
from contract.servers.fake_sites import FakeSites
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientSubject, MinimalClientAdapter
from tests.unit.ordinary_clients import (
    LateReader,
    OrdinaryClient,
    packed_requests,
    requests_session,
    urllib3_pool,
)

RIGHT = ("transfers", "kept-connections", "slow-answers late", "retries no retry")

KINDS = {
    "snapshot-unknown-rounded": [
        "snapshots/data/attributes/{any} unknown integer beyond 2^53"
    ],
    "snapshot-latin-1": ["transfers/charset raw UTF-8"],
    "error-latin-1": [f"transfers/charset raw UTF-8, {n}" for n in (400, 429, 500)],
    "snapshot-gzip-lost": ["transfers/Content-Encoding gzip"],
    "snapshot-chunked-lost": ["transfers/Transfer-Encoding chunked"],
    "snapshot-last-lost": ["transfers/Connection close"],
    "snapshot-old-version-lost": ["transfers/version HTTP/1.0"],
    "snapshot-of-earlier-call": ["slow-answers/delivery late, then another call"],
    "answer-first-of-several": ["false-successes/body two documents, a comma between"],
    "answer-comment-skipped": ["false-successes/body comment after"],
    "alive-retry-after-number": [
        "retries/429 Retry-After number",
        "retries/429 Retry-After number, no retry wanted",
    ],
    "alive-retry-after-date": [
        "retries/429 Retry-After date",
        "retries/429 Retry-After date, no retry wanted",
    ],
    "alive-closed-raises": ["kept-connections/connection closed while idle"],
    "retry-after-reset": ["kept-connections/connection reset after the request"],
}
"""Kinds without which a fault would survive."""


def without(scenario: Scenario, kinds: list[str]) -> Scenario:
    """Return a scenario without some kinds."""
    named = [case.in_scenario(scenario.name) for case in scenario.cases()]
    remaining = [case for case in named if str(case.kind) not in kinds]
    return replace(scenario, cases=lambda: iter(remaining))


@pytest.mark.parametrize("fault_id", KINDS)
def test_a_fault_survives_without_its_kinds(
    fault_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = KINDS[fault_id]
    scenarios = faults.scenarios_of(SubjectKind.CLIENT, load())
    name = kinds[0].partition("/")[0]
    (whole,) = (item for item in scenarios if item.name == name)
    for scenario, is_caught in ((whole, True), (without(whole, kinds), False)):
        monkeypatch.setattr(faults, "scenarios_of", lambda *_, item=scenario: [item])
        (kill,) = prove(None, [fault_id], processes=1, until_caught=True)
        assert kill.is_caught is is_caught


def only(*names: str) -> list[Scenario]:
    """Return scenarios. A word after the name of one chooses its kinds."""
    scenarios = {item.name: item for item in client_scenarios(load())}
    chosen = []
    for name, _, word in (text.partition(" ") for text in names):
        titles = [case.title for case in scenarios[name].cases()]
        others = [f"{name}/{title}" for title in titles if word not in title]
        chosen.append(without(scenarios[name], others))
    return chosen


def check(send: Callable[..., Any], *names: str) -> Verdict:
    """Return the verdict on a client in some scenarios on one site."""
    return check_client(
        lambda: OrdinaryClient(send),
        profile="quick",
        sites=["datadoghq.eu"],
        scenarios=only(*names),
    )


def ids(verdict: Verdict) -> set[str]:
    return {breach.id for breach in verdict.breaches}


@pytest.mark.parametrize(
    ("make", "notes"),
    [
        (requests_session, []),
        (
            urllib3_pool,
            ["A request was sent again after a reset, through a proxy."],
        ),
    ],
    ids=["requests", "urllib3"],
)
def test_no_library_is_accused_of_its_defaults(
    make: Callable[[], Any], notes: list[str]
) -> None:
    verdict = check(make(), *RIGHT)
    assert ids(verdict) == set()
    assert {message for _, message in verdict.notes} == {*notes}
    assert not verdict.skipped


def test_a_client_that_does_not_unpack_what_it_asks_for() -> None:
    assert ids(check(packed_requests(), "transfers", "media-types")) == {
        "C-SNAPSHOT/success-lost@Content-Encoding",
        "C-ERROR/error-text-lost@/errors/{item}",
    }


def test_a_client_that_takes_a_late_response_for_the_next() -> None:
    with closing(LateReader()) as reader:
        verdict = check(reader, "slow-answers late", "media-types")
    assert ids(verdict) == {"C-SNAPSHOT/earlier-response-returned@"}


def test_a_client_may_fail_where_its_connection_was_closed() -> None:
    with closing(LateReader()) as reader:
        verdict = check(reader, "kept-connections closed")
    assert ids(verdict) == set()
    assert verdict.judged_total["C-ALIVE"] == 1


class Resender(SnapshotClient):
    """A minimal client that sends again where its connection was reset."""

    def _attempt(self, request: Any) -> Any:
        try:
            return super()._attempt(request)
        except NoAnswer as error:
            if not any(word in str(error) for word in ("reset", "RemoteDisconnected")):
                raise
            return super()._attempt(request)


def retry_results(server: MockedSites | FakeSites) -> list[Any]:
    """Return what C-RETRY yields for a resender whose kept connection is reset."""
    (scenario,) = only("kept-connections reset")
    (case,) = scenario.cases()
    subject = ClientSubject(MinimalClientAdapter(Resender), server)
    exchange = subject.play(case, "datadoghq.eu")
    assert len(exchange.requests) == 2
    return list(RETRY.check(ClientFacts(exchange, load())))


def test_a_second_request_after_a_reset_is_a_breach(mocked_sites: MockedSites) -> None:
    (finding,) = retry_results(mocked_sites)
    assert (finding.rule.name, finding.place) == ("retried-unasked", "reset")


def test_a_second_request_after_a_reset_behind_a_proxy_is_a_note(
    fake_sites: FakeSites,
) -> None:
    with fake_sites.in_environment():
        assert retry_results(fake_sites) == [REPEATED_NOTE]
