"""Servers that clients meet: mocked sites in the process, fake sites on loopback."""
