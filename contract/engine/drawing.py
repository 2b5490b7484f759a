"""Generated cases that another process draws while the suite plays."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.model import AnyCase, SubjectKind
from contract.processes import forked
from contract.spec import Spec, load

Drawing: TypeAlias = tuple[Sequence[str], SubjectKind, tuple[str, ...], int, int]
"""Names of scenarios, kind of subject, a run's own sites, seed, number of examples."""

Drawn: TypeAlias = Callable[[str], Sequence[AnyCase]]
"""Returns the cases of a scenario, none if they are still to draw."""

LEAST_EXAMPLES = 300
"""Examples for which another process is worth its start."""


def catalogue_of(kind: SubjectKind, spec: Spec) -> tuple[Scenario, ...]:
    """Return all scenarios for clients, or those for services."""
    make = client_scenarios if kind is SubjectKind.CLIENT else service_scenarios
    return make(spec)


def adapter() -> Any:
    """Return the module that needs Hypothesis, which is slow to import."""
    from contract.engine import adapter

    return adapter


def draw_cases(
    name: str,
    kind: SubjectKind,
    own_sites: tuple[str, ...],
    number: int,
    examples: int,
) -> list[AnyCase]:
    """Return the generated cases of a scenario of a catalogue."""
    scenarios = catalogue_of(kind, load().with_sites(own_sites))
    (scenario,) = (item for item in scenarios if item.name == name)
    return list(adapter().draw(scenario, number, examples).values())


def draw_each(connection: Any, names: Sequence[str], *arguments: Any) -> None:
    for name in names:
        connection.send((name, draw_cases(name, *arguments)))


@contextmanager
def draw_beside(names: Sequence[str], *arguments: Any) -> Iterator[Drawn]:
    """Draw the cases of scenarios in another process, until the end of the block."""
    waiting, cases_by_name = {*names}, dict[str, Sequence[AnyCase]]()
    with forked(draw_each, names, *arguments) as connection:

        def drawn(name: str) -> Sequence[AnyCase]:
            with suppress(EOFError, OSError):
                while name in waiting:
                    other, cases = connection.recv()
                    cases_by_name[other] = cases
                    waiting.discard(other)
            return cases_by_name.pop(name, ())

        yield drawn
