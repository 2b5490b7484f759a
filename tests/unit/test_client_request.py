"""The minimal client: what it sends."""

import dataclasses
import json
from collections import OrderedDict
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
import responses

from contract.client import Refused, SnapshotUpdate
from tests.unit.client_support import (
    API_KEY,
    APP_KEY,
    SMALLEST,
    Wire,
    attributes,
    body,
    client,
    nested,
)

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_what_reaches_the_wire_is_exactly_this(wire: Wire) -> None:
    client().update("s-1", SMALLEST)
    line, *headers = wire.heads[0].decode().split("\r\n")
    assert line == "PATCH /api/v2/replay/heatmap/snapshots/s-1 HTTP/1.1"
    fields = [
        header.split(": ", 1)
        for header in headers
        if not header.startswith("User-Agent: ")
    ]
    assert sorted(fields) == [
        ["Accept", "application/json"],
        ["Accept-Encoding", "identity"],
        ["Content-Length", "31"],
        ["Content-Type", "application/json"],
        ["DD-API-KEY", API_KEY],
        ["DD-APPLICATION-KEY", APP_KEY],
        ["Host", f"127.0.0.1:{wire.port}"],
    ]
    assert json.loads(wire.bodies[0]) == SMALLEST


IDS = [
    "s-1",
    "a/b",
    "%2F",
    "%",
    "%25",
    "..%2f",
    "%2e%2e",
    "...",
    "..a",
    "a?b#c",
    "a b",
    "a+b",
    "é",
    "e\u0301",
    "𝄞",
    "~",
    "a;b=c",
    ":",
    "%zz",
    "\0",
    "\r\n",
    "\\",
    "/..",
    "../x",
    "//",
    "?",
    "#",
    " ",
    "@",
    "[::1]",
    "{x}",
    "A-_.~",
    "x" * 8192,
    "𝄞" * 2048,
]


@pytest.mark.parametrize("snapshot_id", IDS, ids=lambda text: repr(text[:12]))
def test_the_id_is_one_segment_that_decodes_once_to_itself(
    wire: Wire, snapshot_id: str
) -> None:
    client().update(snapshot_id, SMALLEST)
    target = wire.heads[0].split(b" ")[1]
    prefix = b"/api/v2/replay/heatmap/snapshots/"
    assert target.startswith(prefix)
    segment = target.removeprefix(prefix)
    assert not set(b"/?#") & set(segment)
    assert unquote_to_bytes(segment).decode() == snapshot_id


@pytest.mark.parametrize(
    "snapshot_id", ["", ".", "..", "\ud800", None, 5, b"x", ["x"]], ids=repr
)
def test_an_id_that_cannot_be_a_segment_is_refused(
    mocked: responses.RequestsMock, snapshot_id: Any
) -> None:
    with pytest.raises(Refused, match=r"^snapshot_id: "):
        client().update(snapshot_id, SMALLEST)
    assert not mocked.calls


@pytest.mark.parametrize(
    "valid",
    [
        pytest.param(SMALLEST, id="smallest"),
        pytest.param(body(), id="required only"),
        pytest.param(body(start=2**63 - 1), id="largest"),
        pytest.param(body(start=-(2**63)), id="smallest int64"),
        pytest.param(body(start=2**53 + 1), id="no double"),
        pytest.param(body(session_id="", view_id="\0 𝄞\u2028é e\u0301"), id="texts"),
        pytest.param(
            {**body(), "x": [1, None, {"a/b~": 0.1, "": 1e-7}], "errors": []},
            id="unknown at the top",
        ),
        pytest.param(body(x=None, created_at=5), id="unknown in attributes"),
        pytest.param(
            {"data": {"type": "snapshots", "id": "", "x": {}}}, id="unknown in data"
        ),
        pytest.param({**SMALLEST, "x": nested(97)}, id="100 deep"),
        pytest.param({**SMALLEST, "x": 10**300}, id="long integer"),
        pytest.param({**SMALLEST, "x": "x" * 10**6}, id="long"),
    ],
)
def test_a_valid_body_arrives_as_it_is(wire: Wire, valid: dict[str, Any]) -> None:
    client().update("s-1", valid)
    assert json.loads(wire.bodies[0].decode()) == valid


def test_any_mapping_is_a_body(wire: Wire) -> None:
    client().update(
        "s-1",
        MappingProxyType(
            {"data": OrderedDict(type="snapshots", x=(1, 2), y=MappingProxyType({}))}
        ),
    )
    assert json.loads(wire.bodies[0]) == {
        "data": {"type": "snapshots", "x": [1, 2], "y": {}}
    }


