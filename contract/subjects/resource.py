"""Snapshots of a service: the requests of the four operations."""

import json
import secrets
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contract.cases.placeholders import (
    OWN,
    HeaderValues,
    KeyPair,
    key_values,
    random_text,
)
from contract.endpoint import (
    CREATE,
    DELETE,
    LIST,
    VIEW_ATTRIBUTE,
    list_query,
)
from contract.model import (
    Composite,
    Headers,
    Json,
    KeyVariant,
    Listing,
    Operation,
    Owner,
    Placeholder,
    Request,
    ServiceCase,
    ServiceCredential,
    SnapshotRef,
    SnapshotState,
    ViewName,
)
from contract.servers import Clock
from contract.spec import Spec, load
from contract.subjects.http import HttpConnection
from contract.subjects.pages import Pages, read_pages
from contract.subjects.transfer import Transfer, Transport, interval_of

PATIENCE_S = 90.0
"""Seconds that a request may wait for a rate limit."""

MAX_SILENCES = 4

SIBLINGS = {Operation.CREATE: CREATE, Operation.LIST: LIST, Operation.DELETE: DELETE}

INVALID = (400, 409, 413, 422)
"""Statuses of a body that a service does not take (overlay; RFC 9110, 15.5)."""

WRONG_KEYS = (
    "c0ffee00c0ffee00c0ffee00c0ffee00",
    "decafbaddecafbaddecafbaddecafbaddecafbad",
)


