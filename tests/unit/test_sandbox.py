"""The reference service: what it accepts, what it refuses, what it keeps, and how it stands on loopback."""

import gzip
import http.client
import io
import json
import math
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

import pytest

from contract import spec
from contract.errors import SubjectError
from contract.sandbox import CREATABLE, ORGS, PATH, UPDATABLE, Refusal, Sandbox, serving
from tests.sockets import accepted, undelayed

ONE, TWO = ORGS
UNKNOWN = "00000000-0000-0000-0000-00000000ffff"
CREATED = {
    "application_id": "app",
    "device_type": "desktop",
    "event_id": "first event",
    "is_device_type_selected_by_user": False,
    "session_id": "first session",
    "snapshot_name": "A name",
    "start": 1,
    "view_id": "first view",
    "view_name": "/basket",
}
REQUIRED = {
    "event_id": "second event",
    "is_device_type_selected_by_user": True,
    "start": 2,
}
DOCUMENTED = {
    "application_id",
    "created_at",
    "created_by",
    "created_by_handle",
    "created_by_user_id",
    "device_type",
    "event_id",
    "is_device_type_selected_by_user",
    "modified_at",
    "org_id",
    "session_id",
    "snapshot_name",
    "start",
    "view_id",
    "view_name",
}
DEFAULT_HEADERS = {
    "DD-API-KEY": ONE.api_key,
    "DD-APPLICATION-KEY": ONE.app_key,
    "Content-Type": "application/json",
}
gzipped = partial(gzip.compress, mtime=0)
OF_TWO = {"DD-API-KEY": TWO.api_key, "DD-APPLICATION-KEY": TWO.app_key}


