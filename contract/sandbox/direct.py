"""A WSGI application without a socket: requests are answered in the caller's thread.

waitress reads the bytes of a request and calls the application, as `serving` does.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from waitress.adjustments import Adjustments  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]

from contract.model import Headers, Response
from contract.sandbox.serving import OPTIONS
from contract.servers.framing import framed_request

SETTINGS = Adjustments(**OPTIONS)
LOOPBACK = "127.0.0.1"


class DirectConnection:
    """A connection to an application, in the place of an `HttpConnection`."""

    host = authority = LOOPBACK
    origin, prefix, waits = f"http://{LOOPBACK}", "", False

    def __init__(self, application: Callable[..., Any]) -> None:
        self.notes: Counter[str] = Counter()
        # The parts of a server and of a channel that a task of waitress needs.
        self.application = application
        self.server, self.adj, self.addr = self, SETTINGS, (LOOPBACK, 0)
        self.server_name, self.effective_port = LOOPBACK, 80
        self.check_client_disconnected = bool
        self._sent: list[bytes] = []
        self.write_soon = self._sent.append

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    renew = close

    def send(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        data = framed_request(method, target, self.authority, headers, body)
        request = HTTPRequestParser(SETTINGS)
        while data and not request.completed:
            data = data[request.received(data) :]
        task = (ErrorTask if request.error else WSGITask)(self, request)
        self._sent.clear()
        task.service()
        request.close()
        sent, status = b"".join(self._sent), int(task.status[:3])
        return Response(
            status, tuple(task.response_headers), sent.partition(b"\r\n\r\n")[2]
        )
