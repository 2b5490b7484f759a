"""The sandbox updates snapshots: what it stores, returns and leaves alone."""

import json
import re
from uuid import UUID

import pytest

from tests.unit.sandbox_support import (
    CREATED,
    DOCUMENTED,
    REQUIRED,
    UNKNOWN,
    Caller,
    Clock,
    change,
)


def test_an_update_answers_with_the_whole_snapshot_and_is_stored(
    call: Caller, snapshot_id: str, sandbox_clock: Clock
) -> None:
    sandbox_clock.now += 61
    response = call.patch(
        snapshot_id,
        change({"session_id": "s", "view_id": "v", **REQUIRED}, id=snapshot_id),
    )
    assert response.status == 200
    assert response.value["data"]["id"] == snapshot_id
    expected = (
        CREATED
        | REQUIRED
        | {"session_id": "s", "view_id": "v", "modified_at": "2023-11-14T22:14:21.250Z"}
    )
    assert response.attributes.items() >= expected.items()
    assert set(response.attributes) == DOCUMENTED
    assert call.listed() == [response.value["data"]]


def test_what_an_update_does_not_name_stays(call: Caller, snapshot_id: str) -> None:
    before = call.listed()[0]["attributes"]
    other = call.create(view_name="/other")
    untouched = call.listed(view_name="/other")
    after = call.patch(snapshot_id, change()).attributes
    assert {name for name in DOCUMENTED if before[name] != after[name]} == {
        *REQUIRED,
        "modified_at",
    }
    assert call.listed(view_name="/other") == untouched != []
    assert untouched[0]["id"] == other


@pytest.mark.parametrize(
    "data", [{"type": "snapshots"}, {"type": "snapshots", "id": str(UUID(int=1))}]
)
def test_an_update_without_attributes_moves_nothing_but_modified_at(
    call: Caller, snapshot_id: str, data: dict[str, str]
) -> None:
    before = call.listed()[0]["attributes"]
    response = call.patch(snapshot_id, {"data": data})
    assert response.status == 200
    assert response.attributes == before | {
        "modified_at": response.attributes["modified_at"]
    }
    assert response.attributes["modified_at"] > before["modified_at"]


def test_unknown_properties_are_accepted_and_ignored(
    call: Caller, snapshot_id: str
) -> None:
    before = call.listed()[0]["attributes"]
    body = change(
        {
            **REQUIRED,
            "view_name": "/x",
            "created_at": "never",
            "org_id": 1,
            "x": [None, {"y": 1e300}],
            "": {},
        },
        relationships={},
        meta=None,
    )
    response = call.patch(snapshot_id, body | {"included": [1, 2], "errors": ["no"]})
    assert response.status == 200
    changed = {name for name in DOCUMENTED if response.attributes[name] != before[name]}
    assert changed == {*REQUIRED, "modified_at"}


@pytest.mark.parametrize("move", [0.0, -3600.0, 0.0001, 5.0])
def test_modified_at_always_moves_on_and_created_never(
    call: Caller, snapshot_id: str, sandbox_clock: Clock, move: float
) -> None:
    before = call.listed()[0]["attributes"]
    for _ in range(5):
        sandbox_clock.now += move
        after = call.patch(snapshot_id, change()).attributes
        assert after["modified_at"] > before["modified_at"]
        assert {name: after[name] for name in after if name.startswith("created_")} == {
            name: before[name] for name in before if name.startswith("created_")
        }
        before = after


def test_dates_are_rfc_3339_with_milliseconds_and_z(
    call: Caller, snapshot_id: str, sandbox_clock: Clock
) -> None:
    for now in (1_700_000_100.0, 1_700_000_100.999, 1_893_456_000.001):
        sandbox_clock.now = now
        attributes = call.patch(snapshot_id, change()).attributes
        for name in ("created_at", "modified_at"):
            assert re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", attributes[name]
            )


def test_the_same_update_twice_gives_the_same(call: Caller, snapshot_id: str) -> None:
    first, second = (call.patch(snapshot_id, change()).attributes for _ in range(2))
    assert first.pop("modified_at") < second.pop("modified_at")
    assert first == second


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a ",
        "\0",
        "a\0b",
        "\t\n\r",
        "é",
        "e\u0301",
        "\ufeff",
        "\u2028",
        "😀",
        "𐀀\uffff",
        "\\u0041",
        '"',
        "/",
        "<script>",
        "null",
        "1e5",
        "Ǆǆ",
        "İi",
        "\x7f\x80",
        "a" * (1 << 20),
        "\N{BALLOON}" * 200_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
@pytest.mark.parametrize("name", ["event_id", "session_id", "view_id"])
def test_text_is_stored_exactly(
    call: Caller, snapshot_id: str, name: str, text: str
) -> None:
    response = call.patch(snapshot_id, change({**REQUIRED, name: text}))
    assert response.status == 200
    assert response.attributes[name] == text
    assert call.listed()[0]["attributes"][name] == text


@pytest.mark.parametrize("escaped", [True, False])
def test_escaped_and_plain_text_are_the_same(
    call: Caller, snapshot_id: str, escaped: bool
) -> None:
    body = json.dumps(
        change({**REQUIRED, "view_id": "é😀\0"}), ensure_ascii=escaped
    ).encode()
    assert call.patch(snapshot_id, body).attributes["view_id"] == "é😀\0"


@pytest.mark.parametrize(
    "start", [0, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
)
def test_int64_is_exact(call: Caller, snapshot_id: str, start: int) -> None:
    response = call.patch(snapshot_id, change({**REQUIRED, "start": start}))
    assert response.status == 200
    assert f'"start":{start},'.encode() in response.body
    assert call.listed()[0]["attributes"]["start"] == start


def test_an_integer_with_a_point_is_stored_without(
    call: Caller, snapshot_id: str
) -> None:
    response = call.patch(
        snapshot_id, json.dumps(change({**REQUIRED, "start": 7.0})).encode()
    )
    assert b'"start":7,' in response.body


def test_another_id_in_the_body_is_a_conflict_and_changes_neither(
    call: Caller, snapshot_id: str
) -> None:
    other = call.create()
    before = call.listed()
    for named in (other, UNKNOWN, "", snapshot_id.upper() + "x", f" {snapshot_id}"):
        response = call.patch(snapshot_id, change(id=named))
        assert (response.status, response.errors) == (
            409,
            ["/data/id: is not the id in the path"],
        )
    assert call.listed() == before
