"""The verdict: words, states, causes, the grid, and parts that are merged."""

from dataclasses import replace
from typing import Any

import pytest

from contract.engine.schedule import Schedule
from contract.engine.subject import PlayResult, Stopped
from contract.engine.verdict import Verdict, merge_parts
from contract.model import (
    ClientCase,
    Danger,
    Kind,
    Level,
    SubjectKind,
)
from tests.unit.engine_support import (
    ALTERED,
    SITES,
    StubSubject,
    clause,
    client_case,
    exchange_of,
    scenario,
    schedule,
    verdict,
)
from tests.unit.verdicts import breach, rule, verdict_of

CASES = [client_case(f"/{letter}", body=letter) for letter in "abcd"]
PLAN = schedule(scenario("one", *CASES))
BROKEN = clause("C-ONE", lambda context: [ALTERED.at("/a")])
HOLDS = clause("C-ONE")


def stop_after(number: int, reason: Stopped) -> StubSubject:
    """Return a subject that ends the run after some exchanges."""

    def answer(case: ClientCase, site: str) -> PlayResult:
        is_over = len(subject.played) > number
        return reason if is_over else exchange_of(case, site)

    subject = StubSubject(answer)
    return subject


# -- the word --------------------------------------------------------------------------


def test_a_verdict_has_the_figures_of_its_run() -> None:
    result = verdict(StubSubject(), PLAN, HOLDS)
    assert (result.verdict, result.cases, result.exchanges) == ("holds", 4, 6)
    assert (result.name, result.version, result.profile) == ("stub", "1", "quick")
    assert (result.share, result.unplayed_kinds) == (1.0, 0)
    assert result.judged_total == {"C-ONE": 6}
    assert [kind.label for kind in result.kinds] == [case.title for case in CASES]
    result.assert_holds()


def test_a_broken_must_breaks_and_a_broken_should_only_if_strict() -> None:
    assert verdict(StubSubject(), PLAN, BROKEN).verdict == "broken"
    should = replace(BROKEN, id="C-TWO", level=Level.SHOULD)
    result = verdict(StubSubject(), PLAN, HOLDS, should)
    assert (result.verdict, result.failures) == ("holds", ())
    strict = replace(result, is_strict=True)
    assert (strict.verdict, len(strict.failures)) == ("broken", 1)


def test_an_accepted_breach_counts_only_if_strict_and_with_new_kinds() -> None:
    accepted = breach(is_accepted=True)
    assert verdict_of(accepted).verdict == "holds"
    assert verdict_of(accepted, is_strict=True).verdict == "holds"
    known = replace(accepted, new_kinds=(Kind("one", "x"),))
    assert verdict_of(known).verdict == "holds"
    assert verdict_of(known, is_strict=True).verdict == "broken"


@pytest.mark.parametrize(
    "gap",
    [
        {"interrupted": "an outage"},
        {"cut_off": {"slow": 3}},
        {"leftovers": ("a",)},
        {"unplayed_kinds": 2},
        {"judged": {}},
    ],
    ids=lambda gap: next(iter(gap)),
)
def test_a_gap_makes_a_verdict_unknown_unless_it_is_broken(gap: dict[str, Any]) -> None:
    assert verdict_of(clauses=["C-ONE"], **gap).verdict == "unknown"
    assert verdict_of(breach(), **gap).verdict == "broken"


def test_a_run_of_should_clauses_alone_is_unknown() -> None:
    should = clause("C-ONE", level=Level.SHOULD)
    assert verdict(StubSubject(), PLAN, should).verdict == "unknown"


def test_a_lost_subject_gives_an_unknown_verdict_with_its_share() -> None:
    result = verdict(stop_after(4, Stopped("an outage")), PLAN, HOLDS)
    assert (result.verdict, result.interrupted) == ("unknown", "an outage")
    assert result.share == 0.75


