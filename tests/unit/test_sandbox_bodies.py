"""The sandbox reads bodies strictly: schema, JSON, media types, codings."""

import gzip
import io
import zlib
from functools import partial

import pytest

from contract.sandbox import PATH, Sandbox
from tests.unit.sandbox_support import ONE, REQUIRED, VALID, Caller, change

gzipped = partial(gzip.compress, mtime=0)


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
    call: Caller, snapshot_id: str, body: object, errors: list[str]
) -> None:
    before = call.listed()
    response = call.patch(snapshot_id, body)
    assert response.status == 400
    assert sorted(response.errors) == sorted(errors)
    assert call.listed() == before


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
    call: Caller, snapshot_id: str, body: bytes
) -> None:
    before = call.listed()
    assert call.patch(snapshot_id, body).status == 400
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
    call: Caller, snapshot_id: str, body: bytes, status: int
) -> None:
    assert [call.patch(snapshot_id, body).status for _ in range(3)] == [status] * 3


@pytest.mark.parametrize("depth", range(80, 1400, 17))
def test_no_depth_breaks_the_service(
    call: Caller, snapshot_id: str, depth: int
) -> None:
    nested = b"[" * depth + b'"\\u0041"' + b"]" * depth
    assert call.patch(
        snapshot_id, VALID.replace(b'"start"', b'"x": ' + nested + b', "start"')
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
    call: Caller, snapshot_id: str, content_type: str | None, status: int
) -> None:
    before = call.listed()
    assert (
        call.patch(snapshot_id, VALID, {"Content-Type": content_type}).status == status
    )
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
    call: Caller, snapshot_id: str, coding: str, body: bytes, status: int
) -> None:
    before = call.listed()
    response = call.patch(snapshot_id, body, {"Content-Encoding": coding})
    assert response.status == status
    assert (call.listed() == before) is (status != 200)
    if status == 415:
        assert response.headers["Accept-Encoding"] == "gzip, deflate"


def test_a_body_over_the_limit_is_413(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract.sandbox.service.MAX_BODY", 1000)
    call = Caller(Sandbox())
    snapshot_id = call.create()
    assert call.patch(snapshot_id, VALID.ljust(1000)).status == 200
    assert call.patch(snapshot_id, VALID.ljust(1001)).status == 413
    assert (
        call.patch(
            snapshot_id, gzipped(VALID.ljust(1000)), {"Content-Encoding": "gzip"}
        ).status
        == 200
    )
    assert (
        call.patch(
            snapshot_id, gzipped(VALID.ljust(1001)), {"Content-Encoding": "gzip"}
        ).status
        == 413
    )


@pytest.mark.parametrize(
    ("length", "status"),
    [("x", 400), ("-1", 400), ("²", 400), ("9" * 5000, 413), ("", 400)],
)
def test_a_senseless_content_length_is_refused(
    sandbox: Sandbox, snapshot_id: str, length: str, status: int
) -> None:
    environ = {
        "REQUEST_METHOD": "PATCH",
        "PATH_INFO": f"{PATH}/{snapshot_id}",
        "CONTENT_LENGTH": length,
        "wsgi.input": io.BytesIO(VALID),
        "CONTENT_TYPE": "application/json",
        "HTTP_DD_API_KEY": ONE.api_key,
        "HTTP_DD_APPLICATION_KEY": ONE.app_key,
    }
    assert sandbox.answer(environ).status == status
