"""One connection to the impostor: the proxy's end at first, and after CONNECT a host's end of TLS.

A thread each. What the client sends is read here without judging it: raw targets, header order, duplicates
and half a request all reach the record.
"""

import http.client
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from contract.model import DRIP_S, Case, Headers, Request, Response, Tls, first

__all__ = ["Connection", "Script", "Stage"]

_KEY_HEADERS = {"dd-api-key", "dd-application-key", "authorization"}
_MOST_HEAD = (
    4 * 2**20
)  # an id of 8 kB, percent-encoded, is far below; more is no request line or header
_TLS_HANDSHAKE = (
    b"\x16"  # the record type that every ClientHello begins with (RFC 8446, 5.1)
)


class _GoneError(ConnectionError):
    """The client closed its end."""


@dataclass
class Record:
    """A request that was heard, and its answer from the script."""

    request: Request
    response: Response | None = None


@dataclass
class Script:
    """One case: the answers that are left, and what was heard."""

    case: Case
    records: list[Record] = field(default_factory=list)
    given: int = 0

    def record(self, request: Request) -> Record:
        """Keep a request, in the order in which requests were whole."""
        record = Record(request)
        self.records.append(record)
        return record

    def next_answer(self) -> Response | None:
        """Return the next answer of the case, or None where it has no more."""
        answer = (
            self.case.responses[self.given]
            if self.given < len(self.case.responses)
            else None
        )
        self.given += 1
        return answer


@dataclass
class Stage:
    """What the connections of one impostor share."""

    hosts: frozenset[str]
    context: Callable[[Tls, str], ssl.SSLContext]
    script: Script
    failure: BaseException | None = None
    connections: "set[Connection]" = field(default_factory=set)


