"""The run: play each case on its sites, check each exchange, record the findings."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contract.cases.codec import case_id
from contract.clauses import context_of
from contract.clauses.base import AnyClause, Clause, SitesClause
from contract.engine.ledger import Ledger
from contract.engine.schedule import Schedule
from contract.engine.subject import Skipped, Stopped, Subject
from contract.errors import SubjectError
from contract.model import AnyCase, AnyExchange, Finding, OutcomeKind, ServiceCase
from contract.redaction import Redactor
from contract.spec import Spec

MAX_WAIT_S = 60.0

Progress = Callable[[Ledger, str], bool | None]
"""Callback with the ledger and the scenario after an exchange. True stops the run."""


@dataclass
class Runner:
    """One run of a schedule on a subject.

    `seed` is for generated cases. `max_wait_s` bounds the seconds that each scenario
    waits for time-outs. A case that waited is played on one more site. If its hang is
    accepted, the time does not count, and the case is played on no further site.
    """

    subject: Subject
    schedule: Schedule
    clauses: Sequence[AnyClause]
    spec: Spec
    seed: int = 1
    progress: Progress | None = None
    max_wait_s: float = MAX_WAIT_S
    is_accepted: Callable[[str, str], bool] = lambda cause_id, place: False
    redactor: Redactor = field(init=False)
    waited_s: dict[str, float] = field(init=False, default_factory=dict)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.redactor = Redactor.of_environment(self.subject.secrets)
        self.ledger = Ledger(self.spec, self.redactor)

    def play_all(self) -> Ledger:
        """Play the schedule. Ctrl-C and a lost subject end the run with its results."""
        with self.ledger.recording():
            for scheduled in self.schedule.cases:
                self.play(scheduled.case, scheduled.sites)
            if self.schedule.generated:
                # Hypothesis is slow to import and not needed before.
                from contract.engine.generation import play_generated

                play_generated(self)
        return self.ledger

    def play(self, case: AnyCase, sites: Sequence[str]) -> list[AnyExchange]:
        """Play a case on its sites. Return the exchanges."""
        ledger = self.ledger
        ledger.case_breaches = {}
        exchanges: list[AnyExchange] = []
        if ledger.is_stopped:
            return exchanges
        if self.waited_s.get(case.scenario, -1) >= self.max_wait_s:
            ledger.cut_off[case.scenario] += 1
            return exchanges
        if reason := self.subject.skip_reason(case):
            self.skip(case, reason)
            return exchanges
        ledger.plays += 1
        queue = list(sites)
        while queue:
            try:
                result = self.subject.play(case, queue.pop(0))
            except SubjectError as error:
                # Hypothesis would take it for a failure to shrink.
                ledger.stop_reason = str(error)
                break
            if isinstance(result, Stopped):
                ledger.stop_reason = result.reason
                ledger.is_stop_planned = result.is_planned
                break
            if isinstance(result, Skipped):
                self.skip(case, result.reason)
                break
            exchanges.append(result)
            is_hang_accepted = self.check(result)
            if cost_s := self.subject.waiting_cost_s(result):
                if is_hang_accepted:
                    queue.clear()
                else:
                    del queue[1:]
                    waited_s = self.waited_s.get(case.scenario, 0)
                    self.waited_s[case.scenario] = waited_s + cost_s
            if self.progress and self.progress(ledger, case.scenario):
                ledger.is_stop_planned = True
                break
        if exchanges:
            self.check_sites(exchanges)
            self.note_played(exchanges[0])
        return exchanges

    def skip(self, case: AnyCase, reason: str) -> None:
        self.ledger.skipped[str(case.kind or case.title)] = reason

    def check(self, exchange: AnyExchange) -> bool:
        """Check an exchange. Return whether it has timed findings, all accepted."""
        self.ledger.exchanges += 1
        context = context_of(exchange, self.spec)
        hangs = []
        for clause in self.clauses:
            if isinstance(clause, Clause) and clause.concerns(context):
                results = list(clause.check(context))
                self.ledger.add(clause, exchange, results)
                hangs += [
                    self.is_accepted(
                        f"{clause.id}/{result.rule.name}",
                        self.ledger.place(result.place),
                    )
                    for result in results
                    if isinstance(result, Finding) and result.is_timed
                ]
        return bool(hangs) and all(hangs)

    def check_sites(self, exchanges: Sequence[AnyExchange]) -> None:
        contexts = [context_of(exchange, self.spec) for exchange in exchanges]
        for clause in self.clauses:
            if not isinstance(clause, SitesClause) or not clause.concerns(contexts):
                continue
            results = list(clause.check(contexts))
            for index, exchange in enumerate(exchanges):
                own = [finding for number, finding in results if number == index]
                self.ledger.add(clause, exchange, own)

    def note_played(self, exchange: AnyExchange) -> None:
        """Count a case, and the keywords that its documents exercised."""
        case, ledger = exchange.case, self.ledger
        ledger.cases.add(case_id(case))
        if case.kind is not None:
            ledger.played_kinds.add(case.kind)
        if exchange.outcome.kind is OutcomeKind.UNSUPPORTED:
            self.skip(case, exchange.outcome.message)
            return
        body = case.body
        if isinstance(case, ServiceCase):  # placeholders are texts on the wire
            body = json.loads(json.dumps(body, default=str))
        ledger.coverage.note("request", body)
        for response in exchange.responses:
            if response is not None and response.status in self.spec.documented:
                ledger.coverage.note_text(str(response.status), response.body)
