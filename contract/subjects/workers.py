"""Processes of the suite that play cases ahead, each with copies of a driver.

A process starts with the first case for one of its players, and ends with the suite,
however that ends: the socket between them is closed then. `player` is its program.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from typing import Self

from contract.model import ClientCase

PROGRAM = """import sys
sys.path[:] = {path!r}
from contract.subjects.player import main
main({numbers!r})
"""
END_S = 10.0
"""Seconds that a process has to end its drivers."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class Workers:
    """The processes, as a context manager. `plain` is a case that every client plays.

    `busy` and `waiting` are the players: connections that take a list of cases with
    their sites, and return a list of exchanges with what they cost, or a text in which
    a player says why it plays nothing.
    """

    command: Sequence[str]
    sites: tuple[str, ...]
    plain: ClientCase
    busy: list[Connection] = field(default_factory=list)
    waiting: list[Connection] = field(default_factory=list)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _controls: list[Connection] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self._controls, *self.busy, *self.waiting):
            hang_up(connection)
        for process in self._processes:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, busy: int, waiting: int) -> None:
        """See that there are so many players. All that wait are in one process."""
        missing = max(0, waiting - len(self.waiting))
        rest = max(0, busy - len(self.busy))
        while missing or rest:
            first, *others = self._start(bool(rest) + missing)
            self.busy += [first] if rest else []
            self.waiting += others if rest else [first, *others]
            missing, rest = 0, max(0, rest - 1)

    def _start(self, players: int) -> list[Connection]:
        own, others = zip(*(Pipe() for _ in range(1 + players)), strict=True)
        numbers = [connection.fileno() for connection in others]
        program = PROGRAM.format(path=sys.path, numbers=numbers)
        with without_interrupts():  # until the process handles them
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=numbers,
            )
            self._processes.append(process)
            self._controls.append(own[0])
        for connection in others:
            connection.close()
        own[0].send((self.command, self.sites, self.plain))
        return list(own[1:])

    def drop(self, player: Connection) -> None:
        """Use a player no more."""
        for players in (self.busy, self.waiting):
            if player in players:
                players.remove(player)
        hang_up(player)


def hang_up(connection: Connection) -> None:
    """End a connection. Who reads from it on either side meets its end."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C. A process that is started meanwhile does the same."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
