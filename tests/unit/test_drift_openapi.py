"""Drift of a published document: single edits, its style, and what cannot be read."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.drift import Drift, drift
from contract.errors import SpecError
from contract.spec import Spec
from contract.spec.text import parsed
from tests.drift.sources import (
    CLIENTS,
    COMPATIBLE,
    OPENAPI,
    SERVICES,
    Edit,
    differences,
)

EDITS = (
    Edit("site removed", r" +- us5.*\n", "", CLIENTS, "site us5.datadoghq.com"),
    Edit(
        "site added",
        r"( +- )us5.*\n",
        r"\g<0>\1us9.datadoghq.com\n",
        COMPATIBLE,
        "site us9.datadoghq.com",
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


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_one_edit_of_a_document_is_found_and_nothing_else(
    edit: Edit, form: str, compare: Callable[..., Drift]
) -> None:
    text = edit.apply(OPENAPI)
    text = json.dumps(parsed("edited", text)) if form == "json" else text
    result = compare(openapis=(text,))
    assert differences(result) == [(edit.kind, edit.fact)]
    assert tuple(item.place for item in result.contradictions) == edit.contradictions
    assert result.status == int(edit.kind.startswith("breaking"))


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
def test_the_style_of_a_document_makes_no_difference(
    old: str, new: str, compare: Callable[..., Drift]
) -> None:
    assert old in OPENAPI
    assert differences(compare(openapis=(OPENAPI.replace(old, new),))) == []
    assert (
        differences(
            compare(openapis=(OPENAPI.replace(old, new).replace("\n", "\r\n"),))
        )
        == []
    )


def test_a_reference_that_may_be_null_is_nullable(
    compare: Callable[..., Drift],
) -> None:
    text = OPENAPI.replace("openapi: 3.0.0", "openapi: 3.1.0").replace(
        '        data:\n          $ref: "#/components/schemas/SnapshotData"',
        '        data:\n          anyOf: [{$ref: "#/components/schemas/SnapshotData"}, {type: "null"}]',
    )
    assert differences(compare(openapis=(text,))) == [(CLIENTS, "200 /data nullable")]


BASE = "/api/v2/replay/heatmap/snapshots/{snapshot_id}"


def with_server(base: str, path: str) -> str:
    """Return the document with a base path in its servers, and another path."""
    text = OPENAPI.replace(f"  {BASE}:", f"  {path}:").replace(
        ".com\n", f".com{base}\n"
    )
    return text.replace("url: https://api.{site}", f"url: https://api.{{site}}{base}")


@pytest.mark.parametrize("name", ["operationId: UpdateReplayHeatmapSnapshot", ""])
def test_the_base_path_of_the_servers_is_part_of_the_path(
    name: str, compare: Callable[..., Drift]
) -> None:
    text = with_server("/api/v2", BASE.removeprefix("/api/v2"))
    if not name:
        text = text.replace("operationId: UpdateReplayHeatmapSnapshot", "summary: x")
    assert differences(compare(openapis=(text,))) == []
    moved = with_server("/old", BASE)
    assert differences(compare(openapis=(moved,))) == [(CLIENTS, "path")]


def test_servers_with_several_base_paths_contradict_each_other(
    compare: Callable[..., Drift],
) -> None:
    document = parsed("", OPENAPI)
    document["servers"].append({"url": "https://api.datadoghq.com/v9"})
    result = compare(openapis=(json.dumps(document),))
    (item,) = result.contradictions
    message = "one has the path /v9, where the first has /"
    assert (item.place, item.message) == ("servers", message)


def with_path_item(ref: str) -> bytes:
    """Return the document with its path item behind a reference."""
    document = parsed("", OPENAPI)
    item = document["paths"][BASE]
    document["paths"][BASE] = {"$ref": ref}
    document["components"]["pathItems"] = {"Snapshot": item}
    return json.dumps(document).encode()


def test_a_path_item_of_the_document_is_followed(
    compare: Callable[..., Drift],
) -> None:
    text = with_path_item("#/components/pathItems/Snapshot").decode()
    assert differences(compare(openapis=(text,))) == []


def test_a_document_that_contradicts_itself(compare: Callable[..., Drift]) -> None:
    text = OPENAPI.replace("start: 5", "start: five").replace(
        "example: snapshots", "example: frames"
    )
    result = compare(openapis=(text,))
    messages = {(item.place, item.message) for item in result.contradictions}
    assert messages == {
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"openapi: \xff", "line 1: not UTF-8"),
        (b"openapi: [", "not YAML"),
        (b"{", "not YAML"),
        (b"", "not a mapping"),
        (b"[]", "not a mapping"),
        (b"[" * 100_000, "at most 200 levels deep"),
        (b"- " * 100_000, "at most 200 levels deep"),
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
        (
            with_path_item("paths.yaml#/one"),
            "the external $ref is not followed; accepted: one that begins with #; "
            "given: paths.yaml#/one",
        ),
        (
            OPENAPI.replace("#/components/schemas/Kind", "kind.yaml").encode(),
            "the external $ref is not followed",
        ),
        (b"openapi: 3.0.0\nopenapi: 3.0.0", "given: the key openapi twice"),
        (b'{"openapi": "3.0.0", "openapi": 1}', "given: the key openapi twice"),
        (OPENAPI.replace("      responses:", "      answers:").encode(), "malformed"),
        (
            OPENAPI.replace("- start\n", "- start\n        - start\n").encode(),
            "malformed",
        ),
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
