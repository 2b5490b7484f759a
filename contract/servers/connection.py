"""One connection to the fake sites: CONNECT, TLS, and the requests that come on it.

A client that begins with TLS comes without a proxy. The server name of its handshake
(SNI, RFC 6066) chooses the site.
"""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from contract.model import (
    DRIP_INTERVAL_S,
    CutBody,
    Delivery,
    Request,
    Response,
    Tls,
)
from contract.model.bodies import gather
from contract.servers import Clock, Record, Script
from contract.servers.answers import (
    chunks,
    is_chunked,
    packed,
    response_head,
    stays_open,
)
from contract.servers.framing import (
    LENGTH_IGNORED,
    MAX_HEAD,
    MAX_LINES,
    ByteStream,
    FramingError,
    content_length,
)

KEY_HEADERS = {"dd-api-key", "dd-application-key", "authorization"}

END_OF_HEAD = b"\r\n\r\n"
TOO_LONG = "a request of more than 4 MiB, which was cut"
TLS_HANDSHAKE = b"\x16"  # every ClientHello begins with it (RFC 8446, section 5.1)
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TUNNEL_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class Shared:
    """State that all connections share.

    `context` makes the server's side of TLS for a host. `current` is the script that
    messages belong to from now on. `open` are the connections. `failure` is the error
    of a thread. `latency_s` is the shortest round trip so far, with the client's work.
    """

    hosts: set[str]
    clock: Clock
    context: Callable[[Tls, str], ssl.SSLContext]
    current: Script = field(default_factory=Script)
    open: set["Connection"] = field(default_factory=set)
    failure: BaseException | None = None
    latency_s: float = 0.0


