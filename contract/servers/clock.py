"""Clocks: the real one, and one on which sleeping takes no time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """A monotonic clock, in seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


REAL_TIME = Clock()


def virtual_clock() -> Clock:
    """Return a clock that runs with the real one and skips every sleep."""
    skipped_s = 0.0
    lock = threading.Lock()

    def now() -> float:
        return time.monotonic() + skipped_s

    def sleep(seconds: float) -> None:
        nonlocal skipped_s
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        with lock:
            skipped_s += seconds

    return Clock(now, sleep)
