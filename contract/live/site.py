"""A live site as a subject, within a budget and with a journal.

A case whose response is a 5xx, or never comes, is not judged at once. A plain list
shows whether the service is available. If it is, the case is played again, and failing
twice in a row is the service's own defect. If it is not, the subject waits for it, and
plays the case anew. A sequence cannot be played from its middle, so it ends there.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine

from contract.cases.placeholders import OTHER, OWN, SIBLING
from contract.cases.scenario import Play, Scenario
from contract.engine.subject import PlayResult, Skipped, Stopped, Subject
from contract.errors import SubjectError
from contract.live.access import PAUSES_S, Budget, verify_organization
from contract.live.journal import Journal, remove_snapshots
from contract.model import (
    AnyExchange,
    Operation,
    Owner,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.subjects.resource import Resource, ResourceSession
from contract.subjects.service import ServiceSubject, settling_reader
from contract.subjects.transfer import trouble_of

RESERVE = 10
"""Requests for the clean-up beside one for each snapshot."""

MAX_PLAYS = 6
BROKEN_OFF = "an outage has broken the sequence off"


def trouble_in(exchange: AnyExchange) -> str:
    for response in filter(None, exchange.responses):
        if response.status >= 500:
            return f"answered with {response.status}"
    return trouble_of(exchange.outcome)


class LiveSubject:
    """A live site, set up by `live_site`. It may be unavailable for a while.

    `notes` counts responses that are no breach, `leftovers` could not be removed.
    `confirmation_reserve` is the number of requests to hold back for confirmations.
    """

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = True
    is_repeatable = False  # it repeats what failed itself, within its budget

    def __init__(
        self, service: ServiceSubject, budget: Budget, journal: Journal
    ) -> None:
        resource = service.session.resource
        self.name = f"live {service.site}"
        self.service = service
        self.notes = resource.transport.notes
        self.confirmation_reserve = 0
        self.leftovers: tuple[str, ...] = ()
        self.secrets: Mapping[str, str] = service.secrets
        self._session = service.session
        self._budget = budget
        self._journal = journal
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
        return Stopped(spent, is_planned=True) if spent else result

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
            if not (trouble := trouble_in(exchange)):
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
            body = session.plain.body(session.resource.spec, SIBLING)
            transfer = self._control.perform(
                Operation.UPDATE, Owner.OWN, session.ids[SIBLING], body
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

    def renewed(self) -> Subject:
        return self

    def reserve(self) -> int:
        return len(self._session.created) + RESERVE + self.confirmation_reserve

    def recreate(self) -> None:
        """Create the snapshots that cases name anew. Raises SubjectError."""
        session = self._session
        for placeholder in (OWN, SIBLING, OTHER):
            if placeholder in session.ids:
                self.service.create_or_fail(placeholder)
        session.forget_listings()

    def adapted(self, scenario: Scenario) -> Scenario:
        """Return a scenario whose sequences begin anew after an outage."""
        make = scenario.machine
        if make is None:
            return scenario

        def machine(play: Play) -> RuleBasedStateMachine:
            self._is_sequence_broken = False
            return make(play)

        return replace(scenario, machine=machine)

    def clean_up(self) -> None:
        """Remove what was created, and what is listed under the run id."""
        self._budget.reserve = None
        session, resource = self._session, self._session.resource
        resource.transport.loss = ""  # a used-up rate limit is no reason not to try
        left, is_unread = list(session.created), True
        if not self._loss and (session.created or session.is_unsure):
            left, is_unread = [], False
            for owner in resource.keys:
                created = [n for n, o in session.created.items() if o is owner]
                reasons, ids = remove_snapshots(resource, owner, created=created)
                left += reasons
                is_unread |= ids is None
                for name in set(created) - set(reasons):
                    self._journal.removed(name)
        if session.is_unsure and is_unread:
            left.append(f"what has the view name {resource.view!r}")
        self.leftovers = tuple(left)
        self._journal.close(is_needed=bool(left))


@contextmanager
def live_site(
    site: str,
    resource: Resource,
    org_ids: Mapping[Owner, int],
    budget: Budget,
    journals: Path,
    max_lag_s: float | None = None,
) -> Iterator[LiveSubject]:
    """Set up a live site as a subject, and clean up at the end.

    Raises SubjectError if nothing can be judged, or if the first snapshot shows another
    organization than `org_ids`.
    """
    reader = settling_reader(max_lag_s, budget.clock, is_loopback=False)
    journal = Journal(journals, resource.view, site, resource.keys)
    session = ResourceSession(resource, journal, reader)
    service = ServiceSubject(session, site)
    subject = LiveSubject(service, budget, journal)
    try:
        service.set_up(partial(verify_organization, org_ids, session))
        budget.reserve = subject.reserve
        yield subject
    finally:
        subject.clean_up()
