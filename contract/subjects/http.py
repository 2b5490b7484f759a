"""Requests to a service, with waits for its rate limit and retries after outages.

HTTP/1.1 is raw: any bytes in a request, the response as it came, in bounded time.
"""

import re
import select
import socket
import ssl
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from contract.endpoint import reset_seconds
from contract.errors import UsageError
from contract.model import Headers, Outcome, OutcomeKind, Request, Response
from contract.servers import REAL_TIME, Clock
from contract.spec.text import read_bytes
from contract.subjects.proxy import Proxy, proxy_for

MAX_LINE = 1 << 18
MAX_BODY = 1 << 26
MAX_HEADERS = 1_000
CHUNK = 1 << 16
ONLY_HTTP_1 = "HTTP/1.1 is what is supported here"
HTTP_2_FRAME = re.compile(rb"\0\0.[\x04\x07].\0{4}", re.DOTALL)
"""Head of a SETTINGS or GOAWAY frame of a connection (RFC 9113, 4.1 and 3.4)."""

CODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""Content codings that are unpacked, with their zlib windows (RFC 9110, 8.4.1)."""

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")


class NoResponseError(Exception):
    """No whole response came. The message holds no key.

    `reason` is `no connection`, `closed`, `closed while sending`, `closed mid-answer`,
    `not HTTP` or `time-out`.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


