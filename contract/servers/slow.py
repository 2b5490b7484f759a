"""Bodies that come slowly or not at all, without a socket; they take real time, also where the clock is virtual."""

import io
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import urllib3

__all__ = ["Slow", "read_timeout"]

_monotonic = time.monotonic


class Slow(io.RawIOBase):
    """A body that drips or never comes, in real time.

    A byte comes every `gap_s`. The connection ends when it is `over`, and after `longest_s` at the latest: a client
    without a time-out must not hold up a run.
    """

    def __init__(
        self,
        body: bytes,
        gap_s: float,
        read_timeout_s: float,
        longest_s: float,
        over: Event,
        sent: Callable[[], None],
    ) -> None:
        self._body, self._gap_s, self._timeout_s = (
            io.BytesIO(body),
            gap_s,
            read_timeout_s,
        )
        self._end_s, self._over, self._sent = _monotonic() + longest_s, over, sent

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not (byte := self._body.read(1)):
            return 0
        left_s = self._end_s - _monotonic()
        wait_s = min(self._gap_s, self._timeout_s, left_s)
        if self._over.wait(max(wait_s, 0)) or wait_s == left_s:
            raise ConnectionResetError("the mock has closed the connection")
        if wait_s < self._gap_s:
            raise TimeoutError("timed out")
        buffer[:1] = byte
        self._sent()
        return 1


def read_timeout(timeout: Any) -> float:
    """Return the seconds that a socket would wait for the next byte, for the `timeout` of requests."""
    if isinstance(timeout, urllib3.Timeout):
        timeout = timeout.read_timeout
    timeout = timeout[1] if isinstance(timeout, tuple) else timeout
    return float("inf") if timeout is None else float(timeout)
