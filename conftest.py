"""Loads pytester. The plugin under test is loaded by its entry point."""

pytest_plugins = ["pytester"]
