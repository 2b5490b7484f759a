"""The ledger of a run while it goes on: breaches, counts, and keyword coverage."""

import json
import re
from bisect import bisect_left
from collections import ChainMap, Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, NamedTuple

from contract.clauses.base import AnyClause, parse
from contract.errors import ContractError, internal_error
from contract.model import (
    ABRIDGED,
    AnyCase,
    AnyExchange,
    Breach,
    ClientCase,
    Finding,
    Json,
    Kind,
    Note,
)
from contract.redaction import Redactor
from contract.spec import Spec, load

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
    """Add a breach, or join it with an earlier one. The smaller example stays.

    Of timed breaches the first one stays, which is the confirmed one. One that is not
    timed is a better example.
    """
    if earlier := breaches.get(breach.id):
        breach = replace(
            min(earlier, breach, key=example_rank),
            count=earlier.count + breach.count,
            kinds=union(earlier.kinds, breach.kinds),
            sites=tuple(dict.fromkeys((*earlier.sites, *breach.sites))),
            new_kinds=union(earlier.new_kinds, breach.new_kinds),
        )
    breaches[breach.id] = breach


def example_rank(breach: Breach) -> tuple[object, ...]:
    size = () if breach.is_timed else case_size(breach.example)
    return (breach.is_timed, *size)


