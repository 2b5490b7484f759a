"""The command line: `main(arguments)` returns the exit status."""

from contract.cli.entry import main

__all__ = ["main"]
