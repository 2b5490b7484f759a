"""Progress of a run on standard error."""

import shutil
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

from contract.engine.ledger import Ledger
from contract.report.format import clean, count

REDRAW_S, LINE_S = 0.1, 10.0
"""Seconds between two lines, on a terminal and in a file."""

TICK_S = 1.0
"""Seconds after which a call is waiting."""


class Progress:
    """Callback of a run that names its subject, and shows how far it is.

    The title comes with the first exchange, so that a mistake of the user stays one
    line: on standard output, or on standard error if `quiet`. Progress goes to the
    standard error of the moment when this is made, since what is written there later
    may count as the client's. If `is_late`, its thread starts with the first exchange,
    too: only one with no other thread forks. `beside` are the tallies of those.
    """

    def __init__(
        self, title: str = "", *, quiet: bool = False, is_late: bool = False
    ) -> None:
        self.stream, self.quiet = sys.stderr, quiet
        self.title, self.title_stream = title, sys.stderr if quiet else sys.stdout
        self.is_moving = self.stream.isatty()
        self.begin_s = self.drawn_s = self.called_s = time.monotonic()
        self.latest: tuple[Ledger, str] | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self.is_late, self.seen = is_late, 0
        self.beside: Sequence[Any] = ()

    def __enter__(self) -> Self:
        if not self.is_late:
            self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._ticker.ident:
            self._ticker.join()
        if error[0] is None:
            self.write_title()
        if self.is_moving:
            self.write("")

    def __call__(self, ledger: Ledger, scenario: str) -> None:
        self.write_title()
        self.start()
        self.latest, self.called_s = (ledger, scenario), time.monotonic()
        self.draw(self.called_s, REDRAW_S if self.is_moving else LINE_S)

    def start(self) -> None:
        if not (self.quiet or self._ticker.ident):
            self._ticker.start()

    def _tick(self) -> None:
        interval_s = TICK_S if self.is_moving else LINE_S
        while not self._ended.wait(interval_s):
            with suppress(OSError):  # the main thread meets it, too
                self.draw(time.monotonic(), interval_s)

    def draw(self, now_s: float, interval_s: float) -> None:
        if now_s - self.drawn_s < interval_s:
            return
        self.drawn_s, text = now_s, "starting"
        if self.latest is not None:
            ledger, scenario = self.latest
            if (seen := sum(tally.exchanges for tally in self.beside)) != self.seen:
                self.seen, self.called_s = seen, now_s
            exchanges = count(ledger.exchanges + self.seen, "exchange")
            number = len(ledger.breaches) + sum(t.breaches for t in self.beside)
            breaches = count(number, "breach", "breaches")
            text = f"{clean(scenario)}, {exchanges}, {breaches}"
        waiting = ", waiting" if now_s - self.called_s >= TICK_S else ""
        self.write(f"{now_s - self.begin_s:.0f} s  {text}{waiting}")

    def write_title(self) -> None:
        if self.title:
            self.title_stream.write(f"{self.title}\n")
            self.title_stream.flush()
            self.title = ""

    def write(self, line: str) -> None:
        if self.quiet:
            return
        width = shutil.get_terminal_size().columns - 1
        moving = f"\r{line:{width}.{width}}\r"
        with self._lock:
            self.stream.write(moving if self.is_moving else f"{line}\n")
            self.stream.flush()
