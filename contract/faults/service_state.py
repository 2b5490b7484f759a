"""Faults in what a service stores and opens, by the clause that must catch them."""

import re
import unicodedata
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from html import escape
from typing import Any
from uuid import uuid4

from contract.faults.harness import (
    ATTRIBUTES,
    FLAG,
    Edit,
    Step,
    as_double,
    edited,
    remove_empty,
    replaces,
)
from contract.faults.service_messages import ASTRAL, change_status, respond
from contract.jsondiff import value_at
from contract.model import Json
from contract.sandbox import (
    UPDATABLE,
    Refusal,
    StoredSnapshot,
    attributes_of,
    keys_in,
)

NOT_THERE = 404, "There is no such snapshot."


def skip(_: Step) -> None:
    """Do nothing."""


# -- attributes --


@replaces("apply")
def store(name: str, edit: Edit, step: Step) -> None:
    """Store an attribute altered. The response shows it so, too."""
    edited(step.args[1], f"/{name}", edit)
    step.proceed()


@replaces("update")
def store_later(name: str, edit: Edit, step: Step) -> Any:
    """Respond rightly, and alter a stored attribute after that."""
    reply = step.proceed()
    with step.sandbox.lock:
        row = step.sandbox.find(*step.args[:2])
        edited(row.attributes, f"/{name}", edit)
    return reply


@replaces("touch")
def touch_too(name: str, value: Edit, step: Step) -> None:
    """Alter a stored attribute that the request does not name, by the stored ones."""
    step.proceed()
    attributes = step.args[0].attributes
    if name in attributes:
        attributes[name] = value(attributes)


@replaces("apply")
def on_repeat(name: str, edit: Edit, step: Step) -> None:
    """Alter an attribute if an update names only what is stored already."""
    stored, sent = step.args[0].attributes, step.args[1]
    names = sent.keys() & set(UPDATABLE)
    is_repeat = names and all(stored.get(item) == sent[item] for item in names)
    step.proceed()
    if is_repeat:
        edited(stored, f"/{name}", edit)


def drop_session(step: Step) -> None:
    """Replace the row instead of changing it: a text that is not sent is lost."""
    row, attributes = step.args
    if attributes:
        row.attributes.pop("session_id", None)
    step.proceed()


def apply_to_view(step: Step) -> None:
    row, attributes = step.args
    view = row.org_id, row.attributes.get("view_name")
    for other in step.sandbox.rows.values():
        if view == (other.org_id, other.attributes.get("view_name")):
            step.proceed(other, attributes)


def assign_created(step: Step) -> None:
    """Store attributes that no caller may set: who created a snapshot, and when."""
    row, attributes = step.args
    step.proceed()
    created = [name for name in attributes if name.startswith("created_")]
    row.attributes |= {name: attributes[name] for name in created}


def lose_third_update(step: Step) -> Any:
    """Restore, after every third update, the text that was stored before it."""
    reply = step.proceed()
    with step.sandbox.lock:
        row = step.sandbox.find(*step.args[:2])
        turn, text = step.memory.get(row.id, (1, None))
        edited(row.attributes, "/event_id", lambda new: new if turn % 3 else text)
        step.memory[row.id] = turn + 1, row.attributes.get("event_id")
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


def refuse_repeat(_: Json) -> Json:
    raise Refusal(409, "Nothing would change.")


# -- rows --


@replaces("find")
def upsert(step: Step, *, is_seen: bool) -> Any:
    """Create the row that is not there. Return it, or hide it by a 404."""
    org, snapshot_id = step.args
    sandbox = step.sandbox
    if snapshot_id in sandbox.rows:
        return step.proceed()
    similar = next((row.attributes for row in sandbox.visible(org)), {})
    row = sandbox.insert(org, {"session_id": "", "view_name": "", **similar})
    sandbox.rows[snapshot_id] = sandbox.rows.pop(row.id)
    row.id = snapshot_id
    if is_seen:
        return row
    raise Refusal(*NOT_THERE)


def find_at_second_look(step: Step) -> Any:
    row = step.proceed()
    if row.id in step.memory:
        return row
    step.memory[row.id] = True
    raise Refusal(*NOT_THERE)


