"""The adapter to Hypothesis: draws generated cases, and looks for smaller ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, find, given, seed, settings
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.internal.cache import LRUCache
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.constants_ast import Constants

from contract.cases.scenario import Scenario
from contract.model import AnyCase


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


@own_draws()
def look_for_smaller(
    scenario: Scenario, number: int, examples: int, shows: Callable[[AnyCase], bool]
) -> None:
    """Draw cases, smaller and smaller ones. `shows` plays one, `number` is the seed."""
    same: Any = SimpleNamespace(getrandbits=lambda bits: number)
    strategy: Any = scenario.strategy and scenario.strategy()
    # A subject that does not repeat itself is Flaky.
    with suppress(NoSuchExample, Flaky):
        find(strategy, shows, settings=run_settings(examples), random=same)
