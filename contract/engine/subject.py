"""The interface of a subject under test, and the results of a play."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from contract.model import AnyExchange, SubjectKind


@dataclass(frozen=True, slots=True)
class Skipped:
    """A case that was begun and cannot be judged."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The end of a run. `is_planned` means that a budget of the user is spent."""

    reason: str
    is_planned: bool = False


PlayResult: TypeAlias = AnyExchange | Skipped | Stopped


class Subject(Protocol):
    """A client or a service under test.

    `is_real_time` says whether waiting costs real time. Cases are those of its kind.
    """

    kind: SubjectKind
    name: str
    version: str
    is_real_time: bool

    def skip_reason(self, case: Any) -> str:
        """Return why a case cannot be played, or an empty string."""

    def play(self, case: Any, site: str) -> PlayResult:
        """Play a case on a site. Raise SubjectError if the subject is lost."""

    def waiting_cost_s(self, exchange: Any) -> float:
        """Return the seconds of time-outs that an exchange cost, or 0."""
