"""Faults in how a service responds, by the clause that must catch them."""

from collections.abc import Callable
from html import escape
from typing import Any

from contract.faults.sandbox_harness import Mutations, SandboxMutation, Step, mutation
from contract.model import Json
from contract.sandbox import Refusal, Reply

FLAG = "is_device_type_selected_by_user"
JSON_API = "application/vnd.api+json"


# -- updates --


def change_reply(change: Callable[[Reply], Reply]) -> SandboxMutation:
    """Respond to an update otherwise. Rows stay as they are."""
    return mutation(update=lambda step: change(step.proceed()))


def change_document(change: Callable[[Json], object]) -> SandboxMutation:
    def update(step: Step) -> Any:
        reply = step.proceed()
        change(reply.value)
        return reply

    return mutation(update=update)


def change_resource(change: Callable[[Json], object]) -> SandboxMutation:
    """Change the resource of a response in place."""
    return change_document(lambda document: change(document["data"]))


def change_attributes(change: Callable[[Json], object]) -> SandboxMutation:
    """Change the attributes of a response in place."""
    return change_resource(lambda resource: change(resource["attributes"]))


def change_attribute(name: str, change: Callable[[Any], Json]) -> SandboxMutation:
    """Change an attribute of a response that has it."""

    def alter(attributes: Json) -> None:
        if name in attributes:
            attributes[name] = change(attributes[name])

    return change_attributes(alter)


def with_media_type(reply: Reply, media_type: str) -> Reply:
    return Reply(reply.status, reply.value, [("Content-Type", media_type)])


# -- errors --


def change_error(
    change: Callable[[Refusal], Json],
    media_type: str = "application/json",
    status: int = 0,
) -> SandboxMutation:
    """Return errors in another form, all or those of one status."""

    def error(step: Step) -> Any:
        (refusal,) = step.args
        reply = step.proceed()
        if status in (0, refusal.status):
            reply.value = change(refusal)
            reply.headers = [("Content-Type", media_type), *refusal.headers]
        return reply

    return mutation(error=error)


def change_status(*statuses: int, to: int) -> SandboxMutation:
    """Return errors under another status."""

    def error(step: Step) -> Any:
        reply = step.proceed()
        if reply.status in statuses:
            reply.status = to
        return reply

    return mutation(error=error)


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


def rate_limited(mutation: SandboxMutation) -> SandboxMutation:
    """Return a mutation that shows when the rate limit is used up."""
    return SandboxMutation({"count": count, **mutation.steps}, RATE_LIMIT)


def set_reset(reset: str | None) -> SandboxMutation:
    """Send another X-RateLimit-Reset. None removes it."""

    def limits(step: Step) -> Any:
        *headers, (name, _) = step.proceed()
        return headers if reset is None else [*headers, (name, reset)]

    return rate_limited(mutation(limits=limits))


# -- tables --


def without_creator(step: Step) -> Any:
    resource = step.proceed()
    resource["attributes"].pop("created_by", None)
    return resource


SCHEMA = {
    "answer-start-as-text": change_attribute("start", str),
    "answer-user-as-text": change_attribute("created_by_user_id", str),
    "answer-org-as-fraction": change_attribute("org_id", lambda n: n + 0.5),
    "answer-flag-as-number": change_attribute(FLAG, int),
    "answer-date-as-number": change_attribute("modified_at", lambda _: 1_700_000_000),
    "answer-date-with-space": change_attribute(
        "created_at", lambda text: text.replace("T", " ")
    ),
    "answer-date-without-zone": change_attribute(
        "modified_at", lambda text: text.removesuffix("Z")
    ),
    "answer-date-impossible": change_attribute(
        "modified_at", lambda text: f"{text[:5]}02-30{text[10:]}"
    ),
    "answer-null-session": change_attributes(lambda item: item.update(session_id=None)),
    "answer-other-type": change_resource(lambda item: item.update(type="snapshot")),
    "answer-no-type": change_resource(lambda item: item.pop("type")),
    "answer-list": change_document(lambda item: item.update(data=[item["data"]])),
    "answer-not-json": change_reply(
        lambda reply: Reply(200, str(reply.value).encode(), reply.headers)
    ),
    "answer-empty": change_reply(lambda reply: Reply(200, b"", reply.headers)),
}

ERRORS = {
    "error-as-page": change_error(page_of, "text/html"),
    "error-as-message": change_error(lambda refusal: {"message": text_of(refusal)}),
    "error-as-text": change_error(lambda refusal: {"errors": text_of(refusal)}),
    "error-status-as-number": change_error(objects_of),
    "error-null-for-unknown": change_error(lambda _: {"errors": None}, status=404),
    "error-429-as-objects": rate_limited(
        change_error(lambda item: {"errors": [{"title": text_of(item)}]}, status=429)
    ),
    "error-429-as-page": rate_limited(change_error(page_of, "text/html", status=429)),
}

RESPONSE_MUTATIONS: Mutations = {
    "S-STATUS": {
        "status-201": change_reply(lambda r: Reply(201, r.value, r.headers)),
        "status-204": change_reply(lambda _: Reply(204, None, [])),
        "status-402-for-400": change_status(400, to=402),
        "status-302-for-404": change_status(404, to=302),
    },
    "S-SCHEMA": SCHEMA,
    "S-MEDIA": {
        "media-html": change_reply(
            lambda reply: with_media_type(reply, "text/html; charset=utf-8")
        ),
        "media-missing": change_reply(lambda r: Reply(r.status, r.value, [])),
        "media-json-api": change_reply(lambda reply: with_media_type(reply, JSON_API)),
    },
    "S-ERROR": ERRORS,
    "S-RATE": {
        "rate-no-reset": set_reset(None),
        "rate-reset-as-date": set_reset("1700000000"),
        "rate-reset-zero": set_reset("0"),
    },
    "S-PARITY": {
        "parity-422-for-400": change_status(400, to=422),
        "parity-other-media-type": mutation(
            reply=lambda step: with_media_type(step.proceed(), JSON_API)
        ),
        "parity-no-maker": mutation(render=without_creator),
    },
}
