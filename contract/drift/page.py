"""The facts of the documentation page, in its Markdown form: site table, models, examples, the curl command."""

import json
import re
from collections.abc import Iterator, Mapping
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
from contract.drift.markdown import Block, blocks, curls
from contract.drift.operation import same_path
from contract.model import Json
from contract.spec.text import spec_error

__all__ = ["facts_of_page"]

_FORMATS = {
    "int32": "integer",
    "int64": "integer",
    "float": "number",
    "double": "number",
} | dict.fromkeys(
    (
        "date-time",
        "date",
        "time",
        "uuid",
        "uri",
        "email",
        "binary",
        "byte",
        "ipv4",
        "ipv6",
        "password",
    ),
    "string",
)
_SILENT = ("nullable", "limits", "read-only", "default")
"""Aspects for which the page has no column."""

_ENUM = re.compile(r"\s*Allowed enum values:((?:[\s,]*`[^`]*`)+)\.?", re.IGNORECASE)
_REQUIRED = re.compile(r"\s*\[\W*required\W*\]", re.IGNORECASE)


def facts_of_page(source: str, page: str) -> Facts:
    """Return what the page says, and where it contradicts itself.

    Raises SpecError where it has no table of sites, or neither a request's nor a response's model.
    """
    return _Page(source, page).facts()


class _Page:
    """One reading of one page."""

    def __init__(self, source: str, page: str) -> None:
        self.source, self.page = source, page
        self.values: dict[Fact, Value] = {}
        self.contradictions: list[Contradiction] = []
        self.schemas: dict[str, dict[str, Json]] = {}
        self.closed = {"site", "status", "field", "body"}

    def facts(self) -> Facts:
        found = list(blocks(self.page))
        tables = [block for block in found if block.rows]
        sites = next(
            (block for block in tables if "api endpoint" in _columns(block)), None
        )
        models = [
            block for block in tables if "field" in _columns(block) and _part(block)
        ]
        if sites is None or not models:
            given = f"{len(tables)} tables"
            raise spec_error(
                self.source,
                "",
                "not the documentation page",
                "a table of sites and of fields",
                given,
            )
        self._sites(sites)
        for block in found:
            if block.section == "Overview" and block.text:
                self.values.setdefault(Fact("", "", "text"), block.text)
        self._parameters(
            next(
                (block for block in tables if block.heading == "Path Parameters"), None
            )
        )
        for block in found:
            self._status(block)
        for block in models:
            self._model(block)
        for block in found:
            if (
                block.language is not None
                and "Example" in block.tabs
                and (part := _part(block))
            ):
                self._example(part, block.text, "the example")
        self._curl()
        return Facts(self.values, frozenset(self.closed), tuple(self.contradictions))

    def _doubt(self, place: str, message: str) -> None:
        self.contradictions.append(Contradiction(self.source, place, message))

    def _sites(self, table: Block) -> None:
        for row in table.rows or ():
            name, endpoint = row.get("datadog site", ""), row["api endpoint"]
            if not (
                parts := re.fullmatch(
                    r"`?([A-Z]+) +https?://([^/\s]+)(/[^\s`]*)`?", endpoint
                )
            ):
                raise spec_error(
                    self.source,
                    "",
                    "not an endpoint",
                    "METHOD https://api.{site}/path",
                    endpoint,
                )
            site = parts[2].removeprefix("api.")
            if name and name.split()[0].removeprefix("app.") != site:
                self._doubt(f"site {name}", f"its endpoint is on {parts[2]}")
            for aspect, value in (("method", parts[1]), ("path", parts[3])):
                if (
                    other := self.values.setdefault(Fact("", "", aspect), value)
                ) != value:
                    self._doubt(
                        f"site {name}",
                        f"its {aspect} is {value}, where others have {other}",
                    )
            self.values[Fact("", site, "site")] = True

    def _parameters(self, table: Block | None) -> None:
        names = re.findall(r"\{([^}/]*)\}", str(self.values[Fact("", "", "path")]))
        rows = {
            _REQUIRED.sub("", row["name"]): row
            for row in (table.rows if table and table.rows else ())
        }
        for name, row in rows.items():
            if name not in names:
                self._doubt("path parameter", f"{name} is not in the path")
                continue
            place = str(names.index(name) + 1)
            self.values[Fact("path parameter", place, "field")] = True
            self.values[Fact("path parameter", place, "required")] = bool(
                _REQUIRED.search(row["name"])
            )
            self._add("path parameter", _typed(row), place)
        for name in names:
            if name not in rows:
                self._doubt(
                    "path parameter",
                    f"{{{name}}} in the path is not among the parameters",
                )

    def _status(self, block: Block) -> None:
        part = _part(block)
        if block.section == "Request" and (
            body := re.match(r"Body Data( \(required\))?", block.heading)
        ):
            self.values[Fact("request", "", "body")] = True
            self.values[Fact("request", "", "required")] = bool(body[1])
        elif part[:1].isdigit():
            self.values[Fact(part, "", "status")] = True
            if block.text and block.language is None and block.tabs[-1] == part:
                self.values.setdefault(Fact(part, "reason", "text"), block.text)
            elif block.text and block.language is None and block.tabs[-1] == "Model":
                self.values.setdefault(Fact(part, "", "text"), block.text)

    def _model(self, table: Block) -> None:
        part = _part(table)
        schema = self.schemas[part] = {"type": "object", "properties": {}}
        known: list[tuple[str, dict[str, Any]]] = [
            ("", schema)
        ]  # what may be a parent, the latest last
        for row in table.rows or ():
            name, parent = _REQUIRED.sub("", row["field"]), row.get("parent field", "")
            inner = next(
                (each for called, each in reversed(known) if called == parent), None
            )
            if inner is None:
                self._doubt(
                    f"{part} {name}",
                    f"its parent {parent} is not in the model before it",
                )
                continue
            members = inner.setdefault("properties", {})
            if name in members:
                self._doubt(
                    f"{part} {name}", f"stands twice below {parent or 'the body'}"
                )
            members[name] = _typed(row)
            if _REQUIRED.search(row["field"]):
                inner.setdefault("required", []).append(name)
            if (innermost := _innermost(members[name]))["type"] == "object":
                known.append((name, innermost))
        self._add(part, schema, "")
        if part >= "400" and part[0].isdigit():
            self.values[Fact(part, "", "error shape")] = error_shape(schema)

    def _add(self, part: str, schema: Mapping[str, Json], place: str) -> None:
        self.values |= {
            fact: value
            for fact, value in of_schema(part, schema, place)
            if fact.aspect not in _SILENT
        }

    def _example(self, part: str, text: str, what: str) -> None:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            self._doubt(part, f"{what} is not JSON: {error}")
            return
        for pointer, message in doubts(self.schemas.get(part, {}), document):
            self._doubt(f"{part} {pointer}", f"{what} {message}")

    def _curl(self) -> None:
        for number, curl in enumerate(curls(self.page)):
            method, path = (
                self.values[Fact("", "", "method")],
                str(self.values[Fact("", "", "path")]),
            )
            host, _, rest = (
                re.sub(r"\$\{?(\w+)\}?", r"{\1}", curl.url)
                .split("//", 1)[-1]
                .partition("/")
            )
            if curl.method != method:
                self._doubt(
                    "curl",
                    f"sends {curl.method}, where the table of sites has {method}",
                )
            if not same_path(f"/{rest}", path):
                self._doubt(
                    "curl", f"sends to /{rest}, where the table of sites has {path}"
                )
            if Fact("", host.removeprefix("api."), "site") not in self.values:
                self._doubt(
                    "curl", f"sends to {host}, which is not in the table of sites"
                )
            if number == 0:
                self._headers(curl.headers)
            if curl.body is not None:
                self._example("request", curl.body, "the curl example")

    def _headers(self, headers: Mapping[str, str]) -> None:
        self.closed.add("header")
        for name, value in headers.items():
            if name.lower() == "content-type":
                self.values[Fact("request", "", "media type")] = (value,)
            elif name.lower() == "accept":
                self.values[Fact("200", "", "media type")] = (value,)
            else:
                self.values[Fact("", name, "header")] = True


