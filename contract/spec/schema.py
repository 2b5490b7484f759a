"""One JSON Schema: the keywords that are handled, its constraints, and validation."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import jsonschema_rs

from contract.model import Json, Violation
from contract.spec.refs import escape, unescape

__all__ = ["Constraint", "Schema", "keyword_error", "type_of", "types_of"]

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
CONSTRAINTS = ("type", "properties", "required", "items", "enum", "format")
KEYWORDS = ("$ref", *CONSTRAINTS, *ANNOTATIONS)

_DEEPEST = 100
"""Levels of a value that a schema can reach, since circles are refused."""


@dataclass(frozen=True)
class Constraint:
    """One keyword of a schema at one place of its instances.

    The pointer is RFC 6901 with `*` for every item of an array. `required` stands at
    the required member. `schema` is the one at that place, `{}` if there is none.
    """

    pointer: str
    keyword: str
    schema: Mapping[str, Json] = field(hash=False)


class Schema:
    """A JSON Schema (2020-12) without references.

    `int64`, `int32` and `date-time` are asserted. Keywords that the suite does not
    handle are ignored, and so are unknown types.
    """

    def __init__(self, raw: dict[str, Json]) -> None:
        self.raw = raw
        self._validator = jsonschema_rs.Draft202012Validator(
            _asserted(raw), validate_formats=True
        )

    def is_valid(self, value: Json) -> bool:
        """Return whether the value satisfies the schema."""
        try:
            return self._validator.is_valid(value)
        except ValueError:
            return self._validator.is_valid(_tame(value))

    def errors(self, value: Json) -> list[Violation]:
        """Return every violation. An empty list means valid."""
        try:
            errors = list(self._validator.iter_errors(value))
        except ValueError:
            errors = list(self._validator.iter_errors(_tame(value)))
        return [self._violation(error) for error in errors]

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """Every constraint, in document order."""
        return tuple(_constraints(self.raw, ""))

    def documented_place(self, pointer: str) -> str:
        """Return a pointer with `{item}` for list items, `{any}` for other members."""
        node: Json = self.raw
        place = ""
        for token in pointer.split("/")[1:]:
            members = node.get("properties", {})
            if unescape(token) in members:
                place, node = f"{place}/{token}", members[unescape(token)]
            elif "items" in node:
                place, node = f"{place}/{{item}}", node["items"]
            else:
                return f"{place}/{{any}}"
        return place

    def place(self, pointer: str) -> str:
        """Return the documented place of a pointer, with `*` for its variables."""
        return re.sub(r"\{(any|item)\}", "*", self.documented_place(pointer))

    def _violation(self, error: jsonschema_rs.ValidationError) -> Violation:
        path: list[Any] = list(error.schema_path)
        schema: Json = reduce(lambda node, key: node[key], path[:-1], self.raw)
        pointer = "".join(f"/{escape(token)}" for token in error.instance_path)
        keyword = path[-1]
        match keyword:
            case "required":
                kind: Any = error.kind
                pointer, message = f"{pointer}/{escape(kind.property)}", "is missing"
            case "type":
                types = " or ".join(types_of(schema))
                message = f"is {type_of(error.instance)}, not {types}"
            case "enum":
                values = ", ".join(map(json.dumps, schema["enum"]))
                message = f"is not one of {values}"
            case "format":
                message = f"is not a {schema['format']} (RFC 3339)"
            case _:  # the bounds of an integer format
                keyword = "format"
                message = f"is out of the range of {schema['format']}"
        return Violation(pointer, keyword, message)


def keyword_error(
    keyword: str,
    value: Json,
    schema: dict[str, Json],
) -> tuple[str, Json] | None:
    """Return the defect of a keyword and the actual value, or None."""
    if keyword.startswith("x-") or keyword in ANNOTATIONS:
        return None
    if keyword not in KEYWORDS:
        accepted = ", ".join((*KEYWORDS, "x-…"))
        return f"unknown schema keyword; accepted: {accepted}", keyword
    if "$ref" in schema and keyword != "$ref":
        accepted = ", ".join((*ANNOTATIONS, "x-…"))
        return f"a constraint beside $ref; accepted: {accepted}", keyword
    types = types_of(schema)
    if keyword == "type" and not all(name in TYPE_NAMES for name in types):
        return "unknown type; accepted: " + ", ".join(TYPE_NAMES), value
    if keyword == "format" and value not in tuple(FORMATS):
        return "unknown format; accepted: " + ", ".join(FORMATS), value
    if keyword == "format" and FORMATS[value] not in types:
        accepted = f"type: {FORMATS[value]}"
        return f"format without its type; accepted: {accepted}", schema.get("type")
    if keyword == "properties" and not isinstance(value, dict):
        return "malformed properties; accepted: a mapping", value
    if keyword in ("required", "enum") and not isinstance(value, list):
        return f"malformed {keyword}; accepted: a list", value
    return None


def type_of(value: Json) -> str:
    """Return the JSON Schema name of a value's type."""
    return TYPES.get(type(value), "null")


def types_of(schema: Mapping[str, Json]) -> list[Json]:
    """Return the types that a schema names, as a list."""
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def _asserted(raw: Mapping[str, Json]) -> dict[str, Json]:
    """Return the schema for the validator, with integer formats as bounds."""
    result = {key: raw[key] for key in ("required", "enum", "format") if key in raw}
    types = types_of(raw)
    if types and all(name in TYPE_NAMES for name in types):
        result["type"] = types
    if "properties" in raw:
        members = raw["properties"].items()
        result["properties"] = {name: _asserted(child) for name, child in members}
    if isinstance(raw.get("items"), dict):
        result["items"] = _asserted(raw["items"])
    if bits := {"int32": 32, "int64": 64}.get(raw.get("format", "")):
        del result["format"]
        limit = 2 ** (bits - 1)
        result |= {"minimum": -limit, "maximum": limit - 1}
    return result


def _constraints(
    schema: dict[str, Json],
    pointer: str,
) -> Iterator[Constraint]:
    members = schema.get("properties", {})
    for keyword, value in schema.items():
        match keyword:
            case "type" | "enum" | "format" | "items":
                yield Constraint(pointer, keyword, schema)
                if keyword == "items":
                    yield from _constraints(value, f"{pointer}/*")
            case "required":
                for name in value:
                    member = members.get(name, {})
                    yield Constraint(f"{pointer}/{escape(name)}", keyword, member)
            case "properties":
                for name in members:
                    yield from _constraints(members[name], f"{pointer}/{escape(name)}")


def _tame(value: Json, depth: int = 0) -> Json:
    """Return a value that the validator takes: no lone surrogates, bounded depth."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict | list) and depth >= _DEEPEST:
        return type(value)()
    if isinstance(value, dict):
        return {_tame(key): _tame(child, depth + 1) for key, child in value.items()}
    if isinstance(value, list):
        return [_tame(item, depth + 1) for item in value]
    return value
