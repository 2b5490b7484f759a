"""A live run, killed at random moments and swept. Nothing of it is left.

    python tests/soak/live_kills.py [--times 50] [--seed 1]

Exits with 1 if a snapshot is left, a foreign one was touched or a sweep failed.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tls_sandbox import Stage, foreign, tls_sandbox

from contract.live import sweep

RUN = """
import sys
from pathlib import Path
from contract.live import check_live
print("up", flush=True)
verdict = check_live(
    "datadoghq.com",
    profile="quick",
    ca_file=sys.argv[1],
    journals=Path(sys.argv[2]),
)
print(verdict.verdict, len(verdict.leftovers))
"""


def kill_at(stage: Stage, moment: int, process: "subprocess.Popen[str]") -> None:
    if len(stage.requests) == moment:
        process.kill()


def main(arguments: list[str]) -> int:
    """Print a line a kill; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chance, bad, killed, orphaned = random.Random(options.seed), 0, 0, 0  # noqa: S311
    with tls_sandbox() as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        untouched = foreign(stage.app)
        before = deepcopy({name: stage.app.rows[name] for name in untouched})
        command = [sys.executable, "-W", "ignore", "-c", RUN, stage.ca_file, directory]
        whole = 0
        for number in range(options.times + 1):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
            assert process.stdout is not None
            process.stdout.readline()
            if number == 0:  # a whole run, to know its length
                print("not killed:", process.stdout.readline().strip(), flush=True)
                process.wait()
                whole = len(stage.requests)
                continue
            # As a request arrives, which is served all the same. A third of the kills
            # are at the beginning, a third at the end.
            count, pick = len(stage.requests), chance.randrange
            early, anywhere = pick(1, 10), pick(1, whole + 1)
            late = pick(whole - 8, whole + 1)
            moment = count + (early, anywhere, late)[number % 3]
            stage.tick = partial(kill_at, stage, moment, process)
            said = process.stdout.readline().strip()
            process.wait()
            stage.tick = lambda: None
            time.sleep(0.1)  # what is on its way is served
            count = len(stage.requests) - count
            left = set(stage.app.rows) - set(untouched)
            could_not = sweep(Path(directory), ca_file=stage.ca_file)
            still = set(stage.app.rows) - set(untouched)
            same = {name: stage.app.rows.get(name) for name in untouched} == before
            killed, orphaned = killed + (not said), orphaned + len(left)
            wrong = bool(still or could_not or not same or os.listdir(directory))
            bad += wrong
            word = "WRONG" if wrong else "clean"
            print(
                f"{number:3} {word} killed after {count:4} requests {said}: "
                f"{len(left)} left, {len(still)} after the sweep {could_not or ''}",
                flush=True,
            )
    print(f"{killed} of {options.times} killed during the run")
    print(f"{orphaned} snapshots left behind, {bad} not clean after the sweep")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