class Connection:
    """One accepted connection, with a thread.

    `is_idle` says that it waits for the client and has read everything that was sent.
    `is_at_boundary` says that no request is half read or half answered. A message
    belongs to the script that was current when it began. `is_proxied` says that the
    client came to the proxy.
    """

    def __init__(self, shared: Shared, accepted: socket.socket) -> None:
        self.shared = shared
        self.socket = accepted
        self.descriptor = accepted.fileno()
        self.stream = ByteStream(self._receive)
        self.is_idle = False
        self.is_at_boundary = True
        self.is_proxied = True
        self.host = ""
        self.script = shared.current
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
            origin = self._open_directly() or self._open_tunnel()
            while origin and self._answer_request(origin):
                self.is_at_boundary = True
        except (OSError, EOFError):
            pass  # the client went away, or did not trust the certificate
        except Exception as error:  # check raises it in the main thread
            self.shared.failure = error
        finally:
            self.is_idle = False
            self.poll.unregister(self.descriptor)
            self.socket.close()
            self.shared.open.discard(self)

    def _open_directly(self) -> str | None:
        self._wait()
        if self.socket.recv(1, socket.MSG_PEEK) != TLS_HANDSHAKE:
            return None
        self.is_proxied = False
        self._begin_message()
        context = server_context()
        context.sni_callback = self._choose_site
        self._start_tls(context)
        return f"https://{self.host}"

    def _choose_site(
        self, handshake: ssl.SSLObject, host: str | None, _: ssl.SSLContext
    ) -> int | None:
        self.host = host.lower() if host else "127.0.0.1"
        if host and self.host not in self.shared.hosts:
            now_s = self.shared.clock.now()
            self.script.record(Request("CONNECT", f"{host}:443", sent_at_s=now_s))
            return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        handshake.context = self.shared.context(self.script.tls, self.host)
        return None

    def _open_tunnel(self) -> str | None:
        head = self._read_head("")
        if head is None:
            return None
        host, _, port = head.url.lower().rpartition(":")
        if head.method != "CONNECT" or port != "443" or host not in self.shared.hosts:
            self._refuse(head)
            return None
        if any(name.lower() in KEY_HEADERS for name, _ in head.headers):
            self.script.record(head)  # the proxy sees a key in plain text
        self.is_at_boundary = True
        begin_s = time.monotonic()
        self.socket.sendall(TUNNEL_OPEN)
        self._wait()
        latency_s = time.monotonic() - begin_s
        self.shared.latency_s = min(self.shared.latency_s or latency_s, latency_s)
        first_byte = self.socket.recv(1, socket.MSG_PEEK)
        self._begin_message()
        if first_byte != TLS_HANDSHAKE:
            return f"http://{host}"
        self._start_tls(self.shared.context(self.script.tls, host))
        return f"https://{host}"

    def _start_tls(self, context: ssl.SSLContext) -> None:
        if self.script.tls is Tls.PLAIN_HTTP:
            self.stream.fill()
            self.socket.sendall(FORBIDDEN)
            self.socket.shutdown(socket.SHUT_WR)
            self._wait_until_gone()
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.socket.do_handshake()
        self.is_at_boundary = True

    def _named_by_host(self, head: Request, origin: str) -> Request:
        url, host = head.url, self._host_of(head)
        if f"https://{host.lower()}" != origin and url.startswith(origin):
            url = f"https://{host}{head.target}"
        return replace(head, url=url)

    def _host_of(self, head: Request) -> str:
        """Return Host without a port of this listener or of https."""
        host, colon, port = (head.header("Host") or "").partition(":")
        own_ports = ("443", str(self.socket.getsockname()[1]))
        return host if port in own_ports else host + colon + port

    def _refuse(self, head: Request) -> None:
        if head.url.startswith("/"):
            head = replace(head, url=f"http://{self._host_of(head)}{head.url}")
        if head.method != "CONNECT":
            head = self._read_body(head)
        self.script.record(head)
        self.socket.sendall(FORBIDDEN)

    def _answer_request(self, origin: str) -> bool:
        head = self._read_head(origin)
        if head is None:
            return False
        if not self.is_proxied:
            head = self._named_by_host(head, origin)
        request = self._read_body(head)
        record = self.script.answer(request)
        response = record.response
        if response is None:
            return False
        if response.delivery is Delivery.STALL:
            self._wait_until_gone()
        if response.delivery is Delivery.LATE:
            self.stream.fill()  # the next request, which the response meets
        if response.delivery is Delivery.RESET:  # closing without lingering resets
            linger = struct.pack("ii", 1, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        response = packed(response, record.request)
        self._send(record, response)
        return not request.remark and stays_open(request, response)

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
                self.stream.fill()
            # Before the last byte: a client may send again at once.
            now_s = self.shared.clock.now()
            record.request = replace(record.request, answered_at_s=now_s)
            self.socket.sendall(part)
        if is_stalled:
            self._wait_until_gone()

    def _read_head(self, origin: str) -> Request | None:
        self.script = self.shared.current
        buffer = self.stream.buffer
        if buffer:
            self._begin_message()
        searched = 0
        with suppress(OSError, EOFError):
            while not skipped_lines(buffer) or (
                buffer.find(END_OF_HEAD, searched) < 0 and len(buffer) <= MAX_HEAD
            ):
                searched = max(len(buffer) - len(END_OF_HEAD), 0)
                self.stream.fill()
        head, end, rest = buffer.partition(END_OF_HEAD)
        first, *lines = head.decode("latin-1").split("\r\n")
        now_s = self.shared.clock.now()
        match first.split(" "):
            case [method, target, version] if (
                end and version.startswith("HTTP/1.") and len(lines) <= MAX_LINES
            ):
                buffer[:] = rest
            case _:
                if buffer:  # it is no HTTP, so that it has no method
                    body = bytes(buffer[:MAX_HEAD])
                    self.script.record(Request("", origin, (), body, now_s))
                return None
        is_absolute = target.lower().startswith(("http://", "https://"))
        url = target if is_absolute else origin + target
        fields = (line.partition(":") for line in lines)
        headers = tuple((name, value.strip(" \t")) for name, _, value in fields)
        return Request(
            method, url, headers, sent_at_s=now_s, is_proxied=self.is_proxied
        )

    def _read_body(self, head: Request) -> Request:
        """Read a body. A request that cannot be read ends the connection.

        It is recorded as far as it came.
        """
        if (head.header("Expect") or "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        received, parts, remark = bytearray(), self.stream.parts(0), ""
        try:
            is_in_chunks = head.header("Transfer-Encoding") is not None
            length = content_length(head.headers)
            if length is not None:
                remark = LENGTH_IGNORED if is_in_chunks else ""
                parts = self.stream.parts(length)
            if is_in_chunks:
                parts = self.stream.chunks()
            body = gather(parts, received)
        except (OSError, EOFError, FramingError) as error:
            body, is_odd = bytes(received), isinstance(error, FramingError)
            remark = f"a request that cannot be read: {error}" if is_odd else ""
        else:
            if not isinstance(body, CutBody):
                return replace(head, body=body, remark=remark)
            remark = TOO_LONG
        self.script.record(replace(head, body=body, remark=remark))
        raise ConnectionError("half a request")

    def _receive(self) -> bytes:
        self._wait()
        received = self.socket.recv(65536)
        if received and self.is_at_boundary:
            self._begin_message()
        return received

    def _begin_message(self) -> None:
        self.is_at_boundary = False
        self.script = self.shared.current
        self.script.is_reached = True

    def _wait_until_gone(self) -> None:
        while True:
            self.stream.fill()
            self.stream.buffer.clear()

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


def skipped_lines(buffer: bytearray) -> bytearray:
    """Remove empty lines before a request (RFC 9112, 2.2). Return what is left."""
    while buffer.startswith((b"\r", b"\n")):
        del buffer[:1]
    return buffer


def server_context() -> ssl.SSLContext:
    """Return the server's side of TLS, without a certificate.

    It prefers HTTP/1.1. Only a client that offers nothing else gets HTTP/2, so that its
    preface shows what it is.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1", "h2"])
    # Sessions are not resumed, so that a client sees the certificate each time.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    return context
