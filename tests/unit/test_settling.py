"""The reader that repeats a read until it agrees, on a simulated clock."""

from collections.abc import Callable, Iterator

import pytest

from contract.model import Listing
from contract.subjects.settling import Doubt, SettlingReader
from tests.tls_sandbox import FakeClock

OLD: Listing = {"a": 1}
NEW: Listing = {"a": 2}
WRONG = Doubt("S-STORED/old-value-listed", "/data", is_breach=True)
OTHER = Doubt("S-STORED/old-value-listed", "/other", is_breach=True)


class Lists:
    """A list on a simulated clock. It counts its reads."""

    def __init__(self, show: Callable[[float], Listing | None]) -> None:
        self.clock, self.show, self.reads = FakeClock(), show, 0
        self.begin_s = self.clock.now()

    def read(self) -> Listing | None:
        self.reads += 1
        return self.show(self.seconds)

    @property
    def seconds(self) -> float:
        return self.clock.now() - self.begin_s

    def reader(self, limit_s: float = 3.0) -> SettlingReader:
        reader = SettlingReader(limit_s, self.clock.clock())
        reader.note_acknowledged()
        return reader


def doubts_of(listing: Listing) -> set[Doubt]:
    return set() if listing == NEW else {WRONG}


def after(seconds: float) -> Lists:
    """Return a list that is new after some seconds."""
    return Lists(lambda now_s: NEW if now_s >= seconds else OLD)


def test_a_first_read_that_agrees_costs_one_read_and_no_time() -> None:
    lists = after(0)
    reading = lists.reader().settle(lists.read, doubts_of)
    assert (reading.listing, reading.lag_s, reading.doubts) == (NEW, 0, frozenset())
    assert (lists.reads, lists.seconds) == (1, 0)


@pytest.mark.parametrize("lag_s", [0.05, 0.3, 2.0, 8.0])
def test_a_list_that_lags_settles_and_the_lag_is_measured(lag_s: float) -> None:
    lists = after(lag_s)
    reader = lists.reader()
    reading = reader.settle(lists.read, doubts_of)
    assert reading.listing == NEW
    assert not reading.doubts
    assert lag_s <= reading.lag_s < 2 * lag_s + 0.1
    assert reader.longest_lag_s == min(reading.lag_s, reader.limit_s)
    assert lists.reads < 40


def test_two_reads_in_a_row_must_agree() -> None:
    shown: Iterator[Listing] = iter([OLD, NEW, OLD, OLD, NEW, OLD, NEW, NEW, OLD])
    lists = Lists(lambda _: next(shown))
    assert not lists.reader().settle(lists.read, doubts_of).doubts
    assert lists.reads == 8


def test_a_list_that_stays_wrong_is_believed_after_three_times_the_limit() -> None:
    lists = after(1e9)
    reading = lists.reader().settle(lists.read, doubts_of)
    assert reading.is_wrong
    assert reading.is_current
    assert 9 <= reading.waited_s < 10


def test_a_service_that_stores_nothing_is_judged_in_seconds() -> None:
    lists = after(1e9)
    reader = lists.reader()
    reader.longest_lag_s = 0.2
    waited = [reader.settle(lists.read, doubts_of).waited_s for _ in range(50)]
    assert waited[0] >= 9
    assert all(3 <= seconds < 4 for seconds in waited[1:3])
    assert all(0.2 <= seconds < 0.5 for seconds in waited[3:])
    longer = reader.settle(lists.read, lambda _: {WRONG, OTHER})
    assert 3 <= longer.waited_s < 4  # the other finding is new


def test_a_list_that_lags_much_keeps_its_time_after_a_doubt_that_stayed() -> None:
    lists = after(1e9)
    reader = lists.reader()
    reader.longest_lag_s = 2.5
    reader.settle(lists.read, doubts_of)
    assert reader.settle(lists.read, lambda _: {OTHER}).waited_s >= 7.5


def test_what_was_wrong_before_may_still_settle() -> None:
    lists = after(1e9)
    reader = lists.reader()
    for _ in range(4):
        reader.settle(lists.read, doubts_of)
    lists.show = lambda _: NEW
    assert not reader.settle(lists.read, doubts_of).doubts


def test_a_remote_list_that_shows_nothing_newer_is_not_judged() -> None:
    lists = after(1e9)
    reader = lists.reader()
    reader.shows_later = lambda: False
    reading = reader.settle(lists.read, doubts_of)
    assert reading.doubts
    assert not reading.is_current
    assert reading.waited_s >= 9


def test_a_remote_list_that_shows_something_newer_is_wrong() -> None:
    lists = after(1e9)
    reader = lists.reader()
    calls: list[float] = []
    reader.shows_later = lambda: bool(calls.append(lists.seconds) or True)
    readings = [reader.settle(lists.read, doubts_of) for _ in range(5)]
    assert all(reading.is_wrong and reading.is_current for reading in readings)
    assert len(calls) == 3  # then it is known


def test_a_list_that_settles_while_something_newer_is_made_is_right() -> None:
    lists = after(1e9)
    reader = lists.reader()

    def shows_later() -> bool:
        lists.show = lambda _: NEW
        return True

    reader.shows_later = shows_later
    assert not reader.settle(lists.read, doubts_of).is_wrong


def test_without_a_list_nothing_is_read_again() -> None:
    lists = Lists(lambda _: None)
    assert lists.reader().settle(lists.read, doubts_of).listing is None
    assert lists.reads == 1


def test_a_change_is_excluded_after_the_longest_lag_only() -> None:
    lists = after(0)
    reader = lists.reader()
    reader.wait()
    assert lists.seconds == 0
    reader.longest_lag_s = 0.5
    reader.wait()
    assert lists.seconds == pytest.approx(1.0)
