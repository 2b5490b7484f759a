"""The sockets of a server in this process, and whether anything is delayed on them."""

import gc
import socket


def accepted(port: int) -> list[socket.socket]:
    """Return the open sockets on which a server of this process accepted a client."""
    connections = []
    for candidate in gc.get_objects():
        if not issubclass(type(candidate), socket.socket):
            continue
        if candidate.family != socket.AF_INET:
            continue
        try:
            candidate.getpeername()
            address = candidate.getsockname()
        except OSError:
            continue  # it listens, or is closed
        if address[1] == port:
            connections.append(candidate)
    return connections


def undelayed(server: socket.socket, *names: str) -> list[bool]:
    """Return which of these TCP options a socket has."""
    return [
        server.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) != 0
        for name in names
    ]
