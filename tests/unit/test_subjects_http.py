"""Raw HTTP: any bytes on the wire, and any bytes as a response, in bounded time."""

import gzip
import socket
import ssl
import threading
import time
import zlib

import pytest

from contract.errors import UsageError
from contract.model import Response
from contract.subjects.http import HttpConnection, NoResponseError, system_message
from tests.unit.raw_servers import listening, page, sending


def fetch(text: bytes, method: str = "GET") -> Response:
    """Return the response of a server that sends these bytes."""
    with (
        listening(sending(text)) as url,
        HttpConnection(url, timeout_s=2) as connection,
    ):
        return connection.send(method, "/", (), b"")


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        (page(b"abc"), 200, b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 404 Not Found\nContent-Length: 1\n\nx", 404, b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + page(b"abc"), 200, b"abc"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"abcd",
        ),
    ],
    ids=["length", "no body", "until the end", "bare line feeds", "continue", "chunks"],
)
def test_a_response_is_read_as_it_came(text: bytes, status: int, body: bytes) -> None:
    response = fetch(text)
    assert (response.status, response.body) == (status, body)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (b"", "closed"),
        (b"220 smtp ready\r\n", "not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x28\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not HTTP"),
        (page(b"", length=-1), "not HTTP"),
        (page(b"", length=10**30), "not HTTP"),
        (page(b"abc", length=9), "closed mid-answer"),
        (b"HTTP/1.1 200 OK\r\nContent-", "closed mid-answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "not HTTP"),
        (b"x" * (1 << 19), "not HTTP"),
    ],
)
def test_the_reason_for_no_response_is_named(text: bytes, how: str) -> None:
    with pytest.raises(NoResponseError) as caught:
        fetch(text)
    assert caught.value.reason == how


PACKED = {"gzip": gzip.compress(b"{}", mtime=0), "deflate": zlib.compress(b"{}")}


@pytest.mark.parametrize(
    ("coding", "packed", "body"),
    [
        *((coding, packed, b"{}") for coding, packed in PACKED.items()),
        ("GZIP", PACKED["gzip"], b"{}"),
        ("identity", b"{}", b"{}"),
        ("gzip", b"{}", b"{}"),
        ("gzip", PACKED["gzip"][:-9], PACKED["gzip"][:-9]),
        ("br", b"\x0b\x02{}", b"\x0b\x02{}"),
        ("gzip, br", b"\x0b", b"\x0b"),
    ],
    ids=["gzip", "deflate", "GZIP", "none", "not packed", "cut", "Brotli", "two"],
)
def test_a_packed_body_is_unpacked(coding: str, packed: bytes, body: bytes) -> None:
    media = f"application/json\r\nContent-Encoding: {coding}"
    response = fetch(page(packed, media=media))
    assert response.body == body
    assert response.coding == ("" if coding == "identity" else coding.lower())


SETTINGS = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"
GOAWAY = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01"


@pytest.mark.parametrize(
    "frames",
    [SETTINGS, GOAWAY, SETTINGS + GOAWAY],
    ids=["settings", "goaway", "both"],
)
def test_a_service_that_speaks_http_2_only_is_named(frames: bytes) -> None:
    with pytest.raises(NoResponseError, match=r"HTTP/2; .* is supported here"):
        fetch(frames)


