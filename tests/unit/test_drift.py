"""Drift: single edits to a page and a published document, what witnesses contradict, and what cannot be read.

`drift/page.md` and `drift/openapi.yaml` agree with the spec. The page has the form of the real one, and its own words.
"""

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import responses
import yaml
from rich.console import Console

from contract.drift import Drift, drift
from contract.drift.upstream import DOCUMENT, document_in, newest, upstream
from contract.errors import SpecError, SubjectError, UsageError
from contract.spec import Spec, load
from contract.spec.text import parsed

PAGE = (Path(__file__).parents[1] / "drift" / "page.md").read_text(encoding="utf-8")
OPENAPI = (Path(__file__).parents[1] / "drift" / "openapi.yaml").read_text(
    encoding="utf-8"
)
CLIENTS, SERVICES, COMPATIBLE, EDITORIAL = (
    "breaking for clients",
    "breaking for services",
    "compatible",
    "editorial",
)
PATH = "/api/v2/replay/heatmap/snapshots/one"


class Edit(NamedTuple):
    """One edit (a regular expression and what replaces its first match), and what must be found."""

    name: str
    old: str
    new: str
    kind: str
    fact: str
    doubts: tuple[str, ...] = ()


PAGE_EDITS = (
    Edit("site removed", r"\| ap2.*\n", "", CLIENTS, "site ap2.datadoghq.com"),
    Edit(
        "site added",
        r"(\| )ap2(.*api\.)ap2(.*\n)",
        r"\g<0>\1uk1\2uk1\3",
        COMPATIBLE,
        "site uk1.datadoghq.com",
    ),
    Edit(
        "header added",
        r'(-H "DD-API-KEY.*\n)',
        r'\1-H "DD-ORG: 1" \\\n',
        CLIENTS,
        "header DD-ORG",
    ),
    Edit(
        "header removed", r'-H "DD-APPL.*\n', "", SERVICES, "header DD-APPLICATION-KEY"
    ),
    Edit(
        "request media type",
        "Type: application/json",
        "Type: text/json",
        CLIENTS,
        "request media type",
    ),
    Edit(
        "answer's media type",
        "Accept: application/json",
        "Accept: text/json",
        CLIENTS,
        "200 media type",
    ),
    Edit(
        "body optional",
        r"Body Data \(required\)",
        "Body Data",
        SERVICES,
        "request required",
    ),
    Edit(
        "parameter's type",
        r"(snapshot_id .*\| )string",
        r"\1int64 ",
        CLIENTS,
        "path parameter 1 type",
    ),
    Edit(
        "request field dropped",
        r"\| attributes   \| view_id .*\n",
        "",
        CLIENTS,
        "request /data/attributes/view_id",
    ),
    Edit(
        "request field added",
        r"\| data         \| id .*\n",
        r"\g<0>| data | note | string | New. |\n",
        COMPATIBLE,
        "request /data/note",
    ),
    Edit(
        "required request field added",
        r"\| data         \| id .*\n",
        r"\g<0>| data | note [*required*] | string | |\n",
        CLIENTS,
        "request /data/note",
        ("request /data/note", "request /data/note"),
    ),
    Edit(
        "request field now required",
        r"session_id( +\| string)",
        r"session_id [*required*]\1",
        CLIENTS,
        "request /data/attributes/session_id required",
        ("request /data/attributes/session_id",),
    ),
    Edit(
        "request field now optional",
        r"event_id \[\*required\*\]",
        "event_id",
        SERVICES,
        "request /data/attributes/event_id required",
    ),
    Edit(
        "request type",
        r"(session_id +\| )string",
        r"\1boolean",
        CLIENTS,
        "request /data/attributes/session_id type",
    ),
    Edit(
        "request format narrowed",
        r"(start \[\*required\*\] +\| )int64",
        r"\1int32",
        CLIENTS,
        "request /data/attributes/start format",
    ),
    Edit(
        "request format gone",
        r"(start \[\*required\*\] +\| )int64",
        r"\1integer",
        SERVICES,
        "request /data/attributes/start format",
    ),
    Edit(
        "request enum value added",
        r"`snapshots`  ",
        "`snapshots,frames`",
        SERVICES,
        "request /data/type enum",
    ),
    Edit(
        "request enum value removed",
        r"Allowed enum values: `snapshots`  ",
        "",
        SERVICES,
        "request /data/type enum",
    ),
    Edit(
        "answer's enum value added",
        r"`snapshots` \|",
        "`snapshots`, `frames` |",
        CLIENTS,
        "200 /data/type enum",
    ),
    Edit(
        "answer's enum value replaced",
        r"`snapshots` \|",
        "`frames` |",
        CLIENTS,
        "200 /data/type enum",
        ("200 /data/type",),
    ),
    Edit(
        "answer's field dropped",
        r".*snapshot_name.*\n",
        "",
        CLIENTS,
        "200 /data/attributes/snapshot_name",
    ),
    Edit(
        "answer's field added",
        r".*snapshot_name.*\n",
        r"\g<0>| attributes | tag | string | New. |\n",
        COMPATIBLE,
        "200 /data/attributes/tag",
    ),
    Edit(
        "answer's required field added",
        r".*snapshot_name.*\n",
        r"\g<0>| attributes | org_id2 [*required*] | int64 | |\n",
        SERVICES,
        "200 /data/attributes/org_id2",
        ("200 /data/attributes/org_id2",),
    ),
    Edit(
        "answer's field now required",
        r"org_id  ( +\| int64)",
        r"org_id [*required*]\1",
        SERVICES,
        "200 /data/attributes/org_id required",
    ),
    Edit(
        "answer's field now optional",
        r"type \[\*required\*\]( +\| enum      )",
        r"type\1",
        CLIENTS,
        "200 /data/type required",
    ),
    Edit(
        "answer's type",
        r"(org_id +\| )int64",
        r"\1boolean",
        CLIENTS,
        "200 /data/attributes/org_id type",
        ("200 /data/attributes/org_id",),
    ),
    Edit(
        "answer's format gone",
        r"(modified_at +\| )date-time",
        r"\1string",
        CLIENTS,
        "200 /data/attributes/modified_at format",
    ),
    Edit(
        "answer's format added",
        r"(view_name +\| )string",
        r"\1uri",
        SERVICES,
        "200 /data/attributes/view_name format",
    ),
    Edit(
        "error status added",
        r'\{% tab title="429" %\}',
        r'{% tab title="404" %}\nGone\n{% /tab %}\n\g<0>',
        COMPATIBLE,
        "404 status",
    ),
    Edit(
        "success added",
        r'\{% tab title="429" %\}',
        r'{% tab title="202" %}\nLater\n{% /tab %}\n\g<0>',
        CLIENTS,
        "202 status",
    ),
    Edit(
        "status removed",
        r'\{% tab title="429" %\}[\s\S]*(?=\n### Code)',
        "",
        SERVICES,
        "429 status",
    ),
    Edit(
        "errors are objects",
        r"\[string\]",
        "[object]",
        CLIENTS,
        "429 /errors/* type",
        ("429 /errors/0",),
    ),
    Edit(
        "error is no list",
        r"\[string\]",
        "string",
        CLIENTS,
        "429 /errors type",
        ("429 /errors",),
    ),
    Edit(
        "errors now optional",
        r"errors \[\*required\*\]",
        "errors",
        CLIENTS,
        "429 /errors required",
    ),
)

