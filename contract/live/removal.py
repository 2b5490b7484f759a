"""Removal of the snapshots of a live run."""

from collections.abc import Callable, Collection

from contract.model import Operation, Owner
from contract.subjects.http import trouble_of
from contract.subjects.resource import Resource

LOOKS_S = (0, 0.1, 0.4, 1.5)
"""Pauses before the looks at a list that lags behind, in seconds."""


def remove_snapshots(
    resource: Resource,
    owner: Owner,
    *,
    created: Collection[str] = (),
    expected: Collection[str] = (),
) -> tuple[dict[str, str], set[str] | None]:
    """Delete the snapshots of a run in one organization, the last first.

    Those are the `created` ones and all that are listed under the view name of the run.
    `expected` should be among them. Return the reason for each that is left, and the
    listed ids, or None if the list cannot be read.
    """
    ids = listed_ids(resource, owner, lambda ids: ids >= set(expected))
    left = delete_all(resource, owner, [*created, *(ids or ())])
    if ids is None:
        return left, None
    remaining = listed_ids(resource, owner, lambda ids: True)
    if remaining:  # a second deletion may help
        again = delete_all(resource, owner, remaining)
        left = {name: left[name] for name in left if name not in remaining} | again
        remaining = listed_ids(resource, owner, lambda ids: not ids)
    return dict.fromkeys(remaining or (), "is still listed") | left, ids


def delete_all(
    resource: Resource, owner: Owner, snapshot_ids: Collection[str]
) -> dict[str, str]:
    """Delete snapshots until an outage. Return the reason for each that is left."""
    left: dict[str, str] = {}
    trouble = ""
    for name in reversed(dict.fromkeys(snapshot_ids)):
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


def listed_ids(
    resource: Resource, owner: Owner, is_complete: Callable[[set[str]], bool]
) -> set[str] | None:
    """Return the listed ids of a run once they are complete, or in the end."""
    ids: set[str] = set()
    for pause_s in LOOKS_S:
        resource.transport.clock.sleep(pause_s)
        snapshots = resource.listed(resource.perform(Operation.LIST, owner).response)
        if snapshots is None:
            return None
        ids = set(snapshots)
        if is_complete(ids):
            break
    return ids
