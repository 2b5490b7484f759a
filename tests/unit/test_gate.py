"""The gate: two clients, the same cases, every difference classed."""

import datetime
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.cli import main
from contract.engine.baseline import Baseline, Entry
from contract.engine.comparison import GateResult, Impact, compare
from contract.engine.job import Job
from contract.engine.schedule import PROFILES
from contract.engine.subject import PlayResult, Stopped
from contract.model import (
    ClientCase,
    Finding,
    Level,
    Outcome,
    OutcomeKind,
    Request,
)
from contract.spec import Spec
from tests.unit.engine_support import (
    ALTERED,
    SITES,
    SPEC,
    StubSubject,
    clause,
    client_case,
    exchange_of,
    scenario,
)

CASES = [client_case(f"/{letter}", body=letter) for letter in "abc"]
NOTHING = Baseline()
Answer = Callable[[ClientCase, str], PlayResult]


def sending(*bodies: bytes, **fields: object) -> Answer:
    """Return a client that sends these bodies, whatever its case."""

    def answer(case: ClientCase, site: str) -> PlayResult:
        requests = tuple(
            Request(**{"method": "PATCH", "url": "https://a/b", "body": body, **fields})
            for body in bodies
        )
        return replace(exchange_of(case, site), requests=requests)

    return answer


def ending(kind: OutcomeKind, **fields: object) -> Answer:
    """Return a client whose calls end in one way."""
    outcome = Outcome(kind, **fields)
    return lambda case, site: exchange_of(case, site, outcome)


def gate(
    old: Answer, new: Answer, baseline: Baseline = NOTHING, **options: object
) -> GateResult:
    """Compare two clients by a clause that no call may send `bad`."""

    def check(context) -> list[Finding]:
        bodies = [request.body for request in context.exchange.requests]
        return [ALTERED.at("/data")] if b'"bad"' in bodies else []

    job = Job(
        SPEC,
        scenarios=(scenario("one", *CASES),),
        clauses=(clause("C-ONE", check, **options),),
        profile=PROFILES["quick"],
        baseline=baseline,
        options={},
    )
    return compare(StubSubject(old), StubSubject(new), job, SITES)


def texts(result: GateResult) -> list[str]:
    """Return the differences as texts."""
    return [f"{item.impact} {item.text}" for item in result.differences]


def test_the_same_client_twice_has_no_difference() -> None:
    result = gate(sending(b"1"), sending(b"1"))
    assert (texts(result), result.new.verdict) == ([], "holds")
    assert result.new.exchanges == result.old.exchanges
    assert result.new.judged == result.old.judged


def test_a_new_breach_is_breaking_and_comes_first() -> None:
    result = gate(sending(b"1"), sending(b'"bad"'))
    assert texts(result) == [
        "breaking C-ONE/altered@/data: A value is altered.",
        "neutral The body differs.",
    ]
    assert result.new.verdict == "broken"
    assert [item.count for item in result.differences] == [5, 5]


def test_an_old_breach_that_is_gone_is_fixed() -> None:
    result = gate(sending(b'"bad"'), sending(b"1"))
    assert texts(result)[0] == "fixed C-ONE/altered@/data: A value is altered."
    assert result.new.verdict == "holds"


def test_a_breach_of_both_is_no_difference() -> None:
    result = gate(sending(b'"bad"'), sending(b'"bad"'))
    assert (texts(result), result.new.verdict) == ([], "holds")
    (breach,) = result.new.breaches
    assert (breach.is_accepted, breach.reason) == (True, "the old client does the same")


def test_a_breach_of_both_in_new_kinds_is_breaking() -> None:
    def old(case: ClientCase, site: str) -> PlayResult:
        return sending(b'"bad"' if case.title == "a empty" else b"1")(case, site)

    result = gate(old, sending(b'"bad"'))
    assert texts(result)[0] == (
        "breaking C-ONE/altered@/data in new kinds: one/b empty, one/c empty"
    )
    assert result.new.verdict == "broken"
    assert gate(sending(b'"bad"'), old).new.verdict == "holds"


