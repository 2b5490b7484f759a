"""The clean-up of a run, at its end or by the sweep.

A snapshot is gone when DELETE is answered with 2xx, 404 or 410 and a settled list, all
its pages, no longer shows it. An unconfirmed create ends when its snapshot is listed,
or after a while in which the list showed another one of the run. The sweep makes a
control snapshot for that if there is none. The snapshot of --snapshot-id is written
back as a list showed it before the run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from contract.cases.plain import creation_body, plain_attributes
from contract.endpoint import RESOURCE_TYPE, VIEW_ATTRIBUTE, list_query
from contract.jsondiff import same_json
from contract.model import (
    Json,
    Listing,
    Operation,
    Owner,
    RequestOverride,
    ServiceCase,
)
from contract.subjects.creations import CreationLog, Event
from contract.subjects.pages import read_pages
from contract.subjects.resource import INVALID, Resource, id_of, member
from contract.subjects.session import (
    CONTROL,
    note_listed,
    own_organization,
    send_create,
)
from contract.subjects.settling import PATIENCE, REMOTE_LIMIT_S, Doubt, SettlingReader
from contract.subjects.transfer import Transfer, trouble_of

UNCONFIRMED_S = 60.0
"""Seconds in which the snapshot of a create without an answer may show, by default."""

ROUNDS = 3
"""Deletions of what is listed again."""

OTHER_KEYS = "is not seen with these keys, which are not those of the run"
NO_KEYS = "needs the keys of the second organization"
NO_LIST = "list does not answer"
NOT_WHOLE = "list has pages that cannot be read"
NEVER_LISTED = "is not known to be of the run, and is left alone"
UNCONFIRMED = "a create without an answer"
NOT_SHOWN = "may be there: the list showed neither it nor another snapshot of the run"


@dataclass
class Removal:
    """Removes the snapshots of a run, and says what may be left: reasons by id.

    `lag_s` is the longest lag of the list. With `is_dry` nothing is changed. `warnings`
    need no removal.
    """

    resource: Resource
    log: CreationLog
    lag_s: float = REMOTE_LIMIT_S
    unconfirmed_s: float = UNCONFIRMED_S
    is_dry: bool = False
    left: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _is_whole: bool = True

    def restore_rows(self) -> None:
        resource = self.resource
        for snapshot_id, row in list(self.log.rows.items()):
            if row is None:
                problem = "no list showed it before: nothing is written back"
                self.warnings.append(f"{snapshot_id}: {problem}")
            elif self.is_dry:
                self.left[snapshot_id] = "is to be written back"
                continue
            elif status := written_back(resource, snapshot_id, row):
                self.left[snapshot_id] = f"was not written back: {status}"
                continue
            else:
                view = member(row, "attributes", VIEW_ATTRIBUTE)
                new_row = listed_row(resource, snapshot_id, view)
                if names := changed_names(resource, row, new_row):
                    problem = f"{snapshot_id}: not as before: {', '.join(names)}"
                    self.warnings.append(problem)
            self.log.record(Event.RESTORED, id=snapshot_id)

    def remove(self, owner: Owner, *, has_keys: bool = True) -> None:
        """Remove what is in one organization.

        `has_keys` says that the keys are those of the run.
        """
        log = self.log
        rows = self._find(owner, has_keys=has_keys)
        everything = f"what has the view name {self.resource.view!r}"
        if not (has_keys or rows):
            return self._leave(names_of(log, owner) or [everything], OTHER_KEYS)
        if self.is_dry:
            self._leave([*log.of(log.own, owner), *(rows or ())], "is to be removed")
        else:
            self._delete(owner)
        never_listed = [n for n in log.of(log.answered, owner) if n not in (rows or ())]
        self._leave(never_listed, NO_LIST if rows is None else NEVER_LISTED)
        if log.unconfirmed[owner]:
            self._leave([UNCONFIRMED], NO_LIST if rows is None else NOT_SHOWN)
        if rows is None and not self.left:
            self._leave([everything], NO_LIST)
        return None

    def _leave(self, names: Iterable[str], reason: str) -> None:
        self.left |= dict.fromkeys(names, reason)

    def _read(self, owner: Owner) -> Listing | None:
        read = self.resource.list_rows(owner)
        self._is_whole = read.is_whole
        return read.listing

    def _own(self, owner: Owner, rows: Listing | None) -> Listing | None:
        return own_organization(rows, self.log, owner)

    def _reader(self, limit_s: float) -> SettlingReader:
        return SettlingReader(limit_s, self.resource.transport.clock)

    def _find(self, owner: Owner, *, has_keys: bool) -> Listing | None:
        """Return the snapshots of the run, once all that are due are listed."""
        log = self.log
        first = self._own(owner, self._read(owner))
        if first is None or not (has_keys or first):
            return first
        if log.unconfirmed[owner] and not first and not self.is_dry:
            resource, view = self.resource, self.resource.view
            body = creation_body(CONTROL, view, f"{view} {CONTROL}")
            request = resource.create_request(owner, body)
            send_create(resource, log, owner, request)
        count = log.unconfirmed[owner]

        def doubts(rows: Listing) -> set[Doubt]:
            new = rows.keys() - log.own.keys() - log.answered.keys()
            missing = {Doubt(UNCONFIRMED, str(n)) for n in range(len(new), count)}
            late = log.of(log.answered, owner)
            return missing | {Doubt("is not listed", n) for n in late if n not in rows}

        limit_s = self.unconfirmed_s / PATIENCE if count else self.lag_s
        reading = self._reader(limit_s).settle(lambda: self._read(owner), doubts)
        rows = self._own(owner, reading.listing)
        if self.is_dry or not rows:
            return rows
        self._note_listed(owner, rows)
        if self._is_whole and any(d.cause == UNCONFIRMED for d in reading.doubts):
            log.record(Event.ABSENT, org=owner)
        return rows

    def _note_listed(self, owner: Owner, rows: Listing | None) -> None:
        for name, row in (rows or {}).items():
            if name not in self.log.own:
                note_listed(self.log, owner, name, row)

    def _delete(self, owner: Owner) -> None:
        log = self.log
        for _ in range(ROUNDS):
            names = log.of(log.own, owner)
            reasons = delete_all(self.resource, owner, names)
            reading = self._reader(self.lag_s).settle(
                lambda: self._own(owner, self._read(owner)),
                lambda rows: {Doubt("is listed", name) for name in rows},
            )
            rows = reading.listing
            self._note_listed(owner, rows)
            if not rows or reasons:
                break
        problem = NO_LIST if rows is None else "" if self._is_whole else NOT_WHOLE
        for name in log.of(log.own, owner):
            listed = "is still listed" if name in (rows or {}) else ""
            if reason := reasons.get(name) or listed or problem:
                self.left[name] = reason
            else:
                log.record(Event.REMOVED, id=name)
                self.left.pop(name, None)


def names_of(log: CreationLog, owner: Owner) -> list[str]:
    """Return what may be left in an organization, as far as the log says."""
    names = [*log.of(log.own, owner), *log.of(log.answered, owner)]
    return names + [UNCONFIRMED] * bool(log.unconfirmed[owner])


def delete_all(
    resource: Resource, owner: Owner, snapshot_ids: Iterable[str]
) -> dict[str, str]:
    """Delete snapshots until an outage. Return the reason for each that is left."""
    left: dict[str, str] = {}
    trouble = ""
    for name in reversed(list(snapshot_ids)):
        if trouble:
            left[name] = "was not tried after an outage"
            continue
        transfer = resource.perform(Operation.DELETE, owner, name)
        trouble = trouble_of(transfer.outcome)
        if transfer.response is None:
            left[name] = "DELETE is not answered"
        elif not transfer.is_deletion:
            left[name] = f"DELETE is answered with {transfer.ending}"
    return left


# -- the snapshot of --snapshot-id --


def listed_row(resource: Resource, snapshot_id: str, view: str | None) -> Json:
    """Return what a list, by default that of all, shows of a snapshot, or None."""
    query = f"?{list_query(view)}" if view else ""
    override = RequestOverride(path=(resource.spec.collection_path + query,))
    case = ServiceCase(operation=Operation.LIST, override=override)
    request = resource.request(case)

    def send(target: str) -> Transfer:
        return resource.transport.send(replace(request, url=target), resource.pauses_s)

    def own_row(rows: list[Json]) -> Listing:
        return {id_of(row): row for row in rows if id_of(row) == snapshot_id}

    origin = resource.transport.origin
    listing = read_pages(send, request.url, origin, own_row).listing
    return (listing or {}).get(snapshot_id)


def written_back(resource: Resource, snapshot_id: str, row: Json) -> str:
    before = member(row, "attributes") or {}
    names = plain_attributes(resource.spec)
    attributes = {name: before[name] for name in names if before.get(name) is not None}
    data = {"type": RESOURCE_TYPE, "attributes": attributes}
    for body in ({"data": data}, {"data": {**data, "id": snapshot_id}}):
        transfer = resource.perform(Operation.UPDATE, Owner.OWN, snapshot_id, body)
        if transfer.outcome.status not in INVALID:
            break
    return "" if transfer.is_success else f"PATCH is answered with {transfer.ending}"


def changed_names(resource: Resource, row: Json, new_row: Json) -> list[str]:
    before = member(row, "attributes") or {}
    after = member(new_row, "attributes") or {}
    return [
        name
        for name in plain_attributes(resource.spec)
        if not same_json(before.get(name), after.get(name))
    ]
