"""Every built-in client fault through the driver protocol, over real TLS.

    python tests/soak/faults_through_driver.py [FAULT ...]   a quarter of an hour for all

Exits with 1 and names the faults that the clause they name has not caught.
"""

import multiprocessing
import sys

from contract.api import client_under_test
from contract.cases.client import client_scenarios
from contract.clauses import CLIENT_CLAUSES
from contract.engine.runner import Runner
from contract.engine.schedule import PROOF, make_schedule
from contract.faults import CLIENT_FAULTS, client_fault
from contract.spec import load


def catchers(name: str) -> tuple[str, str, list[str]]:
    """Return a fault, the clause that it names, and every clause that caught it."""
    spec = load()
    command = [sys.executable, "-m", "contract.faults.driver", name]
    with client_under_test(command, spec) as subject:
        schedule = make_schedule(
            client_scenarios(spec),
            PROOF,
            spec.sites,
            subject,
            spec.sites,
        )
        ledger = Runner(subject, schedule, CLIENT_CLAUSES, spec).play_all()
    clauses = sorted({breach.clause_id for breach in ledger.breaches.values()})
    return name, client_fault(name).clause, clauses


def main(names: list[str]) -> int:
    """Print a line for each fault and return the exit status."""
    names = names or [fault.id for fault in CLIENT_FAULTS]
    missed = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, clause, clauses in pool.imap(catchers, names):
            word = "caught" if clause in clauses else "MISSED"
            line = f"{word:7} {name:32} {clause:12} {' '.join(clauses)}"
            print(line, flush=True)
            missed += [] if clause in clauses else [name]
    print(f"missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
