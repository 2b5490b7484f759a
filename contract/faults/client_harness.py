"""The minimal client with a fault: its input, requests or outcomes are altered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from contract.client import SnapshotClient
from contract.faults.factory import factory
from contract.faults.transports import MutatingTransport
from contract.model import ClientCase, Outcome, OutcomeKind
from contract.servers import Clock
from contract.subjects.in_process import MinimalClientAdapter

URL = "https://api.{site}/api/v2/replay/heatmap/snapshots/{id}"
UNSENDABLE = dict.fromkeys(map(ord, "\r\n\0"))

CasePredicate: TypeAlias = Callable[[ClientCase], object]


@dataclass(frozen=True)
class ClientMutation:
    """Changes of the minimal client.

    `case` alters what the caller asks for, `request` what is sent, `outcome` what the
    caller gets. `careless` replaces the client where it returns an outcome. `transport`
    replaces its transport over https. `scenarios` show the mutation on the fake sites.
    Without any, it shows on the mocked sites.
    """

    case: Callable[[ClientCase], ClientCase] = lambda case: case
    request: Callable[[Any], object] | None = None
    outcome: Callable[[Outcome, ClientCase, str], Outcome] = lambda outcome, *_: outcome
    careless: Callable[[ClientCase, str], Outcome | None] = lambda *_: None
    transport: Callable[[], HTTPAdapter] | None = None
    scenarios: tuple[str, ...] = ()


alters = factory(ClientMutation)
"""Decorator: let a function make mutations of a field."""


@alters("careless")
def careless(
    is_used: CasePredicate,
    case: ClientCase,
    site: str,
    *,
    follows_redirects: bool = False,
    retried: tuple[int, ...] = (),
) -> Outcome | None:
    """Make a hasty script's call in some cases: no check, no forbidden character.

    It sends a request again after the statuses `retried`, up to 20 times.
    """
    if not is_used(case):
        return None
    credential = case.credential
    headers = {
        "DD-API-KEY": credential.api_key.translate(UNSENDABLE),
        "DD-APPLICATION-KEY": credential.app_key.translate(UNSENDABLE),
        "Accept": "application/json",
    }
    snapshot_id = quote(case.snapshot_id, safe="", errors="replace")
    try:
        for _ in range(20):
            response = requests.patch(
                URL.format(site=site, id=snapshot_id),
                json=case.body,
                headers=headers,
                timeout=case.timeout_s,
                allow_redirects=follows_redirects,
            )
            if response.status_code not in retried:
                break
        value = response.json()
    except requests.JSONDecodeError:
        return Outcome(OutcomeKind.BROKEN_ANSWER, message="no JSON")
    except (requests.RequestException, ValueError) as error:
        return Outcome(OutcomeKind.FAILED, message=type(error).__name__)
    status = response.status_code
    if status < 300:
        return Outcome(OutcomeKind.SNAPSHOT, snapshot=value)
    texts = value.get("errors", []) if isinstance(value, dict) else []
    errors = tuple(map(str, texts))
    return Outcome(OutcomeKind.API_ERROR, status=status, errors=errors)


class FaultyClient:
    """The minimal client with a mutation, as an adapter."""

    def __init__(self, mutation: ClientMutation, clock: Clock) -> None:
        self.mutation = mutation
        self._minimal = MinimalClientAdapter(self._new_client, clock)

    def update(self, case: ClientCase, site: str) -> Outcome:
        mutation = self.mutation
        mutated = mutation.case(case)
        outcome = mutation.careless(mutated, site)
        outcome = outcome or self._minimal.update(mutated, site)
        return mutation.outcome(outcome, case, site)

    def _new_client(self, **settings: Any) -> SnapshotClient:
        client = SnapshotClient(**settings)
        if request := self.mutation.request:
            client._session.mount("https://", MutatingTransport(request))
        if transport := self.mutation.transport:
            client._session.mount("https://", transport())
        return client