OPENAPI_EDITS = (
    Edit("site removed", r" +- us5.*\n", "", CLIENTS, "site us5.datadoghq.com"),
    Edit(
        "site added",
        r"( +- )us5.*\n",
        r"\g<0>\1uk1.datadoghq.com\n",
        COMPATIBLE,
        "site uk1.datadoghq.com",
    ),
    Edit(
        "header gone",
        r"(- apiKeyAuth: \[\])\n +app.*",
        r"\1",
        SERVICES,
        "header DD-APPLICATION-KEY",
    ),
    Edit(
        "alternative to the keys",
        r"( +)- apiKeyAuth: \[\]\n.*",
        r"\g<0>\n\1- OAuth: []",
        COMPATIBLE,
        "security OAuth",
    ),
    Edit(
        "body optional",
        r"(?<=Update\"\n {8})required: true",
        "required: false",
        SERVICES,
        "request required",
    ),
    Edit(
        "body gone",
        r" {6}requestBody[\s\S]*(?= {6}responses:)",
        "",
        CLIENTS,
        "request body",
    ),
    Edit(
        "request media type added",
        r"(?<=requestBody:\n {8}content:\n)",
        "          text/json: {}\n",
        SERVICES,
        "request media type",
    ),
    Edit(
        "answer's media type added",
        r"(?<=\"200\":\n {10}content:\n)",
        "            text/json: {}\n",
        COMPATIBLE,
        "200 media type",
    ),
    Edit(
        "answer without content",
        r"(?<=\"200\":\n) {10}content:\n.*\n.*\n.*\n",
        "",
        CLIENTS,
        "200 media type",
    ),
    Edit(
        "success added",
        r'( +)"429":',
        r'\1"202": {description: Later}\n\g<0>',
        CLIENTS,
        "202 status",
    ),
    Edit(
        "range of errors added",
        r'( +)"429":',
        r'\1"5XX": {description: Oh}\n\g<0>',
        COMPATIBLE,
        "5XX status",
    ),
    Edit(
        "query parameter added",
        r"(?<=parameters:\n)",
        "        - {in: query, name: dry, schema: {type: boolean}}\n",
        COMPATIBLE,
        "query parameter dry",
    ),
    Edit(
        "required query parameter",
        r"(?<=parameters:\n)",
        "        - {in: query, name: dry, required: true}\n",
        CLIENTS,
        "query parameter dry",
    ),
    Edit(
        "request field nullable",
        r"(?<=session_id:\n)( +)type",
        r"\1nullable: true\n\g<0>",
        SERVICES,
        "request /data/attributes/session_id nullable",
    ),
    Edit(
        "answer's field nullable",
        r"(?<=view_name:\n)( +)type",
        r"\1nullable: true\n\g<0>",
        CLIENTS,
        "200 /data/attributes/view_name nullable",
    ),
    Edit(
        "answer's second type",
        r"(?<=org_id:\n)( +)format: int64\n +type: integer",
        r"\1format: int64\n\1type: [integer, string]",
        CLIENTS,
        "200 /data/attributes/org_id type",
    ),
    Edit(
        "request integer is a number",
        r"format: int64\n( +)type: integer",
        r"format: int64\n\1type: number",
        SERVICES,
        "request /data/attributes/start type",
    ),
    Edit(
        "request length limited",
        r"(?<=event_id:\n)( +)desc",
        r"\1maxLength: 9\n\g<0>",
        CLIENTS,
        "request /data/attributes/event_id limits",
    ),
    Edit(
        "answer's pattern",
        r"(?<=view_name:\n)( +)type",
        r"\1pattern: ^/\n\g<0>",
        SERVICES,
        "200 /data/attributes/view_name limits",
    ),
    Edit(
        "answer's mark read-only",
        r"(?<=view_name:\n)( +)type",
        r"\1readOnly: true\n\g<0>",
        COMPATIBLE,
        "200 /data/attributes/view_name read-only",
    ),
    Edit(
        "request field read-only",
        r"(?<=view_id:\n)( +)type",
        r"\1readOnly: true\n\g<0>",
        CLIENTS,
        "request /data/attributes/view_id",
    ),
    Edit(
        "request default",
        r"(?<=view_id:\n)( +)type",
        r"\1default: none\n\g<0>",
        COMPATIBLE,
        "request /data/attributes/view_id default",
    ),
    Edit(
        "object is a text",
        r"(view_name:\n +type: string\n +type: )object",
        r"\1string",
        CLIENTS,
        "200 /data/attributes type",
    ),
    Edit(
        "answer's field dropped",
        r" +device_type:\n.*\n",
        "",
        CLIENTS,
        "200 /data/attributes/device_type",
    ),
    Edit(
        "answer's type no longer required",
        r"(?<=Kind\") *\n +required:\n +- type(?=\n +Unneeded)",
        "",
        CLIENTS,
        "200 /data/type required",
    ),
    Edit(
        "errors of another type",
        r"(example: Too fast\n +type: )string",
        r"\1integer",
        CLIENTS,
        "429 /errors/* type",
        ("429 /errors/*",),
    ),
)


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load()


