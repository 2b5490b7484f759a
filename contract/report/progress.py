"""Progress of a run: a moving line, in a file a line every ten seconds."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import Self, TextIO

from contract.engine.ledger import Ledger
from contract.report.format import clean, count

REDRAW_S, LINE_S = 0.1, 10.0


class Progress:
    """Callback of a run that shows how far it is.

    It writes to the standard error of the moment when it is made: what is written there
    later may count as the client's.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream, self.quiet, self.clock = stream or sys.stderr, quiet, clock
        self.is_moving = self.stream.isatty()
        self.begin_s = self.drawn_s = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_moving:
            self.write("")

    def __call__(self, ledger: Ledger, scenario: str) -> None:
        now_s = self.clock()
        if now_s - self.drawn_s < (REDRAW_S if self.is_moving else LINE_S):
            return
        self.drawn_s = now_s
        exchanges = count(ledger.exchanges, "exchange")
        breaches = count(len(ledger.breaches), "breach", "breaches")
        seconds = f"{now_s - self.begin_s:.0f} s"
        self.write(f"{seconds}  {clean(scenario)}, {exchanges}, {breaches}")

    def write(self, line: str) -> None:
        if self.quiet:
            return
        width = shutil.get_terminal_size().columns - 1
        moving = f"\r{line:{width}.{width}}\r"
        self.stream.write(moving if self.is_moving else f"{line}\n")
        self.stream.flush()
