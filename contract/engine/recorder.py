"""A subject that records its exchanges, and the directories of recordings."""

import datetime
from dataclasses import dataclass, field
from pathlib import Path

from contract.engine.subject import PlayResult, Skipped, Stopped, Subject
from contract.errors import UsageError
from contract.model import AnyCase, AnyExchange, SubjectKind


@dataclass
class Play:
    """One case, and its exchanges in the order of the sites."""

    case: AnyCase
    exchanges: list[AnyExchange] = field(default_factory=list)


class Recorder:
    """A subject that records what another subject does."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.kind: SubjectKind = subject.kind
        self.name, self.version = subject.name, subject.version
        self.is_real_time = subject.is_real_time
        self.plays: list[Play] = []

    @property
    def exchanges(self) -> list[AnyExchange]:
        return [exchange for play in self.plays for exchange in play.exchanges]

    def skip_reason(self, case: AnyCase) -> str:
        """Return why the subject cannot play a case, or an empty string."""
        return self.subject.skip_reason(case)

    def waiting_cost_s(self, exchange: AnyExchange) -> float:
        """Return the seconds of time-outs that an exchange cost."""
        return self.subject.waiting_cost_s(exchange)

    def play(self, case: AnyCase, site: str) -> PlayResult:
        """Play a case on the subject, and record the exchange."""
        result = self.subject.play(case, site)
        if not isinstance(result, Skipped | Stopped):
            if not self.plays or self.plays[-1].case is not case:
                self.plays.append(Play(case))
            self.plays[-1].exchanges.append(result)
        return result


def new_directory(root: Path, day: datetime.date) -> Path:
    """Make the directory of a run, ROOT/YYYY-MM-DD, with -02, -03 after the first."""
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number:02}"
        directory = root / f"{day:%Y-%m-%d}{suffix}"
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UsageError(f"{directory}: cannot be made: {error.strerror}") from None
        else:
            return directory


def previous_directory(directory: Path) -> Path | None:
    """Return the last directory before this one that holds recordings, or None."""
    earlier = (
        sibling
        for sibling in directory.parent.iterdir()
        if sibling.name < directory.name and any(sibling.glob("*.yaml"))
    )
    return max(earlier, default=None)
