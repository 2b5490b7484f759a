"""The verdict of a run, computed once and frozen."""

from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any, Literal

from contract.clauses.base import AnyClause
from contract.engine.ledger import Coverage, case_size, collect
from contract.engine.schedule import Shard
from contract.errors import RecordedError, internal_error, visible
from contract.model import Breach, Kind, Level, Rule, SubjectKind
from contract.redaction import Redactor, quoted, redacted

State = Literal["holds", "partial", "broken", "should", "accepted", "not judged"]

SUMS = ("seconds", "cases", "exchanges", "unplayed_kinds")
COUNTERS = ("judged", "cause_counts", "notes", "cut_off")
TEXTS = ("skipped", "reasons", "outcomes")
UNIONS = ("sites", "own_sites", "kinds", "scenarios")
"""Fields of a verdict that are added up or joined where it has several parts."""

OTHERS = (
    "skipped",
    "reasons",
    "name",
    "version",
    "arguments",
    "interrupted",
    "cut_off",
    "stale",
    "expiring",
    "unexplained",
    "leftovers",
    "changes",
    "warnings",
)
"""Fields with texts of others. `notes` has them in its keys."""


@dataclass(frozen=True)
class Cause:
    """All breaches of one clause and rule: what one reads, fixes and accepts.

    `count` is the number of exchanges. New breaches come first, the smallest first.
    """

    clause_id: str
    rule: Rule
    level: Level
    count: int
    breaches: tuple[Breach, ...]

    @property
    def id(self) -> str:
        return self.example.cause_id

    @property
    def example(self) -> Breach:
        return self.breaches[0]

    @property
    def is_accepted(self) -> bool:
        return self.example.is_accepted


@dataclass(frozen=True)
class GridCell:
    """State of a clause on a site.

    `judged` are the kinds that the clause judged there, `total` is the number of kinds
    that it judged anywhere. `partial` holds, but other sites judged more.
    """

    clause_id: str
    site: str
    state: State
    judged: frozenset[Kind]
    total: int


