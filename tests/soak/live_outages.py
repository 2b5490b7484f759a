"""A live run with outages at random moments. It never shows a breach.

    python tests/soak/live_outages.py [--times 50] [--seed 1]

The kinds take turns: connections refused, connections reset, 503, requests that stall,
responses that are lost. They last 5 s, sometimes a minute, which is more than the
policy waits, or one request. Time is that of a fake clock. Exits with 1 if one was
taken for a breach, or if something is left that is neither named nor swept.
"""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tls_sandbox import TROUBLES, FakeClock, Stage, foreign, tls_sandbox

from contract.errors import SubjectError
from contract.live import check_live
from contract.live import sweep as sweep_up
from contract.sandbox import Sandbox

LASTS_S = (5.0, 5.0, 0.01, 60.0)


def trouble_at(
    stage: Stage, clock: FakeClock, moment: int, kind: str, lasts_s: float
) -> None:
    """Let there be trouble from a request on, for so long."""
    begin: list[float] = []

    def trouble() -> str:
        if len(stage.requests) >= moment and not begin:
            begin.append(clock.now_s)
        if not begin:
            return ""
        clock.sleep(0.02)
        return kind if clock.now_s - begin[0] <= lasts_s else ""

    stage.trouble = trouble


def outage(number: int, chance: random.Random, whole: int) -> tuple[bool, int, str]:
    """Judge a faultless sandbox with one outage; return whether that was wrong, the requests, and a line."""
    clock, kind = FakeClock(), TROUBLES[number % len(TROUBLES)]
    lasts_s = LASTS_S[number // len(TROUBLES) % len(LASTS_S)]
    app = Sandbox(clock=clock.now)
    untouched = set(foreign(app))
    with tls_sandbox(app) as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        stage.tick = lambda: clock.sleep(0.02)
        moment = chance.randrange(1, whole) if whole else 10**9
        trouble_at(stage, clock, moment, kind, lasts_s)
        left: tuple[str, ...] = ()
        try:
            verdict = check_live(
                "ap1.datadoghq.com",
                profile="quick",
                ca_file=stage.ca_file,
                timeout_s=1.5,
                journals=Path(directory),
                clock=clock.clock(),
                seed=number,
            )
            word, why, left = (
                verdict.verdict,
                verdict.interrupted,
                verdict.leftovers,
            )
            breaches = [
                f"{breach.clause_id} {breach.message} ({breach.reproducibility})"
                for breach in verdict.breaches
            ]
            noted = [text for name, text in verdict.notes if name == "S-NO-5XX"]
        except SubjectError as error:
            word, why, breaches, noted = "unknown", str(error), [], []
        sent, named = (
            len(stage.requests),
            set(app.rows) - untouched <= set(left) or word == "unknown",
        )
        stage.trouble = lambda: ""
        could_not = sweep_up(Path(directory), ca_file=stage.ca_file)
        still = set(app.rows) - untouched
    wrong = bool(word == "broken" or breaches or not named or could_not or still)
    text = "; ".join(
        filter(None, [*breaches, why, *noted, f"{len(left)} left" * bool(left)])
    )
    return (
        wrong,
        sent,
        f"{kind:7} {lasts_s:5g} s at request {moment:4}: {word:7} {text}",
    )


def main(arguments: list[str]) -> int:
    """Print a line an outage; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)  # noqa: S311
    _, whole, line = outage(1, chance, 0)
    print(f"without one: {whole} requests; {line}")
    results = []
    for number in range(options.times):
        wrong, _, line = outage(number, chance, whole)
        results.append((wrong, ": holds" in line))
        print(f"{number + 1:3} {'WRONG' if wrong else 'right'} {line}", flush=True)
    bad, held = sum(wrong for wrong, _ in results), sum(held for _, held in results)
    print(
        f"{options.times} outages: {held} hold, {options.times - held - bad} unknown, {bad} wrong"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
