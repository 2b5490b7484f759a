"""Keys, ids, paths, methods and the rate limit of the sandbox."""

import json
import math
from dataclasses import replace
from urllib.parse import quote
from uuid import UUID

import pytest

from contract import spec
from contract.sandbox import ORGS, PATH, Sandbox
from tests.unit.sandbox_support import (
    CREATED,
    OF_TWO,
    ONE,
    REQUIRED,
    TWO,
    UNKNOWN,
    VALID,
    Caller,
    Clock,
    change,
)


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ((None, None), 401),
        ((ONE.api_key, None), 401),
        ((None, ONE.app_key), 401),
        (("", ONE.app_key), 401),
        ((ONE.api_key, ""), 401),
        (("", ""), 401),
        (("wrong", ONE.app_key), 403),
        ((ONE.api_key, "wrong"), 403),
        ((ONE.app_key, ONE.api_key), 403),
        ((ONE.api_key, TWO.app_key), 403),
        ((TWO.api_key, ONE.app_key), 403),
        ((ONE.api_key.upper(), ONE.app_key), 403),
        ((ONE.api_key[:-1], ONE.app_key), 403),
        ((f"{ONE.api_key}, {ONE.api_key}", ONE.app_key), 403),
        (("\xff", "\0"), 403),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"{PATH}/{UUID(int=1)}", VALID),
        ("PATCH", f"{PATH}/{UNKNOWN}", VALID),
        ("PATCH", f"{PATH}/x", b"{"),
        ("POST", PATH, json.dumps(change(CREATED)).encode()),
        ("GET", f"{PATH}?filter[view_name]=/basket", b""),
        ("DELETE", f"{PATH}/{UUID(int=1)}", b""),
        ("PUT", PATH, b""),
        ("GET", "/elsewhere", b""),
    ],
)
def test_without_the_right_keys_nothing_is_told_or_done(
    call: Caller,
    snapshot_id: str,
    keys: tuple[str | None, str | None],
    status: int,
    method: str,
    path: str,
    body: bytes,
) -> None:
    before = call.listed()
    response = call(
        method,
        path,
        body,
        dict(zip(("DD-API-KEY", "DD-APPLICATION-KEY"), keys, strict=True)),
    )
    assert response.status == status
    assert (
        response.value
        == call("GET", "/", b"", {"DD-API-KEY": "" if status == 401 else "x"}).value
    )
    assert call.listed() == before


def test_another_org_neither_sees_nor_changes_a_snapshot(
    call: Caller, snapshot_id: str
) -> None:
    before = call.listed()
    unknown = call.patch(UNKNOWN, change(), OF_TWO)
    for response in (
        call.patch(snapshot_id, change(), OF_TWO),
        call("DELETE", f"{PATH}/{snapshot_id}", b"", OF_TWO),
    ):
        assert (response.status, response.value) == (404, unknown.value)
    assert call.patch(snapshot_id, change(id="another"), OF_TWO).status == 404
    assert call.listed(OF_TWO) == []
    assert call.listed() == before
    foreign_id = call.create(OF_TWO)
    assert [row["id"] for row in call.listed(OF_TWO)] == [foreign_id]
    assert call.listed(OF_TWO)[0]["attributes"]["org_id"] == TWO.org_id
    assert call.listed() == before


def test_two_users_of_one_org_share_its_snapshots() -> None:
    colleague = replace(ONE, api_key="k2", app_key="a2", user="Eve")
    sandbox = Sandbox()
    sandbox.orgs = {org.keys: org for org in (ONE, colleague)}
    call = Caller(sandbox)
    snapshot_id = call.create()
    response = call.patch(
        snapshot_id, change(), {"DD-API-KEY": "k2", "DD-APPLICATION-KEY": "a2"}
    )
    assert (response.status, response.attributes["created_by"]) == (200, ONE.user)


