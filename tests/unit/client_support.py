"""Helpers of the tests of the minimal client."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import responses

from contract.client import Snapshot, SnapshotClient, SnapshotError

API_KEY = "0123456789abcdef0123456789abcdef"
APP_KEY = "fedcba9876543210fedcba9876543210fedcba98"
URL = "https://api.datadoghq.eu/api/v2/replay/heatmap/snapshots/s-1"
SMALLEST = {"data": {"type": "snapshots"}}
FULL = {
    "data": {
        "type": "snapshots",
        "id": "s-1",
        "attributes": {
            "application_id": "app",
            "created_at": "2019-09-19T10:00:00.123456789Z",
            "created_by": "Zoë 𝄞",
            "created_by_handle": "zoe@example.com",
            "created_by_user_id": 2**63 - 1,
            "device_type": "desktop",
            "event_id": "e",
            "is_device_type_selected_by_user": False,
            "modified_at": "2019-09-19T12:00:00+05:30",
            "org_id": -(2**63),
            "session_id": "",
            "snapshot_name": "name",
            "start": 2**53 + 1,
            "view_id": "v",
            "view_name": "/a",
            "extra": {"deep": [1, None, 0.1]},
        },
        "relationships": {},
    },
    "included": [],
}


def client(**options: Any) -> SnapshotClient:
    return SnapshotClient(
        **{"site": "datadoghq.eu", "api_key": API_KEY, "app_key": APP_KEY, **options}
    )


def outcome(
    mocked: responses.RequestsMock, status: int, body: bytes | str, **headers: str
) -> Snapshot | SnapshotError:
    """Return what one call makes of one answer."""
    mocked.add(
        "PATCH",
        URL,
        body=body,
        status=status,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )
    try:
        with client() as one:
            return one.update("s-1", SMALLEST)
    except SnapshotError as error:
        return error


def attributes(**values: Any) -> dict[str, Any]:
    return {"data": {"type": "snapshots", "attributes": values}}


def body(**changed: Any) -> dict[str, Any]:
    return attributes(
        **{
            "event_id": "e",
            "start": 0,
            "is_device_type_selected_by_user": False,
            **changed,
        }
    )


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = [value]
    return value


class Wire:
    """A server with one behavior: `behave(connection, number of the request)`."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections: list[socket.socket] = []
        self.left = 1  # so many bytes of an answer are still to come
        self.behave: Callable[[socket.socket, int], None] = lambda connection, _: (
            connection.sendall(answer(b"{}"))
        )
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        while not self.stop.is_set():
            connection, _ = self.listener.accept()
            self.connections.append(connection)
            self.threads.append(
                threading.Thread(target=self._serve, args=(connection,))
            )
            self.threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                while not self.stop.is_set() and self._read(connection):
                    self.behave(connection, len(self.heads))
            except OSError:
                pass  # the client went away

    def _read(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        sizes = [
            int(line[15:])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        while sizes and len(rest) < sizes[0]:
            rest += connection.recv(65536)
        self.heads.append(head)
        self.bodies.append(rest)
        return True

    def close(self) -> None:
        self.stop.set()
        socket.create_connection(
            ("127.0.0.1", self.port)
        ).close()  # the last one to accept
        self.threads[0].join(10)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def answer(content: bytes, status: str = "200 OK", *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *lines, "", ""]
    return "\r\n".join(head).encode() + content


def dripping(
    wire: Wire, whole: bytes, at_once: int = 0
) -> Callable[[socket.socket, int], None]:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(whole[:at_once])
        wire.left = len(whole) - at_once
        for byte in whole[at_once:]:
            if wire.stop.wait(0.02):
                return
            connection.sendall(bytes([byte]))
            wire.left -= 1

    return behave
