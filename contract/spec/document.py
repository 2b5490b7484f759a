"""The two files: read, overlaid, followed along their references, checked to the last keyword."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from contract.model import Json
from contract.spec.schema import Schema, escape, type_of, wrong_keyword
from contract.spec.text import parsed, spec_error

__all__ = ["DocumentedResponse", "Reader", "overlay", "read"]

OPERATION = "UpdateReplayHeatmapSnapshot"

_MEMBER = r"""\.([^\x00-@[-^`{-\x7f][^\x00-/:-@[-^`{-\x7f]*)|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\]"""
"""A member of an object in JSONPath (RFC 9535, 2.5.1). All that is no ASCII may stand in a name."""


@dataclass(frozen=True)
class DocumentedResponse:
    """What an operation may answer with one status; examples are by media type."""

    status: int
    source: str
    media: Mapping[str, Schema]
    examples: Mapping[str, tuple[Json, ...]]
    headers: Mapping[str, Schema]


class Reader:
    """One document: follows references, checks every schema in it, compiles those that are asked for."""

    def __init__(self, file: Path | str, document: dict[str, Json]) -> None:
        self.file, self.document = file, document
        self._inlined: dict[str, dict[str, Json]] = {}
        self._compiled: dict[int, Schema] = {}
        self._check(document, "")

    def operation(self) -> tuple[str, str, dict[str, Json], str]:
        """Return method, path, operation and its pointer."""
        known = {}
        for path, item in _members(self.need(self.document, "", "paths")[0]):
            for method, operation in _members(item):
                if isinstance(operation, dict) and "operationId" in operation:
                    at = f"/paths/{escape(path)}/{method}"
                    known[str(operation["operationId"])] = (
                        str(method).upper(),
                        str(path),
                        operation,
                        at,
                    )
        if OPERATION not in known:
            raise spec_error(
                self.file,
                "/paths",
                "the operation is missing",
                OPERATION,
                ", ".join(known),
            )
        return known[OPERATION]

    def sites(self) -> tuple[str, ...]:
        servers, at = self.need(self.document, "", "servers")
        urls = [
            str(self.need(server, f"{at}/{number}", "url")[0])
            for number, server in enumerate(servers)
        ]
        wrong = [
            url for url in urls if not re.fullmatch(r"https://api(\.[a-z0-9-]+)+", url)
        ]
        if wrong or not urls:
            raise spec_error(
                self.file,
                at,
                "not the address of a site",
                "https://api.{site}",
                ", ".join(wrong),
            )
        return tuple(url.removeprefix("https://api.") for url in urls)

    def auth_headers(self, operation: Json, at: str) -> tuple[str, str]:
        security, at = self.need(operation, at, "security")
        together = (
            security[0] if isinstance(security, list) and len(security) == 1 else None
        )
        schemes = [
            self.need(self.document, "", "components", "securitySchemes", name)[0]
            for name, _ in _members(together)
        ]
        names = [
            str(scheme["name"])
            for scheme in schemes
            if (scheme.get("type"), scheme.get("in")) == ("apiKey", "header")
        ]
        if len(names) != 2:
            raise spec_error(
                self.file,
                at,
                "unknown security",
                "two headers with keys, required together",
                security,
            )
        return names[0], names[1]

    def responses(self) -> dict[int, DocumentedResponse]:
        """Return what the operation answers, by status."""
        *_, operation, at = self.operation()
        responses, at = self.need(operation, at, "responses")
        for key, _ in _members(responses):
            if not re.fullmatch(r"[1-5]\d\d", str(key)):
                raise spec_error(
                    self.file,
                    f"{at}/{escape(key)}",
                    "unknown status",
                    "three digits",
                    key,
                )
        return {
            int(key): self._response(
                int(key), *self._follow(responses[key], f"{at}/{key}")
            )
            for key in responses
        }

    def _response(
        self, status: int, response: dict[str, Json], at: str
    ) -> DocumentedResponse:
        media, examples = {}, {}
        for name, node in _members(response.get("content")):
            here = f"{at}/content/{escape(name)}"
            media[name] = self.schema(node, here, "schema")
            given = [key for key, _ in _members(node.get("examples"))]
            several = [
                self.need(node, here, "examples", key, "value")[0] for key in given
            ]
            examples[name] = (
                *([node["example"]] if "example" in node else []),
                *several,
            )
        headers = {
            key: self.schema(response, at, "headers", key, "schema")
            for key, _ in _members(response.get("headers"))
        }
        return DocumentedResponse(
            status, str(response.get("x-source", "")), media, examples, headers
        )

    def schema(self, node: Json, at: str, *keys: str) -> Schema:
        """Return the schema at a place, compiled; equal references share one."""
        raw = self._inline(*self.need(node, at, *keys))
        if id(raw) not in self._compiled:
            self._compiled[id(raw)] = Schema(raw)
        return self._compiled[id(raw)]

    def need(self, node: Json, at: str, *keys: str) -> tuple[Json, str]:
        """Step into members, following references on the way."""
        for key in keys:
            node, at = self._follow(node, at)
            if not isinstance(node, dict) or key not in node:
                given = (
                    ", ".join(map(str, node))
                    if isinstance(node, dict)
                    else type_of(node)
                )
                raise spec_error(self.file, at, f"{key} is missing", key, given)
            node, at = node[key], f"{at}/{escape(key)}"
        return node, at

    def _follow(
        self, node: Json, at: str, active: tuple[str, ...] = ()
    ) -> tuple[Json, str]:
        if not isinstance(node, dict) or "$ref" not in node:
            return node, at
        target = self._target(node["$ref"], at, active)
        return self._follow(target, node["$ref"][1:], (*active, node["$ref"]))

    def _target(self, ref: Json, at: str, active: tuple[str, ...]) -> Json:
        if ref in active:
            raise spec_error(
                self.file, f"{at}/$ref", "cyclic $ref", "references that end", ref
            )
        node: Json = {"#": self.document}
        for token in unquote(str(ref)).split("/"):
            key = token.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                raise spec_error(
                    self.file,
                    f"{at}/$ref",
                    "unresolvable $ref",
                    "#/ and a path in this document",
                    ref,
                )
            node = node[key]
        return node

    def _check(self, node: Json, at: str) -> None:
        if isinstance(node, list):
            for number, child in enumerate(node):
                self._check(child, f"{at}/{number}")
        elif isinstance(node, dict):
            self._follow(node, at)
            for key, child in node.items():
                here = f"{at}/{escape(key)}"
                if key == "schema":
                    self._inline(child, here)
                elif here == "/components/schemas" and isinstance(child, dict):
                    for name in child:
                        self._inline(
                            {"$ref": f"#{here}/{escape(name)}"},
                            f"{here}/{escape(name)}",
                        )
                elif key not in ("example", "value") and not str(key).startswith("x-"):
                    self._check(child, here)

    def _inline(
        self, schema: Json, at: str, active: tuple[str, ...] = ()
    ) -> dict[str, Json]:
        """Return a schema without references, having checked every keyword in it."""
        if not isinstance(schema, dict):
            raise spec_error(self.file, at, "not a schema", "a mapping", schema)
        for keyword, value in schema.items():
            if wrong := wrong_keyword(keyword, value, schema):
                raise spec_error(self.file, f"{at}/{escape(keyword)}", *wrong)
        result = {key: value for key, value in schema.items() if key != "$ref"}
        if ref := schema.get("$ref"):
            target = self._target(ref, at, active)
            if ref not in self._inlined:
                self._inlined[ref] = self._inline(target, ref[1:], (*active, ref))
            return {**self._inlined[ref], **result} if result else self._inlined[ref]
        if "properties" in schema:
            result["properties"] = {
                name: self._inline(child, f"{at}/properties/{escape(name)}", active)
                for name, child in schema["properties"].items()
            }
        if "items" in schema:
            result["items"] = self._inline(schema["items"], f"{at}/items", active)
        return result


def overlay(
    document: dict[str, Json],
    *actions: Mapping[str, Json],
    file: Path | str = "overlay",
) -> dict[str, Json]:
    """Return the document with the actions of an overlay applied (OpenAPI Overlay 1.0.0); it is not changed itself.

    A target is `$` and child members, dotted or in brackets (RFC 9535), without escapes, and must match. An
    update is merged into an object, arrays in it appended; into an array it goes as one item. Raises SpecError
    on anything else, and names `file` in it.
    """
    for number, action in enumerate(actions):
        at = f"/actions/{number}"
        if not isinstance(action, Mapping) or not (
            "update" in action or action.get("remove") is True
        ):
            raise spec_error(
                file,
                at,
                "not an action",
                "a target with update, or with remove: true",
                action,
            )
        target = str(action.get("target"))
        if not re.fullmatch(rf"\$({_MEMBER})*", target):
            raise spec_error(
                file,
                f"{at}/target",
                "unsupported target",
                "$ and members, as in $.paths['/a'].get",
                target,
            )
        try:
            document = _acted(
                document,
                ["".join(names) for names in re.findall(_MEMBER, target)],
                action,
            )
        except LookupError:
            raise spec_error(
                file,
                f"{at}/target",
                "matches nothing",
                "what is in the document",
                target,
            ) from None
        except TypeError as error:
            raise spec_error(
                file,
                at,
                str(error),
                "an object for an object, an item for an array",
                target,
            ) from None
    return document


def _acted(node: Json, keys: list[str], action: Mapping[str, Json]) -> Json:
    remove = action.get("remove") is True
    if keys:
        if not isinstance(node, dict) or keys[0] not in node:
            raise LookupError
        if remove and len(keys) == 1:
            return {key: child for key, child in node.items() if key != keys[0]}
        return {**node, keys[0]: _acted(node[keys[0]], keys[1:], action)}
    if remove:
        raise TypeError("the whole document cannot be removed")
    if isinstance(node, list):
        return [*node, action["update"]]
    if isinstance(node, dict) and isinstance(action["update"], dict):
        return _merged(node, action["update"])
    raise TypeError("the update does not fit its target")


def _merged(old: Json, new: Json) -> Json:
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            **old,
            **{
                key: _merged(old[key], child) if key in old else child
                for key, child in new.items()
            },
        }
    return [*old, *new] if isinstance(old, list) and isinstance(new, list) else new


def _members(node: Json) -> list[tuple[str, Json]]:
    return list(node.items()) if isinstance(node, dict) else []


def read(file: Path) -> tuple[bytes, dict[str, Json]]:
    try:
        content = file.read_bytes()
    except OSError as error:
        accepted = "a directory with openapi.yaml and observed.overlay.yaml"
        raise spec_error(
            file, "", f"cannot be read: {error.strerror}", accepted, file.parent
        ) from None
    document = parsed(str(file), content)
    if not isinstance(document, dict):
        raise spec_error(file, "", "not a mapping", "a mapping", document)
    return content, document
