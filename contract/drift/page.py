"""Facts of the documentation page in Markdown: sites, models, examples, curl."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from contract.drift.facts import Fact, Facts
from contract.drift.markdown import Block, blocks, curls
from contract.drift.operation import same_path
from contract.model import Json
from contract.spec.text import spec_error

__all__ = ["facts_of_page"]

JsonSchema: TypeAlias = dict[str, Json]

_NUMBERS = {
    "int32": "integer",
    "int64": "integer",
    "float": "number",
    "double": "number",
}
_TEXTS = "date-time|date|time|uuid|uri|email|binary|byte|ipv4|ipv6|password"
_NO_COLUMN = ("nullable", "limits", "read-only", "default")
"""Aspects that the page has no column for."""

_ENUM = re.compile(r"\s*Allowed enum values:((?:[\s,]*`[^`]*`)+)\.?", re.IGNORECASE)
_REQUIRED = re.compile(r"\s*\[\W*required\W*\]", re.IGNORECASE)
_ENDPOINT = re.compile(r"`?([A-Z]+) +https?://([^/\s]+)(/[^\s`]*)`?")
_BODY = re.compile(r"Body Data( \(required\))?")
_STATUS = re.compile(r"[1-5](\d\d|XX)")


def facts_of_page(source: str, page: str) -> Facts:
    """Return the facts of the page, and where it contradicts itself.

    Raises SpecError for a page without a table of sites or without any model.
    """
    facts, elements = Facts(), list(blocks(page))
    facts.exhaustive |= {"site", "status", "field", "body"}
    tables = [block for block in elements if block.rows]
    sites = [table for table in tables if "api endpoint" in table.columns]
    models = [table for table in tables if "field" in table.columns and _part(table)]
    if not sites or not models:
        message = "not the documentation page; accepted: tables of sites and fields"
        raise spec_error(source, "", message, f"{len(tables)} tables")
    method, path = _add_sites(source, facts, sites[0])
    for block in elements:
        _add_block(facts, block, path)
    schemas = {}
    for table in models:
        part = _part(table)
        schemas[part] = _model(facts, part, table)
        facts.add_body(part, schemas[part])
    for block in elements:
        part = _part(block)
        if part and block.language is not None and "Example" in block.tabs:
            schema = schemas.get(part, {})
            _check_example(facts, part, "the example", schema, block.text)
    _add_curls(facts, page, method, path, schemas.get("request", {}))
    for fact in [fact for fact in facts.values if fact.aspect in _NO_COLUMN]:
        del facts.values[fact]
    return facts


def _add_sites(
    source: str,
    facts: Facts,
    table: Block,
) -> tuple[str, str]:
    """Add the sites. Return the first one's method and path."""
    first: dict[str, str] = {}
    for row in table.rows:
        name, endpoint = row.get("datadog site", ""), row["api endpoint"]
        match = _ENDPOINT.fullmatch(endpoint)
        if match is None:
            message = "not an endpoint; accepted: METHOD https://api.{site}/path"
            raise spec_error(source, "", message, endpoint)
        method, host, path = match.groups()
        site, place = host.removeprefix("api."), f"site {name}"
        facts.add("", site, "site", True)
        if name and name.split()[0].removeprefix("app.") != site:
            facts.contradict(place, f"its endpoint is on {host}")
        for aspect, value in (("method", method), ("path", path)):
            other = first.setdefault(aspect, value)
            facts.add("", "", aspect, other)
            if value != other:
                message = f"its {aspect} is {value}, where others have {other}"
                facts.contradict(place, message)
    return first["method"], first["path"]


def _add_block(
    facts: Facts,
    block: Block,
    path: str,
) -> None:
    """Add what a block outside the models says."""
    part, heading = _part(block), block.heading
    text = block.text if block.language is None else ""
    if block.section == "Overview":
        facts.add_text("", "", text)
    elif heading == "Path Parameters" and block.rows:
        rows = {_REQUIRED.sub("", row["name"]): row for row in block.rows}
        for name, place in facts.places_in_path(path, rows).items():
            required = bool(_REQUIRED.search(rows[name]["name"]))
            schema = _schema(rows[name])
            facts.add_parameter("path parameter", place, schema, required)
    elif part == "request" and (body := _BODY.match(heading)):
        facts.add("request", "", "body", True)
        facts.add("request", "", "required", bool(body[1]))
    elif part[:1].isdigit():
        facts.add(part, "", "status", True)
        place_by_tab = {part: "reason", "Model": ""}
        if block.tabs[-1] in place_by_tab:
            facts.add_text(part, place_by_tab[block.tabs[-1]], text)