@dataclass(frozen=True)
class Verdict:
    """Result of a run.

    `judged` counts exchanges by clause and site, `judged_kinds` has their kinds. Kinds
    in `own_site_kinds` name their sites and stand apart in the grid. `not_confirmed`
    are timed breaches that did not occur again. They do not count.
    `skipped` has the reason for each kind that was not played, `cut_off` by scenario
    the number of cases left out after `max_wait_s` of waiting. `reasons` says why a
    clause could not be judged where the subject knows. `stale`, `expiring` and
    `unexplained` are remarks on the accepted entries. `leftovers` are snapshots that
    could not be removed. `share` is the part of the plan that was played. `changes`
    are new responses since the run before. `arguments` names the subject on a command
    line. `left_out` are the scenarios that were not played whole, so that a breach may
    have been missed. `error` is an internal error that ended the run. `warnings` are
    about files that could not be written. The page does not have `own_sites`. `shard`
    is set if the run was a part of one. `scenarios` are those that were chosen.
    `outcomes` has a digest for each case of a service, `candidates` the places at one
    of which a breach is. `redactor` knows the secrets of the run: no text holds one.
    """

    kind: SubjectKind
    name: str
    version: str
    profile: str
    seed: int
    sites: tuple[str, ...]
    clauses: tuple[AnyClause, ...]
    coverage: Coverage
    started: datetime
    seconds: float
    cases: int
    exchanges: int
    judged: Mapping[tuple[str, str], int]
    kinds: tuple[Kind, ...]
    judged_kinds: Mapping[tuple[str, str], frozenset[Kind]]
    own_site_kinds: frozenset[Kind]
    breaches: tuple[Breach, ...]
    cause_counts: Mapping[str, int]
    not_confirmed: tuple[Breach, ...] = ()
    notes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    cut_off: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    interrupted: str = ""
    error: Exception | None = None
    share: float = 1.0
    unplayed_kinds: int = 0
    stale: tuple[str, ...] = ()
    expiring: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_strict: bool = False
    arguments: str = ""
    parts: tuple["Verdict", ...] = ()
    shard: Shard | None = None
    scenarios: tuple[str, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    candidates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_sites: tuple[str, ...] = ()
    redactor: Redactor = field(default_factory=Redactor.of_environment, repr=False)

    def __post_init__(self) -> None:
        """Take the secrets out of every text."""
        hide = self.redactor.text
        notes = {(id_, hide(text)): n for (id_, text), n in self.notes.items()}
        texts = {name: redacted(getattr(self, name), self.redactor) for name in OTHERS}
        vars(self).update(texts, notes=notes)

    def __getstate__(self) -> dict[str, Any]:
        # A traceback stays in its process.
        error = self.error and RecordedError(internal_error(self.error))
        return {**vars(self), "error": error}

    @cached_property
    def judged_total(self) -> Counter[str]:
        """Numbers of exchanges by clause id."""
        totals: Counter[str] = Counter()
        for (clause_id, _), count in self.judged.items():
            totals[clause_id] += count
        return totals

    def counts(self, breach: Breach) -> bool:
        """Return whether a breach makes the verdict `broken`."""
        if breach.is_accepted:
            return self.is_strict and bool(breach.new_kinds)
        return self.is_strict or breach.level is Level.MUST

    @cached_property
    def failures(self) -> tuple[Breach, ...]:
        return tuple(filter(self.counts, self.breaches))

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        groups: dict[str, list[Breach]] = {}
        for breach in self.breaches:
            groups.setdefault(breach.cause_id, []).append(breach)
        return tuple(sorted(map(self.cause, groups.values()), key=self.rank))

    def cause(self, breaches: list[Breach]) -> Cause:
        breaches.sort(key=lambda b: (b.is_accepted, case_size(b.example), b.place))
        first = breaches[0]
        total = sum(breach.count for breach in breaches)
        return Cause(
            clause_id=first.clause_id,
            rule=first.rule,
            level=min((b.level for b in breaches), key=list(Level).index),
            count=self.cause_counts.get(first.cause_id, total),
            breaches=tuple(breaches),
        )

    def is_counted(self, cause: Cause) -> bool:
        return any(map(self.counts, cause.breaches))

    def rank(self, cause: Cause) -> tuple[Any, ...]:
        is_mild = not self.is_counted(cause)
        return is_mild, cause.is_accepted, cause.rule.danger, cause.id

    @cached_property
    def verdict(self) -> Literal["holds", "broken", "unknown"]:
        """`broken` by a breach that counts, `unknown` if too little was judged.

        After an internal error it is `unknown`: `broken` is a claim about the subject.
        """
        if self.error:
            return "unknown"
        if self.failures:
            return "broken"
        if self.interrupted or self.cut_off or self.leftovers or self.unplayed_kinds:
            return "unknown"
        musts = (clause for clause in self.clauses if clause.level is Level.MUST)
        is_judged = any(self.judged_total[clause.id] for clause in musts)
        return "holds" if is_judged else "unknown"

    @cached_property
    def not_judged(self) -> Mapping[str, str]:
        """The clauses that no exchange concerned, each with the reason."""
        reasons = {**self.reasons}
        for part in self.parts[::-1]:
            reasons = {**part.not_judged, **reasons}
        fallback = "; ".join(dict.fromkeys(self.skipped.values()))
        fallback = fallback or "no case of this run concerns it"
        ids = (clause.id for clause in self.clauses)
        return {i: reasons.get(i, fallback) for i in ids if not self.judged_total[i]}

    def breaches_of(self, clause_id: str) -> tuple[Breach, ...]:
        return tuple(b for b in self.breaches if b.clause_id == clause_id)

    def state(self, clause_id: str, site: str = "") -> State:
        """Return the state of a clause on a site, by default on all."""
        breaches = self.breaches_of(clause_id)
        judged = self.judged_total[clause_id]
        if site:
            breaches = tuple(b for b in breaches if site in b.sites)
            judged = self.judged.get((clause_id, site), 0)
        levels = {breach.level for breach in breaches if not breach.is_accepted}
        if levels:
            return "broken" if Level.MUST in levels else "should"
        if breaches:
            return "accepted"
        return "holds" if judged else "not judged"

    @cached_property
    def clause_kinds(self) -> Mapping[str, frozenset[Kind]]:
        kinds: dict[str, frozenset[Kind]] = {}
        for (clause_id, _), here in self.judged_kinds.items():
            kinds[clause_id] = kinds.get(clause_id, here) | here
        return {key: here - self.own_site_kinds for key, here in kinds.items()}

    def grid_cell(self, clause_id: str, site: str) -> GridCell:
        here = self.judged_kinds.get((clause_id, site), frozenset())
        total = len(self.clause_kinds.get(clause_id, here))
        here -= self.own_site_kinds
        state = self.state(clause_id, site)
        if state == "holds" and len(here) < total:
            state = "partial"
        return GridCell(clause_id, site, state, here, total)

    def assert_holds(self) -> None:
        """Raise AssertionError with the causes that count, unless the verdict holds."""
        __tracebackhide__ = True
        if self.verdict == "holds":
            return
        causes = filter(self.is_counted, self.causes)
        lines = [f"{cause.id}: {cause.example.message}" for cause in causes] or [
            f"{clause_id} is not judged: {reason}"
            for clause_id, reason in self.not_judged.items()
        ]
        lines = [f"{self.name}: {self.interrupted or self.verdict}", *lines]
        raise AssertionError(quoted("", "\n".join(map(visible, lines))))


def unconfirmed(
    breaches: Mapping[str, Breach], items: Iterable[Breach]
) -> tuple[Breach, ...]:
    """Return the timed breaches that did not occur again, each once."""
    joined: dict[str, Breach] = {}
    for breach in items:
        if breach.id not in breaches:
            collect(joined, breach)
    return tuple(joined.values())


def joined_breaches(parts: Sequence[Verdict]) -> dict[str, Breach]:
    """Return the breaches by their ids.

    One at one of several places is at a place that another part is certain of.
    """
    breaches: dict[str, Breach] = {}
    certain = {b.id for p in parts for b in p.breaches if b.id not in p.candidates}
    for part in parts:
        for breach in part.breaches:
            ids = certain | breaches.keys()
            places = part.candidates.get(breach.id, ())
            others = [p for p in places if f"{breach.cause_id}@{p}" in ids]
            if others and breach.id not in certain:
                breach = replace(breach, place=others[0])
            collect(breaches, breach)
    return breaches


def merge_parts(parts: Sequence[Verdict]) -> Verdict:
    """Return the verdict of several runs with the same profile and seed."""

    def values(name: str) -> list[Any]:
        return [getattr(part, name) for part in parts]

    merged: dict[str, Any] = {name: sum(values(name)) for name in SUMS}
    for name in COUNTERS:
        merged[name] = sum(map(Counter, values(name)), Counter())
    for name in TEXTS:
        merged[name] = dict(ChainMap(*reversed(values(name))))
    for name in UNIONS:
        merged[name] = tuple(dict.fromkeys(chain(*values(name))))
    judged_kinds: dict[tuple[str, str], frozenset[Kind]] = {}
    for key, kinds in chain(*(part.judged_kinds.items() for part in parts)):
        judged_kinds[key] = kinds | judged_kinds.get(key, frozenset())
    breaches = joined_breaches(parts)
    for breach in chain(*values("not_confirmed")):
        if breach.id in breaches:  # another part has confirmed it
            merged["cause_counts"][breach.cause_id] += breach.count
            collect(breaches, breach)
    candidates = ChainMap(*values("candidates"))
    clauses = {clause.id: clause for part in parts for clause in part.clauses}
    return replace(
        parts[0],
        name=" and ".join(dict.fromkeys(values("name"))),
        clauses=tuple(clauses.values()),
        judged_kinds=judged_kinds,
        own_site_kinds=frozenset(chain(*values("own_site_kinds"))),
        breaches=tuple(breaches.values()),
        not_confirmed=unconfirmed(breaches, chain(*values("not_confirmed"))),
        interrupted="; ".join(dict.fromkeys(filter(None, values("interrupted")))),
        error=next(filter(None, values("error")), None),
        share=min(values("share")),
        leftovers=tuple(chain(*values("leftovers"))),
        parts=tuple(parts),
        left_out=frozenset(chain(*values("left_out"))),
        is_strict=any(values("is_strict")),
        candidates={i: c for i, c in candidates.items() if i in breaches},
        **merged,
    )