class Answered:
    """One answer, and what every answer of the sandbox must hold."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body
        assert status < 500
        for key in (ONE.api_key, ONE.app_key, TWO.api_key, TWO.app_key):
            assert key not in str(headers)
            assert key.encode() not in body or status == 200
        if status == 204:
            assert body == b""
        elif body:
            assert headers["Content-Type"] == "application/json"
            assert headers["Content-Length"] == str(len(body))
            self.value = json.loads(body)
        if status >= 400 and body:
            assert list(self.value) == ["errors"]
            assert self.value["errors"]
            assert all(isinstance(text, str) for text in self.value["errors"])

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.value["data"]["attributes"])

    @property
    def errors(self) -> list[str]:
        return list(self.value["errors"])


def change(attributes: object = None, **data: object) -> dict[str, Any]:
    """A body of an update."""
    return {
        "data": {
            "type": "snapshots",
            "attributes": REQUIRED if attributes is None else attributes,
            **data,
        }
    }


class Caller:
    """Calls an application in the process; a header that is None is left out."""

    def __init__(self, app: Sandbox) -> None:
        self.app = app

    def __call__(
        self,
        method: str,
        path: str,
        body: object = b"",
        headers: Mapping[str, str | None] | None = None,
    ) -> Answered:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            name: text
            for name, text in ({**DEFAULT_HEADERS, **(headers or {})}).items()
            if text is not None
        }
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "REQUEST_URI": path,
            "QUERY_STRING": path.partition("?")[2],
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.input": io.BytesIO(raw),
            **{
                f"HTTP_{name.upper().replace('-', '_')}": text
                for name, text in sent.items()
            },
        }
        if "HTTP_CONTENT_TYPE" in environ:
            environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
        started: list[Any] = []
        result = b"".join(self.app(environ, lambda *told: started.extend(told)))
        status, told = started
        assert re.fullmatch(r"\d{3} [A-Z][\w '-]+", status)
        return Answered(int(status[:3]), dict(told), result)

    def create(
        self, headers: Mapping[str, str | None] | None = None, **attributes: object
    ) -> str:
        answered = self("POST", PATH, change(CREATED | attributes), headers)
        assert answered.status == 201
        return str(answered.value["data"]["id"])

    def patch(
        self,
        snapshot_id: str,
        body: object,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answered:
        return self("PATCH", f"{PATH}/{quote(snapshot_id, safe='')}", body, headers)

    def listed(
        self, headers: Mapping[str, str | None] | None = None, **filters: object
    ) -> list[dict[str, Any]]:
        wanted = {
            f"filter[{name}]": text
            for name, text in ({"view_name": "/basket"} | filters).items()
        }
        answered = self("GET", f"{PATH}?{urlencode(wanted)}", b"", headers)
        assert answered.status == 200
        return list(answered.value["data"])


class Clock:
    """A clock that stands until it is set."""

    now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Sandbox:
    return Sandbox(
        clock=clock, new_id=(str(UUID(int=number)) for number in count(1)).__next__
    )


@pytest.fixture
def call(sandbox: Sandbox) -> Caller:
    return Caller(sandbox)


@pytest.fixture
def made(call: Caller) -> str:
    return call.create()


@pytest.fixture
def url() -> Iterator[str]:
    with serving(Sandbox()) as url:
        yield url


# Create, list, delete


def test_a_created_snapshot_has_every_documented_attribute_and_fits_the_schema(
    call: Caller,
) -> None:
    answered = call("POST", PATH, change(CREATED))
    assert answered.status == 201
    assert answered.value["data"]["type"] == "snapshots"
    assert answered.value["data"]["id"] == str(UUID(int=1))
    assert set(answered.attributes) == DOCUMENTED
    assert answered.attributes.items() >= CREATED.items()
    assert answered.attributes["org_id"] == ONE.org_id
    assert answered.attributes["created_by_user_id"] == ONE.user_id > 2**53
    assert answered.attributes["created_by"] == ONE.user
    assert answered.attributes["created_by_handle"] == ONE.handle
    assert (
        answered.attributes["created_at"]
        == answered.attributes["modified_at"]
        == "2023-11-14T22:13:20.250Z"
    )
    assert (
        spec.load().documented[200].media["application/json"].errors(answered.value)
        == []
    )


def test_what_was_never_said_is_absent(call: Caller) -> None:
    attributes = {
        name: value
        for name, value in CREATED.items()
        if name not in ("session_id", "view_id")
    }
    answered = call("POST", PATH, change(attributes))
    assert set(answered.attributes) == DOCUMENTED - {"session_id", "view_id"}


def test_ids_are_uuids_and_differ() -> None:
    call = Caller(Sandbox())
    ids = {call.create() for _ in range(50)}
    assert len(ids) == 50
    assert all(str(UUID(id_)) == id_ for id_ in ids)


@pytest.mark.parametrize("name", sorted({*CREATABLE} - {"session_id", "view_id"}))
def test_create_needs_what_the_contract_requires(call: Caller, name: str) -> None:
    answered = call(
        "POST", PATH, change({key: CREATED[key] for key in CREATED if key != name})
    )
    assert (answered.status, answered.errors) == (
        400,
        [f"/data/attributes/{name}: is missing"],
    )
    assert call.listed() == []


def test_list_needs_a_view_name(call: Caller, made: str) -> None:
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
    ("limit", "found"),
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
    call: Caller, limit: str, found: int | None
) -> None:
    for _ in range(3):
        call.create()
    answered = call(
        "GET",
        f"{PATH}?{urlencode({'filter[view_name]': '/basket', 'page[limit]': limit})}",
    )
    assert answered.status == (400 if found is None else 200)
    if found is not None:
        assert len(answered.value["data"]) == found


def test_a_deleted_snapshot_is_gone_and_stays_gone(call: Caller, made: str) -> None:
    other = call.create()
    assert call("DELETE", f"{PATH}/{made}").status == 204
    for method, body in (
        ("PATCH", change()),
        ("DELETE", b""),
        ("PATCH", change(id=made)),
    ):
        assert call(method, f"{PATH}/{made}", body).status == 404
    assert [row["id"] for row in call.listed()] == [other]


# Update


def test_an_update_answers_with_the_whole_snapshot_and_is_stored(
    call: Caller, made: str, clock: Clock
) -> None:
    clock.now += 61
    answered = call.patch(
        made, change({"session_id": "s", "view_id": "v", **REQUIRED}, id=made)
    )
    assert answered.status == 200
    assert answered.value["data"]["id"] == made
    expected = (
        CREATED
        | REQUIRED
        | {"session_id": "s", "view_id": "v", "modified_at": "2023-11-14T22:14:21.250Z"}
    )
    assert answered.attributes.items() >= expected.items()
    assert set(answered.attributes) == DOCUMENTED
    assert call.listed() == [answered.value["data"]]


def test_what_an_update_does_not_name_stays(call: Caller, made: str) -> None:
    before = call.listed()[0]["attributes"]
    other = call.create(view_name="/other")
    untouched = call.listed(view_name="/other")
    after = call.patch(made, change()).attributes
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
    call: Caller, made: str, data: dict[str, str]
) -> None:
    before = call.listed()[0]["attributes"]
    answered = call.patch(made, {"data": data})
    assert answered.status == 200
    assert answered.attributes == before | {
        "modified_at": answered.attributes["modified_at"]
    }
    assert answered.attributes["modified_at"] > before["modified_at"]


def test_unknown_properties_are_accepted_and_ignored(call: Caller, made: str) -> None:
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
    answered = call.patch(made, body | {"included": [1, 2], "errors": ["no"]})
    assert answered.status == 200
    changed = {name for name in DOCUMENTED if answered.attributes[name] != before[name]}
    assert changed == {*REQUIRED, "modified_at"}


@pytest.mark.parametrize("move", [0.0, -3600.0, 0.0001, 5.0])
def test_modified_at_always_moves_on_and_created_never(
    call: Caller, made: str, clock: Clock, move: float
) -> None:
    before = call.listed()[0]["attributes"]
    for _ in range(5):
        clock.now += move
        after = call.patch(made, change()).attributes
        assert after["modified_at"] > before["modified_at"]
        assert {name: after[name] for name in after if name.startswith("created_")} == {
            name: before[name] for name in before if name.startswith("created_")
        }
        before = after


def test_dates_are_rfc_3339_with_milliseconds_and_z(
    call: Caller, made: str, clock: Clock
) -> None:
    for now in (1_700_000_100.0, 1_700_000_100.999, 1_893_456_000.001):
        clock.now = now
        attributes = call.patch(made, change()).attributes
        for name in ("created_at", "modified_at"):
            assert re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", attributes[name]
            )


def test_the_same_update_twice_gives_the_same(call: Caller, made: str) -> None:
    first, second = (call.patch(made, change()).attributes for _ in range(2))
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
def test_text_is_stored_exactly(call: Caller, made: str, name: str, text: str) -> None:
    answered = call.patch(made, change({**REQUIRED, name: text}))
    assert answered.status == 200
    assert answered.attributes[name] == text
    assert call.listed()[0]["attributes"][name] == text


@pytest.mark.parametrize("escaped", [True, False])
def test_escaped_and_plain_text_are_the_same(
    call: Caller, made: str, escaped: bool
) -> None:
    body = json.dumps(
        change({**REQUIRED, "view_id": "é😀\0"}), ensure_ascii=escaped
    ).encode()
    assert call.patch(made, body).attributes["view_id"] == "é😀\0"


@pytest.mark.parametrize(
    "start", [0, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
)
def test_int64_is_exact(call: Caller, made: str, start: int) -> None:
    answered = call.patch(made, change({**REQUIRED, "start": start}))
    assert answered.status == 200
    assert f'"start":{start},'.encode() in answered.body
    assert call.listed()[0]["attributes"]["start"] == start


def test_an_integer_with_a_point_is_stored_without(call: Caller, made: str) -> None:
    answered = call.patch(made, json.dumps(change({**REQUIRED, "start": 7.0})).encode())
    assert b'"start":7,' in answered.body


def test_another_id_in_the_body_is_a_conflict_and_changes_neither(
    call: Caller, made: str
) -> None:
    other = call.create()
    before = call.listed()
    for named in (other, UNKNOWN, "", made.upper() + "x", f" {made}"):
        answered = call.patch(made, change(id=named))
        assert (answered.status, answered.errors) == (
            409,
            ["/data/id: is not the id in the path"],
        )
    assert call.listed() == before


# Refused bodies


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, ["/data: is missing"]),
        (None, ["body: is null, not object"]),
        ([], ["body: is array, not object"]),
        ("text", ["body: is string, not object"]),
        ({"data": None}, ["/data: is null, not object"]),
        ({"data": []}, ["/data: is array, not object"]),
        ({"data": {}}, ["/data/type: is missing"]),
        ({"data": {"type": "Snapshots"}}, ['/data/type: is not one of "snapshots"']),
        (change(id=7), ["/data/id: is integer, not string"]),
        (change(id=None), ["/data/id: is null, not string"]),
        (
            {"data": {"type": "snapshots", "attributes": None}},
            ["/data/attributes: is null, not object"],
        ),
        (
            change({**REQUIRED, "start": "2"}),
            ["/data/attributes/start: is string, not integer"],
        ),
        (
            change({**REQUIRED, "start": True}),
            ["/data/attributes/start: is boolean, not integer"],
        ),
        (
            change({**REQUIRED, "start": 1.5}),
            ["/data/attributes/start: is number, not integer"],
        ),
        (
            change({**REQUIRED, "start": 2**63}),
            ["/data/attributes/start: is out of the range of int64"],
        ),
        (
            change({**REQUIRED, "start": -(2**63) - 1}),
            ["/data/attributes/start: is out of the range of int64"],
        ),
        (
            change({**REQUIRED, "start": 10**400}),
            ["/data/attributes/start: is out of the range of int64"],
        ),
        (
            change({**REQUIRED, "event_id": 5}),
            ["/data/attributes/event_id: is integer, not string"],
        ),
        (
            change({**REQUIRED, "view_id": None}),
            ["/data/attributes/view_id: is null, not string"],
        ),
        (
            change({**REQUIRED, "session_id": {}}),
            ["/data/attributes/session_id: is object, not string"],
        ),
        (
            change({**REQUIRED, "is_device_type_selected_by_user": "false"}),
            [
                "/data/attributes/is_device_type_selected_by_user: is string, not boolean"
            ],
        ),
        (
            change({"start": "x"}),
            [
                "/data/attributes/start: is string, not integer",
                "/data/attributes/event_id: is missing",
                "/data/attributes/is_device_type_selected_by_user: is missing",
            ],
        ),
    ],
    ids=lambda part: str(part)[:60],
)
def test_each_problem_of_an_invalid_body_is_told_and_nothing_changes(
    call: Caller, made: str, body: object, errors: list[str]
) -> None:
    before = call.listed()
    answered = call.patch(made, body)
    assert answered.status == 400
    assert sorted(answered.errors) == sorted(errors)
    assert call.listed() == before


VALID = json.dumps(change()).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        VALID[:-1],
        VALID[:40],
        VALID + b"}",
        VALID + VALID,
        VALID.replace(b"}}}", b",}}}"),
        VALID.replace(b'"start": 2', b'"start": 02'),
        VALID.replace(b'"start": 2', b'"start": NaN'),
        VALID.replace(b'"start": 2', b'"start": Infinity'),
        VALID.replace(b'"start": 2', b'"start": -Infinity'),
        VALID.replace(b'"start": 2', b'"x": NaN, "start": 2'),
        VALID.replace(b'"start": 2', b'"start": +2'),
        b"/* */" + VALID,
        VALID + b"// end",
        b"# \n" + VALID,
        VALID.replace(b'"', b"'"),
        VALID.replace(b"true", b"True"),
        VALID.replace(b"second", b"\xff\xfe"),
        VALID.replace(b"second", b"\xed\xa0\x80"),
        VALID.replace(b"second", b"\xc0\x80"),
        VALID.replace(b"second", b"a\nb"),
        VALID.replace(b"second", b"\\x41"),
        VALID.replace(b"second", b"\\u12"),
        VALID.decode().encode("utf-16"),
        VALID.decode().encode("utf-32"),
        b"data=1&type=snapshots",
        b"<data/>",
        b"\0" * 9,
    ],
    ids=lambda body: ascii(body[-40:]),
)
def test_malformed_json_is_400_and_changes_nothing(
    call: Caller, made: str, body: bytes
) -> None:
    before = call.listed()
    assert call.patch(made, body).status == 400
    assert call.listed() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xef\xbb\xbf" + VALID, 400),
        (VALID.replace(b'"start": 2', b'"start": 1, "start": 2'), 200),
        (VALID.replace(b"second", b"\\ud800"), 400),
        (VALID.replace(b"second", b"\\udc00\\ud800"), 400),
        (VALID.replace(b'"start"', b'"\\ud800": 1, "start"'), 400),
        (VALID.replace(b"second", b"\\ud83d\\ude00"), 200),
        (VALID.replace(b'"start": 2', b'"start": 1e400'), 400),
        (VALID.replace(b'"start"', b'"x": 1e400, "start"'), 200),
        (VALID.replace(b'"start": 2', b'"start": 1e30'), 400),
        (VALID.replace(b'"start": 2', b'"start": ' + b"9" * 100_000), 400),
        (VALID.replace(b'"start"', b'"x": ' + b"9" * 100_000 + b', "start"'), 400),
        (VALID.replace(b'"start"', b'"x": ' + b"9" * 4000 + b', "start"'), 200),
        (
            VALID.replace(
                b'"start"', b'"x": ' + b"[" * 100 + b"]" * 100 + b', "start"'
            ),
            200,
        ),
        (
            VALID.replace(
                b'"start"', b'"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "start"'
            ),
            400,
        ),
        (
            VALID.replace(
                b'"start"',
                b'"x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b', "start"',
            ),
            400,
        ),
        (b"[" * 100_000, 400),
        (VALID.replace(b'"start"', b'"' + b"x" * (1 << 20) + b'": 1, "start"'), 200),
        (b" " * (1 << 20) + VALID, 200),
    ],
    ids=lambda part: (
        ascii(part[:80])[:50] + str(len(part)) if isinstance(part, bytes) else str(part)
    ),
)
def test_what_rfc_8259_leaves_open_has_one_answer(
    call: Caller, made: str, body: bytes, status: int
) -> None:
    assert [call.patch(made, body).status for _ in range(3)] == [status] * 3


@pytest.mark.parametrize("depth", range(80, 1400, 17))
def test_no_depth_breaks_the_service(call: Caller, made: str, depth: int) -> None:
    nested = b"[" * depth + b'"\\u0041"' + b"]" * depth
    assert call.patch(
        made, VALID.replace(b'"start"', b'"x": ' + nested + b', "start"')
    ).status in (200, 400)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON ;x=y", 200),
        ("application/json;", 200),
        (None, 415),
        ("", 415),
        (";", 415),
        ("text/plain", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("application/vnd.api+json", 415),
        ("application/json, text/plain", 415),
        ("\xff\0", 415),
        ("*/*", 415),
    ],
)
def test_only_application_json_is_read(
    call: Caller, made: str, content_type: str | None, status: int
) -> None:
    before = call.listed()
    assert call.patch(made, VALID, {"Content-Type": content_type}).status == status
    assert (call.listed() == before) is (status == 415)


RAW_DEFLATE = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzipped(VALID), 200),
        ("GZip", gzipped(VALID), 200),
        ("x-gzip", gzipped(VALID), 200),
        ("gzip", gzipped(VALID[:50]) + gzipped(VALID[50:]), 200),
        ("deflate", zlib.compress(VALID), 200),
        ("deflate", RAW_DEFLATE.compress(VALID) + RAW_DEFLATE.flush(), 200),
        ("deflate, gzip", gzipped(zlib.compress(VALID)), 200),
        ("identity", VALID, 200),
        ("", VALID, 200),
        ("gzip", VALID, 400),
        ("gzip", b"", 400),
        ("gzip", gzipped(VALID)[:-9], 400),
        ("gzip", gzipped(VALID) + b"rest", 400),
        ("gzip", gzipped(VALID)[:-8] + b"\0" * 8, 400),
        ("deflate", VALID, 400),
        ("deflate", b"", 400),
        ("gzip, deflate", gzipped(zlib.compress(VALID)), 400),
        ("br", VALID, 415),
        ("zstd", VALID, 415),
        ("gzip, br", VALID, 415),
        ("gzip," * 4, VALID, 415),
        ("gzip", gzipped(b" " * (9 << 20)), 413),
    ],
    ids=lambda part: ascii(part[:20]) if isinstance(part, bytes) else str(part),
)
def test_packed_bodies_are_read(
    call: Caller, made: str, coding: str, body: bytes, status: int
) -> None:
    before = call.listed()
    answered = call.patch(made, body, {"Content-Encoding": coding})
    assert answered.status == status
    assert (call.listed() == before) is (status != 200)
    if status == 415:
        assert answered.headers["Accept-Encoding"] == "gzip, deflate"


def test_a_body_over_the_limit_is_413() -> None:
    call = Caller(Sandbox(max_body=1000))
    made = call.create()
    assert call.patch(made, VALID.ljust(1000)).status == 200
    assert call.patch(made, VALID.ljust(1001)).status == 413
    assert (
        call.patch(
            made, gzipped(VALID.ljust(1000)), {"Content-Encoding": "gzip"}
        ).status
        == 200
    )
    assert (
        call.patch(
            made, gzipped(VALID.ljust(1001)), {"Content-Encoding": "gzip"}
        ).status
        == 413
    )


@pytest.mark.parametrize(
    ("length", "status"),
    [("x", 400), ("-1", 400), ("²", 400), ("9" * 5000, 413), ("", 400)],
)
def test_a_senseless_content_length_is_refused(
    sandbox: Sandbox, made: str, length: str, status: int
) -> None:
    environ = {
        "REQUEST_METHOD": "PATCH",
        "PATH_INFO": f"{PATH}/{made}",
        "CONTENT_LENGTH": length,
        "wsgi.input": io.BytesIO(VALID),
        "CONTENT_TYPE": "application/json",
        "HTTP_DD_API_KEY": ONE.api_key,
        "HTTP_DD_APPLICATION_KEY": ONE.app_key,
    }
    assert sandbox.answer(environ).status == status


# Keys


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
    made: str,
    keys: tuple[str | None, str | None],
    status: int,
    method: str,
    path: str,
    body: bytes,
) -> None:
    before = call.listed()
    answered = call(
        method,
        path,
        body,
        dict(zip(("DD-API-KEY", "DD-APPLICATION-KEY"), keys, strict=True)),
    )
    assert answered.status == status
    assert (
        answered.value
        == call("GET", "/", b"", {"DD-API-KEY": "" if status == 401 else "x"}).value
    )
    assert call.listed() == before


def test_another_org_neither_sees_nor_changes_a_snapshot(
    call: Caller, made: str
) -> None:
    before = call.listed()
    unknown = call.patch(UNKNOWN, change(), OF_TWO)
    for answered in (
        call.patch(made, change(), OF_TWO),
        call("DELETE", f"{PATH}/{made}", b"", OF_TWO),
    ):
        assert (answered.status, answered.value) == (404, unknown.value)
    assert call.patch(made, change(id="another"), OF_TWO).status == 404
    assert call.listed(OF_TWO) == []
    assert call.listed() == before
    theirs = call.create(OF_TWO)
    assert [row["id"] for row in call.listed(OF_TWO)] == [theirs]
    assert call.listed(OF_TWO)[0]["attributes"]["org_id"] == TWO.org_id
    assert call.listed() == before


def test_two_users_of_one_org_share_its_snapshots() -> None:
    colleague = replace(ONE, api_key="k2", app_key="a2", user="Eve")
    call = Caller(Sandbox((ONE, colleague)))
    made = call.create()
    answered = call.patch(
        made, change(), {"DD-API-KEY": "k2", "DD-APPLICATION-KEY": "a2"}
    )
    assert (answered.status, answered.attributes["created_by"]) == (200, ONE.user)


@pytest.mark.parametrize("key", [ONE.api_key, ONE.app_key, "k" * 40])
def test_no_error_quotes_a_key(call: Caller, made: str, key: str) -> None:
    asked = [
        call.patch(key, change()),
        call.patch(made, change(id=key)),
        call.patch(made, {"data": {"type": key}}),
        call.patch(made, {key: 1}),
        call.patch(made, change({**REQUIRED, "start": key, key: key})),
        call.patch(made, f'{{"{key}"'.encode()),
        call.patch(made, VALID, {"Content-Type": key}),
        call.patch(made, VALID, {"Content-Encoding": key}),
        call.patch(made, VALID, {"DD-API-KEY": key, "DD-APPLICATION-KEY": "x"}),
        call("GET", f"{PATH}?page[limit]={key}&filter[view_name]=x"),
        call("GET", f"/{key}"),
        call(key.upper(), PATH),
    ]
    assert [answered.status for answered in asked] == [
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
    assert all(key not in f"{answered.body!r}{answered.headers}" for answered in asked)
    assert key not in repr(ORGS)


# Ids, paths, methods


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
    call: Caller, made: str, segment: str
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


def test_every_letter_of_an_id_may_be_encoded(call: Caller, made: str) -> None:
    encoded = "".join(f"%{ord(letter):02x}" for letter in made)
    assert call("PATCH", f"{PATH}/{encoded}?x=1", change()).value["data"]["id"] == made
    assert call("PATCH", f"http://anything{PATH}/{made}", change()).status == 200
    assert call("PATCH", f"{PATH}/{made.replace('0', 'O')}", change()).status == 404


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
def test_an_unknown_path_is_404(call: Caller, made: str, path: str) -> None:
    for method in ("GET", "PATCH", "POST", "DELETE"):
        assert call(method, path, change()).status == 404


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "POST", "HEAD", "OPTIONS", "TRACE", "patch"]
)
def test_another_method_on_a_snapshot_is_405(
    call: Caller, made: str, method: str
) -> None:
    answered = call(method, f"{PATH}/{made}", change())
    assert (answered.status, answered.headers["Allow"]) == (405, "PATCH, DELETE")


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_on_the_collection_is_405(call: Caller, method: str) -> None:
    answered = call(method, PATH, change())
    assert (answered.status, answered.headers["Allow"]) == (405, "GET, POST")


# Rate limit


def test_without_a_limit_no_header_speaks_of_one(call: Caller, made: str) -> None:
    assert not [
        name
        for name in call.patch(made, change()).headers
        if name.lower().startswith("x-ratelimit")
    ]


def test_the_rate_limit_counts_down_refuses_and_starts_anew(clock: Clock) -> None:
    clock.now = 1_700_000_003.5
    call = Caller(Sandbox(rate_limit=(3, 10), clock=clock))
    made = call.create()
    seen = []
    for now in (3.5, 4.0, 4.0, 9.999, 10.0, 19.5):
        clock.now = 1_700_000_000 + now
        answered = call.patch(made, change())
        seen.append(
            (
                answered.status,
                *(answered.headers[f"X-RateLimit-{n}"] for n in ("Remaining", "Reset")),
            )
        )
        assert answered.headers["X-RateLimit-Limit"] == "3"
        assert answered.headers["X-RateLimit-Period"] == "10"
        if answered.status == 429:
            assert (
                spec.load()
                .documented[429]
                .media["application/json"]
                .errors(answered.value)
                == []
            )
    assert seen == [
        (200, "1", "7"),
        (200, "0", "6"),
        (429, "0", "6"),
        (429, "0", "1"),
        (200, "2", "10"),
        (200, "1", "1"),
    ]


def test_a_refused_update_changes_nothing(clock: Clock) -> None:
    call = Caller(Sandbox(rate_limit=(2, 10), clock=clock))
    made = call.create()
    before = call.listed()
    assert call.patch(made, change()).status == 429
    clock.now += 10
    assert call.listed() == before


def test_each_org_has_its_own_limit_and_errors_count(clock: Clock) -> None:
    call = Caller(Sandbox(rate_limit=(2, 60), clock=clock))
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
def test_reset_is_between_one_and_the_period(clock: Clock, period: float) -> None:
    call = Caller(Sandbox(rate_limit=(10**6, period), clock=clock))
    for step in range(200):
        clock.now = 1_700_000_000 + step * 0.173
        reset = int(call("GET", "/").headers["X-RateLimit-Reset"])
        assert 1 <= reset <= math.ceil(period)
        assert clock.now // period < (clock.now + reset) // period


# Faults are subclasses


def test_a_fault_is_one_small_override(clock: Clock) -> None:
    class AcceptsTextForStart(Sandbox):
        def validate(self, value: Any, schema: spec.Schema) -> list[Any]:
            return [
                found
                for found in super().validate(value, schema)
                if found.pointer != "/data/attributes/start"
            ]

    class Trims(Sandbox):
        def apply(self, row: Any, attributes: Any) -> None:
            super().apply(
                row,
                {
                    name: v.strip() if isinstance(v, str) else v
                    for name, v in attributes.items()
                },
            )

    class AnswersButDoesNotStore(Sandbox):
        def find(self, org: Any, snapshot_id: str) -> Any:
            row = super().find(org, snapshot_id)
            return replace(row, attributes=dict(row.attributes))

    class FallsOverOddText(Sandbox):
        def apply(self, row: Any, attributes: Any) -> None:
            if "\0" in str(attributes.get("view_id")):
                raise Refusal(500, "Internal error")
            super().apply(row, attributes)

    text = Caller(AcceptsTextForStart())
    assert (
        text.patch(text.create(), change({**REQUIRED, "start": "2"})).attributes[
            "start"
        ]
        == "2"
    )
    assert text.patch(text.create(), change({"start": None})).status == 400
    trims = Caller(Trims())
    assert (
        trims.patch(trims.create(), change({**REQUIRED, "view_id": " a "})).attributes[
            "view_id"
        ]
        == "a"
    )
    forgets = Caller(AnswersButDoesNotStore())
    assert forgets.patch(forgets.create(), change()).attributes["start"] == 2
    assert forgets.listed()[0]["attributes"]["start"] == 1
    falls = FallsOverOddText()
    made = Caller(falls).create()
    with pytest.raises(AssertionError, match="500 < 500"):
        Caller(falls).patch(made, change({**REQUIRED, "view_id": "\0"}))


@pytest.mark.parametrize(
    "body",
    [
        None,
        1,
        "x",
        [],
        {},
        {"data": 5},
        {"data": {"attributes": []}},
        change({"start": {}}),
    ],
)
def test_a_fault_that_validates_nothing_still_answers(body: object) -> None:
    class AcceptsAll(Sandbox):
        def validate(self, value: Any, schema: spec.Schema) -> list[Any]:
            return []

    call = Caller(AcceptsAll())
    assert call.patch(call.create(), body).status == 200
    assert call("POST", PATH, body).status == 201


# On loopback


def connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


def ask(
    conn: http.client.HTTPConnection, method: str, path: str, body: object = b""
) -> Answered:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    conn.request(method, path, raw, DEFAULT_HEADERS)
    answer = conn.getresponse()
    return Answered(answer.status, dict(answer.headers), answer.read())


def create_at(url: str) -> str:
    conn = connection(url)
    made = str(ask(conn, "POST", PATH, change(CREATED)).value["data"]["id"])
    conn.close()
    return made


def raw_exchange(url: str, sent: bytes) -> bytes:
    """Send bytes on a connection of their own; return what comes until the other side closes it."""
    target = urlsplit(url)
    with socket.create_connection(
        (target.hostname or "", target.port or 0), timeout=10
    ) as sock:
        sock.sendall(sent)
        with suppress(OSError):  # the other side may have answered and closed by now
            sock.shutdown(socket.SHUT_WR)
        parts = iter(lambda: sock.recv(65536), b"")
        return b"".join(parts)


def test_one_connection_serves_the_whole_life_of_a_snapshot(url: str) -> None:
    conn = connection(url)
    made = ask(conn, "POST", PATH, change(CREATED)).value["data"]["id"]
    sock = conn.sock
    assert ask(conn, "PATCH", f"{PATH}/{made}", b"{").status == 400
    assert (
        ask(
            conn, "PATCH", f"{PATH}/{made}", change({**REQUIRED, "view_id": "é\0😀"})
        ).attributes["view_id"]
        == "é\0😀"
    )
    assert (
        len(ask(conn, "GET", f"{PATH}?filter%5Bview_name%5D=%2Fbasket").value["data"])
        == 1
    )
    assert ask(conn, "HEAD", f"{PATH}/{made}").status == 405
    assert (
        ask(
            conn,
            "PATCH",
            f"{PATH}/{made}",
            change({**REQUIRED, "view_id": "x" * (1 << 20)}),
        ).status
        == 200
    )
    assert conn.sock is sock is not None
    assert (
        ask(conn, "DELETE", f"{PATH}/{made}").status == 204
    )  # waitress says `Connection: close` to every 204
    assert ask(conn, "PATCH", f"{PATH}/{made}", change()).status == 404
    conn.close()


@pytest.mark.parametrize(
    "snapshot_id", ["a/b", "a%2Fb", "é", "..", "100%", "a b", "a" * 8000]
)
def test_any_id_reaches_the_service_as_it_was_sent(snapshot_id: str) -> None:
    with serving(Sandbox(new_id=lambda: snapshot_id)) as url:
        create_at(url)
        conn = connection(url)
        assert (
            ask(conn, "PATCH", f"{PATH}/{quote(snapshot_id, safe='')}", change()).value[
                "data"
            ]["id"]
            == snapshot_id
        )
        conn.close()


def request_bytes(
    *,
    line: bytes = b"PATCH %s HTTP/1.1",
    more: bytes = b"",
    body: bytes = VALID,
    length: bool = True,
) -> bytes:
    head = [
        line.replace(b"%s", f"{PATH}/{UNKNOWN}".encode()),
        b"Host: x",
        b"Connection: close",
    ]
    head += [f"{name}: {text}".encode() for name, text in DEFAULT_HEADERS.items()]
    head += [b"Content-Length: %d" % len(body)] if length else []
    return b"\r\n".join(head) + b"\r\n" + more + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return request_bytes(
        more=b"Transfer-Encoding: chunked\r\n", body=body, length=False
    )


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (request_bytes(), {404}),
        (request_bytes(line=b"PATCH"), {400}),
        (request_bytes(line=b"\0\0 \xff"), {400}),
        (request_bytes(line=b"PATCH /\xff HTTP/1.1"), {400, 404}),
        (request_bytes(line=b"PATCH //[ HTTP/1.1"), {400, 404}),
        (request_bytes(line=b"PATCH /%zz%00%ff HTTP/1.1"), {400, 404}),
        (
            request_bytes(line=b"PATCH /" + b"a" * 300_000 + b" HTTP/1.1"),
            {400, 414, 431},
        ),
        (request_bytes(line=b"F@@ %s HTTP/1.1"), {400, 405}),
        (request_bytes(more=b"no colon\r\n"), {400}),
        (request_bytes(more=b"X: a\0b\r\n"), {400}),
        (request_bytes(more=b"X: " + b"a" * 300_000 + b"\r\n"), {431}),
        (request_bytes(more=b"Content-Type: text/plain\r\n"), {415}),
        (request_bytes(more=b"DD-API-KEY: other\r\n"), {403}),
        (request_bytes(more=b"DD_API_KEY: other\r\n"), {404}),
        (request_bytes(more=b"Content-Length: -1\r\n", length=False), {400}),
        (request_bytes(more=b"Content-Length: x\r\n", length=False), {400}),
        (request_bytes(more=b"Content-Length: 3\r\n"), {400}),
        (request_bytes(length=False, body=b""), {400}),
        (chunked(b"2\r\n{}\r\n0\r\n\r\n"), {400}),
        (chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(VALID), VALID)), {404}),
        (chunked(b"zz\r\n"), {400}),
        (request_bytes(body=b" " * (9 << 20)), {413}),
    ],
    ids=lambda part: ascii(part[:30]) if isinstance(part, bytes) else None,
)
def test_strange_requests_never_make_a_5xx(
    url: str, sent: bytes, statuses: set[int]
) -> None:
    try:
        answer = raw_exchange(url, sent)
    except ConnectionError:  # refused before all of it was read
        assert len(sent) > 100_000
    else:
        assert int(answer.split()[1]) in statuses
    assert create_at(url)


def test_no_answer_waits_for_an_acknowledgement(url: str) -> None:
    """How long a call takes: `tests/benchmarks/latency.py`."""
    made, conn = create_at(url), connection(url)
    assert ask(conn, "PATCH", f"{PATH}/{made}", change()).status == 200
    servers = accepted(urlsplit(url).port or 0)
    assert servers
    assert all(undelayed(each, "TCP_NODELAY") == [True] for each in servers)
    conn.close()


def in_threads(number: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(which: int) -> None:
        try:
            work(which)
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=guarded, args=(which,)) for which in range(number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_eight_connections_lose_no_update(url: str) -> None:
    shared = create_at(url)
    own = [create_at(url) for _ in range(8)]
    moments: list[str] = []

    def work(which: int) -> None:
        conn = connection(url)
        for turn in range(50):
            attributes = {
                **REQUIRED,
                "start": which * 1000 + turn,
                "view_id": f"{which}.{turn}",
            }
            mine = ask(conn, "PATCH", f"{PATH}/{own[which]}", change(attributes))
            assert (mine.status, mine.attributes["start"]) == (200, which * 1000 + turn)
            ours = ask(conn, "PATCH", f"{PATH}/{shared}", change(attributes))
            assert (ours.attributes["start"], ours.attributes["view_id"]) == (
                which * 1000 + turn,
                f"{which}.{turn}",
            )
            moments.append(ours.attributes["modified_at"])
        conn.close()

    in_threads(8, work)
    assert len(moments) == len(set(moments)) == 400
    conn = connection(url)
    rows = {
        row["id"]: row["attributes"]
        for row in ask(conn, "GET", f"{PATH}?filter[view_name]=/basket").value["data"]
    }
    conn.close()
    assert [rows[id_]["start"] for id_ in own] == [
        which * 1000 + 49 for which in range(8)
    ]
    assert rows[shared]["modified_at"] == max(moments)


def test_a_rate_limit_is_exact_under_eight_connections(clock: Clock) -> None:
    statuses: list[int] = []
    with serving(Sandbox(rate_limit=(60, 10), clock=clock)) as limited:

        def work(_: int) -> None:
            conn = connection(limited)
            statuses.extend(
                ask(conn, "GET", f"{PATH}?filter[view_name]=x").status
                for _ in range(25)
            )
            conn.close()

        in_threads(8, work)
    assert (statuses.count(200), statuses.count(429)) == (60, 140)


def test_serving_leaves_no_port_and_no_thread() -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        with serving(Sandbox()) as url:
            conn = connection(url)
            assert ask(conn, "GET", f"{PATH}?filter[view_name]=x").status == 200
        conn.close()
        with pytest.raises(ConnectionRefusedError):
            create_at(url)
        deadline = time.monotonic() + 2
        while set(threading.enumerate()) - before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert set(threading.enumerate()) == before


def test_a_request_under_way_is_finished() -> None:
    begun = threading.Event()

    class Slow(Sandbox):
        def touch(self, row: Any) -> None:
            begun.set()
            time.sleep(0.3)
            super().touch(row)

    statuses: list[int] = []
    with serving(Slow()) as url:
        made, conn = create_at(url), connection(url)
        thread = threading.Thread(
            target=lambda: statuses.append(
                ask(conn, "PATCH", f"{PATH}/{made}", change()).status
            )
        )
        thread.start()
        assert begun.wait(5)
    thread.join()
    conn.close()
    assert statuses == [200]


def test_the_port_can_be_chosen_and_a_taken_one_is_told() -> None:
    before = threading.active_count()
    with serving(Sandbox()) as url:
        port = urlsplit(url).port or 0
        with pytest.raises(
            SubjectError,
            match=rf"cannot listen on 127\.0\.0\.1:{port}: .*; accepted: a free port, or 0",
        ):
            serving(Sandbox(), port).__enter__()
    with serving(Sandbox(), port) as again:
        assert again == url
    with pytest.raises(SubjectError, match="accepted: a free port"):
        serving(Sandbox(), 70_000).__enter__()
    assert threading.active_count() <= before + 1


def test_what_the_application_raises_reaches_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Sandbox):
        def operate(self, *_: Any) -> Any:
            raise ZeroDivisionError("a bug")

    def session(own: type[Exception] | None) -> None:
        with serving(Broken()) as url:
            assert b" 500 " in raw_exchange(url, request_bytes())
            if own:
                raise own

    with pytest.raises(ZeroDivisionError, match="a bug"):
        session(None)
    with pytest.raises(KeyError):
        session(KeyError)
    assert "a bug" in caplog.text


def test_what_the_server_thread_raises_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("the loop broke")

    monkeypatch.setattr("waitress.server.BaseWSGIServer.run", dies)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="the loop broke"), serving(Sandbox()):
        pass
    assert threading.active_count() <= before + 1


def test_updatable_and_creatable_are_what_the_contract_says() -> None:
    schemas = spec.load().document["components"]["schemas"]
    assert set(UPDATABLE) == set(schemas["SnapshotUpdateAttributes"]["properties"])
    assert set(CREATABLE) == set(schemas["SnapshotCreateAttributes"]["properties"])
    assert set(schemas["SnapshotAttributes"]["properties"]) == DOCUMENTED
