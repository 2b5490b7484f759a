"""Snapshots of a service: requests of the four operations, and what one run knows."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from contract.cases.placeholders import (
    OWN,
    HeaderValues,
    KeyPair,
    key_values,
    random_text,
)
from contract.cases.plain import PlainUpdate, creation_body, required_only
from contract.clauses.base import parse
from contract.endpoint import (
    CREATE,
    DELETE,
    LIST,
    MODIFIED_ATTRIBUTE,
    VIEW_ATTRIBUTE,
    list_query,
)
from contract.jsondiff import is_older
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
    Response,
    ServiceCase,
    ServiceCredential,
    SnapshotRef,
    SnapshotState,
    ViewName,
)
from contract.spec import Spec
from contract.subjects.pages import Pages, next_link, read_pages, rows_in
from contract.subjects.settling import Doubt, DoubtsOf, Reading, SettlingReader
from contract.subjects.transfer import Transfer, Transport

CONTROL = Placeholder(Owner.OWN, 3)
"""The snapshot that shows whether a list is up to date."""

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

    `view` is the view name of all snapshots of the run, `ids` the real ids of
    placeholders, `prefix` a path in front of all paths. `headers` are sent with every
    request. `pauses_s` are the pauses of `perform` before it tries again. `is_loopback`
    says that the service is on this machine.
    """

    transport: Transport
    spec: Spec = field(repr=False)
    keys: Mapping[Owner, KeyPair] = field(repr=False)
    view: str
    prefix: str = ""
    headers: Headers = ()
    ids: dict[Placeholder, str] = field(default_factory=dict)
    pauses_s: Sequence[float] = ()
    is_loopback: bool = False

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
            case.body, ensure_ascii=False, separators=(",", ":"), default=self._name_of
        )
        return text.encode(errors="surrogatepass")

    def _name_of(self, value: Placeholder | Composite | ViewName) -> str:
        if isinstance(value, ViewName):
            return self.view
        parts = value.parts if isinstance(value, Composite) else (value,)
        return self.resolved(parts)

    def resolved(self, reference: SnapshotRef) -> str:
        """Return a snapshot id or a path with the real ids."""
        return "".join(
            part if isinstance(part, str) else self.value_of(part) for part in reference
        )

    def value_of(self, placeholder: Placeholder) -> str:
        """Return the value of a placeholder. A random one is made up once."""
        state = placeholder.state
        if state is SnapshotState.CUT:
            return self.ids.get(OWN, "")[:-1]
        if state.is_random and placeholder not in self.ids:
            self.ids[placeholder] = random_text(state)
        return self.ids.get(placeholder, str(placeholder))

    def list_rows(self, owner: Owner, created: Container[str] = ()) -> Pages:
        """List the snapshots of the run, all pages."""
        case = ServiceCase(
            operation=Operation.LIST, credential=ServiceCredential(owner)
        )
        request = self.request(case)

        def send(target: str) -> Transfer:
            return self.transport.send(replace(request, url=target), self.pauses_s)

        own_rows = partial(self.own_rows, created=created)
        return read_pages(send, request.url, self.transport.origin, own_rows)

    def own_rows(self, rows: list[Json], created: Container[str] = ()) -> Listing:
        """Return the snapshots of the run by id."""
        return {
            snapshot_id: snapshot
            for snapshot in rows
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
    snapshot_id = member(snapshot, "id")
    return str(snapshot_id) if type(snapshot_id) in (str, int) else ""


class CreationLog:
    """Log of the snapshots that a run creates and removes. This one keeps nothing."""

    def before_create(self, owner: Owner) -> None: ...

    def created(self, owner: Owner, snapshot_id: str) -> None: ...

    def removed(self, snapshot_id: str) -> None: ...


class ResourceSession:
    """Snapshots of one run, and their listings as they settled.

    `created` has the owner of each snapshot that exists, in the order of creation.
    `is_unsure` says that a snapshot without a known id may exist, `is_create_strict`
    that create takes its required attributes only. `plain` is the plainest update that
    the service takes. `list_problem` says why there are no listings. `list_failure` is
    the last attempt to list, if it failed. `has_others` says that a list showed
    snapshots of others, or has more pages.
    """

    def __init__(
        self,
        resource: Resource,
        log: CreationLog,
        reader: SettlingReader | None = None,
    ) -> None:
        self.resource = resource
        self.ids = resource.ids
        self.reader = reader or SettlingReader()
        if not resource.is_loopback:
            self.reader.shows_later = self._shows_later
        self.created: dict[str, Owner] = {}
        self.is_unsure = False
        self.is_create_strict = False
        self.plain = PlainUpdate()
        self.list_problem = ""
        self.list_failure: Transfer | None = None
        self.has_others = False
        self._deleted: set[str] = set()
        self._modified: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._listings: dict[Owner, Listing] = {}
        self._log = log

    def create(self, placeholder: Placeholder) -> Transfer:
        """Create the snapshot of a placeholder. `ids` has its id if it worked."""
        view, owner = self.resource.view, placeholder.owner
        body = creation_body(placeholder, view, f"{view} {placeholder}")
        if self.is_create_strict:
            body = required_only(body)
        self._log.before_create(owner)
        transfer = self.resource.perform(Operation.CREATE, owner, body=body)
        self.forget_listings()
        if transfer.outcome.status in INVALID and not self.is_create_strict:
            self.is_create_strict = True
            return self.create(placeholder)
        self._adopt(placeholder, owner, transfer)
        return transfer

    def ids_of(self, placeholders: Iterable[Placeholder]) -> dict[Placeholder, str]:
        """Return the ids of all snapshots, and the random values of a case."""
        values = {p: self.resource.value_of(p) for p in placeholders}
        ids = {p: name for p, name in self.ids.items() if not p.state.is_random}
        return {p: v for p, v in values.items() if p in self.ids} | ids

    def adapted(self, case: ServiceCase) -> ServiceCase:
        """Return a case with the plain values that the service takes."""
        if case.operation is Operation.CREATE and self.is_create_strict:
            return replace(case, body=required_only(case.body))
        return self.plain.adapted(case, self.resource.spec)

    def delete(self, snapshot_id: str) -> Transfer:
        owner = self.created.get(snapshot_id, Owner.OWN)
        transfer = self.resource.perform(Operation.DELETE, owner, snapshot_id)
        self.forget_listings()
        if transfer.is_deletion:
            self._forget(snapshot_id)
        return transfer

    def send(self, case: ServiceCase) -> Transfer:
        """Send the requests of a case, and record what they created and deleted."""
        target, owner = case.target, case.credential.owner
        is_create = case.operation is Operation.CREATE
        if is_create and target in self.ids:
            self.delete(self.ids.pop(target))  # left over by a broken-off sequence
        request, transport = self.resource.request(case), self.resource.transport
        if is_create:
            self._log.before_create(owner)
            transfer = transport.send(request)
            self._adopt(target, owner, transfer)
            return transfer
        transfer = transport.send(request)
        for _ in range(case.repeat - 1):
            transfer += transport.send(request)
        is_delete = case.operation is Operation.DELETE and transfer.is_success
        if is_delete and target in self.ids and target.owner is owner:
            self.mark_deleted(target)
        return transfer

    def mark_deleted(self, placeholder: Placeholder) -> None:
        if placeholder.state is SnapshotState.PRESENT:
            snapshot_id = self.ids[placeholder.deleted()] = self.ids.pop(placeholder)
            self._forget(snapshot_id)
            self.forget_listings()

    def _adopt(
        self, placeholder: Placeholder | None, owner: Owner, transfer: Transfer
    ) -> None:
        for _, _, outcome in transfer:
            is_lost = outcome.type not in ("", "no connection")
            self.is_unsure |= is_lost or (outcome.status or 0) >= 500
        if placeholder is None or not transfer.is_success:
            return
        self.reader.note_acknowledged()
        snapshot_id = id_of(member(json_of(transfer.response), "data"))
        if not snapshot_id:  # then it is the listed snapshot that is not known yet
            snapshot_id = self._new_id(owner)
        if snapshot_id:
            self.created[snapshot_id] = owner
            self._log.created(owner, snapshot_id)
            self.ids[placeholder] = snapshot_id

    def _new_id(self, owner: Owner) -> str:
        def new_ids(listing: Listing) -> list[str]:
            return [item for item in listing if item not in self.created]

        missing = Doubt("no new snapshot is listed")
        reading = self.settle((owner,), lambda rows: () if new_ids(rows) else {missing})
        return next(iter(new_ids(reading.listing or {})), "")

    def _forget(self, snapshot_id: str) -> None:
        self.reader.note_acknowledged()
        self.created.pop(snapshot_id, None)
        self._deleted.add(snapshot_id)
        self._log.removed(snapshot_id)

    # -- listings --

    def listing(self, owners: Iterable[Owner]) -> Listing | None:
        """Return the listings of organizations as one, as they settled last.

        One that is not known is read first.
        """
        result: dict[str, Json] = {}
        for owner in owners:
            listing = self._listings.get(owner)
            if listing is None:
                self.reader.wait()
                listing = self.settle((owner,)).listing
            if listing is None:
                return None
            result.update(listing)
        return result

    def settle(
        self,
        owners: Iterable[Owner],
        doubts_of: DoubtsOf = lambda rows: set(),
        seen: Listing | None = None,
    ) -> Reading:
        """Read the listings of organizations until nothing in them is doubtful.

        They must show what was acknowledged. `seen` is a first reading.
        """
        names, first = tuple(owners), [seen] if seen is not None else []
        return self.reader.settle(
            lambda: first.pop() if first else self._read(names),
            lambda rows: {*doubts_of(rows), *self._gaps(names, rows)},
        )

    def _gaps(self, owners: Sequence[Owner], rows: Listing) -> Iterator[Doubt]:
        """Yield what was acknowledged and is not listed."""
        if any(owner in owners and n not in rows for n, owner in self.created.items()):
            yield Doubt("a new snapshot is not listed")
        if self._deleted & rows.keys():
            yield Doubt("a deleted snapshot is listed")
        for snapshot_id, row in rows.items():
            text = str(member(row, "attributes", MODIFIED_ATTRIBUTE))
            time = self._modified.get(snapshot_id, text)
            if time != text and is_older(text, time):
                yield Doubt("an older state is listed")

    def note_change(self, snapshot_id: str, response: Response | None) -> None:
        """Note a change that was acknowledged, and its time."""
        self.reader.note_acknowledged()
        names = "data", "attributes", MODIFIED_ATTRIBUTE
        self._modified[snapshot_id] = str(member(json_of(response), *names))

    def _read(self, owners: Iterable[Owner]) -> Listing | None:
        if self.list_problem or self.resource.transport.loss:
            return None
        result: dict[str, Json] = {}
        for owner in owners:
            read = self.resource.list_rows(owner, self.created)
            self.list_failure = read.transfer if read.listing is None else None
            self._listings.pop(owner, None)
            if read.listing is None:
                return None
            self.has_others |= read.has_others
            result.update(self._note(owner, read.listing))
        return result

    def _shows_later(self) -> bool:
        """Create a snapshot, and return whether the list shows it. Then delete it."""
        listings = dict(self._listings)
        self.create(CONTROL)
        snapshot_id = self.ids.pop(CONTROL, "")
        if not snapshot_id:
            return False
        self._hidden.add(snapshot_id)
        missing = {Doubt("the control snapshot is not listed")}
        owner = CONTROL.owner
        reading = replace(self.reader, shows_later=None).settle(
            lambda: self.resource.list_rows(owner, self.created).listing,
            lambda rows: () if snapshot_id in rows else missing,
        )
        self.delete(snapshot_id)
        self._listings = listings
        return snapshot_id in (reading.listing or {})

    def note_listing(
        self, owner: Owner, response: Response | None, owners: Iterable[Owner]
    ) -> Listing | None:
        """Take a response as a reading, if it is all of a list."""
        rows = rows_in(response)
        if rows is None or next_link(response) is not None:
            return None
        self._note(owner, self.resource.own_rows(rows, self.created))
        return self.listing(owners)

    def _note(self, owner: Owner, listing: Listing) -> Listing:
        visible = {k: row for k, row in listing.items() if k not in self._hidden}
        self._listings[owner] = visible
        return visible

    def forget_listings(self) -> None:
        self._listings.clear()
