"""A live site as a subject, within a budget and with a journal."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine

from contract.cases.placeholders import OTHER, OWN, SIBLING, KeyPair
from contract.cases.scenario import Play, Scenario
from contract.engine.subject import PlayResult, Stopped
from contract.live.budget import Budget, PacedConnection
from contract.live.identity import verify_organization
from contract.live.journal import Journal, new_run_id
from contract.live.removal import remove_snapshots
from contract.live.retry import PAUSES_S, OutagePolicy
from contract.model import AnyExchange, Owner, ServiceCase, SubjectKind
from contract.spec import Spec
from contract.subjects.http import HttpConnection, Transport
from contract.subjects.resource import Resource, ResourceSession
from contract.subjects.service import ServiceSubject

PATIENCE_S = 600.0
"""Seconds that a request may wait for a rate limit."""

RESERVE = 10
"""Requests for the clean-up beside one for each snapshot."""


class LiveSubject:
    """A live site, set up by `live_site`.

    `run_id` is the view name of all snapshots. `leftovers` could not be removed,
    `confirmation_reserve` is the number of requests to hold back for confirmations.
    """

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = True

    def __init__(
        self, service: ServiceSubject, budget: Budget, journal: Journal
    ) -> None:
        self.name = f"live {service.site}"
        self.run_id = service.session.resource.view
        self.service = service
        self.outages = OutagePolicy(service)
        self.confirmation_reserve = 0
        self.leftovers: tuple[str, ...] = ()
        self._budget = budget
        self._journal = journal

    def skip_reason(self, case: ServiceCase) -> str:
        return self.outages.skip_reason(case)

    def play(self, case: ServiceCase, site: str) -> PlayResult:
        result = self.outages.play(case)
        spent = self._budget.spent
        return Stopped(spent, is_planned=True) if spent else result

    def waiting_cost_s(self, exchange: AnyExchange) -> float:
        """Return 0: the budget bounds the time."""
        return 0.0

    def reserve(self) -> int:
        return len(self.service.session.created) + RESERVE + self.confirmation_reserve

    def recreate(self) -> None:
        """Create the snapshots that cases name anew. Raises SubjectError."""
        session = self.service.session
        for placeholder in (OWN, SIBLING, OTHER):
            if placeholder in session.ids:
                self.service.create_or_fail(placeholder)
        session.forget_listings()

    def adapted(self, scenario: Scenario) -> Scenario:
        """Return a scenario whose sequences begin anew after an outage."""
        make, outages = scenario.machine, self.outages
        if make is None:
            return scenario

        def machine(play: Play) -> RuleBasedStateMachine:
            outages.is_sequence_broken = False
            return make(play)

        return replace(scenario, machine=machine)

    def clean_up(self) -> None:
        """Remove what was created, and what is listed under the run id."""
        self._budget.reserve = None
        session, resource = self.service.session, self.service.session.resource
        resource.transport.loss = ""  # a used-up rate limit is no reason not to try
        left, is_unread = list(session.created), True
        if not self.outages.loss and (session.created or session.is_unsure):
            left, is_unread = [], False
            for owner in resource.keys:
                created = [n for n, o in session.created.items() if o is owner]
                reasons, ids = remove_snapshots(resource, owner, created=created)
                left += reasons
                is_unread |= ids is None
                for name in set(created) - set(reasons):
                    self._journal.removed(name)
        if session.is_unsure and is_unread:
            left.append(f"what has the view name {self.run_id!r}")
        self.leftovers = tuple(left)
        self._journal.close(is_needed=bool(left))


@dataclass(frozen=True)
class Access:
    """Way to the live sites. No request is sent again without the budget."""

    spec: Spec
    budget: Budget
    ca_file: str | None = None
    timeout_s: float = 5.0

    @contextmanager
    def connect(
        self, site: str, keys: Mapping[Owner, KeyPair], run_id: str
    ) -> Iterator[Resource]:
        """Connect to a site for a run."""
        spec, budget = self.spec, self.budget
        with HttpConnection(
            spec.url(site),
            timeout_s=self.timeout_s,
            ca_file=self.ca_file,
            may_resend=False,
        ) as connection:
            paced = PacedConnection(connection, budget, spec.auth_headers)
            transport = Transport(
                connection.origin, paced.send, PATIENCE_S, budget.clock, math.inf
            )
            yield Resource(transport, spec, keys, run_id, pauses_s=PAUSES_S)


@contextmanager
def live_site(
    site: str,
    keys: Mapping[Owner, KeyPair],
    org_ids: Mapping[Owner, int],
    access: Access,
    journals: Path,
) -> Iterator[LiveSubject]:
    """Set up a live site as a subject, and clean up at the end.

    Raises SubjectError if nothing can be judged, or if the first snapshot shows another
    organization than `org_ids`.
    """
    run_id = new_run_id()
    with access.connect(site, keys, run_id) as resource:
        journal = Journal(journals, run_id, site, keys)
        session = ResourceSession(resource, journal)
        service = ServiceSubject(session, site)
        subject = LiveSubject(service, access.budget, journal)
        try:
            service.set_up(partial(verify_organization, org_ids, session))
            access.budget.reserve = subject.reserve
            yield subject
        finally:
            subject.clean_up()
