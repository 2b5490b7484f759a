"""Generated cases of a run. Hypothesis is imported if they are still to draw."""

from collections.abc import Collection
from random import Random

from contract.cases.scenario import Scenario, SequenceFactory
from contract.engine.drawing import adapter
from contract.engine.runner import Runner
from contract.model import AnyCase, AnyExchange

STEPS = 10
"""Steps of a sequence before its end."""


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


def play_strategy(runner: Runner, number: int, scenario: Scenario) -> None:
    """Play the cases that were not played, and shrink those with new breaches."""
    ledger, schedule = runner.ledger, runner.schedule
    earlier, new_by_case = frozenset(ledger.breaches), dict[str, set[str]]()
    examples = schedule.profile.examples
    ahead = {case.id: case for case in runner.drawn(scenario.name)}
    drawn = ahead or adapter().draw(scenario, runner.seed, examples)

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
    site = goal.example.site
    sites = runner.schedule.sites if profile.all_everywhere else (site,)

    def shows(case: AnyCase) -> bool:
        key = case.id
        if key in drawn:
            return key in shown_by
        return runner.shows(ids, case.in_scenario(scenario.name), sites)

    adapter().look_for_smaller(scenario, runner.seed, profile.examples, shows)


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
