"""A live run, killed with SIGKILL at random moments, and swept: nothing of it is left, nothing else is touched.

    python tests/soak/live_kills.py [--times 50] [--seed 1]

A line a kill; exits with 1 where a snapshot is left, a foreign one was touched or a sweep says that it could not.
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
verdict = check_live("datadoghq.com", profile="quick", ca_file=sys.argv[1], journals=Path(sys.argv[2]))
print(verdict.verdict, len(verdict.left))
"""


def kill_at(stage: Stage, moment: int, process: "subprocess.Popen[str]") -> None:
    if len(stage.heard) == moment:
        process.kill()


def main(arguments: list[str]) -> int:
    """Print a line a kill; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    chance, bad, killed, found = random.Random(given.seed), 0, 0, 0  # noqa: S311
    with tls_sandbox() as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        theirs = foreign(stage.app)
        before = deepcopy({name: stage.app.rows[name] for name in theirs})
        command = [sys.executable, "-W", "ignore", "-c", RUN, stage.ca_file, directory]
        whole = 0
        for number in range(given.times + 1):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
            assert process.stdout is not None
            process.stdout.readline()
            if number == 0:  # the whole of it, to know how long that is
                print("unkilled:", process.stdout.readline().strip(), flush=True)
                process.wait()
                whole = len(stage.heard)
                continue
            # as a request arrives, which is served all the same; a third at the beginning, a third at the end
            heard, pick = len(stage.heard), chance.randrange
            moment = (
                heard
                + (pick(1, 10), pick(1, whole + 1), pick(whole - 8, whole + 1))[
                    number % 3
                ]
            )
            stage.tick = partial(kill_at, stage, moment, process)
            said = process.stdout.readline().strip()
            process.wait()
            stage.tick = lambda: None
            time.sleep(0.1)  # what is on its way is served
            heard = len(stage.heard) - heard
            left = set(stage.app.rows) - set(theirs)
            could_not = sweep(Path(directory), ca_file=stage.ca_file)
            still = set(stage.app.rows) - set(theirs)
            same = {name: stage.app.rows.get(name) for name in theirs} == before
            killed, found = killed + (not said), found + len(left)
            wrong = bool(still or could_not or not same or os.listdir(directory))
            bad += wrong
            word = "WRONG" if wrong else "clean"
            print(
                f"{number:3} {word} killed after {heard:4} requests{f' ({said})' if said else ''}: {len(left)} left, "
                f"{len(still)} after the sweep {could_not or ''}",
                flush=True,
            )
    print(
        f"{killed} of {given.times} killed under way, {found} snapshots left behind, {bad} not clean after the sweep"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
