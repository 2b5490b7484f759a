"""The ledger of a run while it goes on: breaches, counts, and keyword coverage."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple

from contract.clauses.base import AnyClause
from contract.model import (
    AnyExchange,
    Breach,
    ClientCase,
    Finding,
    Json,
    Kind,
    Note,
)
from contract.redaction import Redactor
from contract.spec import Spec

INTERRUPTED = "interrupted"
"""Stop reason after Ctrl-C."""


def case_size(exchange: AnyExchange) -> tuple[bool, int]:
    """Return the size of a case. A step of a sequence is larger than others."""
    case = exchange.case
    size = len(json.dumps(case.body, default=str))
    if isinstance(case, ClientCase):
        size += len(case.snapshot_id) + sum(len(r.body) for r in case.responses)
        return False, size
    parts = (*case.snapshot_id, *(case.override.body or ()))
    size += sum(len(part) for part in parts if isinstance(part, str | bytes))
    return case.is_step, size


def collect(breaches: dict[str, Breach], breach: Breach) -> None:
    """Add a breach, or join it with an earlier one. The smaller example stays."""
    if earlier := breaches.get(breach.id):
        breach = replace(
            min(earlier, breach, key=lambda item: case_size(item.example)),
            count=earlier.count + breach.count,
            kinds=union(earlier.kinds, breach.kinds),
            sites=tuple(dict.fromkeys((*earlier.sites, *breach.sites))),
            new_kinds=union(earlier.new_kinds, breach.new_kinds),
        )
    breaches[breach.id] = breach


def union(kinds: tuple[Kind, ...], others: tuple[Kind, ...]) -> tuple[Kind, ...]:
    missing = [kind for kind in others if kind not in kinds]
    return tuple(sorted((*kinds, *missing))) if missing else kinds


class Goal(NamedTuple):
    """A keyword to exercise in one way, `satisfied` or `broken`."""

    schema: str
    pointer: str
    keyword: str
    way: str


class Coverage:
    """Keywords of the documented schemas that the documents of a run exercised."""

    def __init__(self, spec: Spec) -> None:
        self.schemas = {"request": spec.request}
        for status, response in spec.documented.items():
            self.schemas[str(status)] = response.media["application/json"]
        self._texts: set[tuple[str, bytes]] = set()
        self._missing: dict[str, set[Goal]] = {
            name: {
                Goal(name, constraint.pointer, constraint.keyword, way)
                for constraint in schema.constraints
                for way in ("satisfied", "broken")
            }
            for name, schema in self.schemas.items()
        }

    def note(self, name: str, document: Json) -> None:
        """Take the keywords from the gaps that a document satisfies or breaks.

        A keyword that does not apply to the document is neither.
        """
        missing, schema = self._missing[name], self.schemas[name]
        if not missing:
            return
        wrong = {
            (re.sub(r"/\d+(?![^/])", "/*", violation.place), violation.keyword)
            for violation in schema.errors(document)
        }
        lists = {place.partition("/*")[0] for place, _ in wrong if "/*" in place}
        broken = wrong | {(place, "items") for place in lists}
        missing -= {Goal(name, place, keyword, "broken") for place, keyword in broken}
        mistyped = {place for place, keyword in wrong if keyword == "type"}
        for goal in list(missing):
            pointer, keyword = goal.pointer, goal.keyword
            if goal.way == "broken" or (pointer, keyword) in wrong:
                continue
            values = list(values_at(document, pointer.split("/")[1:]))
            applies = bool(values) and (keyword == "type" or pointer not in mistyped)
            if keyword == "items":
                has_items = any(isinstance(value, list) and value for value in values)
                in_items = any(place.startswith(f"{pointer}/*") for place, _ in wrong)
                applies = has_items and not in_items
            if applies:
                missing.remove(goal)

    def note_text(self, name: str, text: bytes) -> None:
        """Take a JSON text into account. A text that is no JSON exercises nothing."""
        if self._missing[name] and (name, text) not in self._texts:
            self._texts.add((name, text))
            with suppress(ValueError, RecursionError):
                self.note(name, json.loads(text))

    @property
    def gaps(self) -> list[Goal]:
        return sorted(goal for goals in self._missing.values() for goal in goals)

    def share(self, name: str, way: str) -> tuple[int, int]:
        """Return how many keywords were exercised in a way, and how many there are."""
        constraints = self.schemas[name].constraints
        total = len({(item.pointer, item.keyword) for item in constraints})
        return total - sum(goal.way == way for goal in self._missing[name]), total


def values_at(document: Json, tokens: list[str]) -> Iterator[Json]:
    """Yield the values at a place. `*` stands for every item of a list."""
    if not tokens:
        yield document
    elif tokens[0] == "*" and isinstance(document, list):
        for item in document:
            yield from values_at(item, tokens[1:])
    elif isinstance(document, dict) and tokens[0] in document:
        yield from values_at(document[tokens[0]], tokens[1:])


class Ledger:
    """The record of a run while it goes on.

    Fields that a verdict has too are explained there. `breaches` are by their ids, in
    the order of their first exchanges. `case_breaches` are those of the last case, and
    whether each is new. `plays` counts the cases that were begun, repeated ones too.
    `stop_reason` says why the run ended early, `is_stop_planned` whether a budget of
    the user ended it.
    """

    def __init__(self, spec: Spec, redactor: Redactor | None = None) -> None:
        self.place = (redactor or Redactor()).place
        self.coverage = Coverage(spec)
        self.judged: Counter[tuple[str, str]] = Counter()
        self.judged_kinds: dict[tuple[str, str], set[Kind]] = {}
        self.breaches: dict[str, Breach] = {}
        self.case_breaches: dict[str, bool] = {}
        self.cause_counts: Counter[str] = Counter()
        self.notes: Counter[tuple[str, str]] = Counter()
        self.skipped: dict[str, str] = {}
        self.cut_off: Counter[str] = Counter()
        self.played_kinds: set[Kind] = set()
        self.cases: set[str] = set()
        self.plays = self.exchanges = 0
        self.stop_reason = ""
        self.is_stop_planned = False
        self.started = datetime.now(UTC)
        self.seconds = 0.0

    @property
    def is_stopped(self) -> bool:
        return self.is_stop_planned or bool(self.stop_reason)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Measure the run. Ctrl-C ends it with its results."""
        begin_s = perf_counter()
        try:
            yield
        except KeyboardInterrupt:
            self.stop_reason = INTERRUPTED
        finally:
            self.seconds = perf_counter() - begin_s

    def add(
        self, clause: AnyClause, exchange: AnyExchange, items: Iterable[Finding | Note]
    ) -> None:
        """Record what a clause yielded for an exchange.

        A finding that an exchange has twice counts once.
        """
        kind, key = exchange.case.kind, (clause.id, exchange.site)
        self.judged[key] += 1
        if kind is not None:
            self.judged_kinds.setdefault(key, set()).add(kind)
        breaches: dict[str, Breach] = {}
        for result in items:
            if isinstance(result, Note):
                self.notes[clause.id, result.message] += 1
                continue
            cause_id = f"{clause.id}/{result.rule.name}"
            places = [self.place(p) for p in (result.place, *result.other_places)]
            recorded = (p for p in places if f"{cause_id}@{p}" in self.breaches)
            breach = Breach(
                clause_id=clause.id,
                rule=result.rule,
                place=next(recorded, places[0]),
                level=result.rule.level or clause.level,
                message=result.message,
                example=exchange,
                count=1,
                kinds=() if kind is None else (kind,),
                sites=(exchange.site,),
            )
            breaches.setdefault(breach.id, breach)
        for breach_id, breach in breaches.items():
            self.case_breaches.setdefault(breach_id, breach_id not in self.breaches)
            collect(self.breaches, breach)
        self.cause_counts.update({breach.cause_id for breach in breaches.values()})
