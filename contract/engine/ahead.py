"""Plays ahead of time: waits overlap, and further drivers play other cases.

The runner asks for one play after the other, in the order of the schedule, and judges
it. So nothing in a verdict depends on the number of drivers. While a play that it asks
for is under way elsewhere, a later one is played here.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from threading import Condition, Thread
from typing import Any

from contract.engine.drawing import Drawing, draw_cases
from contract.engine.schedule import Schedule
from contract.errors import SubjectError
from contract.model import AnyCase, ClientExchange
from contract.redaction import safe_line
from contract.subjects.driver import patience_s
from contract.subjects.in_process import ClientSubject
from contract.subjects.workers import packed, unpacked

MOST_BYTES = 4 << 20
"""Bytes of exchanges for which the runner has not asked yet."""

CHUNK = 40
"""Plays that a busy driver gets at once."""

LEAST_PLAYS, LEAST_WAITS = 500, 3
"""Plays for a further driver, and plays for one that waits."""

LEAVE_S = 0.2
"""Seconds for a play that nobody asks for any more."""

LOG = logging.getLogger("contract")


@dataclass(eq=False)
class Play:
    """A case on a site.

    The site is the `rank`th of the case, `first` the play on the first. `data` is its
    packed exchange, None before, empty if it was not played. `cost_s` are the time-outs
    of all plays of the case, in the first.
    """

    case: Any
    site: str
    waits: bool = False
    rank: int = 0
    first: "Play | None" = None
    data: bytes | None = None
    cost_s: float = 0.0


class Ahead(ClientSubject):
    """A driver as the subject of a run, with further ones that play ahead.

    What costs time-outs is played ahead as often as the runner may ask for it: on one
    more site, and up to `max_wait_s` in a scenario.
    """

    overlaps = True

    def __init__(self, subject: ClientSubject, max_wait_s: float) -> None:
        vars(self).update(vars(subject))
        self._play, self._max_wait_s = subject.play, max_wait_s
        self._changed = Condition()
        self._problems: set[str] = set()
        self._busy: Sequence[Connection] = ()
        self._threads: dict[Thread, Connection] = {}
        self._drawn: dict[str, Future[list[AnyCase]]] = {}
        self._begin(())

    def play(self, case: Any, site: str) -> ClientExchange:
        data: bytes | None = b""
        if plays := self._plays.get((id(case), site)):
            play = plays.pop(0)
            while other := self._next_here(play):
                self._play_here(other)
            with self._changed:
                data, play.data = play.data, b""
                self._size -= len(data or b"")
                self._changed.notify_all()
        return unpacked(data, case) if data else self._play(case, site)

    def play_fresh(self, plays: Iterable[tuple[AnyCase, str]]) -> None:
        """Play what confirms hangs ahead, each in a fresh driver.

        Nothing else is under way from now on. Each has a core of its own.
        """
        self._end()
        if self._busy:
            self._begin((Play(*play) for play in plays), is_fresh=True)
            self._feed(self._busy)
            while play := self._take():
                self.restart()
                self._play_here(play)
            self._end()

    @contextmanager
    def playing(
        self,
        schedule: Schedule,
        jobs: int,
        waiting: int,
        drawing: Drawing | None = None,
    ) -> Iterator[None]:
        """Play a schedule and draw cases ahead, until the end of the block."""
        if not self.is_real_time:  # the minimal client
            schedule = on_loopback(schedule, self.server)
        self._begin(plays_of(schedule))
        jobs = min(jobs - 1, len(self._left[False]) // LEAST_PLAYS)
        is_much = drawing and len(drawing[0]) * drawing[-1] >= LEAST_PLAYS
        waits = max(len(self._left[True]) // LEAST_WAITS, int(bool(is_much)))
        waiting = min(waiting, waits)
        try:
            if jobs or waiting:
                self.workers.start(jobs, waiting)
                self._busy = self.workers.busy[:jobs]
                self._feed(self._busy)
                self._feed(self.workers.waiting[:waiting], waits=True)
                if drawing:
                    self._draw(self.workers.controls[-1], *drawing)
            yield
        finally:
            self._end(LEAVE_S)

    def drawn(self, name: str) -> list[AnyCase]:
        """Return the generated cases of a scenario, none if they are still to draw."""
        future = self._drawn.pop(name, None)
        return future.result() if future else []

    def _draw(
        self, process: Connection, names: Sequence[str], *arguments: object
    ) -> None:
        """Let a process draw cases, once its players are idle.

        What it does not draw is left to the suite.
        """
        futures = self._drawn = {name: Future[list[AnyCase]]() for name in names}

        def is_idle() -> bool:
            left = self._waiters and any(map(self._is_needed, self._left[True]))
            return self._is_over or not left

        def run() -> None:
            with self._changed:
                self._changed.wait_for(is_idle)
            for name, future in [*futures.items()]:
                cases: list[AnyCase] = []
                with suppress(EOFError, OSError):
                    process.send((draw_cases, name, *arguments))
                    cases = process.recv() or []
                future.set_result(cases)

        Thread(target=run, daemon=True).start()

    # -- the plays, which all threads share --

    def _begin(self, plays: Iterable[Play], *, is_fresh: bool = False) -> None:
        self._plays: dict[Any, list[Play]] = defaultdict(list)
        self._left: dict[bool, dict[Play, None]] = {False: {}, True: {}}
        for play in plays:
            self._plays[id(play.case), play.site].append(play)
            self._left[play.waits][play] = None
        # The longest first, so that none of them is left at the end.
        waits = sorted(self._left[True], key=lambda play: -patience_s(play.case, 0))
        self._left[True] = dict.fromkeys(waits)
        self._waited_s: dict[str, float] = defaultdict(float)
        self._size, self._waiters = 0, 0
        self._is_over, self._is_fresh = False, is_fresh

    def _next_here(self, play: Play) -> Play | None:
        """Return what to play here, or None once a play is done."""
        left = self._left[play.waits]
        with self._changed:
            while play.data is None:
                is_open, other = play in left, None
                if not is_open or (play.waits and self._waiters):
                    other = self._take()
                if is_open and other is None:
                    other = play
                    del left[play]
                if other:
                    return other
                self._changed.wait()
        return None

    def _take(self, *, waits: bool = False) -> Play | None:
        """Take the next play for which the runner will ask."""
        with self._changed:
            if waits or self._size < MOST_BYTES:
                for play in filter(self._is_needed, self._left[waits]):
                    del self._left[waits][play]
                    return play
        return None

    def _is_needed(self, play: Play) -> bool:
        is_cut_off = self._waited_s[play.case.scenario] >= self._max_wait_s
        first = play.first
        if is_cut_off or first is None:
            return not is_cut_off
        is_late = play.rank > 1 and first.cost_s
        return not is_late and (first.data is not None or not play.waits)

    def _play_here(self, play: Play) -> None:
        """Play here. What fails is played again, and fails, when it is due."""
        data, cost_s = b"", 0.0
        with suppress(Exception):
            exchange = self._play(play.case, play.site)
            cost_s = self.waiting_cost_s(exchange)
            data = packed(exchange, play.case)
        self._store(play, data, cost_s)

    def _store(self, play: Play, data: bytes = b"", cost_s: float = 0.0) -> None:
        with self._changed:
            play.data = data
            self._size += len(data)
            (play.first or play).cost_s += cost_s
            self._waited_s[play.case.scenario] += cost_s
            self._changed.notify_all()

    # -- the threads that feed further drivers --

    def _feed(self, players: Sequence[Connection], *, waits: bool = False) -> None:
        self._waiters += len(players) * waits
        for player in players:
            thread = Thread(target=self._lead, args=(player, waits), daemon=True)
            self._threads[thread] = player
            thread.start()

    def _lead(self, player: Connection, waits: bool) -> None:
        """Let a driver play. What it does not play is left to the suite."""
        chunk: list[Play] = []
        try:
            while chunk := self._chunk(waits):
                player.send((self._is_fresh, [(p.case, p.site) for p in chunk]))
                while chunk:
                    reply = player.recv()
                    if isinstance(reply, str):
                        raise SubjectError(reply)
                    self._store(chunk.pop(0), *reply)
        except Exception as error:
            self.workers.drop(player)
            problem = safe_line(str(error) or "its process ended")
            with self._changed:
                self._waiters -= waits
                for play in chunk:
                    self._store(play)
                if problem not in self._problems and not self._is_over:
                    LOG.warning("a further driver plays no more: %s", problem)
                self._problems.add(problem)

    def _chunk(self, waits: bool) -> list[Play]:
        """Take plays for a driver, once there are some. Return none at the end."""
        size = 1 if waits or self._is_fresh else CHUNK
        chunk: list[Play] = []
        with self._changed:
            while not (chunk or self._is_over):
                while len(chunk) < size and (play := self._take(waits=waits)):
                    chunk.append(play)
                if not chunk:
                    self._changed.wait()
        return chunk

    def _end(self, leave_s: float | None = None) -> None:
        """End the threads. A driver that plays longer is not used any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread, player in self._threads.items():
            thread.join(leave_s)
            if thread.is_alive():
                self.workers.drop(player)
        self._threads.clear()


def on_loopback(schedule: Schedule, server: Any) -> Schedule:
    """Return the cases for which the minimal client opens connections, and waits."""
    cases = (c for c in schedule.cases if server.is_on_loopback(c.case))
    return replace(schedule, cases=tuple(replace(c, waits=True) for c in cases))


def plays_of(schedule: Schedule) -> Iterator[Play]:
    for item in schedule.cases:
        first: Play | None = None
        for rank, site in enumerate(item.sites):
            play = Play(item.case, site, item.waits, rank, first)
            first = first or play
            yield play
