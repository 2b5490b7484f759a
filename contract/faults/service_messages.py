"""Faults in how a service reads and responds, by the clause that must catch them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from typing import Any, NoReturn

from contract.faults.harness import (
    ATTRIBUTES,
    FLAG,
    Edit,
    SandboxMutation,
    Step,
    as_double,
    edited,
    pointer_to,
    remove,
    replaces,
)
from contract.jsondiff import MISSING, value_at, walk
from contract.model import Json
from contract.sandbox import Refusal, attributes_of

ASTRAL = "[\U00010000-\U0010ffff]"
NULL = type(None)


# -- schema --


@replaces("validate")
def ignore(place: str, keyword: str, step: Step, *, of: type = object) -> Any:
    """Ignore a keyword at a place, if the value there has a type."""
    pointer = pointer_to(place)
    is_ignored = isinstance(value_at(step.args[0], pointer), of)
    return [
        item
        for item in step.proceed()
        if not is_ignored or (item.place, item.keyword) != (pointer, keyword)
    ]


@replaces("validate")
def coerce(place: str, of: type, edit: Edit, step: Step) -> Any:
    """Coerce a value of exactly this type before an update is validated."""
    edited(step.args[0], place, lambda item: edit(item) if type(item) is of else item)
    return step.proceed()


@replaces("validate")
def refuse(place: str, is_wrong: Edit, step: Step, *, status: int = 400) -> Any:
    """Refuse a valid update by the value at a place."""
    violations = step.proceed()
    value = value_at(step.args[0], pointer_to(place))
    if not violations and value is not MISSING and is_wrong(value):
        raise Refusal(status, "This is not possible.")
    return violations


def refuse_text(pattern: str, status: int = 400) -> SandboxMutation:
    search = re.compile(pattern).search
    return refuse(
        ATTRIBUTES, lambda value: any(map(search, texts_in(value))), status=status
    )


def texts_in(value: Json) -> Iterator[str]:
    for pointer, item in walk(value):
        yield pointer.rpartition("/")[2]
        if isinstance(item, str):
            yield item


def as_number(text: str) -> Json:
    return int(text) if re.fullmatch("-?[0-9]{1,18}", text) else text


# -- JSON and media types --


@replaces("parse")
def repair_text(repair: Callable[[bytes], bytes], step: Step) -> Any:
    """Parse a body that is no JSON once more after a repair."""
    try:
        return step.proceed()
    except Refusal:
        return step.proceed(repair(*step.args))


def replace_text(pattern: bytes, replacement: bytes) -> SandboxMutation:
    return repair_text(lambda body: re.sub(pattern, replacement, body))


def as_utf8(body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode()


@replaces("accept")
def accept(media_type: str, step: Step) -> None:
    """Read a body of this media type as JSON."""
    if step.args[0] != media_type:
        step.proceed()


def crash() -> NoReturn:
    raise Refusal(500, "Internal error")


def crash_on(method: str, is_fatal: Callable[..., object]) -> SandboxMutation:
    """Fail with 500 on some arguments of a method."""
    return {method: lambda step: crash() if is_fatal(*step.args) else step.proceed()}


def has_lone_surrogate(body: bytes) -> bool:
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return isinstance(error, UnicodeEncodeError)
    return False


def apply_first(step: Step) -> Any:
    """Find the row first, so that `store_valid_members` can change it."""
    with step.sandbox.lock:
        step.memory["row"] = step.sandbox.find(*step.args[:2])
        return step.proceed()


def store_valid_members(step: Step) -> Any:
    violations = step.proceed()
    if violations:
        row, valid = step.memory["row"], attributes_of(*step.args)
        for item in violations:
            valid.pop(item.place.rpartition("/")[2], None)
        step.sandbox.apply(row, valid)
        step.sandbox.touch(row)
    return violations


# -- updates --


def change_reply(method: str = "update", **fields: Any) -> SandboxMutation:
    """Respond to an update otherwise. Rows stay as they are."""
    return {method: lambda step: replace(step.proceed(), **fields)}


@replaces("update")
def respond(place: str, edit: Edit, step: Step) -> Any:
    """Respond to an update with another value at a place."""
    reply = step.proceed()
    reply.value = edited(reply.value, place, edit)
    return reply


# -- errors --


@replaces("error")
def change_error(change: Edit, step: Step, *, status: int = 0) -> Any:
    """Return errors in another form, all or those of one status. Bytes are a page."""
    (refusal,) = step.args
    reply = step.proceed()
    if status in (0, refusal.status):
        reply.value = change(refusal)
        if isinstance(reply.value, bytes):
            reply.headers = (("Content-Type", "text/html"), *refusal.headers)
    return reply


@replaces("error")
def change_status(*args: Any, to: int) -> Any:
    """Return errors of some statuses under another one."""
    *statuses, step = args
    reply = step.proceed()
    if reply.status in statuses:
        reply.status = to
    return reply


def text_in(refusal: Refusal) -> str:
    return "; ".join(refusal.errors)


def page_of(refusal: Refusal) -> bytes:
    title, text = refusal.status, escape(text_in(refusal))
    return f"<html><body><h1>{title}</h1><p>{text}</p></body></html>".encode()


def objects_of(refusal: Refusal) -> Json:
    objects = [{"title": text, "status": refusal.status} for text in refusal.errors]
    return {"errors": objects}


# -- the rate limit --

LIMITED_TURNS = (0, 105)
TURNS = 211
"""Two of 211 requests are over the limit, so that what alternates has its turn."""


def count(step: Step) -> tuple[int, int]:
    """Report a used-up limit at times, however fast the requests come."""
    turn = step.memory["turn"] = step.memory.get("turn", 0) + 1
    return (10**9 if turn % TURNS in LIMITED_TURNS else 1), 1


LIMITED: SandboxMutation = {"count": count}


@replaces("limits")
def set_reset(reset: str | None, step: Step) -> Any:
    headers = step.proceed()[:-1]
    return headers if reset is None else (*headers, ("X-RateLimit-Reset", reset))


def without_creator(step: Step) -> Any:
    return edited(step.proceed(), "/attributes/created_by", remove)


# -- tables --

ACCEPTED = {
    "accepts-no-type": ignore("/data/type", "required"),
    "accepts-no-event-id": ignore("event_id", "required"),
    "accepts-no-is-device-type-selected-by-user": ignore(FLAG, "required"),
    "accepts-no-start": ignore("start", "required"),
    "accepts-no-data": ignore("/data", "required"),
    "accepts-null-id": ignore("/data/id", "type", of=NULL),
    "accepts-null-attributes": ignore(ATTRIBUTES, "type", of=NULL),
    "accepts-null-session": coerce("session_id", NULL, remove),
    "accepts-number-as-view": coerce("view_id", int, str),
    "accepts-object-as-event": ignore("event_id", "type", of=dict),
    "accepts-text-as-start": coerce("start", str, as_number),
    "accepts-fraction-as-start": coerce("start", float, as_double),
    "accepts-text-as-flag": coerce(
        FLAG, str, lambda s: {"true": True, "false": False}.get(s, s)
    ),
    "accepts-number-as-flag": coerce(
        FLAG, int, lambda n: bool(n) if n in (0, 1) else n
    ),
    "accepts-int64-plus-one": coerce(
        "start", int, lambda n: 2**63 - 1 if n == 2**63 else n
    ),
    "accepts-int64-wrapped": coerce(
        "start", int, lambda n: (n + 2**63) % 2**64 - 2**63
    ),
    "accepts-any-type": ignore("/data/type", "enum"),
    "accepts-type-any-case": coerce("/data/type", str, str.lower),
    "accepts-type-trimmed": coerce("/data/type", str, str.strip),
    "accepts-trailing-comma": replace_text(rb",\s*([}\]])", rb"\1"),
    "accepts-comments": replace_text(rb"/\*.*?\*/|//.*\n", b""),
    "accepts-nan": replace_text(rb"\bNaN\b", b"0"),
    "accepts-trailing-text": repair_text(lambda body: body[: body.rfind(b"}")]),
    "accepts-bad-utf-8": repair_text(as_utf8),
    "accepts-empty-body": replace_text(rb"^\s*$", b'{"data":{"type":"snapshots"}}'),
    "accepts-text-plain": accept("text/plain"),
    "accepts-form": accept("application/x-www-form-urlencoded")
    | replace_text(rb"data\[type\]=(\w+)", rb'{"data":{"type":"\1"}}'),
    "rejects-but-stores": {"update": apply_first, "validate": store_valid_members},
}

REJECTED = {
    "rejects-unknown-property": refuse("", lambda body: body.keys() - {"data"}),
    "rejects-no-attributes": refuse("/data", lambda data: "attributes" not in data),
    "rejects-empty-text": refuse("event_id", lambda s: not s),
    "rejects-zero-start": refuse("start", lambda n: not n),
    "rejects-negative-start": refuse("start", lambda n: n < 0),
    "rejects-beyond-double": refuse("start", lambda n: abs(n) > 2**53),
    "rejects-false-flag": refuse(FLAG, lambda flag: not flag),
    "rejects-not-uuid": refuse(
        "view_id", lambda s: not re.fullmatch("[0-9a-f-]{36}", s)
    ),
    "rejects-astral-text": refuse_text(ASTRAL),
    "rejects-nul": refuse_text("\0", 422),
    "rejects-long-text": refuse_text("(?s).{256}"),
    "rejects-charset": {
        "accept": lambda step: step.proceed(step.args[0].replace(";", "/")),
    },
}

CRASHING = {
    "fails-on-nul": refuse_text("\0", 500),
    "fails-on-lone-surrogate": crash_on("parse", has_lone_surrogate),
    "fails-on-bad-utf-8": crash_on("parse", lambda body: as_utf8(body) != body),
    "fails-on-deep-nesting": crash_on("parse", lambda body: body.count(b"[") > 1000),
    "fails-on-huge-number": crash_on(
        "parse", re.compile(rb"[:,\[]\s*-?[0-9.]+e[0-9]{3}").search
    ),
    "fails-on-non-object": crash_on(
        "validate", lambda body: not isinstance(body, dict)
    ),
    "fails-on-missing-app-key": crash_on(
        "authenticate", lambda environ: "HTTP_DD_APPLICATION_KEY" not in environ
    ),
    "fails-on-odd-id": crash_on("find", lambda _, name: not name.isprintable()),
    "fails-on-deleted": {
        "remove": lambda step: step.memory.update({step.args[0].id: step.proceed()}),
        "find": lambda step: crash() if step.args[1] in step.memory else step.proceed(),
    },
}

BODY_MUTATIONS = {
    "S-REJECT": ACCEPTED,
    "S-ACCEPT": REJECTED,
    "S-NO-5XX": CRASHING,
}

HTML = ("Content-Type", "text/html; charset=utf-8")
JSON_API = ("Content-Type", "application/vnd.api+json")

SCHEMA = {
    "answer-start-as-text": respond("start", str),
    "answer-user-as-text": respond("created_by_user_id", str),
    "answer-org-as-fraction": respond("org_id", lambda n: n + 0.5),
    "answer-flag-as-number": respond(FLAG, int),
    "answer-date-as-number": respond("modified_at", lambda _: 1_700_000_000),
    "answer-date-with-space": respond("created_at", lambda s: s.replace("T", " ")),
    "answer-date-without-zone": respond("modified_at", lambda s: s.removesuffix("Z")),
    "answer-date-impossible": respond("modified_at", lambda s: f"{s[:5]}02-30{s[10:]}"),
    "answer-null-session": respond(
        ATTRIBUTES, lambda item: item | {"session_id": None}
    ),
    "answer-other-type": respond("/data/type", lambda _: "snapshot"),
    "answer-no-type": respond("/data/type", remove),
    "answer-list": respond("/data", lambda data: [data]),
    "answer-not-json": respond("", lambda document: str(document).encode()),
    "answer-empty": respond("", lambda _: b""),
}

ERRORS = {
    "error-as-page": change_error(page_of),
    "error-as-message": change_error(lambda refusal: {"message": text_in(refusal)}),
    "error-as-text": change_error(lambda refusal: {"errors": text_in(refusal)}),
    "error-status-as-number": change_error(objects_of),
    "error-null-for-unknown": change_error(lambda _: {"errors": None}, status=404),
    "error-429-as-objects": LIMITED
    | change_error(lambda item: {"errors": [{"title": text_in(item)}]}, status=429),
    "error-429-as-page": LIMITED | change_error(page_of, status=429),
}

RESPONSE_MUTATIONS = {
    "S-STATUS": {
        "status-201": change_reply(status=201),
        "status-204": change_reply(status=204, value=None, headers=()),
        "status-402-for-400": change_status(400, to=402),
        "status-302-for-404": change_status(404, to=302),
    },
    "S-SCHEMA": SCHEMA,
    "S-MEDIA": {
        "media-html": change_reply(headers=(HTML,)),
        "media-missing": change_reply(headers=()),
        "media-json-api": change_reply(headers=(JSON_API,)),
    },
    "S-ERROR": ERRORS,
    "S-RATE": {
        "rate-no-reset": LIMITED | set_reset(None),
        "rate-reset-as-date": LIMITED | set_reset("1700000000"),
        "rate-reset-zero": LIMITED | set_reset("0"),
    },
    "S-PARITY": {
        "parity-422-for-400": change_status(400, to=422),
        "parity-other-media-type": change_reply("reply", headers=(JSON_API,)),
        "parity-no-maker": {"render": without_creator},
    },
}
