"""Facts of the operation in an OpenAPI document, and in recorded exchanges.

A published document may have several MB. Only what the operation refers to is read.

A recording (a VCR cassette, format 1) shows what happened, not what may happen: it can
only widen the spec. So its statement is the spec's own one, unless a response goes
beyond it.
"""

import json
import re
from collections import ChainMap, defaultdict
from collections.abc import Iterator
from functools import partial
from http import HTTPMethod
from itertools import chain, islice, product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract.drift.facts import Fact, Facts, error_shape, same_path, scalar_text
from contract.jsondiff import unescape, walk
from contract.model import Json, Response
from contract.recordings.replay import RecordedUpdates
from contract.spec import Schema, Spec
from contract.spec.document import OPERATION_ID, members_of
from contract.spec.schema import (
    References,
    is_external,
    join,
    pointer_of,
    type_of,
    types_of,
)
from contract.spec.text import parsed, spec_error

MOST_URLS = 1_000
"""Addresses of one server. Its variables multiply."""


def facts_of_spec(spec: Spec, *, observed: bool = False) -> Facts:
    """Return the facts of the spec or, if `observed`, of spec and overlay.

    The spec has sentences of its own, which are left out.
    """
    document = spec.overlaid if observed else spec.document
    facts = facts_of_document("spec", document, spec)
    facts.drop("text")
    return facts


def facts_of_openapi(source: str, content: bytes, spec: Spec) -> Facts:
    """Return the facts of a published document, YAML or JSON.

    Raises SpecError if it cannot be read, is not OpenAPI 3.0 or 3.1, does not have the
    operation, or has a reference that cannot be followed.
    """
    document = parsed(source, content)
    if not isinstance(document, dict):
        message = "not a mapping; accepted: an OpenAPI document"
        raise spec_error(source, "", message, type(document).__name__)
    return facts_of_document(source, document, spec)


def facts_of_document(source: str, document: Json, spec: Spec) -> Facts:
    version = document.get("openapi")
    if not re.match(r"3\.[01]\.", str(version)):
        message = "not OpenAPI 3.0 or 3.1; accepted: 3.0.x or 3.1.x"
        raise spec_error(source, "/openapi", message, version)
    references = References(source, document)
    at = "/paths"
    try:
        path, method, item = find_operation(references, spec)
        at = pointer_of("paths", path, method)
        operation = OperationFacts(references, item, item[method])
        operation.add(path, method)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        kind = "a member is missing" if isinstance(error, KeyError) else "a wrong type"
        message = "malformed; accepted: OpenAPI 3.0 or 3.1"
        raise spec_error(source, at, message, kind) from None
    return operation.facts


def find_operation(references: References, spec: Spec) -> tuple[str, str, Json]:
    by_path, external, paths = None, {}, members_of(references.document.get("paths"))
    for path, item in paths:
        if not isinstance(item, dict) or is_external(item.get("$ref")):
            external[path] = item
            continue
        item = {**references.follow(item)[0], **item}
        for method in map(str.lower, HTTPMethod):
            node = item.get(method)
            if not isinstance(node, dict):
                continue
            if node.get("operationId") == OPERATION_ID:
                return path, method, item
            if method.upper() == spec.method and any(
                same_path(f"{base}{path}", spec.path)
                for base in base_paths(servers_of(references.document, item, node))
            ):
                by_path = path, method, item
    if by_path:
        return by_path
    for path, item in external.items():
        references.follow(item, pointer_of("paths", path))
    message = f"the operation is missing; accepted: {spec.method} {spec.path}"
    raise spec_error(references.source, "/paths", message, f"{len(paths)} other paths")


def servers_of(*owners: Json) -> list[Json]:
    servers = (owner.get("servers") for owner in reversed(owners))
    return next(filter(None, servers), None) or []


