"""Drivers: programs that wrap a client, each in its folder; `building` builds them."""

__all__: list[str] = []
