"""The runner: what is played, charged, skipped and stopped."""

import pytest

from contract.engine.ledger import INTERRUPTED, Coverage, Ledger
from contract.engine.runner import Runner
from contract.engine.subject import PlayResult, Skipped, Stopped
from contract.errors import SubjectError
from contract.model import (
    AnyCase,
    AnyExchange,
    ClientCase,
    Operation,
    Outcome,
    OutcomeKind,
    Response,
)
from tests.unit.engine_support import (
    ALTERED,
    LATE,
    SITES,
    SPEC,
    StubSubject,
    clause,
    client_case,
    exchange_of,
    play,
    scenario,
    schedule,
    sites_clause,
)
from tests.unit.service_examples import Example

CASES = [client_case(f"/{letter}", body=letter) for letter in "abcd"]
PLAN = schedule(scenario("one", *CASES))
BROKEN = clause("C-ONE", lambda context: [ALTERED.at("/a")])
HANG = clause("C-TIME", lambda context: [LATE.at("response", is_timed=True)])
HUNG = Outcome(OutcomeKind.CRASHED, type="hang")


def hanging(exchange: AnyExchange) -> float:
    """Charge five seconds for every exchange."""
    return 5.0


def test_a_breach_never_stops_a_run() -> None:
    many = [client_case(f"/{number}", body=number) for number in range(50)]
    subject = StubSubject()
    ledger = play(subject, schedule(scenario("one", *many)), BROKEN)
    assert (ledger.exchanges, len(ledger.cases)) == (52, 50)
    (breach,) = ledger.breaches.values()
    assert (breach.count, len(breach.kinds)) == (52, 50)


def test_clauses_judge_what_concerns_them() -> None:
    one = clause(
        "C-ONE", concerns=lambda context: context.exchange.case.title != "a empty"
    )
    ledger = play(StubSubject(), PLAN, one)
    assert sum(ledger.judged.values()) == 3
    kinds = set().union(*ledger.judged_kinds.values())
    assert {kind.label for kind in kinds} == {"b empty", "c empty", "d empty"}


def test_sites_are_compared_once_a_case_after_all_its_sites() -> None:
    calls = []

    def check(contexts):
        calls.append([context.exchange.site for context in contexts])
        return [(1, ALTERED.at("b.example"))]

    ledger = play(StubSubject(), PLAN, sites_clause(check))
    assert calls == [list(SITES)], "the other cases are played on one site"
    (breach,) = ledger.breaches.values()
    assert (breach.count, breach.sites) == (1, ("b.example",))
    assert sum(ledger.judged.values()) == 3


# -- what cannot be played -------------------------------------------------------------


def test_a_case_that_cannot_be_played_is_named_with_its_reason() -> None:
    def skip(case: AnyCase) -> str:
        return "no socket" if case.title == "b empty" else ""

    ledger = play(StubSubject(skip=skip), PLAN, BROKEN)
    assert ledger.skipped == {"one/b empty": "no socket"}
    assert len(ledger.cases) == 3


def test_a_case_that_was_begun_in_vain_is_named_too() -> None:
    def answer(case: ClientCase, site: str) -> PlayResult:
        return exchange_of(case, site) if site == SITES[0] else Skipped("an outage")

    ledger = play(StubSubject(answer), schedule(scenario("one", CASES[0])), BROKEN)
    assert ledger.skipped == {"one/a empty": "an outage"}
    assert ledger.exchanges == 1


def test_what_a_client_cannot_express_is_skipped_and_exercises_nothing() -> None:
    def answer(case: ClientCase, site: str) -> PlayResult:
        outcome = Outcome(OutcomeKind.UNSUPPORTED, message="no nulls")
        return exchange_of(case, site, outcome)

    ledger = play(StubSubject(answer), PLAN)
    assert set(ledger.skipped.values()) == {"no nulls"}
    assert ledger.coverage.gaps == Coverage(SPEC).gaps


def test_bodies_and_documented_responses_exercise_keywords() -> None:
    case = client_case(body=[], responses=())

    def answer(case: ClientCase, site: str) -> PlayResult:
        exchange = exchange_of(case, site)
        responses = (
            Response(429, (), b'{"errors": 1}'),
            Response(418, (), b"[]"),
            None,
        )
        return type(exchange)(**{**vars(exchange), "responses": responses})

    ledger = play(StubSubject(answer), schedule(scenario("one", case)))
    exercised = {*Coverage(SPEC).gaps} - {*ledger.coverage.gaps}
    ways = {(goal.schema, goal.way) for goal in exercised}
    assert ways >= {("request", "broken"), ("429", "broken")}
    assert {schema for schema, _ in ways} == {"request", "429"}


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.LIST])
def test_only_an_update_of_a_service_exercises_keywords(operation: Operation) -> None:
    details = {"operation": operation, "is_step": True}
    exchange = Example(document={"data": []}, case=details).exchange()
    runner = Runner(StubSubject(), PLAN, [BROKEN], SPEC)
    runner.note_played(exchange.case, exchange)
    assert runner.ledger.coverage.gaps == Coverage(SPEC).gaps


