"""Scenario × subject → exchanges → clauses → verdict: the one engine, for pytest and the command line alike."""

import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from contract.cases.client import Scenario
from contract.cases.stateful import is_of_sequence
from contract.clauses import Clause
from contract.engine.coverage import Coverage
from contract.engine.verdict import Verdict, fingerprint
from contract.errors import SubjectError
from contract.model import Breach, Case, Exchange, Finding
from contract.spec import Spec

__all__ = [
    "INTERRUPTED",
    "PROFILES",
    "Profile",
    "Run",
    "SkipCase",
    "StopRun",
    "Subject",
    "Watch",
    "covering",
    "judge",
    "run",
]

INTERRUPTED = "interrupted"
"""Why a run has ended that Ctrl-C ended."""

_ENOUGH = 20
"""So many exchanges with the same fingerprint end a scenario: one breach, one entry."""

_STEPS = 10
"""So many steps has a sequence."""


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


Watch = Callable[[Verdict, str], None]
"""Is told the verdict so far and the scenario: when the scenario begins, and after each of its exchanges."""


class StopRun(BaseException):
    """A subject ends the run, with the verdict so far; `reason` is empty where that is no defect.

    It is no Exception, so that Hypothesis lets it pass at once.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class SkipCase(Exception):
    """A subject has begun a case, and what came of it cannot be judged; the message says why."""


class Subject(Protocol):
    """What is under test: it turns a case that is placed on a site into an exchange."""

    @property
    def kind(self) -> Literal["client", "service"]:
        """What is under test."""

    name: str
    version: str

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case that is placed on a site; `reference` is the same case on the first site that had it."""

    def skip_reason(self, case: Case) -> str | None:
        """Return why this subject cannot be asked that, or None."""


def run(
    subject: Subject,
    scenarios: Sequence[Scenario],
    clauses: tuple[Clause, ...],
    spec: Spec,
    *,
    profile: Profile,
    seed: int = 1,
    sites: tuple[str, ...] = (),
    watch: Watch | None = None,
) -> Verdict:
    """Play the scenarios on the subject and judge every exchange by the clauses; `sites` defaults to all.

    `watch` is called as the run goes on.
    Ctrl-C, and a subject that is lost, end it with the verdict so far.
    """
    sites, coverage = sites or spec.sites, covering(spec)
    verdict = Verdict(
        subject.kind,
        subject.name,
        subject.version,
        profile.name,
        seed,
        sites,
        clauses,
        coverage,
    )
    begin = time.perf_counter()
    gc.freeze()  # to collect all that was loaded before may take longer than the shortest time-out of a case
    try:
        for scenario in scenarios:
            Run(subject, scenario, spec, profile, verdict, watch).play()
    except KeyboardInterrupt:
        verdict.interrupted = INTERRUPTED
    except SubjectError as error:
        verdict.interrupted = str(error)
    except StopRun as over:
        verdict.interrupted = over.reason
    finally:
        gc.unfreeze()
    verdict.seconds = time.perf_counter() - begin
    return verdict


def covering(spec: Spec) -> Coverage:
    """Return the coverage of the documented schemas, before anything has been played."""
    answers = {
        str(status): response.media["application/json"]
        for status, response in spec.documented.items()
    }
    return Coverage({"request": spec.request, **answers})


def judge(exchange: Exchange, verdict: Verdict, spec: Spec) -> dict[str, bool]:
    """Judge an exchange by every clause of the verdict; return each breach by fingerprint, and whether it is new."""
    found: dict[str, bool] = {}
    for clause in verdict.clauses:
        problems = clause.judge(exchange, spec)
        if problems is None:
            continue
        verdict.judged_on[clause.id, exchange.case.site] += 1
        for problem in problems:
            if problem.level == "note":
                verdict.notes[clause.id, problem.message] += 1
            else:
                name, new = _record(clause, problem, exchange, verdict)
                found[name] = new or found.get(name, False)
    return found


def _record(
    clause: Clause, problem: Finding, exchange: Exchange, verdict: Verdict
) -> tuple[str, bool]:
    kinds = exchange.case.kinds if problem.kind is None else (problem.kind,)
    names = [fingerprint(clause, problem, kind, exchange) for kind in kinds]
    name = next((each for each in names if each in verdict.breaches), names[0])
    breach = verdict.breaches.get(name)
    new = breach is None
    if breach is None:
        level = problem.level or clause.level
        breach = Breach(
            clause.id, level, name, problem.message, problem.pointer, exchange
        )
        verdict.breaches[name] = breach
    elif _size(exchange.case) < _size(breach.exchange.case):
        breach.exchange, breach.message = exchange, problem.message
    breach.count += 1
    if exchange.case.site not in breach.sites:
        breach.sites.append(exchange.case.site)
    return name, new


class _NewBreachError(Exception):
    """A generated case has broken a clause in a way that no enumerated one did: Hypothesis is to shrink it."""


