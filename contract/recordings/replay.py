"""Recordings used again: compared, and replayed to clients."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from contract.cases.documents import Documents
from contract.cases.parameters import CREDENTIALS, EXAMPLE_ID
from contract.cases.scenario import Scenario
from contract.clauses.base import parse
from contract.errors import UsageError
from contract.jsondiff import walk
from contract.model import ClientCase, Json, Label, Request, Response
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

    def responses(self) -> dict[Response, Path]:
        """Return each different response, as it can be played, with its first file."""
        responses: dict[Response, Path] = {}
        for path, _, recorded in self.exchanges:
            responses.setdefault(playable(recorded, path), path)
        return responses

    def scenarios(self) -> tuple[Scenario, ...]:
        """Return a scenario for each file: valid calls with a recorded response."""
        body = Documents(load().request.raw).full()
        cases: dict[str, list[ClientCase]] = defaultdict(list)
        for response, path in self.responses().items():
            media_type = response.media_type or "no media type"
            case = ClientCase(
                labels=(Label(str(response.status), f"recorded, {media_type}"),),
                snapshot_id=EXAMPLE_ID,
                credential=CREDENTIALS["plain"],
                body=body,
                responses=(response,),
            )
            cases[path.stem].append(case)
        return tuple(
            Scenario(f"recorded-{name}", partial(iter, c))
            for name, c in sorted(cases.items())
        )


def playable(recorded: Response, path: Path) -> Response:
    """Return a response without headers of its connection.

    A client must not be accused of what no server can send: raises UsageError.
    """
    headers = tuple(
        item for item in recorded.headers if not CONNECTION_HEADERS.fullmatch(item[0])
    )
    for name, value in headers:
        if not (HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value)):
            raise UsageError(f"{path}: the header {name!r} cannot be sent: {value!r}")
    return Response(recorded.status, headers, recorded.body)


def recorded_updates(directory: Path | str) -> list[Response]:
    """Return each different response to an update that cassettes hold.

    Raises UsageError if a file cannot be read, or if there is no update.
    """
    return list(RecordedUpdates(Path(directory), load()).responses())


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
        self.errors: dict[Reply, set[str]] = defaultdict(set)
        for path in cassettes(directory):
            for exchange in read_cassette(path)[1]:
                case = exchange.case
                pairs = zip(exchange.requests, exchange.responses, strict=True)
                for request, response in pairs:
                    if response is not None:
                        self.add(request.method, response)
                if exchange.after:
                    self.add_success(LISTED, list(exchange.after.values()))
                if (response := exchange.final_response) and not case.is_step:
                    status = f"{case.scenario}: {case.title}", response.status
                    self.statuses[case.id, exchange.site] = status

    def add(self, method: str, response: Response) -> None:
        reply = method, response.status
        if response.status < 400:
            self.add_success(reply, parse(response.body).value)
        else:
            self.errors[reply].add(shape(response))

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
        for text in sorted(shapes - before.errors[method, status]):
            yield f"{method} {status}: new shape of error: {text}"


def alternatives(types: set[str]) -> str:
    return " or ".join(sorted(types))


def shape(response: Response) -> str:
    media_type = response.media_type or "no media type"
    body = parse(response.body)
    if body.defect:
        return f"{media_type}, {'no JSON' if response.body else 'empty'}"
    places = {f"{place or '/'} {type_of(value)}" for place, value in walk(body.value)}
    return f"{media_type}, {', '.join(sorted(places))}"
