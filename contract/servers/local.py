"""The sites for a client of this process: mocked where that is enough, else fake."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from contract.model import ClientCase, Request, Response
from contract.servers.fake_sites import FakeSites
from contract.servers.mock import MockedSites


class LocalSites:
    """The mocked sites, and the fake sites for cases that need real sockets.

    The mocked sites patch `requests`, and clients find the fake sites by the
    environment. So one server is active at a time. The fake sites run to the end.
    """

    is_real_time = False

    def __init__(self, sites: Sequence[str]) -> None:
        self._mocked = MockedSites(sites)
        self.clock = self._mocked.clock
        self._fake = FakeSites(sites, self.clock)
        self._current: MockedSites | FakeSites | None = None
        self._active = ExitStack()
        self._lasting = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._active.close()
        self._lasting.close()

    def skip_reason(self, case: ClientCase) -> str:
        """Return an empty string: every case can be played."""
        return ""

    def script(self, case: ClientCase, site: str) -> None:
        """Answer from now on with the responses of a case."""
        server = self._fake if self._mocked.skip_reason(case) else self._mocked
        if server is not self._current:
            self._active.close()
            if server is self._mocked:
                self._active.enter_context(self._mocked)
            else:
                if not self._fake.is_running:
                    self._lasting.enter_context(self._fake)
                self._active.enter_context(self._fake.in_environment())
            self._current = server
        server.script(case, site)

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        """Return the requests since `script` with their responses."""
        return self._current.recorded() if self._current is not None else ((), ())
