"""Access to a live site: keys, organization, budget and pace of requests."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, TypedDict

from contract.cases.placeholders import KeyPair
from contract.endpoint import remaining_requests, reset_seconds
from contract.engine.selection import keys_from_environment
from contract.errors import UsageError
from contract.model import Headers, Owner, Response
from contract.redaction import KEY_VARIABLES, OTHER_KEY_VARIABLES, refuse_weak_keys
from contract.servers import Clock
from contract.spec import Spec, load
from contract.subjects import hosts
from contract.subjects.http import HttpConnection, NoResponseError, tls_files
from contract.subjects.resource import Resource
from contract.subjects.transfer import BUDGET_SPENT, Transport, interval_of

ORG_VARIABLES = {
    Owner.OWN: "CONTRACT_SANDBOX_ORG_ID",
    Owner.OTHER: "CONTRACT_OTHER_ORG_ID",
}


def chosen_keys(
    own: KeyPair | None = None, other: KeyPair | None = None
) -> tuple[KeyPair, KeyPair | None]:
    """Return keys, by default those of the environment. Raise UsageError if none."""
    own = own or keys_from_environment(KEY_VARIABLES)
    if own is None:
        raise UsageError(f"no keys: set {' and '.join(KEY_VARIABLES)}")
    return own, other or keys_from_environment(OTHER_KEY_VARIABLES)


def by_owner(own: KeyPair, other: KeyPair | None) -> dict[Owner, KeyPair]:
    """Return the keys of one or two organizations. Raise UsageError for weak ones."""
    refuse_weak_keys(own, other)
    return {Owner.OWN: own} | ({Owner.OTHER: other} if other else {})


def are_remote(urls: Sequence[str], *, disposable: bool = False) -> bool:
    """Return whether services are remote. Raise UsageError if only some of them are.

    Keys go to no other machine in plain HTTP, unless it may be lost or is a private
    address.
    """
    if disposable or not urls:
        return False
    places = [HttpConnection(url) for url in urls]
    for place in places:
        if hosts.is_public(place.host) and place.origin.startswith("http://"):
            raise UsageError(
                f"{place.origin}: keys would go to a public host in plain HTTP; "
                "accepted: https://, or --disposable for a service that may be lost"
            )
    remote = [not hosts.is_loopback(place.host) for place in places]
    if len(set(remote)) > 1:
        raise UsageError(
            "some URLs are on loopback, others are not; accepted: one kind, or "
            "--disposable for services that may be lost"
        )
    return all(remote)


def org_ids_of(owners: Iterable[Owner]) -> dict[Owner, str]:
    """Return the ids of the sandbox organizations. Raises UsageError."""
    org_ids: dict[Owner, str] = {}
    for owner in owners:
        variable = ORG_VARIABLES[owner]
        text = os.environ.get(variable, "")
        if not re.fullmatch("[0-9]{1,18}", text):
            right = "the org_id of a sandbox organization, a number"
            message = f"{variable}: must be {right}, has {len(text)} characters"
            raise UsageError(message)
        org_id = str(int(text))
        if org_id in org_ids.values():
            right = f"another organization than {ORG_VARIABLES[Owner.OWN]}"
            raise UsageError(f"{variable}: must be {right}")
        org_ids[owner] = org_id
    return org_ids


# -- budget and pace --

MARGIN_S = 0.05
DEFAULT_WAIT_S = 1

LONGEST_PAUSE_S, CLEAN_UP_S = 300.0, 120.0
"""Seconds that one wait, and the clean-up, may last by default."""

SHOWN_S = 5.0
"""Seconds from which a wait is shown."""

PAUSES_S = (1.0, 2.0, 4.0)

SLOW_BELOW = 10
"""With so many requests left, the rest of a period is shared among them."""


@dataclass
class Budget:
    """Number of requests that may be sent, one at a time, and their times.

    `clock` cuts every wait to `longest_pause_s` and to the time that is left. `on_wait`
    is called with the seconds of a wait that is worth a line. `reserve` returns the
    number of requests to hold back. `spent` says which bound was met, else it is
    empty. `is_planned` says that it is one of the user.
    """

    real_clock: Clock
    max_requests: float = inf
    max_minutes: float = inf
    longest_pause_s: float = LONGEST_PAUSE_S
    on_wait: Callable[[float], object] = lambda seconds: None
    reserve: Callable[[], int] = lambda: 0
    spent: str = ""
    is_planned: bool = True
    _is_cleaning: bool = False
    _sent: int = 0

    def __post_init__(self) -> None:
        self.clock = Clock(self.real_clock.now, self._sleep)
        self._end_s = self.clock.now() + 60 * self.max_minutes
        self._not_before_s: dict[tuple[str, ...], float] = {}

    @property
    def left_s(self) -> float:
        return max(0.0, self._end_s - self.clock.now())

    def begin_clean_up(self, seconds: float) -> None:
        """Let requests be sent for so long, whatever was spent."""
        self._is_cleaning = True
        self._end_s = self.clock.now() + seconds

    def _sleep(self, seconds: float) -> None:
        pause_s = min(seconds, self.longest_pause_s, self.left_s)
        if pause_s >= SHOWN_S:
            self.on_wait(pause_s)
        if pause_s > 0:
            self.real_clock.sleep(pause_s)

    def admit(self, keys: tuple[str, ...]) -> str:
        """Wait until these keys may send. Return the bound that was met, if any."""
        pause_s = max(0.0, self._not_before_s.get(keys, 0.0) - self.clock.now())
        is_long = pause_s > self.longest_pause_s
        if self._is_cleaning:
            if not self.left_s:
                return "the time of the clean-up is over"
            pause_s = 0.0 if is_long or pause_s > self.left_s else pause_s
        elif self._sent + self.reserve() >= self.max_requests:
            self.spent = f"the budget of {self.max_requests} requests is spent"
        elif pause_s >= self.left_s:
            self.spent = "the minutes are spent"
        elif is_long:
            self.spent = f"the rate limit is used up for {pause_s:.0f} s"
            self.is_planned = False
        if self.spent and not self._is_cleaning:
            return self.spent
        self.clock.sleep(pause_s)
        self._sent += 1
        return ""

    def note(self, keys: tuple[str, ...], response: Response) -> None:
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


class Waits(TypedDict, total=False):
    """Options for the waits of a run or a sweep.

    `on_wait` is called with the seconds of a wait. `unconfirmed_s` is waited for
    creates without an answer.
    """

    longest_pause_s: float
    unconfirmed_s: float
    on_wait: Callable[[float], object]
    clock: Clock | None


def budget_of(options: Mapping[str, Any]) -> Budget:
    """Return the budget that the options of a run or of a sweep allow."""
    return Budget(
        options.get("clock") or Clock(),
        options.get("max_requests") or inf,
        options.get("max_minutes") or inf,
        options.get("longest_pause_s", LONGEST_PAUSE_S),
        options.get("on_wait", lambda seconds: None),
    )


def paced(
    connection: HttpConnection, budget: Budget, spec: Spec
) -> Callable[[str, str, Headers, bytes], Response]:
    """Return a function that sends a request once it may be sent."""
    auth_headers = {name.lower() for name in spec.auth_headers}

    def send(method: str, target: str, headers: Headers, body: bytes) -> Response:
        keys = tuple(v for name, v in headers if name.lower() in auth_headers)
        if bound := budget.admit(keys):
            raise NoResponseError(BUDGET_SPENT, bound)
        try:
            response = connection.send(method, target, headers, body)
        except OSError as error:  # a proxy whose name does not resolve
            raise NoResponseError("no connection", str(error)) from None
        budget.note(keys, response)
        return response

    return send


@contextmanager
def connect(
    target: str,
    keys: Mapping[Owner, KeyPair],
    run_id: str,
    budget: Budget,
    options: Mapping[str, Any],
    headers: Headers = (),
) -> Iterator[Resource]:
    """Connect to a site or a URL. Nothing is sent again without the budget.

    `options` may have `timeout_s`, `max_rate` and files for TLS.
    """
    spec = load()
    url = spec.url(target) if target in spec.sites else target
    with HttpConnection(
        url,
        timeout_s=options.get("timeout_s", 5.0),
        may_resend=False,
        **tls_files(options),
    ) as connection:
        transport = Transport(
            connection.origin,
            paced(connection, budget, spec),
            budget.longest_pause_s,
            budget.clock,
            inf,
            notes=connection.notes,
            renew=connection.close,
            interval_s=interval_of(options.get("max_rate")),
        )
        yield Resource(
            transport,
            spec,
            keys,
            run_id,
            connection.prefix,
            headers,
            pauses_s=PAUSES_S,
        )
