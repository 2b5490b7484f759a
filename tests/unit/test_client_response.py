"""The minimal client: what it makes of a success."""

import copy
import dataclasses
import json
import pickle
import socket
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import responses

from contract import client as module
from contract.client import (
    BrokenAnswer,
    Snapshot,
    SnapshotAttributes,
    SnapshotData,
    Timestamp,
)
from tests.unit.client_support import (
    FULL,
    SMALLEST,
    Wire,
    attributes,
    client,
    nested,
    outcome,
)

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_a_snapshot_is_typed() -> None:
    snapshot = module.model.decode(json.dumps(FULL).encode())
    assert snapshot.data is not None
    assert snapshot.data.attributes is not None
    values = snapshot.data.attributes
    assert (values.created_by_user_id, values.org_id, values.start) == (
        2**63 - 1,
        -(2**63),
        2**53 + 1,
    )
    assert values.is_device_type_selected_by_user is False
    assert values.modified_at == datetime(
        2019, 9, 19, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))
    )
    assert values.created_at is not None
    assert (values.created_at.microsecond, values.created_at.text) == (
        123456,
        "2019-09-19T10:00:00.123456789Z",
    )
    assert values.extra == {"extra": {"deep": [1, None, 0.1]}}
    assert (snapshot.data.extra, snapshot.extra) == (
        {"relationships": {}},
        {"included": []},
    )


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"x": 1}, id="unknown only"),
        pytest.param(SMALLEST, id="type only"),
        pytest.param(
            {"data": {"type": "snapshots", "attributes": {}}}, id="no attributes"
        ),
        pytest.param(
            attributes(start=0, created_by="", event_id="\0😀"), id="empty and odd"
        ),
        pytest.param(FULL, id="full"),
        pytest.param({**FULL, "x": nested(100)}, id="deep"),
    ],
)
def test_a_valid_answer_reaches_the_caller_losslessly(
    mocked: responses.RequestsMock, document: dict[str, Any]
) -> None:
    snapshot = outcome(mocked, 200, json.dumps(document))
    assert isinstance(snapshot, Snapshot)
    assert snapshot.to_json() == document
    assert json.dumps(snapshot.to_json(), sort_keys=True) == json.dumps(
        document, sort_keys=True
    )
    again = pickle.loads(pickle.dumps(snapshot))  # noqa: S301
    assert again == snapshot == copy.deepcopy(snapshot)
    assert again.to_json() == document
    assert hash(again) == hash(snapshot)


