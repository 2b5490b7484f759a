"""Every service fault on the TLS sandbox, judged in live mode within a budget.

    python tests/soak/live_faults.py [--requests 600] [FAULT ...]

Exits with 1 if less than 95 % are caught, or if a snapshot is left and not named.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tls_sandbox import FakeClock, tls_sandbox

from contract.faults import SERVICE_FAULTS, service_fault
from contract.live import check_live

FLOOR = 0.95


Result = tuple[str, str, dict[str, str], int, str]
"""Fault, its clause, reproducibility by broken clause, requests, remarks."""


def judged(name: str, requests: int) -> Result:
    """Judge the sandbox with one fault."""
    fault, clock = service_fault(name), FakeClock()
    app = fault.make_sandbox(clock=clock.now)
    with tls_sandbox(app) as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        stage.tick = lambda: clock.sleep(0.02)
        verdict = check_live(
            "us5.datadoghq.com",
            profile="quick",
            max_requests=requests,
            ca_file=stage.ca_file,
            journals=Path(directory),
            clock=clock.clock(),
        )
    clauses = {
        breach.clause_id: breach.reproducibility
        for breach in reversed(verdict.breaches)
    }
    unnamed = set(app.rows) - set(verdict.leftovers)
    remarks = [verdict.interrupted]
    if verdict.leftovers:
        remarks.append(f"named as left: {len(verdict.leftovers)}")
    if unnamed:
        remarks.append(f"left and not named: {unnamed}")
    return name, fault.clause, clauses, len(stage.requests), " ".join(remarks)


def judged_job(job: tuple[str, int]) -> Result:
    """Judge one fault in a process of the pool."""
    return judged(*job)


def main(arguments: list[str]) -> int:
    """Print a line for each fault. Return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(arguments)
    # One service never differs from itself: S-PARITY takes several sites.
    names = options.names or [
        fault.id for fault in SERVICE_FAULTS if fault.clause != "S-PARITY"
    ]
    jobs = [(name, options.requests) for name in names]
    missed, over, unnamed = [], [], []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, clause, clauses, sent, remarks in pool.imap(judged_job, jobs):
            word = "caught" if clause in clauses else "MISSED"
            by = ", ".join(f"{id_} {how}" for id_, how in clauses.items())
            print(f"{word:7} {name:32} {clause:12} {sent:4} {remarks} [{by}]")
            missed += [] if clause in clauses else [name]
            over += [name] if sent > options.requests else []
            unnamed += [name] if "not named" in remarks else []
    share = 1 - len(missed) / len(names)
    print(f"{share:.1%} of {len(names)} caught; missed: {', '.join(missed) or 'none'}")
    print(f"over {options.requests} requests: {', '.join(over) or 'none'}")
    print(f"left and not named: {', '.join(unnamed) or 'none'}")
    return 0 if share >= FLOOR and not unnamed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
