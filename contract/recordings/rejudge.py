"""Recordings checked again by the clauses of today."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contract.clauses import SERVICE_CLAUSES
from contract.engine.runner import Runner
from contract.engine.schedule import Profile, Rotation, Schedule, ScheduledCase
from contract.engine.subject import PlayResult
from contract.engine.verdict import Verdict, conclude
from contract.model import AnyCase, AnyExchange, ServiceExchange, SubjectKind
from contract.recordings.cassette import cassettes, read_cassette
from contract.spec import Spec


class RecordedService:
    """A service that repeats its recorded exchanges, in their order."""

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = False

    def __init__(self, name: str, exchanges: Sequence[ServiceExchange]) -> None:
        self.name = name
        self._exchanges = iter(exchanges)

    def skip_reason(self, case: AnyCase) -> str:
        return ""

    def play(self, case: AnyCase, site: str) -> PlayResult:
        return next(self._exchanges)

    def waiting_cost_s(self, exchange: AnyExchange) -> float:
        return 0.0


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
        scheduled = ScheduledCase(exchange.case, (exchange.site,))
        last = cases[-1] if cases else scheduled
        if last.case == exchange.case and exchange.site not in last.sites:
            scheduled = ScheduledCase(last.case, (*last.sites, exchange.site))
            cases.pop()
        cases.append(scheduled)
    sites = tuple(dict.fromkeys(exchange.site for exchange in exchanges))
    profile = Profile("recorded", samples=0, examples=0)
    return Schedule(profile, sites, tuple(cases), (), Rotation(sites))
