"""Snapshots of a service: requests of the four operations, readers of responses."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.cases.placeholders import HeaderValues, KeyPair, key_values
from contract.clauses.bodies import parse
from contract.endpoint import CREATE, DELETE, LIST, VIEW_ATTRIBUTE, list_query
from contract.model import (
    Headers,
    Json,
    KeyVariant,
    Operation,
    Owner,
    Placeholder,
    Request,
    Response,
    ServiceCase,
    ServiceCredential,
    SnapshotRef,
    ViewName,
)
from contract.spec import Spec
from contract.subjects.transport import Transfer, Transport

SIBLINGS = {Operation.CREATE: CREATE, Operation.LIST: LIST, Operation.DELETE: DELETE}

WRONG_KEYS = (
    "c0ffee00c0ffee00c0ffee00c0ffee00",
    "decafbaddecafbaddecafbaddecafbaddecafbad",
)


@dataclass(frozen=True)
class Resource:
    """Snapshots at a service, by the operations of the API.

    `view` is the view name of all snapshots of the run, `ids` the real ids of
    placeholders, `prefix` a path in front of all paths. `headers` are sent with every
    request. `pauses_s` are the pauses of `perform` before it tries again.
    """

    transport: Transport
    spec: Spec = field(repr=False)
    keys: Mapping[Owner, KeyPair] = field(repr=False)
    view: str
    prefix: str = ""
    headers: Headers = ()
    ids: dict[Placeholder, str] = field(default_factory=dict)
    pauses_s: Sequence[float] = ()

    def perform(
        self,
        operation: Operation,
        owner: Owner,
        snapshot_id: str = "",
        body: Json = None,
    ) -> Transfer:
        """Create, update or delete a snapshot, or list those of the view."""
        case = ServiceCase(
            operation=operation,
            credential=ServiceCredential(owner),
            snapshot_id=(snapshot_id,),
            body=body,
        )
        return self.transport.send(self.request(case), self.pauses_s)

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
            case.body,
            ensure_ascii=False,
            separators=(",", ":"),
            default=self._real_name,
        )
        return text.encode(errors="surrogatepass")

    def _real_name(self, value: Placeholder | ViewName) -> str:
        return self.view if isinstance(value, ViewName) else self.resolved((value,))

    def resolved(self, reference: SnapshotRef) -> str:
        """Return a snapshot id or a path with the real ids."""
        return "".join(
            part if isinstance(part, str) else self.ids.get(part, str(part))
            for part in reference
        )

    def listed(
        self, response: Response | None, created: Container[str] = ()
    ) -> dict[str, Json] | None:
        """Return the listed snapshots of the run by id, or None if there is no list."""
        if response is None or response.status != LIST.success_status:
            return None
        snapshots = member(json_of(response), "data")
        if not isinstance(snapshots, list):
            return None
        return {
            snapshot_id: snapshot
            for snapshot in snapshots
            if (snapshot_id := id_of(snapshot))
            and (
                snapshot_id in created
                or member(snapshot, "attributes", VIEW_ATTRIBUTE) == self.view
            )
        }


def member(value: Json, *names: str) -> Any:
    """Return a member of an object, or None. More names lead further down."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def json_of(response: Response | None) -> Json:
    """Return the JSON value of a response, or None."""
    return parse(response.body).value if response is not None else None


def id_of(snapshot: Json) -> str:
    """Return the id of a snapshot as text, or an empty string."""
    snapshot_id = member(snapshot, "id")
    return str(snapshot_id) if type(snapshot_id) in (str, int) else ""
