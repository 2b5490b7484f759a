"""Servers that clients meet: mocked sites in the process, fake sites on loopback.

Both have a clock, and record requests in the script of a case.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from contract.model import Request, Response, Tls

Recorded: TypeAlias = tuple[tuple[Request, ...], tuple[Response | None, ...]]
"""Requests, and the response to each or None."""


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


@dataclass
class Record:
    """A request and its response."""

    request: Request
    response: Response | None = None


@dataclass
class Script:
    """Responses and certificate of a case, and the requests so far.

    `is_reached` is true once a byte of a client came.
    """

    responses: Sequence[Response] = ()
    tls: Tls = Tls.TRUSTED
    records: list[Record] = field(default_factory=list)
    sent: int = 0
    is_reached: bool = False

    def record(self, request: Request) -> Record:
        self.records.append(Record(request))
        return self.records[-1]

    def answer(self, request: Request) -> Record:
        """Record a request with the next response, if one is left."""
        record = self.record(request)
        record.response = self.next_response()
        return record

    def next_response(self) -> Response | None:
        self.sent += 1
        is_left = self.sent <= len(self.responses)
        return self.responses[self.sent - 1] if is_left else None

    def recorded(self) -> Recorded:
        records = tuple(self.records)
        responses = tuple(record.response for record in records)
        return tuple(record.request for record in records), responses
