"""The sender: any bytes on the wire over one kept-open connection, and the answer as it came, in bounded time."""

import base64
import re
import select
import socket
import ssl
import time
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from contract.errors import UsageError
from contract.model import Headers, Response

__all__ = ["HttpConnection", "NoResponseError"]

_LARGEST_HEAD = 1 << 18
_LARGEST_BODY = 1 << 26
_CHUNK = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")
_NO_BODY = (204, 304)


class NoResponseError(Exception):
    """No whole answer came; `reason` is from a small fixed vocabulary, the message says more and holds no key."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


class HttpConnection:
    """One connection to a service at `http(s)://host[:port]`, made again where the service has closed it.

    `timeout_s` bounds the making of a connection, and after it the whole of a request and its answer. `ca_file`
    holds authorities to trust in place of the system's. For https, HTTPS_PROXY and NO_PROXY are honoured. Raises
    UsageError where the URL or the file cannot be used.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 5.0, ca_file: str | None = None
    ) -> None:
        try:
            parts = urlsplit(url)
            self.host, self.port = (
                parts.hostname or "",
                parts.port or {"http": 80, "https": 443}[parts.scheme],
            )
        except (ValueError, KeyError):
            self.host = ""
        if not self.host or parts.username is not None or parts.query or parts.fragment:
            raise UsageError(
                f"not the URL of a service: {_shown(url)}; accepted: http(s)://host[:port][/prefix]"
            )
        self.authority = parts.netloc
        self.prefix = parts.path.rstrip("/")
        self.secure = parts.scheme == "https"
        self.timeout_s = timeout_s
        self._tls: ssl.SSLContext | None = None
        if self.secure:
            try:
                self._tls = ssl.create_default_context(cafile=ca_file)
            except OSError as error:
                raise UsageError(
                    f"{ca_file}: no file of certificate authorities: {error.strerror}"
                ) from None
        self._proxy = (
            None
            if self._tls is None or proxy_bypass(self.host)
            else getproxies().get("https")
        )
        self._socket: socket.socket | None = None
        self._left = b""
        self._deadline_s = 0.0

    def __enter__(self) -> "HttpConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._left = None, b""

    def send(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Response:
        """Send a request, just as given save for Host and Content-Length, which are added; return the answer.

        Raises NoResponseError. On a kept connection that turns out to be closed the request is sent once more.
        """
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self.authority}",
            f"Content-Length: {len(body)}",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        whole = "\r\n".join((*lines, "", "")).encode("latin-1", "replace") + body
        for again in (False, True):
            kept = self._connect()
            try:
                return self._exchange(method, whole)
            except NoResponseError as error:
                self.close()
                if again or not kept or error.reason != "closed":
                    raise
            except OSError as error:
                self.close()
                raise self._silence(error) from None
        raise AssertionError

    def _connect(self) -> bool:
        """Have a connection; tell whether it was kept."""
        if self._socket is not None:
            if not select.select((self._socket,), (), (), 0)[0]:
                return True
            self.close()  # what a service says unasked is its end
        self._deadline_s = time.monotonic() + self.timeout_s
        try:
            self._socket = self._open()
        except NoResponseError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise NoResponseError("no connection", _words(error)) from None
        return False

    def _open(self) -> socket.socket:
        if self._proxy is None:
            made = socket.create_connection((self.host, self.port), self.timeout_s)
        else:
            made = self._tunnel(self._proxy)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            made.settimeout(self._remaining())
            made = self._tls.wrap_socket(made, server_hostname=self.host)
        return made

    def _tunnel(self, proxy: str) -> socket.socket:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        made = socket.create_connection(
            (parts.hostname or "", parts.port or 80), self.timeout_s
        )
        ask = f"CONNECT {self.host}:{self.port} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        if parts.username is not None:
            known = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            ask += f"Proxy-Authorization: Basic {base64.b64encode(known.encode()).decode()}\r\n"
        self._socket, self._left = made, b""
        made.sendall(f"{ask}\r\n".encode())
        status, _, _ = self._head()
        if not 200 <= status < 300:
            raise NoResponseError(
                "no connection", f"the proxy answers CONNECT with {status}"
            )
        return made

    def _exchange(self, method: str, whole: bytes) -> Response:
        self._deadline_s = time.monotonic() + self.timeout_s
        refused = False
        try:
            wire = self._open_socket()
            wire.settimeout(self.timeout_s)
            wire.sendall(whole)
        except (BrokenPipeError, ConnectionResetError):
            refused = True  # it may have answered before it had read all
        try:
            return self._answer(method)
        except (NoResponseError, OSError):
            if refused and len(whole) > _CHUNK:
                raise NoResponseError("closed while sending") from None
            raise

    def _answer(self, method: str) -> Response:
        status, headers, keep = self._head()
        while 100 <= status < 200:
            status, headers, keep = self._head()
        told = {name.lower(): value for name, value in headers}
        length = told.get("content-length", "")
        if method == "HEAD" or status in _NO_BODY:
            body = b""
        elif told.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(iter(self._piece, b""))
            while self._line():
                pass
        elif length:
            if (
                not (length.isascii() and length.isdecimal())
                or int(length[:20]) > _LARGEST_BODY
            ):
                raise NoResponseError(
                    "not HTTP", "Content-Length is no sensible number"
                )
            body = self._take(int(length))
        else:
            body, keep = self._rest(), False
        if not keep:
            self.close()
        return Response(status, headers, body)

    def _head(self) -> tuple[int, Headers, bool]:
        """Return status, headers, and whether the connection stays open."""
        line = self._line(first=True)
        match = _STATUS.fullmatch(line)
        if match is None:
            raise NoResponseError("not HTTP", "the answer has no HTTP status line")
        headers: list[tuple[str, str]] = []
        while field := self._line():
            name, mark, value = field.decode("latin-1").partition(":")
            if not mark or len(headers) > 1_000:
                raise NoResponseError("not HTTP", "a header line is none")
            headers.append((name, value.strip(" \t")))
        tokens = ",".join(
            value.lower() for name, value in headers if name.lower() == "connection"
        )
        keep = "close" not in tokens if match[1] == b"1" else "keep-alive" in tokens
        return int(match[2]), tuple(headers), keep

    def _line(self, first: bool = False) -> bytes:
        while True:
            line, mark, rest = self._left.partition(b"\n")
            if mark:
                self._left = rest
                return line.removesuffix(b"\r")
            if len(line) > _LARGEST_HEAD:
                raise NoResponseError("not HTTP", "a line of the head does not end")
            self._receive("closed" if first and not line else "closed mid-answer")

    def _piece(self) -> bytes:
        try:
            size = int(self._line().partition(b";")[0].strip() or b"x", 16)
        except ValueError:
            raise NoResponseError("not HTTP", "a chunk has no size") from None
        if not size:
            return b""
        piece = self._take(size)
        self._line()
        return piece

    def _take(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST_BODY:
            raise NoResponseError("not HTTP", "a body of a senseless size")
        if len(self._left) < size:
            pieces, have = [self._left], len(self._left)
            while have < size:
                self._left = b""
                self._receive("closed mid-answer")
                pieces.append(self._left)
                have += len(self._left)
            self._left = b"".join(pieces)
        body, self._left = self._left[:size], self._left[size:]
        return body

    def _rest(self) -> bytes:
        pieces = [self._left]
        size = len(self._left)
        self._left = b""
        try:
            while size <= _LARGEST_BODY:
                self._receive("the end")
                pieces.append(self._left)
                size += len(self._left)
                self._left = b""
        except NoResponseError as error:
            if error.reason != "the end":
                raise
        return b"".join(pieces)

    def _receive(self, at_end: str) -> None:
        wire = self._open_socket()
        wire.settimeout(self._remaining())
        try:
            came = wire.recv(_CHUNK)
        except ConnectionResetError:
            came = b""
            at_end = "closed mid-answer" if at_end == "the end" else at_end
        if not came:
            raise NoResponseError(at_end)
        self._left += came

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise NoResponseError("closed")
        return self._socket

    def _remaining(self) -> float:
        left = self._deadline_s - time.monotonic()
        if left <= 0:
            raise self._silence(TimeoutError())
        return left

    def _silence(self, error: OSError) -> NoResponseError:
        if isinstance(error, TimeoutError):
            return NoResponseError(
                "time-out", f"no whole answer within {self.timeout_s:g} s"
            )
        return NoResponseError("closed", _words(error))


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _shown(url: str) -> str:
    return re.sub("//[^/@]*@", "//…@", url)[:200]
