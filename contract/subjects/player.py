"""The program of a process that plays cases ahead, see `workers`.

Each player is a thread with a driver and fake sites of its own. Its driver starts with
its first case.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from contract.model import ClientCase, ClientExchange
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import Driver
from contract.subjects.heartbeat import Watcher, own_watcher
from contract.subjects.in_process import ClientSubject
from contract.subjects.preflight import preflight

Reply = tuple[ClientExchange | None, float]
"""An exchange, and the seconds of time-outs that it cost. None was not played."""


@contextmanager
def driver_subject(
    command: Sequence[str], sites: Sequence[str], watcher: Watcher
) -> Iterator[ClientSubject]:
    """Start a driver with the sites that it meets."""
    with (
        FakeSites(sites) as server,
        Driver(command, server.environment()) as driver,
    ):
        about = driver.about
        yield ClientSubject(
            driver,
            server,
            about.client,
            about.version,
            watcher,
            driver.restart,
            captures=False,
        )


@dataclass
class Player:
    """One driver that plays what a connection says."""

    connection: Connection
    command: Sequence[str]
    sites: tuple[str, ...]
    plain: ClientCase
    watcher: Watcher
    driver: Driver | None = None

    def run(self) -> None:
        """Play until the connection ends. It gets the reason if that is not possible.

        The suite itself then plays the rest, so that no exception is lost.
        """
        try:
            plays = self.connection.recv()
            with driver_subject(self.command, self.sites, self.watcher) as subject:
                preflight(subject, self.plain, self.sites[0])
                while True:
                    self.driver = subject.adapter  # type: ignore[assignment]
                    replies = play_all(subject, plays)
                    self.driver = None
                    self.connection.send(replies)
                    plays = self.connection.recv()
        except Exception as error:
            with suppress(OSError):
                self.connection.send(str(error) or type(error).__name__)


def play_all(subject: ClientSubject, plays: Sequence[tuple[Any, str, bool]]) -> Any:
    """Return the replies. A case that waited for a time-out is played no more."""
    replies: list[Reply] = []
    waited: list[ClientCase] = []
    for case, site, is_alone in plays:
        if case in waited:
            replies.append((None, 0.0))
            continue
        if is_alone:
            subject.restart()
        exchange = subject.play(case, site)
        if cost_s := subject.waiting_cost_s(exchange):
            waited.append(case)
        is_same = exchange.case is case  # it need not be sent
        changes: Any = {"case": None} if is_same else {}
        replies.append((replace(exchange, **changes), cost_s))
    return replies


def main(numbers: Sequence[int]) -> None:
    """Let players play until the first of these sockets, which only ends, ends."""
    # A handler, since drivers would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    control, *connections = [Connection(number) for number in numbers]
    with suppress(EOFError, OSError), own_watcher() as watcher:
        settings = control.recv()
        players = [Player(item, *settings, watcher) for item in connections]
        threads = [Thread(target=player.run) for player in players]
        for thread in threads:
            thread.start()
        with suppress(EOFError, OSError):
            control.recv()
        for player in players:
            if player.driver is not None:
                player.driver.abort()
        for thread in threads:
            thread.join()
