"""Several sites of one service as one subject: each case is played on the site that it is placed on."""

from collections.abc import Sequence
from typing import Literal

from contract.model import Case, Exchange
from contract.subjects.service import ServiceUnderTest

__all__ = ["SeveralSites"]


class SeveralSites:
    """Services that must behave alike; `sites` are their hosts, in order."""

    kind: Literal["service"] = "service"

    def __init__(self, services: Sequence[ServiceUnderTest]) -> None:
        self._services = {service.site: service for service in services}
        self.sites = tuple(self._services)
        self.name, self.version = ", ".join(self.sites), ""

    @property
    def reasons(self) -> dict[str, str]:
        """Why a clause cannot be judged, by clause id, where a site knows."""
        known = {
            name: text
            for service in self._services.values()
            for name, text in service.reasons.items()
        }
        if len(self.sites) > 1:
            del known["S-PARITY"]
        return known

    @property
    def left(self) -> tuple[str, ...]:
        """The ids of the snapshots that could not be removed, once the services are closed."""
        return tuple(
            name for service in self._services.values() for name in service.left
        )

    def skip_reason(self, case: Case) -> str | None:
        """Return why no site can play a case, or None."""
        return next(
            filter(
                None, (service.skip_reason(case) for service in self._services.values())
            ),
            None,
        )

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case on its site."""
        return self._services[case.site].play(case, reference)
