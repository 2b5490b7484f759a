"""A live run, killed at random moments and swept. What is left of it is named.

    python tests/soak/live_kills.py [--times 60] [--lost 30] [--seed 1]

The signals KILL, TERM and INT take turns. Half of the lists are late by 1, 3 or 10 s,
silent until a second sweep, or paged. Waits are a twentieth of their time. Then the
answers to some creates are lost. Exits with 1 if a snapshot is left that is not named,
a foreign one was touched, or a run holds with an unconfirmed create.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tls_sandbox import FakeClock, Stage, foreign, tls_sandbox

from contract.errors import SubjectError
from contract.live import Clock, check_live, sweep
from contract.sandbox import Environ, Org, Refusal, Reply, Sandbox, StoredSnapshot

SPEED = 20
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LISTS = ("", "1", "", "3", "", "10", "", "silent", "", "paged")

RUN = """
import sys, time
from pathlib import Path
from contract.cli.entry import terminable
from contract.live import Clock, check_live
clock = Clock(lambda: time.monotonic() * 20, lambda s: time.sleep(s / 20))
with terminable():
    print("up", flush=True)
    verdict = check_live(
        "datadoghq.com",
        profile="quick",
        scenarios=["keys", "repeats", "sequences"],
        ca_file=sys.argv[1],
        journals=Path(sys.argv[2]),
        clock=clock,
    )
    print(verdict.verdict, len(verdict.leftovers))
"""


class Listing(Sandbox):
    """A sandbox whose list is late, silent or paged: `kind`, one of LISTS."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.kind, self.now, self.speed = "", time.monotonic, SPEED
        self.times: dict[str, float] = {}

    def insert(self, org: Org, attributes: Any) -> StoredSnapshot:
        row = super().insert(org, attributes)
        self.times[row.id] = self.now()
        return row

    def visible(self, org: Org) -> list[StoredSnapshot]:
        lag_s = int(self.kind) / self.speed if self.kind.isdecimal() else 0
        begin_s = self.now() - lag_s
        return [r for r in super().visible(org) if self.times[r.id] <= begin_s]

    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        if self.kind == "silent":
            raise Refusal(503, "silent")
        reply = super().list_(org, path, environ)
        if self.kind != "paged":
            return reply
        query = environ["QUERY_STRING"]
        number = int(query.partition("offset=")[2] or 0)
        value: dict[str, Any] = {"data": reply.value["data"][number : number + 1]}
        if number + 1 < len(reply.value["data"]):
            rest = query.partition("&offset=")[0]
            url = f"{environ['PATH_INFO']}?{rest}&offset={number + 1}"
            value["links"] = {"next": url}
        return self.reply(200, value)


@dataclass
class Kills:
    """Runs against one stage, each killed and swept."""

    stage: Stage
    app: Listing
    directory: Path
    chance: random.Random
    untouched: list[str]
    before: dict[str, StoredSnapshot] = field(default_factory=dict)
    whole: int = 0

    def __post_init__(self) -> None:
        self.before = deepcopy({name: self.app.rows[name] for name in self.untouched})

    def kill_at(
        self, moment: int, process: "subprocess.Popen[str]", number: int, kind: str
    ) -> None:
        if len(self.stage.requests) == moment:
            process.send_signal(SIGNALS[number % len(SIGNALS)])
            self.app.kind = kind

    def run(self, number: int) -> str:
        """Start a run and kill it, the first not. Return what went wrong."""
        command = [sys.executable, "-W", "ignore", "-c", RUN, self.stage.ca_file]
        kind = LISTS[number % len(LISTS)]
        self.app.kind = kind if kind != "silent" else ""
        process = subprocess.Popen(  # noqa: S603
            [*command, str(self.directory)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        begin = len(self.stage.requests)
        if number:
            pick = self.chance.randrange
            early, anywhere = pick(1, 10), pick(1, self.whole + 1)
            late = pick(self.whole - 8, self.whole + 1)
            moment = begin + (early, anywhere, late)[number // 3 % 3]
            self.stage.tick = partial(self.kill_at, moment, process, number, kind)
        said = process.stdout.readline().strip()
        process.wait()
        self.stage.tick = lambda: None
        if not number:
            self.whole = len(self.stage.requests) - begin
        time.sleep(0.1)  # what is on its way is served
        left = self.left()
        named = self.sweep()
        unnamed = [name for name in self.left() if not any(name in n for n in named)]
        self.app.kind = "" if kind == "silent" else kind
        again = self.sweep()
        same = {name: self.app.rows.get(name) for name in self.untouched} == self.before
        print(
            f"{number:3} {SIGNALS[number % 3].name} list {kind or 'plain':6} {said!r}: "
            f"{len(left)} left, {len(named)} named, then {again}",
            flush=True,
        )
        rest = [*unnamed, *again, *self.left(), *os.listdir(self.directory)]
        return "; ".join([*rest, *["a foreign snapshot was touched"] * (not same)])

    def left(self) -> set[str]:
        return set(self.app.rows) - set(self.untouched)

    def sweep(self) -> tuple[str, ...]:
        clock = Clock(lambda: time.monotonic() * SPEED, lambda s: time.sleep(s / SPEED))
        return sweep(self.directory, ca_file=self.stage.ca_file, clock=clock)


class Losing(Listing):
    """A sandbox that loses the answer to one create."""

    turn, lost, is_made = 0, 0, True

    def create(self, org: Org, path: str, environ: Environ) -> Reply:
        self.turn += 1
        if self.turn != self.lost:
            return super().create(org, path, environ)
        if self.is_made:
            super().create(org, path, environ)
        raise Refusal(502, "lost")


def lose(number: int, chance: random.Random) -> str:
    """Lose a create of a run on a fake clock. Return what went wrong."""
    clock = FakeClock()
    app = Losing(clock=clock.now)
    app.now, app.speed = clock.now, 1
    app.kind = ("", "1", "3", "10")[number % 4]
    app.lost, app.is_made = chance.randrange(1, 12), bool(number % 3)
    untouched = set(foreign(app))
    with tls_sandbox(app) as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        stage.tick = lambda: clock.sleep(0.02)
        settings: Any = {"ca_file": stage.ca_file, "clock": clock.clock()}
        journals = Path(directory)
        try:
            verdict = check_live(
                "datadoghq.com",
                profile="quick",
                scenarios=["sequences"],
                journals=journals,
                **settings,
            )
            said = verdict.verdict
        except SubjectError as error:
            said = str(error)
        wrong = "holds, with a journal" * (said == "holds" and any(journals.iterdir()))
        named = sweep(journals, **settings)
        left = set(app.rows) - untouched
        unnamed = [name for name in left if not any(name in line for line in named)]
    print(
        f"lost {number:3} create {app.lost:2} list {app.kind or 'plain'}: {said[:90]}"
    )
    return "; ".join([*filter(None, [wrong]), *unnamed])


def main(arguments: list[str]) -> int:
    """Print a line a kill; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--lost", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)  # noqa: S311
    app, wrong = Listing(), list[str]()
    with tls_sandbox(app) as stage, tempfile.TemporaryDirectory() as directory:
        os.environ.update(stage.environment())
        kills = Kills(stage, app, Path(directory), chance, foreign(app))
        for number in range(options.times + 1):
            wrong += filter(None, [kills.run(number)])
    wrong += filter(None, [lose(number, chance) for number in range(options.lost)])
    print(*wrong, f"{len(wrong)} wrong", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