def seen(result: Drift) -> list[tuple[str, str]]:
    return [
        (each.kind, str(each.fact).removesuffix(" field"))
        for each in result.differences
    ]


def edited(text: str, edit: Edit) -> str:
    changed, count = re.subn(edit.old, edit.new, text, count=1)
    assert (count, changed != text) == (1, True), "the edit does nothing"
    return changed


@pytest.fixture
def compare(spec: Spec, tmp_path: Path) -> Callable[..., Drift]:
    def compared(
        *pages: str,
        openapis: tuple[str, ...] = (),
        cassette: dict[str, Any] | None = None,
    ) -> Drift:
        texts = {f"{number}.md": text for number, text in enumerate(pages)}
        texts |= {f"{number}.yaml": text for number, text in enumerate(openapis)}
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        recorded = []
        if cassette is not None:
            recorded = [tmp_path / "recorded"]
            recorded[0].mkdir()
            (recorded[0] / "one.yaml").write_text(yaml.safe_dump(cassette))
        sorts = (
            [str(tmp_path / name) for name in texts if name.endswith(end)]
            for end in (".md", ".yaml")
        )
        return drift(*sorts, recorded, spec)

    return compared


# -- edits ------------------------------------------------------------------------------------------


def test_a_page_and_a_document_that_say_what_the_spec_says_differ_in_nothing(
    compare: Callable[..., Drift],
) -> None:
    result = compare(PAGE, openapis=(OPENAPI,))
    assert seen(result) == [(EDITORIAL, "200 /data/attributes text")]
    assert (result.contradictions, result.status) == ((), 0)
    spoken = [
        row for row in result.rows if row.spec is not None and row.values[0] is not None
    ]
    assert sum(row.fact.aspect == "site" for row in spoken) == 8
    assert sum(row.fact.aspect == "field" for row in spoken) == 30


