"""The schedule: order, sites of each case, and profiles that nest."""

from collections import Counter
from dataclasses import replace

import pytest

from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.engine.schedule import PROFILES, Profile, Rotation
from contract.model import (
    Delivery,
    Kind,
    Label,
    RequestOverride,
    Response,
    ServiceCase,
    SubjectKind,
)
from tests.unit.engine_support import (
    PROFILE,
    SITES,
    SPEC,
    client_case,
    scenario,
    schedule,
)

CI = Profile("ci", samples=3, examples=2, kinds_everywhere=True)


def order(*scenarios, **options) -> list[str]:
    """Return the titles of the scheduled cases."""
    return [item.case.title for item in schedule(*scenarios, **options).cases]


def test_rotations_begin_with_the_site_whose_turn_it_is() -> None:
    rotation = Rotation(SITES)
    assert rotation.turn(False) == ("a.example",)
    assert rotation.turn(True) == ("b.example", "c.example", "a.example")
    assert rotation.turn(False) == ("c.example",)
    assert rotation.turn(False) == ("a.example",)


def test_first_samples_of_every_scenario_precede_further_samples() -> None:
    one = scenario("one", client_case("/a", "x"), client_case("/a", "x"))
    two = scenario("two", client_case("/b", "y"))
    assert order(one, two, profile=CI) == ["a x", "b y", "a x"]


def test_a_profile_bounds_the_samples_of_each_kind() -> None:
    cases = [client_case("/a", "x", body=number) for number in range(5)]
    plan = schedule(scenario("one", *cases), profile=CI)
    assert [item.case.body for item in plan.cases] == [0, 1, 2]
    assert [str(kind) for kind in plan.kinds] == ["one/a x"]


def test_cases_without_a_kind_are_all_played() -> None:
    cases = [replace(client_case(), labels=(), body=number) for number in range(3)]
    plan = schedule(scenario("one", *cases))
    assert [item.case.body for item in plan.cases] == [0, 1, 2]
    assert plan.kinds == {}


@pytest.mark.parametrize("kind", list(SubjectKind))
def test_a_shorter_profile_plays_a_prefix_of_each_kind(kind: SubjectKind) -> None:
    cases = [
        client_case(place, "x", body=number) for place in "abc" for number in range(3)
    ]
    bodies = {}
    for profile in (PROFILE, CI):
        plan = schedule(scenario("one", *cases), profile=profile, kind=kind)
        played: dict[str, list[object]] = {}
        for item in plan.cases:
            played.setdefault(item.case.title, []).append(item.case.body)
        bodies[profile.name] = played
    for title, short in bodies["quick"].items():
        assert bodies["ci"][title][: len(short)] == short


def test_the_first_case_of_a_scenario_is_played_on_every_site() -> None:
    cases = [client_case(f"/{letter}", "x") for letter in "abcd"]
    plan = schedule(scenario("one", *cases))
    assert [len(item.sites) for item in plan.cases] == [3, 1, 1, 1]
    assert {site for item in plan.cases[1:] for site in item.sites} == set(SITES)


def test_ci_plays_each_kind_on_every_site_and_rotates_further_samples() -> None:
    cases = [client_case(f"/{letter}", "x") for letter in "aabb"]
    plan = schedule(scenario("one", *cases), profile=CI)
    assert [(item.case.title, len(item.sites)) for item in plan.cases] == [
        ("a x", 3),
        ("b x", 3),
        ("a x", 1),
        ("b x", 1),
    ]


def test_nightly_plays_everything_on_every_site() -> None:
    cases = [client_case("/a", "x") for _ in range(4)]
    plan = schedule(scenario("one", *cases), profile=PROFILES["nightly"])
    assert {len(item.sites) for item in plan.cases} == {3}
    assert len(plan.sites_of_generated(client_case(), 0)) == 3


@pytest.mark.parametrize(
    ("is_real_time", "numbers"),
    [(True, [3, 1, 1]), (False, [3, 3, 3])],
    ids=["real time", "virtual time"],
)
def test_cases_that_wait_rotate_where_time_is_real(
    is_real_time: bool, numbers: list[int]
) -> None:
    cases = [client_case(f"/{letter}", "x", retry=True) for letter in "abc"]
    waiting = scenario("slow", *cases, waits=True)
    plan = schedule(waiting, profile=CI, is_real_time=is_real_time)
    assert [len(item.sites) for item in plan.cases] == numbers