def test_the_typed_body_leaves_out_what_is_none(wire: Wire) -> None:
    update = SnapshotUpdate(event_id="e", start=5, is_device_type_selected_by_user=True)
    client().update("s-1", update)
    client().update(
        "s-1", dataclasses.replace(update, id="s-1", session_id="", view_id="v")
    )
    assert [json.loads(sent) for sent in wire.bodies] == [
        attributes(event_id="e", start=5, is_device_type_selected_by_user=True),
        {
            "data": {
                "type": "snapshots",
                "id": "s-1",
                "attributes": {
                    "event_id": "e",
                    "start": 5,
                    "is_device_type_selected_by_user": True,
                    "session_id": "",
                    "view_id": "v",
                },
            }
        },
    ]


def without(name: str) -> dict[str, Any]:
    return attributes(
        **{k: v for k, v in body()["data"]["attributes"].items() if k != name}
    )


LOOP: dict[str, Any] = {"data": {"type": "snapshots"}}
LOOP["loop"] = LOOP
FLAG = "/data/attributes/is_device_type_selected_by_user"
INVALID = [
    (None, "the body: must be an object, is null"),
    ([], "the body: must be an object, is an array"),
    ("{}", "the body: must be an object, is a string"),
    (5, "the body: must be an object, is a number"),
    (
        b"{}",
        "the body: cannot be written as JSON (Object of type bytes is not JSON serializable)",
    ),
    ({}, "/data: is required"),
    ({"data": None}, "/data: must be an object, is null"),
    ({"data": []}, "/data: must be an object, is an array"),
    ({"data": {}}, "/data/type: is required"),
    ({"data": {"type": None}}, "/data/type: must be a string, is null"),
    (
        {"data": {"type": "Snapshots"}},
        "/data/type: must be 'snapshots', is 'Snapshots'",
    ),
    (
        {"data": {"type": "snapshots "}},
        "/data/type: must be 'snapshots', is 'snapshots '",
    ),
    ({"data": {"type": ""}}, "/data/type: must be 'snapshots', is ''"),
    (
        {"data": {"type": "snapshots", "id": None}},
        "/data/id: must be a string, is null",
    ),
    (
        {"data": {"type": "snapshots", "id": 5}},
        "/data/id: must be a string, is a number",
    ),
    (
        {"data": {"type": "snapshots", "attributes": None}},
        "/data/attributes: must be an object, is null",
    ),
    (
        {"data": {"type": "snapshots", "attributes": {}}},
        "/data/attributes/event_id: is required",
    ),
    (without("start"), "/data/attributes/start: is required"),
    (without("is_device_type_selected_by_user"), f"{FLAG}: is required"),
    (body(event_id=None), "/data/attributes/event_id: must be a string, is null"),
    (
        body(session_id=1.5),
        "/data/attributes/session_id: must be a string, is a number",
    ),
    (body(view_id=True), "/data/attributes/view_id: must be a string, is a boolean"),
    (body(start=True), "/data/attributes/start: must be an int64, is a boolean"),
    (body(start=1.5), "/data/attributes/start: must be an int64, is a number"),
    (body(start="0"), "/data/attributes/start: must be an int64, is a string"),
    (body(start=None), "/data/attributes/start: must be an int64, is null"),
    (body(start=[0]), "/data/attributes/start: must be an int64, is an array"),
    (body(start=2**63), "/data/attributes/start: must be an int64, is beyond 64 bits"),
    (
        body(start=-(2**63) - 1),
        "/data/attributes/start: must be an int64, is beyond 64 bits",
    ),
    (
        body(is_device_type_selected_by_user=0),
        f"{FLAG}: must be a boolean, is a number",
    ),
    (
        body(is_device_type_selected_by_user="false"),
        f"{FLAG}: must be a boolean, is a string",
    ),
    (body(start=10**5000), "the body: cannot be written as JSON"),
    (body(event_id="\ud800"), "the body: cannot be written as JSON"),
    (body(**{"\udfff": 1}), "the body: cannot be written as JSON"),
    (body(x=float("nan")), "the body: cannot be written as JSON"),
    (body(x=[{"y": float("-inf")}]), "the body: cannot be written as JSON"),
    (
        body(x={1, 2}),
        "the body: cannot be written as JSON (Object of type set is not JSON serializable)",
    ),
    (body(x=datetime(2020, 1, 1, tzinfo=UTC)), "the body: cannot be written as JSON"),
    ({**SMALLEST, 5: 1}, "the body: has a property name that is no text"),
    (body(x={None: 1}), "the body: has a property name that is no text"),
    ({**SMALLEST, "x": nested(100_000)}, "the body: cannot be written as JSON"),
    (LOOP, "the body: cannot be written as JSON"),
    (
        SnapshotUpdate("e", "5", True),
        "/data/attributes/start: must be an int64, is a string",
    ),
]


@pytest.mark.parametrize(
    ("invalid", "message"), INVALID, ids=[message[:70] for _, message in INVALID]
)
def test_an_invalid_body_is_refused_where_it_is_wrong(
    mocked: responses.RequestsMock, invalid: Any, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        client().update("s-1", invalid)
    assert str(refused.value).startswith(message)
    assert isinstance(refused.value, ValueError)
    assert not mocked.calls
