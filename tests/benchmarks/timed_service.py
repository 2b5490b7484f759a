"""`contract service` with times, for versus_schemathesis.py.

    python timed_service.py BEGAN STOP ARGUMENTS...

BEGAN is when the process was started, in seconds since the epoch. STOP is 1 to end the
run at the first breach and to time that. Prints a list: exchanges, breaches, seconds of
the run, and seconds from BEGAN to the first breach or null.

It imports nothing that the command does not, and that under the command's settings.
"""

import gc
import json
import sys
import time
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import Any

from contract.__main__ import NEW_OBJECTS, run

gc.set_threshold(NEW_OBJECTS)

from contract.engine.ledger import Ledger  # noqa: E402


def timed_run(began_s: float, stop: bool, *arguments: str) -> list[float | None]:
    """Run the command without its output. Return the figures."""
    first_s: list[float] = []
    add_to = Ledger.add

    def add(ledger: Ledger, *details: Any) -> list[Any]:
        waiting = add_to(ledger, *details)
        if ledger.breaches and not first_s:
            first_s.append(time.time() - began_s)
            if stop:
                raise KeyboardInterrupt
        return waiting

    Ledger.add = add  # type: ignore[method-assign]
    sys.argv = ["contract", "service", *arguments, "--json", "-"]
    with redirect_stdout(StringIO()) as output, suppress(SystemExit):
        run()
    verdict = json.loads(output.getvalue())
    return [
        verdict["exchanges"],
        len(verdict["breaches"]),
        verdict["seconds"],
        *(first_s or [None]),
    ]


if __name__ == "__main__":
    figures = timed_run(float(sys.argv[1]), sys.argv[2] == "1", *sys.argv[3:])
    print(json.dumps(figures))
