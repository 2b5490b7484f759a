"""One OpenAPI document: its operation, checked to the last keyword and compiled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contract.model import Json
from contract.spec.refs import Expander, References, escape
from contract.spec.schema import Schema, keyword_error, type_of
from contract.spec.text import parsed, spec_error

__all__ = ["OPERATION_ID", "DocumentedResponse", "Reader", "read"]

OPERATION_ID = "UpdateReplayHeatmapSnapshot"
_SITE = re.compile(r"https://api(\.[a-z0-9-]+)+")


@dataclass(frozen=True)
class DocumentedResponse:
    """The response that the document has for a status. Examples are by media type."""

    status: int
    source: str
    media: Mapping[str, Schema]
    examples: Mapping[str, tuple[Json, ...]]
    headers: Mapping[str, Schema]


class Reader:
    """A document with the operation under contract.

    Raises SpecError for a schema that the suite does not handle, and for a reference
    that is circular or leads nowhere.
    """

    def __init__(
        self,
        file: Path | str,
        document: dict[str, Json],
    ) -> None:
        self.document = document
        self._error = partial(spec_error, file)
        self._references = References(file, document)
        self._expander = Expander(self._references, check=self._check_schema)
        self._compiled: dict[int, Schema] = {}
        self._check(document, "")
        self.method = self.path = self.at = ""
        self.operation: Json = None
        self._find_operation()

    def _find_operation(self) -> None:
        names = []
        for path, item in _members(self._need_top("paths")):
            for method, node in _members(item):
                if isinstance(node, dict) and "operationId" in node:
                    names.append(str(node["operationId"]))
                    if names[-1] == OPERATION_ID:
                        self.method, self.path = method.upper(), path
                        self.operation = node
                        self.at = f"/paths/{escape(path)}/{method}"
        if not self.at:
            message = f"the operation is missing; accepted: {OPERATION_ID}"
            raise self._error("/paths", message, ", ".join(names))

    def sites(self) -> tuple[str, ...]:
        """Return the hosts of all servers, without `api.`."""
        servers, at = self.need(self.document, "", "servers")
        urls = [
            str(self.need(server, f"{at}/{number}", "url")[0])
            for number, server in enumerate(servers)
        ]
        wrong = [url for url in urls if not _SITE.fullmatch(url)]
        if wrong or not urls:
            message = "not the address of a site; accepted: https://api.{site}"
            raise self._error(at, message, ", ".join(wrong))
        return tuple(url.removeprefix("https://api.") for url in urls)

    def auth_headers(self) -> tuple[str, str]:
        """Return the names of the two headers that hold the keys."""
        security, at = self.need(self.operation, self.at, "security")
        names = []
        if isinstance(security, list) and len(security) == 1:
            for key, _ in _members(security[0]):
                scheme = self._need_top("components", "securitySchemes", key)
                if (scheme.get("type"), scheme.get("in")) == ("apiKey", "header"):
                    names.append(str(scheme["name"]))
        if len(names) != 2:
            accepted = "two headers with keys, required together"
            raise self._error(at, f"unknown security; accepted: {accepted}", security)
        return names[0], names[1]

    def responses(self) -> dict[int, DocumentedResponse]:
        """Return the responses of the operation, by status."""
        nodes, at = self.need(self.operation, self.at, "responses")
        responses = {}
        for key, node in _members(nodes):
            here = f"{at}/{escape(key)}"
            if not re.fullmatch(r"[1-5]\d\d", key):
                raise self._error(here, "unknown status; accepted: three digits", key)
            response, here = self._references.follow(node, here)
            responses[int(key)] = self._response(int(key), response, here)
        return responses

    def _response(
        self,
        status: int,
        node: Json,
        at: str,
    ) -> DocumentedResponse:
        media, examples = {}, {}
        for name, content in _members(node.get("content")):
            here = f"{at}/content/{escape(name)}"
            media[name] = self.schema(content, here, "schema")
            values = [content["example"]] if "example" in content else []
            for key, _ in _members(content.get("examples")):
                values += self.need(content, here, "examples", key, "value")[:1]
            examples[name] = tuple(values)
        headers = {
            name: self.schema(node, at, "headers", name, "schema")
            for name, _ in _members(node.get("headers"))
        }
        source = str(node.get("x-source", ""))
        return DocumentedResponse(status, source, media, examples, headers)

    def schema(
        self,
        node: Json,
        at: str,
        *keys: str,
    ) -> Schema:
        """Return the compiled schema below a node. Equal references share one."""
        raw = self._expander.expand(*self.need(node, at, *keys))
        if id(raw) not in self._compiled:
            self._compiled[id(raw)] = Schema(raw)
        return self._compiled[id(raw)]

    def need(
        self,
        node: Json,
        at: str,
        *keys: str,
    ) -> tuple[Json, str]:
        """Return the node at the end of a path of members, and its pointer."""
        for key in keys:
            node, at = self._references.follow(node, at)
            if not isinstance(node, dict) or key not in node:
                is_dict = isinstance(node, dict)
                actual = ", ".join(node) if is_dict else type_of(node)
                raise self._error(at, f"{key} is missing; accepted: {key}", actual)
            node, at = node[key], f"{at}/{escape(key)}"
        return node, at

    def _need_top(self, *keys: str) -> Json:
        return self.need(self.document, "", *keys)[0]

    def _check(self, node: Json, at: str) -> None:
        """Check every reference and every schema below a node."""
        if isinstance(node, list):
            for number, child in enumerate(node):
                self._check(child, f"{at}/{number}")
        if not isinstance(node, dict):
            return
        self._references.follow(node, at)
        for key, child in node.items():
            here = f"{at}/{escape(key)}"
            if key == "schema":
                self._expander.expand(child, here)
            elif here == "/components/schemas":
                for name, _ in _members(child):
                    pointer = f"{here}/{escape(name)}"
                    self._expander.expand({"$ref": f"#{pointer}"}, pointer)
            elif key not in ("example", "value") and not key.startswith("x-"):
                self._check(child, here)

    def _check_schema(self, schema: Json, at: str) -> None:
        if not isinstance(schema, dict):
            raise self._error(at, "not a schema; accepted: a mapping", schema)
        for keyword, value in schema.items():
            if error := keyword_error(keyword, value, schema):
                raise self._error(f"{at}/{escape(keyword)}", *error)


def _members(node: Json) -> list[tuple[str, Json]]:
    return list(node.items()) if isinstance(node, dict) else []


def read(file: Path) -> tuple[bytes, dict[str, Json]]:
    """Return the bytes of a YAML file, and the mapping that it holds."""
    try:
        content = file.read_bytes()
    except OSError as error:
        accepted = "a directory with openapi.yaml and observed.overlay.yaml"
        message = f"cannot be read: {error.strerror}; accepted: {accepted}"
        raise spec_error(file, "", message, file.parent) from None
    document = parsed(str(file), content)
    if not isinstance(document, dict):
        raise spec_error(file, "", "not a mapping; accepted: a mapping", document)
    return content, document
