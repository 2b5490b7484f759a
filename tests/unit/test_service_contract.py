"""The sandbox holds every clause for services."""

from collections.abc import Callable

import pytest

import contract
from contract.cases.scenario import Scenario
from contract.clauses import SERVICE_CLAUSES
from contract.engine.ledger import Ledger
from contract.engine.verdict import Verdict
from contract.model import Level
from contract.sandbox import ORGS, Sandbox, serving


def test_service(
    contract_service_scenario: Scenario,
    contract_check_service: Callable[[Scenario], None],
) -> None:
    contract_check_service(contract_service_scenario)


@pytest.fixture(scope="module")
def quick() -> Verdict:
    """The verdict on the embedded sandbox at the quick profile."""
    return contract.check_service(profile="quick")


def test_the_sandbox_breaks_not_even_a_should(quick: Verdict) -> None:
    quick.assert_holds()
    assert quick.breaches == ()
    assert (quick.name, quick.skipped, quick.leftovers) == ("sandbox", {}, ())


def test_every_clause_but_two_is_judged_at_the_quick_profile(quick: Verdict) -> None:
    assert quick.not_judged == {
        "S-RATE": "no 429 was seen",
        "S-PARITY": "one site was asked, nothing to compare it with",
    }


def test_undocumented_statuses_are_noted_and_break_nothing(quick: Verdict) -> None:
    notes = {
        text.split(" (")[0] for clause, text in quick.notes if clause == "S-STATUS"
    }
    statuses = (400, 401, 403, 404, 405, 409, 415)
    assert notes == {f"undocumented status {status}" for status in statuses}


def test_every_clause_has_a_sentence_and_a_source() -> None:
    assert len({clause.id for clause in SERVICE_CLAUSES}) == len(SERVICE_CLAUSES) >= 20
    assert all(clause.statement.endswith(".") for clause in SERVICE_CLAUSES)
    assert all(clause.source and clause.rules for clause in SERVICE_CLAUSES)
    should = [c.id for c in SERVICE_CLAUSES if c.level is Level.SHOULD]
    assert should == ["S-RATE"]


def test_the_same_seed_plays_the_same_cases() -> None:
    played = []
    for seed in (7, 7, 8):
        ledgers: list[Ledger] = []
        contract.check_service(
            profile="quick",
            scenarios=["snapshot-ids", "sequences"],
            seed=seed,
            progress=lambda ledger, scenario, ledgers=ledgers: ledgers.append(ledger),
        )
        played.append(ledgers[-1].cases)
    assert played[0] == played[1] != played[2]


def test_nothing_is_left_after_a_run() -> None:
    sandbox = Sandbox()
    own, other = (org.keys for org in ORGS)
    with serving(sandbox) as url:
        verdict = contract.check_service(
            url, keys=own, other_keys=other, profile="quick", scenarios=["deleted"]
        )
    assert (verdict.verdict, verdict.leftovers) == ("holds", ())
    assert not sandbox.rows