def test_there_are_at_least_forty_edits() -> None:
    assert len(PAGE_EDITS) + len(OPENAPI_EDITS) + 2 * 3 + 1 >= 40


@pytest.mark.parametrize("edit", PAGE_EDITS, ids=lambda edit: edit.name)
def test_one_edit_of_a_page_is_found_and_nothing_else(
    edit: Edit, compare: Callable[..., Drift]
) -> None:
    result = compare(edited(PAGE, edit))
    assert seen(result) == [(edit.kind, edit.fact)]
    assert tuple(each.place for each in result.contradictions) == edit.doubts
    assert result.status == int(edit.kind.startswith("breaking"))


@pytest.mark.parametrize("edit", OPENAPI_EDITS, ids=lambda edit: edit.name)
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_one_edit_of_a_document_is_found_and_nothing_else(
    edit: Edit, form: str, compare: Callable[..., Drift]
) -> None:
    text = edited(OPENAPI, edit)
    text = json.dumps(parsed("edited", text)) if form == "json" else text
    result = compare(openapis=(text,))
    assert seen(result) == [(edit.kind, edit.fact)]
    assert tuple(each.place for each in result.contradictions) == edit.doubts
    assert result.status == int(edit.kind.startswith("breaking"))


@pytest.mark.parametrize(
    ("old", "new", "kind", "fact"),
    [
        ("patch", "put", CLIENTS, "method"),
        ("/api/v2/replay", "/api/v3/replay", CLIENTS, "path"),
        ("snapshot_id", "id_of_it", EDITORIAL, "path"),
    ],
    ids=["method", "path", "name of a parameter"],
)
def test_what_stands_everywhere(
    old: str, new: str, kind: str, fact: str, compare: Callable[..., Drift]
) -> None:
    assert seen(compare(PAGE.replace(old, new).replace(old.upper(), new.upper()))) == [
        (kind, fact)
    ]
    assert seen(compare(openapis=(OPENAPI.replace(old, new),))) == [(kind, fact)]


