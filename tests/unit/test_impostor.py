"""The impostor: what a client meets on the wire, and what is recorded of it."""

import errno
import gzip
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from contract.cases.responses import FOREIGN
from contract.model import Case, Request, Response, Tls
from contract.servers.fake_sites import FakeSites
from tests.sockets import accepted, undelayed

SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
HOST = "api.datadoghq.com"
JSON = (("Content-Type", "application/json"),)
BODY = b'{"data": {"type": "snapshots"}}'
OK = Response(200, JSON, BODY)
REQUEST = b"PATCH /x HTTP/1.1\r\nHost: api.datadoghq.com\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def running() -> Iterator[FakeSites]:
    with FakeSites(SITES) as impostor:
        yield impostor


@pytest.fixture
def impostor(running: FakeSites) -> Iterator[FakeSites]:
    yield running
    running.script(
        case()
    )  # ends whatever is left open, and raises what went wrong in a thread


def case(*answers: Response, tls: Tls = "trusted") -> Case:
    return Case("test", ("test",), "id", {}, responses=answers, tls=tls)


def client(impostor: FakeSites, *, retries: bool = False) -> urllib3.ProxyManager:
    return urllib3.ProxyManager(
        impostor.proxy_url, ca_certs=str(impostor.ca_file), retries=retries, timeout=5
    )


def patch(
    impostor: FakeSites, url: str = f"https://{HOST}/x", **more: object
) -> urllib3.BaseHTTPResponse:
    with client(impostor) as pool:
        return pool.request("PATCH", url, body=b"{}", **more)  # type: ignore[arg-type]


def tunnel(impostor: FakeSites, target: str = f"{HOST}:443") -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", impostor.port), timeout=5)
    raw.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert b" 200 " in raw.recv(1000)
    return raw


def tls(impostor: FakeSites, *, verify: bool = True, host: str = HOST) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(impostor.ca_file))
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(tunnel(impostor, f"{host}:443"), server_hostname=host)


def exchange(connection: socket.socket, request: bytes = REQUEST) -> bytes:
    connection.sendall(request)
    return all_from(connection)


def all_from(connection: socket.socket) -> bytes:
    received = b""
    with connection:
        while part := connection.recv(65536):
            received += part
    return received


def only(impostor: FakeSites) -> Request:
    requests, _ = impostor.recorded()
    assert len(requests) == 1, requests
    return requests[0]


@pytest.mark.parametrize("site", SITES)
def test_each_site_is_answered_over_trusted_tls(impostor: FakeSites, site: str) -> None:
    impostor.script(case(OK))
    response = patch(impostor, f"https://api.{site}/x")
    assert (response.status, response.data) == (200, BODY)
    assert only(impostor).url == f"https://api.{site}/x"


def test_the_request_is_recorded_as_it_was_written(impostor: FakeSites) -> None:
    impostor.script(case(OK))
    head = (
        b"PATCH /a%2Fb/../\xe9?q=%20#f HTTP/1.1\r\nhOsT: other\r\nDD-API-KEY: one\r\nX-Two:\t two words \r\n"
        b"dd-api-key: two\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
    )
    before = time.monotonic()
    exchange(tls(impostor), head + b"\x00\xff\n")
    assert only(impostor) == Request(
        "PATCH",
        f"https://{HOST}/a%2Fb/../\xe9?q=%20#f",
        (
            ("hOsT", "other"),
            ("DD-API-KEY", "one"),
            ("X-Two", "two words"),
            ("dd-api-key", "two"),
            ("Content-Length", "3"),
            ("Connection", "close"),
        ),
        b"\x00\xff\n",
        only(impostor).at_s,
        only(impostor).answered_s,
    )
    assert before < only(impostor).at_s < only(impostor).answered_s < time.monotonic()


