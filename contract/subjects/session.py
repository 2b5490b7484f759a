"""One run with a service: the snapshots that it created, the listings that it read."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from contract.endpoint import create_body
from contract.model import (
    Json,
    Listing,
    Operation,
    Owner,
    Placeholder,
    Response,
    ServiceCase,
    SnapshotState,
)
from contract.subjects.resource import Resource, id_of, json_of, member
from contract.subjects.transport import Transfer


class CreationLog:
    """Log of the snapshots that a run creates and removes. This one keeps nothing."""

    def before_create(self, owner: Owner) -> None: ...

    def created(self, owner: Owner, snapshot_id: str) -> None: ...

    def removed(self, snapshot_id: str) -> None: ...


class ResourceSession:
    """Snapshots of one run.

    `created` has the owner of each snapshot that exists, in the order of creation.
    `is_unsure` says that a snapshot without a known id may exist.
    """

    def __init__(self, resource: Resource, log: CreationLog) -> None:
        self.resource = resource
        self.ids = resource.ids
        self.created: dict[str, Owner] = {}
        self.is_unsure = False
        self.listings = ListingReader(resource, self.created)
        self._log = log

    def create(self, placeholder: Placeholder) -> Transfer:
        """Create the snapshot of a placeholder. `ids` has its id if it worked."""
        view, owner = self.resource.view, placeholder.owner
        body = create_body(view, f"{view} {placeholder}")
        self._log.before_create(owner)
        transfer = self.resource.perform(Operation.CREATE, owner, body=body)
        self._adopt(placeholder, owner, transfer)
        self.listings.forget()
        return transfer

    def delete(self, snapshot_id: str) -> Transfer:
        owner = self.created.get(snapshot_id, Owner.OWN)
        transfer = self.resource.perform(Operation.DELETE, owner, snapshot_id)
        self.listings.forget()
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
        if is_create:
            self._adopt(target, owner, transfer)
            return transfer
        for _ in range(case.repeat - 1):
            transfer += transport.send(request)
        is_delete = case.operation is Operation.DELETE and transfer.is_success
        if is_delete and target in self.ids and target.owner is owner:
            self.mark_deleted(target)
        return transfer

    def mark_deleted(self, placeholder: Placeholder) -> None:
        if placeholder.state is SnapshotState.PRESENT:
            snapshot_id = self.ids.pop(placeholder)
            self.ids[placeholder.deleted()] = snapshot_id
            self._forget(snapshot_id)

    def _adopt(
        self, placeholder: Placeholder | None, owner: Owner, transfer: Transfer
    ) -> None:
        for outcome in transfer.outcomes:
            is_lost = outcome.type not in ("", "no connection")
            self.is_unsure |= is_lost or (outcome.status or 0) >= 500
        if placeholder is None or not transfer.is_success:
            return
        snapshot_id = id_of(member(json_of(transfer.response), "data"))
        if not snapshot_id:  # then it is the listed snapshot that is not known yet
            listing = self.listings.read_now(owner) or {}
            snapshot_id = next((id_ for id_ in listing if id_ not in self.created), "")
        if snapshot_id:
            self.created[snapshot_id] = owner
            self._log.created(owner, snapshot_id)
            self.ids[placeholder] = snapshot_id

    def _forget(self, snapshot_id: str) -> None:
        self.created.pop(snapshot_id, None)
        self._log.removed(snapshot_id)


@dataclass
class ListingReader:
    """Reads and remembers the listings of a run.

    `unavailable` says why there are none. `failure` is the last attempt, if it failed.
    """

    resource: Resource
    created: dict[str, Owner]
    unavailable: str = ""
    failure: Transfer | None = None
    _listings: dict[Owner, Listing] = field(default_factory=dict)

    def read(
        self, owners: Iterable[Owner], *, fresh: bool, current: Owner | None = None
    ) -> Listing | None:
        """Return listings as one. `fresh` reads all but the current one again."""
        if self.unavailable or self.resource.transport.loss:
            return None
        result: dict[str, Json] = {}
        for owner in owners:
            listing = self._listings.get(owner)
            if listing is None or (fresh and owner is not current):
                listing = self.read_now(owner)
            if listing is None:
                return None
            result.update(listing)
        return result

    def read_now(self, owner: Owner) -> Listing | None:
        transfer = self.resource.perform(Operation.LIST, owner)
        listing = self.note(owner, transfer.response)
        self.failure = transfer if listing is None else None
        return listing

    def note(self, owner: Owner, response: Response | None) -> Listing | None:
        """Take a response to list as a reading."""
        self._listings.pop(owner, None)
        listing = self.resource.listed(response, self.created)
        if listing is not None:
            self._listings[owner] = listing
        return listing

    def forget(self) -> None:
        self._listings.clear()