def _columns(block: Block) -> Iterator[str]:
    return iter(block.rows[0]) if block.rows else iter(())


def _part(block: Block) -> str:
    """Return what a block is about: the request, a status, or nothing that is compared."""
    if block.section == "Request":
        return "request"
    statuses = [tab for tab in block.tabs if re.fullmatch(r"[1-5](\d\d|XX)", tab)]
    return statuses[-1] if block.section == "Response" and statuses else ""


def _innermost(schema: dict[str, Json]) -> dict[str, Json]:
    while "items" in schema:
        schema = schema["items"]
    return schema


def _typed(row: Mapping[str, str]) -> dict[str, Json]:
    """Return the schema of a row: type names as the page has them, a list as `[type]`, an enum by its values."""
    text = row.get("description", "")
    listed = _ENUM.search(text)
    values = [each.strip(" `") for each in listed[1].split(",")] if listed else []
    name = row.get("type", "")
    depth = len(name) - len(name.lstrip("["))
    name = name.strip("[]")
    schema: dict[str, Json] = {"type": _FORMATS.get(name, name)}
    if name in _FORMATS:
        schema["format"] = name
    if name == "enum":
        numbers = bool(values) and all(re.fullmatch(r"-?\d+", each) for each in values)
        schema["type"] = "integer" if numbers else "string"
        if values:
            schema["enum"] = [int(each) if numbers else each for each in values]
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    if rest := _ENUM.sub("", text).strip():
        schema["description"] = rest
    return schema
