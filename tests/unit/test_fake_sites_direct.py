"""The fake sites without a proxy: TLS at once, the site chosen by SNI."""

import errno
import os
import select
import socket
import ssl
from http.client import HTTPResponse, HTTPSConnection
from typing import Any

import pytest

import contract
from contract.model import Call, Delivery, Response, Tls
from contract.servers.fake_sites import FakeSites
from tests.unit.client_cases import client_case as case
from tests.unit.wire_support import BODY, HOST, OK, REQUEST, SITE, exchange, only, patch


def connect(
    server: FakeSites, name: str | None = HOST, *, verify: bool = True
) -> ssl.SSLSocket:
    """Connect to the address of the sites, with a name in the handshake or without."""
    host, _, port = server.environment()["CONTRACT_SITES_ADDRESS"].partition(":")
    context = ssl.create_default_context(cafile=str(server.ca_file))
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = socket.create_connection((host, int(port)), timeout=5)
    return context.wrap_socket(raw, server_hostname=name)


def sent(host: str) -> bytes:
    return REQUEST.replace(HOST.encode(), host.encode())


@pytest.mark.parametrize("name", [HOST, "api.us5.datadoghq.com", HOST.upper()])
def test_the_name_in_the_handshake_chooses_the_site(
    fake_sites: FakeSites, name: str
) -> None:
    fake_sites.script(case(OK), SITE)
    with connect(fake_sites, name) as connection:
        connection.sendall(sent(name))
        response = HTTPResponse(connection)
        response.begin()
        assert response.read() == BODY
    request = only(fake_sites)
    assert (request.url, request.is_proxied) == (f"https://{name.lower()}/x", False)


def test_a_request_through_the_proxy_is_not_direct(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    patch(fake_sites)
    assert only(fake_sites).is_proxied


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HOST, f"https://{HOST}"),
        (f"{HOST}:443", f"https://{HOST}"),
        (f"{HOST}:PORT", f"https://{HOST}"),
        (f"{HOST}:8443", f"https://{HOST}:8443"),
        ("api.datadoghq.eu", "https://api.datadoghq.eu"),
        ("127.0.0.1:PORT", "https://127.0.0.1"),
    ],
)
def test_host_decides_beside_the_name(
    fake_sites: FakeSites, host: str, origin: str
) -> None:
    fake_sites.script(case(OK), SITE)
    with connect(fake_sites) as connection:
        connection.sendall(sent(host.replace("PORT", str(fake_sites.port))))
        connection.recv(1000)
    assert only(fake_sites).origin == origin


def test_a_handshake_without_a_name_is_met_as_loopback(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    with connect(fake_sites, "127.0.0.1") as connection:
        connection.sendall(sent("127.0.0.1"))
        connection.recv(1000)
    assert only(fake_sites).url == "https://127.0.0.1/x"


def test_another_name_is_refused_and_recorded(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        connect(fake_sites, "api.datadoghq.example")
    request = only(fake_sites)
    assert (request.method, request.url) == ("CONNECT", "api.datadoghq.example:443")


def test_plain_http_is_refused_and_recorded(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    raw = socket.create_connection(("127.0.0.1", fake_sites.port), timeout=5)
    request = sent(f"{HOST}:{fake_sites.port}")
    assert exchange(raw, request).startswith(b"HTTP/1.1 403 ")
    assert only(fake_sites).url == f"http://{HOST}/x"


@pytest.mark.parametrize("kind", [kind for kind in Tls if kind is not Tls.TRUSTED])
def test_a_case_decides_about_the_certificate(fake_sites: FakeSites, kind: Tls) -> None:
    fake_sites.script(case(OK, tls=kind), SITE)
    with pytest.raises(ssl.SSLError):
        connect(fake_sites)
    assert fake_sites.recorded() == ((), ())
    fake_sites.script(case(OK), SITE)
    connect(fake_sites).close()


@pytest.mark.parametrize("kind", [Tls.UNKNOWN_AUTHORITY, Tls.WRONG_NAME, Tls.EXPIRED])
def test_a_client_that_does_not_verify_is_seen(
    fake_sites: FakeSites, kind: Tls
) -> None:
    fake_sites.script(case(OK, tls=kind), SITE)
    with connect(fake_sites, verify=False) as connection:
        connection.sendall(REQUEST)
        connection.recv(1000)
    assert only(fake_sites).url == f"https://{HOST}/x"


# -- whole clients ---------------------------------------------------------------------


class Direct(HTTPSConnection):
    """A connection to a site that a resolver of its own sends to the address."""

    def connect(self) -> None:
        """Open the socket as the client's resolver would."""
        address, _, port = os.environ["CONTRACT_SITES_ADDRESS"].partition(":")
        raw = socket.create_connection((address, int(port)), self.timeout)
        context: Any = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(raw, server_hostname=self.host)


class DirectClient:
    """A client with a resolver of its own, and no proxy."""

    host = "api.{}"

    def update(self, call: Call) -> dict[str, Any]:
        connection = Direct(f"api.{call.site}", timeout=call.timeout_s)
        path = f"/api/v2/replay/heatmap/snapshots/{call.snapshot_id}"
        headers = {
            "Host": self.host.format(call.site),
            "DD-API-KEY": call.api_key,
            "DD-APPLICATION-KEY": call.app_key,
        }
        try:
            connection.request("PATCH", path, b"{}", headers)
            connection.getresponse().read()
        except OSError as error:
            return {"outcome": "failed", "message": str(error)}
        finally:
            connection.close()
        return {"outcome": "unsupported"}


class OtherHost(DirectClient):
    """A client that puts another site into Host."""

    host = "api.datadoghq.com.example"


@pytest.mark.parametrize(
    ("client", "breaches"),
    [
        (DirectClient, set()),
        (OtherHost, {"C-HOST/host-wrong"}),
    ],
)
def test_a_client_without_a_proxy_is_judged_by_name_and_host(
    client: type[DirectClient], breaches: set[str]
) -> None:
    verdict = contract.check_client(
        client,
        profile="quick",
        scenarios=["sites", "certificates"],
        clauses=["C-HOST", "C-METHOD", "C-AUTH", "C-TLS"],
    )
    assert {breach.cause_id for breach in verdict.breaches} == breaches
    assert verdict.not_judged.keys() <= {"C-TLS"}


def test_a_reset_is_a_reset_without_a_proxy_too(fake_sites: FakeSites) -> None:
    fake_sites.script(case(Response(200, delivery=Delivery.RESET)), SITE)
    with connect(fake_sites) as connection:
        connection.sendall(REQUEST)
        select.select([connection], [], [], 5)  # Python's TLS reads it as an end
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert error == errno.ECONNRESET
