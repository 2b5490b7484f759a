"""`python -m contract` and the `contract` command."""

import sys

from contract.cli import main


def run() -> None:
    """Run the command line and exit with its status."""
    sys.exit(main())


if __name__ == "__main__":
    run()
