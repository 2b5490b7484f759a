"""Facts of the operation in an OpenAPI document, the spec's own one included.

A published document may have several MB. Only the operation, and the places that it
refers to, are read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any, TypeAlias

from contract.drift.facts import Facts
from contract.model import Json
from contract.spec import Spec
from contract.spec.document import OPERATION_ID
from contract.spec.refs import Expander, References, escape, join
from contract.spec.schema import types_of
from contract.spec.text import parsed, spec_error, text_of

__all__ = ["facts_of_openapi", "facts_of_spec", "same_path"]

JsonSchema: TypeAlias = dict[str, Json]

_METHODS = ("patch", "put", "post", "get", "delete", "head", "options", "trace")
_MALFORMED = (AttributeError, TypeError, KeyError, ValueError, RecursionError)


def same_path(one: str, other: str) -> bool:
    """Return whether two paths differ in the names of parameters at most."""
    return re.sub(r"\{[^}/]*\}", "{}", one) == re.sub(r"\{[^}/]*\}", "{}", other)


def facts_of_spec(
    spec: Spec,
    *,
    observed: bool = False,
) -> Facts:
    """Return the facts of the spec or, if `observed`, of spec and overlay.

    The spec has sentences of its own, which are left out.
    """
    facts = _facts("spec", spec.overlaid if observed else spec.document, spec)
    for fact in [fact for fact in facts.values if fact.aspect == "text"]:
        del facts.values[fact]
    return facts


def facts_of_openapi(
    source: str,
    content: bytes,
    spec: Spec,
) -> Facts:
    """Return the facts of a published document, YAML or JSON.

    Raises SpecError if it cannot be read, is not OpenAPI 3.0 or 3.1, does not have the
    operation, or has a reference that cannot be followed.
    """
    text, document = text_of(source, content), None
    if text.lstrip().startswith("{"):  # YAML in flow style has this beginning, too
        with suppress(ValueError, RecursionError):
            document = json.loads(text)
    if document is None:
        document = parsed(source, text)
    if not isinstance(document, dict):
        message = "not a mapping; accepted: an OpenAPI document"
        raise spec_error(source, "", message, type(document).__name__)
    return _facts(source, document, spec)


def _facts(
    source: str,
    document: Mapping[str, Json],
    spec: Spec,
) -> Facts:
    version, paths = document.get("openapi"), document.get("paths")
    if not re.match(r"3\.[01]\.", str(version)):
        message = "not OpenAPI 3.0 or 3.1; accepted: 3.0.x or 3.1.x"
        raise spec_error(source, "/openapi", message, version)
    paths = paths if isinstance(paths, dict) else {}
    place = _find(paths, spec)
    if place is None:
        message = f"the operation is missing; accepted: {spec.method} {spec.path}"
        raise spec_error(source, "/paths", message, f"{len(paths)} other paths")
    facts, (path, method) = Facts(), place
    facts.exhaustive |= {"field", "status", "body"}
    facts.add("", "", "method", method.upper())
    facts.add("", "", "path", path)
    item = paths[path]
    try:
        _Operation(References(source, document), facts, item, item[method]).add(path)
    except _MALFORMED as error:
        at = f"/paths/{escape(path)}/{method}"
        message = "malformed; accepted: OpenAPI 3.0 or 3.1"
        raise spec_error(source, at, message, repr(error)) from None
    return facts


def _find(
    paths: Mapping[str, Json],
    spec: Spec,
) -> tuple[str, str] | None:
    """Return path and method of the operation, found by its id or else its path."""
    by_path = None
    for path, item in paths.items():
        for method in _METHODS if isinstance(item, dict) else ():
            node = item.get(method)
            if isinstance(node, dict) and node.get("operationId") == OPERATION_ID:
                return path, method
        method = spec.method.lower()
        if by_path is None and same_path(path, spec.path) and method in (item or ()):
            by_path = path, method
    return by_path


class _Operation:
    """Adds the facts of an operation (`node`) of a path (`item`)."""

    def __init__(
        self,
        references: References,
        facts: Facts,
        item: Json,
        node: Json,
    ) -> None:
        self.references, self.facts = references, facts
        self.owners = (references.document, item, node)
        self.node = node
        # members that are read-only are in no request (OpenAPI 3.1, 4.8.24)
        self.request = Expander(references, rewrite=partial(_plain, "readOnly"))
        self.response = Expander(references, rewrite=partial(_plain, "writeOnly"))

    def add(self, path: str) -> None:
        """Add the facts."""
        facts, node = self.facts, self.node
        facts.add_text("", "", node.get("description", ""))
        self._add_sites()
        self._add_security()
        self._add_parameters(path)
        if body := self._follow(node.get("requestBody")):
            facts.add("request", "", "body", True)
            facts.add("request", "", "required", body.get("required") is True)
            self._add_content("request", body, self.request)
        for key, reference in node["responses"].items():
            status, response = str(key), self._follow(reference)
            facts.add(status, "", "status", True)
            facts.add_text(status, "reason", response.get("description", ""))
            self._add_content(status, response, self.response)

    def _follow(self, node: Json) -> Any:
        return self.references.follow(node)[0]

    def _add_sites(self) -> None:
        servers = [owner.get("servers") for owner in self.owners]
        for server in next(filter(None, reversed(servers)), ()):
            self.facts.exhaustive.add("site")
            for site in _sites(server):
                self.facts.add("", site, "site", True)

    def _add_security(self) -> None:
        document = self.references.document
        schemes = document.get("components", {}).get("securitySchemes", {})
        security = self.node.get("security", document.get("security"))
        for alternative in security or ():
            self.facts.exhaustive |= {"header", "security"}
            used = [self._follow(schemes.get(name, {})) for name in alternative]
            kinds = {(scheme.get("type"), scheme.get("in")) for scheme in used}
            if kinds == {("apiKey", "header")}:
                for scheme in used:
                    self.facts.add("", scheme["name"], "header", True)
            else:
                name = " + ".join(alternative) or "anonymous"
                self.facts.add("", name, "security", True)

    def _add_parameters(self, path: str) -> None:
        parameters = {}  # one of the operation replaces one of its path
        for owner in self.owners[1:]:
            for reference in owner.get("parameters") or ():
                parameter = self._follow(reference)
                parameters[parameter["in"], parameter["name"]] = parameter
        names = [name for kind, name in parameters if kind == "path"]
        places = self.facts.places_in_path(path, names)
        for (kind, name), parameter in parameters.items():
            place = places.get(name) if kind == "path" else name
            if place is None:
                continue
            schema = self.request.expand(parameter.get("schema", {}))
            if text := parameter.get("description"):
                schema = {**schema, "description": text}
            part, required = f"{kind} parameter", parameter.get("required") is True
            self.facts.add_parameter(part, place, schema, required)
            self._check_examples(f"{part} {place}", parameter, schema)

    def _add_content(
        self,
        part: str,
        node: Json,
        expander: Expander,
    ) -> None:
        content: dict[str, Any] = node.get("content") or {}
        self.facts.add(part, "", "media type", tuple(sorted(content)))
        schemas = {}
        for name, media in content.items():
            schemas[name] = expander.expand(media.get("schema", {}))
            self._check_examples(f"{part} ", media, schemas[name])
        if not schemas:
            return
        name = min(schemas, key=lambda name: ("json" not in name, name))
        self.facts.add_body(part, schemas[name])

    def _check_examples(
        self,
        place: str,
        node: Json,
        schema: JsonSchema,
    ) -> None:
        """Check the examples of a node and of its schema, and the defaults."""
        examples = node.get("examples") or ()
        if isinstance(examples, dict):
            references = map(self._follow, examples.values())
            examples = [example.get("value") for example in references]
        values = [("example", example) for example in examples]
        values += [(key, node[key]) for key in ("example", "default") if key in node]
        for name, value in values:
            self.facts.check_example(place, f"the {name}", schema, value)
        if node is not schema:
            self._check_examples(place, schema, schema)
            return
        for name, child in schema.get("properties", {}).items():
            self._check_examples(f"{place}/{name}", child, child)
        if "items" in schema:
            self._check_examples(f"{place}/*", schema["items"], schema["items"])


def _plain(hidden: str, schema: JsonSchema) -> JsonSchema:
    """Return a schema without `allOf`, `nullable`, and members marked `hidden`."""
    is_nullable = schema.pop("nullable", None) is True
    members = schema.get("properties", {})
    names = [name for name in members if members[name].get(hidden) is True]
    for name in names:
        del members[name]
    if names and "required" in schema:
        required = schema["required"]
        schema["required"] = [name for name in required if name not in names]
    for part in schema.pop("allOf", ()):
        schema = join(part, schema)
    for keyword in ("oneOf", "anyOf"):
        branches = schema.get(keyword, ())
        others = [branch for branch in branches if types_of(branch) != ["null"]]
        is_nullable |= len(others) < len(branches)
        if len(others) == 1:  # the way of 3.1 to make a reference nullable
            del schema[keyword]
            schema = join(others[0], schema)
    types = types_of(schema)
    if is_nullable and types and "null" not in types:
        schema["type"] = [*types, "null"]
    return schema


def _sites(server: dict[str, Any]) -> Iterator[str]:
    """Yield the hosts of a server, without `api.`, for all values of its variables."""
    variables: dict[str, Any] = server.get("variables") or {}
    choices = [v.get("enum") or [v["default"]] for v in variables.values()]
    for values in product(*choices):
        url = str(server["url"])
        for name, value in zip(variables, values, strict=True):
            url = url.replace(f"{{{name}}}", str(value))
        if host := re.match(r"https?://([^/:?#]+)", url):
            yield host[1].removeprefix("api.")
