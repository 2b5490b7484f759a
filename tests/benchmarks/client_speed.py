"""The cost of one exchange with the minimal client, in this process.

    python -m tests.benchmarks.client_speed [--nightly] [--part N]

A bare loop calls the minimal client on `responses`, and judges nothing. Against it:

    one site           every case on one site (ci without and with generated cases)
    eight sites        every kind on eight sites, the rest rotating: what ci plays
    all on all         every case on eight sites
    contract client    the command, its start and its report included

`--part N` plays every n-th enumerated case and as many generated ones. Seconds are CPU
time of this process, for the command of the wall. Nothing is asserted.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import responses

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT_CLAUSES
from contract.client import SnapshotClient
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, Profile, make_schedule
from contract.spec import load
from contract.subjects.in_process import minimal_subject

SPEC = load()
CALLS = 3_000
CASE = next(client_scenarios(SPEC)[0].cases())


@contextmanager
def measured(seconds: list[float]) -> Iterator[None]:
    begin_s = time.process_time()
    yield
    seconds.append(time.process_time() - begin_s)


def show(name: str, seconds: float, exchanges: int, bare_s: float) -> None:
    """Print seconds, exchanges, milliseconds of each, and how many bare calls it costs."""
    each_s = seconds / exchanges
    numbers = f"{seconds:8.2f} s {exchanges:8,} {each_s * 1e3:8.3f} ms"
    print(f"{name:40} {numbers} {each_s / bare_s:6.2f} x")


def bare_loop() -> float:
    """Return the seconds of one call of the client."""
    times: list[float] = []
    url = SPEC.url(SPEC.sites[0])
    with responses.RequestsMock() as mock:
        mock.add("PATCH", re.compile(re.escape(url)), body=CASE.responses[0].body)
        keys = CASE.credential.api_key, CASE.credential.app_key
        client = SnapshotClient(site=SPEC.sites[0], api_key=keys[0], app_key=keys[1])
        for _ in range(5):
            mock.calls.reset()
            with measured(times):
                for _ in range(CALLS // 5):
                    client.update(CASE.snapshot_id, CASE.body)
    return sum(times) / CALLS


def run(profile: Profile, sites: tuple[str, ...], part: int) -> tuple[float, int]:
    """Return the seconds and the exchanges of a run."""
    times: list[float] = []
    with minimal_subject(SPEC) as subject, measured(times):
        profile = replace(profile, examples=profile.examples // part)
        scenarios = client_scenarios(SPEC)
        schedule = make_schedule(scenarios, profile, sites, subject, SPEC.sites)
        schedule = replace(schedule, cases=schedule.cases[::part])
        ledger = Runner(subject, schedule, CLIENT_CLAUSES, SPEC).play_all()
    return times[0], ledger.exchanges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nightly", action="store_true")
    parser.add_argument("--part", type=int, default=1)
    options = parser.parse_args()
    bare_s = bare_loop()
    print(f"bare loop: {bare_s * 1e3:.3f} ms a call, {1 / bare_s:,.0f} calls a second")
    ci = PROFILES["ci"]
    for text, examples in (("enumerated", 0), ("with generated", ci.examples)):
        profile = replace(ci, examples=examples)
        everywhere = replace(profile, all_everywhere=True)
        times = {
            "one site": run(profile, SPEC.sites[:1], options.part),
            "eight sites": run(profile, SPEC.sites, options.part),
            "all on all": run(everywhere, SPEC.sites, options.part),
        }
        for name, (seconds, exchanges) in times.items():
            show(f"{name}, {text}", seconds, exchanges, bare_s)
            print(f"{'':40} {seconds / times['one site'][0]:8.2f} x one site")
    for name in ("ci", "nightly") if options.nightly else ("ci",):
        command = [sys.executable, "-m", "contract", "client", "--profile", name]
        begin_s = time.perf_counter()
        result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
        seconds = time.perf_counter() - begin_s
        print(result.stdout.splitlines()[-1])
        exchanges = re.search(r"(\d+) exchanges on", result.stdout)
        show(f"contract client --profile {name}", seconds, int(exchanges[1]), bare_s)


if __name__ == "__main__":
    main()
