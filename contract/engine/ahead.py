"""Plays ahead of time: cases that wait overlap, and further drivers play others.

The runner asks for one play after the other, in the order of the schedule, and judges
it. So nothing in a verdict depends on the number of players. While a play that it asks
for is under way elsewhere, a later one is played here.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing.connection import Connection
from typing import Any

from contract.engine.schedule import Schedule
from contract.engine.subject import PlayResult
from contract.errors import SubjectError
from contract.model import AnyCase
from contract.redaction import safe_line
from contract.subjects.driver import patience_s
from contract.subjects.in_process import ClientSubject

LOOK_AHEAD = 3_000
"""Plays beyond the one that is judged. Their exchanges are in memory."""

CHUNK = 12
"""Plays that a busy player gets at once. It has the next ones while it plays."""

LEAST_PLAYS, LEAST_WAITS = 500, 3
"""Plays for a further driver, and plays that wait."""

WAITING = 8
"""Drivers that only wait, by default."""

LEAVE_S = 0.2
"""Seconds in which a play may end that nobody asks for any more."""

LOG = logging.getLogger("contract")


@dataclass(eq=False)
class Play:
    """A case on a site, with its number in the schedule. `first` is its case's first.

    `is_alone` plays have a fresh driver. `result` is None if it was not played.
    """

    number: int
    case: Any
    site: str
    waits: bool = False
    rank: int = 0
    is_alone: bool = False
    first: Any = None
    is_taken: bool = False
    is_done: bool = False
    result: PlayResult | None = None


class Ahead:
    """A client as the subject of a run, with players that play ahead.

    What costs time-outs is played ahead as often as the runner will ask for it: on one
    more site, and up to `max_wait_s` in a scenario.
    """

    overlaps = True

    def __init__(self, subject: ClientSubject, max_wait_s: float) -> None:
        self.kind, self.name = subject.kind, subject.name
        self.version, self.secrets = subject.version, subject.secrets
        self.is_real_time = subject.is_real_time
        self.is_repeatable = subject.is_repeatable
        self.skip_reason = subject.skip_reason
        self.waiting_cost_s = subject.waiting_cost_s
        self.replayed = subject.replayed
        self._subject, self._max_wait_s = subject, max_wait_s
        self._changed = threading.Condition()
        self._problems: dict[str, None] = {}
        self._threads: dict[threading.Thread, Connection] = {}
        self._players: Sequence[Connection] = ()
        self._waiters = 0
        self._begin(())

    def play(self, case: Any, site: str) -> PlayResult:
        plays = self._plays.get((id(case), site))
        if not plays:
            return self._subject.play(case, site)
        play = plays.popleft()
        with self._changed:
            self._position = play.number
            self._changed.notify_all()
        while (other := self._next_here(play)) is not None:
            self._play_here(other, is_due=other is play)
        result, play.result = play.result, None
        return result or self._subject.play(case, site)

    def renewed(self) -> "Ahead":
        """Return this. What is expected has fresh drivers anyway."""
        if not any(self._plays.values()):
            self._subject.restart()
        return self

    def expect(self, plays: Iterable[tuple[AnyCase, str]]) -> None:
        """Prepare plays that confirm breaches. Nothing else is under way from now on.

        Each has a busy player, and so a core, of its own.
        """
        self._end()
        self._begin(
            Play(number, case, site, is_alone=True)
            for number, (case, site) in enumerate(plays)
        )
        self._feed_all(self._players, 1, 1)

    @contextmanager
    def playing(self, schedule: Schedule, jobs: int, waiting: int) -> Iterator[None]:
        """Play a schedule ahead, until the end of the block."""
        self._begin(plays_of(schedule))
        workers = self._subject.workers
        jobs = min(jobs - 1, len(self._busy) // LEAST_PLAYS)
        waiting = min(waiting, len(self._waiting) // LEAST_WAITS)
        try:
            if workers and (jobs or waiting):
                workers.start(jobs, waiting)
                self._players = workers.busy[:jobs]
                self._feed_all(self._players, CHUNK, 2)
                self._feed_all(workers.waiting[:waiting], 1, 1, waits=True)
            yield
        finally:
            self._end(LEAVE_S)
            for problem in self._problems:
                LOG.warning("%s", safe_line(problem))

    # -- the plays, which all threads share --

    def _begin(self, plays: Iterable[Play]) -> None:
        every = list(plays)
        self._plays: dict[tuple[int, str], deque[Play]] = {}
        for play in every:
            key = id(play.case), play.site
            self._plays.setdefault(key, deque()).append(play)
        self._busy = deque(play for play in every if not play.waits)
        # The longest first, so that none of them is left at the end.
        self._waiting = sorted(
            (play for play in every if play.waits),
            key=lambda play: -patience_s(play.case, 0),
        )
        self._costs_s: dict[Any, float] = defaultdict(float)
        self._position, self._is_over = 0, False

    def _next_here(self, play: Play) -> Play | None:
        """Return what to play here, or None once a play is done."""
        with self._changed:
            while not play.is_done:
                is_elsewhere = play.is_taken or (play.waits and self._waiters)
                other = self._take_busy() if is_elsewhere else None
                if other is None and not play.is_taken:
                    other = play
                if other is not None:
                    other.is_taken = True
                    return other
                self._changed.wait()
        return None

    def _play_here(self, play: Play, *, is_due: bool) -> None:
        """Play here. What fails ahead of its time is played again when it is due."""
        result: Any = None
        try:
            if play.is_alone:
                self._subject.restart()
            result = self._subject.play(play.case, play.site)
        except Exception:
            if is_due:
                raise
        cost_s = self.waiting_cost_s(result) if result else 0.0
        with self._changed:
            self._store(play, result, cost_s)

    def _take_busy(self) -> Play | None:
        """Take the next play that does not wait, if it is not too far ahead."""
        while self._busy and self._busy[0].number <= self._position + LOOK_AHEAD:
            play = self._busy.popleft()
            if not play.is_taken and self._is_needed(play):
                play.is_taken = True
                return play
        return None

    def _take_waiting(self) -> Play | None:
        """Take the longest play that waits. The first one of a case comes first."""
        for play in filter(self._is_open, self._waiting):
            if play.first is play or play.first.is_done:
                play.is_taken = True
                return play
        return None

    def _is_open(self, play: Play) -> bool:
        return not play.is_taken and self._is_needed(play)

    def _chunk(self, size: int, *, waits: bool, is_idle: bool) -> list[Play]:
        """Take plays for a player. If it is idle, wait until there are some."""
        take = self._take_waiting if waits else self._take_busy
        chunk: list[Play] = []
        with self._changed:
            while not self._is_over:
                while len(chunk) < size and (play := take()):
                    chunk.append(play)
                is_left = (
                    any(map(self._is_open, self._waiting)) if waits else self._busy
                )
                if chunk or not (is_idle and is_left):
                    break
                self._changed.wait()
        return chunk

    def _is_needed(self, play: Play) -> bool:
        """Return whether the runner may ask for a play, by what others have cost."""
        is_cut_off = self._costs_s[play.case.scenario] >= self._max_wait_s
        return not is_cut_off and (play.rank < 2 or not self._costs_s[id(play.case)])

    def _store(self, play: Play, result: PlayResult | None, cost_s: float) -> None:
        play.result, play.is_done = result, True
        self._costs_s[id(play.case)] += cost_s
        self._costs_s[play.case.scenario] += cost_s
        self._changed.notify_all()

    # -- players, each with a thread that feeds it --

    def _feed_all(
        self, players: Sequence[Connection], size: int, depth: int, waits: bool = False
    ) -> None:
        for player in players:
            arguments = player, size, depth, waits
            thread = threading.Thread(target=self._feed, args=arguments, daemon=True)
            self._threads[thread] = player
            self._waiters += waits
            thread.start()

    def _feed(self, player: Connection, size: int, depth: int, waits: bool) -> None:
        """Let a player play. What it does not play is played here when it is due."""
        sent: deque[list[Play]] = deque()
        try:
            while True:
                if len(sent) < depth:
                    chunk = self._chunk(size, waits=waits, is_idle=not sent)
                    if chunk:
                        sent.append(chunk)
                        player.send([(p.case, p.site, p.is_alone) for p in chunk])
                        continue
                if not sent:
                    break
                self._receive(player.recv(), sent[0])
                sent.popleft()
        except Exception as error:
            problem = str(error) or f"it ended ({type(error).__name__})"
            self._problems[f"a further driver plays nothing more: {problem}"] = None
            self._drop(player)
        with self._changed:
            for play in chain(*sent):
                self._store(play, None, 0.0)
            self._waiters -= waits

    def _receive(self, replies: Any, chunk: Sequence[Play]) -> None:
        if isinstance(replies, str):
            raise SubjectError(replies)
        with self._changed:
            for play, (exchange, cost_s) in zip(chunk, replies, strict=True):
                if exchange is not None and exchange.case is None:
                    exchange = replace(exchange, case=play.case)
                self._store(play, exchange, cost_s)

    def _drop(self, player: Connection) -> None:
        if workers := self._subject.workers:
            workers.drop(player)

    def _end(self, leave_s: float | None = None) -> None:
        """End all threads. A player that plays longer is not used any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread, player in self._threads.items():
            thread.join(leave_s)
            if thread.is_alive():
                self._drop(player)
        self._threads.clear()


def plays_of(schedule: Schedule) -> Iterator[Play]:
    """Yield the plays of a schedule, in order."""
    number = 0
    for scheduled in schedule.cases:
        first: Play | None = None
        for rank, site in enumerate(scheduled.sites):
            number += 1
            play = Play(number, scheduled.case, site, scheduled.waits, rank)
            first = play.first = first or play
            yield play