def union(kinds: tuple[Kind, ...], others: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Return two sorted tuples as one. The second one is short."""
    merged = list(kinds)
    for kind in others:
        index = bisect_left(merged, kind)
        if merged[index : index + 1] != [kind]:
            merged.insert(index, kind)
    return tuple(merged)


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

    def __reduce__(self) -> tuple[Any, ...]:
        return with_gaps, ([*map(" ".join, self.gaps)],)

    def note(self, name: str, document: Json) -> None:
        """Take the keywords from the gaps that a document satisfies or breaks.

        A keyword that does not apply to the document is neither.
        """
        missing = self._missing[name]
        violations = self.schemas[name].errors(document) if missing else []
        if not violations and all(goal.way == "broken" for goal in missing):
            return
        wrong = {
            (re.sub(r"/\d+(?![^/])", "/*", violation.place), violation.keyword)
            for violation in violations
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

    def note_case(self, case: AnyCase) -> None:
        """Take the body of a case into account. Placeholders are texts on the wire."""
        if self._missing["request"]:
            text = json.dumps(case.body, default=str)
            self.note("request", json.loads(text))

    def note_text(self, name: str, text: bytes) -> None:
        """Take a JSON text into account. A text that is no JSON exercises nothing."""
        is_large = len(text) > ABRIDGED
        if self._missing[name] and not is_large and (name, text) not in self._texts:
            self._texts.add((name, text))
            body = parse(text)
            if not body.defect:
                self.note(name, body.value)

    @property
    def gaps(self) -> list[Goal]:
        return sorted(goal for goals in self._missing.values() for goal in goals)

    def keep(self, gaps: Collection[str]) -> None:
        """Leave only gaps that are among these texts."""
        for goals in self._missing.values():
            goals.intersection_update([g for g in goals if " ".join(g) in gaps])

    def share(self, name: str, way: str) -> tuple[int, int]:
        """Return how many keywords were exercised in a way, and how many there are."""
        constraints = self.schemas[name].constraints
        total = len({(item.pointer, item.keyword) for item in constraints})
        return total - sum(goal.way == way for goal in self._missing[name]), total


def with_gaps(gaps: Collection[str]) -> Coverage:
    """Return a coverage with these gaps."""
    coverage = Coverage(load())
    coverage.keep(gaps)
    return coverage


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
    the order of their first exchanges. A timed breach counts at once if `is_accepted`,
    and else waits in `not_confirmed`. `case_breaches` are those of the last case, and
    whether each is new, without timed ones: time repeats nothing exactly. `case_sites`
    has the sites of all. `plays` counts the cases that were begun, repeated ones too.
    `stop_reason` says why the run ended early, `is_stop_planned` whether a budget of
    the user ended it. `error` is the internal error that ended it.
    """

    def __init__(
        self,
        spec: Spec,
        redactor: Redactor | None = None,
        is_accepted: Callable[[str, str], bool] = lambda cause_id, place: False,
    ) -> None:
        self.place = (redactor or Redactor()).place
        self.coverage = Coverage(spec)
        self.is_accepted = is_accepted
        self._judged: Counter[tuple[str, Kind | None, tuple[str, ...]]] = Counter()
        self.breaches: dict[str, Breach] = {}
        self.not_confirmed: dict[str, Breach] = {}
        self.candidates: dict[str, frozenset[str]] = {}
        self.case_breaches: dict[str, bool] = {}
        self.case_sites: dict[str, set[str]] = {}
        self.cause_counts: Counter[str] = Counter()
        self.notes: Counter[tuple[str, str]] = Counter()
        self.skipped: dict[str, str] = {}
        self.cut_off: Counter[str] = Counter()
        self.played_kinds: set[Kind] = set()
        self.cases: set[str] = set()
        self.outcomes: dict[str, str] = {}
        self.plays = self.exchanges = 0
        self.stop_reason = ""
        self.is_stop_planned = False
        self.error: Exception | None = None
        self.started = datetime.now(UTC)
        self.seconds = 0.0

    @property
    def is_stopped(self) -> bool:
        return self.is_stop_planned or bool(self.stop_reason)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Measure the run. Ctrl-C and an internal error end it with its results."""
        begin_s = perf_counter()
        try:
            yield
        except KeyboardInterrupt:
            self.stop_reason = INTERRUPTED
        except ContractError:
            raise
        except Exception as error:
            self.stop_reason, self.error = internal_error(error), error
        finally:
            self.seconds = perf_counter() - begin_s

    def count(self, exchange: AnyExchange, clauses: Iterable[AnyClause]) -> None:
        """Count an exchange for the clauses that it concerns."""
        ids = tuple([clause.id for clause in clauses])
        self._judged[exchange.site, exchange.case.kind, ids] += 1

    @property
    def judged(self) -> Counter[tuple[str, str]]:
        """The number of exchanges by clause and site."""
        judged: Counter[tuple[str, str]] = Counter()
        for (site, _, ids), count in self._judged.items():
            judged.update(dict.fromkeys(((id_, site) for id_ in ids), count))
        return judged

    @property
    def judged_kinds(self) -> dict[tuple[str, str], set[Kind]]:
        """The kinds of exchanges by clause and site."""
        kinds: dict[tuple[str, str], set[Kind]] = {}
        for site, kind, ids in self._judged:
            if kind is not None:
                for id_ in ids:
                    kinds.setdefault((id_, site), set()).add(kind)
        return kinds

    def add(
        self, clause: AnyClause, exchange: AnyExchange, items: Sequence[Finding | Note]
    ) -> list[Breach]:
        """Record what a clause yielded for an exchange. Return what must be confirmed.

        A finding that an exchange has twice counts once. A timed one counts at once if
        its breach stands already.
        """
        breaches: dict[str, Breach] = {}
        for result in items:
            if isinstance(result, Note):
                self.notes[clause.id, result.message] += 1
                continue
            places = [self.place(p) for p in (result.place, *result.other_places)]
            breach = self._breach(clause, exchange, result, places)
            self.case_sites.setdefault(breach.id, set()).add(exchange.site)
            if breach.id not in breaches or breaches[breach.id].is_timed:
                breaches[breach.id] = breach
            if result.other_places:
                if breach.id not in self.breaches:
                    self.candidates[breach.id] = frozenset(places)
            elif not result.is_timed:
                self._settle(breach)
        counted = {b.id: b for b in breaches.values() if self.is_counted(b)}
        for breach_id, breach in counted.items():
            if not breach.is_timed:
                self.case_breaches.setdefault(breach_id, breach_id not in self.breaches)
            collect(self.breaches, breach)
        self.cause_counts.update({breach.cause_id for breach in counted.values()})
        waiting = [b for b in breaches.values() if b.id not in counted]
        for breach in waiting:
            collect(self.not_confirmed, breach)
        return waiting

    def _breach(
        self,
        clause: AnyClause,
        exchange: AnyExchange,
        finding: Finding,
        places: Sequence[str],
    ) -> Breach:
        """Return the breach of a finding, at the first of its places that is known."""
        kind = exchange.case.kind
        cause_id = f"{clause.id}/{finding.rule.name}"
        ids = ChainMap(self.breaches, self.not_confirmed)
        recorded = (place for place in places if f"{cause_id}@{place}" in ids)
        return Breach(
            clause_id=clause.id,
            rule=finding.rule,
            place=next(recorded, places[0]),
            level=finding.rule.level or clause.level,
            message=finding.message,
            example=exchange,
            count=1,
            kinds=() if kind is None else (kind,),
            sites=(exchange.site,),
            is_timed=finding.is_timed,
        )

    def is_counted(self, breach: Breach) -> bool:
        """Return whether a breach counts without a confirmation."""
        is_certain = not breach.is_timed or breach.id in self.breaches
        return is_certain or self.is_accepted(breach.cause_id, breach.place)

    def confirm(self, breach: Breach) -> None:
        """Count a breach that occurred again. Its example is the reported one."""
        waiting = self.not_confirmed.pop(breach.id)
        confirmed = replace(
            waiting,
            example=breach.example,
            message=breach.message,
            reproducibility="always",
        )
        collect(self.breaches, confirmed)
        self.cause_counts[breach.cause_id] += waiting.count

    def take_example(self, ids: Collection[str], trial: "Ledger") -> bool:
        """Take the example of a breach from another ledger, if that has it.

        One of the ids is its own, the others are those of places where it may be.
        """
        self.stop_reason = self.stop_reason or trial.stop_reason
        self.is_stop_planned |= trial.is_stop_planned
        breaches = [breach for id_, breach in trial.breaches.items() if id_ in ids]
        for breach in breaches:
            if breach.id not in trial.candidates:
                self._settle(breach)
            if breach.id in self.breaches:
                smaller = replace(breach, count=0, kinds=(), sites=())
                collect(self.breaches, smaller)
        return bool(breaches)

    def _settle(self, breach: Breach) -> None:
        """Move what was filed under one of several places to the one that is known."""
        for breach_id, places in tuple(self.candidates.items()):
            is_same = breach_id.startswith(f"{breach.cause_id}@")
            if is_same and breach.place in places:
                del self.candidates[breach_id]
                if earlier := self.breaches.pop(breach_id, None):
                    collect(self.breaches, replace(earlier, place=breach.place))
