"""The gate: two clients, the same cases, every difference classed."""

import datetime
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import jsonschema_rs
import pytest

from contract.cli import main
from contract.engine.baseline import Baseline, Entry
from contract.engine.comparison import GateResult, Impact, compare
from contract.engine.job import Job
from contract.engine.schedule import PROFILES
from contract.engine.subject import PlayResult, Skipped, Stopped
from contract.errors import SubjectError
from contract.model import (
    ClientCase,
    Danger,
    Finding,
    Level,
    Outcome,
    OutcomeKind,
    Request,
    Rule,
    SubjectKind,
    Violation,
)
from contract.report.json_document import render_json
from contract.report.view import make_view
from contract.spec import Spec
from tests.checkout import ROOT
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
    old: Answer,
    new: Answer,
    baseline: Baseline = NOTHING,
    cases: Sequence[ClientCase] = CASES,
    rule: Rule = ALTERED,
    **options: object,
) -> GateResult:
    """Compare two clients by a clause that no call may send `bad`."""

    def check(context) -> list[Finding]:
        bodies = [request.body for request in context.exchange.requests]
        return [rule.at("/data")] if b'"bad"' in bodies else []

    job = Job(
        SubjectKind.CLIENT,
        SPEC,
        scenarios=(scenario("one", *cases),),
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
        "neutral The body differs (new: bad, old: 1).",
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
    assert texts(result) == ["neutral The body differs (new: bad, old: 1)."]
    assert result.new.verdict == "holds"


def test_a_new_breach_of_a_should_is_neutral() -> None:
    result = gate(sending(b"1"), sending(b'"bad"'), level=Level.SHOULD)
    assert {item.impact for item in result.differences} == {Impact.NEUTRAL}


BODY = b'{"id": "a", "list": [1, 2]}'
DIFFERENCES = {
    "The number of requests differs (new: 2, old: 1).": (
        sending(b"1"),
        sending(b"1", b"1"),
    ),
    "The number of requests differs (new: 1, old: 0).": (sending(), sending(b"1")),
    "The body has the same JSON in other bytes.": (sending(b"1"), sending(b" 1")),
    "The body differs (new: 2, old: 1).": (sending(b"1"), sending(b"2")),
    "The body differs (new: [, old: {).": (sending(b"{"), sending(b"[")),
    "The body at /list/1 differs (new: 3, old: 2).": (
        sending(BODY),
        sending(BODY.replace(b"2", b"3")),
    ),
    "The body at /id differs (new: nothing, old: a).": (
        sending(BODY),
        sending(BODY.replace(b'"id": "a", ', b"")),
    ),
    "The method differs (new: PUT, old: PATCH).": (
        sending(b"1"),
        sending(b"1", method="PUT"),
    ),
    "The URL differs (new: https://c, old: https://a/b).": (
        sending(b"1"),
        sending(b"1", url="https://c"),
    ),
    "The query parameter q differs (new: 2, old: 1).": (
        sending(b"1", url="https://a?q=1"),
        sending(b"1", url="https://a?q=2"),
    ),
    "The header accept differs (new: b, old: a).": (
        sending(b"1", headers=(("Accept", "a"),)),
        sending(b"1", headers=(("accept", "b"), ("X", "y"))),
    ),
    "The outcome differs (new: failed, old: snapshot).": (
        ending(OutcomeKind.SNAPSHOT),
        ending(OutcomeKind.FAILED),
    ),
    "The status differs (new: 400, old: 404).": (
        ending(OutcomeKind.API_ERROR, status=404),
        ending(OutcomeKind.API_ERROR, status=400),
    ),
    "The error text at /0 differs (new: b, old: a).": (
        ending(OutcomeKind.API_ERROR, status=400, errors=("a",)),
        ending(OutcomeKind.API_ERROR, status=400, errors=("b",)),
    ),
    "The snapshot at /a differs (new: 2, old: 1).": (
        ending(OutcomeKind.SNAPSHOT, snapshot={"a": 1}),
        ending(OutcomeKind.SNAPSHOT, snapshot={"a": 2}),
    ),
}


@pytest.mark.parametrize("text", DIFFERENCES)
def test_a_difference_that_touches_no_clause_is_neutral(text: str) -> None:
    result = gate(*DIFFERENCES[text])
    assert f"neutral {text}" in texts(result)
    assert result.new.verdict == "holds"


def test_keys_and_lengths_are_not_compared(spec: Spec) -> None:
    def with_key(key: str) -> Answer:
        headers = ((spec.auth_headers[0], key), ("Content-Length", key))
        return sending(b"1", headers=headers)

    assert texts(gate(with_key("1"), with_key("2"))) == []


def gone(case: ClientCase, site: str) -> PlayResult:
    """End the run."""
    return Stopped("it went away")


# -- newly reached ---------------------------------------------------------------------

BAD_ON_NEW = "C-ONE/altered@/data: A value is altered."


def but_first(first: Answer, others: Answer) -> Answer:
    """Return a client that does one thing in the first case, another in the others."""
    return lambda case, site: (first if case.title == "a empty" else others)(case, site)


SHORT = {
    "crashed": ending(OutcomeKind.CRASHED, type="A"),
    "refused": ending(OutcomeKind.REFUSED),
    "not expressed": ending(OutcomeKind.UNSUPPORTED),
    "never begun": lambda case, site: Skipped("no sockets"),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_breach_in_newly_reached_cases_only_is_a_warning(name: str) -> None:
    old, new = (
        but_first(first, sending(b"1")) for first in (SHORT[name], sending(b'"bad"'))
    )
    result = gate(old, new)
    assert texts(result) == [f"warning {BAD_ON_NEW}"]
    assert (result.newly_reached, result.new.verdict) == (3, "holds")
    assert result.differences[0].is_newly_reached
    (breach,) = result.new.breaches
    assert breach.reason == "newly reached: the old client did not get so far"


def test_a_site_that_only_the_new_client_calls_is_named_as_fixed() -> None:
    cases = [client_case(f"/{n}") for n in range(20 * len(SITES))]
    crash, good = ending(OutcomeKind.CRASHED), sending(b"1")
    calls = {SITES[1]: crash}
    result = gate(lambda c, site: calls.get(site, good)(c, site), good, cases=cases)
    assert texts(result) == [f"fixed {SITES[1]}: the old client never calls this site"]


def test_it_is_breaking_where_keys_are_at_risk() -> None:
    risky = replace(ALTERED, danger=Danger.KEYS_AT_RISK)
    old = but_first(ending(OutcomeKind.CRASHED), sending(b"1"))
    result = gate(old, but_first(sending(b'"bad"'), sending(b"1")), rule=risky)
    assert texts(result) == [f"breaking {BAD_ON_NEW}"]
    assert result.differences[0].is_newly_reached
    assert result.new.verdict == "broken"


def test_it_is_breaking_where_cases_of_both_show_it_too() -> None:
    old = but_first(ending(OutcomeKind.CRASHED), sending(b"1"))
    result = gate(old, sending(b'"bad"'))
    assert texts(result)[0] == f"breaking {BAD_ON_NEW}"
    assert result.new.verdict == "broken"


def test_a_known_breach_on_a_site_that_the_old_client_refuses_is_a_warning() -> None:
    def old(case: ClientCase, site: str) -> PlayResult:
        is_known = site != "b.example"
        return (sending(b'"bad"') if is_known else SHORT["refused"])(case, site)

    result = gate(old, sending(b'"bad"'))
    assert texts(result) == ["warning C-ONE/altered@/data in new places: b.example"]
    assert result.new.verdict == "holds"


def test_a_known_breach_on_a_site_where_it_was_not_is_breaking() -> None:
    def old(case: ClientCase, site: str) -> PlayResult:
        return sending(b"1" if site == "b.example" else b'"bad"')(case, site)

    result = gate(old, sending(b'"bad"'))
    assert texts(result)[0] == (
        "breaking C-ONE/altered@/data in new kinds: one/b empty"
    )
    assert result.new.verdict == "broken"


def test_a_refusal_that_is_right_is_no_way_to_fall_short() -> None:
    case = client_case(violation=Violation("/data/id", "type", "null"))
    result = gate(ending(OutcomeKind.REFUSED), sending(b'"bad"'), cases=[case])
    assert texts(result)[0] == f"breaking {BAD_ON_NEW}"


def test_a_new_client_that_crashes_is_compared() -> None:
    result = gate(sending(b"1"), SHORT["crashed"])
    assert "neutral The outcome differs (new: crashed, old: snapshot)." in texts(result)
    assert result.newly_reached == 0


def test_the_new_client_plays_every_case_whatever_the_old_one_does() -> None:
    result = gate(but_first(gone, sending(b"1")), sending(b"1"))
    assert (result.old.exchanges, result.new.exchanges) == (0, 5)
    assert result.new.verdict == "unknown"
    early = "the old client ended early: it went away"
    assert result.new.interrupted == early


def test_nothing_holds_if_the_old_client_came_through_no_case() -> None:
    result = gate(SHORT["not expressed"], sending(b"1"))
    assert (result.new.verdict, result.newly_reached) == ("unknown", 5)
    assert "no case" in result.new.interrupted


def test_a_new_client_that_is_lost_ends_the_run() -> None:
    result = gate(sending(b"1"), but_first(gone, sending(b"1")))
    assert (result.old.exchanges, result.new.exchanges) == (3, 0)
    assert (result.new.verdict, result.new.interrupted) == ("unknown", "it went away")
    assert "fixed" not in " ".join(texts(result))


# -- volatile traits -------------------------------------------------------------------


def numbered(body: bytes, **fields: str) -> Answer:
    """Return a client that puts the number of its play in the place of `%`."""
    numbers = count(1)

    def answer(case: ClientCase, site: str) -> PlayResult:
        number = str(next(numbers))
        headers = tuple(
            (name.replace("_", "-"), value.replace("%", number))
            for name, value in fields.items()
        )
        sent = body.replace(b"%", number.encode())
        return sending(sent, headers=headers)(case, site)

    return answer


VOLATILE = "differs from call to call of the"


def test_a_header_that_differs_in_every_call_is_named_once_and_not_compared() -> None:
    old = numbered(b"1", X_Request_Id="old-%", Accept="a", X_Version="1")
    new = numbered(b"1", X_Request_Id="new-%", Accept="a", X_Version="2")
    result = gate(old, new)
    assert texts(result) == [
        "neutral The header x-version differs (new: 2, old: 1).",
        f"volatile The header x-request-id {VOLATILE} old and new client.",
    ]
    assert [item.count for item in result.differences] == [5, 5]


def test_two_equal_clients_with_volatile_members_have_no_other_difference() -> None:
    body = b'{"a": 1, "meta": {"ids": ["%"], "at": %.5}}'
    sides = [numbered(body, X_Id="%", X_Clock="%") for _ in range(2)]
    sides[0](CASES[0], SITES[0])  # now their counters do not agree
    result = gate(*sides)
    assert {item.impact for item in result.differences} == {Impact.VOLATILE}
    names = "header x-clock", "header x-id", "body at /meta/at", "body at /meta/ids/0"
    assert {item.text.split(" differs")[0] for item in result.differences} == {
        f"The {name}" for name in names
    }


def test_a_member_that_only_the_new_client_has_may_be_volatile() -> None:
    new = numbered(b'{"a": 1, "meta": {"id": "%", "kind": "x"}}', Idempotency_Key="%")
    result = gate(sending(b'{"a": 1}'), new)
    assert texts(result) == [
        "neutral The body at /meta/kind differs (new: x, old: nothing).",
        f"volatile The header idempotency-key {VOLATILE} new client.",
        f"volatile The body at /meta/id {VOLATILE} new client.",
    ]


def test_a_clock_that_stands_still_within_a_case_is_volatile() -> None:
    """It moves on between the plays of two clients, but not in each repetition."""
    now = [0.0]

    def client(case: ClientCase, site: str) -> PlayResult:
        now[0] += 0.4
        return sending(b"1", headers=(("X-Clock", str(int(now[0]))),))(case, site)

    assert {item.impact for item in gate(client, client).differences} == {
        Impact.VOLATILE
    }


def test_a_value_that_follows_from_the_case_is_compared() -> None:
    def digest(sign: str) -> Answer:
        return lambda case, site: sending(
            b"1", headers=(("X-Digest", f"{sign}{case.title}{site}"),)
        )(case, site)

    assert texts(gate(digest("+"), digest("+"))) == []
    (text,) = texts(gate(digest("+"), digest("-")))
    assert text.startswith("neutral The header x-digest differs (new: -a empty")


def test_an_outcome_is_compared_however_it_varies() -> None:
    kinds = count()

    def new(case: ClientCase, site: str) -> PlayResult:
        is_odd = next(kinds) % 2
        return ending(OutcomeKind.FAILED if is_odd else OutcomeKind.SNAPSHOT)(
            case, site
        )

    (text,) = texts(gate(ending(OutcomeKind.SNAPSHOT), new))
    assert text == "neutral The outcome differs (new: failed, old: snapshot)."


def test_a_stable_difference_is_repeated_a_few_times_only() -> None:
    plays = []

    def new(case: ClientCase, site: str) -> PlayResult:
        plays.append(case)
        return sending(b"1", headers=(("Accept", "b"),))(case, site)

    cases = [client_case(f"/{number}") for number in range(20)]
    result = gate(sending(b"1", headers=(("Accept", "a"),)), new, cases=cases)
    assert len(plays) == result.new.exchanges + 3


def test_a_client_that_is_lost_in_a_repetition_ends_the_run() -> None:
    plays = count()

    def new(case: ClientCase, site: str) -> PlayResult:
        if next(plays):
            raise SubjectError("it is gone")
        return sending(b"1", headers=(("Accept", "b"),))(case, site)

    result = gate(sending(b"1"), new)
    assert (result.new.verdict, result.new.interrupted) == ("unknown", "it is gone")


def test_the_json_has_all_differences() -> None:
    old = but_first(ending(OutcomeKind.CRASHED), numbered(b"1", X_Id="old-%"))
    new = but_first(sending(b'"bad"'), numbered(b"1", X_Id="new-%"))
    result = gate(old, new)
    view = make_view(result.new, SPEC, comparison=result)
    document = json.loads(render_json(view))
    schema = json.loads((ROOT / "spec" / "verdict.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(document)
    rows = document["gate"]["differences"]
    assert [f"{row['impact']} {row['text']}" for row in rows] == texts(result)
    assert {row["impact"] for row in rows} >= {"warning", "volatile"}
    assert rows[0]["newly_reached"]
    assert document["gate"]["newly_reached"] == result.newly_reached
    assert document["gate"]["old"]["name"] == result.old.name


# -- the command -----------------------------------------------------------------------

DRIVER = f"{sys.executable} -m contract.drivers.minimal"


def test_two_commands_are_compared(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["gate", "--old-command", DRIVER, "--new-command", DRIVER]
    arguments += ["--profile", "quick", "--scenario", "certificates"]
    assert main(arguments) == 0
    assert "no difference" in capsys.readouterr().out
    verdict = json.loads(Path(".contract/verdict.json").read_text())
    assert verdict["gate"]["differences"] == []


@pytest.mark.parametrize(
    "words",
    ["", "--driver python", "--old-command a", "--driver python --old-command a"],
)
def test_anything_but_two_clients_is_one_clear_line(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", *words.split()]) == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert "give two clients: " in message
