"""Plays ahead of time: waits overlap, and further drivers play other cases.

The runner asks for one play after the other, in the order of the schedule, and judges
it. So nothing in a verdict depends on the number of drivers. While a play that it asks
for is under way elsewhere, a later one is played here.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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

CHUNK = 40
"""Plays that a busy driver gets at once."""

LEAST_PLAYS, LEAST_WAITS = 500, 3
"""Plays for a further driver, and plays for one that waits."""

WAITING = 8
"""Drivers that only wait, by default."""

LEAVE_S = 0.2
"""Seconds for a play that nobody asks for any more."""

LOG = logging.getLogger("contract")


@dataclass(eq=False)
class Play:
    """A case on a site, with its number in order. `first` is the first of its case.

    `result` is None if it was not played. `cost_s` are the time-outs of the case.
    """

    number: int
    case: Any
    site: str
    waits: bool = False
    first: Any = None
    is_done: bool = False
    result: Any = None
    cost_s: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.first = self.first or self


class Ahead:
    """A client as the subject of a run, with further drivers that play ahead.

    What costs time-outs is played ahead as often as the runner may ask for it: on one
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
        self._players: Sequence[Connection] = ()
        self._threads: dict[threading.Thread, Connection] = {}
        self._waiters = 0
        self._begin((), is_fresh=False)

    def play(self, case: Any, site: str) -> PlayResult:
        plays = self._plays[id(case), site]
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
        """Return this, with a fresh driver for what was not expected."""
        if not any(self._plays.values()):
            self._subject.restart()
        return self

    def expect(self, plays: Iterable[tuple[AnyCase, str]]) -> None:
        """Prepare plays that confirm breaches, each in a fresh driver.

        Nothing else is under way from now on. Each has a busy driver, and so a core, of
        its own.
        """
        self._end()
        self._begin(
            (Play(number, *play) for number, play in enumerate(plays)), is_fresh=True
        )
        self._feed_all(self._players)

    @contextmanager
    def playing(self, schedule: Schedule, jobs: int, waiting: int) -> Iterator[None]:
        """Play a schedule ahead, until the end of the block."""
        self._begin(plays_of(schedule), is_fresh=False)
        workers = self._subject.workers
        jobs = min(jobs - 1, len(self._left[False]) // LEAST_PLAYS)
        waiting = min(waiting, len(self._left[True]) // LEAST_WAITS)
        try:
            if jobs or waiting:
                workers.start(jobs, waiting)
                self._players = workers.busy[:jobs]
                self._feed_all(self._players)
                self._feed_all(workers.waiting[:waiting], waits=True)
            yield
        finally:
            self._end(LEAVE_S)
            for problem in self._problems:
                LOG.warning("%s", safe_line(problem))

    # -- the plays, which all threads share --

    def _begin(self, plays: Iterable[Play], *, is_fresh: bool) -> None:
        # The longest first, so that none of them is left at the end.
        every = sorted(
            plays, key=lambda play: -patience_s(play.case, 0) if play.waits else 0
        )
        self._plays: dict[Any, deque[Play]] = defaultdict(deque)
        self._left: dict[bool, dict[int, Play]] = {False: {}, True: {}}
        for play in every:
            self._plays[id(play.case), play.site].append(play)
            self._left[play.waits][play.number] = play
        self._waited_s: dict[str, float] = defaultdict(float)
        self._position, self._is_over, self._is_fresh = 0, False, is_fresh

    def _next_here(self, play: Play) -> Play | None:
        """Return what to play here, or None once a play is done."""
        with self._changed:
            while not play.is_done:
                is_open = play.number in self._left[play.waits]
                other = None
                if not is_open or (play.waits and self._waiters):
                    other = self._take(waits=False)
                if other is None and is_open:
                    other = self._left[play.waits].pop(play.number)
                if other is not None:
                    return other
                self._changed.wait()
        return None

    def _play_here(self, play: Play, *, is_due: bool) -> None:
        """Play here. What fails ahead of its time is played again when it is due."""
        result: Any = None
        try:
            if self._is_fresh:
                self._subject.restart()
            result = self._subject.play(play.case, play.site)
        except Exception:
            if is_due:
                raise
        cost_s = self.waiting_cost_s(result) if result else 0.0
        self._store([play], [(result, cost_s)])

    def _take(self, *, waits: bool) -> Play | None:
        """Take the next play for which the runner will ask."""
        for play in self._left[waits].values():
            if not waits and play.number > self._position + LOOK_AHEAD:
                break
            is_next = not waits or play is play.first or play.first.is_done
            if is_next and self._is_needed(play):
                return self._left[waits].pop(play.number)
        return None

    def _is_needed(self, play: Play) -> bool:
        is_second = play.number <= play.first.number + 1
        is_cut_off = self._waited_s[play.case.scenario] >= self._max_wait_s
        return not is_cut_off and (is_second or not play.first.cost_s)

    def _chunk(self, *, waits: bool) -> list[Play]:
        """Take plays for a driver, once there are some. Return none at the end."""
        size = 1 if waits or self._is_fresh else CHUNK
        chunk: list[Play] = []
        with self._changed:
            while not self._is_over:
                while len(chunk) < size and (play := self._take(waits=waits)):
                    chunk.append(play)
                if chunk or not any(map(self._is_needed, self._left[waits].values())):
                    break
                self._changed.wait()
        return chunk

    def _store(
        self, plays: Sequence[Play], replies: Sequence[tuple[Any, float]]
    ) -> None:
        with self._changed:
            for play, (exchange, cost_s) in zip(plays, replies, strict=True):
                if exchange is not None and exchange.case is None:
                    exchange = replace(exchange, case=play.case)
                play.result, play.is_done = exchange, True
                play.first.cost_s += cost_s
                self._waited_s[play.case.scenario] += cost_s
            self._changed.notify_all()

    # -- the threads that feed further drivers --

    def _feed_all(self, players: Sequence[Connection], *, waits: bool = False) -> None:
        self._waiters = len(players) if waits else 0
        for player in players:
            arguments = player, waits
            thread = threading.Thread(target=self._feed, args=arguments, daemon=True)
            self._threads[thread] = player
            thread.start()

    def _feed(self, player: Connection, waits: bool) -> None:
        """Let a driver play. What it does not play is played here when it is due."""
        chunk: list[Play] = []
        try:
            while chunk := self._chunk(waits=waits):
                player.send((self._is_fresh, [(p.case, p.site) for p in chunk]))
                replies = player.recv()
                if isinstance(replies, str):
                    raise SubjectError(replies)
                self._store(chunk, replies)
        except Exception as error:
            problem = str(error) or "its process ended"
            self._problems[f"a further driver plays no more: {problem}"] = None
            self._subject.workers.drop(player)
            self._store(chunk, [(None, 0.0)] * len(chunk))
        with self._changed:
            self._waiters -= waits

    def _end(self, leave_s: float | None = None) -> None:
        """End the threads. A driver that plays longer is not used any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread, player in self._threads.items():
            thread.join(leave_s)
            if thread.is_alive():
                self._subject.workers.drop(player)
        self._threads.clear()


def plays_of(schedule: Schedule) -> Iterator[Play]:
    """Yield the plays of a schedule, in order."""
    number = 0
    for item in schedule.cases:
        first: Play | None = None
        for site in item.sites:
            play = Play(number, item.case, site, item.waits, first)
            first, number = first or play, number + 1
            yield play
