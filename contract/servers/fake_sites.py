"""The sites on loopback: a CONNECT proxy that answers for them itself, over real TLS.

The same port takes TLS without CONNECT, for clients that cannot use a proxy. It records
raw targets, the order of headers, duplicates and half a request. Nothing leaves the
machine.

    with FakeSites(SITES) as server:
        server.script(case, site)
        ...                          # a client with server.environment() makes a call
        requests, responses = server.recorded()
"""

import os
import select
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Self
from unittest.mock import patch

from contract.cases.client import FOREIGN_HOST
from contract.model import ClientCase, Tls
from contract.servers import REAL_TIME, Clock, Recorded, Script, script_of
from contract.servers.connection import Connection, Shared, server_context

PROXY_VARIABLES = (
    "CONTRACT_PROXY_URL",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
)
AUTHORITY_VARIABLES = (
    "CONTRACT_CA_FILE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
REMOVED_VARIABLES = ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy")

READ_ONCE: tuple[tuple[str, str, Callable[[], object]], ...] = (
    ("urllib.request", "_opener", lambda: None),
    ("aiohttp.connector", "_SSL_CONTEXT_VERIFIED", ssl.create_default_context),
)
"""Names for which a library reads the environment once: module, name, new value."""

WRONG_NAME = "wrong-name.contract.example"
EXPIRED = [datetime(year, 1, 1, tzinfo=UTC) for year in (2001, 2002)]

LEAST_WAIT_S = 0.2
LATENCIES = 3
"""Latencies in which a request comes that was under way when its call ended."""

SETTLE_LIMIT_S = 1.0
SETTLE_INTERVAL_S = 0.00005


def client_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return these variables and the inherited ones that the driver protocol allows."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in REMOVED_VARIABLES and not name.startswith("DD_")
    }
    return inherited | dict(variables)


class FakeSites:
    """The proxy and the hosts behind it, as a context manager."""

    is_real_time = True

    def __init__(self, sites: Sequence[str], clock: Clock = REAL_TIME) -> None:
        self.clock = clock
        self.shared = Shared(
            hosts={*(f"api.{site}" for site in sites), FOREIGN_HOST},
            clock=clock,
            context=lru_cache(None)(self._new_context),
        )
        # Only clients meet these sites, and it is slow to import.
        import trustme

        self._ca = trustme.CA()
        self._untrusted_ca = trustme.CA()
        self._is_accepting = False
        self._is_closing = False

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="contract-fake-sites-")
        self.ca_file = Path(self._directory.name) / "authority.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self.proxy_url = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_closing = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            self._acceptor.join()
        self._listener.close()
        while self.shared.open:
            self._drop_all(0.02)
        self._directory.cleanup()
        if error[0] is None:
            self.check()

    def environment(self) -> dict[str, str]:
        """Return the variables of driver protocol 1."""
        proxy = dict.fromkeys(PROXY_VARIABLES, self.proxy_url)
        address = {"CONTRACT_SITES_ADDRESS": f"127.0.0.1:{self.port}"}
        return proxy | address | dict.fromkeys(AUTHORITY_VARIABLES, str(self.ca_file))

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        variables = client_environment(self.environment())
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, variables, clear=True))
            for module, name, renewed in READ_ONCE:
                if hasattr(sys.modules.get(module), name):
                    target = f"{module}.{name}"
                    stack.enter_context(patch(target, renewed()))
            yield

    def skip_reason(self, case: ClientCase) -> str:
        return ""

    def script(self, case: ClientCase, site: str) -> None:
        """Answer from now on with the responses of a case or its first call."""
        self.start(script_of(case.opening or case))

    def follow(self, case: ClientCase) -> None:
        """Answer from now on with those of a case whose first call has ended.

        Open connections stay open, or all are closed if the case says so.
        """
        self._settle()
        self.shared.current = script_of(case)
        if case.first_call is not None and case.first_call.is_closed:
            self._drop_all(SETTLE_LIMIT_S)
        self.check()

    def start(self, script: Script) -> None:
        """Answer from now on by a script.

        What the script before left open ends. Other connections stay open, unless the
        client must meet another certificate.
        """
        self._settle()
        before, self.shared.current = self.shared.current, script
        is_usual = before.tls is script.tls is Tls.TRUSTED
        for connection in self.shared.open.copy():
            if not (is_usual and connection.is_at_boundary):
                connection.drop()
        self.check()

    @property
    def latency_s(self) -> float:
        """Seconds of the shortest round trip to the client, 0 before the first."""
        return self.shared.latency_s

    def end_call(self, *, is_due: bool) -> int:
        """End a call without an answer. Return the number of late requests.

        A request may still be under way. If it comes soon, it belongs to this script:
        it is a repetition if the last request had been answered, else only counted.
        `is_due` says whether the call had to send a request.
        """
        self._settle()
        script = self.shared.current
        if script.is_unanswered(is_due=is_due):
            script.is_over = True
            self._drop_all()
            self.clock.sleep(max(LEAST_WAIT_S, LATENCIES * self.latency_s))
            self._settle()
            self._drop_all()
        return script.late

    def _drop_all(self, join_s: float = 0.0) -> None:
        for connection in self.shared.open.copy():
            connection.drop()
            if join_s:
                connection.thread.join(join_s)

    def recorded(self) -> Recorded:
        """Return the requests since `script`. What is no HTTP has no method."""
        self._settle()
        self.check()
        return self.shared.current.recorded()

    @property
    def is_reached(self) -> bool:
        return self.shared.current.is_reached

    def check(self) -> None:
        """Raise RuntimeError if a thread failed."""
        failure, self.shared.failure = self.shared.failure, None
        if failure is not None:
            raise RuntimeError("the fake sites failed") from failure

    def _settle(self) -> None:
        end_s = time.monotonic() + SETTLE_LIMIT_S
        while not self._is_quiet() and time.monotonic() < end_s:
            time.sleep(SETTLE_INTERVAL_S)

    def _is_quiet(self) -> bool:
        if self._is_accepting:
            return False
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        for connection in self.shared.open.copy():
            if not connection.is_idle:
                return False
            poll.register(connection.descriptor, select.POLLIN)
        return all(event & select.POLLNVAL for _, event in poll.poll(0))

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            while poll.poll():
                # Set before the kernel forgets the client, see _is_quiet.
                self._is_accepting = True
                accepted = self._listener.accept()[0]
                if self._is_closing:
                    accepted.close()
                    return
                connection = Connection(self.shared, accepted)
                self.shared.open.add(connection)
                connection.thread.start()
                self._is_accepting = False
        except Exception as error:  # check raises it in the main thread
            self.shared.failure = error
            self._is_accepting = False

    def _new_context(self, tls: Tls, host: str) -> ssl.SSLContext:
        ca = self._untrusted_ca if tls is Tls.UNKNOWN_AUTHORITY else self._ca
        name = WRONG_NAME if tls is Tls.WRONG_NAME else host
        begin, end = EXPIRED if tls is Tls.EXPIRED else (None, None)
        context = server_context()
        certificate = ca.issue_cert(name, not_before=begin, not_after=end)
        certificate.configure_cert(context)
        return context
