"""Cases as JSON: written into verdicts, and read back for replays.

Every field stands under its name. A field that has its default is left out. Tags stand
for what JSON does not have, and for long runs:

    {"$base64": text}               bytes
    {"$repeat": [unit, n]}          the same text or bytes n times
    {"$count": [before, after, n]}  before + number + after, for the numbers below n
    {"$concat": [part, part]}       parts of one text, or of bytes
    {"$placeholder": [owner, number, state]}
    {"$text": [part, part]}         a text of placeholders and plain parts
    {"$view": true}                 the view name of a session
    {"$object": [[key, value]]}     an object with keys that are no plain names
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from math import inf
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from contract import model
from contract.cases.parameters import CREDENTIALS
from contract.errors import UsageError
from contract.model import AnyCase, Credential, Json, Placeholder
from contract.spec.text import brief

CASE_TYPES = {"client": model.ClientCase, "service": model.ServiceCase}

LONG = 500
"""Length of a text and of a run from which the run is written as such."""

LARGEST = 1 << 24
"""Length that no run of a case reaches."""

RANGES: dict[tuple[type, str], tuple[float, float]] = {
    (model.Response, "status"): (200, 999),
    (model.ClientCase, "timeout_s"): (0.01, 60),
    (model.ServiceCase, "repeat"): (1, 10),
}
"""Least and largest values of fields, beyond which no case can be played."""

WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    bytes: "bytes",
    tuple: "a list",
    Mapping: "an object",
    NoneType: "null",
}
"""Types in the words of JSON."""

RUN = re.compile(r'(,"\D{0,9})0(.{0,9}?)(?:\1\d+\2){15,}|(.{1,64}?)\3{15,}', re.DOTALL)
"""A run of numbered parts, or of the same."""


def case_to_json(case: AnyCase) -> dict[str, Json]:
    """Return a case as JSON. The credential of a client case is written by name."""
    kind = "client" if isinstance(case, model.ClientCase) else "service"
    return {"kind": kind, **encode_fields(case)}


def case_from_json(document: Json) -> AnyCase:
    """Return the case that `case_to_json` wrote. Raise UsageError on anything else."""
    members = untag(document)
    if not isinstance(members, dict):
        raise error("", "an object", document)
    kind = members.pop("kind", None)
    if kind not in [*CASE_TYPES]:
        raise error("/kind", " or ".join(CASE_TYPES), kind)
    case: AnyCase = decode_fields(CASE_TYPES[kind], members, "")
    if kind == "client" and not is_json(case.body):
        raise error("/body", "JSON without placeholders", case.body)
    return case


def error(place: str, accepted: str, value: Json) -> UsageError:
    text = brief(json.dumps(value, default=str))
    return UsageError(
        f"not a case, {place or '$'}: accepted: {accepted}, given: {text}"
    )


def encode_fields(value: Any) -> dict[str, Json]:
    return {
        field.name: encode(content)
        for field in fields(value)
        if (content := getattr(value, field.name)) != field.default
    }


def encode(value: Any) -> Json:
    """Return a value as JSON."""
    if type(value) is str and len(value) <= LONG:
        return value
    match value:
        case Enum():
            return value.value
        case str() | bytes():
            return encode_text(value)
        case Placeholder(owner, number, state):
            return {"$placeholder": [owner.value, number, state.value]}
        case model.Composite(parts):
            return {"$text": encode(parts)}
        case model.ViewName():
            return {"$view": True}
        case Credential(name):
            return name
        case list() | tuple():
            return [encode(item) for item in value]
        case dict() | Mapping():
            if all(isinstance(key, str) and key[:1] != "$" for key in value):
                return {key: encode(item) for key, item in value.items()}
            return {"$object": [[encode(key), encode(value[key])] for key in value]}
    return encode_fields(value) if is_dataclass(value) else value


def encode_text(value: str | bytes) -> Json:
    text = value if isinstance(value, str) else value.decode("latin-1")

    def plain(part: str) -> Json:
        if isinstance(value, str):
            return part
        return {"$base64": base64.b64encode(part.encode("latin-1")).decode()}

    parts: list[Json] = []
    end = 0
    for match in RUN.finditer(text) if len(text) > LONG else ():
        run = match[0]
        before, after, unit = match.groups()
        tag, texts = ("$repeat", [unit]) if unit else ("$count", [before, after])
        count = run.count(texts[0])
        if len(run) > LONG and untagged(tag, [*texts, count]) == run:
            if match.start() > end:
                parts.append(plain(text[end : match.start()]))
            parts.append({tag: [*map(plain, texts), count]})
            end = match.end()
    if end < len(text) or not parts:
        parts.append(plain(text[end:]))
    return parts[0] if len(parts) == 1 else {"$concat": parts}


def untag(value: Json) -> Any:
    """Return a JSON value with the values that its tags stand for."""
    if isinstance(value, list):
        return [untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    members = {name: untag(item) for name, item in value.items()}
    if not any(name.startswith("$") for name in members):
        return members
    try:
        ((tag, content),) = members.items()
        return untagged(tag, content)
    except (LookupError, TypeError, ValueError):
        raise error("", "one known tag in an object", value) from None


def untagged(tag: str, content: Any) -> Any:
    match tag, content:
        case "$base64", str():
            return base64.b64decode(content, validate=True)
        case "$repeat", [unit, int(count)] if len(unit) * count <= LARGEST:
            return unit * count
        case "$count", [before, after, int(count)] if count <= LARGEST >> 4:
            texts = map(str, range(count))
            numbers = texts if isinstance(before, str) else map(str.encode, texts)
            return before[:0].join(before + number + after for number in numbers)
        case "$concat", [first, *_]:
            return first[:0].join(content)
        case "$placeholder", [owner, int(number), state]:
            return Placeholder(model.Owner(owner), number, model.SnapshotState(state))
        case "$text", list():
            return model.Composite(tuple(content))
        case "$view", True:
            return model.VIEW_NAME
        case "$object", list():
            return dict(content)
    raise ValueError


def decode_fields(cls: Any, members: Json, place: str) -> Any:
    """Return a dataclass of the members."""
    hints = get_type_hints(cls)
    names = [field.name for field in fields(cls)]
    required = {field.name for field in fields(cls) if field.default is MISSING}
    if not isinstance(members, dict) or not required <= members.keys() <= {*names}:
        raise error(place, f"an object with {', '.join(names)}", members)
    values = {}
    for name, value in members.items():
        here = f"{place}/{name}"
        try:
            values[name] = decode(hints[name], value, here)
        except (TypeError, ValueError):
            raise error(here, type_name(hints[name]), value) from None
        low, high = RANGES.get((cls, name), (-inf, inf))
        if isinstance(value, int | float) and not low <= value <= high:
            raise error(here, f"a number from {low} to {high}", value)
    return cls(**values)


def is_json(value: Any, *others: type) -> bool:
    if isinstance(value, list):
        return all(is_json(item, *others) for item in value)
    if isinstance(value, dict):
        return all(
            isinstance(key, str) and is_json(value[key], *others) for key in value
        )
    return isinstance(value, (str, int, float, NoneType, *others))


def type_name(hint: Any) -> str:
    if hint is Credential:
        return "a known name"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(hint)
    if get_origin(hint) is UnionType:
        return " or ".join(map(type_name, get_args(hint)))
    return WORDS.get(get_origin(hint) or hint, "another type")


def decode(hint: Any, value: Any, place: str) -> Any:
    """Return a value of a type. Raise TypeError or ValueError if it is none."""
    origin, options = get_origin(hint), get_args(hint)
    if origin is UnionType:
        hint = next((item for item in options if type(value) is item), options[0])
        return decode(hint, value, place)
    if origin is tuple and isinstance(value, list):
        if options[-1] is Ellipsis:
            options = options[:1] * len(value)
        zipped = zip(options, value, strict=True)
        return tuple(decode(option, item, place) for option, item in zipped)
    if hint is Any and is_json(value, Placeholder, model.Composite, model.ViewName):
        return value
    if origin is Mapping and isinstance(value, dict):
        of_key, of_value = options
        return {
            decode(of_key, key, place): decode(of_value, item, place)
            for key, item in value.items()
        }
    if hint is Credential and value in CREDENTIALS:
        return CREDENTIALS[value]
    if type(value) is hint or (hint is float and type(value) is int):
        return value
    if issubclass(hint, Enum):
        return hint(value)
    if is_dataclass(hint) and hint not in (Credential, Placeholder):
        return decode_fields(hint, value, place)
    raise TypeError