# -- waiting ---------------------------------------------------------------------------


def test_a_case_that_hung_is_played_on_one_more_site() -> None:
    subject = StubSubject(cost=hanging)
    play(subject, schedule(scenario("one", CASES[0])), HANG)
    assert subject.played == [("a empty", "a.example"), ("a empty", "b.example")]


def test_a_case_that_hangs_on_a_later_site_is_played_on_one_more() -> None:
    sites = ("a.example", "b.example", "c.example", "d.example", "e.example")

    def cost(exchange: AnyExchange) -> float:
        return 1.0 if exchange.site in "b.example" else 0.0

    subject = StubSubject(cost=cost)
    play(subject, schedule(scenario("one", CASES[0]), sites=sites), HANG)
    assert [site for _, site in subject.played] == list(sites[:3])


def test_waiting_is_charged_by_scenario_and_cuts_off_what_is_left() -> None:
    plan = schedule(scenario("one", *CASES), scenario("two", *CASES))

    def cost(exchange: AnyExchange) -> float:
        return 5.0 if exchange.case.scenario == "one" else 0.0

    subject = StubSubject(cost=cost)
    ledger = play(subject, plan, HANG, max_wait_s=9.0)
    assert ledger.cut_off == {"one": 3}
    assert len(subject.played) == 2 + 3 + 3, "the first case of each on more sites"


def test_no_patience_at_all_plays_until_the_first_hang() -> None:
    def cost(exchange: AnyExchange) -> float:
        return 5.0 if exchange.case.title == "b empty" else 0.0

    ledger = play(StubSubject(cost=cost), PLAN, max_wait_s=0.0)
    assert ledger.cut_off == {"one": 2}


def test_an_accepted_hang_costs_nothing_and_is_played_once_a_case() -> None:
    subject = StubSubject(cost=hanging)
    ledger = play(
        subject,
        PLAN,
        HANG,
        max_wait_s=9.0,
        is_accepted=lambda cause_id, place: (
            (cause_id, place) == ("C-TIME/late", "response")
        ),
    )
    assert ledger.cut_off == {}
    assert len(subject.played) == len(CASES)


def test_a_hang_is_charged_if_one_timed_finding_is_not_accepted() -> None:
    subject = StubSubject(cost=hanging)
    other = clause("C-TWO", lambda context: [LATE.at("x", is_timed=True)])
    ledger = play(
        subject,
        PLAN,
        HANG,
        other,
        max_wait_s=9.0,
        is_accepted=lambda cause_id, place: cause_id == "C-TIME/late",
    )
    assert ledger.cut_off == {"one": 3}


# -- the end of a run ------------------------------------------------------------------


def stopping(*results: PlayResult | type[BaseException]):
    """Return a subject that ends as told at its fourth exchange."""
    left = list(results)

    def answer(case: ClientCase, site: str) -> PlayResult:
        if len(subject.played) < 4:
            return exchange_of(case, site)
        result = left.pop(0)
        if isinstance(result, type):
            raise result("it went away")
        return result

    subject = StubSubject(answer)
    return subject


def test_a_subject_may_end_the_run_as_planned() -> None:
    subject = stopping(Stopped("the budget is spent", is_planned=True))
    ledger = play(subject, PLAN, BROKEN)
    assert (ledger.is_stop_planned, ledger.exchanges) == (True, 3)
    assert len(subject.played) == 4


def test_a_subject_may_end_the_run_with_a_reason() -> None:
    ledger = play(stopping(Stopped("an outage")), PLAN, BROKEN)
    assert (ledger.stop_reason, ledger.is_stop_planned) == ("an outage", False)


def test_a_lost_subject_ends_the_run_with_its_results() -> None:
    ledger = play(stopping(SubjectError), PLAN, BROKEN)
    assert (ledger.stop_reason, ledger.exchanges) == ("it went away", 3)
    assert next(iter(ledger.breaches.values())).count == 3


def test_ctrl_c_ends_the_run_with_its_results() -> None:
    ledger = play(stopping(KeyboardInterrupt), PLAN, BROKEN)
    assert (ledger.stop_reason, ledger.exchanges) == (INTERRUPTED, 3)


def test_progress_is_called_after_each_exchange_and_may_end_the_run() -> None:
    calls = []

    def progress(ledger: Ledger, name: str) -> bool:
        calls.append((name, ledger.exchanges))
        return len(calls) == 2

    ledger = play(StubSubject(), PLAN, BROKEN, progress=progress)
    assert calls == [("one", 1), ("one", 2)]
    assert (ledger.exchanges, ledger.is_stop_planned) == (2, True)


def test_a_single_play_tells_which_breaches_are_new() -> None:
    runner = Runner(StubSubject(), PLAN, [BROKEN], SPEC)
    assert len(runner.play(CASES[0], SITES[:2])) == 2
    assert runner.ledger.case_breaches == {"C-ONE/altered@/a": True}
    runner.play(CASES[1], SITES[:1])
    assert runner.ledger.case_breaches == {"C-ONE/altered@/a": False}
