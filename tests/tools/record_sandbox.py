"""Recordings of the sandbox: what the repository holds, since no live organization is within its reach.

python tests/tools/record_sandbox.py
"""

import datetime
import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

from contract.cases.client import Scenario
from contract.cases.placeholders import UNKNOWN, VIEW
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE
from contract.engine.recorder import Recorder
from contract.engine.runner import Profile, run
from contract.model import Case, Response
from contract.recordings.save import save
from contract.redaction import Redactor
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from contract.subjects.service import service_under_test

__all__ = ["record_sandbox"]

_CASES = 8
"""So many cases of a scenario are recorded."""

_LARGEST = 2_000
"""A case of more bytes is left out."""

_BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_PROFILE = Profile("recorded", samples=_CASES, examples=0, spread=1)


def record_sandbox(directory: Path) -> list[Path]:
    """Play some enumerated cases of each scenario on the sandbox and record them, over what is there; return the files.

    The same code makes the same files: the clock is a counter, ids are numbered.
    """
    spec = load()
    seconds, numbers = itertools.count(int(_BEGIN.timestamp())), itertools.count(1)
    app = Sandbox(
        clock=lambda: float(next(seconds)),
        new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012}",
    )
    own, other = ((org.api_key, org.app_key) for org in ORGS)
    scenarios = [_some(each) for each in service_scenarios(spec)]
    with (
        serving(app) as url,
        service_under_test(url, keys=own, other_keys=other) as subject,
    ):
        recorder = Recorder(subject)
        run(
            recorder, scenarios, SERVICE, spec, profile=_PROFILE, sites=(subject.site,)
        ).assert_holds()
        stand_ins = {subject.site: "sandbox.contract.example"}
    for exchange in recorder.exchanges:
        stand_ins |= {
            exchange.ids[VIEW]: "contract-view",
            exchange.ids[UNKNOWN]: "00000000-0000-4000-8000-ffffffffffff",
        }
    exchanges = [
        replace(each, responses=tuple(map(_dated, each.responses)))
        for each in recorder.exchanges
    ]
    keys = dict(
        zip(
            ("api key", "app key", "other api key", "other app key"),
            own + other,
            strict=True,
        )
    )
    return save(
        exchanges,
        directory,
        "sandbox",
        Redactor(keys, stand_ins),
        subject="sandbox",
        at=_BEGIN,
        over=True,
    )


def _dated(answer: Response | None) -> Response | None:
    """Return the answer with the date of the sandbox, in place of that of the server in front of it."""
    if answer is None:
        return None
    date = f"{_BEGIN:%a, %d %b %Y %H:%M:%S GMT}"
    return replace(
        answer,
        headers=tuple(
            (name, date if name == "Date" else value) for name, value in answer.headers
        ),
    )


def _some(scenario: Scenario) -> Scenario:
    """Return the scenario with a few of its small cases: one of each kind, evenly spread."""
    kinds: Counter[str] = Counter()
    cases: list[Case] = []
    for case in scenario.boundary():
        kinds[case.kinds[0]] += 1
        if kinds[case.kinds[0]] == 1 and len(str(case.to_json())) <= _LARGEST:
            cases.append(case)
    step = max(1, -(-len(cases) // _CASES))
    return replace(
        scenario, boundary=lambda: iter(cases[::step]), strategy=None, machine=None
    )


if __name__ == "__main__":
    record_sandbox(Path("spec/recordings"))
