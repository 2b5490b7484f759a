"""Generated cases: the adapter between a run and Hypothesis."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, find, given, seed, settings
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.internal.cache import LRUCache
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.constants_ast import Constants

from contract.cases.scenario import Scenario, SequenceFactory
from contract.engine.runner import Runner
from contract.model import AnyCase, AnyExchange

STEPS = 10
"""Steps of a sequence before its end."""


@contextmanager
def own_draws() -> Iterator[None]:
    """Draw no constants of the code that Hypothesis finds, and no mutations.

    A seed would mean other cases in an installed package. Mutations repeat parts of a
    case: they make fewer distinct cases than new draws, and take longer.
    """
    with (
        patch.object(
            ConjectureRunner, "generate_mutations_from", lambda *_: None, create=True
        ),
        patch.object(providers, "_get_local_constants", Constants, create=True),
        patch.object(providers, "CONSTANTS_CACHE", LRUCache(1024), create=True),
    ):
        yield


@own_draws()
def play_generated(runner: Runner) -> None:
    """Play the generated cases of every scenario, then the sequences."""
    shard = runner.schedule.shard
    for number, scenario in enumerate(runner.schedule.generated):
        if runner.ledger.is_stopped:
            return
        if scenario.strategy is not None:
            play_strategy(runner, number, scenario)
        elif scenario.sequence and (not shard or number % shard.of == shard.part - 1):
            play_sequences(runner, scenario.name, scenario.sequence)
        runner.confirm([scenario.name])


def run_settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        verbosity=Verbosity.quiet,
    )


@own_draws()
def draw(scenario: Scenario, number: int, examples: int) -> dict[str, AnyCase]:
    """Return the generated cases of a scenario by their ids. `number` is the seed."""
    cases: dict[str, AnyCase] = {}
    strategy: Any = scenario.strategy and scenario.strategy()

    @seed(number)
    @run_settings(examples)
    @given(strategy)
    def note(case: AnyCase) -> None:
        placed = case.in_scenario(scenario.name)
        cases.setdefault(placed.id, placed)

    note()
    return cases


def play_strategy(runner: Runner, number: int, scenario: Scenario) -> None:
    """Play the cases that were not played, and shrink those with new breaches."""
    ledger, schedule = runner.ledger, runner.schedule
    earlier, new_by_case = frozenset(ledger.breaches), dict[str, set[str]]()
    examples = schedule.profile.examples
    ahead = {case.id: case for case in runner.drawn(scenario.name)}
    drawn = ahead or draw(scenario, runner.seed, examples)

    def note_new(key: str) -> None:
        new_by_case[key] = ledger.case_breaches.keys() - earlier

    for turn, (key, case) in enumerate(drawn.items(), number * examples):
        is_own = not schedule.shard or schedule.shard.has(key)
        if is_own and key not in ledger.cases:
            runner.play(case, schedule.sites_of_generated(case, turn))
            runner.judge(note_new, key)
    runner.judge_all()
    for breach_id in sorted(set().union(*new_by_case.values())):
        shown_by = {key for key, ids in new_by_case.items() if breach_id in ids}
        shrink(runner, scenario, breach_id, drawn, shown_by)


def shrink(
    runner: Runner,
    scenario: Scenario,
    breach_id: str,
    drawn: Collection[str],
    shown_by: Collection[str],
) -> None:
    """Look for a smaller example of a breach, which counts for nothing else.

    Of the cases that were drawn, some have shown the breach.
    """
    ledger, profile = runner.ledger, runner.schedule.profile
    goal = ledger.breaches.get(breach_id)
    if goal is None or ledger.is_stopped:
        return
    places = goal.place, *ledger.candidates.get(breach_id, ())
    ids = {f"{goal.cause_id}@{place}" for place in places}
    everywhere, one = runner.schedule.sites, (goal.example.site,)
    sites = everywhere if profile.all_everywhere else one

    def shows(case: AnyCase) -> bool:
        key = case.id
        if key in drawn:
            return key in shown_by
        return runner.shows(ids, case.in_scenario(scenario.name), sites)

    same: Any = SimpleNamespace(getrandbits=lambda bits: runner.seed)
    strategy: Any = scenario.strategy and scenario.strategy()
    # A subject that does not repeat itself is Flaky.
    with suppress(NoSuchExample, Flaky):
        find(strategy, shows, settings=run_settings(profile.examples), random=same)


def play_sequences(runner: Runner, name: str, make: SequenceFactory) -> None:
    """Play sequences. A breach is no failure here, so that nothing is shrunk.

    Every step is played on every site: a site that missed one could not go on.
    """

    def play(case: AnyCase) -> AnyExchange | None:
        runner.last = None
        runner.play(case.in_scenario(name), runner.schedule.sites)
        return runner.last

    for number in range(runner.schedule.profile.examples):
        if runner.ledger.is_stopped:
            return
        runner.judge(runner.steps.clear)
        random = Random(f"{runner.seed} {number}")  # noqa: S311 - no secret
        sequence = make(play)
        for _ in range(STEPS):
            sequence.take_step(random)
        sequence.end()
