"""Servers that clients meet: mocked sites in the process, fake sites on loopback.

Both have a clock, and record requests in the script of a case.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from contract.model import ClientCase, Delivery, Request, Response, Tls
from contract.model.bodies import abridged_body

MOST_WHOLE, MOST_RECORDS = 8, 1_000
"""Requests of one call whose body is recorded whole, and all that are recorded."""

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
    `late` counts requests that came after the call, and are none of its own.
    """

    responses: Sequence[Response] = ()
    tls: Tls = Tls.TRUSTED
    records: list[Record] = field(default_factory=list)
    sent: int = 0
    is_reached: bool = False
    late: int = 0
    is_over: bool = False

    def record(self, request: Request) -> Record:
        if len(self.records) >= MOST_WHOLE:
            request = replace(request, body=abridged_body(request.body))
        record = Record(request)
        if len(self.records) >= MOST_RECORDS:
            return record
        if self.is_over and not self.is_answered:
            self.late += 1
        else:
            self.records.append(record)
        return record

    @property
    def is_answered(self) -> bool:
        """Return whether any byte of a response to the last request was sent."""
        return bool(self.records and self.records[-1].request.answered_at_s)

    def is_unanswered(self, *, is_due: bool) -> bool:
        """Return whether a request may be under way after a call without an answer.

        One may if no request has come although it was due, and if the last response was
        held back, but for the next call. An unscripted request is refused at once.
        """
        if not self.records:
            return is_due
        response = self.records[-1].response
        if response is None or response.delivery is Delivery.LATE:
            return False
        return not response.delivery.is_whole

    def answer(self, request: Request) -> Record:
        """Record a request with the next response, if one is left."""
        record = self.record(request)
        record.response = self.next_response()
        return record

    def next_response(self) -> Response | None:
        if self.is_over:
            return None
        self.sent += 1
        is_left = self.sent <= len(self.responses)
        return self.responses[self.sent - 1] if is_left else None

    def recorded(self) -> Recorded:
        records = tuple(self.records)
        responses = tuple(record.response for record in records)
        return tuple(record.request for record in records), responses


def script_of(case: ClientCase) -> Script:
    """Return the script for the requests of a case's own call."""
    return Script(case.responses, case.tls)
