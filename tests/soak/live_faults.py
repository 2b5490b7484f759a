"""Every built-in service fault on the TLS sandbox, judged in live mode within a budget: how many are caught.

    python tests/soak/live_faults.py [--requests 600] [FAULT ...]

A line a fault; exits with 1 where less than 95 % are caught, or where a snapshot is left and not named.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tls_sandbox import FakeClock, tls_sandbox

from contract.faults import SERVICE_FAULTS
from contract.live import check_live

FLOOR = 0.95


def judged(name: str, requests: int) -> tuple[str, str, bool, dict[str, str], int, str]:
    """Return the fault, the clause it names, whether that caught it, what did and how sure, the requests, the rest."""
    fault, fake = next(each for each in SERVICE_FAULTS if each.id == name), FakeClock()
    app = fault.make(clock=fake.now)
    with tls_sandbox(app) as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        stage.tick = lambda: fake.sleep(0.02)
        verdict = check_live(
            "us5.datadoghq.com",
            profile="quick",
            max_requests=requests,
            ca_file=stage.ca_file,
            journals=Path(directory),
            clock=fake.clock(),
        )
    by = {
        breach.clause: breach.confirmed
        for breach in reversed(verdict.breaches.values())
    }
    unnamed = set(app.rows) - set(verdict.left)
    rest = [f"named as left: {len(verdict.left)}"] * bool(verdict.left)
    rest += [f"left and not named: {unnamed}"] * bool(unnamed)
    return (
        name,
        fault.clause,
        fault.clause in by,
        by,
        len(stage.heard),
        " ".join([verdict.interrupted, *rest]),
    )


def one(job: tuple[str, int]) -> tuple[str, str, bool, dict[str, str], int, str]:
    return judged(*job)


def main(arguments: list[str]) -> int:
    """Print a line a fault; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(arguments)
    # one service is never unlike itself: what S-PARITY catches takes two sites
    names = given.names or [
        fault.id for fault in SERVICE_FAULTS if fault.clause != "S-PARITY"
    ]
    missed, over, unnamed = [], [], []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, clause, is_caught, by, sent, rest in pool.imap(
            one, [(name, given.requests) for name in names]
        ):
            shown = ", ".join(f"{each} {how}" for each, how in by.items())
            word = "caught" if is_caught else "MISSED"
            print(
                f"{word:7} {name:32} {clause:12} {sent:4} {rest} [{shown}]", flush=True
            )
            missed += [] if is_caught else [name]
            over += [name] if sent > given.requests else []
            unnamed += [name] if "not named" in rest else []
    share = 1 - len(missed) / len(names)
    print(
        f"{len(names) - len(missed)} of {len(names)} caught ({share:.1%}); missed: {', '.join(missed) or 'none'}"
    )
    print(
        f"over {given.requests} requests: {', '.join(over) or 'none'}; left and not named: {unnamed or 'none'}"
    )
    return 0 if share >= FLOOR and not unnamed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
