"""The ledger: findings, counts and gaps of a run while it goes on."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter

from contract.clauses.base import AnyClause
from contract.engine.coverage import coverage_of
from contract.model import AnyExchange, Breach, ClientCase, Finding, Kind, Note
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


@dataclass
class Tally:
    """A breach while the run goes on."""

    clause: AnyClause
    finding: Finding
    example: AnyExchange
    count: int = 0
    kinds: set[Kind] = field(default_factory=set)
    sites: dict[str, None] = field(default_factory=dict)

    def add(self, exchange: AnyExchange, finding: Finding) -> None:
        self.count += 1
        self.sites[exchange.site] = None
        if exchange.case.kind is not None:
            self.kinds.add(exchange.case.kind)
        if case_size(exchange) < case_size(self.example):
            self.example, self.finding = exchange, finding

    def breach(self) -> Breach:
        rule = self.finding.rule
        return Breach(
            clause_id=self.clause.id,
            rule=rule,
            place=self.finding.place,
            level=rule.level or self.clause.level,
            message=self.finding.message,
            example=self.example,
            count=self.count,
            kinds=tuple(sorted(self.kinds)),
            sites=tuple(self.sites),
        )


class Ledger:
    """The record of a run while it goes on.

    Fields that a verdict has too are explained there. `tallies` are by the id of the
    breach, `judged_kinds` by clause and site. `plays` counts the cases that were begun,
    repeated ones too. `stop_reason` says why the run ended early, `is_stop_planned`
    whether a budget of the user ended it.
    """

    def __init__(self, spec: Spec) -> None:
        self.coverage = coverage_of(spec)
        self.judged: Counter[tuple[str, str]] = Counter()
        self.judged_kinds: dict[tuple[str, str], set[Kind]] = {}
        self.tallies: dict[str, Tally] = {}
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
    ) -> dict[str, bool]:
        """Record what a clause yielded for an exchange.

        Return the id of each breach that it shows, and whether that breach is new. A
        finding that an exchange has twice counts once.
        """
        self.count_judged(clause, exchange)
        findings: dict[str, Finding] = {}
        for result in items:
            if isinstance(result, Note):
                self.notes[clause.id, result.message] += 1
                continue
            cause_id = f"{clause.id}/{result.rule.name}"
            places = result.place, *result.other_places
            recorded = (p for p in places if f"{cause_id}@{p}" in self.tallies)
            place = next(recorded, result.place)
            placed = replace(result, place=place, other_places=())
            findings.setdefault(f"{cause_id}@{place}", placed)
        is_new = {breach_id: breach_id not in self.tallies for breach_id in findings}
        for breach_id, finding in findings.items():
            tally = Tally(clause, finding, exchange)
            self.tallies.setdefault(breach_id, tally).add(exchange, finding)
        rules = {finding.rule.name for finding in findings.values()}
        self.cause_counts.update(f"{clause.id}/{rule}" for rule in rules)
        return is_new

    def count_judged(self, clause: AnyClause, exchange: AnyExchange) -> None:
        key = clause.id, exchange.site
        self.judged[key] += 1
        if exchange.case.kind is not None:
            self.judged_kinds.setdefault(key, set()).add(exchange.case.kind)

    def breaches(self) -> tuple[Breach, ...]:
        """Return every breach, in the order of their first exchanges."""
        return tuple(tally.breach() for tally in self.tallies.values())
