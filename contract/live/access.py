"""Access to a live site: keys, organization, budget and pace of requests."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf

from contract.cases.placeholders import KeyPair
from contract.endpoint import ORG_ATTRIBUTE, remaining_requests, reset_seconds
from contract.engine.selection import keys_from_environment
from contract.errors import SubjectError, UsageError
from contract.model import Headers, Owner, Response
from contract.redaction import KEY_VARIABLES, OTHER_KEY_VARIABLES, refuse_weak_keys
from contract.servers import Clock
from contract.spec import load
from contract.subjects.http import HttpConnection, NoResponseError
from contract.subjects.resource import Resource, ResourceSession, json_of, member
from contract.subjects.transfer import BUDGET_SPENT, Transport

ORG_VARIABLES = {
    Owner.OWN: "CONTRACT_SANDBOX_ORG_ID",
    Owner.OTHER: "CONTRACT_OTHER_ORG_ID",
}


def keys_of_environment() -> dict[Owner, KeyPair]:
    """Return the keys of one or two organizations. Raises UsageError without any."""
    own = keys_from_environment(KEY_VARIABLES)
    other = keys_from_environment(OTHER_KEY_VARIABLES)
    if own is None:
        raise UsageError(f"no keys: set {' and '.join(KEY_VARIABLES)}")
    refuse_weak_keys(own, other)
    return {Owner.OWN: own} | ({Owner.OTHER: other} if other else {})


def org_ids_of(owners: Iterable[Owner]) -> dict[Owner, int]:
    """Return the ids of the sandbox organizations. Raises UsageError."""
    org_ids: dict[Owner, int] = {}
    for owner in owners:
        variable = ORG_VARIABLES[owner]
        text = os.environ.get(variable, "")
        if not re.fullmatch("[0-9]{1,18}", text):
            right = "the org_id of a sandbox organization, a number"
            message = f"{variable}: must be {right}, has {len(text)} characters"
            raise UsageError(message)
        if int(text) in org_ids.values():
            right = f"another organization than {ORG_VARIABLES[Owner.OWN]}"
            raise UsageError(f"{variable}: must be {right}")
        org_ids[owner] = int(text)
    return org_ids


def verify_organization(
    org_ids: Mapping[Owner, int],
    session: ResourceSession,
    owner: Owner,
    response: Response | None,
    snapshot_id: str,
) -> None:
    """Raise SubjectError unless a new snapshot names its organization."""
    place = "attributes", ORG_ATTRIBUTE
    org_id = member(json_of(response), "data", *place)
    if org_id is None:
        listing = session.listing([owner]) or {}
        org_id = member(listing.get(snapshot_id), *place)
    if str(org_id) != str(org_ids[owner]):
        raise SubjectError(
            f"these keys open another organization than {ORG_VARIABLES[owner]} says: "
            "a snapshot that was created to find out does not have that org_id; "
            "nothing was updated"
        )


# -- budget and pace --

MARGIN_S = 0.05
DEFAULT_WAIT_S = 1

PATIENCE_S = 600.0
"""Seconds that a request may wait for a rate limit."""

PAUSES_S = (1.0, 2.0, 4.0)

SLOW_BELOW = 10
"""With so many requests left, the rest of a period is shared among them."""


class Budget:
    """Number of requests that may be sent, one at a time, and their times.

    The bounds hold while there is a `reserve`, which returns the number of requests to
    hold back. `spent` says which bound was met, else it is empty.
    """

    def __init__(
        self, clock: Clock, max_requests: float = inf, max_minutes: float = inf
    ) -> None:
        self.clock = clock
        self.reserve: Callable[[], int] | None = None
        self.spent = ""
        self._max_requests = max_requests
        self._end_s = clock.now() + 60 * max_minutes
        self._sent = 0
        self._not_before_s: dict[tuple[str, ...], float] = {}

    def admit(self, keys: tuple[str, ...]) -> bool:
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


class PacedConnection:
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


@contextmanager
def connect(
    site: str,
    keys: Mapping[Owner, KeyPair],
    run_id: str,
    budget: Budget,
    ca_file: str | None,
    timeout_s: float = 5.0,
) -> Iterator[Resource]:
    """Connect to a site for a run. No request is sent again without the budget."""
    spec = load()
    with HttpConnection(
        spec.url(site), timeout_s=timeout_s, ca_file=ca_file, may_resend=False
    ) as connection:
        paced = PacedConnection(connection, budget, spec.auth_headers)
        transport = Transport(
            connection.origin,
            paced.send,
            PATIENCE_S,
            budget.clock,
            inf,
            notes=connection.notes,
        )
        yield Resource(transport, spec, keys, run_id, pauses_s=PAUSES_S)
