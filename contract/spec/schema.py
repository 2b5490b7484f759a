"""JSON Schemas: keywords, constraints, validation, `$ref` and JSON pointers (RFC 6901).

`$ref` is that of OpenAPI 3.0 and 3.1. References and expansions are bounded: a circle
or an endless one raises SpecError.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial, reduce
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from contract.jsondiff import escape, unescape
from contract.model import Json, Violation
from contract.spec.text import spec_error

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

LARGEST = 20_000
"""Schemas in one document, expanded. A reference counts as everything in its target."""

DEEPEST = 100
"""Levels of an expanded schema, and of references on the way to one node."""

MOST = 1_000
"""Items of a list whose violations are reported."""

TOO_MUCH = f"too many $refs or schemas; accepted: {LARGEST:,}, {DEEPEST} levels deep"


@dataclass(frozen=True)
class Constraint:
    """One keyword of a schema at one place of its instances.

    The pointer has `*` for every item of an array. `required` stands at the required
    member. `schema` is the one at that place, `{}` if there is none.
    """

    pointer: str
    keyword: str
    schema: Json = field(hash=False)


class Schema:
    """A JSON Schema (2020-12) without references.

    `int64`, `int32` and `date-time` are asserted. Keywords that the suite does not
    handle are ignored, and so are unknown types.
    """

    def __init__(self, raw: Json) -> None:
        self.raw = raw
        self._validator = jsonschema_rs.Draft202012Validator(
            asserted(raw), validate_formats=True
        )

    def is_valid(self, value: Json) -> bool:
        try:
            return bool(self._validator.is_valid(value))
        except ValueError:
            return bool(self._validator.is_valid(tamed(value)))

    def errors(self, value: Json) -> list[Violation]:
        if self.is_valid(value):
            return []
        begin = begin_of(value)
        try:
            errors = list(self._validator.iter_errors(begin))
        except ValueError:
            errors = list(self._validator.iter_errors(tamed(begin)))
        return [self._violation(error) for error in errors]

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        return tuple(constraints_of(self.raw, ""))

    def documented_place(self, pointer: str) -> str:
        """Return a pointer with `{item}` for list items, `{any}` for other members."""
        node, place = self.raw, ""
        for token in pointer.split("/")[1:]:
            members = node.get("properties", {})
            if unescape(token) in members:
                place, node = f"{place}/{token}", members[unescape(token)]
            elif "items" in node:
                place, node = f"{place}/{{item}}", node["items"]
            else:
                return f"{place}/{{any}}"
        return place

    def _violation(self, error: jsonschema_rs.ValidationError) -> Violation:
        *path, keyword = list[Any](error.schema_path)
        schema: Json = reduce(lambda node, key: node[key], path, self.raw)
        pointer = pointer_of(*error.instance_path)
        match keyword:
            case "required":
                kind: Any = error.kind
                pointer, message = pointer + pointer_of(kind.property), "is missing"
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


def keyword_error(keyword: str, schema: Json) -> str:
    """Return the defect of a keyword and what is accepted, or an empty text."""
    value, types = schema[keyword], types_of(schema)
    if keyword.startswith("x-") or keyword in ANNOTATIONS:
        return ""
    if keyword not in KEYWORDS:
        return "unknown schema keyword; accepted: " + ", ".join((*KEYWORDS, "x-…"))
    if "$ref" in schema and keyword != "$ref":
        return "a constraint beside $ref; accepted: " + ", ".join((*ANNOTATIONS, "x-…"))
    match keyword:
        case "type" if not all(name in TYPE_NAMES for name in types):
            return "unknown type; accepted: " + ", ".join(TYPE_NAMES)
        case "format" if value not in tuple(FORMATS):
            return "unknown format; accepted: " + ", ".join(FORMATS)
        case "format" if FORMATS[value] not in types:
            return f"format without its type; accepted: type: {FORMATS[value]}"
        case "properties" if not isinstance(value, dict):
            return "malformed properties; accepted: a mapping"
        case "required" | "enum" if not isinstance(value, list):
            return f"malformed {keyword}; accepted: a list"
        case "required" if not all(isinstance(name, str) for name in value):
            return "malformed required; accepted: a list of texts"
    return ""


def type_of(value: Json) -> str:
    """Return the JSON type of a value."""
    return TYPES.get(type(value), "null")


def types_of(schema: Json) -> list[Json]:
    """Return the types that a schema allows."""
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def asserted(raw: Json) -> Json:
    result = {key: raw[key] for key in ("required", "enum", "format") if key in raw}
    types = types_of(raw)
    if types and all(name in TYPE_NAMES for name in types):
        result["type"] = types
    if "properties" in raw:
        members = raw["properties"].items()
        result["properties"] = {name: asserted(child) for name, child in members}
    if isinstance(raw.get("items"), dict):
        result["items"] = asserted(raw["items"])
    if bits := {"int32": 31, "int64": 63}.get(raw.get("format", "")):
        del result["format"]
        result |= {"minimum": -(2**bits), "maximum": 2**bits - 1}
    return result


def constraints_of(schema: Json, pointer: str) -> Iterator[Constraint]:
    members = schema.get("properties", {})
    for keyword, value in schema.items():
        if keyword in ("type", "enum", "format", "items"):
            yield Constraint(pointer, keyword, schema)
        if keyword == "items":
            yield from constraints_of(value, f"{pointer}/*")
        for name in value if keyword in ("required", "properties") else ():
            at = pointer + pointer_of(name)
            member = members.get(name, {})
            if keyword == "required":
                yield Constraint(at, keyword, member)
            else:
                yield from constraints_of(member, at)


def begin_of(value: Json, levels: int = 5) -> Json:
    """Return a value whose lists are cut, as deep as a documented one is."""
    if isinstance(value, dict) and levels:
        return {key: begin_of(child, levels - 1) for key, child in value.items()}
    if isinstance(value, list) and levels:
        return [begin_of(item, levels - 1) for item in value[:MOST]]
    return value


def tamed(value: Json, depth: int = 0) -> Json:
    """Return a value without lone surrogates, and of bounded depth."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict | list) and depth >= DEEPEST:
        return type(value)()
    if isinstance(value, dict):
        return {tamed(key): tamed(child, depth + 1) for key, child in value.items()}
    if isinstance(value, list):
        return [tamed(item, depth + 1) for item in value]
    return value


