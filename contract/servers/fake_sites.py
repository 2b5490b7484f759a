"""The sites, played on loopback: a CONNECT proxy that answers for them itself, over real TLS.

A client that is told of the proxy and of the throw-away authority believes that it talks to
`https://api.datadoghq.com`. There is no second leg: after CONNECT the accepted socket itself becomes the
server's end of TLS, on a thread of its own. Everything that reaches it is recorded, also what no server would
understand; nothing but the hosts that it plays is ever answered, and nothing leaves the machine.

    with FakeSites(SITES) as impostor:
        impostor.script(case)              # from here on requests get this case's answers
        …                                # the client, told of impostor.environment(), makes its call
        requests, answers = impostor.recorded()
"""

import datetime
import select
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from contract.cases.responses import FOREIGN
from contract.model import Case, Request, Response, Tls
from contract.servers.connection import Connection, Script, Stage

__all__ = ["FakeSites"]


class FakeSites:
    """The proxy and every host behind it; a context manager that leaves no thread, port or file."""

    def __init__(self, sites: Sequence[str]) -> None:
        hosts = frozenset(f"api.{site}" for site in sites) | {
            FOREIGN.removeprefix("https://")
        }
        self._stage = Stage(hosts, self._context, Script(Case("", (), "", None)))
        self._authority, self._stranger = trustme.CA(), trustme.CA()
        self._contexts: dict[tuple[Tls, str], ssl.SSLContext] = {}
        self._issuing = threading.Lock()
        self._accepting = self._closing = False

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="contract-impostor-")
        self.ca_file = Path(self._directory.name) / "authority.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(
            target=self._accept, name="impostor", daemon=True
        )
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            self._acceptor.join()
        self._listener.close()
        while connections := self._stage.connections.copy():
            for connection in connections:
                connection.drop()
                connection.thread.join(0.02)
        self._directory.cleanup()
        if kind is None:
            self.check()

    @property
    def proxy_url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that driver protocol 1 sets."""
        proxy = (
            "CONTRACT_PROXY_URL",
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
        )
        trust = (
            "CONTRACT_CA_FILE",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        )
        return dict.fromkeys(proxy, self.proxy_url) | dict.fromkeys(
            trust, str(self.ca_file)
        )

    @staticmethod
    def skip_reason(case: Case) -> str | None:
        """Return None: real sockets can play every case."""
        return None

    def script(self, case: Case) -> None:
        """Answer requests from now on as this case says.

        What the case before left open (a stall, a drip, half a request) ends. Connections stay, but not
        across a case whose certificate is not the usual one: the client must meet that one anew.
        """
        self._settle()
        before, self._stage.script = self._stage.script, Script(case)
        usual = before.case.tls == case.tls == "trusted"
        for connection in self._stage.connections.copy():
            if not (usual and connection.between):
                connection.drop()
        self.check()

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        """Return what reached the proxy or a host since `script`, and what each request was answered.

        A request that was not answered from the script pairs with None: a further one, one to a host that
        is not played, one that is no HTTP (its method is then empty and its body is what came).
        """
        self._settle()
        self.check()
        records = tuple(self._stage.script.records)
        return tuple(record.request for record in records), tuple(
            record.response for record in records
        )

    def check(self) -> None:
        """Raise RuntimeError if a thread of the impostor failed; that is a defect of ours."""
        if self._stage.failure is not None:
            failure, self._stage.failure = self._stage.failure, None
            raise RuntimeError("the impostor failed") from failure

    def _settle(self, limit_s: float = 1.0) -> None:
        """Wait until all bytes that a client has sent are read and dealt with."""
        end = time.monotonic() + limit_s
        while not self._is_quiet() and time.monotonic() < end:
            time.sleep(0.00005)

    def _is_quiet(self) -> bool:
        if self._accepting:
            return False
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        for connection in self._stage.connections.copy():
            if not connection.resting:
                return False
            poll.register(connection.descriptor, select.POLLIN)
        return all(event & select.POLLNVAL for _, event in poll.poll(0))

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            while poll.poll():
                self._accepting = True  # before the kernel forgets that someone is waiting: see _is_quiet
                accepted = self._listener.accept()[0]
                if self._closing:
                    accepted.close()
                    return
                connection = Connection(self._stage, accepted)
                self._stage.connections.add(connection)
                connection.thread.start()
                self._accepting = False
        except Exception as error:  # a thread has no caller: `check` raises it
            self._stage.failure, self._accepting = error, False

    def _context(self, tls: Tls, host: str) -> ssl.SSLContext:
        with self._issuing:
            if (tls, host) not in self._contexts:
                authority = (
                    self._stranger if tls == "unknown authority" else self._authority
                )
                years = [
                    datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
                    for year in (2001, 2002)
                ]
                begin, end = years if tls == "expired" else (None, None)
                name = "wrong-name.contract.example" if tls == "wrong name" else host
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                authority.issue_cert(
                    name, not_before=begin, not_after=end
                ).configure_cert(context)
                context.set_alpn_protocols(["http/1.1"])
                context.num_tickets = (
                    0  # no session is resumed: a certificate is seen each time
                )
                context.options |= ssl.OP_NO_TICKET
                self._contexts[tls, host] = context
            return self._contexts[tls, host]
