"""A live site as a subject, within a budget and with a journal.

A case whose response is a 5xx, or never comes, is not judged at once. A plain list
shows whether the service is available. If it is, the case is played again, and failing
twice in a row is the service's own defect. If it is not, the subject waits for it, and
plays the case anew. A sequence cannot be played from its middle, so it ends there.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from contract.cases.placeholders import OTHER, OWN, SIBLING
from contract.cases.scenario import Play, Scenario, Sequence
from contract.engine.subject import PlayResult, Skipped, Stopped, Subject
from contract.errors import SubjectError
from contract.live.access import CLEAN_UP_S, ORG_VARIABLES, PAUSES_S, Budget
from contract.live.journal import Journal
from contract.live.removal import UNCONFIRMED_S, Removal, listed_row, names_of
from contract.model import (
    AnyExchange,
    Operation,
    Owner,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.subjects.creations import Event
from contract.subjects.resource import Resource
from contract.subjects.service import ServiceSubject
from contract.subjects.session import ResourceSession
from contract.subjects.settling import settling_reader
from contract.subjects.transfer import trouble_of

RESERVE = 10
"""Requests for the clean-up beside one for each snapshot."""

MAX_PLAYS = 6
BROKEN_OFF = "an outage has broken the sequence off"


class LiveSubject:
    """A live site, set up by `live_site`. It may be unavailable for a while.

    `notes` counts responses that are no breach. `confirmation_reserve` is the number of
    requests to hold back for confirmations.
    """

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = True
    overlaps = False
    is_repeatable = False  # it repeats what failed itself, within its budget

    def __init__(
        self,
        service: ServiceSubject,
        budget: Budget,
        journal: Journal,
        options: Mapping[str, Any],
    ) -> None:
        resource = service.session.resource
        self.name = f"live {service.site}"
        self.service = service
        self.notes = resource.transport.notes
        self.confirmation_reserve = 0
        self.leftovers: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()
        self.secrets: Mapping[str, str] = service.secrets
        self._session = service.session
        self._budget = budget
        self._journal = journal
        self._options = options
        self._loss = ""
        self._is_sequence_broken = False
        self._control = replace(resource, pauses_s=())

    def skip_reason(self, case: ServiceCase) -> str:
        if self._is_sequence_broken and case.is_step:
            return BROKEN_OFF
        return self.service.skip_reason(case)

    def play(self, case: ServiceCase, site: str) -> PlayResult:
        result = self._play(case)
        spent = self._budget.spent
        if spent and not self._session.danger:
            return Stopped(spent, is_planned=self._budget.is_planned)
        return result

    def _play(self, case: ServiceCase) -> PlayResult:
        """Play a case, again if an outage may have touched it.

        Listings are half of a budget. They are left out where no clause needs them.
        """
        is_read = not case.override.is_open
        failures: list[str] = []
        for _ in range(MAX_PLAYS):
            try:
                exchange = self.service.play(case, is_read=is_read)
            except SubjectError as error:
                return Stopped(str(error))
            errors = [r.status for r in exchange.responses if r and r.status >= 500]
            trouble = trouble_of(exchange.outcome)
            if errors:
                trouble = f"answered with {errors[0]}"
            if not trouble:
                for failure in failures:
                    self.notes[f"{failure}, but not when played again at once"] += 1
                return self._checked_listing() or exchange
            if self.is_available():
                failures.append(trouble)
            else:
                self.notes[f"{trouble}, while the service was unavailable"] += 1
                if not any(map(self.is_available, PAUSES_S)):
                    return self._absent(trouble)
                failures.clear()
            if len(failures) > 1:
                return exchange
            self._session.forget_listings()
            if case.is_step:
                self._is_sequence_broken = True
                self.notes[f"{trouble}, in a sequence, which ended there"] += 1
                return Skipped(BROKEN_OFF)
        return self._lost("the service is available only at times")

    def is_available(self, pause_s: float = 0) -> bool:
        self._budget.clock.sleep(pause_s)
        session = self._session
        if session.list_problem:
            control = SIBLING if SIBLING in session.ids else OWN
            body = session.plain.body(session.resource.spec, control)
            transfer = self._control.perform(
                Operation.UPDATE, Owner.OWN, session.ids[control], body
            )
        else:
            transfer = self._control.perform(Operation.LIST, Owner.OWN)
        return not trouble_of(transfer.outcome)

    def _checked_listing(self) -> Stopped | None:
        session = self._session
        failure = session.list_failure
        trouble = trouble_of(failure.outcome) if failure else ""
        if not trouble or session.list_problem:
            return None
        self.service.disable_list(f"list no longer answers ({trouble})")
        return None if self.is_available() else self._absent(trouble)

    def _absent(self, trouble: str) -> Stopped:
        waited = "also after pauses of 1, 2 and 4 s"
        return self._lost(f"the service is unavailable ({trouble}), {waited}")

    def _lost(self, reason: str) -> Stopped:
        self._loss = reason
        return Stopped(f"{self.service.site}: {reason}")

    def replayed(self, *, is_end: bool = False) -> list[ServiceExchange]:
        return self.service.replayed(is_end=is_end)

    def waiting_cost_s(self, exchange: AnyExchange) -> float:
        """Return 0: the budget bounds the time."""
        return 0.0

    def while_waiting(self, work: object) -> bool:
        return False

    def renewed(self) -> Subject:
        return self

    def reserve(self) -> int:
        return len(self._session.created) + RESERVE + self.confirmation_reserve

    def recreate(self) -> None:
        """Create the snapshots that cases name anew. Raises SubjectError."""
        session = self._session
        for placeholder in () if session.log.rows else (OWN, SIBLING, OTHER):
            if placeholder in session.ids:
                self.service.create_or_fail(placeholder)
        session.forget_listings()

    def adapted(self, scenario: Scenario) -> Scenario:
        """Return a scenario whose sequences begin anew after an outage."""
        if (make := scenario.sequence) is None:
            return scenario

        def begin(play: Play) -> Sequence:
            self._is_sequence_broken = False
            return make(play)

        return replace(scenario, sequence=begin)

    def clean_up(self) -> None:
        session, log, options = self._session, self._session.log, self._options
        self._budget.begin_clean_up(options.get("clean_up_s", CLEAN_UP_S))
        resource = session.resource
        resource.transport.loss = ""  # a used-up rate limit is no reason not to try
        unconfirmed_s = options.get("unconfirmed_s", UNCONFIRMED_S)
        removal = Removal(resource, log, session.reader.limit_s, unconfirmed_s)
        removal.restore_rows()
        for owner in resource.keys:
            if self._loss:
                removal.left |= dict.fromkeys(names_of(log, owner), self._loss)
            elif self._journal.has_begun:
                removal.remove(owner)
        self.leftovers, self.warnings = tuple(removal.left), tuple(removal.warnings)
        self._journal.close(is_needed=bool(removal.left))


@contextmanager
def live_site(
    journal: Journal,
    resource: Resource,
    budget: Budget,
    options: Mapping[str, Any],
    *,
    snapshot_id: str | None,
    snapshot_view: str | None,
) -> Iterator[LiveSubject]:
    """Set up the site or URL of a journal as a subject. Clean up after.

    `options` are those of a live run. Raise SubjectError if nothing can be judged.
    """
    max_lag_s = options.get("max_lag_s")
    reader = settling_reader(max_lag_s, budget.clock, is_loopback=False)
    session = ResourceSession(resource, journal, reader)
    service = ServiceSubject(session, journal.site.partition("://")[2] or journal.site)
    service.org_sources = ORG_VARIABLES if journal.org_ids else {}
    subject = LiveSubject(service, budget, journal, options)
    problem: SubjectError | None = None
    try:
        if snapshot_id is None:
            service.set_up()
        else:
            row = listed_row(resource, snapshot_id, snapshot_view)
            journal.record(Event.ROW, id=snapshot_id, row=row)
            service.use_existing(snapshot_id)
        budget.reserve = subject.reserve
        yield subject
    except SubjectError as error:
        problem = error
    finally:
        subject.clean_up()
    if problem:
        left = ", ".join(subject.leftovers)
        raise SubjectError(f"{problem}; left behind: {left}" if left else problem)