def test_a_breach_that_is_accepted_is_no_difference() -> None:
    entry = Entry("C-ONE", "altered", "It is known.", datetime.date(2099, 1, 1))
    result = gate(sending(b"1"), sending(b'"bad"'), Baseline((entry,)))
    assert texts(result) == ["neutral The body differs."]
    assert result.new.verdict == "holds"


def test_a_new_breach_of_a_should_is_neutral() -> None:
    result = gate(sending(b"1"), sending(b'"bad"'), level=Level.SHOULD)
    assert {item.impact for item in result.differences} == {Impact.NEUTRAL}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            sending(b"1"),
            sending(b"1", b"1"),
            "The new client sends 2 requests, the old one 1.",
        ),
        (sending(), sending(b"1"), "The new client sends 1 request, the old one none."),
        (sending(b"1"), sending(), "The new client sends no requests, the old one 1."),
        (sending(b"1"), sending(b" 1"), "The body has the same JSON in other bytes."),
        (sending(b"1"), sending(b"2"), "The body differs."),
        (
            sending(b"1"),
            sending(b"1", method="PUT"),
            "The method is PUT instead of PATCH.",
        ),
        (sending(b"1"), sending(b"1", url="https://c"), "The URL differs."),
        (
            sending(b"1", headers=(("Accept", "a"),)),
            sending(b"1", headers=(("accept", "b"), ("X", "y"))),
            "The header accept differs (new: b, old: a).",
        ),
        (
            ending(OutcomeKind.SNAPSHOT),
            ending(OutcomeKind.FAILED),
            "The outcome is failed instead of snapshot.",
        ),
        (
            ending(OutcomeKind.CRASHED, type="A"),
            ending(OutcomeKind.CRASHED, type="B"),
            "The crash type is B instead of A.",
        ),
        (
            ending(OutcomeKind.API_ERROR, status=400, errors=("a",)),
            ending(OutcomeKind.API_ERROR, status=400, errors=("b",)),
            "The status or the errors differ.",
        ),
        (
            ending(OutcomeKind.SNAPSHOT, snapshot={"a": 1}),
            ending(OutcomeKind.SNAPSHOT, snapshot={"a": 2}),
            "The snapshot differs.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_difference_that_touches_no_clause_is_neutral(
    old: Answer, new: Answer, text: str
) -> None:
    result = gate(old, new)
    assert f"neutral {text}" in texts(result)
    assert result.new.verdict == "holds"


def test_keys_and_lengths_are_not_compared(spec: Spec) -> None:
    def with_key(key: str) -> Answer:
        headers = ((spec.auth_headers[0], key), ("Content-Length", key))
        return sending(b"1", headers=headers)

    assert texts(gate(with_key("1"), with_key("2"))) == []


def test_the_new_client_plays_what_the_old_one_played() -> None:
    def old(case: ClientCase, site: str) -> PlayResult:
        if case.title == "c empty":
            return Stopped("it went away")
        return sending(b"1")(case, site)

    result = gate(old, sending(b"1"))
    assert (result.old.exchanges, result.new.exchanges) == (4, 4)
    assert result.old.interrupted == "it went away"


# -- the command -----------------------------------------------------------------------

DRIVER = f"{sys.executable} -m contract.drivers.minimal"


def test_two_commands_are_compared(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["gate", "--old-command", DRIVER, "--new-command", DRIVER]
    arguments += ["--profile", "quick", "--scenario", "certificates"]
    assert main(arguments) == 0
    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--driver", "python"],
        ["--old-command", "a"],
        ["--driver", "python", "--old-command", "a"],
    ],
    ids=" ".join,
)
def test_anything_but_two_clients_is_one_clear_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", *arguments]) == 2
    message = capsys.readouterr().err
    assert "give two clients: " in message
    assert message.count("\n") == 1
