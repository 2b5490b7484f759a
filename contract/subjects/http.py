"""Raw HTTP/1.1: any bytes in a request, the response as it came.

Time and memory are bounded.
"""

import os
import re
import select
import socket
import ssl
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack
from urllib.parse import urlsplit

from contract.errors import UsageError
from contract.model import (
    CODINGS,
    CutBody,
    Headers,
    Response,
)
from contract.model.bodies import gather, inflated
from contract.servers.framing import (
    LENGTH_IGNORED,
    ByteStream,
    FramingError,
    content_length,
    framed_request,
    values_of,
)
from contract.spec.text import read_bytes
from contract.subjects.proxy import Proxy, proxy_for

CHUNK = 1 << 16
ONLY_HTTP_1 = "HTTP/1.1 is what is supported here"
NO_CERTIFICATE = "a client certificate is demanded; accepted: --cert FILE, --key FILE"
HTTP_2_FRAME = re.compile(rb"\0\0.[\x04\x07].\0{4}", re.DOTALL)
"""Head of a SETTINGS or GOAWAY frame of a connection (RFC 9113, 4.1 and 3.4)."""

LEFT_OVER = "bytes after a response, before the next request"
TOO_LONG = "a response of more than 4 MiB, which was cut"
IDLE_S = 0.5
"""Seconds after which a connection is idle."""

SPIN_S = 0.0003
"""Seconds in which a near service answers: sooner than this process would wake up."""

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")


