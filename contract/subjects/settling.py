"""Reads of a service whose list may lag behind what it acknowledged.

A list is often read from a replica. A single read that is wrong therefore proves
nothing, and no read proves that a change will not show later. So each read is compared
with what the service acknowledged, and what does not agree is a *doubt*:

    first read without a doubt    counts at once
    two later ones in a row       count, and the service lags
    doubts until the end          a breach on loopback; elsewhere only if the list has
                                  shown something that was acknowledged later

Doubts have three times the limit to end. A service that stores nothing would cost this
time for each update. So once a doubt stayed, others have the limit, and three times the
longest lag that was seen. A doubt that never ended three times is given only that lag.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.errors import UsageError
from contract.model import Listing
from contract.servers import Clock

LOOPBACK_LIMIT_S, REMOTE_LIMIT_S, LARGEST_LIMIT_S = 3.0, 5.0, 300
PATIENCE = 3
"""Limits that a doubt may last, and doubts that are believed to stay after that."""

FIRST_PAUSE_S = 0.02
PAUSE_FACTOR = 1.5
PAUSES_OF_LIMIT = 5
"""The longest pause between two reads is this part of the limit."""


class Doubt(NamedTuple):
    """Something in a read that does not agree with what was acknowledged.

    `is_breach` means that a clause is broken if it stays: `cause` at `place`. Any other
    is a reason to read again, and nothing more.
    """

    cause: str
    place: str = ""
    is_breach: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A list as it settled, or as it was when the time was over.

    `lag_s` is how long the list took to show what was acknowledged, 0 if the first read
    did. `doubts` are those that stayed, after `waited_s`. They can be judged if
    `is_current`.
    """

    listing: Listing | None
    lag_s: float = 0.0
    doubts: frozenset[Doubt] = frozenset()
    waited_s: float = 0.0
    is_current: bool = True

    @property
    def is_wrong(self) -> bool:
        return any(doubt.is_breach for doubt in self.doubts)


Read = Callable[[], Listing | None]
DoubtsOf = Callable[[Listing], Collection[Doubt]]


@dataclass
class SettlingReader:
    """Reads until what is read agrees with what was acknowledged.

    `limit_s` is for one lag. `shows_later` proves that a wrong list is not just old: it
    makes a change and returns whether the list shows it. Without one every list is
    believed. `longest_lag_s` is the longest lag so far.
    """

    limit_s: float
    clock: Clock
    shows_later: Callable[[], bool] | None = None
    longest_lag_s: float = 0.0
    _acknowledged_s: float | None = None
    _stayed: Counter[Doubt] = field(default_factory=Counter)

    def note_acknowledged(self) -> None:
        """Note that the service has just acknowledged a change. Lags begin here."""
        self._acknowledged_s = self.clock.now()

    def wait(self) -> None:
        """Wait until a change must show: twice the longest lag so far.

        The longest lag that was met is seldom the longest that there is.
        """
        if self.longest_lag_s:
            self.clock.sleep(2 * self.longest_lag_s)

    def settle(self, read: Read, doubts_of: DoubtsOf) -> Reading:
        """Read, and again until two reads in a row have no doubt."""
        begin_s = self.clock.now()
        listing = read()
        end_s = begin_s + PATIENCE * (self.clock.now() - begin_s)  # reads may be paced
        if listing is None or not (doubts := frozenset(doubts_of(listing))):
            return Reading(listing)
        pause_s, agreed_at_s = FIRST_PAUSE_S, 0.0
        while agreed_at_s or self.clock.now() < end_s + self._patience_s(doubts):
            self.clock.sleep(pause_s)
            pause_s = min(PAUSE_FACTOR * pause_s, self.limit_s / PAUSES_OF_LIMIT)
            if (listing := read()) is None:
                return Reading(None)
            if new_doubts := frozenset(doubts_of(listing)):
                doubts, agreed_at_s = new_doubts, 0.0
            elif agreed_at_s:
                return Reading(listing, self._lag_s(begin_s, agreed_at_s))
            else:
                agreed_at_s, pause_s = self.clock.now(), FIRST_PAUSE_S
        is_known = self._is_known(doubts)
        is_current = True
        if self.shows_later and not is_known and any(d.is_breach for d in doubts):
            is_current = self.shows_later()
            listing = read()
            doubts = frozenset(doubts_of(listing) if listing is not None else ())
        if is_current:
            self._stayed.update(doubts)
        waited_s = self.clock.now() - begin_s
        return Reading(listing, 0.0, doubts, waited_s, is_current or not doubts)

    def _patience_s(self, doubts: frozenset[Doubt]) -> float:
        if self._is_known(doubts):
            return self.longest_lag_s
        if self._stayed:
            return max(self.limit_s, PATIENCE * self.longest_lag_s)
        return PATIENCE * self.limit_s

    def _lag_s(self, begin_s: float, agreed_at_s: float) -> float:
        since_s = begin_s if self._acknowledged_s is None else self._acknowledged_s
        lag_s = agreed_at_s - since_s
        self.longest_lag_s = max(self.longest_lag_s, min(lag_s, self.limit_s))
        return lag_s

    def _is_known(self, doubts: frozenset[Doubt]) -> bool:
        return all(self._stayed[doubt] >= PATIENCE for doubt in doubts)


def settling_reader(
    max_lag_s: float | None, clock: Clock, *, is_loopback: bool
) -> SettlingReader:
    """Return the reader for a longest lag. Raise UsageError for a bad one."""
    if max_lag_s is None:
        max_lag_s = LOOPBACK_LIMIT_S if is_loopback else REMOTE_LIMIT_S
    if not 0 <= max_lag_s <= LARGEST_LIMIT_S:
        accepted = f"must be from 0 to {LARGEST_LIMIT_S} seconds"
        raise UsageError(f"--max-lag: {accepted}, is {max_lag_s:g}")
    return SettlingReader(max_lag_s, clock)
