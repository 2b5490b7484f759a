"""Retry policy that tells an outage from a contract breach.

A case whose response is a 5xx, or never comes, is not judged at once. A plain list
shows whether the service is available. If it is, the case is played again, and failing
twice in a row is the service's own defect. If it is not, the policy waits for it, and
plays the case anew. A sequence cannot be played from its middle, so it ends there.
"""

from dataclasses import replace

from contract.cases.placeholders import SIBLING
from contract.endpoint import UPDATE_BODY
from contract.engine.subject import PlayResult, Skipped, Stopped
from contract.errors import SubjectError
from contract.model import Operation, Owner, ServiceCase, ServiceExchange
from contract.subjects.http import trouble_of
from contract.subjects.service import ServiceSubject

PAUSES_S = (1.0, 2.0, 4.0)
"""Pauses between attempts, in seconds."""

MAX_PLAYS = 6
WAITED = "it was asked again after 1, 2 and 4 s"
BROKEN_OFF = "an outage has broken the sequence off"


def trouble_in(exchange: ServiceExchange) -> str:
    for response in exchange.responses:
        if response is not None and response.status >= 500:
            return f"answered with {response.status}"
    return trouble_of(exchange.outcome)


class OutagePolicy:
    """Plays cases on a service that may be unavailable for a while.

    `notes` counts responses that are no breach, `loss` says why the service is lost.
    """

    def __init__(self, service: ServiceSubject) -> None:
        resource = service.session.resource
        self.notes = resource.transport.notes
        self.loss = ""
        self.is_sequence_broken = False
        self._service = service
        self._clock = resource.transport.clock
        self._control = replace(resource, pauses_s=())

    def skip_reason(self, case: ServiceCase) -> str:
        if self.is_sequence_broken and case.is_step:
            return BROKEN_OFF
        return self._service.skip_reason(case)

    def play(self, case: ServiceCase) -> PlayResult:
        """Play a case, again if an outage may have touched it.

        Listings are half of a budget. They are left out where no clause needs them.
        """
        is_read = not case.override.is_open
        failures: list[str] = []
        for _ in range(MAX_PLAYS):
            try:
                exchange = self._service.play(case, is_read=is_read)
            except SubjectError as error:
                return Stopped(str(error))
            if not (trouble := trouble_in(exchange)):
                for failure in failures:
                    self.notes[f"{failure}, but not when asked again at once"] += 1
                return self._checked_listing() or exchange
            if self.is_available():
                failures.append(trouble)
            else:
                self.notes[f"{trouble}, while the service was not there"] += 1
                if not any(map(self.is_available, PAUSES_S)):
                    return self._absent(trouble)
                failures.clear()
            if len(failures) > 1:
                return exchange
            self._service.session.forget_listings()
            if case.is_step:
                self.is_sequence_broken = True
                self.notes[f"{trouble}, in a sequence, which ended there"] += 1
                return Skipped(BROKEN_OFF)
        return self._lost("the service comes and goes")

    def is_available(self, pause_s: float = 0) -> bool:
        """Return whether the service answers after a pause."""
        self._clock.sleep(pause_s)
        session = self._service.session
        if session.list_problem:
            transfer = self._control.perform(
                Operation.UPDATE, Owner.OWN, session.ids[SIBLING], UPDATE_BODY
            )
        else:
            transfer = self._control.perform(Operation.LIST, Owner.OWN)
        return not trouble_of(transfer.outcome)

    def _checked_listing(self) -> Stopped | None:
        session = self._service.session
        failure = session.list_failure
        trouble = trouble_of(failure.outcome) if failure else ""
        if not trouble or session.list_problem:
            return None
        self._service.disable_list(f"list no longer answers ({trouble})")
        return None if self.is_available() else self._absent(trouble)

    def _absent(self, trouble: str) -> Stopped:
        return self._lost(f"the service is not there ({trouble}); {WAITED}")

    def _lost(self, reason: str) -> Stopped:
        self.loss = reason
        return Stopped(f"{self._service.site}: {reason}")
