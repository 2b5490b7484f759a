"""Generated cases and sequences: shrinking, seeds, and the end of a run."""

from random import Random
from typing import Any

from hypothesis import strategies as st

from contract.cases.scenario import Play, Scenario
from contract.clauses.client_facts import ClientFacts
from contract.engine.schedule import Profile, Schedule
from contract.engine.subject import PlayResult
from contract.errors import SubjectError
from contract.model import ClientCase, Finding, Label
from tests.unit.engine_support import (
    ALTERED,
    StubSubject,
    clause,
    client_case,
    exchange_of,
    play,
    scenario,
    schedule,
)

PROFILE = Profile("quick", samples=1, examples=40)


def of_body(body: object) -> ClientCase:
    """Return a generated case with a body."""
    label = Label(f"/{type(body).__name__}", "generated")
    return client_case(body=body, labels=(label,), is_generated=True)


def plan_of(values: st.SearchStrategy[Any], *cases: ClientCase) -> Schedule:
    """Return a schedule of generated cases with such bodies."""
    generated = scenario("generated", *cases, strategy=lambda: values.map(of_body))
    return schedule(generated, profile=PROFILE)


def check(context: ClientFacts) -> list[Finding]:
    """Break at large numbers and at long texts, each in a place of its own."""
    body = context.exchange.case.body
    if isinstance(body, int) and body > 1000:
        return [ALTERED.at("/number")]
    if isinstance(body, str) and len(body) > 3:
        return [ALTERED.at("/text")]
    return []


VALUES = st.integers() | st.text()


def test_two_new_breaches_are_both_shrunk() -> None:
    ledger = play(StubSubject(), plan_of(VALUES), clause("C-ONE", check))
    examples = {
        breach.place: breach.example.case.body for breach in ledger.breaches.values()
    }
    assert examples["/number"] in range(1001, 10_000)
    assert len(examples["/text"]) == 4
    assert {breach.kinds for breach in ledger.breaches.values()} == {()}


def test_known_breaches_are_not_shrunk() -> None:
    case = client_case(body=123_456)
    subject = StubSubject()
    ledger = play(subject, plan_of(st.integers(), case), clause("C-ONE", check))
    assert len(subject.played) <= 3 + PROFILE.examples
    assert [breach.place for breach in ledger.breaches.values()] == ["/number"]


def test_the_seed_decides_what_is_generated() -> None:
    played = []
    for seed in (1, 1, 2):
        bodies: list[object] = []

        def answer(
            case: ClientCase, site: str, bodies: list[object] = bodies
        ) -> PlayResult:
            bodies.append(case.body)
            return exchange_of(case, site)

        play(StubSubject(answer), plan_of(VALUES), seed=seed)
        played.append(bodies)
    assert played[0] == played[1] != played[2]


def test_a_subject_that_does_not_repeat_itself_is_no_error() -> None:
    calls = iter(range(10_000))
    flaky = clause(
        "C-ONE", lambda context: [ALTERED.at("/a")] if next(calls) == 7 else []
    )
    ledger = play(StubSubject(), plan_of(VALUES), flaky)
    assert [breach.count for breach in ledger.breaches.values()] == [1]
    assert ledger.stop_reason == ""


def test_a_subject_that_is_lost_while_it_shrinks_ends_the_run() -> None:
    def answer(case: ClientCase, site: str) -> PlayResult:
        if len(subject.played) > 30:
            raise SubjectError("it went away")
        return exchange_of(case, site)

    subject = StubSubject(answer)
    ledger = play(subject, plan_of(VALUES), clause("C-ONE", check))
    assert ledger.stop_reason == "it went away"
    assert ledger.exchanges == 30


def test_ctrl_c_ends_the_run_in_the_middle_of_generated_cases() -> None:
    def answer(case: ClientCase, site: str) -> PlayResult:
        if len(subject.played) == 20:
            raise KeyboardInterrupt
        return exchange_of(case, site)

    subject = StubSubject(answer)
    ledger = play(subject, plan_of(VALUES), clause("C-ONE", check))
    assert (ledger.stop_reason, ledger.exchanges) == ("interrupted", 19)


def sequences() -> Scenario:
    """Return a scenario with sequences of one sort of step."""

    class Updates:
        def __init__(self, play: Play) -> None:
            self.play = play

        def take_step(self, random: Random) -> None:
            self.play(of_body(random.randrange(1_000)))

        def end(self) -> None:
            pass

    return scenario("sequences", sequence=Updates)


def test_each_step_of_a_sequence_is_played_on_every_site() -> None:
    subject = StubSubject()
    ledger = play(subject, schedule(sequences(), profile=PROFILE))
    sites = [site for _, site in subject.played]
    assert len(sites) % 3 == 0
    assert sites[:3] == list(schedule(sequences()).sites)
    assert ledger.exchanges == len(sites) > 40


def test_a_run_that_was_stopped_generates_nothing_more() -> None:
    subject = StubSubject()
    ledger = play(
        subject,
        schedule(scenario("one", client_case()), sequences(), profile=PROFILE),
        progress=lambda ledger, name: True,
    )
    assert (ledger.exchanges, ledger.is_stop_planned) == (1, True)
