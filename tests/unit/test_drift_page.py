"""Drift of the page: single edits, contradictions, and pages that cannot be read."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.drift import Drift, drift
from contract.errors import SpecError
from contract.spec import Spec
from tests.drift.sources import CLIENTS, COMPATIBLE, PAGE, SERVICES, Edit, differences

EDITS = (
    Edit("site removed", r"\| ap2.*\n", "", CLIENTS, "site ap2.datadoghq.com"),
    Edit(
        "site added",
        r"(\| )ap2(.*api\.)ap2(.*\n)",
        r"\g<0>\1us9\2us9\3",
        COMPATIBLE,
        "site us9.datadoghq.com",
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


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_one_edit_of_a_page_is_found_and_nothing_else(
    edit: Edit, compare: Callable[..., Drift]
) -> None:
    result = compare(edit.apply(PAGE))
    assert differences(result) == [(edit.kind, edit.fact)]
    assert tuple(item.place for item in result.contradictions) == edit.contradictions
    assert result.status == int(edit.kind.startswith("breaking"))


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
        (
            "| data         | id  ",
            "| data         | type [*required*]",
            "request type",
            "stands twice",
        ),
        ("| Name ", "| Label ", "path parameter", " is not in the path"),
    ],
)
def test_a_page_that_contradicts_itself(
    old: str, new: str, place: str, message: str, compare: Callable[..., Drift]
) -> None:
    assert old in PAGE
    first = compare(PAGE.replace(old, new, 1)).contradictions[0]
    assert (first.witness, first.place) == ("page", place)
    assert message in first.message


OPERATION = PAGE[PAGE.index("# Update replay") :]
UPDATE = "PATCH https://api."
CREATE = OPERATION.replace(UPDATE, "POST https://api.").replace(
    "/{snapshot_id} |", " |"
)
DELETE = OPERATION.replace(UPDATE, "DELETE https://api.").replace("int64", "string")


@pytest.mark.parametrize(
    "page",
    ["\n".join((CREATE, OPERATION, DELETE)), "\n".join((DELETE, CREATE, OPERATION))],
    ids=["create first", "delete first"],
)
def test_a_page_of_several_operations_is_read_at_this_one(
    page: str, compare: Callable[..., Drift]
) -> None:
    result = compare(page)
    assert (differences(result), result.contradictions) == ([], ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "\n".join((CREATE, DELETE)).encode(),
            "the operation is missing; accepted: PATCH /api/v2/replay/heatmap/snapshots/"
            "{snapshot_id}; given: POST /api/v2/replay/heatmap/snapshots, DELETE /",
        ),
        (None, "cannot be read"),
        (b"a\n\xff", "line 2: not UTF-8"),
        (b"<html></html>", "not the documentation page"),
        (PAGE[: PAGE.index("### Request")].encode(), "not the documentation page"),
        (
            PAGE.replace("PATCH https://api.us3", "see api.us3").encode(),
            "not an endpoint",
        ),
    ],
    ids=[
        "other operations",
        "not there",
        "not UTF-8",
        "no tables",
        "no fields",
        "no endpoint",
    ],
)
def test_a_page_that_cannot_be_read(
    content: bytes | None, message: str, spec: Spec, tmp_path: Path
) -> None:
    file = tmp_path / "page.md"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError, match=re.escape(message)):
        drift([str(file)], [], [], spec)
