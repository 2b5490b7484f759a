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
    environment. So one of them is active at a time.
    """

    is_real_time = False

    def __init__(self, sites: Sequence[str]) -> None:
        self._mocked = MockedSites(sites)
        self.clock = self._mocked.clock
        self._fake = FakeSites(sites, self.clock)
        self._server: MockedSites | FakeSites = self._mocked
        self._active = ExitStack()

    def __enter__(self) -> Self:
        self._fake.__enter__()
        self._active.enter_context(self._mocked)
        return self

    def __exit__(self, *error: object) -> None:
        self._active.close()
        self._fake.__exit__(*error)

    def skip_reason(self, case: ClientCase) -> str:
        return ""

    def script(self, case: ClientCase, site: str) -> None:
        server = self._fake if self._mocked.skip_reason(case) else self._mocked
        if server is not self._server:
            self._active.close()
            is_fake = server is self._fake
            context = self._fake.in_environment() if is_fake else self._mocked
            self._active.enter_context(context)
            self._server = server
        server.script(case, site)

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        return self._server.recorded()
