"""The sockets of a server in this process, and whether anything is held back on them."""

import gc
import socket


def accepted(port: int) -> list[socket.socket]:
    """Return the open sockets on which a server of this process has accepted a connection."""
    found = []
    for each in gc.get_objects():
        if issubclass(type(each), socket.socket) and each.family == socket.AF_INET:
            try:
                each.getpeername()
                own = each.getsockname()
            except OSError:
                continue  # it listens, or is closed
            if own[1] == port:
                found.append(each)
    return found


def undelayed(server: socket.socket, *names: str) -> list[bool]:
    """Tell which of these TCP options a socket has."""
    return [
        server.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) != 0
        for name in names
    ]
