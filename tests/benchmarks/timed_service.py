"""`contract service`, timed, for versus_schemathesis.py: python timed_service.py BEGAN STOP ARGUMENTS...

BEGAN is when the process was started, in seconds since the epoch; STOP is 1 to end the run at the first breach and to
time that. Prints a list: exchanges, breaches, seconds of the run, seconds from BEGAN to the first breach or null.
"""

import json
import sys
import time
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any
from unittest.mock import patch

from contract.clauses import SERVICE, Clause
from contract.cli import main


def judged(began_s: float, stop: bool, *arguments: str) -> list[float | None]:
    """Run the command; what it would print is taken, what it says on standard error is not."""
    first_s: list[float] = []

    def timed(clause: Clause) -> Clause:
        def judge(*asked: Any) -> Any:
            problems = clause.judge(*asked)
            if any((each.level or clause.level) != "note" for each in problems or ()):
                first_s.append(time.time() - began_s)
                raise KeyboardInterrupt
            return problems

        return replace(clause, judge=judge)

    clauses = tuple(map(timed, SERVICE)) if stop else SERVICE
    with (
        redirect_stdout(StringIO()) as told,
        patch("contract.api.SERVICE", clauses),
    ):
        main(["service", *arguments, "--json", "-"])
    verdict = json.loads(told.getvalue())
    return [
        verdict["exchanges"],
        len(verdict["breaches"]),
        verdict["seconds"],
        *(first_s or [None]),
    ]


if __name__ == "__main__":
    print(json.dumps(judged(float(sys.argv[1]), sys.argv[2] == "1", *sys.argv[3:])))
