"""Loads the plugin: options and fixtures are in contract/plugin.py."""

pytest_plugins = ["contract.plugin", "pytester"]
