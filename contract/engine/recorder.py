"""A subject that records its exchanges, and the directories of recordings."""

import datetime
from pathlib import Path

from contract.engine.subject import PlayResult, Skipped, Stopped, Subject
from contract.errors import UsageError
from contract.model import AnyCase, AnyExchange, SubjectKind


class Recorder:
    """A subject that records the exchanges of another one."""

    def __init__(self, subject: Subject) -> None:
        self.kind: SubjectKind = subject.kind
        self.name, self.version = subject.name, subject.version
        self.is_real_time = subject.is_real_time
        self.skip_reason = subject.skip_reason
        self.waiting_cost_s = subject.waiting_cost_s
        self.exchanges: list[AnyExchange] = []
        self._subject = subject

    def play(self, case: AnyCase, site: str) -> PlayResult:
        result = self._subject.play(case, site)
        if not isinstance(result, Skipped | Stopped):
            self.exchanges.append(result)
        return result


def new_directory(root: Path, day: datetime.date) -> Path:
    """Make the directory of a run, ROOT/YYYY-MM-DD, with -02, -03 after the first."""
    number = 1
    directory = root / f"{day:%Y-%m-%d}"
    while True:
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            number += 1
            directory = root / f"{day:%Y-%m-%d}-{number:02}"
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