class OperationFacts:
    """The facts of an operation. `owners` are document, path item and operation."""

    def __init__(self, references: References, *owners: Json) -> None:
        self.owners = (references.document, *owners)
        self.facts = Facts("field", "status", "body")
        self.references = references

    def follow(self, node: Json) -> Json:
        return self.references.follow(node)[0]

    def add(self, path: str, method: str) -> None:
        facts, node = self.facts, self.owners[-1]
        named = self.references.source, self.references.document
        # members that are read-only are in no request (OpenAPI 3.1, 4.8.24)
        request, response = (
            References(*named, rewrite=partial(plain_schema, hidden))
            for hidden in ("readOnly", "writeOnly")
        )
        facts.add("", "", "method", method.upper())
        facts.add_text("", "", node.get("description", ""))
        self.add_servers(path)
        self.add_security()
        self.add_parameters(path, request)
        if body := self.follow(node.get("requestBody")):
            facts.add("request", "", "body")
            facts.add("request", "", "required", body.get("required") is True)
            self.add_content("request", body, request)
        for status, reference in node["responses"].items():
            content = self.follow(reference)
            facts.add(status, "", "status")
            facts.add_text(status, "reason", content.get("description", ""))
            self.add_content(status, content, response)

    def add_servers(self, path: str) -> None:
        servers = servers_of(*self.owners)
        first, *others = base_paths(servers)
        self.facts.add("", "", "path", f"{first}{path}")
        for base in others:
            message = (
                f"one has the path {base or '/'}, where the first has {first or '/'}"
            )
            self.facts.contradict("servers", message)
        for server in servers:
            self.facts.exhaustive.add("site")
            for url in urls_of(server):
                if host := re.match(r"https?://([^/:?#]+)", url):
                    self.facts.add("", host[1].removeprefix("api."), "site")

    def add_security(self) -> None:
        document, _, node = self.owners
        schemes = document.get("components", {}).get("securitySchemes", {})
        for names in node.get("security", document.get("security")) or ():
            self.facts.exhaustive |= {"header", "security"}
            used = [self.follow(schemes.get(name, {})) for name in names]
            kinds = {(scheme.get("type"), scheme.get("in")) for scheme in used}
            if kinds == {("apiKey", "header")}:
                for scheme in used:
                    self.facts.add("", scheme["name"], "header")
            else:
                name = " + ".join(names) or "anonymous"
                self.facts.add("", name, "security")

    def add_parameters(self, path: str, expander: References) -> None:
        parameters = {}  # one of the operation replaces one of its path
        for owner in self.owners[1:]:
            for parameter in map(self.follow, owner.get("parameters") or ()):
                parameters[parameter["in"], parameter["name"]] = parameter
        names = [name for kind, name in parameters if kind == "path"]
        places = self.facts.places_in_path(path, names)
        for (kind, name), parameter in parameters.items():
            place = places.get(name) if kind == "path" else name
            if place is None:
                continue
            schema = expander.expand(parameter.get("schema", {}))
            if text := parameter.get("description"):
                schema = {**schema, "description": text}
            part = f"{kind} parameter"
            required = parameter.get("required") is True
            self.facts.add_schema(part, place, schema, required)
            self.check_examples(f"{part} {place}", schema, parameter)

    def add_content(self, part: str, node: Json, expander: References) -> None:
        content = node.get("content") or {}
        self.facts.add(part, "", "media type", tuple(sorted(content)))
        schemas = {}
        for name, media in content.items():
            schemas[name] = expander.expand(media.get("schema", {}))
            self.check_examples(f"{part} ", schemas[name], media)
        if schemas:
            name = min(schemas, key=lambda name: ("json" not in name, name))
            self.facts.add_schema(part, "", schemas[name])

    def check_examples(self, place: str, schema: Json, *nodes: Json) -> None:
        for node in (*nodes, schema):
            values = node.get("examples") or ()
            if isinstance(values, dict):
                items = map(self.follow, values.values())
                values = [item.get("value") for item in items]
            examples = [("example", value) for value in values]
            keys = ("example", "default")
            examples += [(key, node[key]) for key in keys if key in node]
            for key, value in examples:
                self.facts.check_example(place, f"the {key}", schema, value)
        for name, child in schema.get("properties", {}).items():
            self.check_examples(f"{place}/{name}", child)
        if "items" in schema:
            self.check_examples(f"{place}/*", schema["items"])


def plain_schema(hidden: str, schema: Json) -> Json:
    """Return a schema without `allOf`, `nullable`, and members marked `hidden`."""
    is_nullable = schema.pop("nullable", None) is True
    members = schema.get("properties", {})
    if gone := [name for name in members if members[name].get(hidden) is True]:
        required = schema.get("required", ())
        schema["required"] = [name for name in required if name not in gone]
    for name in gone:
        del members[name]
    for part in schema.pop("allOf", ()):
        schema = join(part, schema)
    for keyword in ("oneOf", "anyOf"):
        branches = schema.get(keyword, ())
        others = [item for item in branches if types_of(item) != ["null"]]
        is_nullable |= len(others) < len(branches)
        if len(others) == 1:  # the way of 3.1 to make a reference nullable
            del schema[keyword]
            schema = join(others[0], schema)
    types = types_of(schema)
    if is_nullable and types and "null" not in types:
        schema["type"] = [*types, "null"]
    return schema