def _model(
    facts: Facts,
    part: str,
    table: Block,
) -> JsonSchema:
    """Return the schema of a table of fields, each of which names its parent."""
    schema: JsonSchema = {"type": "object", "properties": {}}
    objects: dict[str, Any] = {"": schema}
    for row in table.rows:
        name, parent = _REQUIRED.sub("", row["field"]), row.get("parent field", "")
        place = f"{part} {name}"
        if parent not in objects:
            message = f"its parent {parent} is not in the model before it"
            facts.contradict(place, message)
            continue
        owner = objects[parent]
        members = owner.setdefault("properties", {})
        if name in members:
            facts.contradict(place, f"stands twice below {parent or 'the body'}")
        members[name] = inner = _schema(row)
        if _REQUIRED.search(row["field"]):
            owner.setdefault("required", []).append(name)
        while "items" in inner:
            inner = inner["items"]
        if inner["type"] == "object":
            objects[name] = inner
    return schema


def _check_example(
    facts: Facts,
    part: str,
    name: str,
    schema: JsonSchema,
    text: str,
) -> None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        facts.contradict(part, f"{name} is not JSON")
    else:
        facts.check_example(f"{part} ", name, schema, document)


def _add_curls(
    facts: Facts,
    page: str,
    method: str,
    path: str,
    schema: JsonSchema,
) -> None:
    """Add the headers of the first curl command, and check all of them."""
    sites = "the table of sites"
    for number, curl in enumerate(curls(page)):
        url = re.sub(r"\$\{?(\w+)\}?", r"{\1}", curl.url).split("//", 1)[-1]
        host, _, rest = url.partition("/")
        if curl.method != method:
            message = f"sends {curl.method}, where {sites} has {method}"
            facts.contradict("curl", message)
        if not same_path(f"/{rest}", path):
            message = f"sends to /{rest}, where {sites} has {path}"
            facts.contradict("curl", message)
        if Fact("", host.removeprefix("api."), "site") not in facts.values:
            facts.contradict("curl", f"sends to {host}, which is not in {sites}")
        if number == 0:
            _add_headers(facts, curl.headers)
        if curl.body is not None:
            _check_example(facts, "request", "the curl example", schema, curl.body)


def _add_headers(
    facts: Facts,
    headers: Mapping[str, str],
) -> None:
    facts.exhaustive.add("header")
    parts = {"content-type": "request", "accept": "200"}
    for name, value in headers.items():
        if part := parts.get(name.lower()):
            facts.add(part, "", "media type", (value,))
        else:
            facts.add("", name, "header", True)


def _part(block: Block) -> str:
    """Return the subject of a block: the request, a status, or nothing."""
    if block.section == "Request":
        return "request"
    statuses = [tab for tab in block.tabs if _STATUS.fullmatch(tab)]
    return statuses[-1] if block.section == "Response" and statuses else ""


def _schema(row: Mapping[str, str]) -> JsonSchema:
    """Return the schema of a row. A list is `[type]`, an enum lists its values."""
    text, label = row.get("description", ""), row.get("type", "")
    name = label.strip("[]")
    is_text = re.fullmatch(_TEXTS, name)
    schema: JsonSchema = {"type": "string" if is_text else _NUMBERS.get(name, name)}
    if schema["type"] != name:
        schema["format"] = name
    if name == "enum":
        match = _ENUM.search(text)
        texts = [value.strip(" `") for value in match[1].split(",")] if match else []
        is_integer = bool(texts) and all(re.fullmatch(r"-?\d+", v) for v in texts)
        schema = {"type": "integer" if is_integer else "string"}
        if texts:
            schema["enum"] = [int(v) for v in texts] if is_integer else texts
    for _ in range(label.count("[")):
        schema = {"type": "array", "items": schema}
    if description := _ENUM.sub("", text).strip():
        schema["description"] = description
    return schema
