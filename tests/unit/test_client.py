"""The minimal client: by `responses` where words are enough, over loopback sockets where the wire matters."""

import ast
import contextlib
import copy
import dataclasses
import io
import json
import pickle
import signal
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
import requests
import responses

from contract import client as module
from contract.client import (
    SITES,
    ApiError,
    BrokenAnswer,
    NoAnswer,
    RateLimited,
    Refused,
    Snapshot,
    SnapshotAttributes,
    SnapshotClient,
    SnapshotData,
    SnapshotError,
    SnapshotUpdate,
    Timestamp,
)

API_KEY, APP_KEY = (
    "0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210fedcba98",
)
URL = "https://api.datadoghq.eu/api/v2/replay/heatmap/snapshots/s-1"
SMALLEST = {"data": {"type": "snapshots"}}
FULL = {
    "data": {
        "type": "snapshots",
        "id": "s-1",
        "attributes": {
            "application_id": "app",
            "created_at": "2019-09-19T10:00:00.123456789Z",
            "created_by": "Zoë 𝄞",
            "created_by_handle": "zoe@example.com",
            "created_by_user_id": 2**63 - 1,
            "device_type": "desktop",
            "event_id": "e",
            "is_device_type_selected_by_user": False,
            "modified_at": "2019-09-19T12:00:00+05:30",
            "org_id": -(2**63),
            "session_id": "",
            "snapshot_name": "name",
            "start": 2**53 + 1,
            "view_id": "v",
            "view_name": "/a",
            "extra": {"deep": [1, None, 0.1]},
        },
        "relationships": {},
    },
    "included": [],
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "DD_SITE",
        "DD_API_KEY",
        "DD_APP_KEY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def client(**options: Any) -> SnapshotClient:
    return SnapshotClient(
        **{"site": "datadoghq.eu", "api_key": API_KEY, "app_key": APP_KEY, **options}
    )


def outcome(
    mocked: responses.RequestsMock, status: int, body: bytes | str, **headers: str
) -> Snapshot | SnapshotError:
    """Return what one call makes of one answer."""
    mocked.add(
        "PATCH",
        URL,
        body=body,
        status=status,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )
    try:
        with client() as one:
            return one.update("s-1", SMALLEST)
    except SnapshotError as error:
        return error


def attributes(**known: Any) -> dict[str, Any]:
    return {"data": {"type": "snapshots", "attributes": known}}


def body(**changed: Any) -> dict[str, Any]:
    return attributes(
        **{
            "event_id": "e",
            "start": 0,
            "is_device_type_selected_by_user": False,
            **changed,
        }
    )


# The wire


class Wire:
    """A server of one behaviour: `behave(connection, number of the request)`; requests are kept as bytes."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections: list[socket.socket] = []
        self.left = 1  # so many bytes of an answer are still to come
        self.behave: Callable[[socket.socket, int], None] = lambda connection, _: (
            connection.sendall(answer(b"{}"))
        )
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        while not self.stop.is_set():
            connection, _ = self.listener.accept()
            self.connections.append(connection)
            self.threads.append(
                threading.Thread(target=self._serve, args=(connection,))
            )
            self.threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                while not self.stop.is_set() and self._read(connection):
                    self.behave(connection, len(self.heads))
            except OSError:
                pass  # the client went away

    def _read(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        sizes = [
            int(line[15:])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        while sizes and len(rest) < sizes[0]:
            rest += connection.recv(65536)
        self.heads.append(head)
        self.bodies.append(rest)
        return True

    def close(self) -> None:
        self.stop.set()
        socket.create_connection(
            ("127.0.0.1", self.port)
        ).close()  # the last one to accept
        self.threads[0].join(10)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def answer(content: bytes, status: str = "200 OK", *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *lines, "", ""]
    return "\r\n".join(head).encode() + content


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    server = Wire()
    base = f"http://127.0.0.1:{server.port}/api/v2/replay/heatmap/snapshots/"
    monkeypatch.setattr(module, "_URL", base + "{snapshot_id}")
    yield server
    server.close()


def dripping(
    wire: Wire, whole: bytes, at_once: int = 0
) -> Callable[[socket.socket, int], None]:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(whole[:at_once])
        wire.left = len(whole) - at_once
        for byte in whole[at_once:]:
            if wire.stop.wait(0.02):
                return
            connection.sendall(bytes([byte]))
            wire.left -= 1

    return behave


# Site, keys, options


@pytest.mark.parametrize("site", SITES)
def test_each_site_has_its_own_host(mocked: responses.RequestsMock, site: str) -> None:
    mocked.add(
        "PATCH", f"https://api.{site}/api/v2/replay/heatmap/snapshots/s-1", body=b"{}"
    )
    client(site=site).update("s-1", SMALLEST)
    assert len(mocked.calls) == 1


def test_there_are_eight_sites() -> None:
    assert len(SITES) == len(set(SITES)) == 8


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("app.datadoghq.com", "datadoghq.com"),
        ("app.datadoghq.eu", "datadoghq.eu"),
        ("app.ddog-gov.com", "ddog-gov.com"),
    ],
)
def test_the_address_of_the_web_page_is_refused_with_the_right_value(
    given: str, right: str
) -> None:
    with pytest.raises(Refused) as refused:
        client(site=given)
    assert (
        str(refused.value)
        == f"site: {given} is where people log in; the site is {right}"
    )


@pytest.mark.parametrize(
    "site",
    [
        "",
        " datadoghq.com",
        "DATADOGHQ.COM",
        "datadoghq.com.",
        "us1.datadoghq.com",
        "app.us3.datadoghq.com",
        "uk1.datadoghq.com",
        "datadoghq.com/",
        "datadoghq.com:443",
        "a@datadoghq.com",
        "datadoghq.com\r\n",
        "example.com",
        "é" * 1000,
        5,
        ["datadoghq.com"],
    ],
)
def test_any_other_site_is_refused_with_the_list(site: Any) -> None:
    with pytest.raises(Refused) as refused:
        client(site=site)
    assert all(known in str(refused.value) for known in SITES)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "key",
    [
        "\r\nX: y",
        "abc\n",
        "abc\r",
        "a\0b",
        " abc",
        "abc ",
        "a\tb",
        "a b",
        "é",
        "\ud800",
        "𝄞",
        "a\x7f",
        b"bytes",
        5,
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["api_key", "app_key"])
def test_a_key_that_is_no_header_value_is_refused_and_not_shown(
    name: str, key: Any
) -> None:
    with pytest.raises(Refused, match=f"^{name}: must be visible ASCII") as refused:
        client(**{name: key})
    assert str(key) not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "variable"), [("api_key", "DD_API_KEY"), ("app_key", "DD_APP_KEY")]
)
@pytest.mark.parametrize("given", [None, ""])
def test_a_missing_key_is_refused_with_its_variable(
    name: str, variable: str, given: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client(**{name: given})
    assert str(refused.value) == f"{name}: is missing; give it, or set {variable}"


def test_an_empty_key_is_not_replaced_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DD_API_KEY", API_KEY)
    with pytest.raises(Refused):
        client(api_key="")


def test_site_and_keys_come_from_the_environment(
    mocked: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocked.add("PATCH", URL, body=b"{}")
    for name, value in (
        ("DD_SITE", "datadoghq.eu"),
        ("DD_API_KEY", API_KEY),
        ("DD_APP_KEY", APP_KEY),
    ):
        monkeypatch.setenv(name, value)
    SnapshotClient().update("s-1", SMALLEST)
    sent = mocked.calls[0].request.headers
    assert (sent["DD-API-KEY"], sent["DD-APPLICATION-KEY"]) == (API_KEY, APP_KEY)


def test_the_default_site_is_us1() -> None:
    assert client(site=None).site == "datadoghq.com"


@pytest.mark.parametrize(
    "timeout", [0, -1, float("nan"), float("inf"), 1e9, "1", None, True]
)
def test_a_senseless_time_out_is_refused(timeout: Any) -> None:
    with pytest.raises(Refused, match=r"^timeout: "):
        client(timeout=timeout)


@pytest.mark.parametrize("retries", [-1, 11, 1.0, "1", None, True])
def test_a_senseless_number_of_retries_is_refused(retries: Any) -> None:
    with pytest.raises(Refused, match=r"^retries: "):
        client(retries=retries)


def test_the_repr_has_no_key() -> None:
    assert (
        repr(client()) == "SnapshotClient(site='datadoghq.eu', timeout=10.0, retries=0)"
    )


# Request


def test_what_reaches_the_wire_is_exactly_this(wire: Wire) -> None:
    client().update("s-1", SMALLEST)
    line, *headers = wire.heads[0].decode().split("\r\n")
    assert line == "PATCH /api/v2/replay/heatmap/snapshots/s-1 HTTP/1.1"
    known = [
        header.split(": ", 1)
        for header in headers
        if not header.startswith("User-Agent: ")
    ]
    assert sorted(known) == [
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


@pytest.mark.parametrize("snapshot_id", IDS, ids=lambda known: repr(known[:12]))
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


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = [value]
    return value


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
    ),  # type: ignore[arg-type]
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


# Environment


def test_netrc_adds_nothing(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    requests.get(f"http://127.0.0.1:{wire.port}/", timeout=5)  # would say so
    client().update("s-1", SMALLEST)
    assert b"authorization" in wire.heads[0].lower()
    assert b"authorization" not in wire.heads[1].lower()


def test_a_cookie_is_not_sent_back(wire: Wire) -> None:
    wire.behave = lambda connection, _: connection.sendall(
        answer(b"{}", "200 OK", "Set-Cookie: a=b; Path=/")
    )
    with client() as one:
        one.update("s-1", SMALLEST)
        one.update("s-1", SMALLEST)
    assert b"cookie" not in wire.heads[1].lower()


def test_the_proxy_of_the_environment_is_used_and_sees_no_key(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_URL", URL)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{wire.port}")
    wire.behave = lambda connection, _: connection.sendall(answer(b"", "403 Forbidden"))
    with pytest.raises(NoAnswer):
        client().update("s-1", SMALLEST)
    assert wire.heads[0].startswith(b"CONNECT api.datadoghq.eu:443 ")
    assert API_KEY.encode() not in wire.heads[0]


@pytest.mark.parametrize(
    "proxy", ["http://[", "http://", "nonsense://x", "http://127.0.0.1:99999"]
)
def test_a_proxy_that_cannot_be_one_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(NoAnswer):
        client(timeout=2).update("s-1", SMALLEST)


@pytest.mark.parametrize(
    ("environment", "verify"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/s.pem"}, "/s.pem"),
        ({"REQUESTS_CA_BUNDLE": "/r.pem"}, "/r.pem"),
        ({"REQUESTS_CA_BUNDLE": "/r.pem", "SSL_CERT_FILE": "/s.pem"}, "/r.pem"),
    ],
    ids=str,
)
def test_certificates_are_verified_against_the_environment(
    mocked: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    verify: bool | str,
) -> None:
    mocked.add("PATCH", URL, body=b"{}")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client().update("s-1", SMALLEST)
    assert mocked.calls[0].request.req_kwargs["verify"] == verify  # type: ignore[attr-defined]


def test_a_missing_file_of_authorities_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    with pytest.raises(NoAnswer, match=r"/no/such/file\.pem"):
        client().update("s-1", SMALLEST)


def test_a_server_without_tls_sees_no_key(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "_URL", f"https://127.0.0.1:{wire.port}/" + "{snapshot_id}"
    )
    seen: list[bytes] = []

    def greet(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the client may be gone already
            seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 400 no\r\n\r\n")

    monkeypatch.setattr(wire, "_serve", greet)
    with pytest.raises(NoAnswer, match="SSLError"):
        client().update("s-1", SMALLEST)
    assert API_KEY.encode() not in seen[0]


# Success


def test_a_snapshot_is_typed() -> None:
    snapshot = module.model.decode(json.dumps(FULL).encode())
    assert snapshot.data is not None
    assert snapshot.data.attributes is not None
    known = snapshot.data.attributes
    assert (known.created_by_user_id, known.org_id, known.start) == (
        2**63 - 1,
        -(2**63),
        2**53 + 1,
    )
    assert known.is_device_type_selected_by_user is False
    assert known.modified_at == datetime(
        2019, 9, 19, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))
    )
    assert known.created_at is not None
    assert (known.created_at.microsecond, known.created_at.text) == (
        123456,
        "2019-09-19T10:00:00.123456789Z",
    )
    assert known.extra == {"extra": {"deep": [1, None, 0.1]}}
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
        snapshot.data = None  # type: ignore[misc]
    stamp = Timestamp.parse("2020-01-01T00:00:00Z")
    with pytest.raises(AttributeError):
        stamp.text = "x"  # type: ignore[misc]


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


# Broken answers


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
    monkeypatch.setattr(module, "_LONGEST_BODY", 1000)
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


# Errors


ERRORS = [
    ('{"errors": ["Bad Request"]}', ("Bad Request",)),
    ('{"errors": ["a", "", "b"]}', ("a", "", "b")),
    ('{"errors": []}', ()),
    ('{"errors": [{"title": "T", "detail": "D"}]}', ("T", "D")),
    (
        '{"errors": [{"status": "400", "id": null, "code": "C", "title": "T", "source": {"pointer": "/data"}, '
        '"meta": {"a": [1, "x"]}}, "other"]}',
        (
            "status: 400",
            "code: C",
            "T",
            "source.pointer: /data",
            "meta.a: 1",
            "meta.a: x",
            "other",
        ),
    ),
    (
        '{"error": {"code": "C", "message": "M", "details": []}}',
        ("code: C", "M", "details: []"),
    ),
    ('{"error": "text"}', ("text",)),
    ('{"errors": "text"}', ("text",)),
    ('{"errors": [null, 1, {}]}', ("null", "1", "{}")),
    ('{"errors": null}', ("null",)),
    ('{"errors": {"a": {"b": true}}}', ("a.b: true",)),
    ('{"message": "No"}', ('{"message": "No"}',)),
    ("null", ("null",)),
    ('["No"]', ('["No"]',)),
    ("  plain text\n", ("plain text",)),
    ("<html><body>Forbidden</body></html>", ("<html><body>Forbidden</body></html>",)),
    ("x" * 5_000_000, ("x" * 1000 + "…",)),
    ("", ()),
    (" \r\n", ()),
    (b"caf\xe9", ("caf\ufffd",)),
    (b'{"errors": ["caf\xe9"]}', ("caf\ufffd",)),
    ('{"errors": ["' + "x" * 5_000_000 + '"]}', ("x" * 5_000_000,)),
    ("[" * 100_000, ("[" * 1000 + "…",)),
    ('{"errors": ' + "[" * 900 + "]" * 900 + "}", None),
    ('{"errors": [' + "9" * 5000 + "]}", None),
    ('{"errors": [NaN]}', ("NaN",)),
    ('{"errors": ["cut', ('{"errors": ["cut',)),
]


@pytest.mark.parametrize(
    ("text", "errors"), ERRORS, ids=[f"{text[:60]!r}" for text, _ in ERRORS]
)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_error_reaches_the_caller_with_its_status_and_texts(
    mocked: responses.RequestsMock,
    status: int,
    text: str | bytes,
    errors: tuple[str, ...] | None,
) -> None:
    error = outcome(mocked, status, text)
    assert isinstance(error, ApiError)
    assert error.status == status
    assert errors is None or error.errors == errors
    assert error.body == (
        text if isinstance(text, str) else text.decode(errors="replace")
    )
    assert str(error).startswith(f"{status}: ")
    assert len(str(error)) < 1100


@pytest.mark.parametrize(
    "status",
    [
        300,
        304,
        305,
        400,
        401,
        404,
        408,
        409,
        410,
        418,
        422,
        451,
        500,
        502,
        503,
        599,
        799,
    ],
)
def test_every_error_status_is_an_api_error_and_sent_once(
    mocked: responses.RequestsMock, status: int
) -> None:
    error = outcome(mocked, status, "")
    assert type(error) is ApiError
    assert (error.status, error.errors, str(error)) == (
        status,
        (),
        f"{status}: (no text)",
    )
    assert len(mocked.calls) == 1


def test_an_error_that_echoes_a_key_does_not_show_it(
    mocked: responses.RequestsMock,
) -> None:
    error = outcome(
        mocked,
        403,
        json.dumps({"errors": [f"bad key {API_KEY}", {"meta": {APP_KEY: 1}}]}),
    )
    assert isinstance(error, ApiError)
    assert error.errors == ("bad key [key]", "meta.[key]: 1")
    assert API_KEY not in error.body


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"type": API_KEY}},
        {"errors": [APP_KEY]},
        attributes(created_at=API_KEY),
    ],
    ids=["type", "errors", "date"],
)
def test_a_broken_answer_that_echoes_a_key_does_not_show_it(
    mocked: responses.RequestsMock, document: Any
) -> None:
    assert "[key]" in str(outcome(mocked, 200, json.dumps(document)))


def test_an_error_survives_pickling(mocked: responses.RequestsMock) -> None:
    error = outcome(mocked, 429, '{"errors": ["Slow"]}', X_RateLimit_Reset="7")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(again, RateLimited)
    assert (again.status, again.errors, again.body, again.reset) == (
        429,
        ("Slow",),
        '{"errors": ["Slow"]}',
        7,
    )


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/elsewhere", "http://[", "\xff\xfe", ""], ids=repr
)
def test_a_redirect_is_never_followed(wire: Wire, status: int, location: str) -> None:
    target = location.replace("/elsewhere", f"http://127.0.0.1:{wire.port}/elsewhere")
    head = f"HTTP/1.1 {status} Moved\r\nContent-Length: 2\r\nLocation: {target}\r\n\r\n{{}}"
    wire.behave = lambda connection, _: connection.sendall(head.encode("latin-1"))
    with pytest.raises(NoAnswer) as error:
        client().update("s-1", SMALLEST)
    assert (
        str(error.value)
        == f"datadoghq.eu: status {status} leads elsewhere, and redirects are not followed"
    )
    assert len(wire.heads) == 1


# Too many requests


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, in seconds; nobody waits."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def limited(mocked: responses.RequestsMock, reset: str | None) -> None:
    mocked.add(
        "PATCH",
        URL,
        status=429,
        body='{"errors": ["Slow"]}',
        headers={"X-RateLimit-Reset": reset} if reset else {},
    )


def test_a_429_is_never_retried_unasked(
    mocked: responses.RequestsMock, clock: list[float]
) -> None:
    limited(mocked, "5")
    with pytest.raises(RateLimited) as error:
        client().update("s-1", SMALLEST)
    assert (error.value.status, error.value.errors, error.value.reset) == (
        429,
        ("Slow",),
        5,
    )
    assert (len(mocked.calls), clock) == (1, [])


def test_a_retry_waits_for_the_reset_and_sends_the_same_bytes(
    mocked: responses.RequestsMock, clock: list[float]
) -> None:
    limited(mocked, "5")
    limited(mocked, "07")
    mocked.add("PATCH", URL, body=b"{}")
    assert client(retries=2).update("s-1", body()) == Snapshot()
    assert clock == [5, 7]
    assert len({call.request.body for call in mocked.calls}) == 1


def test_retries_are_bounded(
    mocked: responses.RequestsMock, clock: list[float]
) -> None:
    limited(mocked, "1")
    with pytest.raises(RateLimited):
        client(retries=10).update("s-1", SMALLEST)
    assert (len(mocked.calls), len(clock)) == (11, 10)


@pytest.mark.parametrize(
    ("reset", "known"),
    [
        (None, None),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("5, 5", None),
        ("9" * 5000, None),
        ("3601", 3601),
        ("999999999", 999999999),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_senseless_reset_is_not_waited_for(
    mocked: responses.RequestsMock,
    clock: list[float],
    reset: str | None,
    known: int | None,
) -> None:
    limited(mocked, reset)
    with pytest.raises(RateLimited) as error:
        client(retries=3).update("s-1", SMALLEST)
    assert (error.value.reset, len(mocked.calls), clock) == (known, 1, [])


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_nothing_but_a_429_is_retried(
    mocked: responses.RequestsMock, clock: list[float], status: int
) -> None:
    mocked.add(
        "PATCH",
        URL,
        status=status,
        headers={"X-RateLimit-Reset": "1", "Retry-After": "1"},
    )
    with pytest.raises(ApiError):
        client(retries=3).update("s-1", SMALLEST)
    assert (len(mocked.calls), clock) == (1, [])


@pytest.mark.parametrize(
    "failure",
    [requests.ConnectionError("cut"), requests.ReadTimeout("late")],
    ids=["cut", "late"],
)
def test_no_answer_is_not_retried(
    mocked: responses.RequestsMock, clock: list[float], failure: Exception
) -> None:
    mocked.add("PATCH", URL, body=failure)
    with pytest.raises(NoAnswer):
        client(retries=3).update("s-1", SMALLEST)
    assert (len(mocked.calls), clock) == (1, [])


# No answer, and time


WHOLE = answer(json.dumps(FULL).encode())
UNFINISHED = {
    "nothing": b"",
    "half a status line": b"HTTP/1.",
    "no HTTP": b"\x00\x01\x02\r\n\r\n",
    "head only": WHOLE[: WHOLE.index(b"\r\n\r\n") + 4],
    "half a body": WHOLE[:-20],
    "all but one byte": WHOLE[:-1],
    "a cut error": answer(b'{"errors": ["No"]}', "400 Bad Request")[:-3],
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n5\r\nab",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "no chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 200 + b"\r\n{}",
    "a header too long": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n{}",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n{}",
    "not gzip": answer(b"{}", "200 OK", "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_an_answer_that_is_not_whole_is_no_answer(wire: Wire, sent: bytes) -> None:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_RDWR)

    wire.behave = behave
    with pytest.raises(NoAnswer), client(timeout=5) as one:
        one.update("s-1", SMALLEST)
    assert len(wire.heads) == 1


def test_a_head_that_is_cut_is_no_success(wire: Wire) -> None:
    def behave(connection: socket.socket, number: int) -> None:
        connection.sendall(WHOLE[: 5 * number])
        connection.shutdown(socket.SHUT_RDWR)

    wire.behave = behave
    for _ in range(WHOLE.index(b"{") // 5):
        with pytest.raises((NoAnswer, BrokenAnswer)):
            client().update("s-1", SMALLEST)


def test_a_reset_connection_is_no_answer(wire: Wire) -> None:
    def behave(connection: socket.socket, _: int) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    wire.behave = behave
    with pytest.raises(NoAnswer):
        client().update("s-1", SMALLEST)


def test_a_refused_connection_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setattr(module, "_URL", f"http://127.0.0.1:{port}/" + "{snapshot_id}")
    with pytest.raises(NoAnswer, match="refused"):
        client().update("s-1", SMALLEST)


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(WHOLE, id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", id="until closed"),
    ],
)
def test_a_whole_answer_is_read_however_it_is_framed(wire: Wire, whole: bytes) -> None:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(whole[:-1])
        time.sleep(0.05)
        connection.sendall(whole[-1:])
        connection.shutdown(socket.SHUT_RDWR)

    wire.behave = behave
    assert isinstance(client().update("s-1", SMALLEST), Snapshot)


def stalling(wire: Wire, begun: bytes) -> Callable[[socket.socket, int], None]:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(begun)
        wire.stop.wait(5)

    return behave


LONG, CHUNKS = (
    answer(b" " * 5000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 99,
)
SLOW: dict[str, Callable[[Wire], Callable[[socket.socket, int], None]]] = {
    "nothing comes": lambda wire: stalling(wire, b""),
    "the body does not come": lambda wire: stalling(wire, LONG[:50]),
    "the head drips": lambda wire: dripping(wire, LONG),
    "the body drips": lambda wire: dripping(wire, LONG, 50),
    "chunks drip": lambda wire: dripping(wire, CHUNKS, 50),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW.keys())
def test_the_time_out_bounds_the_whole_attempt(
    wire: Wire, slow: Callable[[Wire], Any]
) -> None:
    wire.behave = slow(wire)
    with pytest.raises(NoAnswer) as error, client(timeout=0.2) as one:
        one.update("s-1", SMALLEST)
    assert str(error.value) == "datadoghq.eu: no whole answer within 0.2 s"
    assert wire.left


def test_a_connection_is_used_again_unless_it_was_left_in_the_middle(
    wire: Wire,
) -> None:
    with client(timeout=0.3) as one:
        one.update("s-1", SMALLEST)
        one.update("s-1", SMALLEST)
        assert len(wire.connections) == 1
        usual, wire.behave = wire.behave, stalling(wire, LONG[:50])
        with pytest.raises(NoAnswer):
            one.update("s-1", SMALLEST)
        wire.behave = usual
        one.update("s-1", SMALLEST)
        assert len(wire.connections) == 2


def test_a_body_that_drips_through_the_mock_is_too_late(
    mocked: responses.RequestsMock,
) -> None:
    class Drip(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            time.sleep(0.02)
            buffer[:1] = b" "
            return 1

    with io.BufferedReader(Drip()) as slow:
        mocked.add("PATCH", URL, body=slow)
        with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
            client(timeout=0.2).update("s-1", SMALLEST)
        time.sleep(0.1)  # until nobody reads it


def test_time_is_looked_up_when_it_passes(
    mocked: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def late(_: Any) -> tuple[int, dict[str, str], bytes]:
        now[0] += 11
        return 200, {}, b"{}"

    mocked.add_callback("PATCH", URL, late)
    with pytest.raises(NoAnswer, match=r"within 10\.0 s"):
        client().update("s-1", SMALLEST)


def test_a_call_can_be_interrupted(wire: Wire) -> None:
    wire.behave = stalling(wire, LONG[:50])
    main = threading.main_thread().ident
    assert main is not None
    if threading.get_ident() != main:
        pytest.skip("signals reach the main thread only")
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a job in the background ignores it
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            client(timeout=30).update("s-1", SMALLEST)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_one_client_may_be_shared_by_threads(wire: Wire) -> None:
    results: list[Snapshot] = []
    with client() as one:
        threads = [
            threading.Thread(
                target=lambda n=n: results.append(one.update(f"s-{n}", SMALLEST))
            )  # type: ignore[misc]
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [Snapshot()] * 8


@pytest.mark.parametrize(
    "failure",
    [
        ValueError("x"),
        UnicodeError("x"),
        OSError("x"),
        RecursionError("x"),
        RuntimeError("x"),
        KeyError("x"),
        MemoryError(),
        requests.exceptions.InvalidURL("x"),
        requests.exceptions.InvalidHeader(f"x {API_KEY}"),
        requests.exceptions.SSLError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_whatever_the_libraries_raise_is_no_answer(
    mocked: responses.RequestsMock, failure: Exception
) -> None:
    mocked.add("PATCH", URL, body=failure)
    with pytest.raises(NoAnswer) as error:
        client().update("s-1", SMALLEST)
    assert type(failure).__name__ in str(error.value)
    assert API_KEY not in str(error.value)


def test_a_test_that_fails_inside_the_mock_is_not_swallowed(
    mocked: responses.RequestsMock,
) -> None:
    mocked.add_callback("PATCH", URL, lambda _: pytest.fail("not this one"))
    with pytest.raises(pytest.fail.Exception, match="not this one"):
        client().update("s-1", SMALLEST)


# The module


def test_the_exported_names_are_these() -> None:
    here = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith(module.__name__)
    }
    assert set(module.__all__) == {
        name for name in here if not name.startswith("_")
    } | {"SITES"}


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    for error in (Refused, ApiError, RateLimited, BrokenAnswer, NoAnswer):
        assert issubclass(error, SnapshotError)
        assert error.__name__ in (module.__doc__ or "")


def test_the_client_knows_nothing_of_the_suite() -> None:
    parts = Path(module.__file__).parent.glob("*.py")
    nodes = [
        node
        for part in parts
        for node in ast.walk(ast.parse(part.read_text(encoding="utf-8")))
    ]
    names = {
        alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {
        name for name in names if name.startswith(("contract", "jsonschema", "None"))
    } == {
        "contract.client",
        "contract.client.model",
    }
