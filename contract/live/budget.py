"""Budget and pace: every request of a live run passes here, one at a time."""

from collections.abc import Callable
from math import inf

from contract.endpoint import remaining_requests, reset_seconds
from contract.model import Headers, Response
from contract.servers import Clock
from contract.subjects.http import BUDGET_SPENT, HttpConnection, NoResponseError

MARGIN_S = 0.05
DEFAULT_WAIT_S = 1

SLOW_BELOW = 10
"""With so many requests left, the rest of a period is shared among them."""

Keys = tuple[str, ...]


class Budget:
    """Number of requests that may be sent, and their times. None means no bound.

    The bounds hold while there is a `reserve`, which returns the number of requests to
    hold back. `spent` says which bound was met, else it is empty.
    """

    def __init__(
        self, clock: Clock, max_requests: int | None, max_minutes: float | None
    ) -> None:
        self.clock = clock
        self.reserve: Callable[[], int] | None = None
        self.spent = ""
        self._max_requests = inf if max_requests is None else max_requests
        self._end_s = inf if max_minutes is None else clock.now() + 60 * max_minutes
        self._sent = 0
        self._not_before_s: dict[Keys, float] = {}

    def admit(self, keys: Keys) -> bool:
        """Wait until these keys may send. Return False if a bound is met."""
        pause_s = max(0.0, self._not_before_s.get(keys, 0.0) - self.clock.now())
        if self.reserve is not None:
            if self._sent + self.reserve() >= self._max_requests:
                self.spent = f"the budget of {self._max_requests} requests is spent"
            elif self.clock.now() + pause_s >= self._end_s:
                self.spent = "the minutes are spent"
            if self.spent:
                return False
        if pause_s:
            self.clock.sleep(pause_s)
        self._sent += 1
        return True

    def note(self, keys: Keys, response: Response) -> None:
        """Slow down before the rate limit of a response is used up."""
        remaining = remaining_requests(response.headers)
        reset_s = reset_seconds(response.headers)
        if response.status == 429:
            pause_s = (reset_s or DEFAULT_WAIT_S) + MARGIN_S
        elif remaining is None or reset_s is None or remaining > SLOW_BELOW:
            return
        elif remaining == 0:
            pause_s = reset_s + MARGIN_S
        else:
            pause_s = reset_s / (remaining + 1)
        self._not_before_s[keys] = self.clock.now() + pause_s


class PacedConnection:
    """Connection that waits for a budget before each request."""

    def __init__(
        self, connection: HttpConnection, budget: Budget, auth_headers: tuple[str, str]
    ) -> None:
        self._connection = connection
        self._budget = budget
        self._auth_headers = {name.lower() for name in auth_headers}

    def send(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        """Send a request once it may be sent. Raises NoResponseError."""
        keys = tuple(v for name, v in headers if name.lower() in self._auth_headers)
        if not self._budget.admit(keys):
            raise NoResponseError(BUDGET_SPENT, self._budget.spent)
        try:
            response = self._connection.send(method, target, headers, body)
        except OSError as error:  # a proxy whose name does not resolve
            raise NoResponseError("no connection", str(error)) from None
        self._budget.note(keys, response)
        return response