def test_a_snapshot_is_frozen() -> None:
    snapshot = Snapshot(SnapshotData(attributes=SnapshotAttributes(start=1)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.data = None
    stamp = Timestamp.parse("2020-01-01T00:00:00Z")
    with pytest.raises(AttributeError):
        stamp.text = "x"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/vnd.api+json", "text/html", "", "nonsense;;"],
)
def test_the_content_type_decides_nothing(
    mocked: responses.RequestsMock, content_type: str
) -> None:
    assert isinstance(
        outcome(mocked, 200, json.dumps(FULL), Content_Type=content_type), Snapshot
    )


DATES = [
    ("2019-09-19T10:00:00Z", True),
    ("2019-09-19T10:00:00.1Z", True),
    ("2019-09-19T10:00:00.123456789012345678901234567890-23:59", True),
    ("2020-02-29T23:59:59+14:00", True),
    ("0001-01-01T00:00:00+23:59", True),
    ("9999-12-31T23:59:59.999999999-23:59", True),
    ("2019-09-19T10:00:00-00:00", True),
    ("2019-02-29T10:00:00Z", False),
    ("2019-13-01T10:00:00Z", False),
    ("2019-00-01T10:00:00Z", False),
    ("0000-01-01T00:00:00Z", False),
    ("2019-09-19T24:00:00Z", False),
    ("2019-09-19T10:60:00Z", False),
    ("2019-09-19T10:00:60Z", False),
    ("2019-09-19T10:00:00+24:00", False),
    ("2019-09-19T10:00:00+00:60", False),
    ("2019-09-19T10:00:00", False),
    ("2019-09-19T10:00:00.Z", False),
    ("2019-09-19T10:00:00,5Z", False),
    ("2019-09-19t10:00:00Z", False),
    ("2019-09-19T10:00:00z", False),
    ("2019-09-19 10:00:00Z", False),
    ("2019-09-19T10:00:00+0000", False),
    ("2019-09-19T10:00:00Z\n", False),
    (" 2019-09-19T10:00:00Z", False),
    ("٢٠١٩-09-19T10:00:00Z", False),
    ("2019-W38-4T10:00:00Z", False),
    ("20190919T100000Z", False),
    ("2019-09-19", False),
    ("+2019-09-19T10:00:00Z", False),
    ("", False),
]


@pytest.mark.parametrize(
    ("text", "valid"), DATES, ids=[repr(text) for text, _ in DATES]
)
def test_a_date_is_rfc_3339_and_keeps_its_text(
    mocked: responses.RequestsMock, text: str, valid: bool
) -> None:
    result = outcome(mocked, 200, json.dumps(attributes(created_at=text)))
    if valid:
        assert isinstance(result, Snapshot)
        assert result.to_json() == attributes(created_at=text)
    else:
        assert isinstance(result, BrokenAnswer)
        assert str(result).startswith(
            "/data/attributes/created_at: must be a date-time, is "
        )


def test_a_calculated_timestamp_has_its_own_text() -> None:
    stamp = Timestamp.parse("2019-09-19T10:00:00.123456789Z")
    assert (stamp + timedelta(days=1)).text == "2019-09-20T10:00:00.123456+00:00"
    assert stamp.replace(tzinfo=None).text == "2019-09-19T10:00:00.123456"
    assert stamp == datetime(2019, 9, 19, 10, 0, 0, 123456, UTC)


BROKEN = [
    ("", "the body: is not JSON"),
    (" ", "the body: is not JSON"),
    ("null", "the body: must be an object, is null"),
    ("[]", "the body: must be an object, is an array"),
    ('"x"', "the body: must be an object, is a string"),
    ("5", "the body: must be an object, is a number"),
    ("true", "the body: must be an object, is a boolean"),
    ("<html></html>", "the body: is not JSON"),
    ('{"data": {"type": "snap', "the body: is not JSON"),
    ("{} {}", "the body: is not JSON"),
    ("{'data': 1}", "the body: is not JSON"),
    ('{"x": NaN}', "the body: is not JSON"),
    ('{"x": -Infinity}', "the body: is not JSON"),
    ('{"x": 1e400}', "the body: is not JSON"),
    ('{"x": ' + "9" * 5000 + "}", "the body: is not JSON"),
    (
        json.dumps(attributes()).replace("{}", '{"start": ' + "9" * 5000 + "}"),
        "the body: is not JSON",
    ),
    ('{"x": ' + "[" * 100_000, "the body: is not JSON"),
    ('{"x": "\n"}', "the body: is not JSON"),
    ("\ufeff{}", "the body: is not JSON"),
    (b'{"x": "\xff"}', "the body: is not JSON"),
    ("{}".encode("utf-16"), "the body: is not JSON"),
    ('{"errors": []}', "/errors: errors under status 200"),
    (
        '{"errors": ["No"], "data": {"type": "snapshots"}}',
        "/errors: errors under status 200: No",
    ),
    ('{"errors": null}', "/errors: errors under status 200"),
    ('{"data": null}', "/data: must be an object, is null"),
    ('{"data": []}', "/data: must be an object, is an array"),
    ('{"data": {}}', "/data/type: is required"),
    (
        '{"data": {"type": "snapshot"}}',
        "/data/type: must be 'snapshots', is 'snapshot'",
    ),
    ('{"data": {"type": null}}', "/data/type: must be a string, is null"),
    (
        '{"data": {"type": "snapshots", "id": 5}}',
        "/data/id: must be a string, is a number",
    ),
    (
        '{"data": {"type": "snapshots", "attributes": []}}',
        "/data/attributes: must be an object, is an array",
    ),
    *(
        (
            json.dumps(attributes(**{name: value})),
            f"/data/attributes/{name}: must be {expected}",
        )
        for names, expected, values in (
            (
                (
                    "application_id",
                    "created_by",
                    "created_by_handle",
                    "device_type",
                    "event_id",
                    "session_id",
                    "snapshot_name",
                    "view_id",
                    "view_name",
                ),
                "a string",
                (None, 5, True),
            ),
            (
                ("created_by_user_id", "org_id", "start"),
                "an int64",
                (None, "integer", True, 1.5, 2**63, -(2**63) - 1),
            ),
            (("is_device_type_selected_by_user",), "a boolean", (None, 0, "false")),
            (("created_at", "modified_at"), "a string", (None, 1568887200)),
        )
        for name in names
        for value in values
    ),
]


@pytest.mark.parametrize(
    ("text", "message"), BROKEN, ids=[f"{text[:60]!r}" for text, _ in BROKEN]
)
def test_a_200_that_is_not_as_documented_is_a_broken_answer(
    mocked: responses.RequestsMock, text: str | bytes, message: str
) -> None:
    broken = outcome(mocked, 200, text)
    assert isinstance(broken, BrokenAnswer)
    assert str(broken).startswith(message)


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 299])
def test_any_other_2xx_is_a_broken_answer(
    mocked: responses.RequestsMock, status: int
) -> None:
    broken = outcome(mocked, status, "" if status == 204 else json.dumps(FULL))
    assert str(broken) == f"status {status} is not documented"
    assert isinstance(broken, BrokenAnswer)


def test_an_endless_body_is_not_read_to_its_end(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 1000)
    sent = 0

    def behave(connection: socket.socket, _: int) -> None:
        nonlocal sent
        connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"x": "')
        while not wire.stop.is_set():
            connection.sendall(b"x" * 10_000)
            sent += 1

    wire.behave = behave
    with pytest.raises(BrokenAnswer):
        client(timeout=5).update("s-1", SMALLEST)
