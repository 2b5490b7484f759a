"""Outage or breach: a service as a subject that is patient, and judges nothing that an outage has touched.

A case whose answer is a 5xx, or never comes, is not judged as it is. Whether the service is there at that moment says
a plain list. Where it is, the case is played again, and twice in a row is the service's own doing; where it is not,
the case waits until it is, and is played anew. A sequence cannot be played again from its middle: it ends there.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from contract.cases.client import Scenario
from contract.cases.placeholders import NEIGHBOUR, Pair
from contract.cases.stateful import is_of_sequence
from contract.engine.runner import SkipCase, StopRun
from contract.live.budget import PacedConnection
from contract.model import (
    Case,
    Exchange,
    Outcome,
    Request,
    RequestOverride,
    Response,
    Rows,
)
from contract.spec import Spec
from contract.subjects.service import ServiceUnderTest

__all__ = ["PAUSES_S", "RetryingService", "ended"]

PAUSES_S = (1.0, 2.0, 4.0)
"""What did not work is tried again after so many seconds, and then no more."""

_PATIENCE_S = 600.0
_TURNS = 6
_BROKEN_OFF = "an outage has broken the sequence off"
_GOOD = {
    "event_id": "event",
    "is_device_type_selected_by_user": False,
    "start": 2**53 + 1,
}


class RetryingService(ServiceUnderTest):
    """A service that may not be there for a while.

    `seen` counts what was answered with a 5xx, or not at all, and is no breach. `turns` counts what was played, a
    sequence once. `phase` says what a request is for: only one of a case is not tried again at once.
    """

    def __init__(
        self, sender: PacedConnection, spec: Spec, keys: Pair, other_keys: Pair | None
    ) -> None:
        super().__init__(sender, spec, keys, other_keys, None, (), _PATIENCE_S)
        self.seen: Counter[str] = Counter()
        self.turns = 0
        self.phase: Literal["set-up", "case", "read", "clean-up"] = "set-up"
        self.is_lost = self._broken_off = self._unread = False

    # -- cases ----------------------------------------------------------------------------------------

    def skip_reason(self, case: Case) -> str | None:
        """Return why a case cannot be played, or None; raises StopRun once the service is silent for good."""
        if self._dead:
            raise StopRun(f"{self.site}: {self._dead}")
        if self._broken_off and is_of_sequence(case):
            return _BROKEN_OFF
        return super().skip_reason(case)

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case, and again where the answer may have been an outage's.

        Raises StopRun where the service is gone, SkipCase where a sequence was broken off.
        """
        self.turns += not is_of_sequence(case)
        failed: list[
            str
        ] = []  # one for each time in a row that it failed while the service was there
        for _ in range(_TURNS):
            exchange = self._once(case, reference)
            trouble = _trouble(exchange)
            if not trouble:
                self.seen.update(
                    f"{each}, but not when asked again at once" for each in failed
                )
                return exchange
            if self._is_there():
                failed.append(trouble)
            else:
                failed.clear()
                self._wait_for_it(trouble)
            if len(failed) > 1:
                return exchange
            self._rows.clear()
            if is_of_sequence(case):
                self._broken_off = True
                self.seen[f"{trouble}, in a sequence, which ended there"] += 1
                raise SkipCase(_BROKEN_OFF)
        raise self._over("the service comes and goes")

    def _once(self, case: Case, reference: Exchange | None) -> Exchange:
        self.phase, self._unread = (
            "case",
            case.override is not None and case.override.open,
        )
        try:
            return super().play(case, reference)
        finally:
            self.phase = "read"

    def _state(
        self, orgs: tuple[str, ...], *, again: bool, but: str | None = None
    ) -> Rows | None:
        """Return the rows; none for a case of which no clause asks what is stored: reads are half of a budget."""
        if not self._unread:
            return super()._state(orgs, again=again, but=but)
        self._rows.clear()
        return None

    def sequence(self, scenario: Scenario, changed: Callable[[Case], Case]) -> Scenario:
        """Return a scenario of sequences that outages break off; each step is played as `changed`."""
        subject, make = self, scenario.machine
        if make is None:
            return scenario

        def machine(play: Callable[[Case], Exchange | None]) -> type[Any]:
            class Fresh(make(lambda case: play(changed(case)))):  # type: ignore[misc]
                def __init__(self) -> None:
                    super().__init__()
                    subject._broken_off = False
                    subject.turns += 1

            return Fresh

        return replace(scenario, machine=machine)

    # -- requests -------------------------------------------------------------------------------------

    def _ask(
        self, request: Request, requests: list[Request], answers: list[Response | None]
    ) -> Outcome:
        """Send it; what is no part of a case is tried again by the rule."""
        pauses_s = () if self.phase == "case" or self._dead else PAUSES_S
        for pause_s in (*pauses_s, None):
            outcome = self._try(request, requests, answers)
            trouble = ended(outcome)
            if not trouble or pause_s is None:
                break
            self.seen[f"{trouble} while nothing was judged"] += 1
            self._sleep(pause_s)
        if trouble and self.phase == "read":
            self._read_failed(trouble)
        elif trouble and self.phase == "clean-up" and request.method == "DELETE":
            self._dead, self.is_lost = f"the service is not there ({trouble})", True
        return outcome

    def _try(
        self, request: Request, requests: list[Request], answers: list[Response | None]
    ) -> Outcome:
        """Send it once, and again only after a 429."""
        outcome = super()._ask(request, requests, answers)
        self._silent = 0
        return outcome

    def _set_up(self, case: Case) -> Response | None:
        phase = self.phase
        self.phase = "read" if phase == "case" else phase
        try:
            return super()._set_up(case)
        finally:
            self.phase = phase

    def _is_there(self) -> bool:
        """Tell whether the service answers a plain request at this moment."""
        wire = RequestOverride(method="PATCH" if self._no_list else "GET")
        body = (
            {"data": {"type": "snapshots", "attributes": _GOOD}}
            if self._no_list
            else None
        )
        case = Case("", ("control",), NEIGHBOUR, body, keys="own", override=wire)
        return not ended(
            self._try(self._request(case, wire, self._pair("own")), [], [])
        )

    def _wait_for_it(self, trouble: str) -> None:
        self.seen[f"{trouble}, while the service was not there"] += 1
        for pause_s in PAUSES_S:
            self._sleep(pause_s)
            if self._is_there():
                return
        raise self._over(
            f"the service is not there ({trouble}); it was asked again after 1, 2 and 4 s"
        )

    def _read_failed(self, trouble: str) -> None:
        """Tell a list that is broken from a service that is not there, by a good update."""
        self._without_list(f"list no longer answers ({trouble})")
        if not self._is_there():
            raise self._over(
                f"the service is not there ({trouble}); it was asked again after 1, 2 and 4 s"
            )

    def _over(self, reason: str) -> StopRun:
        self._dead, self.is_lost = reason, True
        return StopRun(f"{self.site}: {reason}")


def ended(outcome: Outcome) -> str:
    """Return what may be an outage: a 5xx, no answer; else nothing."""
    if outcome.kind == "failed" and outcome.type != "closed while sending":
        return f"no answer: {outcome.message}"
    return (
        f"answered with {outcome.status}"
        if outcome.status is not None and outcome.status >= 500
        else ""
    )


def _trouble(x: Exchange) -> str:
    worse = [
        f"answered with {each.status}"
        for each in x.responses
        if each is not None and each.status >= 500
    ]
    return worse[0] if worse else ended(x.outcome)
