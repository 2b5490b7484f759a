"""Scenarios: named groups of cases."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import starmap
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from contract.model import ROOT, AnyCase, AnyExchange, Label, Violation

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Labels = tuple[Label, ...]

Mark = Label | Labels | Violation
"""Label, labels or violation of a case. A violation is a label, too."""

Play = Callable[[AnyCase], AnyExchange | None]
"""Play one step of a sequence. None means that it could not be played."""


class Sequence(Protocol):
    """Cases of which each depends on what became of those before."""

    def take_step(self, random: Random) -> None: ...
    def end(self) -> None: ...


SequenceFactory = Callable[[Play], Sequence]

Strategy: TypeAlias = "Callable[[], SearchStrategy[Any]]"
"""Return a strategy. Hypothesis is slow to import, and not needed before."""


@dataclass(frozen=True)
class Scenario:
    """A named group of cases.

    `cases` enumerates the catalogue, `strategy` has more of the same sort, `sequence`
    plays several. `waits` says that some cases take real time.

    The other fields order a service run. The case with the title `opening` comes first,
    then the first `early` kinds. `is_late` moves all other kinds to a late round,
    `late_classes` only those with one of these value classes.
    """

    name: str
    cases: Callable[[], Iterator[AnyCase]]
    strategy: "Strategy | None" = None
    sequence: SequenceFactory | None = None
    waits: bool = False
    opening: str = ""
    early: int = 0
    is_late: bool = False
    late_classes: tuple[str, ...] = ()


def scenario_of(
    name: str,
    case: Callable[..., AnyCase],
    rows: Callable[[], Iterable[tuple[Any, ...]]],
    strategy: "Strategy | None" = None,
) -> Scenario:
    """Return a scenario. `case` makes a case of each row, enumerated or generated."""
    drawn = None if strategy is None else generated(case, strategy)
    return Scenario(name, lambda: starmap(case, rows()), drawn)


def drawing() -> Any:
    """Return the module of strategies, when the first generated case is drawn."""
    from contract.cases import drawing

    return drawing


def generated(case: Callable[..., AnyCase], rows: Strategy) -> Strategy:
    """Return a strategy for cases, made of drawn rows."""
    return lambda: rows().map(lambda row: replace(case(*row), is_generated=True))


def marked(mark: Mark) -> dict[str, Any]:
    """Return the fields of a case that its mark decides."""
    if isinstance(mark, Violation):
        label = Label(mark.place or ROOT, mark.how)
        return {"labels": (label,), "violation": mark}
    return {"labels": (mark,) if isinstance(mark, Label) else mark}
