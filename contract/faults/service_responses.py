"""Faults in how a service responds, by the clause that must catch them."""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

from contract.faults.edits import ATTRIBUTES, FLAG, Edit, edited, remove
from contract.faults.factory import factory
from contract.faults.sandbox_harness import SandboxMutation, Step, StepMutator, mutation
from contract.model import Json
from contract.sandbox import Refusal

# -- updates --


def change_reply(method: str = "update", **fields: Any) -> SandboxMutation:
    """Respond to an update otherwise. Rows stay as they are."""
    return mutation(**{method: lambda step: replace(step.proceed(), **fields)})


@factory(mutation, "update")
def change_document(place: str, edit: Edit, step: Step) -> Any:
    """Respond to an update with another value at a place."""
    reply = step.proceed()
    reply.value = edited(reply.value, place, edit)
    return reply


# -- errors --


@factory(mutation, "error")
def change_error(
    change: Callable[[Refusal], Json],
    step: Step,
    *,
    media_type: str = "application/json",
    status: int = 0,
) -> Any:
    """Return errors in another form, all or those of one status."""
    (refusal,) = step.args
    reply = step.proceed()
    if status in (0, refusal.status):
        reply.value = change(refusal)
        reply.headers = (("Content-Type", media_type), *refusal.headers)
    return reply


@factory(mutation, "error")
def change_status(*args: Any, to: int) -> Any:
    """Return errors of some statuses under another one."""
    *statuses, step = args
    reply = step.proceed()
    if reply.status in statuses:
        reply.status = to
    return reply


def text_of(refusal: Refusal) -> str:
    """Return the texts of a refusal as one."""
    return "; ".join(refusal.errors)


def page_of(refusal: Refusal) -> bytes:
    title, text = refusal.status, escape(text_of(refusal))
    return f"<html><body><h1>{title}</h1><p>{text}</p></body></html>".encode()


def objects_of(refusal: Refusal) -> Json:
    status = refusal.status
    return {"errors": [{"title": text, "status": status} for text in refusal.errors]}


# -- the rate limit --

RATE_LIMIT = (100, 60.0)

LIMITED_TURNS = (0, 106)
TURNS = 211
"""Two of 211 requests are over the limit, so that what alternates has its turn."""


def count(step: Step) -> tuple[int, int]:
    """Report a used-up limit at times, however fast the requests come."""
    turn = step.memory["turn"] = step.memory.get("turn", 0) + 1
    limit, _ = step.sandbox.rate_limit or RATE_LIMIT
    return (limit + 1 if turn % TURNS in LIMITED_TURNS else 1), 1


def rate_limited(**steps: StepMutator) -> SandboxMutation:
    """Return a mutation that shows when the rate limit is used up."""
    return SandboxMutation({"count": count, **steps}, RATE_LIMIT)


@factory(rate_limited, "limits")
def set_reset(reset: str | None, step: Step) -> Any:
    """Send another X-RateLimit-Reset. None removes it."""
    *headers, (name, _) = step.proceed()
    return headers if reset is None else [*headers, (name, reset)]


# -- tables --


def without_creator(step: Step) -> Any:
    return edited(step.proceed(), "/attributes/created_by", remove)


HTML = ("Content-Type", "text/html; charset=utf-8")
JSON_API = ("Content-Type", "application/vnd.api+json")

SCHEMA = {
    "answer-start-as-text": change_document("start", str),
    "answer-user-as-text": change_document("created_by_user_id", str),
    "answer-org-as-fraction": change_document("org_id", lambda n: n + 0.5),
    "answer-flag-as-number": change_document(FLAG, int),
    "answer-date-as-number": change_document("modified_at", lambda _: 1_700_000_000),
    "answer-date-with-space": change_document(
        "created_at", lambda text: text.replace("T", " ")
    ),
    "answer-date-without-zone": change_document(
        "modified_at", lambda text: text.removesuffix("Z")
    ),
    "answer-date-impossible": change_document(
        "modified_at", lambda text: f"{text[:5]}02-30{text[10:]}"
    ),
    "answer-null-session": change_document(
        ATTRIBUTES, lambda attributes: attributes | {"session_id": None}
    ),
    "answer-other-type": change_document("/data/type", lambda _: "snapshot"),
    "answer-no-type": change_document("/data/type", remove),
    "answer-list": change_document("/data", lambda data: [data]),
    "answer-not-json": change_document("", lambda document: str(document).encode()),
    "answer-empty": change_document("", lambda _: b""),
}

ERRORS = {
    "error-as-page": change_error(page_of, media_type="text/html"),
    "error-as-message": change_error(lambda refusal: {"message": text_of(refusal)}),
    "error-as-text": change_error(lambda refusal: {"errors": text_of(refusal)}),
    "error-status-as-number": change_error(objects_of),
    "error-null-for-unknown": change_error(lambda _: {"errors": None}, status=404),
    "error-429-as-objects": rate_limited(
        **change_error(
            lambda item: {"errors": [{"title": text_of(item)}]}, status=429
        ).steps
    ),
    "error-429-as-page": rate_limited(
        **change_error(page_of, media_type="text/html", status=429).steps
    ),
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
