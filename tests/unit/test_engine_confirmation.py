"""Timed breaches: confirmed by repetition, else shown and not counted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from contract.clauses.base import SitesClause
from contract.clauses.client_facts import ClientFacts
from contract.engine.conclusion import conclude
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.subject import PlayResult, Recorder
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import SubjectError
from contract.model import (
    AnyExchange,
    ClientCase,
    Label,
    Outcome,
    OutcomeKind,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.report.json_document import to_json
from contract.report.view import make_view, remarks
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
    verdict,
)

KINDS = [client_case(f"/{letter}", body=letter) for letter in "abcdefgh"]
ONE_SITE = SITES[:1]
PLAN = schedule(scenario("one", *KINDS), sites=ONE_SITE)
SLOW = replace(exchange_of(KINDS[0]).outcome, seconds=2.0)
FAST = Outcome(OutcomeKind.SNAPSHOT)


def late(context: ClientFacts) -> list[object]:
    is_late = context.exchange.outcome.seconds > 1
    return [LATE.at("x", context.case.title, is_timed=True)] if is_late else []


TIMED = clause("C-TIME", late)

Answer = Callable[[ClientCase, str], PlayResult]


def slow_for(titles: str, times: int, seconds: float = 2.0) -> Answer:
    """Answer late the first `times` plays of the cases whose titles begin so."""
    plays: Counter[str] = Counter()

    def answer(case: ClientCase, site: str) -> PlayResult:
        plays[case.title] += 1
        is_slow = case.title[0] in titles and plays[case.title] <= times
        return exchange_of(case, site, replace(SLOW, seconds=seconds * is_slow))

    return answer


def repeated(subject: StubSubject) -> list[list[str]]:
    """Return the first letters of the cases that each fresh subject played."""
    return [[title[0] for title, _ in s.played] for s in subject.renewals]


def unconfirmed_ids(ledger: Ledger) -> list[str]:
    return sorted(ledger.not_confirmed)


def test_a_case_that_is_late_three_times_is_a_breach() -> None:
    subject = StubSubject(slow_for("b", 3))
    ledger = play(subject, PLAN, TIMED)
    (breach,) = ledger.breaches.values()
    assert (breach.id, breach.count, breach.reproducibility) == (
        "C-TIME/late@x",
        1,
        "always",
    )
    assert repeated(subject) == [["b", "b"]], "twice, in one fresh subject"
    assert ledger.cause_counts == {"C-TIME/late": 1}
    assert (ledger.exchanges, len(ledger.cases)) == (8, 8)
    assert not ledger.not_confirmed


@pytest.mark.parametrize(("times", "replays"), [(1, ["b"]), (2, ["b", "b"])])
def test_a_case_that_is_late_less_often_is_not_counted(
    times: int, replays: list[str]
) -> None:
    subject = StubSubject(slow_for("b", times))
    ledger = play(subject, PLAN, TIMED)
    assert (ledger.breaches, ledger.cause_counts) == ({}, {})
    assert unconfirmed_ids(ledger) == ["C-TIME/late@x"]
    assert repeated(subject) == [replays]


@pytest.mark.parametrize(("seconds", "replays"), [(5.0, "b"), (4.9, "bb")])
def test_a_long_case_is_played_again_once(seconds: float, replays: str) -> None:
    subject = StubSubject(slow_for("b", 99, seconds))
    ledger = play(subject, PLAN, TIMED)
    assert len(ledger.breaches) == 1
    assert repeated(subject) == [[*replays]]


def test_the_confirmed_case_is_the_example_although_others_are_smaller() -> None:
    cases = [replace(case, body="x" * (9 - n)) for n, case in enumerate(KINDS)]
    stable = slow_for("cdefgh", 99)
    once = slow_for("b", 1)

    def answer(case: ClientCase, site: str) -> PlayResult:
        return (once if case.title[0] == "b" else stable)(case, site)

    subject = StubSubject(answer)
    ledger = play(subject, schedule(scenario("one", *cases), sites=ONE_SITE), TIMED)
    (breach,) = ledger.breaches.values()
    assert (breach.example.case.title[0], breach.message[0]) == ("c", "c")
    assert breach.count == 7
    assert repeated(subject) == [["b"], ["c", "c"]]


def test_at_most_five_kinds_are_tried() -> None:
    subject = StubSubject(slow_for("abcdefgh", 1))
    ledger = play(subject, PLAN, TIMED)
    assert repeated(subject) == [["a"], ["b"], ["c"], ["d"], ["e"]]
    (breach,) = ledger.not_confirmed.values()
    assert (breach.count, len(breach.kinds)) == (8, 8)


def test_a_confirmed_breach_is_not_confirmed_again() -> None:
    plan = schedule(scenario("one", *KINDS), scenario("two", *KINDS), sites=ONE_SITE)
    subject = StubSubject(slow_for("ab", 99))
    ledger = play(subject, plan, TIMED)
    assert repeated(subject) == [["a", "a"]]
    (breach,) = ledger.breaches.values()
    assert (breach.count, len(breach.kinds)) == (4, 4)


def test_a_scenario_is_confirmed_at_its_end() -> None:
    plan = schedule(
        scenario("one", KINDS[0], KINDS[0]), scenario("two", KINDS[1]), sites=ONE_SITE
    )
    order: list[str] = []
    answer = slow_for("ab", 99)

    def noted(case: ClientCase, site: str) -> PlayResult:
        order.append(f"{case.scenario} {case.title[0]}")
        return answer(case, site)

    other = clause("C-TIME", lambda f: [LATE.at(f.case.title, is_timed=True)])
    play(StubSubject(noted), plan, other)
    assert order == ["one a", "one a", "one a", "two b", "two b", "two b"]


def test_an_accepted_breach_counts_and_is_not_played_again() -> None:
    subject = StubSubject(slow_for("b", 1))
    ledger = play(subject, PLAN, TIMED, is_accepted=lambda *_: True)
    assert (list(ledger.breaches), repeated(subject)) == (["C-TIME/late@x"], [])


def test_a_subject_that_cannot_repeat_is_judged_as_it_was() -> None:
    subject = StubSubject(slow_for("b", 1))
    subject.is_repeatable = False
    ledger = play(subject, PLAN, TIMED)
    assert (list(ledger.breaches), repeated(subject)) == (["C-TIME/late@x"], [])


def test_a_finding_that_is_not_timed_counts_at_once() -> None:
    def check(context: ClientFacts) -> list[object]:
        is_timed = context.exchange.outcome.seconds > 1
        return [ALTERED.at("x", context.case.title, is_timed=is_timed)]

    subject = StubSubject(slow_for("b", 1))
    ledger = play(subject, PLAN, clause("C-ONE", check))
    (breach,) = ledger.breaches.values()
    assert (breach.count, breach.message[0], breach.is_timed) == (8, "a", False)
    assert not ledger.not_confirmed
    assert repeated(subject) == []


def test_breaches_of_one_case_share_its_repetitions() -> None:
    other = clause("C-TWO", late)
    subject = StubSubject(slow_for("b", 3))
    ledger = play(subject, PLAN, TIMED, other)
    assert sorted(ledger.breaches) == ["C-TIME/late@x", "C-TWO/late@x"]
    assert repeated(subject) == [["b", "b"]]


def test_a_comparison_of_sites_is_played_on_all_of_them_again() -> None:
    def check(contexts):
        seconds = [context.exchange.outcome.seconds for context in contexts]
        late_sites = [number for number, value in enumerate(seconds) if value > 1]
        return iter([(n, ALTERED.at(SITES[n], is_timed=True)) for n in late_sites])

    parity = SitesClause(
        "C-SITES", "s", "a test", (ALTERED,), lambda contexts: len(contexts) > 1
    )(check)

    def answer(case: ClientCase, site: str) -> PlayResult:
        outcome = replace(SLOW, seconds=2.0 if site == SITES[1] else 0.0)
        return exchange_of(case, site, outcome)

    subject = StubSubject(answer)
    ledger = play(subject, schedule(scenario("one", KINDS[0])), parity)
    assert list(ledger.breaches) == [f"C-SITES/altered@{SITES[1]}"]
    (fresh,) = subject.renewals
    assert [site for _, site in fresh.played] == [*SITES, *SITES]


def test_a_sequence_is_played_again_from_its_start() -> None:
    steps = [
        ServiceCase(labels=(Label("", name),), is_step=True, scenario="one")
        for name in ("create", "update", "list", "delete")
    ]
    slow = service_clause_of("list")

    def answer(case: ServiceCase, site: str) -> PlayResult:
        return ServiceExchange(case=case, site=site, outcome=FAST)

    subject = StubSubject(answer, kind=SubjectKind.SERVICE)
    runner = Runner(subject, schedule(sites=ONE_SITE), [slow], SPEC)
    for step in steps:
        runner.play(step, ONE_SITE)
    runner.confirm(["one"])
    (fresh,) = subject.renewals
    assert [title for title, _ in fresh.played] == ["create", "update", "list"] * 2
    assert list(runner.ledger.breaches) == ["S-TIME/late@x"]


def service_clause_of(title: str):
    return clause(
        "S-TIME",
        lambda context: [LATE.at("x", is_timed=True)],
        concerns=lambda context: context.case.title == title,
    )


def test_a_lost_subject_confirms_nothing() -> None:
    number = count()

    def answer(case: ClientCase, site: str) -> PlayResult:
        if next(number) > 7:
            raise SubjectError("it went away")
        return exchange_of(case, site, SLOW)

    ledger = play(StubSubject(answer), PLAN, TIMED)
    assert (ledger.stop_reason, ledger.breaches) == ("it went away", {})
    assert unconfirmed_ids(ledger) == ["C-TIME/late@x"]


# -- a suite that stands still ---------------------------------------------------------


def disturbed_for(times: int, *, slow: bool = True) -> StubSubject:
    """Return a subject on which the first plays of `b` are disturbed, and late."""
    left = count(1)

    def answer(case: ClientCase, site: str) -> PlayResult:
        is_disturbed = case.title[0] == "b" and next(left) <= times
        exchange = exchange_of(case, site, SLOW if is_disturbed and slow else FAST)
        return replace(exchange, is_disturbed=is_disturbed)

    return StubSubject(answer)


def letters(subject: StubSubject) -> str:
    return "".join(title[0] for title, _ in subject.played)


@pytest.mark.parametrize(("times", "plays"), [(1, "abbc"), (3, "abbbbc")])
def test_a_disturbed_play_is_repeated(times: int, plays: str) -> None:
    subject = disturbed_for(times)
    plan = schedule(scenario("one", *KINDS[:3]), sites=ONE_SITE)
    ledger = play(subject, plan, TIMED)
    assert (letters(subject), ledger.exchanges) == (plays, 3)
    assert not ledger.breaches
    assert not ledger.not_confirmed


def test_a_play_that_is_disturbed_four_times_is_not_confirmed() -> None:
    subject = disturbed_for(99)
    ledger = play(subject, PLAN, TIMED)
    assert letters(subject) == "abbbbcdefgh"
    assert unconfirmed_ids(ledger) == ["C-TIME/late@x"]
    assert repeated(subject) == []


def test_a_disturbed_play_without_timed_finding_is_judged() -> None:
    subject = disturbed_for(99, slow=False)
    ledger = play(subject, PLAN, TIMED, clause("C-ONE", lambda _: [ALTERED.at("y")]))
    assert letters(subject) == "abcdefgh"
    assert ledger.breaches["C-ONE/altered@y"].count == 8


def test_a_disturbed_confirmation_is_repeated_too() -> None:
    left = count(1)

    def answer(case: ClientCase, site: str) -> PlayResult:
        number = next(left)
        exchange = exchange_of(case, site, SLOW)
        return replace(exchange, is_disturbed=number in (2, 3))

    subject = StubSubject(answer)
    plan = schedule(scenario("one", KINDS[0]), sites=ONE_SITE)
    ledger = play(subject, plan, TIMED)
    assert list(ledger.breaches) == ["C-TIME/late@x"]
    assert repeated(subject) == [["a"] * 4]


def test_a_recorder_has_the_last_repetition_only_and_no_confirmation() -> None:
    subject = disturbed_for(2)
    recorder = Recorder(subject)
    plan = schedule(scenario("one", *KINDS[:3]), sites=ONE_SITE)
    always = clause("C-ONE", lambda _: [LATE.at("z", is_timed=True)])
    ledger = Runner(recorder, plan, [TIMED, always], SPEC).play_all()
    assert [e.case.title[0] for e in recorder.exchanges] == ["a", "b", "c"]
    assert list(ledger.breaches) == ["C-ONE/late@z"]


# -- verdict and reports ---------------------------------------------------------------


def doubtful() -> Verdict:
    return verdict(StubSubject(slow_for("b", 1)), PLAN, TIMED)


def test_what_is_not_confirmed_is_shown_and_does_not_count() -> None:
    result = doubtful()
    assert (result.verdict, result.breaches) == ("holds", ())
    view = make_view(result, SPEC)
    assert [b["id"] for b in to_json(view)["not_confirmed"]] == ["C-TIME/late@x"]
    assert "not confirmed, 1 time: C-TIME/late@x: b empty" in list(remarks(view))


def test_a_breach_of_another_part_is_not_doubtful() -> None:
    certain = verdict(StubSubject(slow_for("b", 3)), PLAN, TIMED)
    both = merge_parts([doubtful(), doubtful()])
    assert [(b.id, b.count) for b in both.not_confirmed] == [("C-TIME/late@x", 2)]
    assert merge_parts([doubtful(), certain]).not_confirmed == ()


def test_the_verdict_has_the_confirmed_breach_once() -> None:
    runner = Runner(StubSubject(slow_for("b", 3)), PLAN, [TIMED], SPEC)
    runner.play_all()
    result = conclude(runner)
    assert (len(result.breaches), result.not_confirmed) == (1, ())
    assert result.verdict == "broken"


def test_late_requests_are_only_counted() -> None:
    def answer(case: ClientCase, site: str) -> AnyExchange:
        late_requests = 2 if case.title[0] == "b" else 0
        return replace(exchange_of(case, site), late_requests=late_requests)

    ledger = play(StubSubject(answer), PLAN, TIMED)
    ((clause_id, text), number) = next(iter(ledger.notes.items()))
    assert (clause_id, number) == ("C-METHOD", 2)
    assert "after their call had ended" in text
