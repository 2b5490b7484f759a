"""Exchanges as files: VCR cassettes, format v1, one a scenario, which hold all that a clause needs.

To what vcrpy reads are added, at the top, `recorded_with` and `x-contract` (what it was made from, when, from what,
the scenario, `known`: rows, ids and keys, each once), and beside the first request of each exchange `x-contract`: the
case, what was told, the numbers of the rows before and after. They are JSON texts: short, and quick to read.
"""

import base64
import datetime
import json
from collections.abc import Iterable
from dataclasses import fields
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import yaml

from contract.model import (
    Case,
    Exchange,
    Headers,
    Json,
    Outcome,
    Request,
    Response,
    Rows,
)
from contract.recordings.redact import redacted
from contract.redaction import Redactor, write

__all__ = ["FORMAT", "USUAL_CASE", "MadeFrom", "save"]

MadeFrom = Literal["live", "sandbox"]

FORMAT = 1
_WITH = "replay-heatmap-contract"
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

USUAL_CASE = {
    name: value
    for name, value in Case("", (), "", None).to_json().items()
    if name != "snapshot_id"
}
"""What a recorded case leaves out."""

USUAL_OUTCOME: dict[str, Json] = {each.name: each.default for each in fields(Outcome)}


def save(
    exchanges: Iterable[Exchange],
    directory: Path,
    made_from: MadeFrom,
    redactor: Redactor,
    *,
    subject: str = "",
    at: datetime.datetime | None = None,
    over: bool = False,
) -> list[Path]:
    """Write exchanges of a service to DIRECTORY/SCENARIO.yaml, redacted, each file whole or not at all.

    The redactor learns first: the keys that were used, and whom the answers and the rows name. `subject` and `at`
    (by default now) say what was recorded, and when. Raises UsageError where a file exists, unless `over`, or cannot
    be written; returns the paths.
    """
    exchanges = list(exchanges)
    for exchange in exchanges:
        _learn(redactor, exchange)
    by_scenario: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        by_scenario.setdefault(exchange.case.scenario or "exchanges", []).append(
            exchange
        )
    when = f"{at or datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    written = []
    for scenario, some in by_scenario.items():
        head = {
            "format": FORMAT,
            "made_from": made_from,
            "recorded": when,
            "subject": redactor.text(subject),
        }
        text = _text(
            [redacted(each, redactor) for each in some], {**head, "scenario": scenario}
        )
        name = "".join(
            char if char.isalnum() or char in "-_" else "-" for char in scenario
        )
        written.append(write(directory / f"{name}.yaml", text, replace=over))
    return written


def _learn(redactor: Redactor, exchange: Exchange) -> None:
    for key in exchange.keys:
        if len(key) >= 8 and key not in redactor.secrets.values():
            redactor.hide(f"a key of the case with keys {exchange.case.keys!r}", key)
    for rows in (exchange.before, exchange.after):
        redactor.learn_from(list((rows or {}).values()))
    for answer in exchange.responses:
        if answer is not None:
            try:
                redactor.learn_from(json.loads(answer.body))
            except (ValueError, RecursionError):
                continue


def _text(exchanges: list[Exchange], head: dict[str, Json]) -> str:
    known: dict[str, int] = {}
    made: list[Json] = []
    unanswered: list[str] = []
    for exchange in exchanges:
        text = _compact(_about(exchange, known))
        pairs = [
            (sent, came)
            for sent, came in zip(exchange.requests, exchange.responses, strict=True)
            if came is not None
        ]
        if not pairs:
            unanswered.append(text)
        for index, (request, answer) in enumerate(pairs):
            made.append(
                _interaction(request, answer)
                | ({"x-contract": text} if index == 0 else {})
            )
    document = {
        "version": 1,
        "recorded_with": _WITH,
        "x-contract": {**head, "known": list(known), "unanswered": unanswered},
        "interactions": made,
    }
    written: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False, width=1 << 30)
    return written


def _about(exchange: Exchange, known: dict[str, int]) -> dict[str, Json]:
    """Return what VCR has no place for; `sent` has null for each interaction, a request that got no answer whole."""

    def number(value: Json) -> int:
        return known.setdefault(_compact(value), len(known))

    def rows(these: Rows | None) -> list[int] | None:
        return (
            None
            if these is None
            else [number([name, row]) for name, row in these.items()]
        )

    sent = [
        None if came is not None else _request(each)
        for each, came in zip(exchange.requests, exchange.responses, strict=True)
    ]
    return {
        "case": _differing(exchange.case.to_json(), USUAL_CASE),
        "told": _differing(
            {
                each.name: getattr(exchange.outcome, each.name)
                for each in fields(Outcome)
            },
            USUAL_OUTCOME,
        ),
        "sent": sent,
        "keys": number(list(exchange.keys)),
        "ids": number(dict(exchange.ids)),
        "before": rows(exchange.before),
        "after": rows(exchange.after),
    }


def _differing(known: dict[str, Json], usual: dict[str, Json]) -> dict[str, Json]:
    """Leave out what is as usual."""
    return {
        name: value
        for name, value in known.items()
        if name not in usual or value != usual[name]
    }


def _request(request: Request) -> dict[str, Json]:
    body = _body(request.body)
    told = (
        body if isinstance(body, str) else {"$base64": base64.b64encode(body).decode()}
    )
    return {
        "method": request.method,
        "url": request.url,
        "headers": list(request.headers),
        "body": told,
    }


def _interaction(request: Request, answer: Response) -> dict[str, Json]:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    return {
        "request": {
            "method": request.method,
            "uri": request.url,
            "body": _body(request.body) if request.body else None,
            "headers": _listed(request.headers),
        },
        "response": {
            "status": {"code": answer.status, "message": phrase},
            "headers": _listed(answer.headers),
            "body": {"string": _body(answer.body)},
        },
    }


def _body(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _listed(headers: Headers) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = {}
    for name, value in headers:
        listed.setdefault(name, []).append(value)
    return listed


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))
