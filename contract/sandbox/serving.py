"""A WSGI application on loopback, on threads that end with the block.

waitress reads HTTP strictly, keeps connections open, sets TCP_NODELAY and passes the
path on undecoded, as `REQUEST_URI`. It has no TLS.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import waitress  # type: ignore[import-untyped]

from contract.errors import SubjectError
from contract.processes import LOST, forked, is_forkable

HOST = "127.0.0.1"

STOP_LIMIT_S = 5

OPTIONS = {
    "ident": "contract-sandbox",
    "threads": 8,
    "log_socket_errors": False,
    "asyncore_use_poll": True,
    "connection_limit": 1000,
    "max_request_header_size": 1 << 18,
    "max_request_body_size": 1 << 26,
}


@contextmanager
def serving(app: Callable[..., Any], port: int = 0) -> Iterator[str]:
    """Serve a WSGI application on 127.0.0.1 and yield its URL. Port 0 is any one.

    At the end, open requests have five seconds. Then no port and no thread of the
    server is left, and an exception of the application or of a server thread is raised.
    Raises SubjectError if the port is taken.
    """
    failures: list[BaseException] = []
    channels: dict[int, Any] = {}
    open_channels: list[Any] = []

    def run() -> None:
        with suppress(BaseException):
            watched(server.run, failures)()

    def stop() -> None:
        # The loop of the server ends when it has nothing left to watch.
        open_channels.extend(channels.values())
        channels.clear()

    # A full queue is not worth a warning here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    listener = listen(port)
    server = waitress.create_server(
        watched(app, failures), channels, sockets=[listener], **OPTIONS
    )
    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.task_dispatcher.shutdown(timeout=STOP_LIMIT_S)
        if thread.is_alive():
            server.trigger.pull_trigger(stop)
            thread.join()
        for channel in (*open_channels, *channels.values()):
            channel.close()
        listener.close()
    if failures:
        raise failures[0]


@contextmanager
def serving_each(*apps: Callable[..., Any]) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving(app)) for app in apps]


def watched(
    function: Callable[..., Any], failures: list[BaseException]
) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        try:
            return function(*args)
        except BaseException as error:
            failures.append(error)
            raise

    return call


def listen(port: int) -> socket.socket:
    """Return a listening socket. waitress would leave threads behind if it failed."""
    try:
        if not 0 <= port <= 65535:
            raise OSError("no such port")
        return socket.create_server((HOST, port), backlog=1024)
    except OSError as error:
        raise SubjectError(
            f"cannot listen on {HOST}:{port}: {error}; accepted: a free port, or 0"
        ) from None


@contextmanager
def sandboxes_for(options: Mapping[str, Any], *sandboxes: Any) -> Iterator[list[str]]:
    """Serve sandboxes, with 2 or more `jobs` in another process. Yield their URLs."""
    if (options.get("jobs") or 1) > 1 and is_forkable():
        with forked(serve, *sandboxes) as connection:
            try:
                urls = connection.recv()
            except EOFError:
                raise SubjectError(LOST) from None
            yield urls
    else:
        with serving_each(*sandboxes) as urls:
            yield urls


def serve(connection: Any, *sandboxes: Any) -> None:
    """Serve sandboxes until the process is killed."""
    with serving_each(*sandboxes) as urls:
        connection.send(urls)
        connection.recv()
