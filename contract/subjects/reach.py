"""Cases that may reach more than the snapshots of their run."""

import re
from collections.abc import Callable
from urllib.parse import unquote

from contract.cases.placeholders import UNKNOWN
from contract.jsondiff import value_at
from contract.model import (
    Composite,
    KeyVariant,
    Operation,
    Owner,
    Placeholder,
    ServiceCase,
    SnapshotRef,
)
from contract.model.names import placeholders_in

SHORT_IDS = "the ids of this service have no room for the 96 bits of a random one"
FOREIGN_NUMBER = "a number in data.id may name a snapshot of others"
OTHER_PATH = "the path leaves the snapshot, which only a service on loopback may lose"

FOREIGN_KEYS = (KeyVariant.FOREIGN_API_KEY, KeyVariant.FOREIGN_APP_KEY)


def owners_of(case: ServiceCase) -> tuple[Owner, ...]:
    """Return the organizations that a case touches. The own one is always read."""
    owners = {case.credential.owner, *(item.owner for item in case.placeholders)}
    is_other = Owner.OTHER in owners or case.credential.variant in FOREIGN_KEYS
    return (Owner.OWN, Owner.OTHER) if is_other else (Owner.OWN,)


DOT_SEGMENT = re.compile(r"(^|[/\\])\.{1,2}([/\\]|\Z)")


def leaves_snapshot(case: ServiceCase) -> bool:
    """Return whether a changing request may reach another resource than a snapshot.

    A service may decode an id twice, and remove its dot segments (RFC 3986, 5.2.4).
    """
    if case.operation in (Operation.CREATE, Operation.LIST):
        return False
    path = case.override.path
    if path is not None and not any(isinstance(part, Placeholder) for part in path):
        return True
    text = "".join(part if isinstance(part, str) else "x" for part in case.snapshot_id)
    return bool(DOT_SEGMENT.search(unquote(unquote(text))))


def names_number(case: ServiceCase) -> bool:
    """Return whether data.id is a number."""
    return type(value_at(case.body, "/data/id")) is int


def has_derived_id(case: ServiceCase) -> bool:
    """Return whether the id is made of one of the run."""
    if case.target is not None or case.override.path is not None:
        return False
    parts = placeholders_in(case.snapshot_id)
    return any(not part.state.is_random for part in parts)


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def is_changing(case: ServiceCase) -> bool:
    """Return whether something may change."""
    is_list = case.operation is Operation.LIST
    return not is_list and case.override.method not in SAFE_METHODS


def has_own_id(case: ServiceCase) -> bool:
    """Return whether the path has an id of the run, maybe as a part."""
    parts = [*placeholders_in(case.override.path or case.snapshot_id)]
    return any(not part.state.is_random for part in parts) and UNKNOWN not in parts


def unknown_ids(
    case: ServiceCase, resolved: Callable[[SnapshotRef], str]
) -> tuple[str, list[str]]:
    """Return the id in the path, and those that the body may name."""
    path = case.override.path
    in_path = resolved(case.snapshot_id if path is None else path)
    others = [resolved((part,)) for part in case.placeholders if part.state.is_random]
    name = value_at(case.body, "/data/id")
    if isinstance(name, Composite):
        others.append(resolved(name.parts))
    return in_path, others
