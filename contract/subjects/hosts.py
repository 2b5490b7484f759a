"""Hosts as they are named. No name is looked up."""

from contextlib import suppress
from ipaddress import ip_address

PRIVATE_DOMAINS = (".internal", ".local", ".test")
"""Domains without a public name (ICANN; RFC 6762, 3; RFC 6761, 6.2)."""


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine (RFC 6761, 6.3)."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def is_public(host: str) -> bool:
    """Return whether a host may be on the Internet."""
    with suppress(ValueError):
        return ip_address(host).is_global
    return "." in host and not (is_loopback(host) or host.endswith(PRIVATE_DOMAINS))
