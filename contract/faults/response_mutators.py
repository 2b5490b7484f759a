"""What faults of services are made of, two: small changes in what the sandbox does and answers.

A change gets the sandbox, `then` (the step as it was, bound) and what the step gets.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract.faults.request_mutators import (
    Attributes,
    Change,
    Faultable,
    Then,
    attributes_of,
)
from contract.model import Json, Violation
from contract.sandbox import Environ, Org, Refusal, Reply, Row, Sandbox
from contract.spec import Schema

__all__ = [
    "answered",
    "apply_before_validation",
    "assign_maker",
    "change_then_refuse",
    "cleared",
    "find_at_second_look",
    "find_copy",
    "find_deleted",
    "find_named",
    "find_of_any_org",
    "find_restored_unseen",
    "identify_both",
    "identify_other",
    "kept",
    "limited",
    "limited_at_times",
    "named",
    "of_media",
    "on_repeat",
    "put",
    "refuse_nothing_new",
    "refused",
    "remember_named",
    "remove_softly",
    "rename",
    "replied",
    "restated",
    "store_the_good_ones",
    "stored",
    "to_others",
    "told",
    "upsert",
    "without",
]

_UNKNOWN = "There is no such snapshot."


# -- what is stored -----------------------------------------------------------------------------------------


def stored(name: str, change: Callable[[Any], Json]) -> Change:
    """Store one attribute altered; the answer shows it so."""

    def apply(self: Faultable, then: Then, row: Row, attributes: Attributes) -> None:
        then(
            row,
            attributes | {name: change(attributes[name])}
            if name in attributes
            else attributes,
        )

    return apply


def kept(change: Callable[[Faultable, Row], object]) -> Change:
    """Answer rightly, and alter the row after that."""

    def update(
        self: Faultable, then: Then, org: Org, snapshot_id: str, environ: Environ
    ) -> Reply:
        reply: Reply = then(org, snapshot_id, environ)
        with self.lock:
            change(self, self.find(org, snapshot_id))
        return reply

    return update


def cleared(*names: str) -> Change:
    """Replace where the contract says change: what the request does not name is lost."""

    def apply(self: Faultable, then: Then, row: Row, attributes: Attributes) -> None:
        for name in names if attributes else ():
            row.attributes.pop(name, None)
        then(row, attributes)

    return apply


def put(name: str, value: Callable[[Faultable, Row], Json]) -> Change:
    """Alter an attribute that the request does not name."""

    def touch(self: Faultable, then: Then, row: Row) -> None:
        then(row)
        row.attributes[name] = value(self, row)

    return touch


def to_others(which: Callable[[Row, Row], bool]) -> Change:
    """Change other rows of the organization too."""

    def apply(self: Faultable, then: Then, row: Row, attributes: Attributes) -> None:
        for other in self.rows.values():
            if other.org_id == row.org_id and which(row, other):
                then(other, attributes)
        then(row, attributes)

    return apply


def on_repeat(change: Callable[[Row], object]) -> Change:
    """Do something more where an update names what is stored already."""

    def apply(self: Faultable, then: Then, row: Row, attributes: Attributes) -> None:
        same = bool(attributes) and all(
            row.attributes.get(name) == attributes[name] for name in _known(attributes)
        )
        then(row, attributes)
        if same:
            change(row)

    return apply


def _known(attributes: Attributes) -> set[str]:
    return attributes.keys() & {
        "event_id",
        "session_id",
        "start",
        "view_id",
        "is_device_type_selected_by_user",
    }


def assign_maker(self: Faultable, then: Then, row: Row, attributes: Attributes) -> None:
    """Assign also what a caller must not set: who made a snapshot, and when."""
    then(row, attributes)
    row.attributes |= {
        name: value for name, value in attributes.items() if name.startswith("created_")
    }


def apply_before_validation(
    self: Faultable, then: Then, org: Org, snapshot_id: str, environ: Environ
) -> Reply:
    """Store each member as it is read, and stop at the first bad one."""
    with self.lock:
        self.memory["row"] = self.find(org, snapshot_id)
        try:
            reply: Reply = then(org, snapshot_id, environ)
        finally:
            del self.memory["row"]
    return reply


def store_the_good_ones(
    self: Faultable, then: Then, value: Json, schema: Schema
) -> list[Violation]:
    found: list[Violation] = then(value, schema)
    wrong = {each.pointer.rpartition("/")[2] for each in found}
    if found and schema is self.update_schema and "row" in self.memory:
        good = {
            name: each
            for name, each in attributes_of(value).items()
            if name not in wrong
        }
        Sandbox.apply(self, self.memory["row"], good)
        Sandbox.touch(self, self.memory["row"])
    return found


def refuse_nothing_new(row: Row) -> None:
    raise Refusal(409, "Nothing would change.")


# -- which row is meant -------------------------------------------------------------------------------------


def upsert(status: int | None = None) -> Change:
    """Make the row that is asked for; with a status, answer with that all the same."""

    def find(self: Faultable, then: Then, org: Org, snapshot_id: str) -> Row:
        if snapshot_id in self.rows:
            return then(org, snapshot_id)  # type: ignore[no-any-return]
        like = next((row.attributes for row in self.visible(org)), {"view_name": ""})
        row = self.insert(org, {"session_id": "", **like})
        del self.rows[row.id]
        self.rows[snapshot_id] = row = replace(row, id=snapshot_id)
        if status:
            raise Refusal(status, _UNKNOWN)
        return row

    return find


def find_deleted(self: Faultable, then: Then, org: Org, snapshot_id: str) -> Row:
    """Know deleted rows too."""
    row: Row | None = self.memory.get(snapshot_id)
    return row if row and row.org_id == org.org_id else then(org, snapshot_id)


def find_restored_unseen(
    self: Faultable, then: Then, org: Org, snapshot_id: str
) -> Row:
    """Bring a deleted row back, and say that it is not there."""
    if snapshot_id in self.memory:
        self.rows[snapshot_id] = self.memory.pop(snapshot_id)
        raise Refusal(404, _UNKNOWN)
    return then(org, snapshot_id)  # type: ignore[no-any-return]


def remove_softly(self: Faultable, then: Then, row: Row) -> None:
    self.memory[row.id] = row
    self.rows.pop(row.id, None)


def find_at_second_look(self: Faultable, then: Then, org: Org, snapshot_id: str) -> Row:
    row: Row = then(org, snapshot_id)
    if self.memory.setdefault(row.id, 0) == 0:
        self.memory[row.id] = 1
        raise Refusal(404, _UNKNOWN)
    return row


def find_of_any_org(self: Faultable, then: Then, org: Org, snapshot_id: str) -> Row:
    return (
        self.rows[snapshot_id] if snapshot_id in self.rows else then(org, snapshot_id)
    )


def find_copy(self: Faultable, then: Then, *args: Any) -> Row:
    return replace(row := then(*args), attributes=dict(row.attributes))  # type: ignore[no-any-return]


def remember_named(
    self: Faultable, then: Then, environ: Environ, schema: Schema
) -> Json:
    body = then(environ, schema)
    self.memory["named"] = body["data"].get("id")
    return body


def find_named(self: Faultable, then: Then, org: Org, snapshot_id: str) -> Row:
    """Let `data.id`, which `remember_named` has noted, say which row is meant."""
    row: Row = then(org, snapshot_id)
    other = self.rows.get(str(self.memory.pop("named", None)), row)
    return other if other.org_id == org.org_id else row


def named(self: Faultable, row: Row, body: Json) -> Row:
    """Return the row that `data.id` names, if it is of the same organization."""
    other = self.rows.get(str(body["data"].get("id")), row)
    return other if other.org_id == row.org_id else row


def identify_both(self: Faultable, then: Then, row: Row, body: Json) -> None:
    Sandbox.apply(self, named(self, row, body), attributes_of(body))


def identify_other(self: Faultable, then: Then, row: Row, body: Json) -> None:
    other = named(self, row, body)
    if other is not row:
        Sandbox.apply(self, other, attributes_of(body))
        raise Refusal(409, "/data/id: is not the id in the path")
    then(row, body)


def rename(self: Faultable, then: Then, row: Row, body: Json) -> None:
    """Take the id from the body like any other member."""
    new = body["data"].get("id", row.id)
    if new not in self.rows:
        self.rows[new] = self.rows.pop(row.id)
        row.id = new


# -- what is answered ---------------------------------------------------------------------------------------


def answered(change: Callable[[Any], object], *, member: str = "attributes") -> Change:
    """Alter what the answer to an update says: its `attributes`, its `data` or its `value`; rows stay right."""

    def update(self: Faultable, then: Then, *args: Any) -> Reply:
        reply: Reply = then(*args)
        place = {
            "value": reply.value,
            "data": reply.value["data"],
            "attributes": reply.value["data"]["attributes"],
        }
        change(place[member])
        return reply

    return update


def told(name: str, change: Callable[[Any], Json]) -> Change:
    """Alter one attribute in the answer to an update, where it is there."""
    return answered(
        lambda attributes: attributes.update(
            {name: change(attributes[name])} if name in attributes else {}
        )
    )


def replied(change: Callable[[Reply], Reply]) -> Change:
    """Alter the answer to an update as a whole."""
    return lambda self, then, *args: change(then(*args))


def refused(
    change: Callable[[Refusal], Json], media: str = "application/json", status: int = 0
) -> Change:
    """Answer errors in another form; with a status, those alone."""

    def error(self: Faultable, then: Then, refusal: Refusal) -> Reply:
        reply: Reply = then(refusal)
        if status in (0, refusal.status):
            reply.value = change(refusal)
            reply.headers = [("Content-Type", media), *refusal.headers]
        return reply

    return error


def restated(*statuses: int, instead: int) -> Change:
    """Answer another status than these."""

    def error(self: Faultable, then: Then, refusal: Refusal) -> Reply:
        reply: Reply = then(refusal)
        reply.status = instead if refusal.status in statuses else reply.status
        return reply

    return error


def limited_at_times(
    self: Faultable, then: Then, org: Org, period_s: float
) -> tuple[int, int]:
    """Find the limit used up by two of 211 requests, however fast they come; of what alternates each has its turn."""
    limit = self.rate_limit[0] if self.rate_limit else 0
    turn = self.memory["turn"] = self.memory.get("turn", 0) + 1
    return limit + 1 if turn % 211 in (0, 106) else 1, 1


def limited(**changes: str | None) -> Change:
    """Alter the headers X-RateLimit-…; None leaves one out."""

    def limits(self: Faultable, then: Then, *args: Any) -> list[tuple[str, str]]:
        known = {
            name.rpartition("-")[2]: value for name, value in then(*args)
        } | changes
        return [
            (f"X-RateLimit-{name}", value)
            for name, value in known.items()
            if value is not None
        ]

    return limits


def change_then_refuse(
    self: Faultable, then: Then, org: Org, snapshot_id: str, environ: Environ
) -> Reply:
    """Change the row of another organization, and say that there is none."""
    row = self.rows.get(snapshot_id)
    owner = (
        org
        if row is None
        else next(each for each in self.orgs.values() if each.org_id == row.org_id)
    )
    reply: Reply = then(owner, snapshot_id, environ)
    if owner is not org:
        raise Refusal(404, _UNKNOWN)
    return reply


def of_media(reply: Reply, media_type: str) -> Reply:
    """Return a reply that says it is of another media type."""
    reply.headers = [("Content-Type", media_type)]
    return reply


def without(resource: Any, name: str) -> Any:
    """Return a resource that lacks an attribute."""
    resource["attributes"].pop(name, None)
    return resource
