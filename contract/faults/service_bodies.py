"""Faults in how a service reads bodies, by the clause that must catch them."""

import json
import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, NoReturn

from contract.faults.sandbox_harness import Mutations, SandboxMutation, Step, mutation
from contract.jsondiff import value_at
from contract.model import Json
from contract.sandbox import Refusal, attributes_of

FLAG = "is_device_type_selected_by_user"
ATTRIBUTES = "/data/attributes"
ASTRAL = "[\U00010000-\U0010ffff]"
NULL = type(None)


# -- schema --


def is_update(step: Step) -> bool:
    return step.args[1] is step.sandbox.update_schema


def ignore(place: str, keyword: str, of: type = object) -> SandboxMutation:
    """Ignore a keyword at a place, if the value there has a type."""

    def validate(step: Step) -> Any:
        value, _ = step.args
        return [
            item
            for item in step.proceed()
            if (item.place, item.keyword) != (place, keyword)
            or not isinstance(value_at(value, place), of)
            or not is_update(step)
        ]

    return mutation(validate=validate)


def repair_body(repair: Callable[[Json], object]) -> SandboxMutation:
    """Change the body of an update in place before it is validated."""

    def validate(step: Step) -> Any:
        if is_update(step):
            repair(step.args[0])
        return step.proceed()

    return mutation(validate=validate)


def coerce(name: str, of: type, change: Callable[[Any], Json]) -> SandboxMutation:
    """Coerce an attribute that has exactly this type. None removes it."""

    def repair(body: Json) -> None:
        attributes = attributes_of(body)
        if name in attributes and type(attributes[name]) is of:
            attributes[name] = change(attributes[name])
            if attributes[name] is None:
                del attributes[name]

    return repair_body(repair)


def coerce_type(change: Callable[[str], str]) -> SandboxMutation:
    def repair(body: Json) -> None:
        if isinstance(value_at(body, "/data/type"), str):
            body["data"]["type"] = change(body["data"]["type"])

    return repair_body(repair)


def add_data(body: Json) -> None:
    if isinstance(body, dict):
        body.setdefault("data", {"type": "snapshots"})


def refuse(is_wrong: Callable[[Json], object], status: int = 400) -> SandboxMutation:
    """Refuse a valid update by its body."""

    def validate(step: Step) -> Any:
        violations = step.proceed()
        if not violations and is_update(step) and is_wrong(step.args[0]):
            raise Refusal(status, "This is not possible.")
        return violations

    return mutation(validate=validate)


def refuse_value(name: str, is_wrong: Callable[[Any], object]) -> SandboxMutation:
    """Refuse a valid update by one of its attributes."""

    def is_refused(body: Json) -> object:
        attributes = attributes_of(body)
        return name in attributes and is_wrong(attributes[name])

    return refuse(is_refused)


def refuse_text(pattern: str, status: int = 400) -> SandboxMutation:
    """Refuse a valid update if a text in its attributes matches a pattern."""
    return refuse(
        lambda body: any(re.search(pattern, t) for t in texts_in(attributes_of(body))),
        status,
    )


