"""The command line: `main(argv) -> int`; 0 holds, 1 broken, 2 anything else.

base ──> judging    check, client, service, gate, replay, prove
    └──> helping    list, serve, drift, sweep
"""

from contract.cli import helping, judging
from contract.cli.base import main

__all__ = ["helping", "judging", "main"]
