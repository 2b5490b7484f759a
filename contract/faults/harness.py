"""The minimal client and the sandbox, each with a mutation.

An edit is a function from a JSON value to the one in its place. A place is the name of
an attribute or a JSON pointer. A decorator makes a factory of mutations:

    @replaces("apply")
    def store(name, edit, step): ...

`store("event_id", str.strip)` is a mutation. It gets `step` at each call.
"""

import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

from contract.client import URL, SnapshotClient
from contract.jsondiff import value_at
from contract.model import ClientCase, Json, Outcome, OutcomeKind, Response
from contract.sandbox import Sandbox
from contract.servers import Clock
from contract.subjects.in_process import MinimalClientAdapter

M = TypeVar("M")

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""

UNSENDABLE = dict.fromkeys(map(ord, "\r\n\0"))

CasePredicate: TypeAlias = Callable[[ClientCase], object]
Edit: TypeAlias = Callable[[Any], Any]

ATTRIBUTES = "/data/attributes"
FLAG = "is_device_type_selected_by_user"
REMOVED = object()
"""Result of an edit that removes a member."""


def factory(
    make: Callable[..., M], name: str
) -> Callable[[Callable[..., Any]], Callable[..., M]]:
    """Return a decorator. The decorated function becomes a factory.

    Its arguments are bound and stored in the field `name`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., M]:
        def make_mutation(*args: Any, **options: Any) -> M:
            return make(**{name: partial(function, *args, **options)})

        return make_mutation

    return decorate


# -- edits --


def pointer_to(place: str) -> str:
    """Return the JSON pointer of a place."""
    return place if place[:1] in ("", "/") else f"{ATTRIBUTES}/{place}"


def edited(value: Json, place: str, edit: Edit) -> Json:
    """Edit in place what a value has at a place. Return the value."""
    parent, separator, name = pointer_to(place).rpartition("/")
    if not separator:
        return edit(value)
    members = value_at(value, parent)
    if isinstance(members, dict) and name in members:
        members[name] = edit(members[name])
        if members[name] is REMOVED:
            del members[name]
    return value


def remove(_: Json) -> object:
    """Remove any value."""
    return REMOVED


def remove_empty(text: str) -> object:
    """Remove an empty text."""
    return text or REMOVED


def as_double(number: Any) -> Any:
    """Return a number as a double holds it, if one does."""
    try:
        return int(float(number))
    except OverflowError:
        return number


# -- clients --


@dataclass(frozen=True)
class ClientMutation:
    """Changes of the minimal client.

    `case` alters what the caller asks for, `request` what is sent, `outcome` what the
    caller gets. `response` alters what came, before it is read. `careless` replaces the
    client where it returns an outcome. `transport` replaces its transport over https.
    `scenarios` show the mutation on the fake sites. Without any, it shows on the mocked
    sites.
    """

    case: Callable[[ClientCase], ClientCase] = lambda case: case
    request: Callable[[Any], object] | None = None
    response: Callable[[Any], object] | None = None
    outcome: Callable[[Outcome, ClientCase, str], Outcome] = lambda outcome, *_: outcome
    careless: Callable[[ClientCase, str], Outcome | None] = lambda *_: None
    transport: Callable[[], HTTPAdapter] | None = None
    scenarios: tuple[str, ...] = ()


alters = partial(factory, ClientMutation)
"""Decorator: let a function make mutations of a field."""


@alters("careless")
def send_raw(
    is_used: CasePredicate,
    case: ClientCase,
    site: str,
    *,
    follows_redirects: bool = False,
    retried: tuple[int, ...] = (),
) -> Outcome | None:
    """Send the call with `requests` directly, without the client's checks.

    It is repeated after the statuses `retried`, up to 20 times.
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
                URL.format(site=site, snapshot_id=snapshot_id),
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
    return Outcome(OutcomeKind.API_ERROR, status=status, errors=tuple(map(str, texts)))


@alters("outcome")
def false_success(
    is_used: CasePredicate, outcome: Outcome, case: ClientCase, *_: Any
) -> Outcome:
    """Report a success in some cases."""
    return Outcome(OutcomeKind.SNAPSHOT, snapshot={}) if is_used(case) else outcome


def first(case: ClientCase) -> Response:
    """Return the first scripted response."""
    return case.responses[0]


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
        if self.mutation.request or self.mutation.response:
            client._adapter = MutatingTransport(self.mutation)
        if transport := self.mutation.transport:
            client._adapter = transport()
        return client


# -- transports --


class MutatingTransport(HTTPAdapter):
    """Alters each request before it is sent, each response before it is read."""

    def __init__(self, mutation: ClientMutation) -> None:
        super().__init__()
        self._mutation = mutation

    def send(self, request: Any, *args: Any, **settings: Any) -> requests.Response:
        if self._mutation.request:
            self._mutation.request(request)
        response = super().send(request, *args, **settings)
        if self._mutation.response:
            self._mutation.response(response)
        return response


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
    """Return a transport that accepts certificates of any date."""
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


# -- sandboxes --


@dataclass
class Step:
    """One call of a replaced method."""

    sandbox: "MutableSandbox"
    original: Callable[..., Any]
    args: tuple[Any, ...]
    memory: dict[Any, Any]

    def proceed(self, *args: Any) -> Any:
        """Call the original method, with the same arguments or with others."""
        return self.original(*(args or self.args))


SandboxMutation: TypeAlias = dict[str, Callable[[Step], Any]]
"""Replacements for methods of the sandbox by name."""


replaces = partial(factory, SandboxMutation)
"""Decorator: let a function make mutations of a method."""


class MutableSandbox(Sandbox):
    """The sandbox with a mutation. A reply may hold bytes that are no JSON."""

    def __init__(self, mutation: SandboxMutation, **settings: Any) -> None:
        rate_limit = (100, 60.0) if "count" in mutation else None
        super().__init__(**{"rate_limit": rate_limit} | settings)
        self.memory: dict[Any, Any] = {}
        for name, mutator in mutation.items():
            setattr(self, name, partial(self._play, mutator, getattr(self, name)))

    def encode(self, value: Json) -> bytes:
        return value if isinstance(value, bytes) else super().encode(value)

    def _play(self, mutator: Callable[[Step], Any], original: Any, *args: Any) -> Any:
        return mutator(Step(self, original, args, self.memory))
