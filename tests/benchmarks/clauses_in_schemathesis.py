"""The clauses through Schemathesis: python tests/benchmarks/clauses_in_schemathesis.py [WAY...] [--faults N] [--seeds N].

Each built-in service fault is judged by `schemathesis run` in these ways, each until its first failure:

    alone    its own checks on its own cases, with the overlaid document
    own      the clauses alone as checks, on its own cases
    fed      the clauses alone as checks, on the boundary cases alone
    both     all checks on all cases, as a user runs it

`--faults N` plays so many, evenly spread. The right sandbox comes first in each way, with one worker and with four:
what is found there is a false alarm. At the end each way says what it found, and `both` what it lost of `alone`.
Each way has a process of its own, in which the command is called again and again, so that no start is measured.
"""

import argparse
import json
import multiprocessing
import os
import re
import tempfile
import time
from contextlib import chdir
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from contract.faults import SERVICE_FAULTS, service_fault
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load

WAYS = ("alone", "own", "fed", "both")
KEYS = [
    f"--header={name}: {key}"
    for name, key in zip(load().auth_headers, ORGS[0].keys, strict=True)
]
FAILURE = re.compile(r"❌ ST\d+ (.*): \d+$", re.MULTILINE)


def options_of(way: str) -> list[str]:
    """Register what a way needs in this process. Return its options."""
    if way == "alone":
        return []
    os.environ["SCHEMATHESIS_HOOKS"] = "contract.schemathesis"
    import schemathesis

    from contract import schemathesis as own

    checks = ["--checks", ",".join(clause.id for clause in own.CLAUSES)]
    if way == "own":
        schemathesis.hooks.unregister(own.before_add_examples)
    return {"own": checks, "fed": [*checks, "--phases", "examples"]}.get(way, [])


def run(sandbox: Sandbox, seed: int, *options: str) -> list[str]:
    """Run Schemathesis on a sandbox. Return the titles of the failures."""
    from click.testing import CliRunner
    from schemathesis.cli import schemathesis

    with (
        tempfile.TemporaryDirectory() as directory,
        chdir(directory),  # Schemathesis keeps what failed there, and plays it again
        serving(sandbox) as url,
    ):
        document = Path(directory) / "openapi.json"
        document.write_text(json.dumps(load().overlaid))
        words = [
            "run",
            str(document),
            "--url",
            url,
            *KEYS,
            "--no-color",
            "--seed",
            str(seed),
        ]
        done = CliRunner().invoke(schemathesis, [*words, *options])
    titles = FAILURE.findall(done.output)
    is_fed = "No boundary case is played" not in titles
    if (
        done.exit_code not in (0, 1)
        or bool(titles) != bool(done.exit_code)
        or not is_fed
    ):
        return [f"error: {done.output[-300:]} {done.exception}"]
    return titles


def judge(way: str, faults: list[str], seeds: int, is_right: bool) -> dict[str, Any]:
    """Return false alarms, and for each seed the seconds to the first failure by fault."""
    options = options_of(way)
    alarms = [
        run(Sandbox(), 1, "-w", workers, *options) for workers in ("1", "4") if is_right
    ]
    runs = []
    for seed in range(1, seeds + 1):
        seconds: dict[str, float] = {}
        for name in faults:
            begin = time.perf_counter()
            titles = run(
                service_fault(name).make_sandbox(),
                seed,
                "--max-failures",
                "1",
                *options,
            )
            if titles and not titles[0].startswith("error"):
                seconds[name] = time.perf_counter() - begin
            print(f"  {way} {seed} {name}: {', '.join(titles) or '-'}", flush=True)
        runs.append(seconds)
    return {"alarms": alarms, "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"of {', '.join(WAYS)}")
    parser.add_argument(
        "--faults",
        type=int,
        default=len(SERVICE_FAULTS),
        metavar="N",
        help="so many, evenly spread",
    )
    parser.add_argument(
        "--fault", action="append", metavar="ID", help="this one; repeatable"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="so many runs of each way"
    )
    parser.add_argument(
        "--no-right", action="store_true", help="leave out the right sandbox"
    )
    given = parser.parse_args()
    ids = [fault.id for fault in SERVICE_FAULTS]
    number = min(given.faults, len(ids))
    faults = given.fault or [ids[len(ids) * step // number] for step in range(number)]
    lines, by_way = [], dict[str, set[str]]()
    for way in given.ways or WAYS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            result = pool.apply(judge, (way, faults, given.seeds, not given.no_right))
        counts = [len(seconds) for seconds in result["runs"]]
        by_way[way] = {name for seconds in result["runs"] for name in seconds}
        first_s = median([*result["runs"][0].values(), 0.0])
        lines.append(
            f"{way}: {median(counts):.0f} of {len(faults)} (runs: {counts}), median {first_s:.1f} s"
        )
        lines.append(
            f"    false alarms: {result['alarms']}; not: {sorted({*faults} - by_way[way])}"
        )
    if {"alone", "both"} <= by_way.keys():
        lines.append(f"lost: {sorted(by_way['alone'] - by_way['both'])}")
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Schemathesis {version('schemathesis')}"
    )
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
