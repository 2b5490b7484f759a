"""A WSGI application on loopback, on threads that end with the block.

waitress reads HTTP strictly, keeps connections, sets TCP_NODELAY and hands on the path undecoded, as
`REQUEST_URI`. It has no TLS: whoever needs it terminates TLS in front and passes bytes on.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import waitress  # type: ignore[import-untyped]

from contract.errors import SubjectError
from contract.sandbox.model import Environ

__all__ = ["serving"]

HOST = "127.0.0.1"
_STOP_S = 5
_NAMES = {
    "ident": "contract-sandbox",
    "log_socket_errors": False,
    "asyncore_use_poll": True,
}
_ROOM = {
    "connection_limit": 1000,
    "max_request_header_size": 1 << 18,
    "max_request_body_size": 1 << 26,
}


@contextmanager
def serving(
    app: Callable[[Environ, Callable[..., Any]], Iterable[bytes]],
    port: int = 0,
    *,
    threads: int = 8,
) -> Iterator[str]:
    """Serve the application on 127.0.0.1 and yield its URL; port 0 takes any free one.

    `threads` requests are answered at a time. On leaving, requests under way get five seconds to end; then no
    port and no thread of the server is left. What the application or a thread of the server raised is
    raised again there, unless the block itself raised. Raises SubjectError where the port is taken.
    """
    failures: list[BaseException] = []

    def watched(
        environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except BaseException as error:
            failures.append(error)
            raise

    def run() -> None:
        try:
            server.run()
        except BaseException as error:
            failures.append(error)

    def halt() -> None:
        left.extend(known.values())
        known.clear()  # the loop ends as it has nothing left to watch

    logging.getLogger("waitress.queue").setLevel(
        logging.ERROR
    )  # a queue is no news here
    listener = _listening(port)
    known: dict[int, Any] = {}
    left: list[Any] = []
    server = waitress.create_server(
        watched, known, sockets=[listener], threads=threads, **_NAMES, **_ROOM
    )
    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.task_dispatcher.shutdown(timeout=_STOP_S)
        if thread.is_alive():
            server.trigger.pull_trigger(halt)
            thread.join()
        for part in (*left, *known.values()):
            part.close()
        listener.close()
    if failures:
        raise failures[0]


def _listening(port: int) -> socket.socket:
    # bound before waitress starts any thread, since it leaves them behind where it fails
    try:
        if not 0 <= port <= 65535:
            raise OSError("no such port")
        return socket.create_server((HOST, port), backlog=1024)
    except OSError as error:
        raise SubjectError(
            f"cannot listen on {HOST}:{port}: {error}; accepted: a free port, or 0"
        ) from None