def test_a_chunked_body_is_recorded_whole(impostor: FakeSites) -> None:
    impostor.script(case(OK))
    request = (
        b"PATCH /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b'3;a=b\r\n{"a\r\n4\r\n": 1\r\n1\r\n}\r\n0\r\nX-Trailer: t\r\n\r\n'
    )
    assert b"200 OK" in exchange(tls(impostor), request)
    assert only(impostor).body == b'{"a": 1}'


def test_a_client_that_expects_to_be_told_to_continue_is_told(
    impostor: FakeSites,
) -> None:
    impostor.script(case(OK))
    with tls(impostor) as connection:
        connection.sendall(
            b"PATCH /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert b"200 OK" in connection.recv(1000)
    assert only(impostor).body == b"{}"


def test_answers_come_in_order_and_one_more_request_gets_none(
    impostor: FakeSites,
) -> None:
    answers = (Response(429, (("X-RateLimit-Reset", "1"),), b"{}"), OK)
    impostor.script(case(*answers))
    with client(impostor) as pool:
        statuses = [
            pool.request("PATCH", f"https://{HOST}/{number}").status
            for number in range(2)
        ]
        with pytest.raises(urllib3.exceptions.HTTPError):
            pool.request("PATCH", f"https://{HOST}/2")
    requests, given = impostor.recorded()
    assert statuses == [429, 200]
    assert [request.url[-1] for request in requests] == ["0", "1", "2"]
    assert given == (*answers, None)
    assert requests[2].answered_s == 0.0


def test_a_connection_is_kept_across_cases(impostor: FakeSites) -> None:
    with client(impostor) as pool:
        for _ in range(3):
            impostor.script(case(OK))
            assert pool.request("PATCH", f"https://{HOST}/x", body=b"{}").status == 200
            assert len(impostor.recorded()[0]) == 1
        assert pool.connection_from_url(f"https://{HOST}").num_connections == 1


def test_headers_are_sent_verbatim_and_a_length_is_added(impostor: FakeSites) -> None:
    impostor.script(
        case(Response(418, (("x-B", "1"), ("X-a", "caf\xe9"), ("x-B", "2")), b"tea"))
    )
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        received = connection.recv(1000)
    assert received == (
        b"HTTP/1.1 418 I'm a Teapot\r\nx-B: 1\r\nX-a: caf\xe9\r\nx-B: 2\r\nContent-Length: 3\r\n\r\ntea"
    )


@pytest.mark.parametrize(
    "headers", [(("Content-Length", "100"),), (("Content-Length", "1"),)]
)
def test_a_false_length_ends_the_connection(
    impostor: FakeSites, headers: tuple[tuple[str, str], ...]
) -> None:
    impostor.script(case(Response(200, headers, b"{}")))
    assert exchange(tls(impostor)).endswith(b"\r\n\r\n{}")


def test_a_204_has_no_length_and_no_body(impostor: FakeSites) -> None:
    impostor.script(case(Response(204), OK))
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(1000) == b"HTTP/1.1 204 No Content\r\n\r\n"
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)


def test_a_body_is_framed_in_chunks_where_the_answer_says_so(
    impostor: FakeSites,
) -> None:
    impostor.script(
        case(Response(200, (*JSON, ("Transfer-Encoding", "chunked")), BODY), OK)
    )
    with client(impostor) as pool:
        response = pool.request("PATCH", f"https://{HOST}/x")
        assert (response.headers["Transfer-Encoding"], response.data) == (
            "chunked",
            BODY,
        )
        assert pool.request("PATCH", f"https://{HOST}/x").data == BODY


def test_a_gzipped_body_is_sent_as_it_is(impostor: FakeSites) -> None:
    impostor.script(
        case(Response(200, (("Content-Encoding", "gzip"),), gzip.compress(BODY)))
    )
    assert patch(impostor).data == BODY


