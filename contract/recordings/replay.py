"""Recordings used again: checked by the clauses of today, compared, and replayed."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from contract.cases.documents import Documents
from contract.cases.parameters import CREDENTIALS, EXAMPLE_ID
from contract.cases.scenario import Scenario
from contract.clauses import SERVICE_CLAUSES
from contract.clauses.base import parse
from contract.engine.conclusion import conclude
from contract.engine.runner import Runner
from contract.engine.schedule import Profile, Schedule, ScheduledCase
from contract.engine.subject import PlayResult, Subject
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.jsondiff import walk
from contract.model import (
    AnyCase,
    AnyExchange,
    ClientCase,
    Json,
    Label,
    Request,
    Response,
    ServiceExchange,
    SubjectKind,
)
from contract.recordings.cassette import cassettes, interactions, read_cassette
from contract.spec import Spec, load
from contract.spec.schema import type_of
from contract.spec.text import brief

CONNECTION_HEADERS = re.compile(
    "(?i)connection|content-encoding|content-length|date|keep-alive|server|trailer"
    "|transfer-encoding"
)
"""Headers that the server of the client makes anew. Cassettes have decoded bodies."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")

MOST_NAMES = 5

Reply = tuple[str, int]
"""A method and a status."""

LISTED: Reply = ("GET (listing)", 200)


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


class RecordedUpdates:
    """The recorded exchanges of the update, with their files.

    The cassettes under the directory may be of this suite or of any other program.
    `remark` names the answers of other operations. Raises UsageError if a file cannot
    be read, or if there is no update.
    """

    def __init__(self, directory: Path, spec: Spec) -> None:
        self.exchanges: list[tuple[Path, Request, Response]] = []
        others: Counter[str] = Counter()
        for file in cassettes(directory):
            for request, response in interactions(file):
                path = urlsplit(request.url).path
                collection, _, segment = path.rpartition("/")
                if segment and collection.endswith(spec.collection_path):
                    path = spec.path
                if (request.method, path) == (spec.method, spec.path):
                    self.exchanges.append((file, request, response))
                else:
                    others[f"{request.method} {path}"] += 1
        names = [f"{brief(name)} ({n})" for name, n in others.most_common(MOST_NAMES)]
        names += ["…"] * (len(others) > MOST_NAMES)
        answers = f"{others.total()} answers of other operations are not used"
        self.remark = f"{answers}: {', '.join(names)}" if names else ""
        if not self.exchanges:
            update = f"{spec.method} {spec.path}"
            remark = f"; {self.remark}" if names else ""
            raise UsageError(f"{directory}: holds no response to {update}{remark}")

    def responses(self) -> Iterator[tuple[str, Label, Response]]:
        """Yield each different response with file name and label."""
        seen = set()
        for path, _, recorded in self.exchanges:
            response = playable(recorded, path)
            if response not in seen:
                seen.add(response)
                media_type = response.media_type or "no media type"
                label = Label(str(response.status), f"recorded, {media_type}")
                yield path.stem, label, response

    def scenarios(self) -> tuple[Scenario, ...]:
        """Return a scenario for each file: valid calls with a recorded response."""
        body = Documents(load().request.raw).full()
        cases: dict[str, list[ClientCase]] = {}
        for name, label, response in self.responses():
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


def playable(recorded: Response, path: Path) -> Response:
    """Return a response without headers of its connection.

    A client must not be accused of what no server can send: raises UsageError.
    """
    headers = tuple(
        (name, value)
        for name, value in recorded.headers
        if not CONNECTION_HEADERS.fullmatch(name)
    )
    for name, value in headers:
        if not (HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value)):
            raise UsageError(f"{path}: the header {name!r} cannot be sent: {value!r}")
    return Response(recorded.status, headers, recorded.body)


def recorded_updates(directory: Path | str) -> list[Response]:
    """Return each different response to an update that cassettes hold.

    Raises UsageError if a file cannot be read, or if there is no update.
    """
    updates = RecordedUpdates(Path(directory), load())
    return [response for *_, response in updates.responses()]


class Summary:
    """Behavior of a service in some recordings.

    `statuses` has a title and the last status of each case, by its id and site. `types`
    are the types at each place of the successes, `always` the places that all of them
    had. `errors` are the shapes of errors.
    """

    def __init__(self, directory: Path) -> None:
        self.statuses: dict[tuple[str, str], tuple[str, int]] = {}
        self.types: dict[Reply, dict[str, set[str]]] = {}
        self.always: dict[Reply, set[str]] = {}
        self.errors: dict[Reply, set[str]] = {}
        for path in cassettes(directory):
            for exchange in read_cassette(path)[1]:
                self.add(exchange)

    def add(self, exchange: ServiceExchange) -> None:
        case = exchange.case
        pairs = zip(exchange.requests, exchange.responses, strict=True)
        for request, response in pairs:
            if response is None:
                continue
            reply = request.method, response.status
            if response.status < 400:
                self.add_success(reply, parse(response.body).value)
            else:
                self.errors.setdefault(reply, set()).add(shape(response))
        if exchange.after:
            self.add_success(LISTED, list(exchange.after.values()))
        if (response := exchange.final_response) and not case.is_step:
            title = f"{case.scenario}: {case.title}"
            self.statuses[case.id, exchange.site] = title, response.status

    def add_success(self, reply: Reply, document: Json) -> None:
        places = set()
        types = self.types.setdefault(reply, {})
        for pointer, value in walk(document):
            places.add(pointer)
            types.setdefault(pointer, set()).add(type_of(value))
        self.always[reply] = self.always.get(reply, places) & places


def changes(old: Path, new: Path) -> list[str]:
    """Return how a service behaves in new recordings and did not in old ones.

    A line each: another status for the same case, a new status, a new or lost field and
    another type in a success, another shape of an error. Raises UsageError if a
    directory has no recordings.
    """
    return list(dict.fromkeys(lines_of(Summary(old), Summary(new))))


def lines_of(before: Summary, after: Summary) -> Iterator[str]:
    replies, old_replies = ({*s.types, *s.errors} for s in (after, before))
    for method, status in sorted(replies - old_replies):
        yield f"{method}: new status {status}"
    for key, (title, status) in after.statuses.items():
        _, old_status = before.statuses.get(key, (title, status))
        if old_status != status:
            yield f"{title}: status {status}, was {old_status}"
    for reply in sorted(after.types.keys() & before.types.keys()):
        places, old_places = after.types[reply], before.types[reply]
        title = f"{reply[0]} {reply[1]}"
        for pointer, types in sorted(places.items()):
            place = f"{title}: {pointer or '/'}"
            if pointer not in old_places:
                yield f"{place}: new field, {alternatives(types)}"
            elif types - old_places[pointer]:
                old_types = alternatives(old_places[pointer])
                yield f"{place}: type {alternatives(types)}, was {old_types}"
        for pointer in sorted(before.always[reply] - places.keys()):
            yield f"{title}: {pointer}: lost field"
    for (method, status), shapes in sorted(after.errors.items()):
        for text in sorted(shapes - before.errors.get((method, status), set())):
            yield f"{method} {status}: new shape of error: {text}"


def alternatives(types: set[str]) -> str:
    return " or ".join(sorted(types))


def shape(response: Response) -> str:
    """Return media type, names and types of a response."""
    media_type = response.media_type or "no media type"
    body = parse(response.body)
    if body.defect:
        return f"{media_type}, {'no JSON' if response.body else 'empty'}"
    places = {f"{place or '/'} {type_of(value)}" for place, value in walk(body.value)}
    return f"{media_type}, {', '.join(sorted(places))}"
