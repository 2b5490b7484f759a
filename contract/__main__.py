"""`python -m contract` and the `contract` command."""

import gc
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

    # A run keeps most of what it makes. To look for cycles in it takes 8 % of its time.
    gc.set_threshold(100_000)
    sys.exit(main())


if __name__ == "__main__":
    run()
