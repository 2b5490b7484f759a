"""Raw connections to the fake sites, for tests."""

import socket
import ssl

import urllib3

from contract.model import Request, Response
from contract.servers.fake_sites import FakeSites

SITE = "datadoghq.com"
HOST = "api.datadoghq.com"
JSON = (("Content-Type", "application/json"),)
BODY = b'{"data": {"type": "snapshots"}}'
OK = Response(200, JSON, BODY)
REQUEST = b"PATCH /x HTTP/1.1\r\nHost: api.datadoghq.com\r\nContent-Length: 2\r\n\r\n{}"


def client(server: FakeSites, *, retries: bool = False) -> urllib3.ProxyManager:
    return urllib3.ProxyManager(
        server.proxy_url, ca_certs=str(server.ca_file), retries=retries, timeout=5
    )


def patch(
    server: FakeSites, url: str = f"https://{HOST}/x", **more: object
) -> urllib3.BaseHTTPResponse:
    with client(server) as pool:
        return pool.request("PATCH", url, body=b"{}", **more)


def tunnel(server: FakeSites, target: str = f"{HOST}:443") -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    raw.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert b" 200 " in raw.recv(1000)
    return raw


def tls(server: FakeSites, *, verify: bool = True, host: str = HOST) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(tunnel(server, f"{host}:443"), server_hostname=host)


def exchange(connection: socket.socket, request: bytes = REQUEST) -> bytes:
    connection.sendall(request)
    return all_from(connection)


def all_from(connection: socket.socket) -> bytes:
    received = b""
    with connection:
        while part := connection.recv(65536):
            received += part
    return received


def only(server: FakeSites) -> Request:
    requests, _ = server.recorded()
    assert len(requests) == 1, requests
    return requests[0]
