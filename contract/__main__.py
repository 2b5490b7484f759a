"""`python -m contract` and the `contract` command."""

import os
import sys


def run() -> None:
    """Run the command line and exit with its status."""
    try:
        os.getcwd()
    except OSError:
        if sys.stderr:
            sys.stderr.write("contract: the working directory was deleted\n")
        sys.exit(2)
    # Hypothesis, which the command line imports, needs the working directory.
    from contract.cli import main

    sys.exit(main())


if __name__ == "__main__":
    run()
