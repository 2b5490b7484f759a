"""A long run, watched: a line that moves on a terminal, else a plain line every ten seconds.

with Progress() as watch:
    verdict = run(subject, scenarios, clauses, spec, profile=profile, watch=watch)
write_report(verdict, spec, directory, seconds=watch.seconds)
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from contract.engine.verdict import Verdict
from contract.report.format import visible

__all__ = ["Progress"]

_REDRAW_S, _LINE_S = 0.1, 10.0


class Progress:
    """What `run` can tell how far it is; `seconds` is how long each scenario took, by subject and name.

    It writes to `stream`, standard error unless given, as that is when it is made: while a client plays, whatever is
    written to standard error counts as the client's. `quiet` writes nothing. Nothing is drawn but when it is called.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._clock, self._begin = clock, clock()
        self._console = Console(file=stream or sys.stderr, quiet=quiet, highlight=False)
        self._live: Live | None = None
        if self._console.is_terminal and not quiet:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
        self._shown = self._begin
        self._last, self._since = ("", ""), self._begin

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clocked(("", ""), self._clock())
        if self._live:
            self._live.stop()

    def __call__(self, verdict: Verdict, scenario: str) -> None:
        """Take note of how far the run is; show it when it is time."""
        now = self._clock()
        self._clocked((verdict.name, scenario), now)
        if now - self._shown >= (_REDRAW_S if self._live else _LINE_S):
            self._shown = now
            line = self._line(verdict, scenario, now)
            if self._live:
                self._live.update(
                    Text(line, no_wrap=True, overflow="ellipsis"), refresh=True
                )
            else:
                self._console.print(line, markup=False, soft_wrap=True)

    def _clocked(self, what: tuple[str, str], now: float) -> None:
        if what != self._last:
            if any(self._last):
                self.seconds[self._last] += now - self._since
            self._last, self._since = what, now

    def _line(self, verdict: Verdict, scenario: str, now: float) -> str:
        count = len(verdict.breaches)
        return (
            f"{now - self._begin:.0f} s  {visible(verdict.name)}: {scenario}, {verdict.exchanges} exchanges, "
            f"{count or 'no'} breach{'es' * (count != 1)}"
        )
