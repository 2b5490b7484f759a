"""Run before an example of the page, by PYTHONPATH: connections use the proxy.

The SDK takes a proxy from its configuration only, and the example leaves that as it is.
So the tunnel begins where urllib3 opens a connection. Nothing above notices it, TLS
included.
"""

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from urllib3.util import connection

connect = connection.create_connection


def connect_by_proxy(
    address: tuple[str, int], *rest: Any, **more: Any
) -> socket.socket:
    """Open a tunnel through the proxy (RFC 9110, 9.3.6). Raise OSError."""
    proxy = urlsplit(os.environ["CONTRACT_PROXY_URL"])
    connected = connect((str(proxy.hostname), proxy.port or 80), *rest, **more)
    target = f"{address[0]}:{address[1]}"
    connected.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n") and (byte := connected.recv(1)):
        answer += byte
    if not answer.startswith(b"HTTP/1.1 200 "):
        connected.close()
        raise OSError(f"the proxy does not connect to {target}: {answer[:50]!r}")
    return connected


connection.create_connection = connect_by_proxy
