"""A service that is read from replicas is not accused, unless it is wrong as well.

    python -m tests.soak.lag [PROCESSES]      under 30 minutes with 6 processes

The sandbox is served over HTTP and read from three replicas, in real time. It is played
with the profile quick, on loopback and as a remote service: 10 seeds without a lag and
with 50 ms, 2 seeds with 300 ms and 1 s. Then faults lag, too. A line says for each run
what it found. Exit status 1 if a right service breaks a must, or a wrong one does not.
"""

import multiprocessing
import sys
import time
from itertools import product
from typing import NamedTuple

from contract.engine.job import make_job
from contract.faults import service_fault
from contract.model import Level, SubjectKind
from contract.sandbox import ORGS, Replicas, Sandbox, serving
from contract.spec import load
from contract.subjects.service import service_under_test

__all__ = ["play"]

LAGS_S = {0.0: 10, 0.05: 10, 0.3: 2, 1.0: 2}
"""Seeds by lag."""

FAULTS = (
    "stored-nothing",
    "stored-start-rounded",
    "untouched-name-lost",
    "org-refused-yet-changed",
    "gone-not-at-all",
)
FAULT_LAG_S = 0.3


class Run(NamedTuple):
    """One run of the soak. An empty fault is the plain sandbox."""

    lag_s: float
    seed: int
    is_loopback: bool
    fault: str = ""

    def __str__(self) -> str:
        place = "loopback" if self.is_loopback else "remote"
        return f"{self.fault or 'right'}, {self.lag_s:g} s, seed {self.seed}, {place}"


RUNS = [
    *(
        Run(lag_s, seed, is_loopback)
        for lag_s, seeds in sorted(LAGS_S.items(), reverse=True)
        for seed, is_loopback in product(range(1, seeds + 1), (True, False))
    ),
    *(
        Run(FAULT_LAG_S, 1, near, fault)
        for near, fault in product((True, False), FAULTS)
    ),
]


def play(run: Run) -> tuple[str, bool]:
    """Return what a run found, and whether that is right."""
    replicas = Replicas(run.lag_s, seed=run.seed) if run.lag_s else None
    make = service_fault(run.fault).make_sandbox if run.fault else Sandbox
    own, other = ORGS
    job = make_job(SubjectKind.SERVICE, load(), {"profile": "quick", "seed": run.seed})
    begin_s = time.monotonic()
    with (
        serving(make(replicas=replicas)) as url,
        service_under_test(
            url, keys=own.keys, other_keys=other.keys, is_loopback=run.is_loopback
        ) as service,
    ):
        verdict = job.run(service, service.sites)
    musts = [b.id for b in verdict.breaches if b.level is Level.MUST]
    is_right = bool(musts) == bool(run.fault) and not verdict.interrupted
    seconds = time.monotonic() - begin_s
    findings = " ".join(musts[:4]) or "no must"
    text = f"{run}: {verdict.verdict} in {seconds:.0f} s, {findings}"
    return f"{text} {verdict.interrupted}".strip(), is_right


def main(processes: int) -> int:
    """Print a line for each run. Return the exit status."""
    wrong = 0
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for text, is_right in pool.imap_unordered(play, RUNS, chunksize=1):
            print("ok   " if is_right else "WRONG", text, flush=True)
            wrong += not is_right
    print(f"{len(RUNS)} runs, {wrong} wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(int(*sys.argv[1:] or ["6"])))