def test_sentences_are_compared_between_witnesses_alone(
    compare: Callable[..., Drift],
) -> None:
    changed = PAGE.replace(
        "Milliseconds into the session.         |", "Seconds into the session. |"
    )
    assert seen(compare(changed)) == []
    result = compare(PAGE, changed)
    (found,) = result.differences
    assert (found.kind, str(found.fact), result.status) == (
        EDITORIAL,
        "200 /data/attributes/start text",
        0,
    )
    assert (found.witness, found.against, found.new) == (
        "page 2",
        "page",
        "Seconds into the session.",
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: string\n        view_name:", "type: [string]\n        view_name:"),
        (
            '          $ref: "#/components/schemas/Kind"',
            '          allOf: [{$ref: "#/components/schemas/Kind"}]',
        ),
        ("components:", "---\ncomponents:"),
        ("    Kind:", '    "Kind":'),
        ("/{snapshot_id}:", "/{snapshot_id}:   # ours"),
        ("  schemas:", "\n  # all of them\n\n  schemas:"),
        ("description: Fine", "description: &fine Fine"),
    ],
    ids=[
        "list of one type",
        "allOf",
        "document start",
        "quoted key",
        "comment",
        "blank lines",
        "anchor",
    ],
)
def test_how_a_document_is_written_makes_no_difference(
    old: str, new: str, compare: Callable[..., Drift]
) -> None:
    assert old in OPENAPI
    assert seen(compare(openapis=(OPENAPI.replace(old, new),))) == []
    assert (
        seen(compare(openapis=(OPENAPI.replace(old, new).replace("\n", "\r\n"),))) == []
    )


def test_a_reference_that_may_be_null_is_nullable(
    compare: Callable[..., Drift],
) -> None:
    text = OPENAPI.replace("openapi: 3.0.0", "openapi: 3.1.0").replace(
        '        data:\n          $ref: "#/components/schemas/SnapshotData"',
        '        data:\n          anyOf: [{$ref: "#/components/schemas/SnapshotData"}, {type: "null"}]',
    )
    assert seen(compare(openapis=(text,))) == [(CLIENTS, "200 /data nullable")]


# -- contradictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (
            '"org_id": 7',
            '"org_id": "no"',
            "200 /data/attributes/org_id",
            'is string, not integer: it shows "no"',
        ),
        (
            '"id": "one",\n',
            '"id": "one", "tag": 1,\n',
            "200 /data/tag",
            "is not in the model",
        ),
        ('"start": 5}', '"start": 5', "request", "not JSON"),
        (
            "2025-03-01T09:30:00.000Z",
            "yesterday",
            "200 /data/attributes/created_at",
            "not a date-time",
        ),
        (
            "| app.datadoghq.eu ",
            "| us9.datadoghq.eu ",
            "site us9.datadoghq.eu",
            "its endpoint is on api.datadoghq.eu",
        ),
        (
            "PATCH https://api.ap1",
            "PUT https://api.ap1",
            "site ap1.datadoghq.com",
            "its method is PUT",
        ),
        ("curl -X PATCH", "curl -X POST", "curl", "sends POST"),
        (
            '"https://api.datadoghq.com/api/v2',
            '"https://api.datadoghq.com/api/v1',
            "curl",
            "sends to /api/v1",
        ),
        (
            '"https://api.datadoghq.com/',
            '"https://api.example.com/',
            "curl",
            "not in the table of sites",
        ),
        (
            '"id": "one"}}',
            '"id": 1}}',
            "request /data/id",
            "the curl example is integer",
        ),
        (
            "| snapshot_id [",
            "| other_id [",
            "path parameter",
            "other_id is not in the path",
        ),
        (
            "| data         | id  ",
            "| dada         | id  ",
            "request id",
            "its parent dada is not in the model",
        ),
        (
            "| data         | id  ",
            "| data         | type",
            "request type",
            "stands twice",
        ),
    ],
)
def test_a_page_that_contradicts_itself(
    old: str, new: str, place: str, message: str, compare: Callable[..., Drift]
) -> None:
    assert old in PAGE
    found = compare(PAGE.replace(old, new, 1)).contradictions
    assert (found[0].witness, found[0].place) == ("page", place)
    assert message in found[0].message


