"""The interface of a subject under test, the results of a play, and a recorder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from contract.model import AnyExchange, SubjectKind


@dataclass(frozen=True)
class Skipped:
    """A case that was begun and cannot be judged."""

    reason: str


@dataclass(frozen=True)
class Stopped:
    """The end of a run. `is_planned` means that a budget of the user is spent."""

    reason: str
    is_planned: bool = False


PlayResult: TypeAlias = AnyExchange | Skipped | Stopped


class Subject(Protocol):
    """A client or a service under test.

    `is_real_time` says whether waiting costs real time. Cases are those of its kind.
    `secrets` are values that nothing may show, by their names.
    """

    kind: SubjectKind
    name: str
    version: str
    is_real_time: bool
    secrets: Mapping[str, str]

    def skip_reason(self, case: Any) -> str:
        """Return why a case cannot be played, or an empty string."""

    def play(self, case: Any, site: str) -> PlayResult:
        """Play a case on a site. Raise SubjectError if the subject is lost."""

    def waiting_cost_s(self, exchange: Any) -> float:
        """Return the seconds of time-outs that an exchange cost, or 0."""


class Recorder:
    """A subject that records the exchanges of another one."""

    def __init__(self, subject: Subject) -> None:
        self.kind, self.name = subject.kind, subject.name
        self.version, self.secrets = subject.version, subject.secrets
        self.is_real_time = subject.is_real_time
        self.skip_reason = subject.skip_reason
        self.waiting_cost_s = subject.waiting_cost_s
        self.exchanges: list[AnyExchange] = []
        self._subject = subject

    def play(self, case: Any, site: str) -> PlayResult:
        result = self._subject.play(case, site)
        if not isinstance(result, Skipped | Stopped):
            self.exchanges.append(result)
        return result