@pytest.mark.parametrize("framing", [(), (("Transfer-Encoding", "chunked"),)])
def test_an_answer_that_is_cut_ends_half_way(
    impostor: FakeSites, framing: tuple[tuple[str, str], ...]
) -> None:
    impostor.script(case(Response(200, JSON + framing, BODY, "cut")))
    with pytest.raises(
        urllib3.exceptions.ProtocolError, match=r"IncompleteRead|Connection broken"
    ):
        patch(impostor)
    assert only(impostor).answered_s > 0


def test_an_empty_answer_that_is_cut_ends_in_its_head(impostor: FakeSites) -> None:
    impostor.script(case(Response(200, JSON, b"", "cut")))
    received = exchange(tls(impostor))
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"\r\n\r\n")


def test_an_answer_that_drips_comes_byte_by_byte(
    impostor: FakeSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "contract.servers.connection.DRIP_S", 0.3
    )  # what a busy machine may be late by
    impostor.script(case(Response(200, JSON, b"1234", "drip"), OK))
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(1000).endswith(b"\r\n\r\n")
        assert [connection.recv(1000) for _ in range(4)] == [b"1", b"2", b"3", b"4"]
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)


def test_an_answer_that_stalls_never_comes(impostor: FakeSites) -> None:
    impostor.script(case(Response(200, JSON, BODY, "stall")))
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1000)
        assert impostor.recorded()[1] == (Response(200, JSON, BODY, "stall"),)
    assert only(impostor).answered_s == 0.0


@pytest.mark.parametrize("body", [BODY, b""])
def test_an_answer_whose_body_stalls_comes_up_to_its_head(
    impostor: FakeSites, body: bytes
) -> None:
    impostor.script(case(Response(200, JSON, body, "stall-body")))
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        received = connection.recv(1000)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1000)
    assert received.endswith(b"Content-Length: %d\r\n\r\n" % max(len(body), 1))


def test_a_reset_is_a_reset(impostor: FakeSites) -> None:
    impostor.script(case(Response(200, JSON, BODY, "reset")))
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        assert impostor.recorded()[1] == (Response(200, JSON, BODY, "reset"),)
        select.select(
            [connection], [], [], 5
        )  # Python's own TLS reads a reset as an end: ask the kernel
        assert (
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            == errno.ECONNRESET
        )


@pytest.mark.parametrize("delivery", ["stall", "stall-body", "drip"])
def test_what_a_case_left_open_ends_with_the_next(
    impostor: FakeSites, delivery: str
) -> None:
    impostor.script(case(Response(200, JSON, BODY * 50, delivery)))  # type: ignore[arg-type]
    with tls(impostor) as connection:
        connection.sendall(REQUEST)
        impostor.recorded()
        impostor.script(case(OK))
        all_from(connection)
    assert patch(impostor).status == 200
    assert len(impostor.recorded()[0]) == 1


@pytest.mark.parametrize("delivery", ["stall", "stall-body", "drip"])
def test_a_delay_ends_when_the_client_goes_away(delivery: str) -> None:
    threads = set(threading.enumerate())
    with FakeSites(SITES) as impostor:
        impostor.script(case(Response(200, JSON, BODY * 50, delivery)))  # type: ignore[arg-type]
        with tls(impostor) as connection:
            connection.sendall(REQUEST)
            impostor.recorded()
        end = time.monotonic() + 2
        while (
            alive := len(set(threading.enumerate()) - threads)
        ) > 1 and time.monotonic() < end:
            time.sleep(0.01)
        assert alive == 1  # the one that accepts


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("unknown authority", "unable to get local issuer|self.signed"),
        ("wrong name", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        (
            "plain http",
            "WRONG_VERSION_NUMBER|wrong version number|packet length too long|record layer failure",
        ),
    ],
)
def test_a_careful_client_sends_nothing_where_tls_cannot_be_trusted(
    impostor: FakeSites, kind: Tls, reason: str
) -> None:
    with client(impostor) as pool:
        impostor.script(case(OK))
        pool.request("PATCH", f"https://{HOST}/x")
        impostor.script(case(OK, tls=kind))
        with pytest.raises(urllib3.exceptions.HTTPError, match=reason):
            pool.request("PATCH", f"https://{HOST}/x")
        assert impostor.recorded() == ((), ())
        impostor.script(case(OK))
        assert pool.request("PATCH", f"https://{HOST}/x").status == 200


