"""The minimal client holds every clause for clients; each built-in fault is caught by the clause it names."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from contract.cases.client import Scenario, client_scenarios
from contract.clauses import CLIENT
from contract.engine.runner import PROFILES, run
from contract.faults import CLIENT_FAULTS, Fault, prove
from contract.model import Case, Outcome
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientSubject, MinimalClientAdapter

SPEC = load()
SCENARIOS = client_scenarios(SPEC)


@pytest.fixture
def mock() -> Iterator[MockedSites]:
    with MockedSites(SPEC.sites) as mock:
        yield mock


def test_client(
    client_scenario: Scenario, hold_client: Callable[[Scenario], None]
) -> None:
    hold_client(client_scenario)


def test_the_minimal_client_breaks_not_even_a_should(mock: MockedSites) -> None:
    assert not run(
        ClientSubject(MinimalClientAdapter(), mock),
        SCENARIOS,
        CLIENT,
        SPEC,
        profile=PROFILES["quick"],
    ).breaches


def test_every_clause_that_the_mock_can_play_is_judged_at_the_quick_profile(
    mock: MockedSites,
) -> None:
    verdict = run(
        ClientSubject(MinimalClientAdapter(), mock),
        SCENARIOS,
        CLIENT,
        SPEC,
        profile=PROFILES["quick"],
    )
    assert verdict.verdict == "holds"
    assert list(verdict.not_judged) == ["C-TLS"]
    assert "only a real socket" in verdict.not_judged["C-TLS"]


def test_the_same_seed_plays_the_same_cases(mock: MockedSites) -> None:
    played = [
        run(
            ClientSubject(MinimalClientAdapter(), mock),
            SCENARIOS[:1],
            CLIENT,
            SPEC,
            profile=PROFILES["quick"],
            seed=7,
        ).cases
        for _ in range(2)
    ]
    assert played[0] == played[1]


def test_a_run_that_judged_nothing_is_unknown(mock: MockedSites) -> None:
    verdict = run(
        ClientSubject(MinimalClientAdapter(), mock),
        SCENARIOS[-1:],
        CLIENT,
        SPEC,
        profile=PROFILES["quick"],
    )
    assert verdict.verdict == "unknown"
    with pytest.raises(AssertionError, match="unknown"):
        verdict.assert_holds()


@pytest.mark.parametrize("fault", CLIENT_FAULTS, ids=lambda each: each.id)
def test_a_fault_is_caught_by_the_clause_it_names(fault: Fault) -> None:
    (killed,) = prove((fault.id,), processes=1, until_caught=True)
    assert killed.caught, (
        f"{fault.id} must be caught by {fault.clause}; it was caught by {killed.by}"
    )


def test_every_clause_has_a_fault() -> None:
    faults = Counter(fault.clause for fault in CLIENT_FAULTS)
    assert {clause.id for clause in CLIENT} == set(faults)
    assert len({fault.id for fault in CLIENT_FAULTS}) == len(CLIENT_FAULTS) >= 45


def test_every_clause_has_a_statement_and_a_source() -> None:
    assert all(clause.statement.endswith(".") and clause.source for clause in CLIENT)
    assert len({clause.id for clause in CLIENT}) == len(CLIENT) == 20


class Crashing:
    """A client that breaks in as many ways as there are kinds of cases."""

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        raise OSError("on purpose")


def test_a_shorter_profile_sees_nothing_that_a_longer_one_does_not(
    mock: MockedSites,
) -> None:
    """A scenario ends where there is enough of one breach: by then each kind of case has been played."""
    scenarios = [
        each for each in SCENARIOS if each.name in ("sites", "snapshot-ids", "keys")
    ]
    quick, ci = (
        run(
            ClientSubject(Crashing(), mock),
            scenarios,
            CLIENT,
            SPEC,
            profile=PROFILES[name],
        )
        for name in ("quick", "ci")
    )
    assert ci.stopped
    assert len(quick.breaches) > 20
    assert quick.breaches.keys() <= ci.breaches.keys()
