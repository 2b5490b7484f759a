"""The minimal client with a fault: its input, requests or outcomes are altered."""

import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

from contract.client import SnapshotClient
from contract.faults.edits import factory
from contract.model import ClientCase, Outcome, OutcomeKind
from contract.servers.clock import Clock
from contract.subjects.in_process import MinimalClientAdapter

URL = "https://api.{site}/api/v2/replay/heatmap/snapshots/{id}"
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""

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


alters = partial(factory, ClientMutation)
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
    headers = {
        "DD-API-KEY": case.credential.api_key.translate(UNSENDABLE),
        "DD-APPLICATION-KEY": case.credential.app_key.translate(UNSENDABLE),
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
        mutated = self.mutation.case(case)
        outcome = self.mutation.careless(mutated, site)
        outcome = outcome or self._minimal.update(mutated, site)
        return self.mutation.outcome(outcome, case, site)

    def _new_client(self, **settings: Any) -> SnapshotClient:
        client = SnapshotClient(**settings)
        if request := self.mutation.request:
            client._session.mount("https://", MutatingTransport(request))
        if transport := self.mutation.transport:
            client._session.mount("https://", transport())
        return client


# -- transports --


class MutatingTransport(HTTPAdapter):
    """Alters each request just before it is sent."""

    def __init__(self, mutate: Callable[[Any], object]) -> None:
        super().__init__()
        self._mutate = mutate

    def send(self, request: Any, *args: Any, **settings: Any) -> requests.Response:
        self._mutate(request)
        return super().send(request, *args, **settings)


class AnyAuthority(HTTPAdapter):
    """Verifies nothing."""

    def send(self, *args: Any, **settings: Any) -> requests.Response:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            return super().send(*args, **settings | {"verify": False})


class Lenient(HTTPAdapter):
    """Connects with other TLS settings of urllib3."""

    def __init__(self, **tls: Any) -> None:
        super().__init__()
        self._tls = tls

    def build_connection_pool_key_attributes(self, *args: Any) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(*args)
        return host, pool | self._tls


def any_date() -> Lenient:
    context = ssl.create_default_context()
    context.verify_flags |= NO_CHECK_TIME
    return Lenient(ssl_context=context)


class PlainInstead(HTTPAdapter):
    """Tries plain http if TLS fails."""

    def send(self, request: Any, *args: Any, **settings: Any) -> requests.Response:
        try:
            return super().send(request, *args, **settings)
        except requests.ConnectionError:
            request.url = request.url.replace("https://", "http://", 1)
            return super().send(request, *args, **settings)
