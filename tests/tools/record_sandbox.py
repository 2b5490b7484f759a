"""Record the sandbox: the repository's recordings, since it has no live organization.

python -m tests.tools.record_sandbox
"""

import datetime
import hashlib
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from contract.cases.placeholders import UNKNOWN
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE_CLAUSES
from contract.engine.runner import Runner
from contract.engine.schedule import Profile, make_schedule
from contract.engine.subject import Recorder
from contract.model import (
    AnyCase,
    Kind,
    Placeholder,
    Response,
    ServiceExchange,
    SnapshotState,
)
from contract.recordings.cassette import save
from contract.redaction import Redactor
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from contract.subjects.service import service_under_test

__all__ = ["record_sandbox"]

CASES = 8
"""Most cases of a scenario that are recorded."""

LARGEST_CASE = 2_000
"""Characters of the largest case that is recorded."""

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PROFILE = Profile("recorded", samples=CASES, examples=0)


def record_sandbox(directory: Path) -> list[Path]:
    """Record some cases of each scenario, and return the paths.

    The same code writes the same files: the clock is a counter, ids are numbers.
    """
    exchanges, ids = played()
    stand_ins = {exchanges[0].site: "sandbox.contract.example"}
    for exchange in exchanges:
        stand_ins[exchange.view] = "contract-view"
    for placeholder, value in ids.items():
        if placeholder == UNKNOWN or placeholder.state.is_random:
            stand_ins[value] = stand_in_of(placeholder)
    secrets = {
        f"{name} {number}": key
        for number, org in enumerate(ORGS, 1)
        for name, key in (("api key", org.api_key), ("app key", org.app_key))
    }
    return save(
        [
            replace(exchange, responses=tuple(map(dated, exchange.responses)))
            for exchange in exchanges
        ],
        directory,
        "sandbox",
        Redactor(secrets, stand_ins),
        subject="sandbox",
        at=BEGIN,
        overwrite=True,
    )


def stand_in_of(placeholder: Placeholder) -> str:
    """Return a text that is the same in every run."""
    name = f"{placeholder.state}-{placeholder.owner}-{placeholder.number}"
    digits = hashlib.sha256(name.encode()).hexdigest()
    match placeholder.state:
        case SnapshotState.RANDOM_DIGITS:
            return str(int(digits, 16))[:30]
        case SnapshotState.RANDOM_TEXT | SnapshotState.RANDOM_UPPER:
            text = f"r{digits[:24]}"
            is_upper = placeholder.state is SnapshotState.RANDOM_UPPER
            return text.upper() if is_upper else text
    return str(uuid.UUID(digits[:32], version=4))


def played() -> tuple[list[ServiceExchange], dict[Placeholder, str]]:
    """Play the cases on a sandbox. Return the exchanges and all ids."""
    spec = load()
    seconds = itertools.count(int(BEGIN.timestamp()))
    numbers = itertools.count(1)
    sandbox = Sandbox(
        clock=lambda: float(next(seconds)),
        new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012}",
    )
    keys, other_keys = ((org.api_key, org.app_key) for org in ORGS)
    with (
        serving(sandbox) as url,
        service_under_test(url, keys=keys, other_keys=other_keys) as subject,
    ):
        recorder = Recorder(subject)
        schedule = make_schedule(
            [shortened(scenario) for scenario in service_scenarios(spec)],
            PROFILE,
            subject.sites,
            subject,
            spec.sites,
        )
        ledger = Runner(recorder, schedule, SERVICE_CLAUSES, spec).play_all()
        (service,) = subject.services.values()
        ids = service.session.ids | service.session.resource.random_values
    if ledger.breaches or ledger.stop_reason:
        raise AssertionError(ledger.stop_reason or sorted(ledger.breaches))
    exchanges = [e for e in recorder.exchanges if isinstance(e, ServiceExchange)]
    return exchanges, ids


def dated(response: Response | None) -> Response | None:
    """Return a response with the date of the sandbox, not of the server around it."""
    if response is None:
        return None
    date = f"{BEGIN:%a, %d %b %Y %H:%M:%S GMT}"
    headers = tuple(
        (name, date if name == "Date" else value) for name, value in response.headers
    )
    return replace(response, headers=headers)


def shortened(scenario: Scenario) -> Scenario:
    """Return the scenario with a few of its small cases, evenly spread over kinds."""
    first: dict[Kind | None, AnyCase] = {}
    for case in scenario.cases():
        first.setdefault(case.kind, case)
    small = [c for c in first.values() if len(repr(c)) <= LARGEST_CASE]
    chosen = small[:: max(1, -(-len(small) // CASES))]

    def cases() -> Iterator[AnyCase]:
        return iter(chosen)

    return replace(scenario, cases=cases, strategy=None, sequence=None)


if __name__ == "__main__":
    record_sandbox(Path("spec/recordings/sandbox"))
