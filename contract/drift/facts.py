"""Facts: small statements of one witness about the contract, made to be compared."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract.model import Json
from contract.spec.refs import escape, unescape
from contract.spec.schema import Schema, types_of

__all__ = ["EXISTENCE", "Fact", "Facts", "Value", "error_shape", "format_value"]

Value = bool | str | tuple[str, ...]
"""A truth, a text, or a set of texts. An empty one means: no restriction."""

EXISTENCE = ("site", "header", "security", "body", "status", "field")
"""Aspects that say only that a thing exists."""

_LIMITS = re.compile(
    "m(in|ax)(imum|Length|Items|Properties)|exclusiveM(in|ax)imum|multipleOf"
    "|pattern|uniqueItems|const|not|oneOf|anyOf"
)


@dataclass(frozen=True)
class Fact:
    """The subject of a statement.

    `part` is `request`, `path parameter`, a status, or empty for the operation itself.
    `place` is a JSON pointer (`*` for items of an array) or a name.
    """

    part: str
    place: str
    aspect: str

    def __str__(self) -> str:
        words = (self.part, self.place, self.aspect)
        return " ".join(filter(None, words if self.part else words[::-1]))


class Facts:
    """The statements of one witness.

    Of an aspect in `exhaustive` it names everything, so that silence means no.
    `contradictions` are places and messages, in order.
    """

    def __init__(self) -> None:
        self.values: dict[Fact, Value] = {}
        self.exhaustive: set[str] = set()
        self.contradictions: dict[tuple[str, str], None] = {}

    def get(self, fact: Fact) -> Value | None:
        """Return the statement about a fact, or None."""
        silence = False if fact.aspect in self.exhaustive else None
        return self.values.get(fact, silence)

    def add(
        self,
        part: str,
        place: str,
        aspect: str,
        value: Value,
    ) -> None:
        """Add a statement, or replace the earlier one."""
        self.values[Fact(part, place, aspect)] = value

    def add_text(
        self,
        part: str,
        place: str,
        text: object,
    ) -> None:
        """Add a description, if there is one and no earlier one."""
        if line := " ".join(str(text).split()):
            self.values.setdefault(Fact(part, place, "text"), line)

    def add_schema(
        self,
        part: str,
        place: str,
        schema: Mapping[str, Json],
    ) -> None:
        """Add the facts of a schema without references, parents before members."""
        types = [str(name) for name in types_of(schema)]
        default = json.dumps(schema["default"]) if "default" in schema else ""
        names = tuple(sorted(name for name in types if name != "null"))
        self.add(part, place, "type", names)
        self.add(part, place, "nullable", "null" in types)
        self.add(part, place, "format", str(schema.get("format", "")))
        self.add(part, place, "enum", tuple(map(_text, schema.get("enum", ()))))
        self.add(part, place, "limits", tuple(_limits(schema)))
        self.add(part, place, "read-only", schema.get("readOnly") is True)
        self.add(part, place, "default", default)
        self.add_text(part, place, schema.get("description", ""))
        members = schema.get("properties", {})
        required = schema.get("required", ())
        for name in dict.fromkeys([*members, *required]):
            at = f"{place}/{escape(name)}"
            self.add(part, at, "field", True)
            self.add(part, at, "required", name in required)
            self.add_schema(part, at, members.get(name, {}))
        if "items" in schema:
            self.add_schema(part, f"{place}/*", schema["items"])

    def add_body(
        self,
        part: str,
        schema: Mapping[str, Json],
    ) -> None:
        """Add the facts of a body of the request or of a response."""
        self.add_schema(part, "", schema)
        if part[:1].isdigit() and part >= "400":
            self.add(part, "", "error shape", error_shape(schema))

    def add_parameter(
        self,
        part: str,
        place: str,
        schema: Mapping[str, Json],
        required: bool,
    ) -> None:
        """Add the facts of a parameter."""
        self.add(part, place, "field", True)
        self.add(part, place, "required", required)
        self.add_schema(part, place, schema)

    def places_in_path(
        self,
        path: str,
        names: Collection[str],
    ) -> dict[str, str]:
        """Return the place in a path of each name, and contradict the others."""
        in_path = re.findall(r"\{([^}/]*)\}", path)
        for name in names:
            if name not in in_path:
                self.contradict("path parameter", f"{name} is not in the path {path}")
        for name in in_path:
            if name not in names:
                message = f"{{{name}}} in the path is not among the parameters"
                self.contradict("path parameter", message)
        return {n: str(in_path.index(n) + 1) for n in names if n in in_path}

    def contradict(self, place: str, message: str) -> None:
        """Add a contradiction."""
        self.contradictions[place.strip(), message] = None

    def check_example(
        self,
        place: str,
        name: str,
        schema: Mapping[str, Json],
        example: Json,
    ) -> None:
        """Contradict if an example breaks its schema or has members beyond it."""
        for violation in Schema(dict(schema)).errors(example):
            message = f"{name} {violation.how}"
            if violation.keyword != "required":
                value = _excerpt(example, violation.pointer)
                message = f"{message}: it shows {value}"
            self.contradict(f"{place}{violation.pointer}", message)
        for pointer in _unnamed(schema, example, ""):
            self.contradict(f"{place}{pointer}", f"{name} is not in the model")


def format_value(fact: Fact, value: Value | None) -> str:
    """Return a value for people, empty if nothing was said."""
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


def _limits(schema: Mapping[str, Json]) -> Iterator[str]:
    keywords = sorted(filter(_LIMITS.fullmatch, schema))
    if schema.get("additionalProperties", True) not in (True, {}):
        keywords.append("additionalProperties")
    for keyword in keywords:
        yield f"{keyword} {json.dumps(schema[keyword], sort_keys=True)}"


def error_shape(schema: Mapping[str, Json]) -> str:
    """Return the shape of an error in one line, as in `errors: [string]`."""
    members = schema.get("properties", {}).items()
    shapes = [f"{name}: {_shape(child)}" for name, child in members]
    return ", ".join(shapes) or "anything"


def _shape(schema: Mapping[str, Json]) -> str:
    if "items" in schema:
        return f"[{_shape(schema['items'])}]"
    return "|".join(map(str, types_of(schema))) or "anything"


def _unnamed(
    schema: Mapping[str, Json],
    value: Json,
    at: str,
) -> Iterator[str]:
    """Yield pointers to the members that a schema with properties does not name."""
    if isinstance(value, dict) and "properties" in schema:
        members = schema["properties"]
        for name, child in value.items():
            here = f"{at}/{escape(name)}"
            if name in members:
                yield from _unnamed(members[name], child, here)
            else:
                yield here
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from _unnamed(schema["items"], item, f"{at}/{number}")


def _excerpt(value: Any, pointer: str) -> str:
    for token in pointer.split("/")[1:]:
        is_list = isinstance(value, list)
        value = value[int(token) if is_list else unescape(token)]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
