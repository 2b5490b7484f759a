"""How long a year of recordings takes to be judged again: 365 files of 20 exchanges, those of the sandbox.

python tests/benchmarks/rejudge_year.py
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from contract.cases.service import service_scenarios
from contract.clauses import SERVICE
from contract.engine.recorder import Recorder
from contract.engine.runner import PROFILES, run
from contract.model import Exchange
from contract.recordings import rejudge, save
from contract.redaction import Redactor
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from contract.subjects.service import service_under_test

FILES, EXCHANGES = 365, 20


def main() -> None:
    """Record, judge again, print."""
    spec = load()
    own, other = ((org.api_key, org.app_key) for org in ORGS)
    scenarios = [
        each for each in service_scenarios(spec) if each.name != "left-open"
    ]  # no live run sends megabytes
    with (
        serving(Sandbox()) as url,
        service_under_test(url, keys=own, other_keys=other) as subject,
    ):
        recorder = Recorder(subject)
        run(
            recorder,
            scenarios,
            SERVICE,
            spec,
            profile=PROFILES["quick"],
            sites=(subject.site,),
        )
    with tempfile.TemporaryDirectory() as place:
        redactor, begin_s = Redactor(), time.perf_counter()
        days = [
            recorder.exchanges[at : at + EXCHANGES]
            for at in range(0, len(recorder.exchanges), EXCHANGES)
        ][:-1]
        made = [
            save(
                [_in(each) for each in day],
                Path(place) / f"{number:03}",
                "sandbox",
                redactor,
            )[0]
            for number, day in enumerate(days)
        ]
        for number in range(
            len(days), FILES
        ):  # the same again, at the price of reading and judging alone
            copy = Path(place) / f"{number:03}" / "day.yaml"
            copy.parent.mkdir()
            copy.write_bytes(made[number % len(made)].read_bytes())
        saved_s, begin_s = time.perf_counter() - begin_s, time.perf_counter()
        verdict = rejudge(Path(place), spec)
        judged_s = time.perf_counter() - begin_s
        size = sum(path.stat().st_size for path in Path(place).rglob("*.yaml"))
    print(
        f"{FILES} files of {EXCHANGES} exchanges, {size / 1e6:.1f} MB ({len(days)} of them saved in {saved_s:.1f} s), "
        f"judged again in {judged_s:.1f} s: {verdict.verdict}, {verdict.exchanges} exchanges, "
        f"{sum(verdict.judged.values())} judgements"
    )


def _in(exchange: Exchange) -> Exchange:
    """Return the exchange as one of a single scenario, so that a day is one file."""
    return replace(exchange, case=replace(exchange.case, scenario="day"))


if __name__ == "__main__":
    main()
