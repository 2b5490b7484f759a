"""A guard that sees every socket of this process before it leaves it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from operator import itemgetter
from typing import Any
from unittest.mock import patch

CALLS = ("connect", "connect_ex", "sendto", "sendmsg")
LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
GUARDED = (
    *((socket.socket, name, itemgetter(-1)) for name in CALLS),
    *((socket, name, itemgetter(slice(2))) for name in LOOKUPS),
)
"""Ways out, and where the address is among their arguments."""

Refuse = Callable[[str, bool], object]
"""Gets a target such as `host:443`, and if it is this machine. May raise."""


@contextmanager
def guarded_sockets(refuse: Refuse) -> Iterator[None]:
    """Ask before a socket connects or sends a datagram, or a name is looked up.

    Libraries that make system calls of their own are not seen.
    """
    with ExitStack() as stack:
        for owner, name, address_of in GUARDED:
            way_out = guarded(getattr(owner, name), address_of, refuse)
            stack.enter_context(patch.object(owner, name, way_out))
        yield


def guarded(
    way_out: Callable[..., Any],
    address_of: Callable[[Any], Any],
    refuse: Refuse,
) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        address = address_of((*arguments, *options.values()))
        if isinstance(address, tuple):
            target = ":".join(map(str, address[:2]))
            refuse(target, is_local(address[0]))
        elif isinstance(address, str | bytes):  # the path of a Unix socket
            refuse(str(address), True)
        return way_out(*arguments, **options)

    return call


def is_local(host: str | bytes | None) -> bool:
    """Return whether a host is this machine. No name is looked up."""
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return not name or ip_address(name).is_loopback
    except ValueError:
        return name in ("localhost", socket.gethostname())
