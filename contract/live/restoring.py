"""The snapshot of --snapshot-id: its row is noted before the run, and written back."""

from dataclasses import replace

from contract.cases.plain import plain_attributes
from contract.endpoint import RESOURCE_TYPE, VIEW_ATTRIBUTE, list_query
from contract.jsondiff import same_json
from contract.live.removal import Removal
from contract.model import (
    Json,
    Listing,
    Operation,
    Owner,
    RequestOverride,
    ServiceCase,
    ServiceCredential,
)
from contract.subjects.creations import CreationLog, Event
from contract.subjects.pages import read_pages
from contract.subjects.resource import INVALID, Resource, id_of, member
from contract.subjects.transfer import Transfer


def note_row(
    resource: Resource, log: CreationLog, snapshot_id: str, view: str | None
) -> None:
    """Put what the list shows of a snapshot, or None, into the log."""
    row = listed_row(resource, snapshot_id, view)
    log.record(Event.ROW, id=snapshot_id, row=row)


def listed_row(resource: Resource, snapshot_id: str, view: str | None) -> Json:
    """Return what a list, by default that of all, shows of a snapshot."""
    query = f"?{list_query(view)}" if view else ""
    path = RequestOverride(path=(resource.spec.collection_path + query,))
    case = ServiceCase(
        operation=Operation.LIST, credential=ServiceCredential(), override=path
    )
    request = resource.request(case)

    def send(target: str) -> Transfer:
        return resource.transport.send(replace(request, url=target), resource.pauses_s)

    def own_row(rows: list[Json]) -> Listing:
        return {id_of(row): row for row in rows if id_of(row) == snapshot_id}

    origin = resource.transport.origin
    listing = read_pages(send, request.url, origin, own_row).listing
    return (listing or {}).get(snapshot_id)


def restore_rows(removal: Removal) -> None:
    """Write the noted rows back, and say what cannot be."""
    resource, log = removal.resource, removal.log
    for snapshot_id, row in list(log.rows.items()):
        if row is None:
            problem = "no list showed it before: nothing is written back"
            removal.warnings.append(f"{snapshot_id}: {problem}")
        elif removal.is_dry:
            removal.left[snapshot_id] = "is to be written back"
            continue
        else:
            status = written_back(resource, snapshot_id, row)
            if status:
                removal.left[snapshot_id] = f"was not written back: {status}"
                continue
            view = member(row, "attributes", VIEW_ATTRIBUTE)
            new_row = listed_row(resource, snapshot_id, view)
            names = changed_names(resource, row, new_row)
            if names:
                problem = f"{snapshot_id}: not as before: {', '.join(names)}"
                removal.warnings.append(problem)
        log.record(Event.RESTORED, id=snapshot_id)


def written_back(resource: Resource, snapshot_id: str, row: Json) -> str:
    """Update a snapshot with what a row shows. Return why it failed, if so."""
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
    """Return the attributes of an update that differ between two rows."""
    before = member(row, "attributes") or {}
    after = member(new_row, "attributes") or {}
    return [
        name
        for name in plain_attributes(resource.spec)
        if not same_json(before.get(name), after.get(name))
    ]