class HttpConnection:
    """One connection to a service at `http(s)://host[:port][/prefix]`.

    `timeout_s` bounds the opening, and then each request with its response. `ca_file`
    has the authorities to trust in place of the system's. For https, a proxy of the
    environment applies. With `may_resend`, a request is sent a second time if an open
    connection turns out to be closed. Raise UsageError for a bad URL or file.
    """

    _socket: socket.socket

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 5.0,
        ca_file: str | None = None,
        may_resend: bool = True,
    ) -> None:
        try:
            parts = urlsplit(url)
            self.host = parts.hostname or ""
            self.port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (ValueError, KeyError):
            self.host = ""
        if not self.host or parts.username is not None or parts.query or parts.fragment:
            without_login = re.sub("//[^/@]*@", "//…@", url)[:200]
            accepted = "accepted: http(s)://host[:port][/prefix]"
            raise UsageError(f"not the URL of a service: {without_login}; {accepted}")
        self.authority = parts.netloc
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rstrip("/")
        self.timeout_s = timeout_s
        self._may_resend = may_resend
        self._tls: ssl.SSLContext | None = None
        self._proxy: Proxy | None = None
        if parts.scheme == "https":
            try:
                if ca_file is not None:
                    read_bytes(ca_file)  # ssl would wait for a FIFO
                self._tls = ssl.create_default_context(cafile=ca_file)
                self._tls.set_alpn_protocols(["http/1.1"])
            except OSError as error:
                problem = f"no file of certificate authorities: {error.strerror}"
                raise UsageError(f"{ca_file}: {problem}") from None
            self._proxy = proxy_for("https", self.host)
        self._is_open = False
        self._buffer = bytearray()
        self._deadline_s = 0.0

    def __enter__(self) -> "HttpConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_loopback(self) -> bool:
        """True if the host is this machine (RFC 6761, 6.3). No name is looked up."""
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host == "localhost" or self.host.endswith(".localhost")

    def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        if self._is_open:
            self._socket.close()
        self._is_open = False
        self._buffer.clear()

    def send(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        """Send a request with Host and Content-Length. Raise NoResponseError."""
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self.authority}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        head = "\r\n".join([*lines, "", ""])
        request = head.encode("latin-1", "replace") + body
        is_reused = self._connect()
        try:
            return self._exchange(method, request)
        except NoResponseError as error:
            if not (is_reused and self._may_resend and error.reason == "closed"):
                raise
        self._connect()
        return self._exchange(method, request)

    def _connect(self) -> bool:
        """Open a connection if there is none. Return whether there was one."""
        if self._is_open:
            if not select.select((self._socket,), (), (), 0)[0]:
                return True
            self.close()  # unrequested bytes: the service is closing it
        self._deadline_s = time.monotonic() + self.timeout_s
        try:
            if self._proxy is None:
                self._open(self.host, self.port)
            else:
                self._tunnel(self._proxy)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls := self._tls:
                self._socket.settimeout(self._remaining_s())
                self._socket = tls.wrap_socket(self._socket, server_hostname=self.host)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise NoResponseError("no connection", system_message(error)) from None
            raise
        return False

    def _open(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), self.timeout_s)
        self._is_open = True

    def _tunnel(self, proxy: Proxy) -> None:
        """Connect by way of a proxy (RFC 9110, section 9.3.6)."""
        self._open(proxy.host, proxy.port)
        target = f"{self.host}:{self.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.login:
            lines.append(f"Proxy-Authorization: Basic {proxy.login}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        status, _, _ = self._read_head()
        if not 200 <= status < 300:
            message = f"the proxy answers CONNECT with {status}"
            raise NoResponseError("no connection", message)

    def _exchange(self, method: str, request: bytes) -> Response:
        self._deadline_s = time.monotonic() + self.timeout_s
        is_sent = True
        try:
            try:
                self._socket.settimeout(self.timeout_s)
                self._socket.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                is_sent = False  # the response may have come before the end
            return self._read_response(method)
        except BaseException as error:  # after Ctrl-C, too, the response may come
            self.close()
            is_cut = not is_sent and len(request) > CHUNK
            if is_cut and isinstance(error, Exception):
                raise NoResponseError("closed while sending") from None
            if isinstance(error, OSError):
                raise self._no_response(error) from None
            raise

    def _read_response(self, method: str) -> Response:
        """Read a response (RFC 9112, section 6)."""
        status, headers, is_kept = self._read_head()
        while 100 <= status < 200:
            status, headers, is_kept = self._read_head()
        fields = {name.lower(): value for name, value in headers}
        length = fields.get("content-length", "")
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif fields.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(iter(self._read_chunk, b""))
            while self._read_line():  # trailers
                pass
        elif length:
            if not re.fullmatch("0*[0-9]{1,19}", length):
                raise NoResponseError("not HTTP", "Content-Length is no number")
            body = self._take(int(length))
        else:
            while len(self._buffer) <= MAX_BODY and (part := self._receive("")):
                self._buffer += part
            body = bytes(self._buffer)
            is_kept = False
        if not is_kept:
            self.close()
        return unpacked(Response(status, headers, body))

    def _read_head(self) -> tuple[int, Headers, bool]:
        """Return status, headers, and whether the connection stays open."""
        if not (match := STATUS_LINE.fullmatch(self._read_line(is_first=True))):
            raise NoResponseError("not HTTP", "the answer has no HTTP status line")
        headers: list[tuple[str, str]] = []
        while field := self._read_line():
            name, colon, value = field.decode("latin-1").partition(":")
            if not colon or len(headers) > MAX_HEADERS:
                raise NoResponseError("not HTTP", "a header line is none")
            headers.append((name, value.strip(" \t")))
        texts = [value for name, value in headers if name.lower() == "connection"]
        options = ",".join(texts).lower()
        is_closed = "close" in options
        is_kept = not is_closed if match[1] == b"1" else "keep-alive" in options
        return int(match[2]), tuple(headers), is_kept

    def _read_line(self, is_first: bool = False) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            size = len(self._buffer)
            if size > MAX_LINE:
                raise NoResponseError("not HTTP", "a line of the head does not end")
            if is_first and HTTP_2_FRAME.match(self._buffer):
                raise NoResponseError("not HTTP", f"HTTP/2; {ONLY_HTTP_1}")
            at_end = "closed" if is_first and not size else "closed mid-answer"
            self._buffer += self._receive(at_end)
        return self._take(end + 1)[:-1].removesuffix(b"\r")

    def _read_chunk(self) -> bytes:
        try:
            size = int(self._read_line().partition(b";")[0], 16)
        except ValueError:
            raise NoResponseError("not HTTP", "a chunk has no size") from None
        chunk = self._take(size)
        if chunk:
            self._read_line()
        return chunk

    def _take(self, size: int) -> bytes:
        if not 0 <= size <= MAX_BODY:
            raise NoResponseError("not HTTP", "a body of a senseless size")
        while len(self._buffer) < size:
            self._buffer += self._receive("closed mid-answer")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _receive(self, at_end: str) -> bytes:
        """Return more bytes, or b"" at the end if `at_end` is empty."""
        self._socket.settimeout(self._remaining_s())
        if hasattr(socket, "TCP_QUICKACK"):
            # Linux: a delayed acknowledgement and the service's Nagle cost 40 ms.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            received = self._socket.recv(CHUNK)
        except ConnectionResetError:
            raise NoResponseError(at_end or "closed mid-answer") from None
        if not received and at_end:
            raise NoResponseError(at_end)
        return received

    def _remaining_s(self) -> float:
        """Return the seconds left. Raise NoResponseError after the deadline."""
        remaining_s = self._deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise self._no_response(TimeoutError())
        return remaining_s

    def _no_response(self, error: OSError) -> NoResponseError:
        if isinstance(error, TimeoutError):
            message = f"no whole answer within {self.timeout_s:g} s"
            return NoResponseError("time-out", message)
        return NoResponseError("closed", system_message(error))


def unpacked(response: Response) -> Response:
    """Return a response without gzip or deflate. A damaged body stays packed."""
    if response.coding not in CODINGS:
        return response
    stream = zlib.decompressobj(CODINGS[response.coding])
    with suppress(zlib.error):
        body = stream.decompress(response.body, MAX_BODY)
        if stream.eof:
            return replace(response, body=body)
    return response


def system_message(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and "NO_APPLICATION_PROTOCOL" in str(error):
        return ONLY_HTTP_1
    return error.strerror or str(error) or type(error).__name__


# -- transfers --

DEFAULT_WAIT_S = 1.0
"""Wait after a 429 whose reset makes no sense."""

BUDGET_SPENT = "budget spent"
"""Reason for no response: the user's budget did not admit the request."""


Send = Callable[[str, str, Headers, bytes], Response]
"""Function that sends one request at a time, as `HttpConnection.send`."""


class Attempt(NamedTuple):
    """A request, its response if any, and the outcome."""

    request: Request
    response: Response | None
    outcome: Outcome


class Transfer(list[Attempt]):
    """All attempts at one request. The last one counts."""

    @property
    def outcome(self) -> Outcome:
        return self[-1].outcome

    @property
    def response(self) -> Response | None:
        return self[-1].response

    @property
    def is_success(self) -> bool:
        return self.response is not None and self.response.is_success

    @property
    def is_deletion(self) -> bool:
        """True if a snapshot is gone after its deletion (statuses: overlay)."""
        return self.is_success or self.outcome.status in (404, 410)

    @property
    def ending(self) -> str:
        """The status of the last response, or the reason why there is none."""
        status = self.outcome.status
        return self.outcome.message if status is None else str(status)


def trouble_of(outcome: Outcome) -> str:
    """Describe a possible outage (5xx, no response), or return an empty string."""
    if outcome.kind is OutcomeKind.FAILED:
        is_refusal = outcome.type in ("closed while sending", BUDGET_SPENT)
        return "" if is_refusal else f"no answer: {outcome.message}"
    is_error = outcome.status is not None and outcome.status >= 500
    return f"answered with {outcome.status}" if is_error else ""


@dataclass
class Transport:
    """Sends requests to an origin.

    A request waits for the rate limit at most `patience_s`. After `max_silences`
    requests in a row without a response the service is lost, and `loss` says why.
    `notes` counts the attempts that were repeated.
    """

    origin: str
    send_once: Send
    patience_s: float
    clock: Clock = REAL_TIME
    max_silences: float = 4
    loss: str = ""
    notes: Counter[str] = field(default_factory=Counter)
    silences: int = 0

    def send(self, request: Request, pauses_s: Sequence[float] = ()) -> Transfer:
        """Send a request, whose URL is a target, and again after each 429.

        It is repeated after each pause while there is trouble. Raise nothing.
        """
        transfer = self._send_patiently(request)
        for pause_s in pauses_s:
            trouble = trouble_of(transfer.outcome)
            if not trouble or self.loss:
                break
            self.notes[f"{trouble} while nothing was judged"] += 1
            self.clock.sleep(pause_s)
            transfer += self._send_patiently(request)
        return transfer

    def _send_patiently(self, request: Request) -> Transfer:
        transfer = self._attempt(request)
        patience_s = self.patience_s
        while (response := transfer.response) and response.status == 429:
            wait_s = reset_seconds(response.headers) or DEFAULT_WAIT_S
            patience_s -= wait_s
            if patience_s < 0:
                self.loss = "the rate limit is used up, and waiting does not help"
                break
            self.clock.sleep(wait_s)
            transfer += self._attempt(request)
        return transfer

    def _attempt(self, request: Request) -> Transfer:
        begin_s = time.monotonic()
        method, target = request.method, request.url
        request = replace(request, url=self.origin + target, sent_at_s=begin_s)
        response: Response | None = None
        try:
            response = self.send_once(method, target, request.headers, request.body)
            is_success = response.is_success
            kind = OutcomeKind.SNAPSHOT if is_success else OutcomeKind.API_ERROR
            outcome = Outcome(kind, status=response.status)
            request = replace(request, answered_at_s=time.monotonic())
            self.silences = 0
        except NoResponseError as error:
            self.silences += error.reason in ("time-out", "no connection")
            if self.silences >= self.max_silences:
                self.loss = f"the service no longer answers ({error})"
            outcome = Outcome(OutcomeKind.FAILED, message=str(error), type=error.reason)
        outcome = replace(outcome, seconds=time.monotonic() - begin_s)
        return Transfer([Attempt(request, response, outcome)])
