"""`python -m contract` and the `contract` command."""

import gc
import os
import sys

NEW_OBJECTS = 100_000
"""A run keeps most of what it makes: to look for cycles often takes 8 % of its time."""


def run() -> None:
    """Run the command line and exit with its status."""
    try:
        os.getcwd()
    except OSError:
        if sys.stderr:
            sys.stderr.write("contract: the working directory was deleted\n")
        sys.exit(2)
    gc.set_threshold(NEW_OBJECTS)
    # Hypothesis, which the command line imports, needs the working directory.
    from contract.cli import main

    sys.exit(main())


if __name__ == "__main__":
    run()
