"""Recorded exchanges for tests: artificial ones, and those of a run on the sandbox.

`rejudge` checks recordings by the clauses of today.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.cases.placeholders import OWN
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE_CLAUSES
from contract.engine.conclusion import conclude
from contract.engine.runner import Runner
from contract.engine.schedule import (
    PROFILES,
    Profile,
    Schedule,
    ScheduledCase,
    make_schedule,
)
from contract.engine.subject import PlayResult, Recorder, Subject
from contract.engine.verdict import Verdict
from contract.model import (
    AnyCase,
    AnyExchange,
    Json,
    Label,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.recordings.cassette import cassettes, read_cassette, save
from contract.redaction import Redactor
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import Spec, load
from contract.subjects.service import service_under_test

__all__ = [
    "SECRETS",
    "check_exchanges",
    "exchange",
    "exchanges_of",
    "json_reply",
    "record",
    "recordings_in",
    "rejudge",
    "saved",
]

SPEC = load()
SECRETS = {
    f"{name} {number}": str(getattr(org, name))
    for number, org in enumerate(ORGS, 1)
    for name in ("api_key", "app_key", "org_id", "user", "handle", "user_id")
}
"""Everything that the sandbox knows of its organizations."""

CASE = ServiceCase(
    scenario="valid-bodies",
    labels=(Label("", "body"),),
    snapshot_id=(OWN,),
    body={},
)
HEADERS = (("DD-API-KEY", "[own]"), ("Content-Type", "application/json"))


def exchange(*responses: Response | None, **changes: Any) -> ServiceExchange:
    """Return an artificial exchange with these responses."""
    sent = Request(
        "PATCH",
        "https://service.example/api/v2/replay/heatmap/snapshots/a",
        HEADERS,
        b"{}",
    )
    plain = ServiceExchange(
        case=CASE,
        site="a.example",
        requests=(sent,) * len(responses),
        responses=responses,
        outcome=Outcome(OutcomeKind.API_ERROR, status=404),
        ids={OWN: "a"},
        view="view",
    )
    return replace(plain, **changes)


def json_reply(
    document: Json, status: int = 200, media_type: str = "application/json"
) -> Response:
    """Return a response with a JSON body."""
    body = json.dumps(document).encode()
    return Response(status, (("Content-Type", media_type),), body)


def saved(directory: Path, *exchanges: ServiceExchange) -> Path:
    """Save artificial exchanges in a directory, and return that."""
    save(exchanges, directory, "sandbox", Redactor())
    return directory


def exchanges_of(
    sandbox: Sandbox, *names: str
) -> tuple[Verdict, list[ServiceExchange]]:
    """Return the verdict of a quick run on a sandbox, and its exchanges."""
    scenarios = [s for s in service_scenarios(SPEC) if not names or s.name in names]
    keys, other_keys = ((org.api_key, org.app_key) for org in ORGS)
    with (
        serving(sandbox) as url,
        service_under_test(url, keys=keys, other_keys=other_keys) as subject,
    ):
        recorder = Recorder(subject)
        schedule = make_schedule(
            scenarios,
            PROFILES["quick"],
            subject.sites,
            subject,
            SPEC.sites,
        )
        runner = Runner(recorder, schedule, SERVICE_CLAUSES, SPEC)
        runner.play_all()
    verdict = conclude(runner)
    exchanges = [e for e in recorder.exchanges if isinstance(e, ServiceExchange)]
    assert len(exchanges) == verdict.exchanges
    return verdict, exchanges


def record(directory: Path, sandbox: Sandbox, *names: str) -> Verdict:
    """Record a quick run on a sandbox, and return its verdict."""
    verdict, exchanges = exchanges_of(sandbox, *names)
    save(exchanges, directory, "sandbox", Redactor(), subject="sandbox")
    return verdict


def recordings_in(directory: Path) -> list[ServiceExchange]:
    """Return all exchanges under a directory, in order of file names."""
    recordings = map(read_cassette, cassettes(directory))
    return [exchange for _, exchanges in recordings for exchange in exchanges]


class RecordedService:
    """A service that repeats its recorded exchanges, in their order."""

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = False
    overlaps = False
    is_repeatable = False
    secrets: Mapping[str, str] = {}

    def __init__(self, name: str, exchanges: Sequence[ServiceExchange]) -> None:
        self.name = name
        self._exchanges = iter(exchanges)

    def skip_reason(self, case: AnyCase) -> str:
        return ""

    def play(self, case: AnyCase, site: str) -> PlayResult:
        return next(self._exchanges)

    def while_waiting(self, work: object) -> bool:
        return False

    def replayed(self, *, is_end: bool = False) -> tuple[AnyExchange, ...]:
        return ()

    def waiting_cost_s(self, exchange: AnyExchange) -> float:
        return 0.0

    def renewed(self) -> Subject:
        return self


def rejudge(directory: Path, spec: Spec) -> Verdict:
    """Check every recorded exchange under a directory by the clauses for services.

    S-PARITY is checked where one recording has the same case on several sites. Raises
    UsageError if there is no recording.
    """
    exchanges: list[ServiceExchange] = []
    subjects: dict[str, None] = {}
    for path in cassettes(directory):
        head, members = read_cassette(path)
        subjects[f"{head['subject'] or 'a service'} ({head['made_from']})"] = None
        exchanges += members
    return check_exchanges(exchanges, f"recordings of {', '.join(subjects)}", spec)


def check_exchanges(
    exchanges: Sequence[ServiceExchange], name: str, spec: Spec
) -> Verdict:
    """Check exchanges that happened, in order, by the clauses for services."""
    subject = RecordedService(name, exchanges)
    schedule = schedule_of(exchanges)
    runner = Runner(subject, schedule, SERVICE_CLAUSES, spec, seed=0)
    runner.play_all()
    reasons = {
        "S-RATE": "no 429 was recorded",
        "S-PARITY": "each recording is of one site",
    }
    return replace(conclude(runner), reasons=reasons)


def schedule_of(exchanges: Sequence[ServiceExchange]) -> Schedule:
    """Return the schedule by which recorded exchanges are played again.

    Exchanges that follow each other may be one case on several sites.
    """
    cases: list[ScheduledCase] = []
    for exchange in exchanges:
        case, site = exchange.case, exchange.site
        sites: tuple[str, ...] = ()
        if cases and cases[-1].case == case and site not in cases[-1].sites:
            sites = cases.pop().sites
        cases.append(ScheduledCase(case, (*sites, site)))
    sites = tuple(dict.fromkeys(exchange.site for exchange in exchanges))
    profile = Profile("recorded", samples=0, examples=0)
    return Schedule(profile, sites, tuple(cases), ())
