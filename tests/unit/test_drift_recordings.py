"""Drift of recordings: the responses that go beyond the spec."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.drift import Drift, drift
from contract.errors import ContractError
from contract.spec import Spec
from tests.drift.sources import CLIENTS, COMPATIBLE, differences

PATH = "/api/v2/replay/heatmap/snapshots/one"


def interaction(
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
            "headers": {},
            "body": None,
        },
        "response": {
            "status": {"code": status, "message": ""},
            "headers": {"Content-Type": [f"{media}; charset=utf-8"]},
            "body": {"string": text},
        },
    }


def snapshot(**attributes: object) -> dict[str, Any]:
    return {"data": {"type": "snapshots", "id": "one", "attributes": attributes}}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (interaction(200, snapshot(start=5, view_name="/")), []),
        (interaction(403, {"errors": [{"title": "no"}]}, "text/plain"), []),
        (interaction(429, {"errors": ["slow"]}), []),
        (interaction(401, "<html>", "text/html"), []),
        (
            interaction(200, snapshot(start="5")),
            [(CLIENTS, "200 /data/attributes/start type")],
        ),
        (
            interaction(200, snapshot(start=None)),
            [(CLIENTS, "200 /data/attributes/start nullable")],
        ),
        (
            interaction(200, snapshot(start=2**63)),
            [(CLIENTS, "200 /data/attributes/start format")],
        ),
        (interaction(200, snapshot(tag=1)), [(COMPATIBLE, "200 /data/attributes/tag")]),
        (
            interaction(200, {"data": {"id": "one"}}),
            [(CLIENTS, "200 /data/type required")],
        ),
        (
            interaction(200, {"data": {"type": "frames"}}),
            [(CLIENTS, "200 /data/type enum")],
        ),
        (interaction(200, "<html>"), [(CLIENTS, "200 type")]),
        (interaction(200, snapshot(), "text/html"), [(COMPATIBLE, "200 media type")]),
        (interaction(202, snapshot()), [(CLIENTS, "202 status")]),
        (interaction(418, {}), [(COMPATIBLE, "418 status")]),
        (interaction(404, {"errors": [5]}), [(CLIENTS, "404 error shape")]),
        (
            interaction(200, snapshot(), site="us9.datadoghq.com"),
            [(COMPATIBLE, "site us9.datadoghq.com")],
        ),
    ],
)
def test_differences_of_a_recording(
    recorded: dict[str, Any],
    expected: list[tuple[str, str]],
    compare: Callable[..., Drift],
) -> None:
    result = compare(cassette={"version": 1, "interactions": [recorded]})
    assert differences(result) == expected


def test_bytes_in_a_recording_are_read(compare: Callable[..., Drift]) -> None:
    recorded = interaction(200, "")
    content = base64.b64encode(b'{"data": {"type": 1}}').decode()
    recorded["response"]["body"] = {"base64_string": content}
    result = compare(cassette={"version": 1, "interactions": [recorded]})
    assert (CLIENTS, "200 /data/type type") in differences(result)


@pytest.mark.parametrize(
    ("cassette", "message"),
    [
        ("version: 1", "not a VCR cassette"),
        ("version: 1\ninteractions: []", "holds no response to PATCH"),
        ("version: 1\ninteractions: [{}]", "not a VCR cassette"),
        ("version: [", "not YAML"),
    ],
)
def test_recordings_that_cannot_be_read(
    cassette: str, message: str, spec: Spec, tmp_path: Path
) -> None:
    (tmp_path / "one.yaml").write_text(cassette)
    with pytest.raises(ContractError, match=message):
        drift([], [], [tmp_path], spec)
    with pytest.raises(ContractError, match="holds no recordings"):
        drift([], [], [tmp_path / "none"], spec)
