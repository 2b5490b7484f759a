"""Every built-in client fault through the driver protocol, over real TLS: caught as in this process.

    python tests/soak/faults_through_driver.py [FAULT ...]        about a quarter of an hour for all of them

Exits with 1 and names the faults that the clause they name has not caught.
"""

import multiprocessing
import sys

from contract.api import client_under_test
from contract.cases.client import client_scenarios
from contract.clauses import CLIENT
from contract.engine.runner import run
from contract.faults import CLIENT_FAULTS, PROOF
from contract.spec import load


def caught(name: str) -> tuple[str, str, bool, list[str]]:
    """Return the fault, the clause it names, whether that caught it, and every clause that did."""
    spec, fault = load(), next(each for each in CLIENT_FAULTS if each.id == name)
    with client_under_test(
        [sys.executable, "-m", "contract.faults.driver", name], spec
    ) as subject:
        verdict = run(subject, client_scenarios(spec), CLIENT, spec, profile=PROOF)
    by = sorted({breach.clause for breach in verdict.breaches.values()})
    return name, fault.clause, fault.clause in by, by


def main(names: list[str]) -> int:
    """Print a line a fault; return the exit status."""
    missed = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, clause, is_caught, by in pool.imap(
            caught, names or [fault.id for fault in CLIENT_FAULTS]
        ):
            print(
                f"{'caught' if is_caught else 'MISSED':7} {name:32} {clause:12} {' '.join(by)}",
                flush=True,
            )
            missed += [] if is_caught else [name]
    print(f"missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
