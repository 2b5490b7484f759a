"""Servers that send raw bytes, for tests."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def listening(respond: Callable[[socket.socket], object]) -> Iterator[str]:
    """Listen on loopback; each connection is handed to `respond`."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                respond(connection)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)


def sending(text: bytes) -> Callable[[socket.socket], None]:
    """Answer any request with these bytes, and close."""

    def respond(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(text)

    return respond


def page(
    body: bytes,
    *,
    length: int | None = None,
    status: str = "200 OK",
    media: str = "text/html",
) -> bytes:
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {size}\r\n\r\n".encode()
        + body
    )