class NoResponseError(Exception):
    """No whole response came. The message holds no key.

    `reason` is `no connection`, `closed`, `closed while sending`, `closed mid-answer`,
    `not HTTP` or `time-out`.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


class TlsFiles(TypedDict, total=False):
    """Trusted authorities, a client certificate, and its key, if apart, in PEM."""

    ca_file: Path | str | None
    cert: Path | str | None
    key: Path | str | None


def tls_files(options: Mapping[str, Any]) -> Any:
    """Return the files among other options."""
    return {name: options.get(name) for name in TlsFiles.__annotations__}


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of a client. Raise UsageError for a file of no use."""
    ca_file, cert, key = files.get("ca_file"), files.get("cert"), files.get("key")
    if key and not cert:
        raise UsageError("--key: needs --cert FILE")
    problem = f"{ca_file}: no file of certificate authorities"
    try:
        if ca_file:
            read_bytes(ca_file)  # ssl would wait for a FIFO
        context = ssl.create_default_context(cafile=ca_file)
        problem = f"{cert}, {key or cert}: no certificate and key without a password"
        if cert:
            read_bytes(cert)
            read_bytes(key or cert)
            context.load_cert_chain(cert, key, password="")
    except OSError as error:
        raise UsageError(f"{problem}: {error.strerror}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


class HttpConnection:
    """One connection to a service at `http(s)://host[:port][/prefix]`.

    `timeout_s` bounds a request with its response and the opening. For https, a proxy
    of the environment and the files of `tls` apply. With `may_resend`, a request that
    is no POST is sent a second time if an open connection turns out to be closed.
    `notes` counts what is odd in the framing of responses. `while_waiting` is called
    once a request was sent. Raise UsageError for a bad URL or file.
    """

    waits = True
    _socket: socket.socket
    _poll: select.poll

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 5.0,
        may_resend: bool = True,
        **tls: Unpack[TlsFiles],
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
        is_tls = parts.scheme == "https"
        self._tls = tls_context(tls) if is_tls else None
        self._proxy = proxy_for("https", self.host) if is_tls else None
        self.notes: Counter[str] = Counter()
        self._is_open = False
        self._stream = ByteStream(self._receive)
        self._has_begun = False
        self._deadline_s = 0.0
        self.while_waiting: Callable[[], object] = lambda: None

    def __enter__(self) -> "HttpConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        if self._is_open:
            self._socket.close()
        self._is_open = False
        self._stream.buffer.clear()

    def renew(self) -> None:
        """Close a connection that was idle. The service may close it, too."""
        sent_at_s = self._deadline_s - self.timeout_s
        if time.monotonic() - sent_at_s > IDLE_S:
            self.close()

    def send(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        """Send a request with Host and Content-Length. Raise NoResponseError."""
        request = framed_request(method, target, self.authority, headers, body)
        self._deadline_s = time.monotonic() + self.timeout_s
        is_reused = self._connect()
        try:
            return self._exchange(method, request)
        except NoResponseError as error:
            may_resend = is_reused and self._may_resend and method != "POST"
            if not (may_resend and error.reason == "closed"):
                raise
        self._connect()
        return self._exchange(method, request)

    def _connect(self) -> bool:
        """Open a connection if there is none. Return whether there was one."""
        if self._is_open:
            if self._is_silent():
                return True
            self.close()
        try:
            if self._proxy is None:
                self._open(self.host, self.port)
            else:
                self._tunnel(self._proxy)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls := self._tls:
                self._socket.settimeout(self._remaining_s())
                self._socket = tls.wrap_socket(self._socket, server_hostname=self.host)
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        except BaseException as error:
            self.close()
            if isinstance(error, READ_ERRORS):
                raise NoResponseError("no connection", system_message(error)) from None
            raise
        return False

    def _is_silent(self) -> bool:
        """Return whether nothing came since the last response, and no end either."""
        if self._tls is None and not self._poll.poll(0):
            return True
        try:
            self._socket.settimeout(0)
            if self._socket.recv(CHUNK):
                self.notes[LEFT_OVER] += 1
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def _open(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), self._remaining_s())
        self._is_open = True

    def _tunnel(self, proxy: Proxy) -> None:
        """Connect by way of a proxy (RFC 9110, section 9.3.6)."""
        self._open(proxy.host, proxy.port)
        target = f"{self.host}:{self.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.login:
            lines.append(f"Proxy-Authorization: Basic {proxy.login}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        status = self._read_head().status
        if not 200 <= status < 300:
            message = f"the proxy answers CONNECT with {status}"
            raise NoResponseError("no connection", message)

    def _exchange(self, method: str, request: bytes) -> Response:
        self._has_begun = False
        is_sent = True
        try:
            try:
                self._socket.settimeout(self._remaining_s())
                self._socket.sendall(request)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                is_sent = False  # the response may have come before the end
            self._work()
            return self._read_response(method)
        except BaseException as error:  # after Ctrl-C, too, the response may come
            self.close()
            is_cut = not is_sent and len(request) > CHUNK
            if is_cut and isinstance(error, Exception):
                raise NoResponseError("closed while sending") from None
            if isinstance(error, READ_ERRORS):
                raise self._no_response(error) from None
            raise

    def _work(self) -> None:
        """Let others use the time that the service takes. That may not end its time."""
        begin_s = time.monotonic()
        self.while_waiting()
        if self._poll.poll(0):
            self._deadline_s += time.monotonic() - begin_s
        while time.monotonic() < begin_s + SPIN_S and not self._poll.poll(0):
            os.sched_yield()

    def _read_response(self, method: str) -> Response:
        """Read a response (RFC 9112, section 6)."""
        head = self._read_head()
        while 100 <= head.status < 200:
            head = self._read_head()
        status, headers, codings, is_kept = head
        stream = self._stream
        length = content_length(headers)
        if codings and length is not None:
            self.notes[LENGTH_IGNORED] += 1
            is_kept, length = False, None
        if method == "HEAD" or status in (204, 304):
            parts = stream.parts(0)
        elif codings.endswith("chunked"):
            parts = stream.chunks()
        elif length is not None:
            parts = stream.parts(length)
        else:
            parts, is_kept = stream.rest(), False
        response = unpacked(Response(status, headers, gather(parts, bytearray())))
        if isinstance(response.body, CutBody):
            self.notes[TOO_LONG] += 1
            is_kept = False
        elif stream.buffer:
            self.notes[LEFT_OVER] += 1
            is_kept = False
        if not is_kept:
            self.close()
        return response

    def _read_head(self) -> "Head":
        if (head := self._stream.head()) is None:
            return parse_head(self._stream.lines())
        is_small = len(head) < SMALL_HEAD
        return (parse_small_head if is_small else parse_whole_head)(head)

    def _receive(self) -> bytes:
        self._socket.settimeout(self._remaining_s())
        if self._has_begun and hasattr(socket, "TCP_QUICKACK"):
            # Linux: a delayed acknowledgement and the service's Nagle cost 40 ms.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        received = self._socket.recv(CHUNK)
        if not self._has_begun and HTTP_2_FRAME.match(received):
            raise FramingError(f"HTTP/2; {ONLY_HTTP_1}")
        self._has_begun |= bool(received)
        return received

    def _remaining_s(self) -> float:
        """Return the seconds left. Raise NoResponseError after the deadline."""
        remaining_s = self._deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise self._no_response(TimeoutError())
        return remaining_s

    def _no_response(self, error: Exception) -> NoResponseError:
        if isinstance(error, TimeoutError):
            message = f"no whole answer within {self.timeout_s:g} s"
            return NoResponseError("time-out", message)
        if isinstance(error, FramingError):
            return NoResponseError("not HTTP", str(error))
        if "CERTIFICATE_REQUIRED" in str(error):  # TLS 1.3: after the handshake
            return NoResponseError("no connection", NO_CERTIFICATE)
        if isinstance(error, EOFError | ConnectionResetError):
            reason = "closed mid-answer" if self._has_begun else "closed"
            return NoResponseError(reason)
        return NoResponseError("closed", system_message(error))


class Head(NamedTuple):
    """Head of a response. `is_kept` says that its connection stays open."""

    status: int
    headers: Headers
    transfer_codings: str
    is_kept: bool


def parse_head(lines: Iterator[bytes]) -> Head:
    """Parse a head line by line. Raise FramingError."""
    if not (match := STATUS_LINE.fullmatch(next(lines, b""))):
        raise FramingError("the answer has no HTTP status line")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise FramingError("a header line is none")
        headers.append((name, value.strip(" \t")))
    options, codings = (
        ",".join(values_of(name, headers)).lower()
        for name in ("connection", "transfer-encoding")
    )
    is_closed = "close" in options
    is_kept = not is_closed if match[1] == b"1" else "keep-alive" in options
    return Head(int(match[2]), tuple(headers), codings, is_kept)


def parse_whole_head(head: bytes) -> Head:
    return parse_head(line.removesuffix(b"\r") for line in head.split(b"\n"))


SMALL_HEAD = 1 << 11
"""Bytes of a head whose parsed form is kept."""

parse_small_head = lru_cache(maxsize=32)(parse_whole_head)


READ_ERRORS = (OSError, EOFError, FramingError)


def unpacked(response: Response) -> Response:
    """Return a response without gzip or deflate. A damaged body stays packed."""
    if response.coding in CODINGS and not isinstance(response.body, CutBody):
        with suppress(zlib.error):
            body = inflated(response.body, CODINGS[response.coding])
            return replace(response, body=body)
    return response


def system_message(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and "NO_APPLICATION_PROTOCOL" in str(error):
        return ONLY_HTTP_1
    return getattr(error, "strerror", "") or str(error) or type(error).__name__
