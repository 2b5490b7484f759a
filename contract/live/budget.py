"""Budget and pace: every request of a live run passes here, one at a time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from contract.engine.runner import StopRun
from contract.model import Response
from contract.subjects.http import HttpConnection, NoResponseError

__all__ = ["Budget", "Clock", "PacedConnection"]

_LONGEST_RESET_S = 86_400
_MARGIN_S = 0.05
_SLOW = 10
"""With so many requests left in the period, or fewer, the rest of it is shared out among them."""


@dataclass(frozen=True)
class Clock:
    """Seconds on a monotonic clock, and how to let some of them pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


class Budget:
    """What may still be sent, and when; None is no bound.

    While `reserve` is a number, so many requests are kept back (for what comes after the cases), and a request
    that would use them raises StopRun; while it is None, nothing is refused: cleaning up goes before the budget.
    """

    def __init__(
        self, clock: Clock, max_requests: int | None, max_minutes: float | None
    ) -> None:
        self.clock, self.max_requests = clock, max_requests
        self.sent, self.limited, self.waited_s = 0, 0, 0.0
        self.reserve: int | None = None
        self.spent = ""
        self._end_s = None if max_minutes is None else clock.now() + 60 * max_minutes
        self._not_before_s: dict[tuple[str, ...], float] = {}

    def admit(self, keys: tuple[str, ...]) -> None:
        """Wait until these keys may ask again, and count the request; raises StopRun where the budget is spent."""
        pause_s = max(0.0, self._not_before_s.get(keys, 0.0) - self.clock.now())
        if self.reserve is not None:
            if (
                self.max_requests is not None
                and self.sent + self.reserve >= self.max_requests
            ):
                self.spent = f"the budget of {self.max_requests} requests is spent"
            elif self._end_s is not None and self.clock.now() + pause_s >= self._end_s:
                self.spent = "the minutes are spent"
            if self.spent:
                raise StopRun
        if pause_s:
            self.waited_s += pause_s
            self.clock.sleep(pause_s)
        self.sent += 1

    def note(self, keys: tuple[str, ...], answer: Response) -> None:
        """Read the rate limit of an answer: what is nearly used up is slowed down, what is used up waits."""
        remaining = _number(answer.header("X-RateLimit-Remaining"))
        reset_s = _number(answer.header("X-RateLimit-Reset"))
        if answer.status == 429:
            self.limited += 1
            pause_s = float(reset_s or 1) + _MARGIN_S
        elif remaining is None or reset_s is None or remaining > _SLOW:
            return
        else:
            pause_s = (
                reset_s + _MARGIN_S if remaining == 0 else reset_s / (remaining + 1)
            )
        self._not_before_s[keys] = self.clock.now() + pause_s


class PacedConnection(HttpConnection):
    """A sender that asks the meter first."""

    def __init__(
        self,
        url: str,
        meter: Budget,
        names: tuple[str, str],
        *,
        timeout_s: float,
        ca_file: str | None,
    ) -> None:
        super().__init__(url, timeout_s=timeout_s, ca_file=ca_file)
        self._meter, self._names = meter, {name.lower() for name in names}

    def _connect(self) -> bool:
        """Have a connection, and tell that it is a new one: nothing is sent twice without anyone knowing."""
        super()._connect()
        return False

    def send(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Response:
        """Send a request when it may be sent; raises NoResponseError, and StopRun where the budget is spent."""
        headers = tuple(headers)
        keys = tuple(value for name, value in headers if name.lower() in self._names)
        self._meter.admit(keys)
        try:
            answer = super().send(method, target, headers, body)
        except NoResponseError:
            raise
        except (
            OSError
        ) as error:  # a name that does not resolve, through a proxy that is none
            raise NoResponseError("no connection", str(error)) from None
        self._meter.note(keys, answer)
        return answer


def _number(text: str | None) -> int | None:
    """Return a sensible count or number of seconds, else None."""
    sensible = (
        text is not None
        and text.isascii()
        and text.isdecimal()
        and int(text[:9]) <= _LONGEST_RESET_S
    )
    return int(text[:9]) if sensible and text is not None else None