def test_a_spent_budget_holds_only_if_every_kind_was_played() -> None:
    spent = Stopped("the budget is spent", is_planned=True)
    result = verdict(stop_after(4, spent), PLAN, HOLDS)
    assert (result.verdict, result.interrupted) == ("unknown", "")
    assert (result.share, result.unplayed_kinds) == (0.75, 2)
    samples = [client_case("/a", body=number) for number in range(9)]
    plan = schedule(scenario("one", *samples), profile=replace(PLAN.profile, samples=9))
    result = verdict(stop_after(6, spent), plan, HOLDS)
    assert (result.verdict, result.unplayed_kinds) == ("holds", 0)
    assert 0 < result.share < 1


def test_kinds_that_cannot_be_played_are_not_missing_after_a_planned_stop() -> None:
    subject = stop_after(5, Stopped("spent", is_planned=True))
    subject.skip_reason = lambda case: "no socket" if case.title == "d empty" else ""
    result = verdict(subject, PLAN, HOLDS)
    assert (result.verdict, result.unplayed_kinds) == ("holds", 0)


def test_the_assertion_names_the_causes_that_count() -> None:
    result = verdict(StubSubject(), PLAN, BROKEN)
    with pytest.raises(AssertionError) as error:
        result.assert_holds()
    assert str(error.value) == "stub: broken\nC-ONE/altered: A value is altered."


def test_the_assertion_names_what_is_not_judged() -> None:
    subject = StubSubject(skip=lambda case: "no socket")
    with pytest.raises(AssertionError) as error:
        verdict(subject, PLAN, HOLDS).assert_holds()
    assert str(error.value) == "stub: unknown\nC-ONE is not judged: no socket"


# -- gaps and states -------------------------------------------------------------------


def test_the_reason_of_the_subject_goes_before_others() -> None:
    subject = StubSubject(skip=lambda case: "no socket")
    two = clause("C-TWO", concerns=lambda context: False)
    result = verdict(subject, PLAN, HOLDS, two)
    result = replace(result, reasons={"C-TWO": "one site"})
    assert result.not_judged == {"C-ONE": "no socket", "C-TWO": "one site"}
    result = verdict(StubSubject(), PLAN, HOLDS, two)
    assert result.not_judged == {"C-TWO": "no case of this run concerns it"}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "broken"),
        ({"level": Level.SHOULD}, "should"),
        ({"is_accepted": True}, "accepted"),
    ],
    ids=["must", "should", "accepted"],
)
def test_a_clause_has_a_state_on_each_site(fields: dict[str, Any], state: str) -> None:
    item = breach(clause="C-ONE", sites=("a.example",), **fields)
    result = verdict_of(item, clauses=["C-ONE", "C-TWO"], sites=SITES)
    assert result.state("C-ONE") == state
    assert result.state("C-ONE", "a.example") == state
    assert result.state("C-ONE", "b.example") == "holds"
    assert result.state("C-TWO") == "holds"
    assert replace(result, judged={}).state("C-TWO") == "not judged"


# -- causes ----------------------------------------------------------------------------


def test_breaches_of_one_clause_and_rule_are_one_cause() -> None:
    breaches = [breach(place=place) for place in ("/c", "/a", "/b")]
    (cause,) = verdict_of(*breaches).causes
    assert (cause.id, len(cause.breaches)) == ("C-VALID/null-sent", 3)
    assert [item.place for item in cause.breaches] == ["/a", "/b", "/c"]
    assert cause.count == 6
    (cause,) = verdict_of(*breaches, cause_counts={"C-VALID/null-sent": 4}).causes
    assert cause.count == 4, "an exchange counts once a cause"


def test_the_example_of_a_cause_is_its_smallest_new_breach() -> None:
    one, two = breach(place="/a", is_accepted=True), breach(place="/b")
    (cause,) = verdict_of(one, two).causes
    assert (cause.example, cause.is_accepted) == (two, False)
    (cause,) = verdict_of(one).causes
    assert (cause.example, cause.is_accepted) == (one, True)


def test_causes_that_count_come_first_then_the_most_dangerous() -> None:
    def item(name: str, danger: Danger, **fields: object):
        return breach(rule(name, danger), **fields)

    result = verdict_of(
        item("accepted-keys", Danger.KEYS_AT_RISK, is_accepted=True),
        item("should-keys", Danger.KEYS_AT_RISK, level=Level.SHOULD),
        item("other", Danger.OTHER),
        item("crash", Danger.CRASH),
        item("loss", Danger.SILENT_DATA_LOSS),
    )
    names = [cause.rule.name for cause in result.causes]
    assert names == ["loss", "crash", "other", "should-keys", "accepted-keys"]