@pytest.mark.parametrize("key", [ONE.api_key, ONE.app_key, "k" * 40])
def test_no_error_quotes_a_key(call: Caller, snapshot_id: str, key: str) -> None:
    responses = [
        call.patch(key, change()),
        call.patch(snapshot_id, change(id=key)),
        call.patch(snapshot_id, {"data": {"type": key}}),
        call.patch(snapshot_id, {key: 1}),
        call.patch(snapshot_id, change({**REQUIRED, "start": key, key: key})),
        call.patch(snapshot_id, f'{{"{key}"'.encode()),
        call.patch(snapshot_id, VALID, {"Content-Type": key}),
        call.patch(snapshot_id, VALID, {"Content-Encoding": key}),
        call.patch(snapshot_id, VALID, {"DD-API-KEY": key, "DD-APPLICATION-KEY": "x"}),
        call("GET", f"{PATH}?page[limit]={key}&filter[view_name]=x"),
        call("GET", f"/{key}"),
        call(key.upper(), PATH),
    ]
    assert [response.status for response in responses] == [
        404,
        409,
        400,
        400,
        400,
        400,
        415,
        415,
        403,
        400,
        404,
        405,
    ]
    assert all(
        key not in f"{response.body!r}{response.headers}" for response in responses
    )
    assert key not in repr(ORGS)


@pytest.mark.parametrize(
    "segment",
    [
        UNKNOWN,
        "x",
        "%2F",
        "..",
        "%2E%2E",
        "%00",
        "%zz",
        "%",
        "%FF",
        "%ED%A0%80",
        "é".encode().decode("latin-1"),
        "+",
        "a" * 8000,
        "%25",
        "[",
        "a;b=c",
        "~",
        "%0D%0A",
    ],
)
def test_an_unknown_id_is_404_and_creates_nothing(
    call: Caller, snapshot_id: str, segment: str
) -> None:
    before = call.listed()
    assert call("PATCH", f"{PATH}/{segment}", change()).status == 404
    assert call("DELETE", f"{PATH}/{segment}").status == 404
    assert call.listed() == before


@pytest.mark.parametrize(
    "snapshot_id",
    ["a/b", "a%2Fb", "a b", "a+b", "é😀", "..", "a?b#c", "100%", ";=&,", "\0"],
)
def test_the_id_is_the_segment_decoded_once(snapshot_id: str) -> None:
    call = Caller(Sandbox(new_id=lambda: snapshot_id))
    call.create()
    assert (
        call.patch(snapshot_id, change(id=snapshot_id)).value["data"]["id"]
        == snapshot_id
    )
    twice = f"{PATH}/{quote(quote(snapshot_id, safe=''), safe='')}"
    assert call("PATCH", twice, change()).status == (
        200 if quote(snapshot_id) == snapshot_id == ".." else 404
    )


def test_every_letter_of_an_id_may_be_encoded(call: Caller, snapshot_id: str) -> None:
    encoded = "".join(f"%{ord(letter):02x}" for letter in snapshot_id)
    assert (
        call("PATCH", f"{PATH}/{encoded}?x=1", change()).value["data"]["id"]
        == snapshot_id
    )
    assert call("PATCH", f"http://anything{PATH}/{snapshot_id}", change()).status == 200
    assert (
        call("PATCH", f"{PATH}/{snapshot_id.replace('0', 'O')}", change()).status == 404
    )