def texts_in(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts_in([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def as_double(value: Any) -> Any:
    """Return a number as a double holds it."""
    double = float(value)
    return int(double) if isfinite(double) else value


def as_number(text: str) -> Json:
    return int(text) if re.fullmatch("-?[0-9]{1,18}", text) else text


# -- JSON and media types --


def repair_text(repair: Callable[[bytes], bytes]) -> SandboxMutation:
    """Parse a body that is no JSON once more after a repair."""

    def parse(step: Step) -> Any:
        try:
            return step.proceed()
        except Refusal:
            return step.proceed(repair(*step.args))

    return mutation(parse=parse)


def replace_text(pattern: bytes, replacement: bytes) -> SandboxMutation:
    return repair_text(lambda body: re.sub(pattern, replacement, body))


def as_utf8(body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode()


def accept(media_type: str) -> SandboxMutation:
    """Read a body of this media type as JSON."""
    return mutation(
        accept=lambda step: None if step.args[0] == media_type else step.proceed()
    )


def crash() -> NoReturn:
    raise Refusal(500, "Internal error")


def crash_on(is_fatal: Callable[[bytes], object]) -> SandboxMutation:
    """Fail with 500 when some bodies are parsed."""
    return mutation(
        parse=lambda step: crash() if is_fatal(*step.args) else step.proceed()
    )


def is_no_object(body: bytes) -> bool:
    try:
        return not isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def has_lone_surrogate(body: bytes) -> bool:
    """Return whether a body is JSON with half a character in it."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


def apply_first(step: Step) -> Any:
    """Find the row first, so that `store_valid_members` can change it."""
    with step.sandbox.lock:
        step.memory["row"] = step.sandbox.find(*step.args[:2])
        try:
            return step.proceed()
        finally:
            del step.memory["row"]


def store_valid_members(step: Step) -> Any:
    violations = step.proceed()
    if violations and is_update(step) and "row" in step.memory:
        invalid = {item.place.rpartition("/")[2] for item in violations}
        attributes = attributes_of(step.args[0])
        valid = {name: attributes[name] for name in attributes if name not in invalid}
        step.sandbox.apply(step.memory["row"], valid)
        step.sandbox.touch(step.memory["row"])
    return violations


ACCEPTED = {
    "accepts-no-type": ignore("/data/type", "required"),
    "accepts-no-event-id": ignore(f"{ATTRIBUTES}/event_id", "required"),
    "accepts-no-is-device-type-selected-by-user": ignore(
        f"{ATTRIBUTES}/{FLAG}", "required"
    ),
    "accepts-no-start": ignore(f"{ATTRIBUTES}/start", "required"),
    "accepts-no-data": repair_body(add_data),
    "accepts-null-id": ignore("/data/id", "type", NULL),
    "accepts-null-attributes": ignore(ATTRIBUTES, "type", NULL),
    "accepts-null-session": coerce("session_id", NULL, lambda _: None),
    "accepts-number-as-view": coerce("view_id", int, str),
    "accepts-object-as-event": ignore(f"{ATTRIBUTES}/event_id", "type", dict),
    "accepts-text-as-start": coerce("start", str, as_number),
    "accepts-fraction-as-start": coerce("start", float, as_double),
    "accepts-text-as-flag": coerce(
        FLAG, str, lambda text: {"true": True, "false": False}.get(text, text)
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
    "accepts-type-any-case": coerce_type(str.lower),
    "accepts-type-trimmed": coerce_type(str.strip),
    "accepts-trailing-comma": replace_text(rb",\s*([}\]])", rb"\1"),
    "accepts-comments": replace_text(rb"/\*.*?\*/|//.*\n", b""),
    "accepts-nan": replace_text(rb"\bNaN\b", b"0"),
    "accepts-trailing-text": repair_text(lambda body: body[: body.rfind(b"}")]),
    "accepts-bad-utf-8": repair_text(as_utf8),
    "accepts-empty-body": replace_text(rb"^\s*$", b'{"data":{"type":"snapshots"}}'),
    "accepts-text-plain": accept("text/plain"),
    "accepts-form": mutation(
        **accept("application/x-www-form-urlencoded").steps,
        **replace_text(rb"data\[type\]=(\w+)", rb'{"data":{"type":"\1"}}').steps,
    ),
    "rejects-but-stores": mutation(update=apply_first, validate=store_valid_members),
}

REJECTED = {
    "rejects-unknown-property": refuse(lambda body: body.keys() - {"data"}),
    "rejects-no-attributes": refuse(lambda body: "attributes" not in body["data"]),
    "rejects-empty-text": refuse_value("event_id", lambda text: not text),
    "rejects-zero-start": refuse_value("start", lambda n: not n),
    "rejects-negative-start": refuse_value("start", lambda n: n < 0),
    "rejects-beyond-double": refuse_value("start", lambda n: abs(n) > 2**53),
    "rejects-false-flag": refuse_value(FLAG, lambda flag: not flag),
    "rejects-not-uuid": refuse_value(
        "view_id", lambda text: not re.fullmatch("[0-9a-f-]{36}", text)
    ),
    "rejects-astral-text": refuse_text(ASTRAL),
    "rejects-nul": refuse_text("\0", 422),
    "rejects-long-text": refuse_text("(?s).{256}"),
    "rejects-charset": mutation(
        accept=lambda step: step.proceed(step.args[0].replace(";", "/"))
    ),
}

CRASHING = {
    "fails-on-nul": refuse_text("\0", 500),
    "fails-on-lone-surrogate": crash_on(has_lone_surrogate),
    "fails-on-bad-utf-8": crash_on(lambda body: as_utf8(body) != body),
    "fails-on-deep-nesting": crash_on(lambda body: body.count(b"[") > 1000),
    "fails-on-huge-number": crash_on(
        re.compile(rb"[:,\[]\s*-?[0-9.]+e[0-9]{3}").search
    ),
    "fails-on-non-object": crash_on(is_no_object),
    "fails-on-missing-app-key": mutation(
        authenticate=lambda step: (
            step.proceed() if "HTTP_DD_APPLICATION_KEY" in step.args[0] else crash()
        )
    ),
    "fails-on-odd-id": mutation(
        find=lambda step: step.proceed() if step.args[1].isprintable() else crash()
    ),
    "fails-on-deleted": mutation(
        remove=lambda step: step.memory.update({step.args[0].id: step.proceed()}),
        find=lambda step: crash() if step.args[1] in step.memory else step.proceed(),
    ),
}

BODY_MUTATIONS: Mutations = {
    "S-REJECT": ACCEPTED,
    "S-ACCEPT": REJECTED,
    "S-NO-5XX": CRASHING,
}
