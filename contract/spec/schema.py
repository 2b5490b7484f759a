"""One JSON Schema: which keywords are handled, what they constrain, and whether a value satisfies them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import jsonschema_rs

from contract.model import Json, Violation

__all__ = ["Constraint", "Schema", "escape", "type_of", "wrong_keyword"]

TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
}
TYPE_NAMES = (*TYPES.values(), "null")
FORMATS = {"int32": "integer", "int64": "integer", "date-time": "string"}
ANNOTATIONS = ("title", "description", "example", "examples", "default", "readOnly")
KEYWORDS = (
    "$ref",
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "format",
    *ANNOTATIONS,
)
_DEEPEST = 100
"""No schema looks deeper than this into a value: they are finite, since cycles are refused."""


@dataclass(frozen=True)
class Constraint:
    """One keyword of a schema at one place of its instances.

    The pointer is RFC 6901 with `*` for every item of an array; `required` stands at the required member.
    `schema` is the one at that place, `{}` where a required member has none.
    """

    pointer: str
    keyword: str
    schema: Mapping[str, Json] = field(hash=False)


class Schema:
    """One JSON Schema (2020-12) with its references inlined; `int64`, `int32` and `date-time` are asserted."""

    def __init__(self, raw: dict[str, Json]) -> None:
        self.raw = raw
        self._validator = jsonschema_rs.Draft202012Validator(
            _asserted(raw), validate_formats=True
        )

    def is_valid(self, value: Json) -> bool:
        """Tell whether the value satisfies the schema, fast."""
        try:
            return self._validator.is_valid(value)
        except ValueError:
            return self._validator.is_valid(_tame(value))

    def errors(self, value: Json) -> list[Violation]:
        """Return every violation; an empty list means valid."""
        try:
            return [
                self._violation(error) for error in self._validator.iter_errors(value)
            ]
        except ValueError:
            return [
                self._violation(error)
                for error in self._validator.iter_errors(_tame(value))
            ]

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """Every constraint, in document order."""
        return tuple(_constraints(self.raw, ""))

    def place(self, pointer: str) -> str:
        """Return the documented place of a pointer: itself, or else `*` of the nearest documented one above it."""
        if pointer in self._pointers:
            return pointer
        while pointer and pointer not in self._pointers:
            pointer = pointer.rpartition("/")[0]
        return f"{pointer}/*"

    @cached_property
    def _pointers(self) -> frozenset[str]:
        return frozenset(each.pointer for each in self.constraints)

    def _violation(self, error: jsonschema_rs.ValidationError) -> Violation:
        path: list[Any] = list(error.schema_path)
        schema: dict[str, Json] = reduce(
            lambda node, key: node[key], path[:-1], self.raw
        )
        pointer = "".join(f"/{escape(token)}" for token in error.instance_path)
        match path[-1]:
            case "required":
                kind: Any = error.kind
                return Violation(
                    f"{pointer}/{escape(kind.property)}", "required", "is missing"
                )
            case "type":
                return Violation(
                    pointer,
                    "type",
                    f"is {type_of(error.instance)}, not {' or '.join(types_of(schema))}",
                )
            case "enum":
                return Violation(
                    pointer,
                    "enum",
                    f"is not one of {', '.join(map(json.dumps, schema['enum']))}",
                )
            case "format":
                return Violation(
                    pointer, "format", f"is not a {schema['format']} (RFC 3339)"
                )
            case _:  # the bounds of an integer format
                return Violation(
                    pointer, "format", f"is out of the range of {schema['format']}"
                )


def wrong_keyword(
    keyword: Json, value: Json, schema: dict[str, Json]
) -> tuple[str, str, Json] | None:
    """Return what is wrong with a keyword, what is accepted and what was given; None where all is well."""
    if str(keyword).startswith("x-") or keyword in ANNOTATIONS:
        return None
    if keyword not in KEYWORDS:
        return "unknown schema keyword", ", ".join((*KEYWORDS, "x-…")), keyword
    if "$ref" in schema and keyword != "$ref":
        return "a constraint beside $ref", ", ".join((*ANNOTATIONS, "x-…")), keyword
    if keyword == "type" and not all(name in TYPE_NAMES for name in types_of(schema)):
        return "unknown type", ", ".join(TYPE_NAMES), value
    if keyword == "format" and value not in tuple(FORMATS):
        return "unknown format", ", ".join(FORMATS), value
    if keyword == "format" and FORMATS[value] not in types_of(schema):
        return "format without its type", f"type: {FORMATS[value]}", schema.get("type")
    if keyword == "properties" and not isinstance(value, dict):
        return "malformed properties", "a mapping", value
    if keyword in ("required", "enum") and not isinstance(value, list):
        return f"malformed {keyword}", "a list", value
    return None


def _asserted(raw: dict[str, Json]) -> dict[str, Json]:
    """Return the schema as the validator gets it: constraints alone, integer formats as bounds."""
    result: dict[str, Json] = {
        key: raw[key] for key in raw if key in ("type", "required", "enum", "format")
    }
    if "properties" in raw:
        result["properties"] = {
            name: _asserted(child) for name, child in raw["properties"].items()
        }
    if "items" in raw:
        result["items"] = _asserted(raw["items"])
    if bits := {"int32": 32, "int64": 64}.get(raw.get("format", "")):
        del result["format"]
        result |= {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
    return result


def _constraints(schema: dict[str, Json], pointer: str) -> Iterator[Constraint]:
    members = schema.get("properties", {})
    for keyword, value in schema.items():
        if keyword in ("type", "enum", "format", "items"):
            yield Constraint(pointer, keyword, schema)
        for name in value if keyword == "required" else ():
            yield Constraint(
                f"{pointer}/{escape(name)}", keyword, members.get(name, {})
            )
        for name in members if keyword == "properties" else ():
            yield from _constraints(members[name], f"{pointer}/{escape(name)}")
        if keyword == "items":
            yield from _constraints(value, f"{pointer}/*")


def _tame(value: Json, depth: int = 0) -> Json:
    """Return what the validator can take: no lone surrogates, nothing deeper than any schema looks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {
            _tame(key): _tame(child, depth + 1)
            for key, child in value.items()
            if depth < _DEEPEST
        }
    if isinstance(value, list):
        return [_tame(item, depth + 1) for item in value if depth < _DEEPEST]
    return value


def type_of(value: Json) -> str:
    return TYPES.get(type(value), "null")


def types_of(schema: Mapping[str, Json]) -> list[Json]:
    known = schema.get("type", [])
    return known if isinstance(known, list) else [known]


def escape(token: object) -> str:
    """Return one token of a JSON pointer (RFC 6901, 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")