def test_a_cause_has_the_highest_level_of_its_breaches() -> None:
    breaches = [breach(place="/a", level=Level.SHOULD), breach(place="/b")]
    (cause,) = verdict_of(*breaches).causes
    assert cause.level is Level.MUST


# -- the grid --------------------------------------------------------------------------


def cells(plan: Schedule) -> dict[str, tuple[int, int, bool]]:
    """Return the number of judged kinds, their total, and whether a cell is partial, by site."""
    result = verdict(StubSubject(), plan, HOLDS)
    return {
        site: (len(cell.judged), cell.total, cell.state == "partial")
        for site in result.sites
        for cell in [result.grid_cell("C-ONE", site)]
    }


def test_a_cell_is_partial_if_other_sites_judged_more_kinds() -> None:
    assert cells(schedule(scenario("one", *CASES[:2]))) == {
        "a.example": (1, 2, True),
        "b.example": (2, 2, False),
        "c.example": (1, 2, True),
    }


def test_kinds_that_name_their_sites_do_not_count_in_the_grid() -> None:
    own = client_case("site", "odd", sites=("a.example", "evil.example"))
    plan = schedule(scenario("one", CASES[0]), scenario("sites", own))
    assert {cell[1:] for cell in cells(plan).values()} == {(1, False)}
    result = verdict(StubSubject(), plan, HOLDS)
    assert result.own_site_kinds == {result.kinds[1]}


# -- parts -----------------------------------------------------------------------------


def parts() -> tuple[Verdict, Verdict]:
    """Return the verdicts of two subjects on different sites."""
    one = verdict(StubSubject(), schedule(scenario("one", *CASES)), BROKEN)
    two = verdict(
        StubSubject(),
        schedule(scenario("two", CASES[0]), sites=("z.example",)),
        BROKEN,
        clause("C-TWO"),
    )
    return one, replace(two, name="other")


def test_merged_parts_have_the_sums_and_both_catalogues() -> None:
    one, two = parts()
    whole = merge_parts([one, two])
    assert (whole.name, whole.sites) == ("stub and other", (*SITES, "z.example"))
    assert (whole.cases, whole.exchanges) == (5, 7)
    assert [item.id for item in whole.clauses] == ["C-ONE", "C-TWO"]
    (joined,) = whole.breaches
    assert (joined.count, len(joined.kinds)) == (7, 5)
    assert whole.cause_counts == {"C-ONE/altered": 7}
    assert whole.judged_kinds["C-TWO", "z.example"] == {Kind("two", "a empty")}
    assert whole.parts == (one, two)


def test_a_merged_verdict_is_unknown_only_by_a_gap() -> None:
    holds = verdict_of(clauses=["C-ONE"])
    nothing = verdict_of(clauses=["C-TWO"], judged={}, kind=SubjectKind.SERVICE)
    assert nothing.verdict == "unknown"
    assert merge_parts([holds, nothing]).verdict == "holds"
    assert merge_parts([holds, nothing]).not_judged.keys() == {"C-TWO"}
    late = replace(holds, interrupted="interrupted")
    assert merge_parts([holds, late]).verdict == "unknown"
    assert merge_parts([late, verdict_of(breach())]).verdict == "broken"


def test_merged_breaches_have_the_smaller_example() -> None:
    small = breach(example=exchange_of(client_case(body=1)), count=1)
    large = breach(example=exchange_of(client_case(body="x" * 99)), count=2)
    (joined,) = merge_parts([verdict_of(large), verdict_of(small)]).breaches
    assert (joined.example, joined.count) == (small.example, 3)


def test_a_clause_that_one_part_judged_is_judged() -> None:
    one = replace(verdict_of(clauses=["C-ONE"]), judged={}, reasons={"C-ONE": "no 429"})
    two = verdict_of(clauses=["C-ONE"])
    assert one.not_judged == {"C-ONE": "no 429"}
    assert merge_parts([one, two]).not_judged == {}
    assert merge_parts([one, one]).not_judged == {"C-ONE": "no 429"}
