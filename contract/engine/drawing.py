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
"""Names of scenarios, kind of subject, a run's own sites, seed, examples of each."""

Drawn: TypeAlias = Callable[[str], Sequence[AnyCase]]
"""Returns the cases of a scenario, none if they are still to draw."""

HEAD_START_S = 0.5
"""For so long the first exchanges, which show most faults, have the cores alone."""


def catalogue_of(kind: SubjectKind, spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for clients, or for services."""
    make = client_scenarios if kind is SubjectKind.CLIENT else service_scenarios
    return make(spec)


def adapter() -> Any:
    """Return the module that needs Hypothesis."""
    from contract.engine import adapter

    return adapter


def draw_cases(
    name: str,
    kind: SubjectKind,
    own_sites: tuple[str, ...],
    number: int,
    examples: int,
) -> list[AnyCase]:
    """Return the generated cases of a scenario."""
    scenarios = catalogue_of(kind, load().with_sites(own_sites))
    (scenario,) = (item for item in scenarios if item.name == name)
    return list(adapter().draw(scenario, number, examples).values())


def draw_each(connection: Any, names: Sequence[str], *arguments: Any) -> None:
    """Send the cases, after a message or the head start."""
    connection.poll(HEAD_START_S)
    for name in names:
        connection.send(draw_cases(name, *arguments))


@contextmanager
def draw_beside(names: Sequence[str], *arguments: Any) -> Iterator[Drawn]:
    """Draw cases in another process, until the end of the block."""
    waiting, cases_by_name = [*names], dict[str, Sequence[AnyCase]]()
    with forked(draw_each, names, *arguments) as connection:

        def drawn(name: str) -> Sequence[AnyCase]:
            with suppress(OSError):  # it may be gone
                connection.send(name)
            with suppress(EOFError, OSError):
                while name in waiting:
                    cases_by_name[waiting.pop(0)] = connection.recv()
            return cases_by_name.pop(name, ())

        yield drawn