def test_a_document_that_contradicts_itself(compare: Callable[..., Drift]) -> None:
    text = OPENAPI.replace("start: 5", "start: five").replace(
        "example: snapshots", "example: frames"
    )
    found = {
        (each.place, each.message) for each in compare(openapis=(text,)).contradictions
    }
    assert found == {
        (
            "request /data/attributes/start",
            'the example is string, not integer: it shows "five"',
        ),
        (
            "request /data/type",
            'the example is not one of "snapshots": it shows "frames"',
        ),
        ("200 /data/type", 'the example is not one of "snapshots": it shows "frames"'),
    }


# -- recordings -------------------------------------------------------------------------------------


def recorded(
    status: int,
    body: object,
    media: str = "application/json",
    site: str = "datadoghq.com",
) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {
        "request": {
            "method": "PATCH",
            "uri": f"https://api.{site}{PATH}",
            "body": None,
        },
        "response": {
            "status": {"code": status, "message": ""},
            "headers": {"Content-Type": [f"{media}; charset=utf-8"]},
            "body": {"string": text},
        },
    }


def stored(**attributes: object) -> dict[str, Any]:
    return {"data": {"type": "snapshots", "id": "one", "attributes": attributes}}


@pytest.mark.parametrize(
    ("interaction", "expected"),
    [
        (recorded(200, stored(start=5, view_name="/")), []),
        (recorded(403, {"errors": [{"title": "no"}]}, "text/plain"), []),
        (recorded(429, {"errors": ["slow"]}), []),
        (recorded(401, "<html>", "text/html"), []),
        (
            recorded(200, stored(start="5")),
            [(CLIENTS, "200 /data/attributes/start type")],
        ),
        (
            recorded(200, stored(start=None)),
            [(CLIENTS, "200 /data/attributes/start nullable")],
        ),
        (
            recorded(200, stored(start=2**63)),
            [(CLIENTS, "200 /data/attributes/start format")],
        ),
        (recorded(200, stored(tag=1)), [(COMPATIBLE, "200 /data/attributes/tag")]),
        (
            recorded(200, {"data": {"id": "one"}}),
            [(CLIENTS, "200 /data/type required")],
        ),
        (
            recorded(200, {"data": {"type": "frames"}}),
            [(CLIENTS, "200 /data/type enum")],
        ),
        (recorded(200, "<html>"), [(CLIENTS, "200 type")]),
        (recorded(200, stored(), "text/html"), [(COMPATIBLE, "200 media type")]),
        (recorded(202, stored()), [(CLIENTS, "202 status")]),
        (recorded(418, {}), [(COMPATIBLE, "418 status")]),
        (recorded(404, {"errors": [5]}), [(CLIENTS, "404 error shape")]),
        (
            recorded(200, stored(), site="uk1.datadoghq.com"),
            [(COMPATIBLE, "site uk1.datadoghq.com")],
        ),
    ],
)
def test_what_a_recording_shows(
    interaction: dict[str, Any],
    expected: list[tuple[str, str]],
    compare: Callable[..., Drift],
) -> None:
    assert (
        seen(compare(cassette={"version": 1, "interactions": [interaction]}))
        == expected
    )


def test_bytes_in_a_recording_are_read(compare: Callable[..., Drift]) -> None:
    interaction = recorded(200, "")
    interaction["response"]["body"] = {
        "base64_string": "eyJkYXRhIjp7InR5cGUiOjF9fQ=="
    }  # {"data":{"type":1}}
    found = compare(cassette={"version": 1, "interactions": [interaction]})
    assert (CLIENTS, "200 /data/type type") in seen(found)


