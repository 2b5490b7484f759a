"""Directories of recordings, and how a service behaved otherwise in a later one."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from contract.cases.codec import case_id
from contract.clauses.bodies import parse
from contract.errors import UsageError
from contract.jsondiff import walk
from contract.model import Json, Response, ServiceExchange
from contract.recordings.cassette import load
from contract.spec.schema import type_of

Reply: TypeAlias = tuple[str, int]
"""A method and a status."""

LISTED: Reply = ("GET (listing)", 200)


def new_directory(root: Path, day: datetime.date, number: int = 1) -> Path:
    """Make the directory of a run, ROOT/YYYY-MM-DD, with -02, -03 after the first."""
    directory = root / (f"{day}" if number == 1 else f"{day}-{number:02}")
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        return new_directory(root, day, number + 1)
    except OSError as error:
        raise UsageError(f"{directory}: cannot be made: {error.strerror}") from None
    return directory


def previous_directory(directory: Path) -> Path | None:
    """Return the last directory before this one that holds recordings, or None."""
    earlier = (
        sibling
        for sibling in directory.parent.iterdir()
        if sibling.name < directory.name and any(sibling.glob("*.yaml"))
    )
    return max(earlier, default=None)


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
        for exchange in load(directory):
            self.add(exchange)

    def add(self, exchange: ServiceExchange) -> None:
        case = exchange.case
        for request, response in zip(
            exchange.requests, exchange.responses, strict=True
        ):
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
            self.statuses[case_id(case), exchange.site] = title, response.status

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
        places = after.types[reply]
        old_places = before.types[reply]
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
