"""The fake sites: TLS, the proxy, malformed requests, threads."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
import urllib3

from contract.cases.client import FOREIGN_HOST
from contract.client import SITES
from contract.model import Delivery, Response, Tls
from contract.servers.fake_sites import FakeSites
from tests.sockets import accepted, undelayed
from tests.unit.client_cases import client_case as case
from tests.unit.wire_support import (
    BODY,
    HOST,
    JSON,
    OK,
    REQUEST,
    SITE,
    all_from,
    client,
    exchange,
    only,
    patch,
    tls,
    tunnel,
)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Tls.UNKNOWN_AUTHORITY, "unable to get local issuer|self.signed"),
        (Tls.WRONG_NAME, "Hostname mismatch"),
        (Tls.EXPIRED, "certificate has expired"),
        (
            Tls.PLAIN_HTTP,
            "WRONG_VERSION_NUMBER|wrong version number|packet length too long|record layer failure",
        ),
    ],
)
def test_a_careful_client_sends_nothing_where_tls_cannot_be_trusted(
    fake_sites: FakeSites, kind: Tls, reason: str
) -> None:
    with client(fake_sites) as pool:
        fake_sites.script(case(OK), SITE)
        pool.request("PATCH", f"https://{HOST}/x")
        fake_sites.script(case(OK, tls=kind), SITE)
        with pytest.raises(urllib3.exceptions.HTTPError, match=reason):
            pool.request("PATCH", f"https://{HOST}/x")
        assert fake_sites.recorded() == ((), ())
        fake_sites.script(case(OK), SITE)
        assert pool.request("PATCH", f"https://{HOST}/x").status == 200


@pytest.mark.parametrize("kind", [Tls.UNKNOWN_AUTHORITY, Tls.WRONG_NAME, Tls.EXPIRED])
def test_a_client_that_does_not_verify_is_seen(
    fake_sites: FakeSites, kind: Tls
) -> None:
    fake_sites.script(case(OK, tls=kind), SITE)
    with tls(fake_sites, verify=False) as connection:
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)
    assert only(fake_sites).url == f"https://{HOST}/x"


@pytest.mark.parametrize("kind", [Tls.TRUSTED, Tls.PLAIN_HTTP])
def test_a_client_that_talks_plain_http_through_the_tunnel_is_seen(
    fake_sites: FakeSites, kind: Tls
) -> None:
    fake_sites.script(case(OK, tls=kind), SITE)
    with tunnel(fake_sites) as connection:
        connection.sendall(REQUEST.replace(b"Host", b"DD-API-KEY: k\r\nHost"))
        assert b"200 OK" in connection.recv(1000)
    assert only(fake_sites).url == f"http://{HOST}/x"
    assert only(fake_sites).header("DD-API-KEY") == "k"


def test_no_session_is_resumed(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK, OK), SITE)
    context = ssl.create_default_context(cafile=str(fake_sites.ca_file))
    session = None
    for _ in range(2):
        with context.wrap_socket(
            tunnel(fake_sites), server_hostname=HOST, session=session
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
    fake_sites: FakeSites, target: str
) -> None:
    fake_sites.script(case(OK), SITE)
    raw = socket.create_connection(("127.0.0.1", fake_sites.port), timeout=5)
    received = exchange(
        raw, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    )
    assert received.startswith(b"HTTP/1.1 403 ")
    assert (only(fake_sites).method, only(fake_sites).url) == ("CONNECT", target)
    assert fake_sites.recorded()[1] == (None,)


def test_plain_http_is_refused_and_recorded_with_its_keys(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(case(OK), SITE)
    response = patch(fake_sites, f"http://{HOST}/x?y", headers={"DD-API-KEY": "k"})
    assert response.status == 403
    assert (only(fake_sites).method, only(fake_sites).url, only(fake_sites).body) == (
        "PATCH",
        f"http://{HOST}/x?y",
        b"{}",
    )
    assert only(fake_sites).header("dd-api-key") == "k"


def test_a_key_that_is_shown_to_the_proxy_is_recorded(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    with socket.create_connection(("127.0.0.1", fake_sites.port), timeout=5) as raw:
        raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nDD-API-KEY: k\r\n\r\n".encode())
        assert b" 200 " in raw.recv(1000)
    assert only(fake_sites).method == "CONNECT"


def test_the_foreign_origin_of_a_redirect_is_played_too(fake_sites: FakeSites) -> None:
    fake_sites.script(
        case(Response(307, (("Location", f"https://{FOREIGN_HOST}/y"),)), OK), SITE
    )
    with urllib3.ProxyManager(
        fake_sites.proxy_url, ca_certs=str(fake_sites.ca_file)
    ) as pool:
        assert (
            pool.request(
                "PATCH", f"https://{HOST}/x", headers={"DD-API-KEY": "k"}
            ).status
            == 200
        )
    requests, _ = fake_sites.recorded()
    assert [request.url for request in requests] == [
        f"https://{HOST}/x",
        f"https://{FOREIGN_HOST}/y",
    ]
    assert requests[1].header("DD-API-KEY") == "k"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x01\x02", b"PATCH /x\r\n\r\n", b"DD-API-KEY: k", b"A B HTTP/2\r\n\r\n"],
)
def test_what_is_no_http_is_recorded_whole(
    fake_sites: FakeSites, garbage: bytes
) -> None:
    fake_sites.script(case(OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(garbage)
    assert only(fake_sites).method == ""
    assert only(fake_sites).body == garbage


@pytest.mark.parametrize(
    "half",
    [
        REQUEST[:-1],
        b"PATCH /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
        b"PATCH /x HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_half_a_request_is_recorded_and_not_answered(
    fake_sites: FakeSites, half: bytes
) -> None:
    fake_sites.script(case(OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(half)
    assert only(fake_sites).method == "PATCH"
    assert fake_sites.recorded()[1] == (None,)
    assert patch(fake_sites).status == 200  # the answer is still there


def test_a_client_that_closes_its_half_is_answered(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    with tunnel(fake_sites) as raw:
        raw.sendall(REQUEST)
        raw.shutdown(socket.SHUT_WR)
        assert b"200 OK" in all_from(raw)


def test_half_a_request_of_one_case_is_no_part_of_the_next(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(case(OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST[:-1])
        fake_sites.recorded()
        fake_sites.script(case(OK), SITE)
        assert fake_sites.recorded() == ((), ())
        all_from(connection)


def test_a_failure_of_a_thread_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(response: Response, length: int) -> bytes:
        raise ZeroDivisionError

    with FakeSites(SITES) as fake_sites:
        fake_sites.script(case(OK), SITE)
        monkeypatch.setattr("contract.servers.connection.response_head", fail)
        with pytest.raises(urllib3.exceptions.HTTPError):
            patch(fake_sites)
        with pytest.raises(RuntimeError, match="the fake sites failed"):
            fake_sites.recorded()


def test_no_thread_port_or_file_is_left() -> None:
    threads = set(threading.enumerate())
    with FakeSites(SITES) as fake_sites:
        fake_sites.script(case(Response(200, JSON, BODY, Delivery.STALL)), SITE)
        connection = tls(fake_sites)
        connection.sendall(REQUEST)
        unused = tunnel(fake_sites)
    with connection, unused:
        assert set(threading.enumerate()) == threads
        assert not Path(fake_sites.ca_file).exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", fake_sites.port), timeout=5)


def test_a_clients_environment_names_the_proxy_and_the_authority(
    fake_sites: FakeSites,
) -> None:
    environment = fake_sites.environment()
    assert {
        name for name, value in environment.items() if value == fake_sites.proxy_url
    } == {
        "CONTRACT_PROXY_URL",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
    }
    assert {
        name for name, value in environment.items() if value == str(fake_sites.ca_file)
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
    fake_sites: FakeSites,
) -> None:
    """How long a call takes: `tests/benchmarks/latency.py`."""
    fake_sites.script(case(OK, OK, OK), SITE)
    with tls(fake_sites) as connection:
        for _ in range(3):
            connection.sendall(REQUEST)
            assert b"200 OK" in connection.recv(1000)
        fake_sites.recorded()  # it is idle by now
        (accepted_socket,) = [
            candidate
            for candidate in accepted(fake_sites.port)
            if candidate.getpeername() == connection.getsockname()
        ]
        assert undelayed(accepted_socket, "TCP_NODELAY", "TCP_QUICKACK") == [True, True]