def base_paths(servers: list[Json]) -> list[str]:
    urls = chain.from_iterable(map(urls_of, servers))
    paths = [re.sub(r"^(\w+:)?//[^/?#]*", "", url).rstrip("/") for url in urls]
    return list(dict.fromkeys(paths)) or [""]


def urls_of(server: Json) -> Iterator[str]:
    """Yield the address of a server for all values of its variables."""
    variables = server.get("variables") or {}
    choices = [v.get("enum") or [v["default"]] for v in variables.values()]
    for values in islice(product(*choices), MOST_URLS):
        url = str(server["url"])
        for name, value in zip(variables, values, strict=True):
            url = url.replace(f"{{{name}}}", str(value))
        yield url


# -- recordings --


def facts_of_recordings(directory: Path, spec: Spec) -> Facts:
    """Return the facts of all cassettes below a directory.

    Raises UsageError if a cassette cannot be read, or if none has an exchange of the
    operation.
    """
    updates = RecordedUpdates(directory, spec)
    recorded = RecordedFacts(spec)
    for _, request, response in updates.exchanges:
        recorded.add(urlsplit(request.url).hostname or "", response)
    recorded.facts.remark = updates.remark
    return recorded.facts


class RecordedFacts:
    """The facts of spec and overlay, widened until they allow all responses."""

    def __init__(self, spec: Spec) -> None:
        base = facts_of_spec(spec, observed=True)
        self.spec = spec
        self.facts = Facts()
        self.values: ChainMap[Fact, Any] = ChainMap(self.facts.values, base.values)
        self.shapes: dict[str, set[str]] = defaultdict(set)

    def add(self, host: str, response: Response) -> None:
        status = str(response.status)
        if host.startswith("api."):
            self.facts.add("", host.removeprefix("api."), "site")
        self.facts.add(status, "", "status")
        if response.media_type:
            self.widen(Fact(status, "", "media type"), response.media_type)
        self.shapes[status] |= {self.add_body(response)} - {""}
        fact = Fact(status, "", "error shape")
        if fact in self.values:
            shapes = " or ".join(sorted(self.shapes[status]))
            self.values[fact] = shapes or self.values[fact]

    def add_body(self, response: Response) -> str:
        """Add a body. Return its shape if the spec does not allow it."""
        is_success = response.status == 200
        try:
            document = json.loads(response.body)
        except (ValueError, TypeError, RecursionError):
            shape = "not JSON" if response.body else "no body"
            if is_success:
                self.widen(Fact("200", "", "type"), shape)
            return shape
        for pointer, value in walk(document) if is_success else ():
            self.add_value(pointer.replace("/{item}", "/*"), value)
        observed = self.spec.observed.get(response.status)
        schemas = observed.media.values() if observed else ()
        is_valid = any(schema.is_valid(document) for schema in schemas)
        return "" if is_valid else shape_of(document)

    def add_value(self, at: str, value: Json) -> None:
        aspects = ("type", "nullable", "format", "enum")
        types, nullable, key, enum = (Fact("200", at, name) for name in aspects)
        values = self.values
        name = type_of(value)
        if at and not at.endswith("/*"):
            self.facts.add("200", at, "field")
        values[nullable] = value is None or values.get(nullable) is True
        if value is not None:
            is_number = "number" in (values.get(types) or ())
            self.widen(types, "number" if is_number and name == "integer" else name)
            if values.get(enum):
                self.widen(enum, scalar_text(value))
        if format_ := values.get(key):
            is_valid = Schema({"format": format_}).is_valid(value)
            values[key] = format_ if is_valid else ""
        for fact in values if isinstance(value, dict) else ():
            token = fact.place.rpartition("/")[2]
            if fact == ("200", f"{at}/{token}", "required") and values[fact]:
                values[fact] = unescape(token) in value

    def widen(self, fact: Fact, name: str) -> None:
        """Add a name to a statement. An empty one allows every name."""
        old = self.values.get(fact)
        if old is None or (old and name not in old):
            old = tuple(sorted({*(old or ()), name}))
        self.values[fact] = old


def shape_of(document: Json) -> str:
    if not isinstance(document, dict):
        return type_of(document)
    members: Json = {name: {"type": type_of(document[name])} for name in document}
    for name, value in document.items():
        if isinstance(value, list):
            members[name] = {"items": {"type": sorted({*map(type_of, value)})}}
    return error_shape({"properties": members})