# -- what cannot be read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"a\n\xff", "line 2: not UTF-8"),
        (b"<html></html>", "not the documentation page"),
        (PAGE[: PAGE.index("### Request")].encode(), "not the documentation page"),
        (
            PAGE.replace("PATCH https://api.us3", "see api.us3").encode(),
            "not an endpoint",
        ),
    ],
    ids=["not there", "not UTF-8", "no tables", "no fields", "no endpoint"],
)
def test_a_page_that_cannot_be_read(
    content: bytes | None, message: str, spec: Spec, tmp_path: Path
) -> None:
    file = tmp_path / "page.md"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError, match=re.escape(message)):
        drift([str(file)], [], [], spec)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"openapi: \xff", "line 1: not UTF-8"),
        (b"openapi: [", "not YAML"),
        (b"{", "not YAML"),
        (b"", "not a mapping"),
        (b"[]", "not a mapping"),
        (b"[" * 100_000, "nested deeper"),
        (b"- " * 100_000, "nested deeper"),
        (b"swagger: '2.0'", "not OpenAPI 3.0 or 3.1"),
        (OPENAPI.replace("3.0.0", "4.0.0").encode(), "not OpenAPI 3.0 or 3.1"),
        (b"openapi: 3.0.0\npaths:\n  /a: {}\n", "the operation is missing"),
        (b'{"openapi": "3.0.0", "paths": {"/a": {}}}', "the operation is missing"),
        (b'{"openapi": "3.0.0", "paths": []}', "the operation is missing"),
        (
            OPENAPI.replace("schemas/Kind", "schemas/Kinds").encode(),
            "unresolvable $ref",
        ),
        (OPENAPI.replace("schemas/Kind", "schemas/UpdateData").encode(), "cyclic $ref"),
        (OPENAPI.replace("      responses:", "      answers:").encode(), "malformed"),
    ],
)
def test_a_document_that_cannot_be_read(
    content: bytes | None, message: str, spec: Spec, tmp_path: Path
) -> None:
    file = tmp_path / "openapi.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError, match=re.escape(message)):
        drift([], [str(file)], [], spec)


@pytest.mark.parametrize(
    ("cassette", "message"),
    [
        ("interactions: []", "not a cassette"),
        ("version: 1\ninteractions: []", "no recorded PATCH"),
        ("version: 1\ninteractions: [{}]", "malformed"),
        ("version: [", "not YAML"),
    ],
)
def test_recordings_that_cannot_be_read(
    cassette: str, message: str, spec: Spec, tmp_path: Path
) -> None:
    (tmp_path / "one.yaml").write_text(cassette)
    with pytest.raises(SpecError, match=message):
        drift([], [], [tmp_path], spec)
    with pytest.raises(SpecError, match="not a directory"):
        drift([], [], [tmp_path / "none"], spec)


def test_no_witness_is_a_usage_error(spec: Spec) -> None:
    with pytest.raises(UsageError, match="give --page"):
        drift([], [], [], spec)


# -- addresses, upstream ----------------------------------------------------------------------------


USER = ":".join(
    ("me", "secret")
)  # together they would look like a real secret to the test of the package


@responses.activate
def test_an_address_is_read_and_its_credentials_are_not_shown(spec: Spec) -> None:
    responses.get(f"https://{USER}@docs.example/page.md?key=secret", body=PAGE)
    result = drift([f"https://{USER}@docs.example/page.md?key=secret"], [], [], spec)
    assert (result.witnesses[0].source, result.differences) == (
        "https://docs.example/page.md",
        (),
    )
    responses.get("https://docs.example/gone.md", status=404)
    with pytest.raises(SubjectError, match=r"/gone\.md: answers 404, not 200$"):
        drift(["https://docs.example/gone.md"], [], [], spec)
    with pytest.raises(SubjectError, match="cannot be reached: ConnectionError"):
        drift(["https://nobody.example/"], [], [], spec)


def package(name: str = f"sdk/{DOCUMENT}", content: str = OPENAPI) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for each in ("sdk/.generator/schemas/v1/openapi.yaml", name):
            member = tarfile.TarInfo(each)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


REGISTRY = "https://packages.example/all"
INDEX = f"{REGISTRY}/datadog-api-client/"
FILES = (
    "datadog-api-client-1.0.0.tar.gz",
    "datadog_api_client-2.9.0.tar.gz",
    "datadog_api_client-2.10.0.tar.gz",
    "datadog_api_client-2.11.0rc1.tar.gz",
    "datadog_api_client-2.12.0-py3-none-any.whl",
)