@dataclass(frozen=True)
class Resource:
    """Snapshots at a service, by the operations of the API.

    `view` is the view name of all snapshots of the run. `ids` are the real ids of
    placeholders, `random_values` the values that were made up for others. `prefix` is a
    path in front of all paths. `headers` are sent with every request. `pauses_s` are
    the pauses of `perform` before it tries again. `list_requests` are the same for all
    of a run. `is_loopback` says that the service is on this machine.
    """

    transport: Transport
    spec: Spec = field(repr=False)
    keys: Mapping[Owner, KeyPair] = field(repr=False)
    view: str
    prefix: str
    headers: Headers
    ids: dict[Placeholder, str] = field(default_factory=dict)
    random_values: dict[Placeholder, str] = field(default_factory=dict)
    pauses_s: Sequence[float] = ()
    list_requests: dict[Owner, Request] = field(default_factory=dict, repr=False)
    is_loopback: bool = False

    def perform(
        self,
        operation: Operation,
        owner: Owner,
        snapshot_id: str = "",
        body: Json = None,
    ) -> Transfer:
        case = owner_case(operation, owner, snapshot_id=(snapshot_id,), body=body)
        return self.transport.send(self.request(case), self.pauses_s)

    def create_request(self, owner: Owner, body: Json) -> Request:
        return self.request(owner_case(Operation.CREATE, owner, body=body))

    def key_values(self, credential: ServiceCredential) -> HeaderValues:
        own, other = self.keys[Owner.OWN], self.keys.get(Owner.OTHER, ("", ""))
        if credential.owner is Owner.OTHER:
            own, other = other, own
        return key_values(credential.variant, own, other, WRONG_KEYS)

    def request(self, case: ServiceCase) -> Request:
        """Return the request of a case, with every placeholder replaced."""
        override = case.override
        body = self._body(case)
        is_lower = case.credential.variant is KeyVariant.LOWER_CASE_NAMES
        values = self.key_values(case.credential)
        headers = [
            (name.lower() if is_lower else name, key)
            for name, keys in zip(self.spec.auth_headers, values, strict=True)
            for key in keys
        ]
        if (body or override.body is not None) and override.content_type is not None:
            headers.append(("Content-Type", override.content_type))
        if not any(name.lower() == "accept" for name, _ in override.headers):
            headers.append(("Accept", "application/json"))
        headers.append(("Accept-Encoding", "identity"))
        return Request(
            override.method or SIBLINGS.get(case.operation, self.spec).method,
            self.prefix + self._path(case),
            (*headers, *override.headers, *self.headers),
            body,
        )

    def _path(self, case: ServiceCase) -> str:
        if case.override.path is not None:
            return self.resolved(case.override.path)
        if case.operation in (Operation.UPDATE, Operation.DELETE):
            return self.spec.path_of(self.resolved(case.snapshot_id))
        query = f"?{list_query(self.view)}" if case.operation is Operation.LIST else ""
        return self.spec.collection_path + query

    def _body(self, case: ServiceCase) -> bytes:
        if case.override.body is not None:
            return b"".join(
                part if isinstance(part, bytes) else self.resolved((part,)).encode()
                for part in case.override.body
            )
        if case.operation in (Operation.LIST, Operation.DELETE):
            return b""
        text = json.dumps(
            case.body, ensure_ascii=False, separators=(",", ":"), default=self._name_of
        )
        return text.encode(errors="surrogatepass")

    def _name_of(self, value: Placeholder | Composite | ViewName) -> str:
        if isinstance(value, ViewName):
            return self.view
        parts = value.parts if isinstance(value, Composite) else (value,)
        return self.resolved(parts)

    def resolved(self, reference: SnapshotRef) -> str:
        return "".join(
            part if isinstance(part, str) else self.value_of(part) for part in reference
        )

    def value_of(self, placeholder: Placeholder) -> str:
        """Return the value of a placeholder. A random one is made up once."""
        state = placeholder.state
        if state is SnapshotState.CUT:
            return self.ids.get(OWN, "")[:-1]
        if not state.is_random:
            return self.ids.get(placeholder) or str(placeholder)
        if placeholder not in self.random_values:
            self.random_values[placeholder] = random_text(state)
        return self.random_values[placeholder]

    def list_rows(self, owner: Owner, created: Container[str] = ()) -> Pages:
        if owner not in self.list_requests:
            case = owner_case(Operation.LIST, owner)
            self.list_requests[owner] = self.request(case)
        first = self.list_requests[owner]

        def send(target: str) -> Transfer:
            page = first if target == first.url else replace(first, url=target)
            return self.transport.send(page, self.pauses_s)

        return read_pages(
            send,
            first.url,
            self.transport.origin,
            lambda rows: self.own_rows(rows, created),
        )

    def own_rows(self, rows: list[Json], created: Container[str]) -> Listing:
        return {
            snapshot_id: snapshot
            for snapshot in rows
            if (snapshot_id := id_of(snapshot))
            and (
                snapshot_id in created
                or member(snapshot, "attributes", VIEW_ATTRIBUTE) == self.view
            )
        }


def owner_case(operation: Operation, owner: Owner, **details: Any) -> ServiceCase:
    credential = ServiceCredential(owner)
    return ServiceCase(operation=operation, credential=credential, **details)


def member(value: Json, *names: str) -> Any:
    """Return a member of an object, or None. More names lead further down."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def id_of(snapshot: Json) -> str:
    """Return the id of a snapshot as a text, or an empty string."""
    snapshot_id = member(snapshot, "id")
    return str(snapshot_id) if type(snapshot_id) in (str, int) else ""


def resource_at(
    connection: HttpConnection,
    keys: Mapping[Owner, KeyPair],
    headers: Headers,
    is_loopback: bool,
    clock: Clock,
    max_rate: float | None,
) -> Resource:
    """Return the snapshots behind a connection, with a view name of their own."""
    transport = Transport(
        connection.origin,
        connection.send,
        PATIENCE_S,
        clock,
        MAX_SILENCES,
        notes=connection.notes,
        renew=connection.renew if is_loopback else connection.close,
        interval_s=interval_of(max_rate),
    )
    view, prefix = f"contract-{secrets.token_hex(6)}", connection.prefix
    return Resource(
        transport, load(), keys, view, prefix, headers, is_loopback=is_loopback
    )
