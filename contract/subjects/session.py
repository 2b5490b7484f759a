"""Session of a run with a service: its snapshots, their ids, the listings.

On loopback the answer to create is believed. Elsewhere an id is used only once a list
shows it under the view name of the run: see `creations.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from contract.cases.plain import PlainUpdate, creation_body, required_only
from contract.endpoint import MODIFIED_ATTRIBUTE, ORG_ATTRIBUTE
from contract.jsondiff import is_older
from contract.model import (
    Json,
    Listing,
    Operation,
    Owner,
    Placeholder,
    Request,
    Response,
    ServiceCase,
    SnapshotState,
)
from contract.subjects.creations import CreationLog, Event
from contract.subjects.pages import next_link, rows_in
from contract.subjects.reach import has_own_id, is_changing, unknown_ids
from contract.subjects.resource import INVALID, Resource, id_of, member
from contract.subjects.settling import Doubt, DoubtsOf, Reading, SettlingReader
from contract.subjects.transfer import BUDGET_SPENT, Transfer, json_of

CONTROL = Placeholder(Owner.OWN, 3)
"""The snapshot that shows whether a list is up to date."""

NOT_SENT = ("no connection", BUDGET_SPENT)
"""Reasons for no response to a request that did not reach the service."""


def own_organization(
    listing: Listing | None, log: CreationLog, owner: Owner
) -> Listing | None:
    """Leave out the rows that show another organization than the one of the run."""
    if listing is None:
        return None
    org_id = log.org_ids.get(owner)
    return {
        name: row
        for name, row in listing.items()
        if org_id is None or org_of(row) in ("", org_id)
    }


def org_of(row: Json) -> str:
    """Return the organization that a snapshot shows, or an empty string."""
    org_id = member(row, "attributes", ORG_ATTRIBUTE)
    return "" if org_id is None else str(org_id)


def modified_at(row: Json) -> str:
    """Return the time at which a snapshot changed, as it is shown."""
    return str(member(row, "attributes", MODIFIED_ATTRIBUTE))


def note_listed(log: CreationLog, owner: Owner, name: str, row: Json) -> None:
    """Note that a snapshot of the run is listed."""
    details = {"org_id": org_id} if (org_id := org_of(row)) else {}
    log.record(Event.LISTED, org=owner, id=name, **details)


def send_create(
    resource: Resource, log: CreationLog, owner: Owner, request: Request
) -> Transfer:
    """Send a create once. Note what became of it."""
    log.record(Event.CREATE, org=owner)
    transfer = resource.transport.send(request)
    status = transfer.outcome.status or 0
    if 300 <= status < 500 or transfer.outcome.type in NOT_SENT:
        log.record(Event.REFUSED, org=owner)
    elif snapshot_id := answered_id(transfer):
        log.record(Event.ANSWERED, org=owner, id=snapshot_id)
    return transfer


def answered_id(transfer: Transfer) -> str:
    """Return the id in a successful response, or an empty string."""
    if not transfer.is_success:
        return ""
    return id_of(member(json_of(transfer.response), "data"))


class ResourceSession:
    """Snapshots of one run, and their listings as they settled.

    `created` has the owner of each snapshot that exists, in the order of creation.
    `is_create_strict` says that create takes its required attributes only. `plain` is
    the plainest update that the service takes. `list_problem` says why there are no
    listings. `list_failure` is the last attempt to list, if it failed. `has_others`
    says that a list showed snapshots of others, or has more pages. `danger` says why
    nothing more may be changed.
    """

    def __init__(
        self, resource: Resource, log: CreationLog, reader: SettlingReader
    ) -> None:
        self.resource = resource
        self.log = log
        self.ids = resource.ids
        self.reader = reader
        if not resource.is_loopback:
            self.reader.shows_later = self._shows_later
        self.is_create_strict = False
        self.plain = PlainUpdate()
        self.list_problem = ""
        self.list_failure: Transfer | None = None
        self.has_others = False
        self.danger = ""
        self._deleted: set[str] = set()
        self._modified: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._listings: dict[Owner, Listing] = {}
        self._answers: set[str] = set()

    @property
    def created(self) -> dict[str, Owner]:
        return self.log.own

    def create(self, placeholder: Placeholder) -> Transfer:
        """Create the snapshot of a placeholder. `ids` has its id if it worked."""
        view, owner = self.resource.view, placeholder.owner
        body = creation_body(placeholder, view, f"{view} {placeholder}")
        if self.is_create_strict:
            body = required_only(body)
        transfer = self._create(placeholder, self.resource.create_request(owner, body))
        if transfer.outcome.status in INVALID and not self.is_create_strict:
            self.is_create_strict = True
            return self.create(placeholder)
        return transfer

    def _create(self, placeholder: Placeholder | None, request: Request) -> Transfer:
        owner = placeholder.owner if placeholder else Owner.OWN
        transfer = send_create(self.resource, self.log, owner, request)
        self._forget_list(owner)
        if not transfer.is_success:
            return transfer
        self.reader.note_acknowledged()
        snapshot_id = self._new_own_id(owner, answered_id(transfer))
        if snapshot_id and placeholder:
            self.ids[placeholder] = snapshot_id
        return transfer

    def ids_of(self, placeholders: Iterable[Placeholder]) -> dict[Placeholder, str]:
        value_of = self.resource.value_of
        return {p: value_of(p) for p in placeholders if p.state.is_random} | self.ids

    def adapted(self, case: ServiceCase) -> ServiceCase:
        if case.operation is Operation.CREATE and self.is_create_strict:
            return replace(case, body=required_only(case.body))
        return self.plain.adapted(case, self.resource.spec)

    def delete(self, snapshot_id: str) -> Transfer:
        owner = self.created.get(snapshot_id, Owner.OWN)
        transfer = self.resource.perform(Operation.DELETE, owner, snapshot_id)
        self._forget_list(owner)
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
            return self._create(target, request)
        unknown = self._note_unknown(case)
        transfer = transport.send(request)
        for _ in range(case.repeat - 1):
            if not self._is_touched(case, unknown, transfer):
                transfer += transport.send(request)
        if self._is_touched(case, unknown, transfer):
            self.log.record(Event.TOUCHED, org=Owner.OWN, id=unknown)
            self.danger = f"an update of the unknown id {unknown[:80]!r} succeeded"
        is_delete = case.operation is Operation.DELETE and transfer.is_success
        if is_delete and target in self.ids and target.owner is owner:
            self.mark_deleted(target)
        return transfer

    def _note_unknown(self, case: ServiceCase) -> str:
        """Note the ids of a request that name nothing. Return the one in its path."""
        if self.resource.is_loopback or not is_changing(case):
            return ""
        in_path, others = unknown_ids(case, self.resource.resolved)
        own = {*self.created, *self._deleted, *self.log.rows}
        for name in {in_path, *others} - own - {""}:
            self.log.record(Event.UNKNOWN, id=name)
        return "" if in_path in own else in_path

    def _is_touched(self, case: ServiceCase, unknown: str, transfer: Transfer) -> bool:
        """Return whether an update found, or made, a snapshot that is not of the run.

        An id that is made of one of the run may name that one.
        """
        is_update = case.operation is Operation.UPDATE and unknown
        if not is_update or not transfer.is_success:
            return False
        answer = answered_id(transfer)
        return not has_own_id(case) or answer not in ("", *self.created)

    def mark_deleted(self, placeholder: Placeholder) -> None:
        if placeholder.state is SnapshotState.PRESENT:
            snapshot_id = self.ids.pop(placeholder)
            self.ids[placeholder.deleted()] = snapshot_id
            self._forget(snapshot_id)
            self._forget_list(placeholder.owner)

    def _new_own_id(self, owner: Owner, answer: str) -> str:
        is_again = answer in self._answers
        self._answers |= {answer} - {""}
        if not self.resource.is_loopback:
            name = self._listed_id(owner, answer)
            return "" if is_again else name
        if is_again:
            return ""
        # Without an answer it is the listed snapshot that is not known yet.
        name = answer or self._new_id(owner)
        if name:
            self.log.record(Event.LISTED, org=owner, id=name)
        return name

    def _listed_id(self, owner: Owner, answer: str) -> str:
        missing = {Doubt("a new snapshot is not listed")}
        reading = self.reader.settle(
            lambda: self.resource.list_rows(owner).listing,
            lambda rows: () if self._new_ids(rows, answer) else missing,
        )
        rows = own_organization(reading.listing, self.log, owner) or {}
        for name in self._new_ids(rows, answer):
            note_listed(self.log, owner, name, rows[name])
            return name
        return ""

    def _new_id(self, owner: Owner) -> str:
        missing = {Doubt("no new snapshot is listed")}
        reading = self.settle(
            (owner,), lambda rows: () if self._new_ids(rows) else missing
        )
        return next(iter(self._new_ids(reading.listing or {})), "")

    def _new_ids(self, rows: Listing, answer: str = "") -> list[str]:
        return [n for n in rows if n == answer or not (answer or n in self.created)]

    def _forget(self, snapshot_id: str) -> None:
        self.reader.note_acknowledged()
        self._deleted.add(snapshot_id)
        self.log.record(Event.REMOVED, id=snapshot_id)

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
            text = modified_at(row)
            time = self._modified.get(snapshot_id, text)
            if time != text and is_older(text, time):
                yield Doubt("an older state is listed")

    def note_change(self, snapshot_id: str, response: Response | None) -> None:
        self._modified[snapshot_id] = modified_at(member(json_of(response), "data"))

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
        if self.danger:
            return False
        listings = dict(self._listings)
        self.create(CONTROL)
        snapshot_id = self.ids.pop(CONTROL, "")
        if snapshot_id:
            self._hidden.add(snapshot_id)
            self.delete(snapshot_id)
        self._listings = listings
        return bool(snapshot_id)

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

    def _forget_list(self, owner: Owner) -> None:
        """Forget the list of an organization, and far away all that may be old."""
        if self.resource.is_loopback:
            self._listings.pop(owner, None)
        else:
            self.forget_listings()

    def forget_listings(self) -> None:
        self._listings.clear()
