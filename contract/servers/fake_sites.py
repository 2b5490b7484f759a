"""The sites on loopback: a CONNECT proxy that answers for them itself, over real TLS.

It records raw targets, the order of headers, duplicates and half a request. Nothing
leaves the machine.

    with FakeSites(SITES) as server:
        server.script(case, site)
        ...                          # a client with server.environment() makes a call
        requests, responses = server.recorded()
"""

import http.client
import os
import select
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Self
from unittest.mock import patch

import trustme

from contract.cases.client import FOREIGN_HOST
from contract.model import DRIP_INTERVAL_S, ClientCase, Delivery, Request, Response, Tls
from contract.servers import (
    REAL_TIME,
    Clock,
    Record,
    Recorded,
    Script,
    chunks,
    framed_headers,
    lacks_body,
)

PROXY_VARIABLES = (
    "CONTRACT_PROXY_URL",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
)
AUTHORITY_VARIABLES = (
    "CONTRACT_CA_FILE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
REMOVED_VARIABLES = ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy")

WRONG_NAME = "wrong-name.contract.example"
EXPIRED = [datetime(year, 1, 1, tzinfo=UTC) for year in (2001, 2002)]

SETTLE_LIMIT_S = 1.0
SETTLE_INTERVAL_S = 0.00005


def client_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return these variables and the inherited ones that the driver protocol allows."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in REMOVED_VARIABLES and not name.startswith("DD_")
    }
    return inherited | dict(variables)


KEY_HEADERS = {"dd-api-key", "dd-application-key", "authorization"}

MAX_HEAD = 4 * 2**20  # an encoded id of 8 kB is far below
TLS_HANDSHAKE = b"\x16"  # every ClientHello begins with it (RFC 8446, section 5.1)
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TUNNEL_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


