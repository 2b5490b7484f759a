"""Processes of the suite that play cases ahead, each with further copies of a driver.

A process has players: threads with a driver and fake sites of their own, which start
with their first case. It ends with the suite, however that ends: their socket is closed
then.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe
from threading import Thread
from typing import Any, Self

from contract.model import ClientCase
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import Driver
from contract.subjects.heartbeat import Watcher, own_watcher
from contract.subjects.in_process import ClientSubject
from contract.subjects.preflight import preflight

PROGRAM = "import sys; sys.path[:] = {}; from contract.subjects.workers import main; "
END_S = 10.0
"""Seconds that a process has to end its drivers."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    is_linux = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if is_linux else os.cpu_count() or 1


@contextmanager
def driver_subject(
    command: Sequence[str], sites: Sequence[str], watcher: Watcher
) -> Iterator[ClientSubject]:
    """Start a driver and the sites that it meets."""
    with (
        FakeSites(sites) as server,
        Driver(command, server.environment()) as driver,
    ):
        name, version = driver.about.client, driver.about.version
        yield ClientSubject(
            driver, server, name, version, watcher, driver.restart, captures=False
        )


@dataclass
class Workers:
    """The processes, as a context manager. `plain` is a case for each new driver.

    `busy` and `waiting` are connections to players. One takes a list of cases with
    their sites, and whether they need a fresh driver. It returns a list of exchanges
    and costs, or a text that says why it plays no more.
    """

    command: Sequence[str]
    sites: tuple[str, ...]
    plain: ClientCase
    busy: list[Connection] = field(default_factory=list)
    waiting: list[Connection] = field(default_factory=list)
    _processes: dict[Connection, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self._processes, *self.busy, *self.waiting):
            hang_up(connection)
        for process in self._processes.values():
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

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
        # The process holds Ctrl-C back until it handles it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._processes[control] = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=numbers,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for _, other in pipes:
            other.close()
        control.send((self.command, self.sites, self.plain))
        return connections

    def drop(self, player: Connection) -> None:
        """Use a player no more."""
        for players in (self.busy, self.waiting):
            if player in players:
                players.remove(player)
        hang_up(player)


def hang_up(connection: Connection) -> None:
    """End a connection for both sides, also for one that reads from it."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


# -- in the process --


@dataclass
class Player:
    """A driver that plays what comes from a connection."""

    connection: Connection
    watcher: Watcher
    workers: Workers
    driver: Any = None

    def run(self) -> None:
        """Play until the connection ends. Say why if that is not possible."""
        command, sites = self.workers.command, self.workers.sites
        try:
            request = self.connection.recv()
            with driver_subject(command, sites, self.watcher) as subject:
                preflight(subject, self.workers.plain, sites[0])
                while True:
                    self.driver = subject.adapter
                    replies = list(play_each(subject, *request))
                    self.driver = None
                    self.connection.send(replies)
                    request = self.connection.recv()
        except Exception as error:  # the suite plays the rest, and meets it again
            with suppress(OSError):
                self.connection.send(str(error) or type(error).__name__)


def play_each(
    subject: ClientSubject, is_fresh: bool, plays: Sequence[tuple[ClientCase, str]]
) -> Iterator[tuple[Any, float]]:
    """Yield exchanges and the seconds of time-outs that they cost.

    They have no case if it is the one that came. A case that was late is played no
    more.
    """
    late: ClientCase | None = None
    for case, site in plays:
        if case is late:
            yield None, 0.0
            continue
        if is_fresh:
            subject.restart()
        exchange = subject.play(case, site)
        cost_s = subject.waiting_cost_s(exchange)
        late = case if cost_s else late
        changes: Any = {"case": None} if exchange.case is case else {}
        yield replace(exchange, **changes), cost_s


def main(numbers: Sequence[int]) -> None:
    """Let players play until the first of these sockets ends."""
    # A handler, since drivers would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    control, *connections = [Connection(number) for number in numbers]
    with suppress(EOFError, OSError), own_watcher() as watcher:
        workers = Workers(*control.recv())
        players = [Player(item, watcher, workers) for item in connections]
        threads = [Thread(target=player.run) for player in players]
        for thread in threads:
            thread.start()
        with suppress(EOFError, OSError):
            control.recv()
        for driver in filter(None, [player.driver for player in players]):
            driver.abort()
        for thread in threads:
            thread.join()
