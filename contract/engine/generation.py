"""Generated cases: the adapter between a run and Hypothesis."""

from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky
from hypothesis.internal.cache import LRUCache
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.stateful import run_state_machine_as_test
from hypothesis.strategies import SearchStrategy

from contract.cases.scenario import MachineFactory
from contract.engine.runner import Runner
from contract.engine.subject import case_key
from contract.model import AnyCase, AnyExchange

STEPS = 10
"""Steps of a stateful sequence."""


class NewBreachError(Exception):
    """A generated case showed a breach that no enumerated case showed.

    Hypothesis shrinks the case. It tells failures apart by their type, so that each
    breach id gets a subclass of its own.
    """


def play_generated(runner: Runner) -> None:
    """Play the generated cases of every scenario, then the stateful sequences.

    The ledger has the breaches of failures. A Flaky subject does not repeat itself.
    """
    for scenario in runner.schedule.generated:
        if runner.ledger.is_stopped:
            return
        try:
            with (  # no constants of the code at hand: a seed means the same everywhere
                patch.object(providers, "_get_local_constants", Constants, create=True),
                patch.object(providers, "CONSTANTS_CACHE", LRUCache(1024), create=True),
            ):
                if scenario.machine is not None:
                    play_machine(runner, scenario.name, scenario.machine())
                elif scenario.strategy is not None:
                    play_strategy(runner, scenario.name, scenario.strategy())
        except* (NewBreachError, Flaky):
            pass
        runner.confirm([scenario.name])


def run_settings(runner: Runner) -> settings:
    return settings(
        max_examples=runner.schedule.profile.examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        stateful_step_count=STEPS,
        verbosity=Verbosity.quiet,
    )


def play_strategy(runner: Runner, name: str, strategy: SearchStrategy[AnyCase]) -> None:
    """Play generated cases, and let Hypothesis shrink those that show a new breach.

    A case that comes up again is not played again.
    """
    failures: dict[str, type[NewBreachError]] = {}
    played: dict[int, tuple[str, ...]] = {}

    @seed(runner.seed)
    @run_settings(runner)
    @given(strategy)
    def play(case: AnyCase) -> None:
        placed = case.in_scenario(name)
        if (key := case_key(placed)) not in played:
            runner.play(placed, runner.schedule.sites_of_generated(placed))
            for breach_id, is_new in runner.ledger.case_breaches.items():
                if is_new:
                    failures[breach_id] = type("NewBreach", (NewBreachError,), {})
            played[key] = tuple(runner.ledger.case_breaches)
        for breach_id in sorted(failures.keys() & played[key]):
            raise failures[breach_id](breach_id)

    play()


def play_machine(runner: Runner, name: str, make: MachineFactory) -> None:
    """Play sequences. A breach is no failure here, so that nothing is shrunk.

    Every step is played on every site: a site that missed one could not go on.
    """

    def play(case: AnyCase) -> AnyExchange | None:
        exchanges = runner.play(case.in_scenario(name), runner.schedule.sites)
        return exchanges[-1] if exchanges else None

    def begin() -> Any:
        runner.steps.clear()
        return make(play)

    machine: Any = seed(runner.seed)(begin)
    run_state_machine_as_test(machine, settings=run_settings(runner))