@pytest.mark.parametrize("kind", ["unknown authority", "wrong name", "expired"])
def test_a_client_that_does_not_verify_is_seen(impostor: FakeSites, kind: Tls) -> None:
    impostor.script(case(OK, tls=kind))
    with tls(impostor, verify=False) as connection:
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)
    assert only(impostor).url == f"https://{HOST}/x"


@pytest.mark.parametrize("kind", ["trusted", "plain http"])
def test_a_client_that_talks_plain_http_through_the_tunnel_is_seen(
    impostor: FakeSites, kind: Tls
) -> None:
    impostor.script(case(OK, tls=kind))
    with tunnel(impostor) as connection:
        connection.sendall(REQUEST.replace(b"Host", b"DD-API-KEY: k\r\nHost"))
        assert b"200 OK" in connection.recv(1000)
    assert only(impostor).url == f"http://{HOST}/x"
    assert only(impostor).header("DD-API-KEY") == "k"


def test_no_session_is_resumed(impostor: FakeSites) -> None:
    impostor.script(case(OK, OK))
    context = ssl.create_default_context(cafile=str(impostor.ca_file))
    session = None
    for _ in range(2):
        with context.wrap_socket(
            tunnel(impostor), server_hostname=HOST, session=session
        ) as connection:
            connection.sendall(REQUEST)
            connection.recv(1000)
            assert not connection.session_reused
            session = connection.session


@pytest.mark.parametrize(
    "target",
    [
        "api.datadoghq.com:80",
        "api.datadoghq.com:8443",
        "app.datadoghq.com:443",
        "127.0.0.1:443",
        "evil:443",
    ],
)
def test_a_tunnel_to_anything_else_is_refused_and_recorded(
    impostor: FakeSites, target: str
) -> None:
    impostor.script(case(OK))
    raw = socket.create_connection(("127.0.0.1", impostor.port), timeout=5)
    received = exchange(
        raw, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    )
    assert received.startswith(b"HTTP/1.1 403 ")
    assert (only(impostor).method, only(impostor).url) == ("CONNECT", target)
    assert impostor.recorded()[1] == (None,)


def test_plain_http_is_refused_and_recorded_with_its_keys(impostor: FakeSites) -> None:
    impostor.script(case(OK))
    response = patch(impostor, f"http://{HOST}/x?y", headers={"DD-API-KEY": "k"})
    assert response.status == 403
    assert (only(impostor).method, only(impostor).url, only(impostor).body) == (
        "PATCH",
        f"http://{HOST}/x?y",
        b"{}",
    )
    assert only(impostor).header("dd-api-key") == "k"


def test_a_key_that_is_shown_to_the_proxy_is_recorded(impostor: FakeSites) -> None:
    impostor.script(case(OK))
    with socket.create_connection(("127.0.0.1", impostor.port), timeout=5) as raw:
        raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nDD-API-KEY: k\r\n\r\n".encode())
        assert b" 200 " in raw.recv(1000)
    assert only(impostor).method == "CONNECT"


def test_the_foreign_origin_of_a_redirect_is_played_too(impostor: FakeSites) -> None:
    impostor.script(case(Response(307, (("Location", f"{FOREIGN}/y"),)), OK))
    with urllib3.ProxyManager(
        impostor.proxy_url, ca_certs=str(impostor.ca_file)
    ) as pool:
        assert (
            pool.request(
                "PATCH", f"https://{HOST}/x", headers={"DD-API-KEY": "k"}
            ).status
            == 200
        )
    requests, _ = impostor.recorded()
    assert [request.url for request in requests] == [
        f"https://{HOST}/x",
        f"{FOREIGN}/y",
    ]
    assert requests[1].header("DD-API-KEY") == "k"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x01\x02", b"PATCH /x\r\n\r\n", b"DD-API-KEY: k", b"A B HTTP/2\r\n\r\n"],
)
def test_what_is_no_http_is_recorded_whole(impostor: FakeSites, garbage: bytes) -> None:
    impostor.script(case(OK))
    with tls(impostor) as connection:
        connection.sendall(garbage)
    assert only(impostor).method == ""
    assert only(impostor).body == garbage


