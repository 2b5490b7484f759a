"""The command line: `main(arguments)` returns the exit status."""

from contract.cli.base import main

__all__ = ["main"]
