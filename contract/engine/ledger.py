"""The ledger: findings, counts and gaps of a run while it goes on."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Self

from contract.clauses.base import AnyClause
from contract.engine.coverage import Coverage, coverage_of
from contract.model import (
    AnyExchange,
    Breach,
    ClientCase,
    Finding,
    Kind,
    Note,
    ServiceCase,
)
from contract.spec import Spec

INTERRUPTED = "interrupted"
"""Stop reason after Ctrl-C."""


def case_size(exchange: AnyExchange) -> tuple[bool, int]:
    """Return the size of a case. A step of a sequence is larger than others."""
    case = exchange.case
    size = len(json.dumps(case.body, default=str))
    match case:
        case ClientCase():
            size += len(case.snapshot_id)
            size += sum(len(response.body) for response in case.responses)
            return False, size
        case ServiceCase():
            parts = (*case.snapshot_id, *(case.override.body or ()))
            size += sum(len(part) for part in parts if isinstance(part, str | bytes))
            return case.is_step, size


@dataclass
class Tally:
    """The exchanges of one breach while the run goes on."""

    clause: AnyClause
    finding: Finding
    example: AnyExchange
    count: int = 0
    kinds: dict[Kind, None] = field(default_factory=dict)
    sites: dict[str, None] = field(default_factory=dict)

    def add(self, exchange: AnyExchange, finding: Finding) -> None:
        """Count an exchange. Keep it as the example if it is the smallest so far."""
        self.count += 1
        self.sites[exchange.site] = None
        if exchange.case.kind is not None:
            self.kinds[exchange.case.kind] = None
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


@dataclass
class Ledger:
    """The record of a run while it goes on.

    `judged` counts exchanges by clause and site, `judged_kinds` has the kinds that a
    clause judged on a site. `skipped` has a reason for each kind that was not played.
    `cut_off` counts by scenario the cases left out after `max_wait_s` of waiting,
    `plays` the cases that were begun, repeated ones too.
    `stop_reason` says why the run ended early, and `is_stop_planned` whether a budget
    of the user ended it.
    """

    coverage: Coverage
    judged: Counter[tuple[str, str]] = field(default_factory=Counter)
    judged_kinds: dict[tuple[str, str], set[Kind]] = field(default_factory=dict)
    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    cause_counts: Counter[str] = field(default_factory=Counter)
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    cut_off: Counter[str] = field(default_factory=Counter)
    played_kinds: set[Kind] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    plays: int = 0
    exchanges: int = 0
    stop_reason: str = ""
    is_stop_planned: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0

    @classmethod
    def for_spec(cls, spec: Spec) -> Self:
        """Return an empty ledger."""
        return cls(coverage_of(spec))

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
        self,
        clause: AnyClause,
        exchange: AnyExchange,
        results: Iterable[Finding | Note],
    ) -> dict[str, bool]:
        """Record what a clause yielded for an exchange.

        Return the id of each breach that it shows, and whether that breach is new. A
        finding that an exchange has twice counts once.
        """
        self.count_judged(clause, exchange)
        findings: dict[tuple[str, str, str], Finding] = {}
        for result in results:
            if isinstance(result, Note):
                self.notes[clause.id, result.message] += 1
            else:
                key = self.key(clause, result)
                placed = replace(result, place=key[2], other_places=())
                findings.setdefault(key, placed)
        is_new = {f"{c}/{r}@{p}": (c, r, p) not in self.tallies for c, r, p in findings}
        for key, finding in findings.items():
            tally = self.tallies.setdefault(key, Tally(clause, finding, exchange))
            tally.add(exchange, finding)
        self.cause_counts.update({f"{c}/{rule}" for c, rule, _ in findings})
        return is_new

    def count_judged(self, clause: AnyClause, exchange: AnyExchange) -> None:
        """Count one exchange that a clause judged."""
        key = clause.id, exchange.site
        self.judged[key] += 1
        if exchange.case.kind is not None:
            self.judged_kinds.setdefault(key, set()).add(exchange.case.kind)

    def key(self, clause: AnyClause, finding: Finding) -> tuple[str, str, str]:
        """Return clause, rule and place of a finding, preferring a recorded place."""
        rule = finding.rule.name
        for place in (finding.place, *finding.other_places):
            if (clause.id, rule, place) in self.tallies:
                return clause.id, rule, place
        return clause.id, rule, finding.place

    def breaches(self) -> tuple[Breach, ...]:
        """Return every breach, in the order in which they were first seen."""
        return tuple(tally.breach() for tally in self.tallies.values())
