"""The minimal client holds every clause for clients."""

from collections.abc import Callable

import contract
from contract.cases.scenario import Scenario
from contract.clauses import CLIENT_CLAUSES
from contract.engine.ledger import Ledger
from contract.model import Call, Outcome


def test_client(
    contract_client_scenario: Scenario,
    contract_check_client: Callable[[Scenario], None],
) -> None:
    contract_check_client(contract_client_scenario)


def test_every_clause_has_a_sentence_and_a_source() -> None:
    assert len(CLIENT_CLAUSES) >= 20
    assert all(clause.statement.endswith(".") for clause in CLIENT_CLAUSES)
    assert all(clause.source and clause.rules for clause in CLIENT_CLAUSES)


def cases_of(**options: object) -> set[str]:
    """Return the ids of the cases that a run plays."""
    ledgers: list[Ledger] = []
    contract.check_client(
        profile="quick",
        progress=lambda ledger, scenario: ledgers.append(ledger),
        **options,
    )
    return ledgers[-1].cases


def test_the_same_seed_plays_the_same_cases() -> None:
    one, again, other = (
        cases_of(scenarios=["snapshot-ids"], seed=seed) for seed in (7, 7, 8)
    )
    assert one == again != other


def test_runs_by_site_play_together_the_cases_of_one_run() -> None:
    sites = ("datadoghq.com", "ddog-gov.com")
    scenarios = ["snapshot-ids", "sites", "documented-errors"]
    parts = [cases_of(sites=[site], scenarios=scenarios) for site in sites]
    assert parts[0] | parts[1] == cases_of(sites=sites, scenarios=scenarios)


class Crashing:
    """A client that breaks in as many ways as there are kinds of cases."""

    def update(self, call: Call) -> Outcome:
        raise OSError("on purpose")


def test_a_shorter_profile_sees_nothing_that_a_longer_one_does_not() -> None:
    breaches = {}
    for profile in ("quick", "ci"):
        verdict = contract.check_client(
            Crashing,
            profile=profile,
            sites=["datadoghq.eu"],
            scenarios=["sites", "snapshot-ids", "keys"],
        )
        breaches[profile] = {breach.id for breach in verdict.breaches}
    assert len(breaches["quick"]) >= 4
    assert breaches["quick"] <= breaches["ci"]
