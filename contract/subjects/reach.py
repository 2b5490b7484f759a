"""Cases that may reach more than the snapshots of their run."""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any
from urllib.parse import unquote

from contract.jsondiff import value_at, walk
from contract.model import (
    Composite,
    KeyVariant,
    Operation,
    Owner,
    Placeholder,
    ServiceCase,
)

SHORT_IDS = "the ids of this service have no room for the 96 bits of a random one"
FOREIGN_NUMBER = "a number in data.id may name a snapshot of others"
OTHER_PATH = "the path leaves the snapshot, which only a service on loopback may lose"

FOREIGN_KEYS = (KeyVariant.FOREIGN_API_KEY, KeyVariant.FOREIGN_APP_KEY)


def placeholders_of(case: ServiceCase) -> list[Placeholder]:
    """Return the placeholders of a case, in the order of its fields."""
    path, body = case.override.path or (), case.override.body or ()
    expected = (case.expected or {}).values()
    parts = [*case.snapshot_id, case.body, *path, *body, *expected]
    values = [value for _, value in walk(parts)]
    texts = [value.parts for value in values if isinstance(value, Composite)]
    return placeholders_in(chain(values, *texts))


def placeholders_in(values: Iterable[Any]) -> list[Placeholder]:
    return [value for value in values if isinstance(value, Placeholder)]


def owners_of(case: ServiceCase) -> tuple[Owner, ...]:
    """Return the organizations that a case touches. The own one is always read."""
    owners = {case.credential.owner, *(item.owner for item in placeholders_of(case))}
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
    """Return whether the id in the body is a number, maybe one of others."""
    return type(value_at(case.body, "/data/id")) is int


def has_derived_id(case: ServiceCase) -> bool:
    """Return whether the id in the path is made of one of the run."""
    if case.target is not None or case.override.path is not None:
        return False
    parts = placeholders_in(case.snapshot_id)
    return any(not part.state.is_random for part in parts)
