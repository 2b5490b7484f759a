"""Proof that the keys of a live run open the named sandbox organization."""

import os
import re
from collections.abc import Iterable, Mapping

from contract.cases.placeholders import KeyPair
from contract.endpoint import ORG_ATTRIBUTE
from contract.engine.selection import (
    KEY_VARIABLES,
    OTHER_KEY_VARIABLES,
    keys_from_environment,
)
from contract.errors import SubjectError, UsageError
from contract.model import Owner, Response
from contract.subjects.resource import ResourceSession, json_of, member

ORG_VARIABLES = {
    Owner.OWN: "CONTRACT_SANDBOX_ORG_ID",
    Owner.OTHER: "CONTRACT_OTHER_ORG_ID",
}


def keys_of_environment() -> dict[Owner, KeyPair]:
    """Return the keys of one or two organizations. Raises UsageError without any."""
    variables = {Owner.OWN: KEY_VARIABLES, Owner.OTHER: OTHER_KEY_VARIABLES}
    values = {owner: keys_from_environment(variables[owner]) for owner in Owner}
    keys = {owner: value for owner, value in values.items() if value is not None}
    if Owner.OWN not in keys:
        raise UsageError(f"no keys: set {' and '.join(KEY_VARIABLES)}")
    return keys


def org_ids_of_environment(owners: Iterable[Owner]) -> dict[Owner, int]:
    """Return the ids of the sandbox organizations. Raises UsageError."""
    org_ids: dict[Owner, int] = {}
    for owner in owners:
        variable = ORG_VARIABLES[owner]
        text = os.environ.get(variable, "")
        problem = ""
        if not re.fullmatch("[0-9]{1,18}", text):
            right = "the org_id of a sandbox organization, a number"
            problem = f"{right}, has {len(text)} characters"
        elif int(text) in org_ids.values():
            problem = f"another organization than {ORG_VARIABLES[Owner.OWN]}"
        if problem:
            raise UsageError(f"{variable}: must be {problem}")
        org_ids[owner] = int(text)
    return org_ids


def verify_organization(
    org_ids: Mapping[Owner, int],
    session: ResourceSession,
    owner: Owner,
    response: Response | None,
    snapshot_id: str,
) -> None:
    """Raise SubjectError unless a new snapshot names its organization."""
    place = "attributes", ORG_ATTRIBUTE
    org_id = member(json_of(response), "data", *place)
    if org_id is None:
        listing = session.read_listing(owner) or {}
        org_id = member(listing.get(snapshot_id), *place)
    if str(org_id) != str(org_ids[owner]):
        raise SubjectError(
            f"these keys open another organization than {ORG_VARIABLES[owner]} says: "
            "a snapshot that was created to find out does not have that org_id; "
            "nothing was updated"
        )