class FakeSites:
    """The proxy and the hosts behind it, as a context manager."""

    is_real_time = True

    def __init__(self, sites: Sequence[str], clock: Clock = REAL_TIME) -> None:
        self.hosts = {*(f"api.{site}" for site in sites), FOREIGN_HOST}
        self.clock = clock
        self.context = lru_cache(None)(self._new_context)
        self.current = Script()
        self.connections: set[Connection] = set()
        self.failure: BaseException | None = None
        self._ca = trustme.CA()
        self._untrusted_ca = trustme.CA()
        self._is_accepting = False
        self._is_closing = False

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="contract-fake-sites-")
        self.ca_file = Path(self._directory.name) / "authority.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self.proxy_url = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_closing = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            self._acceptor.join()
        self._listener.close()
        while connections := self.connections.copy():
            for connection in connections:
                connection.drop()
                connection.thread.join(0.02)
        self._directory.cleanup()
        if error[0] is None:
            self.check()

    def environment(self) -> dict[str, str]:
        """Return the variables of driver protocol 1."""
        proxy = dict.fromkeys(PROXY_VARIABLES, self.proxy_url)
        return proxy | dict.fromkeys(AUTHORITY_VARIABLES, str(self.ca_file))

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """Let the clients of this process meet the sites."""
        with patch.dict(os.environ, client_environment(self.environment()), clear=True):
            yield

    def skip_reason(self, case: ClientCase) -> str:
        return ""

    def script(self, case: ClientCase, site: str) -> None:
        """Answer from now on with the responses of a case."""
        self.start(Script(case.responses, case.tls))

    def start(self, script: Script) -> None:
        """Answer from now on by a script.

        What the script before left open ends. Other connections stay open, unless the
        client must meet another certificate.
        """
        self._settle()
        before = self.current
        self.current = script
        is_usual = before.tls is script.tls is Tls.TRUSTED
        for connection in self.connections.copy():
            if not (is_usual and connection.is_at_boundary):
                connection.drop()
        self.check()

    def recorded(self) -> Recorded:
        """Return the requests since `script`. What is no HTTP has no method."""
        self._settle()
        self.check()
        return self.current.recorded()

    def check(self) -> None:
        """Raise RuntimeError if a thread failed."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise RuntimeError("the fake sites failed") from failure

    def _settle(self) -> None:
        end_s = time.monotonic() + SETTLE_LIMIT_S
        while not self._is_quiet() and time.monotonic() < end_s:
            time.sleep(SETTLE_INTERVAL_S)

    def _is_quiet(self) -> bool:
        if self._is_accepting:
            return False
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        for connection in self.connections.copy():
            if not connection.is_idle:
                return False
            poll.register(connection.descriptor, select.POLLIN)
        return all(event & select.POLLNVAL for _, event in poll.poll(0))

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            while poll.poll():
                # Set before the kernel forgets the client, see _is_quiet.
                self._is_accepting = True
                accepted = self._listener.accept()[0]
                if self._is_closing:
                    accepted.close()
                    return
                connection = Connection(self, accepted)
                self.connections.add(connection)
                connection.thread.start()
                self._is_accepting = False
        except Exception as error:  # check raises it in the main thread
            self.failure = error
            self._is_accepting = False

    def _new_context(self, tls: Tls, host: str) -> ssl.SSLContext:
        ca = self._untrusted_ca if tls is Tls.UNKNOWN_AUTHORITY else self._ca
        name = WRONG_NAME if tls is Tls.WRONG_NAME else host
        begin, end = EXPIRED if tls is Tls.EXPIRED else (None, None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = ca.issue_cert(name, not_before=begin, not_after=end)
        certificate.configure_cert(context)
        context.set_alpn_protocols(["http/1.1"])
        # Sessions are not resumed, so that a client sees the certificate each time.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        return context


class Connection:
    """One accepted connection, with a thread.

    `is_idle` says that it waits for the client and has read everything that was sent.
    `is_at_boundary` says that no request is half read or half answered. A message
    belongs to the script that was current when it began.
    """

    def __init__(self, sites: FakeSites, accepted: socket.socket) -> None:
        self.sites = sites
        self.socket = accepted
        self.descriptor = accepted.fileno()
        self.buffer = b""
        self.is_idle = False
        self.is_at_boundary = True
        self.script = sites.current
        self.poll = select.poll()
        self.poll.register(self.descriptor, select.POLLIN)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drop(self) -> None:
        """End the connection from another thread, without TLS."""
        with suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def _serve(self) -> None:
        try:
            origin = self._open_tunnel()
            while origin and self._answer_request(origin):
                self.is_at_boundary = True
        except OSError:
            pass  # the client went away, or did not trust the certificate
        except Exception as error:  # check raises it in the main thread
            self.sites.failure = error
        finally:
            self.is_idle = False
            self.poll.unregister(self.descriptor)
            self.socket.close()
            self.sites.connections.discard(self)

    def _open_tunnel(self) -> str | None:
        head = self._read_head("")
        if head is None:
            return None
        host, _, port = head.url.lower().rpartition(":")
        if head.method != "CONNECT" or port != "443" or host not in self.sites.hosts:
            self._refuse(head)
            return None
        if any(name.lower() in KEY_HEADERS for name, _ in head.headers):
            self.script.record(head)  # the proxy sees a key in plain text
        self.socket.sendall(TUNNEL_OPEN)
        self.is_at_boundary = True
        self._wait()
        first_byte = self.socket.recv(1, socket.MSG_PEEK)
        self._begin_message()
        if first_byte != TLS_HANDSHAKE:
            return f"http://{host}"
        if self.script.tls is Tls.PLAIN_HTTP:
            self._fill()
            self.socket.sendall(FORBIDDEN)
            self.socket.shutdown(socket.SHUT_WR)
            self._wait_until_gone()
        self.socket = self.sites.context(self.script.tls, host).wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.socket.do_handshake()
        self.is_at_boundary = True
        return f"https://{host}"

    def _refuse(self, head: Request) -> None:
        if head.url.startswith("/"):
            head = replace(head, url=f"http://{head.header('Host') or ''}{head.url}")
        if head.method != "CONNECT":
            head = self._read_body(head)
        self.script.record(head)
        self.socket.sendall(FORBIDDEN)

    def _answer_request(self, origin: str) -> bool:
        head = self._read_head(origin)
        if head is None:
            return False
        record = self.script.answer(self._read_body(head))
        response = record.response
        if response is None:
            return False
        if response.delivery is Delivery.STALL:
            self._wait_until_gone()
        if response.delivery is Delivery.RESET:  # closing without lingering resets
            linger = struct.pack("ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        self._send(record, response)
        return stays_open(record.request, response)

    def _send(self, record: Record, response: Response) -> None:
        delivery = response.delivery
        is_stalled = delivery is Delivery.STALL_BODY
        head = response_head(response, max(len(response.body), int(is_stalled)))
        body = chunks(response.body) if is_chunked(response) else response.body
        parts = [head if is_stalled else head + body]
        if delivery is Delivery.CUT:
            parts = [head + body[: len(body) // 2] if body else head[: len(head) // 2]]
        elif delivery is Delivery.DRIP:
            parts = [head, *(bytes([byte]) for byte in body)]
        for number, part in enumerate(parts):
            if number and self._wait(DRIP_INTERVAL_S * 1000):
                self._fill()
            self.socket.sendall(part)
            now_s = self.sites.clock.now()
            record.request = replace(record.request, answered_at_s=now_s)
        if is_stalled:
            self._wait_until_gone()

    def _read_head(self, origin: str) -> Request | None:
        self.script = self.sites.current
        if self.buffer:
            self._begin_message()
        received = self.buffer.lstrip(b"\r\n")
        with suppress(OSError):
            while b"\r\n\r\n" not in received and len(self.buffer) <= MAX_HEAD:
                self._fill()
                received = self.buffer.lstrip(b"\r\n")
        head, end, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        now_s = self.sites.clock.now()
        match first.split(" "):
            case [method, target, version] if end and version.startswith("HTTP/1."):
                self.buffer = rest
            case _:
                if received:  # it is no HTTP, so that it has no method
                    self.script.record(Request("", origin, (), received, now_s))
                return None
        is_absolute = target.lower().startswith(("http://", "https://"))
        url = target if is_absolute else origin + target
        fields = (line.partition(":") for line in lines)
        headers = tuple((name, value.strip(" \t")) for name, _, value in fields)
        return Request(method, url, headers, sent_at_s=now_s)

    def _read_body(self, head: Request) -> Request:
        if (head.header("Expect") or "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length, body = head.header("Content-Length"), bytearray()
        try:
            if head.header("Transfer-Encoding") is not None:
                while size := int(self._line().partition(b";")[0], 16):
                    self._take(size, body)
                    self._line()
                while self._line():  # trailers
                    pass
            elif length is not None:
                self._take(int(length), body)
        except (OSError, ValueError) as error:  # it is recorded as far as it came
            self.script.record(replace(head, body=bytes(body)))
            raise ConnectionError("half a request") from error
        return replace(head, body=bytes(body))

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _take(self, size: int, body: bytearray) -> None:
        while size > 0:
            if not self.buffer:
                self._fill()
            part, self.buffer = self.buffer[:size], self.buffer[size:]
            body += part
            size -= len(part)

    def _fill(self) -> None:
        self._wait()
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the client closed its end")
        if self.is_at_boundary:
            self._begin_message()
        self.buffer += received

    def _begin_message(self) -> None:
        self.is_at_boundary = False
        self.script = self.sites.current

    def _wait_until_gone(self) -> None:
        while True:
            self._fill()

    def _wait(self, timeout_ms: float | None = None) -> bool:
        """Return whether the client sent something or closed in time."""
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        if hasattr(socket, "TCP_QUICKACK"):
            # Linux: a delayed acknowledgement and the client's Nagle cost 40 ms.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        # It ends before the bytes leave the kernel, so that `_is_quiet` sees either.
        self.is_idle = True
        ready = self.poll.poll(timeout_ms)
        self.is_idle = False
        return bool(ready)


def is_chunked(response: Response) -> bool:
    return "chunked" in (response.header("Transfer-Encoding") or "").lower()


def stays_open(request: Request, response: Response) -> bool:
    options = request.header("Connection"), response.header("Connection")
    is_last = "close" in [(option or "").lower() for option in options]
    if is_last or response.delivery is Delivery.CUT:
        return False
    if is_chunked(response):
        return True
    length = len(response.body)
    default = 0 if lacks_body(response) else length
    return (response.header("Content-Length") or str(default)) == str(length)


def response_head(response: Response, length: int) -> bytes:
    phrase = http.client.responses.get(response.status, "Unnamed")
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in framed_headers(response, length)]
    text = "\r\n".join([*lines, "", ""])
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
