"""The clauses through Schemathesis: python tests/benchmarks/clauses_in_schemathesis.py [WAY...] [--faults N] [--seeds N].

Each built-in service fault is judged by `schemathesis run` in these ways, each at the first failure:

    alone    its own checks on its own cases, with the overlaid document
    own      the clauses alone as checks, on its own cases
    fed      the clauses alone as checks, on the boundary cases alone
    both     all checks on all cases, as a user runs it

`--faults N` plays so many, evenly spread. At the end each way says what it found, `both` also what it lost of `alone`.
The right sandbox is judged first in each way, with one worker and with four: what is found there is a false alarm.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from contract.clauses import SERVICE_CLAUSES
from contract.faults import SERVICE_FAULTS
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load

COMMAND = str(Path(sys.executable).parent / "schemathesis")
NOT_FED = """
import schemathesis
import contract.schemathesis

schemathesis.hooks.unregister(contract.schemathesis.before_add_examples)
"""
IDS = ",".join(clause.id for clause in SERVICE_CLAUSES)
NEEDS_MORE = ("S-STORED", "S-UNTOUCHED", "S-REPEAT", "S-ORG", "S-PARITY")
CHECKS = ("--checks", ",".join(i for i in IDS.split(",") if i not in NEEDS_MORE))
WAYS = {
    "alone": (None, ()),
    "own": ("not_fed", CHECKS),
    "fed": ("contract.schemathesis", (*CHECKS, "--phases", "examples")),
    "both": ("contract.schemathesis", ()),
}


def failures(way: str, sandbox: Sandbox, seed: int, *options: str) -> list[str]:
    """Run Schemathesis on a sandbox. Return the titles of the failures."""
    hooks, own_options = WAYS[way]
    names = load().auth_headers
    keys = [f"--header={n}: {k}" for n, k in zip(names, ORGS[0].keys, strict=True)]
    environment = {**os.environ, "PYTHONPATH": f".:{os.environ.get('PYTHONPATH', '')}"}
    environment |= {"SCHEMATHESIS_HOOKS": hooks} if hooks else {}
    with tempfile.TemporaryDirectory() as directory, serving(sandbox) as url:
        folder = Path(directory)
        (folder / "openapi.json").write_text(json.dumps(load().overlaid))
        (folder / "not_fed.py").write_text(NOT_FED)
        command = [COMMAND, "run", "openapi.json", "--url", url, *keys]
        command += ["--seed", str(seed), "--no-color", *own_options, *options]
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
    found = re.findall(r"❌ ST\d+ (.*): \d+$", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1) or bool(found) != bool(done.returncode):
        return [f"error: {(done.stdout + done.stderr)[-300:]}"]
    return found


def judge(way: str, faults: list[str], seed: int) -> dict[str, float]:
    """Return the seconds to the first failure, by the faults that were found."""
    sandboxes = {fault.id: fault.make_sandbox for fault in SERVICE_FAULTS}
    seconds: dict[str, float] = {}
    for name in faults:
        begin = time.perf_counter()
        found = failures(way, sandboxes[name](), seed, "--max-failures", "1")
        if found and not found[0].startswith("error"):
            seconds[name] = time.perf_counter() - begin
        print(f"  {way} {seed} {name}: {', '.join(found) or '-'}", flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"of {', '.join(WAYS)}")
    parser.add_argument("--faults", type=int, default=len(SERVICE_FAULTS), metavar="N")
    parser.add_argument("--fault", action="append", metavar="ID", help="repeatable")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs")
    parser.add_argument("--no-right", action="store_true", help="no right sandbox")
    options = parser.parse_args()
    ids = [fault.id for fault in SERVICE_FAULTS]
    number = min(options.faults, len(ids))
    faults = options.fault or [ids[len(ids) * i // number] for i in range(number)]
    lines, by_way = [], dict[str, set[str]]()
    for way in options.ways or WAYS:
        if not options.no_right:
            alarms = [failures(way, Sandbox(), 1, "-w", w) for w in ("1", "4")]
            lines.append(f"{way}: false alarms with 1 and 4 workers: {alarms}")
            print(lines[-1], flush=True)
        runs = [judge(way, faults, seed) for seed in range(1, options.seeds + 1)]
        by_way[way] = set().union(*runs)
        counts = [len(run) for run in runs]
        lines.append(
            f"{way}: {median(counts):.0f} of {len(faults)} (runs: {counts}), median "
            f"{median([*runs[0].values(), 0.0]):.1f} s; not: {sorted({*faults} - by_way[way])}"
        )
        print(lines[-1], flush=True)
    if {"alone", "both"} <= by_way.keys():
        lines.append(f"lost: {sorted(by_way['alone'] - by_way['both'])}")
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Schemathesis {version('schemathesis')}"
    )
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
