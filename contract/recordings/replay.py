"""Recordings played again: to the clauses of today, and responses to clients."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from contract.cases.documents import Documents
from contract.cases.parameters import CREDENTIALS, EXAMPLE_ID
from contract.cases.scenario import Scenario
from contract.clauses import SERVICE_CLAUSES
from contract.engine.runner import Runner
from contract.engine.schedule import Profile, Rotation, Schedule, ScheduledCase
from contract.engine.subject import PlayResult
from contract.engine.verdict import Verdict, conclude
from contract.model import (
    AnyCase,
    AnyExchange,
    ClientCase,
    Label,
    Response,
    ServiceExchange,
    SubjectKind,
)
from contract.recordings.cassette import cassettes, interactions, read_cassette
from contract.spec import Spec, load

CONNECTION_HEADERS = re.compile(
    "connection|content-encoding|content-length|date|keep-alive|server|trailer"
    "|transfer-encoding",
    re.IGNORECASE,
)
"""Headers that the server of the client makes anew. Cassettes have decoded bodies."""


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
        case, site = exchange.case, exchange.site
        sites: tuple[str, ...] = ()
        if cases and cases[-1].case == case and site not in cases[-1].sites:
            sites = cases.pop().sites
        cases.append(ScheduledCase(case, (*sites, site)))
    sites = tuple(dict.fromkeys(exchange.site for exchange in exchanges))
    profile = Profile("recorded", samples=0, examples=0)
    return Schedule(profile, sites, tuple(cases), (), Rotation(sites))


def recorded_responses(
    directory: Path, method: str
) -> Iterator[tuple[str, Label, Response]]:
    """Yield each different response to a method, with file name and label.

    The cassettes under the directory may be of this suite or of any other program.
    Raises UsageError if there is none.
    """
    seen = set()
    for path in cassettes(directory):
        for request, recorded in interactions(path):
            headers = tuple(
                (name, value)
                for name, value in recorded.headers
                if not CONNECTION_HEADERS.fullmatch(name)
            )
            response = Response(recorded.status, headers, recorded.body)
            if request.method == method and response not in seen:
                seen.add(response)
                media_type = response.media_type or "no media type"
                label = Label(str(response.status), f"recorded, {media_type}")
                yield path.stem, label, response


def recorded_updates(directory: Path | str) -> list[Response]:
    """Return each different response to an update that cassettes hold.

    Raises UsageError if a file cannot be read.
    """
    recorded = recorded_responses(Path(directory), load().method)
    return [response for _, _, response in recorded]


def recorded_scenarios(directory: Path) -> tuple[Scenario, ...]:
    """Return a scenario for each file name: a valid call with a recorded response.

    Raises UsageError if a file cannot be read.
    """
    spec = load()
    body = Documents(spec.request.raw).full()
    cases: dict[str, list[ClientCase]] = {}
    for name, label, response in recorded_responses(directory, spec.method):
        case = ClientCase(
            labels=(label,),
            snapshot_id=EXAMPLE_ID,
            credential=CREDENTIALS["plain"],
            body=body,
            responses=(response,),
        )
        cases.setdefault(name, []).append(case)
    return tuple(
        Scenario(f"recorded-{name}", partial(iter, c))
        for name, c in sorted(cases.items())
    )
