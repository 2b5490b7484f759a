"""Facts of the documentation page in Markdown."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from contract.drift.facts import Fact, Facts, same_path
from contract.errors import SpecError
from contract.model import Json
from contract.spec import Spec
from contract.spec.text import parsed_json, spec_error, text_of

FORMATS = {
    "integer": "int32|int64",
    "number": "float|double",
    "string": "date-time|date|time|uuid|uri|email|binary|byte|ipv4|ipv6|password",
}

TAB = re.compile(r'\s*\{% tab title="([^"]*)" %\}')
HEADING = re.compile(r"(#{1,6})\s+([^\s{][^{]*)")
FENCE = re.compile(r"\s*(```+|~~~+)")

ENDPOINTS = "api endpoint"
"""Column of a table of sites."""

ENUM = re.compile(r"\s*Allowed enum values:((?:[\s,]*`[^`]*`)+)\.?", re.IGNORECASE)
REQUIRED = re.compile(r"\s*\[\W*required\W*\]", re.IGNORECASE)
ENDPOINT = re.compile(
    r"`?(?P<method>[A-Z]+) +https?://(?P<host>[^/\s]+)(?P<path>/[^\s`]*)`?"
)
STATUS = re.compile(r"[1-5](\d\d|XX)")

CURL = re.compile(
    r"""curl\s+-X\s+"?(?P<method>[A-Z]+)"?\s+["'](?P<url>[^"'\s]+)["']"""
    r"""(?P<options>(?:[\s\\]*-(?:H|d)\s+(?:"[^"]*"|'[^']*'|@-))*)"""
    r"(?:\s*<<\s*(?P<end>\w+)\n(?P<body>.*?)\n(?P=end)\b)?",
    re.DOTALL,
)
"""A command that names a method. A body comes from a here-document."""
HEADER = re.compile(r"""-H\s+["']([^:"']+):\s*([^"']*)["']""")


class Block(NamedTuple):
    """A table, a code block or a text, below a heading and within tabs.

    `line` is the index of its first line, `section` a heading of the third level or
    above, `heading` one below it. The cells of a row are by the names of the columns in
    lower case.
    """

    line: int
    section: str
    heading: str
    tabs: tuple[str, ...]
    text: str = ""
    is_code: bool = False
    rows: tuple[dict[str, str], ...] = ()

    @property
    def part(self) -> str:
        if self.section == "Request":
            return "request"
        statuses = list(filter(STATUS.fullmatch, self.tabs))
        return statuses[-1] if self.section == "Response" and statuses else ""


def facts_of_page(source: str, content: bytes, spec: Spec) -> Facts:
    """Return the facts of the page, and where it contradicts itself.

    A page with several operations is read at that of the spec. Raises SpecError for a
    page without it, without a table of sites or without any model.
    """
    page = part_of_page(source, text_of(source, content), spec)
    elements = list(blocks(page))
    tables = [block for block in elements if block.rows]
    sites = [table for table in tables if ENDPOINTS in table.rows[0]]
    models = [block for block in tables if block.part and "field" in block.rows[0]]
    if not sites or not models:
        message = "not the documentation page; accepted: tables of sites and fields"
        raise spec_error(source, "", message, f"{len(tables)} tables")
    facts = Facts("site", "status", "field", "body")
    method, path = add_sites(source, facts, sites[0])
    for block in elements:
        add_block(facts, block, path)
    schemas: Json = {"request": {}}
    for table in models:
        schemas[table.part] = schema_of_model(facts, table)
        facts.add_schema(table.part, "", schemas[table.part])
    for block in elements:
        if block.part and block.is_code and "Example" in block.tabs:
            schema = schemas.get(block.part, {})
            check_text(facts, block.part, "the example", schema, block.text)
    for number, curl in enumerate(CURL.finditer(page)):
        check_curl(facts, curl, method, path)
        if number == 0:
            add_headers(facts, curl["options"])
        if (body := curl["body"]) is not None:
            name = "the curl example"
            check_text(facts, "request", name, schemas["request"], body)
    # the page has no column for these
    facts.drop("nullable", "limits", "read-only", "default")
    return facts


def part_of_page(source: str, page: str, spec: Spec) -> str:
    """Return the part of a page that is about the operation.

    It goes from its table of sites to the next one. A page with one table of sites is
    one part. Raises SpecError if there are several and none has the method and path of
    the spec.
    """
    tables = [b for b in blocks(page) if b.rows and ENDPOINTS in b.rows[0]]
    if len(tables) < 2:
        return page
    lines = page.splitlines()
    ends = [*(table.line for table in tables[1:]), None]
    others = []
    for table, end in zip(tables, ends, strict=True):
        if match := ENDPOINT.fullmatch(table.rows[0][ENDPOINTS]):
            method, path = match["method"], match["path"]
            if method == spec.method and same_path(path, spec.path):
                return "\n".join(lines[table.line : end])
            others.append(f"{method} {path}")
    message = f"the operation is missing; accepted: {spec.method} {spec.path}"
    raise spec_error(source, "", message, ", ".join(others))


def add_sites(source: str, facts: Facts, table: Block) -> tuple[str, str]:
    first: dict[str, str] = {}
    for row in table.rows:
        name = row.get("datadog site", "")
        endpoint = row[ENDPOINTS]
        match = ENDPOINT.fullmatch(endpoint)
        if match is None:
            message = "not an endpoint; accepted: METHOD https://api.{site}/path"
            raise spec_error(source, "", message, endpoint)
        host = match["host"]
        place = f"site {name}"
        site = host.removeprefix("api.")
        facts.add("", site, "site")
        if name and name.split()[0].removeprefix("app.") != site:
            facts.contradict(place, f"its endpoint is on {host}")
        for aspect in ("method", "path"):
            value = match[aspect]
            other = first.setdefault(aspect, value)
            facts.add("", "", aspect, other)
            if value != other:
                message = f"its {aspect} is {value}, where others have {other}"
                facts.contradict(place, message)
    return first["method"], first["path"]


def add_block(facts: Facts, block: Block, path: str) -> None:
    part, heading = block.part, block.heading
    text = "" if block.is_code else block.text
    if block.section == "Overview":
        facts.add_text("", "", text)
    elif heading == "Path Parameters" and block.rows:
        labels = {row.get("name", ""): row for row in block.rows}
        rows = {REQUIRED.sub("", label): row for label, row in labels.items()}
        for name, place in facts.places_in_path(path, rows).items():
            schema = schema_of_row(rows[name])
            facts.add_schema("path parameter", place, schema, name not in labels)
    elif part == "request" and heading.startswith("Body Data"):
        facts.add(part, "", "body")
        facts.add(part, "", "required", heading.startswith("Body Data (required)"))
    elif part[:1].isdigit():
        facts.add(part, "", "status")
        places = {part: "reason", "Model": ""}
        if block.tabs[-1] in places:
            facts.add_text(part, places[block.tabs[-1]], text)


def schema_of_model(facts: Facts, table: Block) -> Json:
    """Return the schema of a table of fields. A row names its parent."""
    objects: dict[str, Json] = {"": {"type": "object", "properties": {}}}
    for row in table.rows:
        name = REQUIRED.sub("", row["field"])
        parent = row.get("parent field", "")
        place = f"{table.part} {name}"
        if parent not in objects:
            message = f"its parent {parent} is not in the model before it"
            facts.contradict(place, message)
            continue
        members = objects[parent].setdefault("properties", {})
        if name in members:
            facts.contradict(place, f"stands twice below {parent or 'the body'}")
        elif name != row["field"]:
            objects[parent].setdefault("required", []).append(name)
        members[name] = inner = schema_of_row(row)
        while "items" in inner:
            inner = inner["items"]
        if inner["type"] == "object":
            objects[name] = inner
    return objects[""]


def schema_of_row(row: dict[str, str]) -> Json:
    """Return the schema of a row. A list is `[type]`, an enum lists its values."""
    text = row.get("description", "")
    label = row.get("type", "")
    name = label.strip("[]")
    schema: Json = {"type": name}
    for type_name, formats in FORMATS.items():
        if re.fullmatch(formats, name):
            schema = {"type": type_name, "format": name}
    if name == "enum":
        schema = {"type": "string"}
        if match := ENUM.search(text):
            texts = [value.strip(" `") for value in match[1].split(",")]
            schema["enum"] = texts
            if all(re.fullmatch(r"-?\d+", text) for text in texts):
                schema = {"type": "integer", "enum": list(map(int, texts))}
    for _ in range(label.count("[")):
        schema = {"type": "array", "items": schema}
    if description := ENUM.sub("", text).strip():
        schema["description"] = description
    return schema


def check_text(facts: Facts, part: str, name: str, schema: Json, text: str) -> None:
    try:
        document = parsed_json(name, text)
    except (ValueError, SpecError):
        facts.contradict(part, f"{name} is not JSON")
    else:
        facts.check_example(f"{part} ", name, schema, document)


def check_curl(facts: Facts, curl: re.Match[str], method: str, path: str) -> None:
    url = re.sub(r"\$\{?(\w+)\}?", r"{\1}", curl["url"]).split("//", 1)[-1]
    host, _, rest = url.partition("/")
    sites = "the table of sites"
    if curl["method"] != method:
        message = f"sends {curl['method']}, where {sites} has {method}"
        facts.contradict("curl", message)
    if not same_path(f"/{rest}", path):
        facts.contradict("curl", f"sends to /{rest}, where {sites} has {path}")
    if not facts.get(Fact("", host.removeprefix("api."), "site")):
        facts.contradict("curl", f"sends to {host}, which is not in {sites}")


def add_headers(facts: Facts, options: str) -> None:
    facts.exhaustive.add("header")
    parts = {"content-type": "request", "accept": "200"}
    for name, value in HEADER.findall(options):
        if part := parts.get(name.lower()):
            facts.add(part, "", "media type", (value,))
        else:
            facts.add("", name, "header")


# -- Markdown --


def blocks(page: str) -> Iterator[Block]:
    section = heading = ""
    tabs: tuple[str, ...] = ()
    lines = enumerate([*page.splitlines(), ""])
    for start, line in lines:
        if tab := TAB.match(line):
            tabs = (*tabs, tab[1])
        elif line.strip().startswith("{% /tab %}"):
            tabs = tabs[:-1]
        elif match := HEADING.match(line):
            heading = match[2].strip()
            if len(match[1]) <= 3:
                section, heading = heading, ""
        elif fence := FENCE.match(line):
            code = []
            while (line := next(lines, (0, fence[1]))[1]).strip() != fence[1]:
                code.append(line)
            yield Block(start, section, heading, tabs, "\n".join(code), is_code=True)
        elif line.lstrip().startswith("|"):
            table = [line]
            while (line := next(lines, (0, ""))[1]).lstrip().startswith("|"):
                table.append(line)
            yield Block(start, section, heading, tabs, rows=tuple(rows_of(table)))
        elif line.strip():
            yield Block(start, section, heading, tabs, " ".join(line.split()))


def rows_of(table: list[str]) -> Iterator[dict[str, str]]:
    names, *rows = map(cells_of, table)
    for row in rows:
        if not all(re.fullmatch(r":?-+:?", cell) for cell in row):
            row += [""] * (len(names) - len(row))
            yield dict(zip(map(str.lower, names), row, strict=False))


def cells_of(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    escaped = r"\\([\\`*_{}\[\]<>()#+.!|-])"
    return [re.sub(escaped, r"\1", cell.strip()) for cell in cells]
