"""The facts of one operation in an OpenAPI document, the spec's own included."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from contract.drift.facts import (
    Contradiction,
    Fact,
    Facts,
    Value,
    doubts,
    error_shape,
    of_schema,
)
from contract.drift.normal import Document
from contract.model import Json
from contract.spec import Spec
from contract.spec.text import spec_error

__all__ = [
    "METHODS",
    "facts_of_document",
    "facts_of_spec",
    "found",
    "operation_id",
    "same_path",
]

METHODS = ("patch", "put", "post", "get", "delete", "head", "options", "trace")


def operation_id(spec: Spec) -> str:
    """Return the name that the operation has in OpenAPI documents."""
    return str(spec.document["paths"][spec.path][spec.method.lower()]["operationId"])


def same_path(one: str, other: str) -> bool:
    """Tell whether two path templates are the same on the wire: what a parameter is called is not."""
    return re.sub(r"\{[^}/]*\}", "{}", one) == re.sub(r"\{[^}/]*\}", "{}", other)


def facts_of_spec(spec: Spec, *, observed: bool = False) -> Facts:
    """Return what the spec says, its own sentences aside; with `observed`, what the overlay adds too."""
    facts = facts_of_document(
        "spec", spec.overlaid if observed else spec.document, spec
    )
    return Facts(
        {fact: value for fact, value in facts.values.items() if fact.aspect != "text"},
        facts.closed,
    )


def found(paths: Mapping[str, Json], spec: Spec) -> tuple[str, str] | None:
    """Return path and method of the operation: by its id, else by its path; None where it is not there."""
    for path, item in paths.items():
        for method in METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if isinstance(operation, dict) and operation.get(
                "operationId"
            ) == operation_id(spec):
                return path, method
    for path, item in paths.items():
        if (
            same_path(path, spec.path)
            and isinstance(item, dict)
            and spec.method.lower() in item
        ):
            return path, spec.method.lower()
    return None


def facts_of_document(source: str, content: Mapping[str, Json], spec: Spec) -> Facts:
    """Return what an OpenAPI document says of the operation, and where its examples break its schemas.

    Raises SpecError where it is no OpenAPI 3.0 or 3.1, lacks the operation, or has a reference that cannot be followed.
    """
    if not re.match(r"3\.[01]\.", str(content.get("openapi"))):
        raise spec_error(
            source,
            "/openapi",
            "not OpenAPI 3.0 or 3.1",
            "3.0.x or 3.1.x",
            content.get("openapi"),
        )
    paths = content.get("paths")
    where = found(paths, spec) if isinstance(paths, dict) else None
    if where is None:
        given = f"{len(paths)} other paths" if isinstance(paths, dict) else "no paths"
        raise spec_error(
            source,
            "/paths",
            "the operation is missing",
            f"{spec.method} {spec.path}",
            given,
        )
    try:
        return _Reading(Document(source, content), *where).facts()
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
        at = f"/paths/{where[0].replace('/', '~1')}/{where[1]}"
        raise spec_error(
            source, at, "malformed", "OpenAPI 3.0 or 3.1", repr(error)
        ) from None


class _Reading:
    """One reading of one operation."""

    def __init__(self, document: Document, path: str, method: str) -> None:
        self.document, self.path, self.method = document, path, method
        self.item: dict[str, Any] = document.content["paths"][path]
        self.operation: dict[str, Any] = self.item[method]
        self.contradictions: list[Contradiction] = []

    def facts(self) -> Facts:
        values: dict[Fact, Value] = {
            Fact("", "", "method"): self.method.upper(),
            Fact("", "", "path"): self.path,
        }
        if text := " ".join(str(self.operation.get("description", "")).split()):
            values[Fact("", "", "text")] = text
        closed = {"field", "status", "body"}
        if (
            servers := self.operation.get("servers")
            or self.item.get("servers")
            or self.document.content.get("servers")
        ):
            closed.add("site")
            values |= {
                Fact("", site, "site"): True
                for server in servers
                for site in _sites(server)
            }
        if security := self.operation.get(
            "security", self.document.content.get("security")
        ):
            closed |= {"header", "security"}
            values |= dict(self._security(security))
        values |= dict(self._parameters())
        if body := self.document.follow(self.operation.get("requestBody")):
            values[Fact("request", "", "body")] = True
            values[Fact("request", "", "required")] = body.get("required") is True
            values |= dict(
                self._content("request", body.get("content") or {}, "readOnly")
            )
        for status, node in self.operation["responses"].items():
            values |= dict(self._response(str(status), self.document.follow(node)))
        return Facts(
            values, frozenset(closed), tuple(dict.fromkeys(self.contradictions))
        )

    def _security(
        self, security: list[dict[str, Json]]
    ) -> Iterator[tuple[Fact, Value]]:
        schemes = self.document.content.get("components", {}).get("securitySchemes", {})
        for alternative in security:
            used = [self.document.follow(schemes.get(name, {})) for name in alternative]
            if used and all(
                (each.get("type"), each.get("in")) == ("apiKey", "header")
                for each in used
            ):
                yield from ((Fact("", each["name"], "header"), True) for each in used)
            else:
                yield Fact("", " + ".join(alternative) or "anonymous", "security"), True

    def _parameters(self) -> Iterator[tuple[Fact, Value]]:
        given = [
            self.document.follow(each) for each in (self.item.get("parameters") or [])
        ]
        given += [
            self.document.follow(each)
            for each in (self.operation.get("parameters") or [])
        ]
        named = {
            (each["in"], each["name"]): each for each in given
        }  # what an operation says wins
        names = re.findall(r"\{([^}/]*)\}", self.path)
        for (kind, name), each in named.items():
            if kind == "path" and name not in names:
                self._doubt("path parameter", f"{name} is not in the path {self.path}")
                continue
            part, place = (
                f"{kind} parameter",
                str(names.index(name) + 1) if kind == "path" else name,
            )
            schema = self.document.schema(each.get("schema", {}), "readOnly")
            yield Fact(part, place, "field"), True
            yield Fact(part, place, "required"), each.get("required") is True
            text = each.get("description", "")
            yield from of_schema(
                part, {**schema, **({"description": text} if text else {})}, place
            )
            self._examples(part, each, schema, place)
        for name in names:
            if ("path", name) not in named:
                self._doubt(
                    "path parameter",
                    f"{{{name}}} in the path is not among the parameters",
                )

    def _response(
        self, status: str, response: dict[str, Json]
    ) -> Iterator[tuple[Fact, Value]]:
        yield Fact(status, "", "status"), True
        if text := " ".join(str(response.get("description", "")).split()):
            yield Fact(status, "reason", "text"), text
        yield from self._content(status, response.get("content") or {}, "writeOnly")

    def _content(
        self, part: str, content: dict[str, Json], hidden: str
    ) -> Iterator[tuple[Fact, Value]]:
        yield Fact(part, "", "media type"), tuple(sorted(content))
        if not content:
            return
        kind = (
            "application/json" if "application/json" in content else sorted(content)[0]
        )
        for media in content.values():
            self._examples(
                part, media, self.document.schema(media.get("schema", {}), hidden), ""
            )
        schema = self.document.schema(content[kind].get("schema", {}), hidden)
        yield from of_schema(part, schema)
        if part >= "400" and part[0].isdigit():
            yield Fact(part, "", "error shape"), error_shape(schema)

    def _examples(
        self, part: str, node: dict[str, Json], schema: dict[str, Json], place: str
    ) -> None:
        examples = [node["example"]] if "example" in node else []
        examples += [
            self.document.follow(each).get("value")
            for each in (node.get("examples") or {}).values()
        ]
        for example in examples:
            for pointer, message in doubts(schema, example):
                self._doubt(
                    f"{part} {place or pointer}".strip(), f"the example {message}"
                )
        self._schema_examples(part, schema, place)

    def _schema_examples(
        self, part: str, schema: dict[str, Json], pointer: str
    ) -> None:
        given = [("example", schema[key]) for key in ("example",) if key in schema]
        given += [
            ("example", each)
            for each in schema.get("examples", ())
            if isinstance(schema["examples"], list)
        ]
        given += [("default", schema["default"])] if "default" in schema else []
        for what, value in given:
            for at, message in doubts(schema, value):
                self._doubt(f"{part} {pointer}{at}", f"the {what} {message}")
        for name, child in schema.get("properties", {}).items():
            self._schema_examples(part, child, f"{pointer}/{name}")
        if isinstance(schema.get("items"), dict):
            self._schema_examples(part, schema["items"], f"{pointer}/*")

    def _doubt(self, place: str, message: str) -> None:
        self.contradictions.append(Contradiction(self.document.source, place, message))


def _sites(server: dict[str, Any]) -> Iterator[str]:
    """Yield the hosts of a server, each of its variables in turn, without `api.`."""
    variables = server.get("variables") or {}
    choices = [
        [(name, value) for value in each.get("enum") or [each["default"]]]
        for name, each in variables.items()
    ]
    for chosen in product(*choices):
        url = str(server["url"])
        for name, value in chosen:
            url = url.replace(f"{{{name}}}", str(value))
        if host := re.match(r"https?://([^/:?#]+)", url):
            yield host[1].removeprefix("api.")
