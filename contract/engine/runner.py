"""The run: play each case on its sites, check each exchange, record the findings."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from contract.clauses import context_of
from contract.clauses.base import AnyClause, Clause, SitesClause
from contract.clauses.service_facts import ServiceFacts
from contract.clauses.service_response import outcome_digest
from contract.engine.confirmation import MOST_REPEATS, Confirmation
from contract.engine.ledger import Ledger
from contract.engine.schedule import Schedule
from contract.engine.subject import (
    PlayResult,
    Skipped,
    Stopped,
    Subject,
    abridged,
    likeness_of,
)
from contract.errors import SubjectError
from contract.model import (
    AnyCase,
    AnyExchange,
    ClientExchange,
    Finding,
    Kind,
    Note,
    Operation,
    OutcomeKind,
    ServiceCase,
    ServiceExchange,
)
from contract.redaction import Redactor
from contract.spec import Spec

MAX_WAIT_S = 60.0
LATE = "requests that came after their call had ended without an answer"

Progress = Callable[[Ledger, str], bool | None]
"""Callback with the ledger and the scenario after an exchange. True stops the run."""

Observer = Callable[[AnyCase, Sequence[str], Sequence[AnyExchange]], object]
"""Callback with a case, its sites and its exchanges after they were checked."""


Results: TypeAlias = tuple[Clause[Any], list[Finding | Note] | None]
"""A clause and its findings, None if it is not concerned, or not asked yet."""

Alike: TypeAlias = dict[object, tuple[Sequence[Results], bool]]
"""Results by likeness, and whether such exchanges are stored whole."""


@dataclass
class Runner:
    """One run of a schedule on a subject.

    What is played is judged at once, or, if it `judges_later`, while the response to
    the next request is awaited.
    `seed` is for generated cases. `max_wait_s` bounds the seconds that each scenario
    waits for time-outs. A case that waited is played on one more site. If its hang is
    accepted, the time does not count, and the case is played on no further site.
    `drawn` returns generated cases of a scenario that were drawn already.
    `steps` are the cases of the sequence that is being played. `alike` is about
    exchanges of a case, `clean` about those of earlier runs in which nothing was found,
    by kind: for runs with one case of a kind.
    """

    subject: Subject
    schedule: Schedule
    clauses: Sequence[AnyClause]
    spec: Spec
    seed: int = 1
    progress: Progress | None = None
    max_wait_s: float = MAX_WAIT_S
    is_accepted: Callable[[str, str], bool] = lambda cause_id, place: False
    observer: Observer = lambda case, sites, exchanges: None
    clean: dict[Kind | None, Alike] | None = None
    drawn: Callable[[str], Sequence[AnyCase]] = lambda name: ()

    def __post_init__(self) -> None:
        self.waited_s: dict[str, float] = {}
        self.steps: list[AnyCase] = []
        self.alike: Alike = {}
        self.likenesses: list[object] = []
        self.judges_later = False
        self.unjudged: list[Callable[[], object]] = []
        self.failure: BaseException | None = None
        self.last: AnyExchange | None = None
        self.redactor = Redactor.of_environment(self.subject.secrets)
        is_certain = not self.subject.is_repeatable
        self.ledger = Ledger(
            self.spec,
            self.redactor,
            lambda cause_id, place: is_certain or self.is_accepted(cause_id, place),
        )
        self.confirmation = Confirmation(self.subject, self.ledger, self.spec)
        self.of_one = [(c, None) for c in self.clauses if isinstance(c, Clause)]

    def shows(
        self, ids: Collection[str], case: AnyCase, sites: tuple[str, ...]
    ) -> bool:
        """Play a case for nothing but the example of a breach, which has these ids."""
        self.check_replays(is_end=True)
        trial = replace(self, progress=None, observer=lambda *play: None)
        trial.waited_s = self.waited_s
        trial.play(case, sites)
        trial.check_replays(is_end=True)
        if self.progress and self.progress(self.ledger, case.scenario):
            self.ledger.is_stop_planned = True
        return self.ledger.take_example(ids, trial.ledger)

    def play_all(self) -> Ledger:
        """Play the schedule.

        Ctrl-C, a lost subject and an internal error end the run with its results.
        """
        cases = self.schedule.cases
        ends = {item.case.scenario: number for number, item in enumerate(cases)}
        with self.ledger.recording(), self.judging_later():
            for number, scheduled in enumerate(cases):
                self.play(scheduled.case, scheduled.sites)
                if ends[scheduled.case.scenario] == number:
                    self.confirm([scheduled.case.scenario])
            from contract.engine.generation import play_generated

            play_generated(self)
            self.judge_all()
            if not self.ledger.is_stopped:
                self.check_replays(is_end=True)
            names = (scenario.name for scenario in self.schedule.generated)
            self.confirm(dict.fromkeys((*ends, *names)), is_end=True)
        return self.ledger

    # -- judging, now or later --

    @contextmanager
    def judging_later(self) -> Iterator[None]:
        """Judge while a response is awaited, if the subject has such times."""
        self.judges_later = self.subject.while_waiting(self.judge_meanwhile)
        try:
            yield
        finally:
            self.judge_all()
            self.judges_later = False

    def judge_meanwhile(self) -> None:
        """Judge. What is raised ends the run once the response has come."""
        try:
            self.judge_all()
        except BaseException as error:
            self.failure = error

    def judge_all(self) -> None:
        if self.failure:
            failure, self.failure = self.failure, None
            raise failure
        try:
            while self.unjudged:
                self.unjudged.pop(0)()
        except BaseException:
            self.unjudged.clear()
            raise

    def judge(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function that judges, now or later."""
        self.unjudged.append(partial(function, *arguments))
        if not self.judges_later or self.failure:
            self.judge_all()

    def play(self, case: AnyCase, sites: Sequence[str]) -> list[AnyExchange]:
        """Play a case on its sites. Return the exchanges that are judged."""
        exchanges: list[AnyExchange] = []
        self.judge(self._begin, case)
        self._play(case, sites, exchanges)
        self.judge(self._end, case, sites, exchanges)
        return exchanges

    def _begin(self, case: AnyCase) -> None:
        self.ledger.case_breaches, self.ledger.case_sites = {}, {}
        self.alike, self.likenesses = {}, []
        if self.clean is not None:
            self.alike |= self.clean.get(case.kind, {})
        if self.ledger.is_stopped:
            self.unjudged.clear()

    def _end(
        self, case: AnyCase, sites: Sequence[str], exchanges: list[AnyExchange]
    ) -> None:
        if exchanges:
            self.check_sites(exchanges)
            self.note_played(case, exchanges[0])
        if self.clean is not None:
            self.clean[case.kind] = {
                likeness: judged
                for likeness, judged in self.alike.items()
                if not any(results for _, results in judged[0])
            }
        self.observer(case, sites, exchanges)

    def _play(
        self, case: AnyCase, sites: Sequence[str], exchanges: list[AnyExchange]
    ) -> None:
        ledger = self.ledger
        if ledger.is_stopped:
            return
        if self.waited_s.get(case.scenario, -1) >= self.max_wait_s:
            ledger.cut_off[case.scenario] += 1
            return
        if reason := self.subject.skip_reason(case):
            self.skip(case, reason)
            return
        ledger.plays += 1
        if is_step(case):
            self.judge(self.steps.append, case)
        queue = list(sites)
        while queue and not ledger.is_stopped:
            try:
                result = self.play_undisturbed(case, queue.pop(0))
            except SubjectError as error:
                # Hypothesis would take it for a failure to shrink.
                result = Stopped(str(error))
            if isinstance(result, Skipped | Stopped):
                self.judge_all()
                if isinstance(result, Skipped):
                    self.skip(case, result.reason)
                elif not ledger.is_stopped:
                    ledger.stop_reason = result.reason
                    ledger.is_stop_planned = result.is_planned
                break
            self.last = result
            if cost_s := self.subject.waiting_cost_s(result):
                acceptances = self.timed_acceptances(result)
                if acceptances and all(acceptances):
                    queue.clear()
                else:
                    del queue[1:]
                    waited_s = self.waited_s.get(case.scenario, 0)
                    self.waited_s[case.scenario] = waited_s + cost_s
            self.judge(self._check_next, result, exchanges)

    def _check_next(self, whole: AnyExchange, exchanges: list[AnyExchange]) -> None:
        if self.ledger.is_stopped:
            return
        exchanges.append(self.check(whole))
        self.check_replays()
        if self.progress and self.progress(self.ledger, whole.case.scenario):
            self.ledger.is_stop_planned = True

    def play_undisturbed(self, case: AnyCase, site: str) -> PlayResult:
        """Play a case, again if the suite stood still and a finding rests on time.

        A step of a sequence cannot be played again, and an accepted finding need not.
        """
        for _ in range(1 + MOST_REPEATS):
            result = self.subject.play(case, site)
            if isinstance(result, Skipped | Stopped) or is_step(case):
                break
            if not result.is_disturbed or all(self.timed_acceptances(result)):
                break
        return result

    def findings_of(
        self, exchange: AnyExchange, alike: Sequence[Results] = ()
    ) -> Iterator[Results]:
        """Yield the clauses that may concern an exchange, with their findings.

        Nothing is sought that was not found in one that is `alike`.
        """
        context = context_of(exchange, self.spec)
        for clause, results in alike or self.of_one:
            if results != [] or clause.names_site:
                results = clause.results(context)
            if results is not None or clause.names_site:
                yield clause, results

    def timed_acceptances(self, exchange: AnyExchange) -> list[bool]:
        """Return for each timed finding of an exchange if it is accepted."""
        return [
            self.is_accepted(
                f"{clause.id}/{result.rule.name}", self.ledger.place(result.place)
            )
            for clause, results in self.findings_of(exchange)
            for result in results or ()
            if isinstance(result, Finding) and result.is_timed
        ]

    def confirm(self, scenarios: Collection[str], *, is_end: bool = False) -> None:
        """Play cases of scenarios again that showed a timed breach.

        A lost subject gets the chance to answer again. Where waits overlap, this comes
        at the end, while nothing else is played.
        """
        self.judge_all()
        if self.subject.overlaps and not is_end:
            return
        try:
            self.confirmation.confirm(scenarios)
        except SubjectError as error:
            self.ledger.stop_reason = self.ledger.stop_reason or str(error)

    def record(
        self,
        clause: AnyClause,
        exchange: AnyExchange,
        results: Sequence[Finding | Note],
        sites: tuple[str, ...],
    ) -> None:
        """Add findings to the ledger, and the timed ones to what is to be confirmed."""
        if waiting := self.ledger.add(clause, exchange, results):
            case = exchange.case
            cases = tuple(self.steps) if is_step(case) else (case,)
            self.confirmation.note(waiting, clause, cases, sites)

    def skip(self, case: AnyCase, reason: str) -> None:
        self.ledger.skipped[str(case.kind or case.title)] = reason

    def check(self, whole: AnyExchange) -> AnyExchange:
        """Check an exchange by the clauses about one. Return it as it is stored."""
        likeness = likeness_of(whole, self.spec)
        alike, is_whole = self.alike.get(likeness, ((), False))
        exchange = whole if is_whole else abridged(whole)
        judged = list(self.findings_of(whole, alike))
        self.likenesses.append(likeness)
        if likeness is not None:
            self.alike.setdefault(likeness, (judged, exchange is whole))
        self.ledger.exchanges += 1
        self.ledger.count(exchange, [c for c, results in judged if results is not None])
        if isinstance(exchange, ClientExchange) and exchange.late_requests:
            self.ledger.notes["C-METHOD", LATE] += exchange.late_requests
        for request in exchange.requests:
            if request.remark:
                self.ledger.notes["C-METHOD", request.remark] += 1
        for clause, results in judged:
            if results:
                self.record(clause, exchange, results, (exchange.site,))
        return exchange

    def check_replays(self, *, is_end: bool = False) -> None:
        """Check what is read after cases that were played again.

        They were judged by all else before, and are none of the last case.
        """
        case_breaches = dict(self.ledger.case_breaches)
        for whole in self.subject.replayed(is_end=is_end):
            exchange = abridged(whole)
            for clause, results in self.findings_of(whole):
                if reads := [
                    r for r in results or () if isinstance(r, Finding) and r.is_read
                ]:
                    self.record(clause, exchange, reads, (exchange.site,))
        self.ledger.case_breaches = case_breaches

    def check_sites(self, exchanges: Sequence[AnyExchange]) -> None:
        first, *others = self.likenesses
        is_same = first is not None and others == [first] * len(others)
        # Two stand for all that are alike.
        some = exchanges[:2] if is_same else exchanges
        contexts = [context_of(e, self.spec) for e in some]
        sites = tuple(e.site for e in exchanges)
        for clause in self.clauses:
            if not isinstance(clause, SitesClause) or not clause.concerns(contexts):
                continue
            results = [] if is_same else list(clause.check(contexts))
            for index, exchange in enumerate(exchanges):
                self.ledger.count(exchange, (clause,))
                if own := [f for number, f in results if number == index]:
                    self.record(clause, exchange, own, sites)

    def note_played(self, planned: AnyCase, exchange: AnyExchange) -> None:
        """Count a case, and the keywords that the documents of an update exercised.

        A service's case is played as adapted to the service.
        """
        case, ledger = exchange.case, self.ledger
        id_ = planned.id
        ledger.cases.add(id_)
        if isinstance(exchange, ServiceExchange) and not is_step(case):
            digest = outcome_digest(ServiceFacts.of(exchange, self.spec))
            # Another outcome of the same case depends on more than the case.
            is_same = ledger.outcomes.setdefault(id_, digest) == digest
            ledger.outcomes[id_] = digest if is_same else ""
        if case.kind is not None:
            ledger.played_kinds.add(case.kind)
        if exchange.outcome.kind is OutcomeKind.UNSUPPORTED:
            self.skip(case, exchange.outcome.message)
            return
        if isinstance(case, ServiceCase) and case.operation is not Operation.UPDATE:
            return
        ledger.coverage.note_case(case)
        for response in exchange.responses:
            if response is not None and response.status in self.spec.documented:
                ledger.coverage.note_text(str(response.status), response.body)


def is_step(case: AnyCase) -> bool:
    return isinstance(case, ServiceCase) and case.is_step