def remove_softly(step: Step) -> None:
    (row,) = step.args
    step.memory[row.id] = row
    step.sandbox.rows.pop(row.id, None)


def find_deleted(step: Step) -> Any:
    row = step.memory.get(step.args[1])
    return row if row and row.org_id == step.args[0].org_id else step.proceed()


def restore_unseen(step: Step) -> Any:
    if row := step.memory.pop(step.args[1], None):
        step.sandbox.rows[row.id] = row
        raise Refusal(*NOT_THERE)
    return step.proceed()


# -- the id in the body --


def named_row(step: Step, row: StoredSnapshot, body: Json) -> StoredSnapshot:
    """Return the row of the same organization that a body names, else `row`."""
    other = step.sandbox.rows.get(str(value_at(body, "/data/id")), row)
    return other if other.org_id == row.org_id else row


def remember_body(step: Step) -> Json:
    body = step.memory["body"] = step.proceed()
    return body


def find_by_body(step: Step) -> Any:
    return named_row(step, step.proceed(), step.memory.pop("body", None))


def apply_to_both(step: Step) -> None:
    step.sandbox.apply(named_row(step, *step.args), attributes_of(step.args[1]))


def apply_to_other(step: Step) -> None:
    """Refuse a body that names another row, but change that one."""
    row, body = step.args
    other = named_row(step, row, body)
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


# -- keys --


@replaces("authenticate")
def map_keys(change: Callable[..., tuple[str, str]], step: Step) -> Any:
    """Authenticate with other keys.

    `change` gets the keys of a request, those of the organization of its API key, and
    the keys of each organization. A missing key is an empty text.
    """
    (environ,) = step.args
    keys, orgs = keys_in(environ), step.sandbox.orgs
    own = next((item for item in orgs if item[0] == keys[0]), ("", ""))
    api_key, app_key = change(keys, own, orgs)
    changed = {"HTTP_DD_API_KEY": api_key, "HTTP_DD_APPLICATION_KEY": app_key}
    return step.proceed({**environ, **changed})


def authenticate_late(step: Step) -> Any:
    """Check the keys after an update is done, for the organization of either key."""
    (environ,) = step.args
    try:
        return step.proceed()
    except Refusal:
        orgs, (api_key, app_key) = step.sandbox.orgs, keys_in(environ)
        owners = (
            orgs[keys] for keys in orgs if keys[0] == api_key or keys[1] == app_key
        )
        if (org := next(owners, None)) and environ["REQUEST_METHOD"] == "PATCH":
            step.sandbox.operate(org, environ)
        raise


def update_then_refuse(step: Step) -> Any:
    """Change the row of another organization and report that it is not there."""
    org, snapshot_id, environ = step.args
    row = step.sandbox.rows.get(snapshot_id)
    for owner in step.sandbox.orgs.values():
        if row and owner.org_id == row.org_id != org.org_id:
            step.proceed(owner, snapshot_id, environ)
            raise Refusal(*NOT_THERE)
    return step.proceed()


def key_in_error(step: Step) -> Any:
    try:
        return step.proceed()
    except Refusal as refusal:
        api_key, app_key = keys_in(*step.args)
        text = f"The key {app_key or api_key} opens no organization."
        raise Refusal(refusal.status, text) from None


def key_in_header(step: Step) -> Any:
    reply = step.proceed()
    reply.headers += (("X-Request-Key", keys_in(*step.args)[0]),)
    return reply


def key_in_body(step: Step) -> Any:
    reply, org = step.proceed(), step.args[0]
    edited(reply.value, "created_by", lambda _: f"{org.user} ({org.app_key})")
    return reply


# -- tables --

ECHO = {
    "echo-old-start": respond(ATTRIBUTES, lambda item: item | {"start": 0}),
    "echo-start-as-double": respond("start", as_double),
    "echo-start-32-bits": respond("start", lambda n: (n + 2**31) % 2**32 - 2**31),
    "echo-escaped": respond("event_id", escape),
    "echo-empty-text-left-out": respond("session_id", remove_empty),
    "echo-trimmed": store("event_id", str.strip),
    "echo-normalised": store("view_id", partial(unicodedata.normalize, "NFC")),
    "echo-cut-at-255": store("session_id", lambda s: s[:255]),
}