class Connection:
    """One accepted connection, served by its own thread until either side ends it."""

    def __init__(self, stage: Stage, accepted: socket.socket) -> None:
        self.stage, self.socket, self.descriptor = stage, accepted, accepted.fileno()
        self.buffer = b""
        self.resting = False  # waits for the client, with nothing of what it sent left to deal with
        self.between = True  # no request is half read or half answered
        self.script = stage.script
        self.poll = select.poll()
        self.poll.register(self.descriptor, select.POLLIN)
        self.thread = threading.Thread(
            target=self._serve, name="impostor-connection", daemon=True
        )
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drop(self) -> None:
        """End the connection from another thread; TLS is left out of it."""
        with suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def _serve(self) -> None:
        try:
            with suppress(
                OSError
            ):  # the client's doing: it went away, or it did not trust us
                origin = self._proxy()
                while origin and self._one_exchange(origin):
                    self.between = True
        except Exception as error:  # a thread has no caller: `check` raises it
            self.stage.failure = error
        finally:
            self.resting = False
            self.poll.unregister(self.descriptor)
            self.socket.close()
            self.stage.connections.discard(self)

    # What the proxy does

    def _proxy(self) -> str | None:
        """Answer as the proxy; return the origin that the client is now connected to, or None."""
        head = self._read_head("")
        if head is None:
            return None
        host, _, port = head.url.rpartition(":")
        if (
            head.method != "CONNECT"
            or port != "443"
            or host.lower() not in self.stage.hosts
        ):
            if head.method != "CONNECT":
                url = (
                    head.url
                    if "://" in head.url
                    else f"http://{head.header('Host') or ''}{head.url}"
                )
                head = self._read_body(replace(head, url=url))
            self.script.record(head)
            self.socket.sendall(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            return None
        if any(name.lower() in _KEY_HEADERS for name, _ in head.headers):
            self.script.record(head)  # a key for the proxy, in the clear
        self.socket.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.between = True
        self._wait()
        first_byte = self.socket.recv(1, socket.MSG_PEEK)
        self._begin()
        tls = self.script.case.tls
        if first_byte != _TLS_HANDSHAKE:
            return f"http://{host.lower()}"
        if tls == "plain http":
            self._fill()
            answer = (
                self.script.case.responses[0]
                if self.script.case.responses
                else Response(400)
            )
            self.socket.sendall(_head_of(answer, len(answer.body)) + answer.body)
            self.socket.shutdown(socket.SHUT_WR)
            self._until_gone()
            return None
        context = self.stage.context(tls, host.lower())
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.socket.do_handshake()
        self.between = True
        return f"https://{host.lower()}"

    # What a host does

    def _one_exchange(self, origin: str) -> bool:
        """Read one request, answer it; return whether another may follow on the same connection."""
        head = self._read_head(origin)
        if head is None:
            return False
        request = self._read_body(head)
        record = self.script.record(request)
        answer = record.response = self.script.next_answer()
        if answer is None:
            return False
        if answer.delivery == "stall":
            self._until_gone()
        if answer.delivery == "reset":
            self.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            return False
        chunked = "chunked" in (answer.header("Transfer-Encoding") or "").lower()
        start = _head_of(
            answer, max(len(answer.body), int(answer.delivery == "stall-body"))
        )
        body = _chunks(answer.body) if chunked else answer.body
        if request.method == "HEAD":
            body = b""
        if answer.delivery == "whole":
            self.socket.sendall(start + body)
        elif answer.delivery == "cut":
            self.socket.sendall(
                start + body[: len(body) // 2] if body else start[: len(start) // 2]
            )
        else:
            self.socket.sendall(start)
        record.request = replace(request, answered_s=time.monotonic())
        if answer.delivery == "stall-body":
            self._until_gone()
        if answer.delivery == "drip":
            for index in range(len(body)):
                if self._wait(DRIP_S):
                    self._fill()
                self.socket.sendall(body[index : index + 1])
                record.request = replace(request, answered_s=time.monotonic())
        ends = "close" in {
            (request.header("Connection") or "").lower(),
            (answer.header("Connection") or "").lower(),
        }
        bodiless = answer.status in (204, 304) or answer.status < 200
        announced = answer.header("Content-Length") or (
            0 if bodiless else len(answer.body)
        )
        framed = (
            chunked
            or request.method == "HEAD"
            or str(announced) == str(len(answer.body))
        )
        return framed and not ends and answer.delivery != "cut"

    # What comes in

    def _read_head(self, origin: str) -> Request | None:
        """Read up to the empty line; None if the client went away, or sent something that is no HTTP."""
        self.script = self.stage.script
        if self.buffer:
            self._begin()
        while (
            not (received := self.buffer.lstrip(b"\r\n")) or b"\r\n\r\n" not in received
        ):
            try:
                self._fill()
            except OSError:
                if received:
                    self.script.record(
                        Request("", origin, (), received, at_s=time.monotonic())
                    )
                return None
            if len(self.buffer) > _MOST_HEAD:
                break
        at_s = time.monotonic()
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self.script.record(Request("", origin, (), received, at_s))
            return None
        self.buffer = rest
        method, target, _ = words
        url = (
            target
            if target.lower().startswith(("http://", "https://"))
            else origin + target
        )
        fields = (line.partition(":") for line in lines[1:])
        headers: Headers = tuple(
            (name, value.strip(" \t")) for name, _, value in fields
        )
        return Request(method, url, headers, b"", at_s)

    def _read_body(self, head: Request) -> Request:
        """Read the body, decoded from its chunks (RFC 9112, 6 and 7); what came is recorded also if it ends early."""
        coding, length = (
            first(head.headers, "Transfer-Encoding"),
            first(head.headers, "Content-Length"),
        )
        if (first(head.headers, "Expect") or "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body: list[bytes] = []
        try:
            if coding is not None:
                while size := int(self._line().partition(b";")[0], 16):
                    self._take(size, body)
                    self._line()
                while self._line():  # trailers
                    pass
            elif length is not None:
                self._take(int(length), body)
        except (OSError, ValueError) as error:
            self.script.record(replace(head, body=b"".join(body)))
            raise _GoneError("half a request") from error
        return replace(head, body=b"".join(body))

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _take(self, size: int, into: list[bytes]) -> None:
        while size:
            if not self.buffer:
                self._fill()
            into.append(self.buffer[:size])
            size -= len(into[-1])
            self.buffer = self.buffer[len(into[-1]) :]

    def _fill(self) -> None:
        """Wait for bytes and add them to the buffer."""
        self._wait()
        received = self.socket.recv(65536)
        if not received:
            raise _GoneError("the client closed its end")
        if self.between:
            self._begin()
        self.buffer += received

    def _begin(self) -> None:
        """From here on it is about the case that is played now, even if another begins meanwhile."""
        self.between, self.script = False, self.stage.script

    def _until_gone(self) -> None:
        while True:
            self._fill()

    def _wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the client sent something or closed, at most so long; return whether it did.

        `resting` ends before the bytes leave the kernel, so that whoever looks sees one or the other.
        """
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        if hasattr(
            socket, "TCP_QUICKACK"
        ):  # Linux; a delayed ACK would meet the client's Nagle: 40 ms
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self.resting = True
        ready = self.poll.poll(None if timeout_s is None else timeout_s * 1000)
        self.resting = False
        return bool(ready)


def _head_of(answer: Response, announced: int) -> bytes:
    """Return status line and header fields; a length is added only where the answer has no framing of its own."""
    lines = [
        f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Unnamed')}"
    ]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    names = {name.lower() for name, _ in answer.headers}
    if (
        not names & {"content-length", "transfer-encoding"}
        and answer.status not in (204, 304)
        and answer.status >= 200
    ):
        lines.append(f"Content-Length: {announced}")
    text = "\r\n".join(lines) + "\r\n\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _chunks(body: bytes) -> bytes:
    """Return the body in two chunks, or none (RFC 9112, 7.1)."""
    half = (len(body) + 1) // 2
    parts = [part for part in (body[:half], body[half:]) if part]
    return (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    )
