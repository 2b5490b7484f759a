"""Known ways for a service to be wrong, each named with the clause that must catch it.

A fault is the sandbox with one of its steps changed, seldom two; the changes are made by `asking` and `acting`.
Those of S-PARITY are one of two sites, the other of which is right.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any
from uuid import uuid4

from contract.faults import request_mutators, response_mutators
from contract.faults.request_mutators import Change, Faultable, attributes_of, texts
from contract.sandbox import Refusal, Reply, Sandbox

__all__ = ["SERVICE_FAULTS", "ServiceFault"]

_LIMIT = (100, 60)
"""For faults that only show where the rate limit is used up: requests, seconds."""


@dataclass(frozen=True)
class ServiceFault:
    """One way to be wrong, and the id of the clause that must catch it; `make` takes what `Sandbox` takes."""

    id: str
    clause: str
    make: Callable[..., Sandbox]


def _fault(
    name: str,
    clause: str,
    *,
    rate_limit: tuple[int, float] | None = None,
    **steps: Change,
) -> ServiceFault:
    faulty = type(
        "Faulty",
        (Faultable,),
        {step: _changed(step, change) for step, change in steps.items()},
    )
    return ServiceFault(
        name,
        clause,
        partial(faulty, **({"rate_limit": rate_limit} if rate_limit else {})),
    )


def _changed(step: str, change: Change) -> Callable[..., Any]:
    then = getattr(Faultable, step)
    return lambda self, *args: change(self, partial(then, self), *args)


def _limited_fault(name: str, clause: str, **steps: Change) -> ServiceFault:
    return _fault(
        name,
        clause,
        rate_limit=_LIMIT,
        count=response_mutators.limited_at_times,
        **steps,
    )


def _attribute(name: str, wrong: Callable[[Any], object]) -> Callable[[Any], bool]:
    return lambda body: (
        name in attributes_of(body) and bool(wrong(attributes_of(body)[name]))
    )


def _third_update_lost(self: Faultable, row: Any) -> None:
    """Keep the event that was stored before, every third time."""
    turn, before = self.memory.get(row.id, (1, None))
    if turn % 3 == 0:
        row.attributes["event_id"] = before
    self.memory[row.id] = turn + 1, row.attributes["event_id"]


def _list_stale(self: Faultable, then: Any, org: Any, path: str, environ: Any) -> Reply:
    """Answer the same list twice as it was the first time."""
    query = f"{org.org_id} {environ.get('QUERY_STRING')}"
    if query in self.memory:
        return self.reply(200, self.memory.pop(query))
    reply: Reply = then(org, path, environ)
    self.memory[query] = reply.value
    return reply


def _without_content_type(reply: Reply) -> Reply:
    reply.headers = [each for each in reply.headers if each[0] != "Content-Type"]
    return reply


def _as(media: str) -> Change:
    def update(reply: Reply) -> Reply:
        reply.headers = [("Content-Type", media)]
        return reply

    return response_mutators.replied(update)


def _text_of(refusal: Refusal) -> str:
    return "; ".join(refusal.errors)


def _page(refusal: Refusal) -> bytes:
    return f"<html><body><h1>{refusal.status}</h1><p>{escape(_text_of(refusal))}</p></body></html>".encode()


def _objects(refusal: Refusal) -> Any:
    return {
        "errors": [{"title": text, "status": refusal.status} for text in refusal.errors]
    }


def _key_in_error(self: Faultable, then: Any, environ: Any) -> Any:
    try:
        return then(environ)
    except Refusal as refusal:
        given = environ.get("HTTP_DD_APPLICATION_KEY") or environ.get("HTTP_DD_API_KEY")
        raise Refusal(
            refusal.status, f"The key {given} opens no organization."
        ) from None


def _key_in_header(self: Faultable, then: Any, environ: Any) -> Reply:
    reply: Reply = then(environ)
    reply.headers.append(("X-Request-Key", environ.get("HTTP_DD_API_KEY") or ""))
    return reply


def _key_as_maker(self: Faultable, then: Any, org: Any, *args: Any) -> Reply:
    reply: Reply = then(org, *args)
    reply.value["data"]["attributes"]["created_by"] = f"{org.user} ({org.app_key})"
    return reply


def _neighbours_see(self: Faultable, then: Any, org: Any) -> Any:
    return self.rows.values()


def _in_schema(name: str, change: Callable[[Any], Any]) -> ServiceFault:
    return _fault(
        f"answer-{name.partition(' ')[0]}",
        "S-SCHEMA",
        update=response_mutators.told(name.partition(" ")[2], change),
    )


_ENUM = "snapshots"
_AT = "/data/attributes"
_FLAG = "is_device_type_selected_by_user"
_ATTRIBUTES = ("event_id", _FLAG, "session_id", "start", "view_id")

_INVALID_ACCEPTED = (
    *(
        _fault(
            f"accepts-no-{pointer.rpartition('/')[2].replace('_', '-')}",
            "S-REJECT",
            validate=request_mutators.blind(pointer, "required"),
        )
        for pointer in (
            "/data/type",
            f"{_AT}/event_id",
            f"{_AT}/{_FLAG}",
            f"{_AT}/start",
        )
    ),
    _fault(
        "accepts-no-data",
        "S-REJECT",
        validate=request_mutators.mended(
            lambda attributes, body: (
                body.setdefault("data", {"type": _ENUM})
                if isinstance(body, dict)
                else None
            )
        ),
    ),
    _fault(
        "accepts-null-id",
        "S-REJECT",
        validate=request_mutators.blind("/data/id", "type", "is null"),
    ),
    _fault(
        "accepts-null-attributes",
        "S-REJECT",
        validate=request_mutators.blind(_AT, "type", "is null"),
    ),
    _fault(
        "accepts-null-session",
        "S-REJECT",
        validate=request_mutators.turned("session_id", type(None), lambda _: None),
    ),
    _fault(
        "accepts-number-as-view",
        "S-REJECT",
        validate=request_mutators.turned("view_id", int, str),
    ),
    _fault(
        "accepts-object-as-event",
        "S-REJECT",
        validate=request_mutators.blind(f"{_AT}/event_id", "type", "is object"),
    ),
    _fault(
        "accepts-text-as-start",
        "S-REJECT",
        validate=request_mutators.turned(
            "start", str, partial(request_mutators.number, "-?[0-9]{1,18}")
        ),
    ),
    _fault(
        "accepts-fraction-as-start",
        "S-REJECT",
        validate=request_mutators.turned("start", float, request_mutators.as_double),
    ),
    _fault(
        "accepts-text-as-flag",
        "S-REJECT",
        validate=request_mutators.turned(
            _FLAG, str, lambda text: {"true": True, "false": False}.get(text, text)
        ),
    ),
    _fault(
        "accepts-number-as-flag",
        "S-REJECT",
        validate=request_mutators.turned(
            _FLAG, int, lambda value: bool(value) if value in (0, 1) else value
        ),
    ),
    _fault(
        "accepts-int64-plus-one",
        "S-REJECT",
        validate=request_mutators.turned(
            "start", int, lambda value: 2**63 - 1 if value == 2**63 else value
        ),
    ),
    _fault(
        "accepts-int64-wrapped",
        "S-REJECT",
        validate=request_mutators.turned(
            "start", int, lambda value: (value + 2**63) % 2**64 - 2**63
        ),
    ),
    _fault(
        "accepts-any-type",
        "S-REJECT",
        validate=request_mutators.blind("/data/type", "enum"),
    ),
    _fault(
        "accepts-type-any-case",
        "S-REJECT",
        validate=request_mutators.retyped(str.lower),
    ),
    _fault(
        "accepts-type-trimmed", "S-REJECT", validate=request_mutators.retyped(str.strip)
    ),
    _fault(
        "accepts-trailing-comma",
        "S-REJECT",
        parse=request_mutators.lenient(
            lambda body: re.sub(rb",\s*([}\]])", rb"\1", body)
        ),
    ),
    _fault(
        "accepts-comments",
        "S-REJECT",
        parse=request_mutators.lenient(
            lambda body: re.sub(rb"/\*.*?\*/|//.*\n", b"", body)
        ),
    ),
    _fault(
        "accepts-nan",
        "S-REJECT",
        parse=request_mutators.lenient(lambda body: re.sub(rb"\bNaN\b", b"0", body)),
    ),
    _fault(
        "accepts-trailing-text",
        "S-REJECT",
        parse=request_mutators.lenient(lambda body: body[: body.rfind(b"}")]),
    ),
    _fault(
        "accepts-bad-utf-8",
        "S-REJECT",
        parse=request_mutators.lenient(
            lambda body: body.decode("utf-8", "replace").encode()
        ),
    ),
    _fault(
        "accepts-empty-body",
        "S-REJECT",
        parse=request_mutators.lenient(
            lambda body: body if body.strip() else b'{"data":{"type":"snapshots"}}'
        ),
    ),
    _fault(
        "accepts-text-plain",
        "S-REJECT",
        accept=request_mutators.admitting("text/plain"),
    ),
    _fault(
        "accepts-form",
        "S-REJECT",
        accept=request_mutators.admitting("application/x-www-form-urlencoded"),
        parse=request_mutators.lenient(
            lambda body: re.sub(
                rb"data\[type\]=(\w+)", rb'{"data":{"type":"\1"}}', body
            )
        ),
    ),
    _fault(
        "rejects-but-stores",
        "S-REJECT",
        update=response_mutators.apply_before_validation,
        validate=response_mutators.store_the_good_ones,
    ),
)

_VALID_REJECTED = (
    _fault(
        "rejects-unknown-property",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            lambda body: request_mutators.has_unknown(body, known=("data",))
        ),
    ),
    _fault(
        "rejects-no-attributes",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            lambda body: "attributes" not in body["data"]
        ),
    ),
    _fault(
        "rejects-empty-text",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            _attribute("event_id", lambda text: not text)
        ),
    ),
    _fault(
        "rejects-zero-start",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            _attribute("start", lambda value: not value)
        ),
    ),
    _fault(
        "rejects-negative-start",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            _attribute("start", lambda value: value < 0)
        ),
    ),
    _fault(
        "rejects-beyond-double",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            _attribute("start", lambda value: abs(value) > 2**53)
        ),
    ),
    _fault(
        "rejects-false-flag",
        "S-ACCEPT",
        validate=request_mutators.refusing(_attribute(_FLAG, lambda value: not value)),
    ),
    _fault(
        "rejects-not-uuid",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            _attribute("view_id", lambda text: not re.fullmatch("[0-9a-f-]{36}", text))
        ),
    ),
    _fault(
        "rejects-astral-text",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            lambda body: request_mutators.named_in(
                attributes_of(body), "[\U00010000-\U0010ffff]"
            )
        ),
    ),
    _fault(
        "rejects-nul",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            lambda body: request_mutators.named_in(attributes_of(body), "\0"), 422
        ),
    ),
    _fault(
        "rejects-long-text",
        "S-ACCEPT",
        validate=request_mutators.refusing(
            lambda body: any(len(text) > 255 for text in texts(attributes_of(body)))
        ),
    ),
    _fault(
        "rejects-charset",
        "S-ACCEPT",
        accept=lambda self, then, media: then(media.replace(";", "/")),
    ),
)

_FAILING = (
    _fault(
        "fails-on-nul",
        "S-NO-5XX",
        validate=request_mutators.refusing(
            lambda body: request_mutators.named_in(attributes_of(body), "\0"), 500
        ),
    ),
    _fault(
        "fails-on-lone-surrogate",
        "S-NO-5XX",
        parse=request_mutators.falling(request_mutators.lone_surrogate),
    ),
    _fault(
        "fails-on-bad-utf-8",
        "S-NO-5XX",
        parse=request_mutators.falling(
            lambda body: body.decode("utf-8", "replace").encode() != body
        ),
    ),
    _fault(
        "fails-on-deep-nesting",
        "S-NO-5XX",
        parse=request_mutators.falling(lambda body: body.count(b"[") > 1000),
    ),
    _fault(
        "fails-on-huge-number",
        "S-NO-5XX",
        parse=request_mutators.falling(
            re.compile(rb"[:,\[]\s*-?[0-9.]+e[0-9]{3}").search
        ),
    ),
    _fault(
        "fails-on-non-object",
        "S-NO-5XX",
        parse=request_mutators.falling(request_mutators.non_object),
    ),
    _fault(
        "fails-on-missing-app-key",
        "S-NO-5XX",
        authenticate=lambda self, then, environ: (
            then(environ)
            if environ.get("HTTP_DD_APPLICATION_KEY") is not None
            else request_mutators.fail()
        ),
    ),
    _fault(
        "fails-on-odd-id",
        "S-NO-5XX",
        find=lambda self, then, org, snapshot_id: (
            then(org, snapshot_id)
            if snapshot_id.isprintable()
            else request_mutators.fail()
        ),
    ),
    _fault(
        "fails-on-deleted",
        "S-NO-5XX",
        remove=response_mutators.remove_softly,
        find=lambda self, then, org, snapshot_id: (
            request_mutators.fail()
            if snapshot_id in self.memory
            else then(org, snapshot_id)
        ),
    ),
)

_ANSWERS = (
    _fault(
        "status-201",
        "S-STATUS",
        update=response_mutators.replied(
            lambda reply: Reply(201, reply.value, reply.headers)
        ),
    ),
    _fault(
        "status-204",
        "S-STATUS",
        update=response_mutators.replied(lambda reply: Reply(204, None, [])),
    ),
    _fault(
        "status-402-for-400",
        "S-STATUS",
        error=response_mutators.restated(400, instead=402),
    ),
    _fault(
        "status-302-for-404",
        "S-STATUS",
        error=response_mutators.restated(404, instead=302),
    ),
    _in_schema("start-as-text start", str),
    _in_schema("user-as-text created_by_user_id", str),
    _in_schema("org-as-fraction org_id", lambda value: value + 0.5),
    _in_schema(f"flag-as-number {_FLAG}", int),
    _in_schema("date-as-number modified_at", lambda text: 1_700_000_000_000),
    _in_schema("date-with-space created_at", lambda text: text.replace("T", " ")),
    _in_schema("date-without-zone modified_at", lambda text: text.removesuffix("Z")),
    _in_schema(
        "date-impossible modified_at", lambda text: f"{text[:5]}02-30{text[10:]}"
    ),
    _fault(
        "answer-null-session",
        "S-SCHEMA",
        update=response_mutators.answered(
            lambda attributes: attributes.update(session_id=None)
        ),
    ),
    _fault(
        "answer-other-type",
        "S-SCHEMA",
        update=response_mutators.answered(
            lambda data: data.update(type="snapshot"), member="data"
        ),
    ),
    _fault(
        "answer-no-type",
        "S-SCHEMA",
        update=response_mutators.answered(lambda data: data.pop("type"), member="data"),
    ),
    _fault(
        "answer-list",
        "S-SCHEMA",
        update=response_mutators.answered(
            lambda value: value.update(data=[value["data"]]), member="value"
        ),
    ),
    _fault(
        "answer-not-json",
        "S-SCHEMA",
        update=response_mutators.replied(
            lambda reply: Reply(200, str(reply.value).encode(), reply.headers)
        ),
    ),
    _fault(
        "answer-empty",
        "S-SCHEMA",
        update=response_mutators.replied(lambda reply: Reply(200, b"", reply.headers)),
    ),
    _fault("media-html", "S-MEDIA", update=_as("text/html; charset=utf-8")),
    _fault(
        "media-none", "S-MEDIA", update=response_mutators.replied(_without_content_type)
    ),
    _fault("media-json-api", "S-MEDIA", update=_as("application/vnd.api+json")),
    _fault(
        "error-as-page", "S-ERROR", error=response_mutators.refused(_page, "text/html")
    ),
    _fault(
        "error-as-message",
        "S-ERROR",
        error=response_mutators.refused(lambda refusal: {"message": _text_of(refusal)}),
    ),
    _fault(
        "error-as-text",
        "S-ERROR",
        error=response_mutators.refused(lambda refusal: {"errors": _text_of(refusal)}),
    ),
    _fault(
        "error-status-as-number", "S-ERROR", error=response_mutators.refused(_objects)
    ),
    _fault(
        "error-null-for-unknown",
        "S-ERROR",
        error=response_mutators.refused(lambda refusal: {"errors": None}, status=404),
    ),
    _limited_fault(
        "error-429-as-objects",
        "S-ERROR",
        error=response_mutators.refused(
            lambda refusal: {"errors": [{"title": _text_of(refusal)}]}, status=429
        ),
    ),
    _limited_fault(
        "error-429-as-page",
        "S-ERROR",
        error=response_mutators.refused(_page, "text/html", status=429),
    ),
    _limited_fault(
        "rate-no-reset", "S-RATE", limits=response_mutators.limited(Reset=None)
    ),
    _limited_fault(
        "rate-reset-as-date",
        "S-RATE",
        limits=response_mutators.limited(Reset="1700000000"),
    ),
    _limited_fault(
        "rate-reset-zero", "S-RATE", limits=response_mutators.limited(Reset="0")
    ),
)

_BEHAVIOUR = (
    _fault(
        "id-of-its-own",
        "S-ID",
        update=response_mutators.answered(
            lambda data: data.update(id=str(uuid4())), member="data"
        ),
    ),
    _fault("id-known-late", "S-ID", find=response_mutators.find_at_second_look),
    _fault(
        "echo-old-start",
        "S-ECHO",
        update=response_mutators.answered(
            lambda attributes: attributes.update(start=0)
        ),
    ),
    _fault(
        "echo-start-as-double",
        "S-ECHO",
        update=response_mutators.told("start", request_mutators.as_double),
    ),
    _fault(
        "echo-start-32-bits",
        "S-ECHO",
        update=response_mutators.told(
            "start", lambda value: (value + 2**31) % 2**32 - 2**31
        ),
    ),
    _fault("echo-escaped", "S-ECHO", update=response_mutators.told("event_id", escape)),
    _fault(
        "echo-empty-text-left-out",
        "S-ECHO",
        update=response_mutators.answered(
            lambda attributes: (
                attributes.pop("session_id")
                if attributes.get("session_id") == ""
                else None
            )
        ),
    ),
    _fault(
        "echo-trimmed", "S-ECHO", apply=response_mutators.stored("event_id", str.strip)
    ),
    _fault(
        "echo-normalised",
        "S-ECHO",
        apply=response_mutators.stored(
            "view_id", partial(unicodedata.normalize, "NFC")
        ),
    ),
    _fault(
        "echo-cut-at-255",
        "S-ECHO",
        apply=response_mutators.stored("session_id", lambda text: text[:255]),
    ),
    _fault("stored-nothing", "S-STORED", find=response_mutators.find_copy),
    _fault(
        "stored-start-rounded",
        "S-STORED",
        update=response_mutators.kept(
            lambda self, row: row.attributes.update(
                start=request_mutators.as_double(row.attributes["start"])
            )
        ),
    ),
    _fault(
        "stored-no-astral-text",
        "S-STORED",
        update=response_mutators.kept(
            lambda self, row: row.attributes.update(
                event_id=re.sub(
                    "[\U00010000-\U0010ffff]", "?", row.attributes["event_id"]
                )
            )
        ),
    ),
    _fault(
        "stored-no-empty-text",
        "S-STORED",
        update=response_mutators.kept(
            lambda self, row: (
                row.attributes.get("session_id", "-")
                or row.attributes.pop("session_id")
            )
        ),
    ),
    _fault(
        "stored-two-of-three",
        "S-STORED",
        update=response_mutators.kept(_third_update_lost),
    ),
    _fault("stored-list-stale", "S-STORED", list_=_list_stale),
    _fault(
        "untouched-session-lost",
        "S-UNTOUCHED",
        apply=response_mutators.cleared("session_id"),
    ),
    _fault(
        "untouched-name-lost",
        "S-UNTOUCHED",
        touch=response_mutators.put("snapshot_name", lambda self, row: ""),
    ),
    _fault(
        "untouched-device-reset",
        "S-UNTOUCHED",
        touch=response_mutators.put(
            "device_type",
            lambda self, row: (
                row.attributes["device_type"] if row.attributes[_FLAG] else "any"
            ),
        ),
    ),
    _fault(
        "untouched-made-anew",
        "S-UNTOUCHED",
        touch=response_mutators.put(
            "created_at", lambda self, row: row.attributes["modified_at"]
        ),
    ),
    _fault(
        "untouched-modified-back",
        "S-UNTOUCHED",
        touch=response_mutators.put(
            "modified_at",
            lambda self, row: self.timestamp(row.modified_ms // 60_000 * 60_000),
        ),
    ),
    _fault(
        "untouched-modified-still", "S-UNTOUCHED", touch=lambda self, then, row: None
    ),
    _fault(
        "untouched-neighbour-changed",
        "S-UNTOUCHED",
        apply=response_mutators.to_others(
            lambda row, other: (
                row.attributes["view_name"] == other.attributes["view_name"]
            )
        ),
    ),
    _fault(
        "untouched-maker-assigned", "S-UNTOUCHED", apply=response_mutators.assign_maker
    ),
    _fault(
        "repeat-refused",
        "S-REPEAT",
        apply=response_mutators.on_repeat(response_mutators.refuse_nothing_new),
    ),
    _fault(
        "repeat-flag-toggled",
        "S-REPEAT",
        apply=response_mutators.on_repeat(
            lambda row: row.attributes.update({_FLAG: not row.attributes[_FLAG]})
        ),
    ),
    _fault(
        "repeat-name-numbered",
        "S-REPEAT",
        apply=response_mutators.on_repeat(
            lambda row: row.attributes.update(
                snapshot_name=row.attributes["snapshot_name"] + " (2)"
            )
        ),
    ),
    _fault("unknown-made", "S-UNKNOWN", find=response_mutators.upsert()),
    _fault("unknown-made-unseen", "S-UNKNOWN", find=response_mutators.upsert(404)),
    _fault(
        "unknown-400", "S-UNKNOWN", error=response_mutators.restated(404, instead=400)
    ),
    _fault(
        "gone-still-updated",
        "S-GONE",
        remove=response_mutators.remove_softly,
        find=response_mutators.find_deleted,
    ),
    _fault(
        "gone-restored-unseen",
        "S-GONE",
        remove=response_mutators.remove_softly,
        find=response_mutators.find_restored_unseen,
    ),
    _fault("gone-not-at-all", "S-GONE", remove=lambda self, then, row: None),
    _fault(
        "path-id-ignored",
        "S-PATH-ID",
        body=response_mutators.remember_named,
        find=response_mutators.find_named,
    ),
    _fault(
        "path-id-both-changed", "S-PATH-ID", identify=response_mutators.identify_both
    ),
    _fault(
        "path-id-other-changed", "S-PATH-ID", identify=response_mutators.identify_other
    ),
    _fault("path-id-renamed", "S-PATH-ID", identify=response_mutators.rename),
)

_PARITY = (
    _fault(
        "parity-422-for-400",
        "S-PARITY",
        error=response_mutators.restated(400, instead=422),
    ),
    _fault(
        "parity-other-media-type",
        "S-PARITY",
        reply=lambda self, then, status, value: response_mutators.of_media(
            then(status, value), "application/vnd.api+json"
        ),
    ),
    _fault(
        "parity-no-maker",
        "S-PARITY",
        render=lambda self, then, row: response_mutators.without(
            then(row), "created_by"
        ),
    ),
)

_AUTHORISATION = (
    _fault(
        "auth-app-key-unchecked",
        "S-AUTH",
        authenticate=request_mutators.keys_as(
            lambda self, api, app: request_mutators.pair(self, api=api)
        ),
    ),
    _fault(
        "auth-app-key-optional",
        "S-AUTH",
        authenticate=request_mutators.keys_as(
            lambda self, api, app: (
                (api, app) if app else request_mutators.pair(self, api=api)
            )
        ),
    ),
    _fault(
        "auth-swapped",
        "S-AUTH",
        authenticate=request_mutators.keys_as(
            lambda self, api, app: (app, api) if (app, api) in self.orgs else (api, app)
        ),
    ),
    _fault(
        "auth-prefix",
        "S-AUTH",
        authenticate=request_mutators.keys_as(
            lambda self, api, app: (
                known
                if app
                and (known := request_mutators.pair(self, api=api))[1].startswith(app)
                else (api, app)
            )
        ),
    ),
    _fault(
        "auth-pairs-mixed",
        "S-AUTH",
        authenticate=request_mutators.keys_as(
            lambda self, api, app: (
                request_mutators.pair(self, api=api)
                if request_mutators.pair(self, app=app)[0]
                else (api, app)
            )
        ),
    ),
    _fault(
        "auth-400", "S-AUTH", error=response_mutators.restated(401, 403, instead=400)
    ),
    _fault(
        "auth-after-the-work",
        "S-AUTH",
        authenticate=request_mutators.look_after_the_work,
    ),
    _fault("org-any-updates", "S-ORG", find=response_mutators.find_of_any_org),
    _fault("org-any-sees", "S-ORG", visible=_neighbours_see),
    _fault(
        "org-told-yet-changed", "S-ORG", update=response_mutators.change_then_refuse
    ),
    _fault("secret-in-error", "S-SECRET", authenticate=_key_in_error),
    _fault("secret-in-header", "S-SECRET", answer=_key_in_header),
    _fault("secret-in-answer", "S-SECRET", update=_key_as_maker),
)

SERVICE_FAULTS: tuple[ServiceFault, ...] = (
    *_INVALID_ACCEPTED,
    *_VALID_REJECTED,
    *_FAILING,
    *_ANSWERS,
    *_BEHAVIOUR,
    *_AUTHORISATION,
    *_PARITY,
)
"""The faults for services."""