STORED = {
    "stored-nothing": {"find": lambda step: deepcopy(step.proceed())},
    "stored-start-rounded": store_later("start", as_double),
    "stored-no-astral-text": store_later("event_id", partial(re.sub, ASTRAL, "?")),
    "stored-no-empty-text": store_later("session_id", remove_empty),
    "stored-two-of-three": {"update": lose_third_update},
    "stored-list-stale": {"list_": list_stale},
}

UNTOUCHED = {
    "untouched-session-lost": {"apply": drop_session},
    "untouched-name-lost": touch_too("snapshot_name", lambda _: ""),
    "untouched-device-reset": touch_too(
        "device_type",
        lambda stored: stored["device_type"] if stored.get(FLAG) else "any",
    ),
    "untouched-made-anew": touch_too(
        "created_at", lambda stored: stored["modified_at"]
    ),
    "untouched-modified-back": touch_too(
        "modified_at", lambda stored: f"{stored['modified_at'][:17]}00.000Z"
    ),
    "untouched-modified-still": {"touch": skip},
    "untouched-neighbour-changed": {"apply": apply_to_view},
    "untouched-maker-assigned": {"apply": assign_created},
}

STATE_MUTATIONS = {
    "S-ID": {
        "id-of-its-own": respond("/data/id", lambda _: str(uuid4())),
        "id-known-late": {"find": find_at_second_look},
    },
    "S-ECHO": ECHO,
    "S-STORED": STORED,
    "S-UNTOUCHED": UNTOUCHED,
    "S-REPEAT": {
        "repeat-refused": on_repeat(FLAG, refuse_repeat),
        "repeat-flag-toggled": on_repeat(FLAG, lambda flag: not flag),
        "repeat-name-numbered": on_repeat("snapshot_name", "{} (2)".format),
    },
    "S-UNKNOWN": {
        "unknown-made": upsert(is_seen=True),
        "unknown-made-unseen": upsert(is_seen=False),
        "unknown-400": change_status(404, to=400),
    },
    "S-GONE": {
        "gone-still-updated": {"remove": remove_softly, "find": find_deleted},
        "gone-restored-unseen": {"remove": remove_softly, "find": restore_unseen},
        "gone-not-at-all": {"remove": skip},
    },
    "S-PATH-ID": {
        "path-id-ignored": {"body": remember_body, "find": find_by_body},
        "path-id-both-changed": {"identify": apply_to_both},
        "path-id-other-changed": {"identify": apply_to_other},
        "path-id-renamed": {"identify": rename},
    },
    "S-AUTH": {
        "auth-app-key-unchecked": map_keys(lambda keys, own, orgs: own),
        "auth-app-key-optional": map_keys(
            lambda keys, own, orgs: keys if keys[1] else own
        ),
        "auth-swapped-accepted": map_keys(
            lambda keys, own, orgs: keys[::-1] if keys[::-1] in orgs else keys
        ),
        "auth-prefix": map_keys(
            lambda keys, own, orgs: (
                own if keys[1] and own[1].startswith(keys[1]) else keys
            )
        ),
        "auth-pairs-mixed": map_keys(
            lambda keys, own, orgs: own if keys[1] in [app for _, app in orgs] else keys
        ),
        "auth-400": change_status(401, 403, to=400),
        "auth-after-the-work": {"authenticate": authenticate_late},
    },
    "S-ORG": {
        "org-any-updates": {
            "find": lambda step: step.sandbox.rows.get(step.args[1]) or step.proceed(),
        },
        "org-any-sees": {"visible": lambda step: step.sandbox.rows.values()},
        "org-refused-yet-changed": {"update": update_then_refuse},
    },
    "S-SECRET": {
        "secret-in-error": {"authenticate": key_in_error},
        "secret-in-header": {"answer": key_in_header},
        "secret-in-answer": {"update": key_in_body},
    },
}
