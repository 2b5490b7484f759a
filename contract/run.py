"""Scenario × subject → exchanges → clauses → verdict: the one engine, for pytest and the command line alike."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from contract.cases.inputs import keys
from contract.cases.scenarios import Scenario
from contract.clauses import Clause
from contract.exchange import Breach, Case, Exchange, Problem
from contract.spec import Spec

__all__ = ["PROFILES", "Profile", "Run", "Subject", "Verdict", "fingerprint", "run"]

_ENOUGH = 20
"""So many exchanges with the same fingerprint end a scenario: one breach, one entry."""


@dataclass(frozen=True)
class Profile:
    """How much is played: `samples` enumerated cases of a kind, `examples` generated ones a scenario.

    Each case is played on `spread` sites, the first of a scenario on every site.
    """

    name: str
    samples: int
    examples: int
    spread: int


PROFILES = {
    "quick": Profile("quick", samples=1, examples=5, spread=1),
    "ci": Profile("ci", samples=1_000, examples=100, spread=2),
    "nightly": Profile("nightly", samples=1_000, examples=2_000, spread=8),
}


class Subject(Protocol):
    """What is under test: it turns a case that is placed on a site into an exchange."""

    name: str
    version: str

    def play(self, case: Case, keys: tuple[str, str], reference: Exchange | None = None) -> Exchange: ...

    def unplayable(self, case: Case) -> str | None:
        """Return why this subject cannot be asked that, or None."""


@dataclass
class Verdict:
    """What a run has found; `breaches` by fingerprint, `judged` by clause id, `not_judged` with the reason."""

    name: str
    version: str
    profile: str
    seed: int
    sites: tuple[str, ...]
    clauses: tuple[Clause, ...]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    exchanges: int = 0
    cases: set[str] = field(default_factory=set)
    judged: Counter[str] = field(default_factory=Counter)
    breaches: dict[str, Breach] = field(default_factory=dict)
    unplayed: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Literal["holds", "broken", "unknown"]:
        """`broken` by any `must`, `unknown` where no `must` clause was judged, else `holds`."""
        if any(each.level == "must" for each in self.breaches.values()):
            return "broken"
        return "holds" if any(self.judged[each.id] for each in self.clauses if each.level == "must") else "unknown"

    @property
    def not_judged(self) -> dict[str, str]:
        """Return the clauses that no exchange concerned, each with the reason."""
        reason = "; ".join(dict.fromkeys(self.unplayed.values())) or "no case of this run concerns it"
        return {each.id: reason for each in self.clauses if not self.judged[each.id]}

    def assert_holds(self) -> None:
        """Raise AssertionError, with every breach of a `must` clause in its message, unless the verdict holds."""
        if self.verdict != "holds":
            found = [f"{each.clause}: {each.message}" for each in self.breaches.values() if each.level == "must"]
            raise AssertionError("\n".join([f"{self.name}: {self.verdict}", *found]))


def fingerprint(clause: Clause, problem: Problem, kind: str, exchange: Exchange) -> str:
    """Name a breach: stable over seeds, the same for the same defect."""
    site = exchange.case.site if clause.per_site else ""
    parts = (clause.id, problem.pointer, problem.keyword, kind, exchange.outcome.kind, site)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def run(
    subject: Subject,
    scenarios: Sequence[Scenario],
    clauses: tuple[Clause, ...],
    spec: Spec,
    *,
    profile: Profile,
    seed: int = 1,
    sites: tuple[str, ...] = (),
) -> Verdict:
    """Play the scenarios on the subject and judge every exchange by the clauses; `sites` defaults to all."""
    sites = sites or spec.sites
    verdict = Verdict(subject.name, subject.version, profile.name, seed, sites, clauses)
    begin = time.perf_counter()
    for scenario in scenarios:
        Run(subject, scenario, spec, profile, verdict).play()
    verdict.seconds = time.perf_counter() - begin
    return verdict


class _NewBreachError(Exception):
    """A generated case has broken a clause in a way that no enumerated one did: Hypothesis is to shrink it."""


class Run:
    """One scenario on one subject; what it finds goes into the verdict."""

    def __init__(self, subject: Subject, scenario: Scenario, spec: Spec, profile: Profile, verdict: Verdict) -> None:
        self.subject, self.scenario, self.spec, self.profile, self.verdict = subject, scenario, spec, profile, verdict
        self._found: Counter[str] = Counter()
        self._turn = 0
        self._shrinking: dict[str, type[_NewBreachError]] = {}

    def play(self) -> None:
        """Play the enumerated cases, then the generated ones, until there is enough of one breach."""
        kinds: Counter[str] = Counter()
        for case in self.scenario.boundary():
            if self._enough():
                return
            kinds[case.kinds[0]] += 1
            if kinds[case.kinds[0]] <= self.profile.samples:
                self.case(case)
        if self.scenario.strategy is not None and self.profile.examples:
            self._generate(self.scenario.strategy)

    def case(self, case: Case) -> None:
        """Play one case on its sites."""
        case = replace(case, scenario=self.scenario.name)
        reason = self.subject.unplayable(case)
        if reason is not None:
            self.verdict.unplayed[case.kinds[0]] = reason
            return
        reference: Exchange | None = None
        for site in self._sites(case):
            exchange = self.subject.play(case.on(site), keys[case.keys], reference)
            reference = reference or exchange
            self.verdict.exchanges += 1
            self.verdict.cases.add(case.id)
            self._judge(exchange)

    def _sites(self, case: Case) -> Iterable[str]:
        if case.site or (case.violation is not None and case.violation.pointer == "site"):
            return (case.site,) if case.site in self.verdict.sites or case.site not in self.spec.sites else ()
        sites, first = self.verdict.sites, self._turn
        self._turn += 1
        spread = len(sites) if first == 0 else min(self.profile.spread, len(sites))
        return (sites[(first + step) % len(sites)] for step in range(spread))

    def _judge(self, exchange: Exchange) -> None:
        for clause in self.verdict.clauses:
            problems = clause.judge(exchange, self.spec)
            if problems is None:
                continue
            self.verdict.judged[clause.id] += 1
            for problem in problems:
                self._record(clause, problem, exchange)

    def _record(self, clause: Clause, problem: Problem, exchange: Exchange) -> None:
        known = self.verdict.breaches
        kinds = exchange.case.kinds if problem.kind is None else (problem.kind,)
        names = [fingerprint(clause, problem, kind, exchange) for kind in kinds]
        name = next((each for each in names if each in known), names[0])
        breach = known.get(name)
        if breach is None:
            level = problem.level or clause.level
            breach = Breach(clause.id, level, name, problem.message, problem.pointer, exchange)
            known[name] = breach
            if len(exchange.case.kinds) > 1:
                self._shrinking[name] = type(f"Breach{name}", (_NewBreachError,), {})
        elif _size(exchange.case) < _size(breach.exchange.case):
            breach.exchange, breach.message = exchange, problem.message
        breach.count += 1
        if exchange.case.site not in breach.sites:
            breach.sites.append(exchange.case.site)
        self._found[name] += 1
        if name in self._shrinking and self._generating:
            raise self._shrinking[name](problem.message)

    _generating = False

    def _enough(self) -> bool:
        worst = self._found.most_common(1)
        if worst and worst[0][1] >= _ENOUGH and self.scenario.name not in self.verdict.stopped:
            self.verdict.stopped.append(self.scenario.name)
        return self.scenario.name in self.verdict.stopped

    def _generate(self, strategy: SearchStrategy[Case]) -> None:
        @seeded(self.verdict.seed)
        @settings(
            max_examples=self.profile.examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(strategy)
        def play(case: Case) -> None:
            if self._shrinking or not self._enough():
                self.case(case)

        self._generating = True
        try:
            _quietly(play)
        finally:
            self._generating = False


def _quietly(play: Callable[[], None]) -> None:
    """Run a property; the breaches that it ends with are in the verdict already."""
    try:
        play()
    except* _NewBreachError:
        pass


def _size(case: Case) -> int:
    return len(json.dumps(case.body)) + len(case.snapshot_id) + sum(len(answer.body) for answer in case.answers)
