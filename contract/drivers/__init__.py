"""Drivers: programs that wrap a client, each in a folder of its own."""
