"""Processes of the suite that play cases ahead, each with further copies of a client.

A process has players: threads with a driver, or with the minimal client, and fake sites
of their own, which start with their first case. It ends with the suite, however that
ends: their socket is closed then.
"""

import ctypes
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe
from threading import Lock, Thread
from typing import Any, Self

from contract.client import SnapshotClient
from contract.model import ClientCase, ClientExchange, OutcomeKind
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import Driver
from contract.subjects.heartbeat import own_watcher
from contract.subjects.in_process import (
    ClientSubject,
    MinimalClientAdapter,
    Output,
    ThreadText,
    is_sendable,
)
from contract.subjects.preflight import preflight

PROGRAM = "import sys; sys.path[:] = {}; from contract.subjects.workers import main; "
END_S = 10.0
"""Seconds that a process has to end its drivers."""

NO_REQUEST = (OutcomeKind.FAILED, OutcomeKind.UNSUPPORTED)
"""Outcomes of a call, or of a first call, that ended before its request came."""

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
LARGE = 1 << 17
"""Bytes of a body that go back to the system, if its C library is glibc."""


@dataclass
class Workers:
    """The processes, as a context manager. `plain` is a case for each new driver.

    Without a command they play on the minimal client.
    `busy` and `waiting` are connections to players. One takes a list of cases with
    their sites, and whether they need a fresh driver. It replies to each with its
    packed exchange and its cost, or with a text that says why it plays no more. One of
    `controls` takes a function with its arguments. It replies with the result, or with
    None if the function failed.
    """

    command: Sequence[str]
    sites: tuple[str, ...]
    plain: ClientCase
    busy: list[Connection] = field(default_factory=list)
    waiting: list[Connection] = field(default_factory=list)
    controls: list[Connection] = field(default_factory=list)
    _processes: dict[Connection, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self._processes, *self.busy, *self.waiting):
            hang_up(connection)
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
            process.kill()
            process.wait()

    @contextmanager
    def subject(self) -> Iterator[ClientSubject]:
        """Start a client and the sites that it meets."""
        with own_watcher() as watcher, FakeSites(self.sites) as server:
            if self.command:
                with Driver(self.command, server.environment()) as driver:
                    yield ClientSubject(
                        driver,
                        server,
                        driver.about.client,
                        driver.about.version,
                        watcher,
                        driver.restart,
                        captures=False,
                        workers=self,
                    )
                return

            def make(**settings: Any) -> SnapshotClient:
                # It takes the sites from the environment, which all players share.
                with MAKING, server.in_environment():
                    return SnapshotClient(own_sites=self.sites, **settings)

            adapter = MinimalClientAdapter(make)
            yield ClientSubject(
                adapter,
                server,
                watcher=watcher,
                captures=False,
                output=OUTPUT,
            )

    def start(self, busy: int, waiting: int) -> None:
        """See that there are so many players. All that wait are in one process."""
        missing = max(0, waiting - len(self.waiting))
        while missing or len(self.busy) < busy:
            is_busy = len(self.busy) < busy
            players = self._start(is_busy + missing)
            self.busy += players[:is_busy]
            self.waiting += players[is_busy:]
            missing = 0

    def _start(self, players: int) -> list[Connection]:
        pipes = [Pipe() for _ in range(1 + players)]
        numbers = [other.fileno() for _, other in pipes]
        program = f"{PROGRAM.format(sys.path)}main({numbers})"
        control, *connections = [own for own, _ in pipes]
        self._processes[control] = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the suite
            pass_fds=numbers,
        )
        for _, other in pipes:
            other.close()
        control.send((self.command, self.sites, self.plain))
        self.controls.append(control)
        return connections

    def drop(self, player: Connection) -> None:
        for players in (self.busy, self.waiting):
            if player in players:
                players.remove(player)
        hang_up(player)


def hang_up(connection: Connection) -> None:
    """End a connection for both sides, also for one that reads from it."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def packed(exchange: ClientExchange, case: ClientCase) -> bytes:
    """Return an exchange as bytes, which take less memory, without its case."""
    changes: Any = {"case": None} if exchange.case is case else {}
    return pickle.dumps(replace(exchange, **changes))


def unpacked(data: bytes, case: ClientCase) -> ClientExchange:
    """Return the exchange of a case."""
    exchange: ClientExchange = pickle.loads(data)  # noqa: S301 - our own process
    return exchange if exchange.case else replace(exchange, case=case)


# -- in the process --

OUTPUT = Output(ThreadText)
"""What minimal clients write, each in the thread of its player."""

MAKING = Lock()


def serve(connection: Connection, workers: Workers, playing: list[Any]) -> None:
    """Play until the connection ends. Say why if that is not possible.

    The adapter is in `playing` while it plays.
    """
    try:
        request = connection.recv()
        with workers.subject() as subject:
            adapter = subject.adapter
            preflight(subject, workers.plain, workers.sites[0])
            while True:
                playing.append(adapter)
                for reply in play_each(subject, *request):
                    connection.send(reply)
                playing.remove(adapter)
                request = connection.recv()
    except Exception as error:  # the suite plays the rest, and meets it again
        with suppress(OSError):
            connection.send(str(error) or type(error).__name__)


def play_each(
    subject: ClientSubject, is_fresh: bool, plays: Sequence[tuple[ClientCase, str]]
) -> Iterator[tuple[bytes, float]]:
    """Yield the packed exchange of each play, and the seconds of time-outs it cost.

    A case that was late is played no more. A request that did not come may have been
    slower than its time-out, since other players are busy: the suite plays it alone.
    """
    late: ClientCase | None = None
    for case, site in plays:
        if case is late:
            yield b"", 0.0
            continue
        if is_fresh:
            subject.restart()
        exchange = subject.play(case, site)
        cost_s = subject.waiting_cost_s(exchange)
        late = case if cost_s else late
        kind, is_due = exchange.outcome.kind, is_sendable(case)
        is_missing = is_due and not exchange.requests and kind in NO_REQUEST
        yield b"" if is_missing else packed(exchange, case), cost_s


def main(numbers: Sequence[int]) -> None:
    """Let players play until the first of these sockets ends."""
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt  # many threads would keep much
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, LARGE)
    control, *connections = [Connection(number) for number in numbers]
    with suppress(EOFError, OSError):
        workers = Workers(*control.recv())
        playing: list[Any] = []
        threads = [
            Thread(target=serve, args=(connection, workers, playing))
            for connection in connections
        ]
        with nullcontext() if workers.command else OUTPUT:
            for thread in threads:
                thread.start()
            with suppress(EOFError, OSError):
                while True:
                    function, *arguments = control.recv()
                    try:
                        control.send(function(*arguments))
                    except Exception:  # the suite calls it, and meets it again
                        control.send(None)
            for driver in [*playing] if workers.command else ():
                driver.abort()
            for thread in threads:
                thread.join()
