"""Time to check a year of recordings again: 365 files of 20 exchanges of the sandbox.

python -m tests.benchmarks.rejudge_year
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from contract.cases.service import service_scenarios
from contract.model import ServiceExchange
from contract.recordings.cassette import save
from contract.redaction import Redactor
from contract.sandbox import Sandbox
from contract.spec import load
from tests.unit.recorded_runs import exchanges_of, rejudge

FILES = 365
EXCHANGES = 20
LARGE = "left-open"
"""The scenario with bodies of megabytes, which no live run sends."""


def in_one_scenario(exchange: ServiceExchange) -> ServiceExchange:
    """Return the exchange as one of a single scenario, so that a day is one file."""
    return replace(exchange, case=exchange.case.in_scenario("day"))


def main() -> None:
    """Record a run, check its copies again, and print the figures."""
    spec = load()
    names = [s.name for s in service_scenarios(spec) if s.name != LARGE]
    _, exchanges = exchanges_of(Sandbox(), *names)
    exchanges = [in_one_scenario(exchange) for exchange in exchanges]
    days = [
        exchanges[start : start + EXCHANGES]
        for start in range(0, len(exchanges) - EXCHANGES, EXCHANGES)
    ]
    with tempfile.TemporaryDirectory() as place:
        root, redactor = Path(place), Redactor()
        begin_s = time.perf_counter()
        paths = [
            save(day, root / f"{number:03}", "sandbox", redactor)[0]
            for number, day in enumerate(days)
        ]
        saved_s = time.perf_counter() - begin_s
        for number in range(len(days), FILES):
            copy = root / f"{number:03}" / "day.yaml"
            copy.parent.mkdir()
            copy.write_bytes(paths[number % len(paths)].read_bytes())
        begin_s = time.perf_counter()
        verdict = rejudge(root, spec)
        checked_s = time.perf_counter() - begin_s
        size = sum(path.stat().st_size for path in root.rglob("*.yaml"))
    print(f"{FILES} files of {EXCHANGES} exchanges, {size / 1e6:.1f} MB")
    print(f"{len(days)} of them saved in {saved_s:.1f} s")
    print(f"checked again in {checked_s:.1f} s: {verdict.verdict}")
    judgements = sum(verdict.judged.values())
    print(f"{verdict.exchanges} exchanges, {judgements} judgements")


if __name__ == "__main__":
    main()
