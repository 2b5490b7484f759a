"""The watcher: when the suite stood still."""

import time

import pytest

from contract.subjects.heartbeat import (
    BEAT,
    INTERVAL_S,
    Watcher,
    beat,
    outer_watcher,
    own_watcher,
)
from tests.unit.driver_support import eventually


def gaps_of(pauses_s: list[float]) -> tuple[float, float]:
    """Let a heart beat with pauses between. Return its last beat and its gaps."""
    now_s, left = 10.0, list(pauses_s)
    memory = bytearray(BEAT.size)
    BEAT.pack_into(memory, 0, now_s, 0)

    def is_over(seconds: float) -> bool:
        nonlocal now_s
        assert seconds == INTERVAL_S
        now_s += left.pop(0) if left else 0
        return not left

    beat(memory, is_over, lambda: now_s)
    last_s, gaps = BEAT.unpack_from(memory)
    return last_s, gaps


@pytest.mark.parametrize(
    ("pauses_s", "gaps"),
    [
        ([0.05, 0.05, 0.05], 0),
        ([0.05, 0.24, 0.05], 0),
        ([0.05, 0.26, 0.05], 1),
        ([1.5, 0.05, 1.5, 0.05], 2),
    ],
)
def test_a_gap_is_a_pause_of_over_a_fifth_of_a_second(
    pauses_s: list[float], gaps: int
) -> None:
    assert gaps_of(pauses_s)[1] == gaps


@pytest.mark.parametrize(("now_s", "gaps"), [(10.2, 3), (10.3, 4)])
def test_a_gap_that_is_not_over_counts(now_s: float, gaps: int) -> None:
    memory = BEAT.pack(10.0, 3)
    assert Watcher(memory, lambda: now_s).gaps() == gaps


@pytest.mark.parametrize("watcher", [own_watcher, outer_watcher])
def test_a_watcher_sees_the_heart_beat(watcher) -> None:
    with watcher() as watched:
        begin_s = BEAT.unpack_from(watched.memory)[0]
        assert eventually(lambda: BEAT.unpack_from(watched.memory)[0] > begin_s)
        assert begin_s < BEAT.unpack_from(watched.memory)[0] <= time.monotonic()
