"""The sandbox as the live hosts, behind TLS and a CONNECT proxy.

with tls_sandbox(Sandbox(rate_limit=(100, 10))) as stage:
    ...                          # with stage.environment(), and stage.ca_file as --ca-file
    stage.trouble = lambda: "503"
"""

import select
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from contract.live import Clock
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load

TROUBLES = ("refused", "reset", "503", "stall", "lost")
"""Outages. In `lost` requests are served, and a reset takes the response's place."""

CHUNK = 1 << 16


@dataclass
class FakeClock:
    """Time that passes only in `sleep`, and a little with each request."""

    now_s: float = 1_000_000.0
    slept_s: float = 0.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.now_s += seconds

    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


@dataclass
class RecordedRequest:
    """One request that reached the application."""

    method: str
    path: str
    status: int = 0


@dataclass
class Stage:
    """The hosts as tests control them.

    `trouble` is called for each piece that a client sends. It returns an empty string
    or one of TROUBLES.
    """

    app: Sandbox
    ca_file: str = ""
    proxy_url: str = ""
    trouble: Callable[[], str] = lambda: ""
    tick: Callable[[], object] = lambda: None
    requests: list[RecordedRequest] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the variables of a live run with two organizations."""
        one, two = ORGS
        return {
            "HTTPS_PROXY": self.proxy_url,
            "https_proxy": self.proxy_url,
            "NO_PROXY": "",
            "no_proxy": "",
            "DD_API_KEY": one.api_key,
            "DD_APP_KEY": one.app_key,
            "CONTRACT_SANDBOX_ORG_ID": str(one.org_id),
            "CONTRACT_OTHER_API_KEY": two.api_key,
            "CONTRACT_OTHER_APP_KEY": two.app_key,
            "CONTRACT_OTHER_ORG_ID": str(two.org_id),
        }

    def called(self, method: str) -> list[RecordedRequest]:
        return [request for request in self.requests if request.method == method]

    def __call__(
        self, environ: Any, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Record a request, and answer it in front of the application if need be."""
        request = RecordedRequest(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        self.requests.append(request)
        self.tick()
        if self.trouble() == "503":
            request.status = 503
            environ["wsgi.input"].read()
            headers = [("Content-Type", "text/html"), ("Content-Length", "5")]
            start_response("503 Service Unavailable", headers)
            return [b"later"]

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            request.status = int(status[:3])
            return start_response(status, headers, *rest)

        return self.app(environ, started)


def foreign(app: Sandbox, count: int = 3) -> list[str]:
    """Insert snapshots that no run may touch in both organizations. Return their ids."""
    attributes = {
        "view_name": "contract-test 2026-01-01 someone 00000000",
        "snapshot_name": "foreign",
        "event_id": "event",
        "start": 1,
        "device_type": "desktop",
        "application_id": "a",
        "is_device_type_selected_by_user": True,
    }
    return [app.insert(org, attributes).id for org in ORGS for _ in range(count)]


@contextmanager
def tls_sandbox(
    app: Sandbox | None = None, client_authority: trustme.CA | None = None
) -> Iterator[Stage]:
    """Serve the application as the live hosts. Nothing of it is left afterwards.

    With an authority a client certificate of it is demanded.
    """
    stage, spec = Stage(app or Sandbox()), load()
    hosts = {spec.url(site).removeprefix("https://") for site in spec.sites}
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*sorted(hosts)).configure_cert(context)
    if client_authority is not None:
        client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(stage) as url,
        socket.create_server(("127.0.0.1", 0), backlog=64) as listener,
    ):
        stage.ca_file = str(Path(directory) / "authority.pem")
        authority.cert_pem.write_to_path(stage.ca_file)
        stage.proxy_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        proxy = Proxy(stage, listener, context, hosts, int(url.rpartition(":")[2]))
        thread = threading.Thread(target=proxy.accept, daemon=True)
        thread.start()
        try:
            yield stage
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            proxy.drop()
    if stage.failures:
        raise stage.failures[0]


@dataclass
class Proxy:
    """A proxy that ends TLS, and forwards the bytes to the application."""

    stage: Stage
    listener: socket.socket
    context: ssl.SSLContext
    hosts: set[str]
    port: int
    threads: dict[threading.Thread, socket.socket] = field(default_factory=dict)

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                thread = threading.Thread(
                    target=self.serve, args=(client,), daemon=True
                )
                self.threads[thread] = client
                thread.start()

    def drop(self) -> None:
        for thread, client in list(self.threads.items()):
            with suppress(OSError):
                socket.socket.shutdown(client, socket.SHUT_RDWR)
            thread.join(5)

    def serve(self, client: socket.socket) -> None:
        try:
            with suppress(OSError), client:
                self.tunnel(client)
        except Exception as error:  # tls_sandbox raises it in the main thread
            self.stage.failures.append(error)
        finally:
            self.threads.pop(threading.current_thread(), None)

    def tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(CHUNK)
            if not head:
                return
        host, _, port = head.split(b" ")[1].decode().partition(":")
        if host not in self.hosts or port != "443" or self.stage.trouble() == "refused":
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with (
            self.context.wrap_socket(client, server_side=True) as tls,
            socket.create_connection(("127.0.0.1", self.port)) as server,
        ):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.threads[threading.current_thread()] = tls
            self.pump(tls, server)

    def pump(self, tls: ssl.SSLSocket, server: socket.socket) -> None:
        while True:
            ready = [tls] if tls.pending() else select.select([tls, server], [], [])[0]
            for source, sink in ((tls, server), (server, tls)):
                if source not in ready:
                    continue
                chunk = source.recv(CHUNK)
                trouble = self.stage.trouble()
                if (trouble == "lost") != (source is server):
                    trouble = ""
                if not chunk or trouble == "refused":
                    return
                if trouble in ("reset", "lost"):
                    linger = struct.pack("ii", 1, 0)
                    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return
                if trouble != "stall":
                    sink.sendall(chunk)
