"""Connections that keep the deadline of a call.

The time-out of a socket starts again with every byte. So each read gets the time that
is left, and a connection is opened in a thread: names are looked up, and several
addresses tried, without a time-out for all of it.
"""

import io
import threading
import time
from concurrent.futures import Future
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class Call(threading.local):
    """The call that a thread makes. `end_s` is its deadline."""

    end_s = 0.0

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.end_s

    def seconds_left(self) -> float:
        """Raises TimeoutError after the deadline."""
        left_s = self.end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


call = Call()


class TimedAdapter(HTTPAdapter):
    """Adapter of a session. Its connections keep the deadline of `call`."""

    def get_connection_with_tls_context(
        self, *args: Any, **settings: Any
    ) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **settings)
        if not issubclass(pool.ConnectionCls, TimedConnection):
            names = (TimedConnection, pool.ConnectionCls)
            pool.ConnectionCls = type("Connection", names, {})
        return pool


class TimedConnection(HTTPConnection):
    """Connection of either scheme that keeps the deadline of `call`."""

    def connect(self) -> None:
        end_s, result = call.end_s, Future[None]()

        def run() -> None:
            call.end_s = end_s
            try:
                result.set_result(super(TimedConnection, self).connect())
            except BaseException as error:
                result.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        result.result(call.seconds_left())

    def response_class(self, sock: Any, **settings: Any) -> HTTPResponse:
        return HTTPResponse(TimedSocket(sock), **settings)


class TimedSocket(io.RawIOBase):
    """Socket that is read until the deadline of `call`."""

    def __init__(self, sock: Any) -> None:
        self._socket, self._file = sock, sock.makefile("rb", buffering=0)

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(call.seconds_left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