@pytest.mark.parametrize(
    "half",
    [
        REQUEST[:-1],
        b"PATCH /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
        b"PATCH /x HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_half_a_request_is_recorded_and_not_answered(
    impostor: FakeSites, half: bytes
) -> None:
    impostor.script(case(OK))
    with tls(impostor) as connection:
        connection.sendall(half)
    assert only(impostor).method == "PATCH"
    assert impostor.recorded()[1] == (None,)
    assert patch(impostor).status == 200  # the answer is still there


def test_a_client_that_closes_its_half_is_answered(impostor: FakeSites) -> None:
    impostor.script(case(OK))
    with tunnel(impostor) as raw:
        raw.sendall(REQUEST)
        raw.shutdown(socket.SHUT_WR)
        assert b"200 OK" in all_from(raw)


def test_half_a_request_of_one_case_is_no_part_of_the_next(impostor: FakeSites) -> None:
    impostor.script(case(OK))
    with tls(impostor) as connection:
        connection.sendall(REQUEST[:-1])
        impostor.recorded()
        impostor.script(case(OK))
        assert impostor.recorded() == ((), ())
        all_from(connection)


def test_a_failure_of_a_thread_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(answer: Response, announced: int) -> bytes:
        raise ZeroDivisionError

    with FakeSites(SITES) as impostor:
        impostor.script(case(OK))
        monkeypatch.setattr("contract.servers.connection._head_of", fail)
        with pytest.raises(urllib3.exceptions.HTTPError):
            patch(impostor)
        with pytest.raises(RuntimeError, match="the impostor failed"):
            impostor.recorded()


def test_no_thread_port_or_file_is_left() -> None:
    threads = set(threading.enumerate())
    with FakeSites(SITES) as impostor:
        impostor.script(case(Response(200, JSON, BODY, "stall")))
        connection = tls(impostor)
        connection.sendall(REQUEST)
        unused = tunnel(impostor)
    with connection, unused:
        assert set(threading.enumerate()) == threads
        assert not Path(impostor.ca_file).exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", impostor.port), timeout=5)


def test_a_clients_environment_names_the_proxy_and_the_authority(
    impostor: FakeSites,
) -> None:
    environment = impostor.environment()
    assert {
        name for name, value in environment.items() if value == impostor.proxy_url
    } == {
        "CONTRACT_PROXY_URL",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
    }
    assert {
        name for name, value in environment.items() if value == str(impostor.ca_file)
    } == {
        "CONTRACT_CA_FILE",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    }


@pytest.mark.skipif(
    not hasattr(socket, "TCP_QUICKACK"),
    reason="acknowledgements can be hurried on Linux alone",
)
def test_no_segment_waits_for_an_acknowledgement_nor_an_acknowledgement_for_an_answer(
    impostor: FakeSites,
) -> None:
    """How long a call takes: `tests/benchmarks/latency.py`."""
    impostor.script(case(OK, OK, OK))
    with tls(impostor) as connection:
        for _ in range(3):
            connection.sendall(REQUEST)
            assert b"200 OK" in connection.recv(1000)
        impostor.recorded()  # it rests by now
        (server,) = [
            each
            for each in accepted(impostor.port)
            if each.getpeername() == connection.getsockname()
        ]
        assert undelayed(server, "TCP_NODELAY", "TCP_QUICKACK") == [True, True]
