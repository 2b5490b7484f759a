"""The minimal client with a fault: its input, requests or outcomes are altered."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from contract.client import SnapshotClient
from contract.faults.factory import factory
from contract.faults.transports import MutatingTransport
from contract.model import ClientCase, Outcome, OutcomeKind
from contract.servers.clock import Clock
from contract.subjects.in_process import MinimalClientAdapter

URL = "https://api.{site}/api/v2/replay/heatmap/snapshots/{id}"
UNSENDABLE = dict.fromkeys(map(ord, "\r\n\0"))

CasePredicate: TypeAlias = Callable[[ClientCase], object]


@dataclass(frozen=True)
class Careless:
    """A hasty script's call in some cases: no check, no character that HTTP forbids.

    It sends a request again after the statuses `retried`, up to 20 times.
    """

    is_used: CasePredicate
    follows_redirects: bool = False
    retried: tuple[int, ...] = ()

    def update(self, case: ClientCase, site: str) -> Outcome:
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
                    allow_redirects=self.follows_redirects,
                )
                if response.status_code not in self.retried:
                    break
            value = response.json()
        except requests.JSONDecodeError:
            return Outcome(OutcomeKind.BROKEN_ANSWER, message="no JSON")
        except (requests.RequestException, ValueError) as error:
            return Outcome(OutcomeKind.FAILED, message=type(error).__name__)
        if response.status_code < 300:
            return Outcome(OutcomeKind.SNAPSHOT, snapshot=value)
        errors = value.get("errors", []) if isinstance(value, dict) else []
        return Outcome(
            OutcomeKind.API_ERROR,
            status=response.status_code,
            errors=tuple(map(str, errors)),
        )


@dataclass(frozen=True)
class ClientMutation:
    """Changes of the minimal client.

    `case` alters what the caller asks for, `request` what is sent, `outcome` what the
    caller gets. `careless` replaces the client in some cases, `transport` its transport
    over https. `scenarios` show the mutation on the fake sites. Without any, it shows
    on the mocked sites.
    """

    case: Callable[[ClientCase], ClientCase] = lambda case: case
    request: Callable[[Any], object] | None = None
    outcome: Callable[[Outcome, ClientCase, str], Outcome] = lambda outcome, *_: outcome
    careless: Careless | None = None
    transport: Callable[[], HTTPAdapter] | None = None
    scenarios: tuple[str, ...] = ()


alters = factory(ClientMutation)
"""Decorator: let a function make mutations of a field."""


def careless(is_used: CasePredicate, **options: Any) -> ClientMutation:
    """Call without any check in some cases."""
    return ClientMutation(careless=Careless(is_used, **options))


class FaultyClient:
    """The minimal client with a mutation, as an adapter."""

    def __init__(self, mutation: ClientMutation, clock: Clock) -> None:
        self.mutation = mutation
        self._minimal = MinimalClientAdapter(self._new_client, clock)

    def update(self, case: ClientCase, site: str) -> Outcome:
        mutation, update = self.mutation, self._minimal.update
        if mutation.careless and mutation.careless.is_used(case):
            update = mutation.careless.update
        return mutation.outcome(update(mutation.case(case), site), case, site)

    def _new_client(self, **settings: Any) -> SnapshotClient:
        client = SnapshotClient(**settings)
        request, transport = self.mutation.request, self.mutation.transport
        if request is not None:
            transport = partial(MutatingTransport, request)
        if transport is not None:
            client._session.mount("https://", transport())
        return client
