"""Each built-in fault is caught by the clause that it names."""

from collections.abc import Callable

import pytest

from contract import faults
from contract.cases.scenario import Scenario
from contract.errors import UsageError
from contract.faults import (
    FAULTS,
    ONE_MISTAKE,
    Fault,
    Kill,
    indistinguishable,
    prove,
)

SHOWN_IN = {
    "C-METHOD": "media-types",
    "C-HOST": "media-types",
    "C-PATH": "snapshot-ids",
    "C-AUTH": "keys",
    "C-MEDIA": "media-types",
    "C-BODY": "valid-bodies",
    "C-VALID": "invalid-bodies",
    "C-ACCEPT": "valid-bodies",
    "C-PARITY": "media-types",
    "C-SNAPSHOT": "snapshots transfers slow-answers",
    "C-ANSWER": "broken-snapshots false-successes",
    "C-ERROR": "documented-errors transfers",
    "C-ERROR-ODD": "odd-errors",
    "C-ALIVE": "documented-errors retries kept-connections",
    "C-RETRY": "retries kept-connections",
    "C-REDIRECT": "redirects",
    "C-SITE": "sites",
    "C-TIME": "slow-answers",
    "C-TLS": "certificates",
    "C-SECRET": "keys retries",
    "S-REJECT": "invalid-bodies malformed-json media-types",
    "S-ACCEPT": "valid-bodies spellings",
    "S-NO-5XX": "invalid-bodies malformed-json left-open snapshot-ids deleted keys",
    "S-ID": "spellings",
    "S-ECHO": "valid-bodies",
    "S-STORED": "valid-bodies",
    "S-UNTOUCHED": "valid-bodies",
    "S-REPEAT": "repeats",
    "S-UNKNOWN": "snapshot-ids",
    "S-GONE": "deleted",
    "S-PATH-ID": "body-ids",
    "S-AUTH": "keys",
    "S-ORG": "organizations",
    "S-SECRET": "keys organizations",
    "S-STATUS": "malformed-json organizations",
    "S-SCHEMA": "spellings",
    "S-MEDIA": "spellings",
    "S-ERROR": "valid-bodies invalid-bodies deleted",
    "S-RATE": "valid-bodies",
    "S-PARITY": "spellings malformed-json",
}
"""The scenarios that show the faults of a clause, so that the proof is fast.

Faults of a clause that is not named here meet all scenarios, as in `contract prove`.
"""


@pytest.fixture
def play_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Limit the proof to some scenarios."""
    is_needed = faults.is_played

    def play_only(names: str) -> None:
        def is_played(fault: Fault, scenario: Scenario) -> bool:
            return scenario.name in names.split() and is_needed(fault, scenario)

        monkeypatch.setattr(faults, "is_played", is_played)

    return play_only


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_caught_by_the_clause_that_it_names(
    fault: Fault, play_only: Callable[[str], None]
) -> None:
    names = SHOWN_IN.get(fault.clause, "")
    if names:
        play_only(names)
    (kill,) = prove(None, [fault.id], processes=1, until_caught=True)
    where = names or "any scenario"
    assert kill.is_caught, f"{fault.id} must be caught by {kill.clause} in {where}"


@pytest.mark.parametrize(
    ("fault_id", "breach_ids"),
    [
        ("body-start-as-double", ["C-BODY/number-altered@/data/attributes/start"]),
        ("accepts-no-type", ["S-REJECT/required-unchecked@/data/type"]),
        ("tls-any-name", ["C-TLS/keys-sent-untrusted@wrong-name"]),
        ("time-drip-unbounded", ["C-TIME/too-slow@drip"]),
    ],
)
def test_all_clauses_are_checked_by_default(
    fault_id: str, breach_ids: list[str]
) -> None:
    (kill,) = prove(None, [fault_id], processes=1)
    assert sorted(kill.breach_ids) == breach_ids
    assert kill.by.keys() == {kill.clause}


@pytest.mark.parametrize(
    ("fault_id", "breach_id"),
    [
        ("valid-enum-unchecked", "C-VALID/enum-unchecked@/data/type"),
        ("parity-eu-media", "C-PARITY/request-differs@datadoghq.eu"),
        ("parity-422-for-400", "S-PARITY/status-differs@faulty"),
    ],
)
def test_a_fault_breaks_one_clause_in_the_scenarios_that_show_it(
    fault_id: str, breach_id: str, play_only: Callable[[str], None]
) -> None:
    play_only(SHOWN_IN[breach_id.partition("/")[0]])
    (kill,) = prove(None, [fault_id], processes=1)
    assert kill.breach_ids == (breach_id,)


def test_kills_come_in_the_order_of_the_names_from_any_process() -> None:
    names = ["secret-in-header", "method-put"]
    kills = prove(None, names, until_caught=True)
    assert [(kill.fault, kill.clause, kill.is_caught) for kill in kills] == [
        ("secret-in-header", "S-SECRET", True),
        ("method-put", "C-METHOD", True),
    ]


@pytest.mark.parametrize(
    ("side", "names", "message"),
    [
        ("service", ["accepts-no-type", "x"], r"'x' \(one of: accepts-no-type, "),
        ("client", ["accepts-no-type"], r"'accepts-no-type' \(one of: method-put, "),
        (None, ["x"], r"'x' \(one of: method-put, "),
    ],
)
def test_an_unknown_fault_is_refused_before_anything_is_played(
    side: str | None, names: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=f"^unknown fault {message}"):
        prove(side, names)


# -- breach ids by clause --


def kill(fault: str, clause: str, *breach_ids: str) -> Kill:
    return Kill(fault, clause, breach_ids)


def test_a_kill_has_its_breach_ids_by_clause() -> None:
    breach_ids = ("C-BODY/b@", "C-PATH/a@", "C-BODY/a@")
    by = {"C-BODY": ["C-BODY/a@", "C-BODY/b@"], "C-PATH": ["C-PATH/a@"]}
    assert kill("one", "C-BODY", *breach_ids).by == by
    assert kill("none", "C-BODY").by == {}


def test_faults_of_one_clause_with_the_same_breaches_of_it_are_found() -> None:
    kills = [
        kill("one", "C-BODY", "C-BODY/a@", "C-PATH/a@"),
        kill("same", "C-BODY", "C-BODY/a@"),
        kill("more", "C-BODY", "C-BODY/a@", "C-BODY/b@"),
        kill("other clause", "C-PATH", "C-BODY/a@", "C-PATH/a@"),
    ]
    assert indistinguishable(kills) == [("one", "same")]


@pytest.mark.parametrize("is_swapped", [False, True], ids=["in order", "swapped"])
def test_faults_that_are_one_mistake_are_left_out(is_swapped: bool) -> None:
    for pair in ONE_MISTAKE:
        names = reversed(pair) if is_swapped else pair
        assert indistinguishable([kill(name, "C", "C/a@") for name in names]) == []
