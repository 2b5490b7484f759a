"""Confirmation: a breach that rests on time counts if its case shows it again.

A machine that pauses makes any client late. So the first case of a timed breach is
played again after its scenario, in a fresh driver. If the breach occurs every time, it
counts, and that case is its example. If not, the first case of its next kind is tried.
Nothing else is played meanwhile, but calls that hung may overlap.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from contract.clauses import context_of
from contract.clauses.base import AnyClause, SitesClause
from contract.engine.ledger import Ledger
from contract.engine.subject import Skipped, Stopped, Subject
from contract.errors import SubjectError
from contract.model import AnyCase, AnyExchange, Breach, Finding, Kind
from contract.spec import Spec

MOST_KINDS = 5
MOST_REPEATS = 3
"""Repetitions of a play during which the suite stood still."""

LONG_S = 5.0
"""Seconds of a call from which its case is played again once, not twice."""


@dataclass(frozen=True)
class Candidate:
    """Cases that show a timed breach: the last one, a sequence from its start."""

    breach: Breach
    clause: AnyClause
    cases: tuple[AnyCase, ...]
    sites: tuple[str, ...]

    @property
    def times(self) -> int:
        return 1 if self.breach.example.outcome.seconds >= LONG_S else 2


class Confirmation:
    """The candidates of the breaches that a ledger has not confirmed."""

    def __init__(self, subject: Subject, ledger: Ledger, spec: Spec) -> None:
        self._subject = subject
        self._ledger = ledger
        self._spec = spec
        self._fresh = subject
        self._candidates: dict[str, dict[Kind | None, Candidate]] = {}
        self._tried: set[tuple[str, Kind | None]] = set()
        self._replays: dict[tuple[int, tuple[str, ...]], list[list[Any]]] = {}

    def note(
        self,
        breaches: Sequence[Breach],
        clause: AnyClause,
        cases: tuple[AnyCase, ...],
        sites: tuple[str, ...],
    ) -> None:
        """Note the cases that showed breaches, the first of each kind."""
        for breach in breaches:
            candidates = self._candidates.setdefault(breach.id, {})
            if breach.example.is_disturbed or len(candidates) == MOST_KINDS:
                continue
            candidate = Candidate(breach, clause, cases, sites)
            candidates.setdefault(breach.example.case.kind, candidate)

    def confirm(self, scenarios: Collection[str]) -> None:
        """Play the candidates of scenarios again, until a breach is confirmed.

        Raise SubjectError if the subject is lost.
        """
        self._replays.clear()
        if self._subject.overlaps:
            subject: Any = self._subject
            subject.play_fresh(self._hangs(scenarios))
        for breach_id, candidates in self._candidates.items():
            for kind, candidate in candidates.items():
                is_due = candidate.breach.example.case.scenario in scenarios
                is_open = breach_id in self._ledger.not_confirmed
                if not is_due or not is_open or (breach_id, kind) in self._tried:
                    continue
                self._tried.add((breach_id, kind))
                if self._recurs(candidate):
                    self._ledger.confirm(candidate.breach)

    def _hangs(self, scenarios: Collection[str]) -> Iterator[tuple[AnyCase, str]]:
        """Yield the plays of the candidates that are tried first and hung.

        They may overlap. What was late is played again while nothing else is.
        """
        examples: dict[int, Candidate] = {}
        for candidates in self._candidates.values():
            for first in islice(candidates.values(), 1):
                example = first.breach.example
                is_due = example.case.scenario in scenarios
                if is_due and example.outcome.is_hang and len(first.sites) == 1:
                    examples[id(example)] = first
        for candidate in examples.values():
            play = candidate.cases[-1], candidate.sites[0]
            yield from [play] * candidate.times

    def _recurs(self, candidate: Candidate) -> bool:
        """Return whether every repetition shows the breach."""
        # Breaches of one case share its repetitions.
        key = id(candidate.breach.example), candidate.sites
        replays = self._replays.setdefault(key, [])
        for number in range(candidate.times):
            if number == len(replays):
                if not number:
                    self._fresh = self._subject.renewed()
                replays.append(self._replay(candidate))
            if not self._shows(candidate, replays[number]):
                return False
        return True

    def _replay(self, candidate: Candidate) -> list[Any]:
        """Return the contexts of one repetition, none if it could not be played."""
        for _ in range(1 + MOST_REPEATS):
            exchanges = play_all(self._fresh, candidate)
            if not any(exchange.is_disturbed for exchange in exchanges):
                last = exchanges[-len(candidate.sites) :]
                return [context_of(exchange, self._spec) for exchange in last]
        return []

    def _shows(self, candidate: Candidate, contexts: Sequence[Any]) -> bool:
        """Return whether the clause finds the breach in some contexts again."""
        clause, breach = candidate.clause, candidate.breach
        results: list[Any] = []
        if isinstance(clause, SitesClause):
            if clause.concerns(contexts):
                results = [finding for _, finding in clause.check(contexts)]
        else:
            results = [item for c in contexts for item in clause.results(c) or ()]
        return any(
            result.rule.name == breach.rule.name
            and breach.place
            in map(self._ledger.place, (result.place, *result.other_places))
            for result in results
            if isinstance(result, Finding)
        )


def play_all(subject: Subject, candidate: Candidate) -> list[AnyExchange]:
    """Play the cases on their sites. Return nothing if that was not possible."""
    exchanges = []
    for case in candidate.cases:
        for site in candidate.sites:
            result = subject.play(case, site)
            if isinstance(result, Stopped):
                raise SubjectError(result.reason)
            if isinstance(result, Skipped):
                return []
            exchanges.append(result)
    return exchanges
