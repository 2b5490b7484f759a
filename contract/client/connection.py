"""Connections that keep the deadline of a call.

The time-out of a socket starts again with every byte: each read gets what is left. To
open a connection takes a thread: to look names up and try addresses has no time-out.
"""

import threading
import time
from concurrent.futures import Future
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection


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
    def get_connection_with_tls_context(self, *args: Any, **settings: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **settings)
        if not issubclass(pool.ConnectionCls, TimedConnection):
            bases = (TimedConnection, pool.ConnectionCls)
            pool.ConnectionCls = type("Connection", bases, {})
        return pool


class TimedResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        file: Any = self.fp.raw
        read = file.readinto

        def readinto(buffer: Any) -> Any:
            sock.settimeout(call.seconds_left())
            return read(buffer)

        file.readinto = readinto


class TimedConnection(HTTPConnection):
    response_class = TimedResponse

    def connect(self) -> None:
        end_s, result = call.end_s, Future[None]()

        def run() -> None:
            call.end_s = end_s
            try:
                call.seconds_left()
                result.set_result(super(TimedConnection, self).connect())
            except BaseException as error:
                result.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            result.result(call.seconds_left())
        except BaseException:  # a connection that opens later has no user
            result.add_done_callback(lambda _: self.close())
            raise