class Run:
    """One scenario on one subject; what it finds goes into the verdict."""

    def __init__(
        self,
        subject: Subject,
        scenario: Scenario,
        spec: Spec,
        profile: Profile,
        verdict: Verdict,
        watch: Watch | None = None,
    ) -> None:
        self.subject, self.scenario, self.spec, self.profile, self.verdict = (
            subject,
            scenario,
            spec,
            profile,
            verdict,
        )
        self._watch = watch or _unwatched
        self._found: Counter[str] = Counter()
        self._turn = 0
        self._generating = self._in_sequence = False
        self._shrinking: dict[str, type[_NewBreachError]] = {}

    def play(self) -> None:
        """Play the enumerated cases, then the generated ones, until there is enough of one breach."""
        self._watch(self.verdict, self.scenario.name)
        for case in self._enumerated():
            if self._enough():
                return
            self.case(case)
        if self.profile.examples:
            self._generate()

    def _enumerated(self) -> Iterator[Case]:
        """Yield a case of each kind, then the others: a shorter profile plays what a longer one plays first."""
        kinds: Counter[str] = Counter()
        others = []
        for case in self.scenario.boundary():
            kinds[case.kinds[0]] += 1
            if kinds[case.kinds[0]] == 1:
                yield case
            elif kinds[case.kinds[0]] <= self.profile.samples:
                others.append(case)
        yield from others

    def case(self, case: Case) -> Exchange | None:
        """Play one case on its sites; return what happened on the last one, None if it cannot be played."""
        case = replace(case, scenario=self.scenario.name)
        reason = self.subject.skip_reason(case)
        if reason is not None:
            self.verdict.unplayed[case.kinds[0]] = reason
            return None
        reference: Exchange | None = None
        exchange: Exchange | None = None
        for site in self._sites(case):
            try:
                exchange = self.subject.play(case.on(site), reference)
            except SkipCase as error:
                self.verdict.unplayed[case.kinds[0]] = str(error)
                return None
            self.verdict.exchanges += 1
            if reference is None:
                reference = exchange
                self.verdict.cases.add(case.id)
                self._cover(exchange)
            self._watch(self.verdict, self.scenario.name)
            self._judge(exchange)
        return exchange

    def _cover(self, exchange: Exchange) -> None:
        if exchange.outcome.kind == "unsupported":
            self.verdict.unplayed[exchange.case.kinds[0]] = exchange.outcome.message
            return
        self.verdict.coverage.note("request", exchange.case.body)
        for answer in exchange.responses:
            if answer is not None and answer.status in self.spec.documented:
                self.verdict.coverage.note_text(str(answer.status), answer.body)

    def _sites(self, case: Case) -> Iterable[str]:
        if case.site or (
            case.violation is not None and case.violation.pointer == "site"
        ):
            return (
                (case.site,)
                if case.site in self.verdict.sites or case.site not in self.spec.sites
                else ()
            )
        sites, first = self.verdict.sites, self._turn
        self._turn += 1
        spread = (
            len(sites)
            if first == 0 or self._in_sequence
            else min(self.profile.spread, len(sites))
        )
        return (sites[(first + step) % len(sites)] for step in range(spread))

    def _judge(self, exchange: Exchange) -> None:
        found = judge(exchange, self.verdict, self.spec)
        self._found.update(found.keys())
        for name, new in found.items():
            if new and self._generating:
                self._shrinking[name] = type(f"Breach{name}", (_NewBreachError,), {})
        for name in found:
            if name in self._shrinking:
                raise self._shrinking[name](name)

    def _enough(self) -> bool:
        worst = self._found.most_common(1)
        if (
            worst
            and worst[0][1] >= _ENOUGH
            and self.scenario.name not in self.verdict.stopped
        ):
            self.verdict.stopped.append(self.scenario.name)
        return self.scenario.name in self.verdict.stopped

    def _generate(self) -> None:
        rules = settings(
            max_examples=self.profile.examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            stateful_step_count=_STEPS,
            verbosity=Verbosity.quiet,
        )
        self._generating = True
        try:
            if self.scenario.strategy is not None:

                @seeded(self.verdict.seed)
                @rules
                @given(self.scenario.strategy)
                def play(case: Case) -> None:
                    if self._shrinking or not self._enough():
                        self.case(case)

                _quietly(play)
            if self.scenario.machine is not None:
                machine = seeded(self.verdict.seed)(self.scenario.machine(self.case))
                unshrunk = settings(
                    rules, phases=(Phase.generate,)
                )  # a step is judged by itself: nothing to shrink
                self._in_sequence = True  # a site that missed a step could not go on
                _quietly(lambda: run_state_machine_as_test(machine, settings=unshrunk))
        finally:
            self._generating = self._in_sequence = False


def _unwatched(verdict: Verdict, scenario: str) -> None:
    pass


def _quietly(play: Callable[[], None]) -> None:
    """Run a property; the breaches that it ends with are in the verdict already.

    It ends too where a subject does not do the same twice, as Hypothesis needs it.
    """
    try:
        play()
    except* (_NewBreachError, Flaky):
        pass


def _size(case: Case) -> tuple[bool, int]:
    """Return what makes a case small; a step of a sequence says little alone, so it is larger than any other."""
    size = (
        len(json.dumps(case.body))
        + len(case.snapshot_id)
        + sum(len(answer.body) for answer in case.responses)
    )
    return is_of_sequence(case), size
