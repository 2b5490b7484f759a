"""Requests to a service, with waits for its rate limit and retries after outages."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from contract.clauses.base import parse
from contract.endpoint import reset_seconds
from contract.errors import UsageError
from contract.model import Headers, Json, Outcome, OutcomeKind, Request, Response
from contract.model.bodies import abridged_body
from contract.servers import MOST_WHOLE, Clock
from contract.subjects.http import NoResponseError

DEFAULT_WAIT_S = 1.0
"""Wait after a 429 whose reset makes no sense."""

LEAST_RATE = 0.1
BUDGET_SPENT = "budget spent"
"""Reason for no response: the user's budget did not admit the request."""


Send = Callable[[str, str, Headers, bytes], Response]
"""Function that sends one request at a time, as `HttpConnection.send`."""


class Attempt(NamedTuple):
    request: Request
    response: Response | None
    outcome: Outcome


class Transfer(list[Attempt]):
    """All attempts at one request. The last one counts."""

    @property
    def outcome(self) -> Outcome:
        return self[-1].outcome

    @property
    def response(self) -> Response | None:
        return self[-1].response

    @property
    def is_success(self) -> bool:
        return self.response is not None and self.response.is_success

    @property
    def is_deletion(self) -> bool:
        """True if a snapshot is gone after its deletion (statuses: overlay)."""
        return self.is_success or self.outcome.status in (404, 410)

    @property
    def ending(self) -> str:
        """The status of the last response, or the reason why there is none."""
        status = self.outcome.status
        return self.outcome.message if status is None else str(status)


def json_of(response: Response | None) -> Json:
    """Return the JSON value of a response."""
    return parse(response.body).value if response is not None else None


def interval_of(max_rate: float | None) -> float:
    """Return the seconds between two requests of a rate. Raise UsageError."""
    if max_rate is not None and not max_rate >= LEAST_RATE:
        accepted = f"must be {LEAST_RATE} requests a second at least"
        raise UsageError(f"--max-rate: {accepted}, is {max_rate:g}")
    return 1 / max_rate if max_rate else 0.0


def trouble_of(outcome: Outcome) -> str:
    """Describe a possible outage (5xx, no response), or return an empty string."""
    if outcome.kind is OutcomeKind.FAILED:
        is_refusal = outcome.type in ("closed while sending", BUDGET_SPENT)
        return "" if is_refusal else f"no answer: {outcome.message}"
    is_error = (outcome.status or 0) >= 500
    return f"answered with {outcome.status}" if is_error else ""


@dataclass
class Transport:
    """Sends requests to an origin.

    A request waits for the rate limit at most `patience_s`. After `max_silences`
    requests in a row without a response the service is lost, and `loss` says why.
    `notes` counts the attempts that were repeated. `renew` closes the connection.
    Requests begin `interval_s` apart.
    """

    origin: str
    send_once: Send
    patience_s: float
    clock: Clock
    max_silences: float
    notes: Counter[str]
    renew: Callable[[], object]
    interval_s: float
    loss: str = ""
    silences: int = 0
    _not_before_s: float = -math.inf

    def send(self, request: Request, pauses_s: Sequence[float] = ()) -> Transfer:
        """Send a request, whose URL is a target, and again after each 429.

        It is repeated after each pause while there is trouble. Raise nothing.
        """
        transfer = self._send_patiently(request)
        for pause_s in pauses_s:
            trouble = trouble_of(transfer.outcome)
            if not trouble or self.loss:
                break
            self.notes[f"{trouble} while nothing was judged"] += 1
            self.clock.sleep(pause_s)
            transfer += self._send_patiently(request)
        return transfer

    def _send_patiently(self, request: Request) -> Transfer:
        transfer = self._attempt(request)
        patience_s = self.patience_s
        while (response := transfer.response) and response.status == 429:
            wait_s = reset_seconds(response.headers) or DEFAULT_WAIT_S
            patience_s -= wait_s
            if patience_s < 0:
                self.loss = "the rate limit is used up, and waiting does not help"
                break
            self.clock.sleep(wait_s)
            if len(transfer) > MOST_WHOLE:
                short = replace(response, body=abridged_body(response.body))
                transfer[-1] = transfer[-1]._replace(response=short)
            transfer += self._attempt(request)
        return transfer

    def _attempt(self, request: Request) -> Transfer:
        if self.interval_s:
            self.clock.sleep(max(0.0, self._not_before_s - self.clock.now()))
            self._not_before_s = self.clock.now() + self.interval_s
        begin_s = time.monotonic()
        method, target = request.method, request.url
        if method == "POST":  # a closed connection would leave its fate open
            self.renew()
        response, answered_at_s = None, 0.0
        try:
            response = self.send_once(method, target, request.headers, request.body)
            answered_at_s = time.monotonic()
            self.silences = 0
            kind = OutcomeKind.API_ERROR
            if response.is_success:
                kind = OutcomeKind.SNAPSHOT
            ending: dict[str, Any] = {"status": response.status}
        except NoResponseError as error:
            self.silences += error.reason in ("time-out", "no connection")
            if self.silences >= self.max_silences:
                self.loss = f"the service no longer answers ({error})"
            kind = OutcomeKind.FAILED
            ending = {"message": str(error), "type": error.reason}
        outcome = Outcome(kind, seconds=time.monotonic() - begin_s, **ending)
        sent = Request(
            method,
            self.origin + target,
            request.headers,
            request.body,
            begin_s,
            answered_at_s,
        )
        return Transfer([Attempt(sent, response, outcome)])
