"""A live run with outages at random moments: it holds, or ends unknown; it never finds a breach, nor leaves anything.

    python tests/soak/live_outages.py [--times 50] [--seed 1]

Kinds by turns: connections refused, connections reset, 503, requests that stall, answers that are lost; for 5 s, and
now and then for a minute, which is more than the rule waits out, or for one request alone. Time is that of an injected
clock. A line an outage; exits with 1 where one was taken for a breach, or something is left that is neither named nor
swept.
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
    stage: Stage, fake: FakeClock, moment: int, kind: str, lasts_s: float
) -> None:
    """Let there be trouble from a request on, for so long."""
    begin: list[float] = []

    def trouble() -> str:
        if len(stage.heard) >= moment and not begin:
            begin.append(fake.now_s)
        if not begin:
            return ""
        fake.sleep(0.02)
        return kind if fake.now_s - begin[0] <= lasts_s else ""

    stage.trouble = trouble


def outage(number: int, chance: random.Random, whole: int) -> tuple[bool, int, str]:
    """Judge a faultless sandbox with one outage; return whether that was wrong, the requests, and a line."""
    fake, kind = FakeClock(), TROUBLES[number % len(TROUBLES)]
    lasts_s = LASTS_S[number // len(TROUBLES) % len(LASTS_S)]
    app = Sandbox(clock=fake.now)
    theirs = set(foreign(app))
    with tls_sandbox(app) as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        stage.tick = lambda: fake.sleep(0.02)
        moment = chance.randrange(1, whole) if whole else 10**9
        trouble_at(stage, fake, moment, kind, lasts_s)
        left: tuple[str, ...] = ()
        try:
            verdict = check_live(
                "ap1.datadoghq.com",
                profile="quick",
                ca_file=stage.ca_file,
                timeout_s=1.5,
                journals=Path(directory),
                clock=fake.clock(),
                seed=number,
            )
            word, why, left = verdict.verdict, verdict.interrupted, verdict.left
            breaches = [
                f"{each.clause} {each.message} ({each.confirmed})"
                for each in verdict.breaches.values()
            ]
            noted = [text for name, text in verdict.notes if name == "S-NO-5XX"]
        except SubjectError as error:
            word, why, breaches, noted = "unknown", str(error), [], []
        sent, named = (
            len(stage.heard),
            set(app.rows) - theirs <= set(left) or word == "unknown",
        )
        stage.trouble = lambda: ""
        could_not = sweep_up(Path(directory), ca_file=stage.ca_file)
        still = set(app.rows) - theirs
    wrong = bool(word == "broken" or breaches or not named or could_not or still)
    told = "; ".join(
        filter(None, [*breaches, why, *noted, f"{len(left)} left" * bool(left)])
    )
    return (
        wrong,
        sent,
        f"{kind:7} {lasts_s:5g} s at request {moment:4}: {word:7} {told}",
    )


def main(arguments: list[str]) -> int:
    """Print a line an outage; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    chance = random.Random(given.seed)  # noqa: S311
    _, whole, shown = outage(1, chance, 0)
    print(f"without one: {whole} requests; {shown}")
    results = []
    for number in range(given.times):
        wrong, _, shown = outage(number, chance, whole)
        results.append((wrong, ": holds" in shown))
        print(f"{number + 1:3} {'WRONG' if wrong else 'right'} {shown}", flush=True)
    bad, held = sum(wrong for wrong, _ in results), sum(held for _, held in results)
    print(
        f"{given.times} outages: {held} hold, {given.times - held - bad} unknown, {bad} wrong"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