def test_an_http_2_service_behind_tls_is_named() -> None:
    alert = "[SSL: TLSV1_ALERT_NO_APPLICATION_PROTOCOL] tlsv1 alert (_ssl.c:1000)"
    error = ssl.SSLError(1, alert)
    assert system_message(error) == "HTTP/1.1 is what is supported here"
    assert system_message(ssl.SSLError(1, "other")) == "other"


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux only")
def test_each_part_of_a_response_is_acknowledged_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    is_quick = threading.Event()
    original = socket.socket.setsockopt

    def note(self: socket.socket, *option: int) -> None:
        original(self, *option)
        if option == quick:
            is_quick.set()

    def in_two_packets(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        head, blank, body = page(b"{}").partition(b"\r\n\r\n")
        connection.sendall(head + blank)
        if is_quick.wait(5):  # the body waits for the acknowledgement of the head
            connection.sendall(body)

    monkeypatch.setattr(socket.socket, "setsockopt", note)
    with listening(in_two_packets) as url, HttpConnection(url, timeout_s=5) as client:
        assert client.send("GET", "/", (), b"").body == b"{}"


def test_a_dripping_answer_ends_in_time() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(page(b"", length=1_000))
        pause = threading.Event()
        for _ in range(1_000):
            connection.sendall(b"x")
            pause.wait(0.05)

    with (
        listening(drip) as url,
        pytest.raises(
            NoResponseError, match=r"time-out: no whole answer within 0\.3 s"
        ),
    ):
        HttpConnection(url, timeout_s=0.3).send("GET", "/", (), b"")


def test_the_connection_stays_open_and_is_opened_again() -> None:
    connections: list[int] = []

    def twice(accepted: socket.socket) -> None:
        connections.append(1)
        for _ in range(2):
            accepted.recv(1 << 16)
            accepted.sendall(page(b"abc"))

    with listening(twice) as url, HttpConnection(url, timeout_s=2) as client:
        assert [client.send("GET", "/", (), b"").status for _ in range(5)] == [200] * 5
    assert len(connections) == 3


def test_a_request_is_sent_once_if_it_may_not_be_resent() -> None:
    requests: list[bytes] = []

    def close_after_first(accepted: socket.socket) -> None:
        requests.append(accepted.recv(1 << 16))
        accepted.sendall(page(b"abc"))
        requests.append(accepted.recv(1 << 16))

    with (
        listening(close_after_first) as url,
        HttpConnection(url, timeout_s=2, may_resend=False) as client,
    ):
        client.send("GET", "/1", (), b"")
        with pytest.raises(NoResponseError) as caught:
            client.send("GET", "/2", (), b"")
    assert caught.value.reason == "closed"
    assert [request[:6] for request in requests] == [b"GET /1", b"GET /2"]


def test_a_create_is_sent_once_on_a_connection_that_stays_open() -> None:
    requests: list[bytes] = []

    def close_after_second(accepted: socket.socket) -> None:
        for response in (page(b"abc"), b""):
            requests.append(accepted.recv(1 << 16))
            accepted.sendall(response)

    with listening(close_after_second) as url, HttpConnection(url) as client:
        client.send("GET", "/1", (), b"")
        client.renew()
        with pytest.raises(NoResponseError):
            client.send("POST", "/2", (), b"")
    assert [request[:6] for request in requests] == [b"GET /1", b"POST /"]


def test_bytes_are_sent_unchanged() -> None:
    received: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        received.append(connection.recv(1 << 16))
        connection.sendall(page(b""))

    with listening(listen) as url, HttpConnection(url) as client:
        client.send("BREW", "/a%2F?b", (("X", "1"), ("x", "2")), b"\xff\0")
        host = url.removeprefix("http://")
    expected = (
        f"BREW /a%2F?b HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nX: 1\r\nx: 2\r\n\r\n".encode()
        + b"\xff\0"
    )
    assert received == [expected]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "ftp://a",
        "http://",
        "http://u:pw@a",
        "http://a:x",
        "http://a?b",
    ],
)
def test_a_text_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="accepted: http") as caught:
        HttpConnection(url)
    assert "secret" not in str(caught.value)


def test_https_through_a_proxy_is_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        received.append(connection.recv(1 << 16))
        connection.sendall(b"HTTP/1.1 407 No\r\n\r\n")

    with listening(refuse) as url:
        monkeypatch.setenv("HTTPS_PROXY", url.replace("http://", "http://user:pass@"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(
            NoResponseError, match="no connection: the proxy answers CONNECT with 407"
        ):
            HttpConnection("https://service.example").send(
                "GET", "/", (("DD-API-KEY", "secret"),), b""
            )
    assert received[0].startswith(b"CONNECT service.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in received[0]
    assert b"secret" not in received[0]


def test_a_missing_ca_file_is_refused() -> None:
    with pytest.raises(UsageError, match="no file of certificate authorities"):
        HttpConnection("https://a", ca_file="/nowhere")


# -- work of others while a response is awaited --


def test_work_that_takes_long_ends_no_response_that_came() -> None:
    with (
        listening(sending(page(b"abc"))) as url,
        HttpConnection(url, timeout_s=0.3) as c,
    ):
        c.while_waiting = lambda: time.sleep(0.5)
        assert c.send("GET", "/", (), b"").body == b"abc"


def test_work_gives_a_service_no_more_time() -> None:
    def late(connection: socket.socket) -> None:
        connection.recv(65536)
        time.sleep(0.9)
        connection.sendall(page(b"abc"))

    with listening(late) as url, HttpConnection(url, timeout_s=0.5) as c:
        c.while_waiting = lambda: time.sleep(0.6)
        with pytest.raises(NoResponseError, match="time-out"):
            c.send("GET", "/", (), b"")
