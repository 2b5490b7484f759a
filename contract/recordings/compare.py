"""Recordings judged again by the contract of today, and one night compared with another."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contract.clauses import SERVICE
from contract.clauses.client_context import read_body
from contract.clauses.service_context import wire_of
from contract.engine.runner import covering, judge
from contract.engine.verdict import Verdict
from contract.model import Exchange, Json, Response
from contract.recordings.load import files, load, read_file
from contract.spec import Spec

__all__ = ["compare", "rejudge", "shape_of"]


def rejudge(directory: Path, spec: Spec) -> Verdict:
    """Judge every recorded exchange under a directory by the clauses for services; raises UsageError.

    S-PARITY is judged where one recording holds the same case of several sites.
    """
    paths = files(directory)
    verdict = Verdict(
        "service", str(directory), "", "recorded", 0, (), SERVICE, covering(spec)
    )
    begin_s, sites, names = time.perf_counter(), dict[str, None](), dict[str, None]()
    for path in paths:
        head, exchanges = read_file(path)
        names[f"{head['subject'] or 'a service'} ({head['made_from']})"] = None
        for exchange in exchanges:
            verdict.exchanges += 1
            verdict.cases.add(exchange.case.id)
            sites[exchange.case.site] = None
            judge(exchange, verdict, spec)
    verdict.name = f"recordings of {', '.join(names)}"
    verdict.sites = tuple(sites)
    verdict.reasons = {
        "S-RATE": "no 429 was recorded",
        "S-PARITY": "each recording is of one site",
    }
    verdict.seconds = time.perf_counter() - begin_s
    return verdict


# -- night by night ---------------------------------------------------------------------------------------------

Status = tuple[str, int]
"""A method and a status."""


@dataclass
class _Night:
    """What a directory of recordings shows of a service."""

    statuses: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The last status of each case, with what the case is, by the id of the case and its site."""
    fields: dict[Status, dict[str, set[str]]] = field(default_factory=dict)
    """The types that each place of a success had, by pointer."""
    always: dict[Status, set[str]] = field(default_factory=dict)
    """The places that every success had."""
    errors: dict[Status, set[str]] = field(default_factory=dict)
    """The shapes of errors."""


def compare(old: Path, new: Path) -> list[str]:
    """Return how the service of one night differs from that of another, a line each; nothing is no difference.

    Told are: another status for the same case, a status that was not there before, a new or lost field and another
    type of one in a success, another shape of an error. Raises UsageError where one holds no recordings.
    """
    was, now = _night(load(old)), _night(load(new))
    return list(
        dict.fromkeys([*_statuses(was, now), *_fields(was, now), *_errors(was, now)])
    )


def _statuses(was: _Night, now: _Night) -> Iterator[str]:
    before = was.fields.keys() | was.errors.keys()
    for method, status in sorted((now.fields.keys() | now.errors.keys()) - before):
        yield f"{method}: new status {status}"
    for key, (what, status) in now.statuses.items():
        if key in was.statuses and was.statuses[key][1] != status:
            yield f"{what}: status {status}, was {was.statuses[key][1]}"


def _fields(was: _Night, now: _Night) -> Iterator[str]:
    for (method, status), places in sorted(now.fields.items()):
        known = was.fields.get((method, status))
        if known is None:
            continue
        for pointer, types in sorted(places.items()):
            where, names = (
                f"{method} {status}: {pointer or '/'}",
                " or ".join(sorted(types)),
            )
            if pointer not in known:
                yield f"{where}: new field, {names}"
            elif types - known[pointer]:
                yield f"{where}: type {names}, was {' or '.join(sorted(known[pointer]))}"
        for pointer in sorted(was.always[method, status] - places.keys()):
            yield f"{method} {status}: {pointer}: lost field"


def _errors(was: _Night, now: _Night) -> Iterator[str]:
    for (method, status), shapes in sorted(now.errors.items()):
        for shape in sorted(shapes - was.errors.get((method, status), set())):
            yield f"{method} {status}: new shape of error: {shape}"


def _night(exchanges: list[Exchange]) -> _Night:
    night = _Night()
    for exchange in exchanges:
        case, method = exchange.case, wire_of(exchange).method
        for answer in exchange.responses:
            if answer is not None and answer.status < 400:
                _note(night, (method, answer.status), read_body(answer.body).value)
            elif answer is not None:
                night.errors.setdefault((method, answer.status), set()).add(
                    shape_of(answer)
                )
        if exchange.after:
            _note(night, ("GET (rows)", 200), list(exchange.after.values()))
        if exchange.response is not None and case.scenario != "sequences":
            what = f"{case.scenario}: {case.kinds[0]}"
            night.statuses[f"{case.id} {case.site}"] = (what, exchange.response.status)
    return night


def _note(night: _Night, status: Status, document: Json) -> None:
    places = dict(_places(document, ""))
    known = night.fields.setdefault(status, {})
    for pointer, name in _places(document, ""):
        known.setdefault(pointer, set()).add(name)
    night.always[status] = night.always.get(status, set(places)) & places.keys()


def _places(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield each place of a document and its type; the items of a list are one place."""
    yield pointer, _TYPES[type(value)]
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _places(
                child, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            )
    elif isinstance(value, list):
        for child in value:
            yield from _places(child, f"{pointer}/*")


_TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def shape_of(answer: Response) -> str:
    """Return the media type of an answer and the shape of its document: names and types, nothing of what it holds."""
    media = (
        (answer.header("Content-Type") or "no media type")
        .partition(";")[0]
        .strip()
        .lower()
    )
    reading = read_body(answer.body)
    if reading.trouble:
        return f"{media}, {'no JSON' if answer.body else 'empty'}"
    places = sorted(
        {f"{pointer or '/'} {name}" for pointer, name in _places(reading.value, "")}
    )
    return f"{media}, {', '.join(places)}"