@responses.activate
@pytest.mark.parametrize("form", ["json", "html"])
def test_upstream_is_the_newest_source_package(form: str) -> None:
    if form == "json":
        files = [
            {"filename": name, "url": f"../files/{name}", "hashes": {}, "yanked": False}
            for name in FILES
        ]
        files.append(
            {
                **files[1],
                "filename": "datadog_api_client-3.0.0.tar.gz",
                "yanked": "broken",
            }
        )
        responses.get(INDEX, json={"files": files})
    else:
        anchors = "".join(f'<a href="../files/{name}">{name}</a>' for name in FILES)
        anchors += (
            '<a href="../files/datadog_api_client-3.0.0.tar.gz" data-yanked="">old</a>'
        )
        responses.get(INDEX, body=f"<!DOCTYPE html><html>{anchors}")
    responses.get(f"{REGISTRY}/files/datadog_api_client-2.10.0.tar.gz", body=package())
    assert upstream(REGISTRY) == ("2.10.0", OPENAPI.encode())


@responses.activate
def test_a_registry_that_has_it_not() -> None:
    with pytest.raises(SubjectError, match="cannot be reached"):
        newest(REGISTRY)
    responses.get(INDEX, json={"files": []})
    with pytest.raises(SpecError, match="no source package"):
        newest(REGISTRY)
    responses.replace("GET", INDEX, body="{")
    with pytest.raises(SpecError, match="no list of packages"):
        newest(REGISTRY)
    responses.replace(
        "GET", INDEX, body=f'<a href="{FILES[1]}#sha256=00">{FILES[1]}</a>'
    )
    responses.get(INDEX + FILES[1], body=package())
    with pytest.raises(SpecError, match="its SHA-256 differs"):
        upstream(REGISTRY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (package()[: len(package()) // 2], "no tar.gz"),
        (package()[:12], "no tar.gz"),
        (b"no archive", "no tar.gz"),
        (b"", "no tar.gz"),
        (gzip.compress(b"no tar"), "no tar.gz"),
        (package("sdk/openapi.yaml"), "has no .generator"),
    ],
    ids=[
        "cut short",
        "nearly nothing",
        "text",
        "empty",
        "no tar inside",
        "other files",
    ],
)
def test_a_package_that_cannot_be_read(content: bytes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        document_in(content, "sdk.tar.gz")


# -- what is shown ----------------------------------------------------------------------------------


def test_the_table_has_differences_first_and_fits_eighty_columns(
    compare: Callable[..., Drift],
) -> None:
    page = PAGE.replace("| [string]", "| [object]").replace("| Slow", "| [bold]Slow")
    result = compare(page, openapis=(OPENAPI.replace("- us5", "- uk1"),))
    for every in (False, True):
        out = io.StringIO()
        result.show(Console(file=out, width=80), every=every)
        lines = out.getvalue().splitlines()
        assert max(map(len, lines[2:])) <= 80
        kinds = [line.split("│")[0].strip() for line in lines]
        order = [
            each
            for each in kinds
            if each in (CLIENTS, SERVICES, COMPATIBLE, EDITORIAL, "agree")
        ]
        assert order == [CLIENTS, COMPATIBLE, EDITORIAL, *(["agree"] if every else [])]
        cells = [[cell.strip() for cell in line.split("│")] for line in lines]
        assert ["site uk1.datadoghq.com", "not there", "not there", "there"] in cells
    shown = " ".join(out.getvalue().split())
    assert re.search(
        r"\d+ facts agree; 2 breaking for clients, 1 compatible, 1 editorial; 1 contradiction",
        shown,
    )


def test_the_json_says_it_all(compare: Callable[..., Drift]) -> None:
    result = json.loads(
        json.dumps(compare(PAGE.replace("| [string]", "| [object]")).to_json())
    )
    assert (result["format"], result["status"], result["witnesses"][0]["name"]) == (
        1,
        1,
        "page",
    )
    (found,) = result["differences"]
    assert found == {
        "kind": CLIENTS,
        "part": "429",
        "place": "/errors/*",
        "aspect": "type",
        "witness": "page",
        "against": "spec",
        "old": ["string"],
        "new": ["object"],
        "message": "429 /errors/* type: string → object",
    }
    method = {
        "part": "",
        "place": "",
        "aspect": "method",
        "spec": "PATCH",
        "witnesses": {"page": "PATCH"},
    }
    assert method in result["facts"]
