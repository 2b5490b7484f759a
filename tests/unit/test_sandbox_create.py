"""The sandbox creates, lists and deletes snapshots."""

from urllib.parse import urlencode
from uuid import UUID

import pytest

from contract import spec
from contract.sandbox import CREATABLE, PATH, Sandbox
from tests.unit.sandbox_support import CREATED, DOCUMENTED, ONE, Caller, change


def test_a_created_snapshot_has_every_documented_attribute_and_fits_the_schema(
    call: Caller,
) -> None:
    response = call("POST", PATH, change(CREATED))
    assert response.status == 201
    assert response.value["data"]["type"] == "snapshots"
    assert response.value["data"]["id"] == str(UUID(int=1))
    assert set(response.attributes) == DOCUMENTED
    assert response.attributes.items() >= CREATED.items()
    assert response.attributes["org_id"] == ONE.org_id
    assert response.attributes["created_by_user_id"] == ONE.user_id > 2**53
    assert response.attributes["created_by"] == ONE.user
    assert response.attributes["created_by_handle"] == ONE.handle
    assert (
        response.attributes["created_at"]
        == response.attributes["modified_at"]
        == "2023-11-14T22:13:20.250Z"
    )
    assert (
        spec.load().documented[200].media["application/json"].errors(response.value)
        == []
    )


def test_what_was_never_said_is_absent(call: Caller) -> None:
    attributes = {
        name: value
        for name, value in CREATED.items()
        if name not in ("session_id", "view_id")
    }
    response = call("POST", PATH, change(attributes))
    assert set(response.attributes) == DOCUMENTED - {"session_id", "view_id"}


def test_ids_are_uuids_and_differ() -> None:
    call = Caller(Sandbox())
    ids = {call.create() for _ in range(50)}
    assert len(ids) == 50
    assert all(str(UUID(id_)) == id_ for id_ in ids)


@pytest.mark.parametrize("name", sorted({*CREATABLE} - {"session_id", "view_id"}))
def test_create_needs_what_the_contract_requires(call: Caller, name: str) -> None:
    response = call(
        "POST", PATH, change({key: CREATED[key] for key in CREATED if key != name})
    )
    assert (response.status, response.errors) == (
        400,
        [f"/data/attributes/{name}: is missing"],
    )
    assert call.listed() == []


def test_list_needs_a_view_name(call: Caller, snapshot_id: str) -> None:
    assert call("GET", PATH).status == 400
    assert call("GET", f"{PATH}?filter[device_type]=desktop").errors == [
        "filter[view_name]: is missing"
    ]
    assert call("GET", f"{PATH}?filter%5Bview_name%5D=").value == {"data": []}


def test_list_filters_exactly_and_keeps_the_order_of_creation(call: Caller) -> None:
    basket, tablet, other = (
        call.create(),
        call.create(device_type="tablet"),
        call.create(application_id="other"),
    )
    call.create(view_name="/Basket")
    call.create(view_name="/basket ")
    assert [row["id"] for row in call.listed()] == [basket, tablet, other]
    assert [row["id"] for row in call.listed(device_type="tablet")] == [tablet]
    assert [
        row["id"] for row in call.listed(application_id="app", device_type="desktop")
    ] == [basket]
    assert call.listed(application_id="app", device_type="mobile") == []


@pytest.mark.parametrize("name", ["/ä?&=+% ü", "\0", "", "🎈" * 50, "a b"])
def test_list_finds_any_view_name(call: Caller, name: str) -> None:
    snapshot_id = call.create(view_name=name)
    call.create()
    assert [row["id"] for row in call.listed(view_name=name)] == [snapshot_id]


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("2", 2),
        ("0", 0),
        ("-1", 0),
        ("9", 3),
        (str(2**63 - 1), 3),
        (str(2**63), None),
        ("1.5", None),
        ("", None),
        ("x", None),
        ("٣", None),
        ("9" * 5000, None),
        ("1_0", None),
    ],
)
def test_list_is_limited_by_an_int64(
    call: Caller, limit: str, count: int | None
) -> None:
    for _ in range(3):
        call.create()
    response = call(
        "GET",
        f"{PATH}?{urlencode({'filter[view_name]': '/basket', 'page[limit]': limit})}",
    )
    assert response.status == (400 if count is None else 200)
    if count is not None:
        assert len(response.value["data"]) == count


def test_a_deleted_snapshot_is_gone_and_stays_gone(
    call: Caller, snapshot_id: str
) -> None:
    other = call.create()
    assert call("DELETE", f"{PATH}/{snapshot_id}").status == 204
    for method, body in (
        ("PATCH", change()),
        ("DELETE", b""),
        ("PATCH", change(id=snapshot_id)),
    ):
        assert call(method, f"{PATH}/{snapshot_id}", body).status == 404
    assert [row["id"] for row in call.listed()] == [other]