def test_a_case_that_does_not_wait_is_played_everywhere_in_its_scenario_too() -> None:
    """A body that is cut ends at once, one that drips does not."""
    cases = [
        client_case("/a", "x", responses=(Response(200, delivery=delivery),))
        for delivery in (Delivery.DRIP, Delivery.CUT, Delivery.STALL)
    ]
    cases = [
        replace(case, labels=(Label(f"/{n}", "x"),)) for n, case in enumerate(cases)
    ]
    plan = schedule(scenario("slow", *cases, waits=True), profile=CI)
    assert [len(item.sites) for item in plan.cases] == [3, 3, 1], "the first opens"


def test_cases_may_name_sites_outside_the_run_only_if_undocumented() -> None:
    cases = [
        client_case("site", "own", sites=("a.example", "b.example")),
        client_case("site", "other", sites=("c.example",)),
        client_case("site", "odd", sites=("evil.example",)),
    ]
    plan = schedule(scenario("sites", *cases), sites=("a.example",))
    assert [(item.case.title, item.sites) for item in plan.cases] == [
        ("site own", ("a.example",)),
        ("site odd", ("evil.example",)),
    ]
    assert {str(kind) for kind, sites in plan.kinds.items() if sites} == {
        "sites/site own",
        "sites/site odd",
    }


def test_generated_cases_keep_their_own_sites_and_else_rotate() -> None:
    plan = schedule(scenario("one", client_case()))
    named = client_case(sites=("evil.example",))
    assert plan.sites_of_generated(named, 1) == ("evil.example",)
    turns = [plan.sites_of_generated(client_case(), turn)[0] for turn in range(3)]
    assert sorted(turns) == sorted(SITES)


@pytest.mark.parametrize(
    ("kind", "scenarios"),
    [
        (SubjectKind.CLIENT, client_scenarios(SPEC)),
        (SubjectKind.SERVICE, service_scenarios(SPEC)),
    ],
    ids=["client", "service"],
)
def test_ci_plays_every_kind_on_eight_sites_unless_it_waits(
    kind: SubjectKind, scenarios: tuple[Scenario, ...]
) -> None:
    options = {"sites": SPEC.sites, "kind": kind}
    everywhere: dict[Kind, int] = {}
    for item in schedule(*scenarios, profile=PROFILES["ci"], **options).cases:
        if item.case.kind and not item.case.sites:
            everywhere.setdefault(item.case.kind, len(item.sites))
    few = {kind.scenario for kind, number in everywhere.items() if number < 8}
    waiting = {scenario.name for scenario in scenarios if scenario.waits}
    assert few == waiting
    quick = schedule(*scenarios, profile=PROFILES["quick"], **options).cases
    numbers = Counter(len(item.sites) for item in quick if not item.case.sites)
    assert numbers == {1: sum(numbers.values()) - numbers[8], 8: numbers[8]}
    assert numbers[8] <= len(scenarios), "only the first of a scenario"


def test_a_service_run_begins_with_openings_and_ends_with_late_cases() -> None:
    def case(place: str, value_class: str = "x", body: bytes = b"") -> ServiceCase:
        label = client_case(place, value_class).labels
        override = RequestOverride(body=(body,) if body else None)
        return ServiceCase(labels=label, override=override)

    one = scenario(
        "one",
        case("/a"),
        case("/b", "late"),
        case("/c", body=b"x" * 200_000),
        case("/d"),
        case("/e"),
        opening="d x",
        early=1,
        late_classes=("late",),
    )
    two = scenario("two", case("/f"), case("/g"), is_late=True)
    titles = order(one, two, kind=SubjectKind.SERVICE)
    assert titles == ["d x", "f x", "a x", "e x", "b late", "c x", "g x"]


def test_a_proof_has_neither_generated_cases_nor_sequences() -> None:
    plan = schedule(scenario("one", client_case(), strategy=object(), sequence=object))
    assert (plan.generated, plan.size) == ((), 1)
    plan = schedule(scenario("one", client_case(), strategy=object()), profile=CI)
    assert (len(plan.generated), plan.size) == (1, 3)
