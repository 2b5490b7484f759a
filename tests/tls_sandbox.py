"""The sandbox as the eight live hosts: TLS is ended behind a CONNECT proxy, and the bytes go on to the sandbox.

with tls_sandbox(Sandbox(rate_limit=(100, 10))) as stage:
    …                            # with stage.environment(), and stage.ca_file as --ca-file
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
"""What an outage is like; `lost`: requests are served, and the connection is reset in place of the answer."""

_CHUNK = 1 << 16


@dataclass
class FakeClock:
    """Time that passes only where someone sleeps, and a little with each request."""

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
class Heard:
    """One request that reached the application."""

    method: str
    path: str
    org: int
    status: int
    at_s: float


@dataclass
class Stage:
    """What the tests see and set; `trouble` is asked at each piece of what a client sends: "" or one of TROUBLES."""

    app: Sandbox
    ca_file: str = ""
    proxy_url: str = ""
    trouble: Callable[[], str] = lambda: ""
    tick: Callable[[], object] = lambda: None
    heard: list[Heard] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the variables of a live run in the first organization, with the second beside it."""
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

    def called(self, method: str) -> list[Heard]:
        return [each for each in self.heard if each.method == method]

    def __call__(
        self, environ: Any, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Stand before the application: keep what was asked, or answer as what stands before it would."""
        org = next(
            (
                org.org_id
                for org in ORGS
                if org.api_key == environ.get("HTTP_DD_API_KEY")
            ),
            0,
        )
        heard = Heard(
            environ["REQUEST_METHOD"], environ["PATH_INFO"], org, 0, self.app.clock()
        )
        self.heard.append(heard)
        self.tick()
        if self.trouble() == "503":
            heard.status = 503
            environ["wsgi.input"].read()
            start_response(
                "503 Service Unavailable",
                [("Content-Type", "text/html"), ("Content-Length", "5")],
            )
            return [b"later"]

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            heard.status = int(status[:3])
            return start_response(status, headers, *rest)

        return self.app(environ, started)


def foreign(app: Sandbox, count: int = 3) -> list[str]:
    """Put snapshots into both organizations that no run may touch; return their ids."""
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
def tls_sandbox(app: Sandbox | None = None) -> Iterator[Stage]:
    """Serve the application as the eight hosts; nothing of it is left afterwards."""
    stage, spec = Stage(app or Sandbox()), load()
    hosts = {spec.url(site).removeprefix("https://") for site in spec.sites}
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*sorted(hosts)).configure_cert(context)
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(stage, threads=4) as url,
        socket.create_server(("127.0.0.1", 0), backlog=64) as listener,
    ):
        stage.ca_file = str(Path(directory) / "authority.pem")
        authority.cert_pem.write_to_path(stage.ca_file)
        stage.proxy_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        proxy = _Proxy(stage, listener, context, hosts, int(url.rpartition(":")[2]))
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


class _Proxy:
    def __init__(
        self,
        stage: Stage,
        listener: socket.socket,
        context: ssl.SSLContext,
        hosts: set[str],
        port: int,
    ) -> None:
        self.stage, self.listener, self.context, self.hosts, self.port = (
            stage,
            listener,
            context,
            hosts,
            port,
        )
        self.threads: dict[threading.Thread, socket.socket] = {}

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
        except Exception as error:  # a thread has no caller
            self.stage.failures.append(error)
        finally:
            self.threads.pop(threading.current_thread(), None)

    def tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(_CHUNK)
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
                chunk = source.recv(_CHUNK)
                trouble = self.stage.trouble()
                if (trouble == "lost") != (source is server):
                    trouble = ""
                if not chunk or trouble == "refused":
                    return
                if trouble in ("reset", "lost"):
                    tls.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    return
                if trouble != "stall":
                    sink.sendall(chunk)
