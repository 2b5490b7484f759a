"""The command line: `main(argv) -> int`; 0 holds, 1 broken, 2 anything else.

base ──> run, serve, tools

Each command has its module, which is imported when the command is asked for.
"""

from contract.cli.base import main

__all__ = ["main"]