def test_a_server_that_only_knows_path_info_will_do(
    sandbox: Sandbox, call: Caller
) -> None:
    sandbox.new_id = lambda: "é x"
    call.create()
    environ = {
        "REQUEST_METHOD": "DELETE",
        "PATH_INFO": f"{PATH}/é x".encode().decode("latin-1"),
        "HTTP_DD_API_KEY": ONE.api_key,
        "HTTP_DD_APPLICATION_KEY": ONE.app_key,
    }
    assert sandbox.answer(environ).status == 204


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "*",
        "/api/v2/replay/heatmap",
        f"{PATH}/",
        f"{PATH}/a/b",
        f"/x{PATH}",
        f"/{PATH}",
    ],
)
def test_an_unknown_path_is_404(call: Caller, snapshot_id: str, path: str) -> None:
    for method in ("GET", "PATCH", "POST", "DELETE"):
        assert call(method, path, change()).status == 404


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "POST", "HEAD", "OPTIONS", "TRACE", "patch"]
)
def test_another_method_on_a_snapshot_is_405(
    call: Caller, snapshot_id: str, method: str
) -> None:
    response = call(method, f"{PATH}/{snapshot_id}", change())
    assert (response.status, response.headers["Allow"]) == (405, "PATCH, DELETE")


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_on_the_collection_is_405(call: Caller, method: str) -> None:
    response = call(method, PATH, change())
    assert (response.status, response.headers["Allow"]) == (405, "GET, POST")


def test_without_a_limit_no_header_speaks_of_one(
    call: Caller, snapshot_id: str
) -> None:
    assert not [
        name
        for name in call.patch(snapshot_id, change()).headers
        if name.lower().startswith("x-ratelimit")
    ]


def test_the_rate_limit_counts_down_refuses_and_starts_anew(
    sandbox_clock: Clock,
) -> None:
    sandbox_clock.now = 1_700_000_003.5
    call = Caller(Sandbox(rate_limit=(3, 10), clock=sandbox_clock))
    snapshot_id = call.create()
    responses = []
    for now in (3.5, 4.0, 4.0, 9.999, 10.0, 19.5):
        sandbox_clock.now = 1_700_000_000 + now
        response = call.patch(snapshot_id, change())
        responses.append(
            (
                response.status,
                *(response.headers[f"X-RateLimit-{n}"] for n in ("Remaining", "Reset")),
            )
        )
        assert response.headers["X-RateLimit-Limit"] == "3"
        assert response.headers["X-RateLimit-Period"] == "10"
        if response.status == 429:
            assert (
                spec.load()
                .documented[429]
                .media["application/json"]
                .errors(response.value)
                == []
            )
    assert responses == [
        (200, "1", "7"),
        (200, "0", "6"),
        (429, "0", "6"),
        (429, "0", "1"),
        (200, "2", "10"),
        (200, "1", "1"),
    ]


def test_a_refused_update_changes_nothing(sandbox_clock: Clock) -> None:
    call = Caller(Sandbox(rate_limit=(2, 10), clock=sandbox_clock))
    snapshot_id = call.create()
    before = call.listed()
    assert call.patch(snapshot_id, change()).status == 429
    sandbox_clock.now += 10
    assert call.listed() == before


def test_each_org_has_its_own_limit_and_errors_count(sandbox_clock: Clock) -> None:
    call = Caller(Sandbox(rate_limit=(2, 60), clock=sandbox_clock))
    answers = [call("GET", "/"), call.patch(UNKNOWN, b"{"), call("GET", PATH)]
    assert [(a.status, a.headers["X-RateLimit-Remaining"]) for a in answers] == [
        (404, "1"),
        (400, "0"),
        (429, "0"),
    ]
    assert call("GET", "/", b"", OF_TWO).headers["X-RateLimit-Remaining"] == "1"
    assert (
        "X-RateLimit-Limit"
        not in call("GET", "/", b"", {"DD-API-KEY": "wrong"}).headers
    )


@pytest.mark.parametrize("period", [1, 2.5, 7, 60])
def test_reset_is_between_one_and_the_period(
    sandbox_clock: Clock, period: float
) -> None:
    call = Caller(Sandbox(rate_limit=(10**6, period), clock=sandbox_clock))
    for step in range(200):
        sandbox_clock.now = 1_700_000_000 + step * 0.173
        reset = int(call("GET", "/").headers["X-RateLimit-Reset"])
        assert 1 <= reset <= math.ceil(period)
        assert sandbox_clock.now // period < (sandbox_clock.now + reset) // period
