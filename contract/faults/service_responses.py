"""Faults in how a service responds, by the clause that must catch them."""

from dataclasses import replace
from html import escape
from typing import Any

from contract.faults.edits import ATTRIBUTES, FLAG, Edit, edited, remove
from contract.faults.sandbox_harness import SandboxMutation, Step, mutation, replaces
from contract.model import Json
from contract.sandbox import Refusal

# -- updates --


def change_reply(method: str = "update", **fields: Any) -> SandboxMutation:
    """Respond to an update otherwise. Rows stay as they are."""
    return mutation(**{method: lambda step: replace(step.proceed(), **fields)})


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

RATE_LIMIT = (100, 60.0)

LIMITED_TURNS = (0, 106)
TURNS = 211
"""Two of 211 requests are over the limit, so that what alternates has its turn."""


def count(step: Step) -> tuple[int, int]:
    """Report a used-up limit at times, however fast the requests come."""
    turn = step.memory["turn"] = step.memory.get("turn", 0) + 1
    return (10**9 if turn % TURNS in LIMITED_TURNS else 1), 1


def rate_limited(mutation: SandboxMutation) -> SandboxMutation:
    """Return a mutation that shows when the rate limit is used up."""
    return SandboxMutation({"count": count, **mutation.steps}, RATE_LIMIT)


def set_reset(reset: str | None) -> SandboxMutation:
    def limits(step: Step) -> Any:
        headers = step.proceed()[:-1]
        return headers if reset is None else (*headers, ("X-RateLimit-Reset", reset))

    return rate_limited(mutation(limits=limits))


def without_creator(step: Step) -> Any:
    return edited(step.proceed(), "/attributes/created_by", remove)


# -- tables --


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
    "error-429-as-objects": rate_limited(
        change_error(lambda item: {"errors": [{"title": text_in(item)}]}, status=429)
    ),
    "error-429-as-page": rate_limited(change_error(page_of, status=429)),
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
        "rate-no-reset": set_reset(None),
        "rate-reset-as-date": set_reset("1700000000"),
        "rate-reset-zero": set_reset("0"),
    },
    "S-PARITY": {
        "parity-422-for-400": change_status(400, to=422),
        "parity-other-media-type": change_reply("reply", headers=(JSON_API,)),
        "parity-no-maker": mutation(render=without_creator),
    },
}
