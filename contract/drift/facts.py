"""Facts: small statements of one witness about the contract."""

import json
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from contract.jsondiff import as_text, shorten, value_at
from contract.model import Json
from contract.spec.schema import Schema, pointer_of, types_of

Value = bool | str | tuple[str, ...]
"""A truth, a text, or a set of texts. An empty one means: no restriction."""

EXISTENCE = ("site", "header", "security", "body", "status", "field")
"""Aspects that say only that a thing exists."""

LIMITS = re.compile(
    "m(in|ax)(imum|Length|Items|Properties)|exclusiveM(in|ax)imum"
    "|multipleOf|pattern|uniqueItems|const|not|oneOf|anyOf"
)
PARAMETER = re.compile(r"\{([^}/]*)\}")


class Fact(NamedTuple):
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

    def format(self, value: Value) -> str:
        if isinstance(value, tuple):
            return ", ".join(value) or "any"
        if isinstance(value, bool):
            is_existence = self.aspect in EXISTENCE
            words = ("not there", "there") if is_existence else ("no", "yes")
            return words[value]
        return value or "none"


class Facts:
    """The statements of one witness.

    Of an aspect in `exhaustive` it names everything, so that silence means no.
    `contradictions` are places and messages, in order. `remark` says what was not read.
    """

    remark = ""

    def __init__(self, *exhaustive: str) -> None:
        self.values: dict[Fact, Value] = {}
        self.exhaustive = set(exhaustive)
        self.contradictions: dict[tuple[str, str], None] = {}

    def get(self, fact: Fact) -> Value | None:
        silence = False if fact.aspect in self.exhaustive else None
        return self.values.get(fact, silence)

    def add(self, part: str, place: str, aspect: str, value: Value = True) -> None:
        self.values[Fact(part, place, aspect)] = value

    def add_text(self, part: str, place: str, text: object) -> None:
        """Add a description, if there is no earlier one."""
        if line := " ".join(str(text).split()):
            self.values.setdefault(Fact(part, place, "text"), line)

    def add_schema(
        self, part: str, place: str, schema: Json, required: bool | None = None
    ) -> None:
        """Add the facts of a schema, parents before members.

        It is that of a field or parameter unless `required` is None.
        """
        types = list(map(str, types_of(schema)))
        values: dict[str, Value] = {
            "type": tuple(sorted(name for name in types if name != "null")),
            "nullable": "null" in types,
            "format": str(schema.get("format", "")),
            "enum": tuple(map(scalar_text, schema.get("enum", ()))),
            "limits": tuple(limits_of(schema)),
            "read-only": schema.get("readOnly") is True,
            "default": json.dumps(schema["default"]) if "default" in schema else "",
        }
        if required is not None:
            values = {"field": True, "required": required, **values}
        for aspect, value in values.items():
            self.add(part, place, aspect, value)
        self.add_text(part, place, schema.get("description", ""))
        members = schema.get("properties", {})
        names = schema.get("required", ())
        for name in dict.fromkeys([*members, *names]):
            at = place + pointer_of(name)
            self.add_schema(part, at, members.get(name, {}), name in names)
        if "items" in schema:
            self.add_schema(part, f"{place}/*", schema["items"])
        if not place and "400" <= part < "600":
            self.add(part, "", "error shape", error_shape(schema))

    def drop(self, *aspects: str) -> None:
        items = self.values.items()
        self.values = {fact: v for fact, v in items if fact.aspect not in aspects}

    def places_in_path(self, path: str, names: Collection[str]) -> dict[str, str]:
        """Return the place of names in a path. Contradict missing ones."""
        in_path = PARAMETER.findall(path)
        for name in sorted({*names} ^ {*in_path}):
            where = "in the path" if name in names else "among the parameters"
            self.contradict("path parameter", f"{name} is not {where}")
        return {n: str(in_path.index(n) + 1) for n in names if n in in_path}

    def contradict(self, place: str, message: str) -> None:
        self.contradictions[place.strip(), message] = None

    def check_example(self, place: str, name: str, schema: Json, example: Json) -> None:
        """Contradict an example that breaks its schema or has other members."""
        for violation in Schema(schema).errors(example):
            message = f"{name} {violation.how}"
            if violation.keyword != "required":
                value = as_text(value_at(example, violation.place))
                message += f": it shows {shorten(value)}"
            self.contradict(f"{place}{violation.place}", message)
        for pointer in unnamed(schema, example, ""):
            self.contradict(f"{place}{pointer}", f"{name} is not in the model")


def same_path(one: str, other: str) -> bool:
    """Return whether two paths differ in the names of parameters at most."""
    return PARAMETER.sub("{}", one) == PARAMETER.sub("{}", other)


def limits_of(schema: Json) -> Iterator[str]:
    keywords = sorted(filter(LIMITS.fullmatch, schema))
    if schema.get("additionalProperties", True) not in (True, {}):
        keywords.append("additionalProperties")
    for keyword in keywords:
        yield f"{keyword} {json.dumps(schema[keyword], sort_keys=True)}"


def error_shape(schema: Json) -> str:
    """Return the shape of an error in one line, as in `errors: [string]`."""
    members = schema.get("properties", {}).items()
    shapes = [f"{name}: {shape_of(child)}" for name, child in members]
    return ", ".join(shapes) or "anything"


def shape_of(schema: Json) -> str:
    if "items" in schema:
        return f"[{shape_of(schema['items'])}]"
    return "|".join(map(str, types_of(schema))) or "anything"


def unnamed(schema: Json, value: Json, at: str) -> Iterator[str]:
    if isinstance(value, dict) and "properties" in schema:
        for name, child in value.items():
            here = at + pointer_of(name)
            member = schema["properties"].get(name)
            yield from [here] if member is None else unnamed(member, child, here)
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from unnamed(schema["items"], item, f"{at}/{number}")


def scalar_text(value: Json) -> str:
    """Return a text as it is, another value as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
