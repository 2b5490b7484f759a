"""One OpenAPI document: its operation, checked and compiled, and its overlay."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contract.model import Json
from contract.spec.schema import (
    References,
    Schema,
    keyword_error,
    pointer_of,
    type_of,
)
from contract.spec.text import parsed, read_bytes, spec_error

OPERATION_ID = "UpdateReplayHeatmapSnapshot"
SITE = re.compile(r"https://api(\.[a-z0-9-]+)+")

MEMBER = r"""\.(\w+)|\['([^'\\]*)'\]"""
"""A member in JSONPath (RFC 9535, 2.5.1)."""


@dataclass(frozen=True)
class DocumentedResponse:
    """The response that the document has for a status. Examples are by media type."""

    source: str
    media: Mapping[str, Schema]
    examples: Mapping[str, tuple[Json, ...]]


class Reader:
    """A document with the operation under contract, at `place`.

    A place is the names of the members on the way to it. Raises SpecError for a schema
    that is not handled, and for a reference that is circular or leads nowhere.
    """

    def __init__(self, file: Path | str, document: Json) -> None:
        self._document = document
        self._error = partial(spec_error, file)
        self._references = References(file, document, self._check_schema)
        self._compiled: dict[int, Schema] = {}
        self._check(document, "")
        operations = {
            str(node["operationId"]): ("paths", path, method)
            for path, item in members_of(self.need("paths"))
            for method, node in members_of(item)
            if isinstance(node, dict) and "operationId" in node
        }
        if OPERATION_ID not in operations:
            message = f"the operation is missing; accepted: {OPERATION_ID}"
            raise self._error("/paths", message, ", ".join(operations))
        self.place = operations[OPERATION_ID]

    def sites(self) -> tuple[str, ...]:
        urls = [str(dict(members_of(node)).get("url")) for node in self.need("servers")]
        wrong = [url for url in urls if not SITE.fullmatch(url)]
        if wrong or not urls:
            message = "not the address of a site; accepted: https://api.{site}"
            raise self._error("/servers", message, ", ".join(wrong))
        return tuple(url.removeprefix("https://api.") for url in urls)

    def auth_headers(self) -> tuple[str, str]:
        security = self.need(*self.place, "security")
        names = []
        if isinstance(security, list) and len(security) == 1:
            for key, _ in members_of(security[0]):
                scheme = self.need("components", "securitySchemes", key)
                if (scheme.get("type"), scheme.get("in")) == ("apiKey", "header"):
                    names.append(str(scheme["name"]))
        if len(names) != 2:
            accepted = "two headers with keys, required together"
            message = f"unknown security; accepted: {accepted}"
            raise self._error(pointer_of(*self.place, "security"), message, security)
        return names[0], names[1]

    def responses(self) -> dict[int, DocumentedResponse]:
        place, responses = (*self.place, "responses"), {}
        for key, _ in members_of(self.need(*place)):
            if not re.fullmatch(r"[1-5]\d\d", key):
                message = "unknown status; accepted: three digits"
                raise self._error(pointer_of(*place, key), message, key)
            responses[int(key)] = self._response(*place, key)
        return responses

    def _response(self, *place: str) -> DocumentedResponse:
        node, _ = self._references.follow(self.need(*place))
        media, examples = {}, {}
        for name, content in members_of(node.get("content")):
            here = (*place, "content", name)
            media[name] = self.schema(*here, "schema")
            values = [content["example"]] if "example" in content else []
            for key, _ in members_of(content.get("examples")):
                values.append(self.need(*here, "examples", key, "value"))
            examples[name] = tuple(values)
        for name, _ in members_of(node.get("headers")):
            self.schema(*place, "headers", name, "schema")
        return DocumentedResponse(str(node.get("x-source", "")), media, examples)

    def schema(self, *place: str) -> Schema:
        raw = self._references.expand(self.need(*place))
        return self._compiled.setdefault(id(raw), Schema(raw))

    def need(self, *place: str) -> Json:
        node, at = self._document, ""
        for key in place:
            node, at = self._references.follow(node, at)
            members = dict(members_of(node))
            if key not in members:
                actual = ", ".join(members) or type_of(node)
                raise self._error(at, f"{key} is missing; accepted: {key}", actual)
            node, at = members[key], at + pointer_of(key)
        return node

    def _check(self, node: Json, at: str) -> None:
        if isinstance(node, list):
            for number, child in enumerate(node):
                self._check(child, f"{at}/{number}")
        self._references.follow(node, at)
        for key, child in members_of(node):
            here = at + pointer_of(key)
            if key == "schema":
                self._references.expand(child, here)
            elif here == "/components/schemas":
                for name, _ in members_of(child):
                    inner = here + pointer_of(name)
                    self._references.expand({"$ref": f"#{inner}"}, inner)
            elif key not in ("example", "value") and not key.startswith("x-"):
                self._check(child, here)

    def _check_schema(self, schema: Json, at: str) -> None:
        if not isinstance(schema, dict):
            raise self._error(at, "not a schema; accepted: a mapping", schema)
        for keyword, value in schema.items():
            if message := keyword_error(keyword, schema):
                actual = f"{keyword}: {value}"
                raise self._error(at + pointer_of(keyword), message, actual)


def members_of(node: Json) -> list[tuple[str, Json]]:
    """Return the members of an object. Anything else has none."""
    return list(node.items()) if isinstance(node, dict) else []


def read(file: Path) -> tuple[bytes, Json]:
    """Return the bytes and the content of a file. Raise SpecError."""
    try:
        content = read_bytes(file)
    except OSError as error:
        accepted = "a directory with openapi.yaml and observed.overlay.yaml"
        message = f"cannot be read: {error.strerror}; accepted: {accepted}"
        raise spec_error(file, "", message, file.parent) from None
    document = parsed(str(file), content)
    if not isinstance(document, dict):
        raise spec_error(file, "", "not a mapping; accepted: a mapping", document)
    return content, document


def overlay(document: Json, *actions: Json, file: Path | str = "overlay") -> Json:
    """Return a copy of a document with the updates of an overlay applied.

    A target is `$` and child members, dotted or in brackets, and must be an object. An
    update is an object that is merged into it. Arrays in it are appended. Raises
    SpecError, with the name of `file`, for anything else.
    """
    result = deepcopy(document)
    for number, action in enumerate(actions):
        at = f"/actions/{number}"
        members = dict(members_of(action))
        if not isinstance(members.get("update"), dict):
            message = "not an action; accepted: a target with an update, an object"
            raise spec_error(file, at, message, action)
        target = str(members.get("target"))
        if not re.fullmatch(rf"\$({MEMBER})*", target):
            message = "unsupported target; accepted: $ and members: $.paths['/a'].get"
            raise spec_error(file, f"{at}/target", message, target)
        node: Json = result
        for name in map("".join, re.findall(MEMBER, target)):
            node = dict(members_of(node)).get(name)
        if not isinstance(node, dict):
            message = "matches no object; accepted: members of the document"
            raise spec_error(file, f"{at}/target", message, target)
        merge_into(node, members["update"])
    return result


def merge_into(old: Json, new: Json) -> None:
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merge_into(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            before += deepcopy(value)
        else:
            old[key] = deepcopy(value)
