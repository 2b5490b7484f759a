"""Facts: what one witness says of the contract, one small statement each, so that two witnesses can be compared."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract.model import Json
from contract.spec.schema import TYPE_NAMES, Schema, escape, types_of

__all__ = [
    "EXISTENCE",
    "Contradiction",
    "Fact",
    "Facts",
    "Value",
    "doubts",
    "error_shape",
    "of_schema",
    "shown",
]

Value = bool | str | tuple[str, ...]
"""True or false, a text, or a set of texts; an empty one means that there is no such restriction."""

EXISTENCE = ("site", "header", "security", "body", "status", "field")
"""Aspects that say only that something is there; what a witness does not mention may be, or not be, denied by it."""

_LIMITS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "const",
    "not",
    "oneOf",
    "anyOf",
)


@dataclass(frozen=True)
class Fact:
    """What a statement is about.

    `part` is `request`, `path parameter`, a status or, for the operation itself, nothing; `place` is a JSON pointer
    (`*` for every item of an array) or a name; `aspect` is `type`, `required`, `site` and so on.
    """

    part: str
    place: str
    aspect: str

    def __str__(self) -> str:
        words = (
            (self.part, self.place, self.aspect)
            if self.part
            else (self.aspect, self.place)
        )
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Contradiction:
    """A place where one witness says two things that cannot both be true."""

    witness: str
    place: str
    message: str


@dataclass(frozen=True)
class Facts:
    """What a witness says; `closed` are the aspects of which it names all there is, so that silence means no."""

    values: Mapping[Fact, Value]
    closed: frozenset[str] = frozenset()
    contradictions: tuple[Contradiction, ...] = ()

    def get(self, fact: Fact) -> Value | None:
        """Return what the witness says about it; None where it says nothing."""
        return self.values.get(fact, False if fact.aspect in self.closed else None)


def shown(fact: Fact, value: Value | None) -> str:
    """Return what is said of a fact as people read it; nothing where nothing was said."""
    match value:
        case None:
            return ""
        case bool() if fact.aspect in EXISTENCE:
            return "there" if value else "not there"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(value) or "any"
        case _:
            return value or "none"


def of_schema(
    part: str, schema: Mapping[str, Json], pointer: str = ""
) -> Iterator[tuple[Fact, Value]]:
    """Yield the facts of a schema without references; a parent comes before its members, a type before the rest."""
    types = [str(name) for name in types_of(schema)]
    aspects: dict[str, Value] = {
        "type": tuple(sorted(name for name in types if name != "null")),
        "nullable": "null" in types,
        "format": str(schema.get("format", "")),
        "enum": tuple(map(_text, schema.get("enum", ()))),
        "limits": tuple(_limits(schema)),
        "read-only": schema.get("readOnly") is True,
        "default": json.dumps(schema["default"]) if "default" in schema else "",
    }
    if text := " ".join(str(schema.get("description", "")).split()):
        aspects["text"] = text
    yield from (
        (Fact(part, pointer, aspect), value) for aspect, value in aspects.items()
    )
    members, required = schema.get("properties", {}), schema.get("required", ())
    for name in dict.fromkeys([*members, *required]):
        at = f"{pointer}/{escape(name)}"
        yield Fact(part, at, "field"), True
        yield Fact(part, at, "required"), name in required
        yield from of_schema(part, members.get(name, {}), at)
    if isinstance(schema.get("items"), dict):
        yield from of_schema(part, schema["items"], f"{pointer}/*")


def _limits(schema: Mapping[str, Json]) -> Iterator[str]:
    for keyword in sorted(_LIMITS):
        if keyword in schema:
            yield f"{keyword} {json.dumps(schema[keyword], sort_keys=True)}"
    if schema.get("additionalProperties", True) not in (True, {}):
        yield f"additionalProperties {json.dumps(schema['additionalProperties'], sort_keys=True)}"


def error_shape(schema: Mapping[str, Json]) -> str:
    """Return the shape of an error document in one line, as in `errors: [string]`."""
    return (
        ", ".join(
            f"{name}: {_shape(child)}"
            for name, child in schema.get("properties", {}).items()
        )
        or "anything"
    )


def _shape(schema: Mapping[str, Json]) -> str:
    if "items" in schema:
        return f"[{_shape(schema['items'])}]"
    return "|".join(str(name) for name in types_of(schema)) or "anything"


def doubts(schema: Mapping[str, Json], example: Json) -> Iterator[tuple[str, str]]:
    """Yield where an example breaks its schema, or shows a member that the schema does not name."""
    for violation in Schema(_assertable(schema)).errors(example):
        given = (
            ""
            if violation.keyword == "required"
            else f": it shows {_given(example, violation.pointer)}"
        )
        yield violation.pointer, f"{violation.how}{given}"
    for pointer in _unlisted(schema, example, ""):
        yield pointer, "is not in the model"


def _assertable(schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return what a validator can take of a schema that a stranger wrote: known types, no composition."""
    result: dict[str, Json] = {
        key: schema[key] for key in ("required", "enum", "format") if key in schema
    }
    if (types := types_of(schema)) and set(types) <= set(TYPE_NAMES):
        result["type"] = types[0] if len(types) == 1 else types
    if "properties" in schema:
        result["properties"] = {
            name: _assertable(child) for name, child in schema["properties"].items()
        }
    if isinstance(schema.get("items"), dict):
        result["items"] = _assertable(schema["items"])
    return result


def _unlisted(schema: Mapping[str, Json], example: Json, pointer: str) -> Iterator[str]:
    if isinstance(example, dict) and "properties" in schema:
        for name, child in example.items():
            at = f"{pointer}/{escape(name)}"
            if name in schema["properties"]:
                yield from _unlisted(schema["properties"][name], child, at)
            else:
                yield at
    elif isinstance(example, list) and isinstance(schema.get("items"), dict):
        for number, item in enumerate(example):
            yield from _unlisted(schema["items"], item, f"{pointer}/{number}")


def _given(example: Json, pointer: str) -> str:
    value: Any = example
    for token in pointer.split("/")[1:]:
        value = value[
            int(token)
            if isinstance(value, list)
            else token.replace("~1", "/").replace("~0", "~")
        ]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
