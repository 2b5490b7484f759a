"""Keeping what a run exchanges, and where its recordings go."""

import datetime
from pathlib import Path
from typing import Literal

from contract.engine.runner import Subject
from contract.errors import UsageError
from contract.model import Case, Exchange

__all__ = ["Recorder", "new_directory", "previous"]


class Recorder:
    """A subject that keeps its exchanges, for `save`."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.kind: Literal["client", "service"] = subject.kind
        self.name, self.version = subject.name, subject.version
        self.exchanges: list[Exchange] = []

    def skip_reason(self, case: Case) -> str | None:
        """Return why the subject cannot be asked that, or None."""
        return self.subject.skip_reason(case)

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case on the subject, and keep what happened."""
        exchange = self.subject.play(case, reference)
        self.exchanges.append(exchange)
        return exchange


def new_directory(root: Path, day: datetime.date) -> Path:
    """Make the directory of a run, ROOT/YYYY-MM-DD, or with -02, -03 … at its end, and return it."""
    number = 1
    while True:
        made = root / (
            f"{day:%Y-%m-%d}" if number == 1 else f"{day:%Y-%m-%d}-{number:02}"
        )
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UsageError(f"{made}: cannot be made: {error.strerror}") from None
        else:
            return made


def previous(directory: Path) -> Path | None:
    """Return the directory of the run before, beside this one, that holds recordings; None where there is none."""
    others = (each for each in directory.parent.iterdir() if each.name < directory.name)
    return max((each for each in others if any(each.glob("*.yaml"))), default=None)
