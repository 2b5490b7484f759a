"""Faults in what a service stores and finds, by the clause that must catch them."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any
from uuid import uuid4

from contract.faults.sandbox_harness import Mutations, SandboxMutation, Step, mutation
from contract.faults.service_bodies import ASTRAL, FLAG, as_double
from contract.faults.service_responses import (
    change_attribute,
    change_attributes,
    change_resource,
    change_status,
)
from contract.model import Json
from contract.sandbox import UPDATABLE, Refusal, Row, attributes_of

MINUTE_MS = 60_000


def skip(_: Step) -> None:
    """Do nothing."""


def not_there() -> Refusal:
    return Refusal(404, "There is no such snapshot.")


# -- attributes --


def change_stored(name: str, change: Callable[[Any], Json]) -> SandboxMutation:
    """Store an attribute altered. The response shows it so, too."""

    def apply(step: Step) -> None:
        row, attributes = step.args
        if name in attributes:
            attributes = {**attributes, name: change(attributes[name])}
        step.proceed(row, attributes)

    return mutation(apply=apply)


def change_row_later(change: Callable[[Row], object]) -> SandboxMutation:
    """Respond rightly, and alter the row after that."""

    def update(step: Step) -> Any:
        reply = step.proceed()
        with step.sandbox.lock:
            change(step.sandbox.find(*step.args[:2]))
        return reply

    return mutation(update=update)


def change_later(name: str, change: Callable[[Any], Json]) -> SandboxMutation:
    """Respond rightly, and alter a stored attribute after that."""

    def alter(row: Row) -> None:
        row.attributes[name] = change(row.attributes[name])

    return change_row_later(alter)


def touch_too(name: str, value: Callable[[Row], Json]) -> SandboxMutation:
    """Alter an attribute that the request does not name."""

    def touch(step: Step) -> None:
        (row,) = step.args
        step.proceed()
        row.attributes[name] = value(row)

    return mutation(touch=touch)


def on_repeat(change: Callable[[Row], object]) -> SandboxMutation:
    """Do something more if an update names only what is stored already."""

    def apply(step: Step) -> None:
        row, attributes = step.args
        names = attributes.keys() & set(UPDATABLE)
        is_repeat = names and all(
            row.attributes.get(name) == attributes[name] for name in names
        )
        step.proceed()
        if is_repeat:
            change(row)

    return mutation(apply=apply)


def drop_session(step: Step) -> None:
    """Replace the row instead of changing it: a text that is not sent is lost."""
    row, attributes = step.args
    if attributes:
        row.attributes.pop("session_id", None)
    step.proceed()


def apply_to_view(step: Step) -> None:
    row, attributes = step.args
    for other in step.sandbox.rows.values():
        is_same_view = row.attributes["view_name"] == other.attributes["view_name"]
        if is_same_view and row.org_id == other.org_id:
            step.proceed(other, attributes)


def assign_created(step: Step) -> None:
    """Store attributes that no caller may set: who created a snapshot, and when."""
    row, attributes = step.args
    step.proceed()
    for name, value in attributes.items():
        if name.startswith("created_"):
            row.attributes[name] = value


def modify_back(step: Step) -> None:
    (row,) = step.args
    step.proceed()
    minute_ms = row.modified_ms // MINUTE_MS * MINUTE_MS
    row.attributes["modified_at"] = step.sandbox.timestamp(minute_ms)


def drop_empty_session(attributes: Json) -> None:
    if attributes.get("session_id") == "":
        del attributes["session_id"]


def lose_third_update(step: Step) -> Any:
    """Restore, after every third update, the text that was stored before it."""
    reply = step.proceed()
    with step.sandbox.lock:
        row = step.sandbox.find(*step.args[:2])
        turn, text = step.memory.get(row.id, (1, None))
        if turn % 3 == 0:
            row.attributes["event_id"] = text
        step.memory[row.id] = turn + 1, row.attributes["event_id"]
    return reply


def list_stale(step: Step) -> Any:
    """Return each list a second time as it was the first time."""
    org, _, environ = step.args
    query = org.org_id, environ.get("QUERY_STRING")
    if query in step.memory:
        return step.sandbox.reply(200, step.memory.pop(query))
    reply = step.proceed()
    step.memory[query] = reply.value
    return reply


def refuse_repeat(row: Row) -> None:
    raise Refusal(409, "Nothing would change.")


def toggle_flag(row: Row) -> None:
    row.attributes[FLAG] = not row.attributes[FLAG]


def number_name(row: Row) -> None:
    row.attributes["snapshot_name"] += " (2)"


# -- rows --


def upsert(*, is_seen: bool) -> SandboxMutation:
    """Create the row that is not there. Return it, or hide it by a 404."""

    def find(step: Step) -> Any:
        org, snapshot_id = step.args
        sandbox = step.sandbox
        if snapshot_id in sandbox.rows:
            return step.proceed()
        similar = next((row.attributes for row in sandbox.visible(org)), {})
        row = sandbox.insert(org, {"session_id": "", "view_name": "", **similar})
        del sandbox.rows[row.id]
        row.id = snapshot_id
        sandbox.rows[row.id] = row
        if is_seen:
            return row
        raise not_there()

    return mutation(find=find)


def find_copy(step: Step) -> Any:
    row = step.proceed()
    return replace(row, attributes=dict(row.attributes))


def find_at_second_look(step: Step) -> Any:
    row = step.proceed()
    if row.id not in step.memory:
        step.memory[row.id] = True
        raise not_there()
    return row


def remove_softly(step: Step) -> None:
    (row,) = step.args
    step.memory[row.id] = row
    step.sandbox.rows.pop(row.id, None)


def find_deleted(step: Step) -> Any:
    org, snapshot_id = step.args
    row = step.memory.get(snapshot_id)
    return row if row and row.org_id == org.org_id else step.proceed()


def restore_unseen(step: Step) -> Any:
    """Restore a deleted row and report that it is not there."""
    _, snapshot_id = step.args
    if snapshot_id in step.memory:
        step.sandbox.rows[snapshot_id] = step.memory.pop(snapshot_id)
        raise not_there()
    return step.proceed()


# -- the id in the body --


def named_row(step: Step, row: Row, snapshot_id: Json) -> Row:
    """Return the row with an id, if it is of the same organization, else `row`."""
    other = step.sandbox.rows.get(str(snapshot_id), row)
    return other if other.org_id == row.org_id else row


def remember_id(step: Step) -> Json:
    """Remember the id in a body for `find_by_body`."""
    body = step.proceed()
    step.memory["id"] = body["data"].get("id")
    return body


def find_by_body(step: Step) -> Any:
    """Find the row that the body names instead of the path."""
    return named_row(step, step.proceed(), step.memory.pop("id", None))


def apply_to_both(step: Step) -> None:
    """Change the row that the body names as well."""
    row, body = step.args
    other = named_row(step, row, body["data"].get("id"))
    step.sandbox.apply(other, attributes_of(body))


def apply_to_other(step: Step) -> None:
    """Refuse a body that names another row, but change that one."""
    row, body = step.args
    other = named_row(step, row, body["data"].get("id"))
    if other is not row:
        step.sandbox.apply(other, attributes_of(body))
    step.proceed()


def rename(step: Step) -> None:
    """Take the id from the body like any other member."""
    row, body = step.args
    rows, snapshot_id = step.sandbox.rows, body["data"].get("id", row.id)
    if snapshot_id not in rows:
        rows[snapshot_id] = rows.pop(row.id)
        row.id = snapshot_id


# -- tables --

ECHO = {
    "echo-old-start": change_attributes(lambda item: item.update(start=0)),
    "echo-start-as-double": change_attribute("start", as_double),
    "echo-start-32-bits": change_attribute(
        "start", lambda n: (n + 2**31) % 2**32 - 2**31
    ),
    "echo-escaped": change_attribute("event_id", escape),
    "echo-empty-text-left-out": change_attributes(drop_empty_session),
    "echo-trimmed": change_stored("event_id", str.strip),
    "echo-normalised": change_stored("view_id", partial(unicodedata.normalize, "NFC")),
    "echo-cut-at-255": change_stored("session_id", lambda text: text[:255]),
}

STORED = {
    "stored-nothing": mutation(find=find_copy),
    "stored-start-rounded": change_later("start", as_double),
    "stored-no-astral-text": change_later("event_id", partial(re.sub, ASTRAL, "?")),
    "stored-no-empty-text": change_row_later(
        lambda row: drop_empty_session(row.attributes)
    ),
    "stored-two-of-three": mutation(update=lose_third_update),
    "stored-list-stale": mutation(list_=list_stale),
}

UNTOUCHED = {
    "untouched-session-lost": mutation(apply=drop_session),
    "untouched-name-lost": touch_too("snapshot_name", lambda _: ""),
    "untouched-device-reset": touch_too(
        "device_type",
        lambda row: row.attributes["device_type"] if row.attributes[FLAG] else "any",
    ),
    "untouched-made-anew": touch_too(
        "created_at", lambda row: row.attributes["modified_at"]
    ),
    "untouched-modified-back": mutation(touch=modify_back),
    "untouched-modified-still": mutation(touch=skip),
    "untouched-neighbour-changed": mutation(apply=apply_to_view),
    "untouched-maker-assigned": mutation(apply=assign_created),
}

STATE_MUTATIONS: Mutations = {
    "S-ID": {
        "id-of-its-own": change_resource(lambda item: item.update(id=str(uuid4()))),
        "id-known-late": mutation(find=find_at_second_look),
    },
    "S-ECHO": ECHO,
    "S-STORED": STORED,
    "S-UNTOUCHED": UNTOUCHED,
    "S-REPEAT": {
        "repeat-refused": on_repeat(refuse_repeat),
        "repeat-flag-toggled": on_repeat(toggle_flag),
        "repeat-name-numbered": on_repeat(number_name),
    },
    "S-UNKNOWN": {
        "unknown-made": upsert(is_seen=True),
        "unknown-made-unseen": upsert(is_seen=False),
        "unknown-400": change_status(404, to=400),
    },
    "S-GONE": {
        "gone-still-updated": mutation(remove=remove_softly, find=find_deleted),
        "gone-restored-unseen": mutation(remove=remove_softly, find=restore_unseen),
        "gone-not-at-all": mutation(remove=skip),
    },
    "S-PATH-ID": {
        "path-id-ignored": mutation(body=remember_id, find=find_by_body),
        "path-id-both-changed": mutation(identify=apply_to_both),
        "path-id-other-changed": mutation(identify=apply_to_other),
        "path-id-renamed": mutation(identify=rename),
    },
}
