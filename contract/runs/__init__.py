"""Runs of clients and of services, each apart from the other."""