def pointer_of(*tokens: object) -> str:
    """Return the JSON pointer of some names (RFC 6901, 3)."""
    return "".join(f"/{escape(token)}" for token in tokens)


class References:
    """The references in one document, which is named by `source` in errors.

    `check` gets every expanded schema as it was, with its pointer. `rewrite` may
    replace one whose parts are expanded. Equal references share one result.
    """

    def __init__(
        self,
        source: object,
        document: Json,
        check: Callable[[Json, str], None] = lambda schema, at: None,
        rewrite: Callable[[Json], Json] = dict,
    ) -> None:
        self.source, self.document = source, document
        self._check, self._rewrite = check, rewrite
        self._expanded: dict[Json, tuple[Json, int]] = {}
        self._followed = self._size = self._depth = 0

    def follow(
        self, node: Json, at: str = "", active: tuple[Json, ...] = ()
    ) -> tuple[Json, str]:
        """Return the node at the end of some references, and its pointer."""
        while isinstance(node, dict) and "$ref" in node:
            ref = node["$ref"]
            node = self.target(ref, at, active)
            at, active = str(ref)[1:], (*active, ref)
        return node, at

    def target(self, ref: Json, at: str, active: tuple[Json, ...]) -> Json:
        """Return the node that a reference names.

        `at` points to the reference, `active` are those on the way to it.
        """
        self._followed += 1
        error = partial(spec_error, self.source, at and f"{at}/$ref")
        if ref in active:
            raise error("cyclic $ref; accepted: references that end", ref)
        if len(active) > DEEPEST or self._followed > LARGEST:
            raise error(TOO_MUCH, ref)
        if is_external(ref):
            message = (
                "the external $ref is not followed; accepted: one that begins with #"
            )
            raise error(message, ref)
        node: Json = {"#": self.document}
        for token in unquote(str(ref)).split("/"):
            node, _ = self.follow(node, at, (*active, ref))
            name = unescape(token)
            if not isinstance(node, dict) or name not in node:
                accepted = "#/ and a path in this document"
                raise error(f"unresolvable $ref; accepted: {accepted}", ref)
            node = node[name]
        return node

    def expand(self, schema: Json, at: str = "", active: tuple[Json, ...] = ()) -> Json:
        self._size, self._depth = self._size + 1, self._depth + 1
        self._check_bounds(at)
        result = self._expand(schema, at, active)
        self._depth -= 1
        return result

    def _check_bounds(self, at: str) -> None:
        if self._size > LARGEST or self._depth > DEEPEST:
            size = f"{self._size:,} schemas, {self._depth} levels"
            raise spec_error(self.source, at, TOO_MUCH, size)

    def _expand(self, schema: Json, at: str, active: tuple[Json, ...]) -> Json:
        self._check(schema, at)
        if not isinstance(schema, dict):
            return {}
        result = {key: schema[key] for key in schema if key != "$ref"}
        for keyword, value in result.items():
            here = f"{at}/{keyword}"
            if keyword == "items":
                result[keyword] = self.expand(value, here, active)
            elif keyword == "properties":
                result[keyword] = {
                    name: self.expand(child, here + pointer_of(name), active)
                    for name, child in (value or {}).items()
                }
            elif keyword in ("allOf", "anyOf", "oneOf"):
                result[keyword] = [
                    self.expand(branch, f"{here}/{number}", active)
                    for number, branch in enumerate(value)
                ]
        result = self._rewrite(result)
        if "$ref" not in schema:
            return result
        ref = schema["$ref"]
        target = self.target(ref, at, active)
        if ref in self._expanded:
            whole, size = self._expanded[ref]
            self._size += size
            self._check_bounds(at)
        else:
            before = self._size
            whole = self.expand(target, ref[1:], (*active, ref))
            self._expanded[ref] = whole, self._size - before
        return join(whole, result) if result else whole


def is_external(ref: Json) -> bool:
    """Return whether a reference leads to another document."""
    return isinstance(ref, str) and not ref.startswith("#")


def join(old: Json, new: Json) -> Json:
    """Return one schema for two that hold together. The new one decides conflicts."""
    result = {**old, **new}
    if "properties" in old and "properties" in new:
        members = {**old["properties"], **new["properties"]}
        for name in old["properties"].keys() & new["properties"].keys():
            members[name] = join(old["properties"][name], members[name])
        result["properties"] = members
    if "required" in old and "required" in new:
        required = dict.fromkeys([*old["required"], *new["required"]])
        result["required"] = list(required)
    return result
