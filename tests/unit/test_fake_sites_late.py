"""The fake sites: requests that come after their call has ended, and latency."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from contract.client import SITES
from contract.model import Delivery
from contract.servers import Clock
from contract.servers.fake_sites import FakeSites
from tests.unit.client_cases import client_case as case
from tests.unit.wire_support import OK, REQUEST, SITE, all_from, tls

STALLED = replace(OK, delivery=Delivery.STALL)
HALF = replace(OK, delivery=Delivery.STALL_BODY)


class Waiting:
    """A clock on which a client acts while the sites wait. `waits` are in seconds."""

    def __init__(self, act: Callable[[FakeSites], object]) -> None:
        self.act = act
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Note the wait and let the client act."""
        self.waits.append(round(seconds, 3))
        self.act(self.sites)

    @contextmanager
    def serving(self) -> Iterator[FakeSites]:
        """Serve the sites on this clock."""
        with FakeSites(SITES, Clock(sleep=self.sleep)) as self.sites:
            yield self.sites


def send(sites: FakeSites) -> bytes:
    """Send a request on a new connection. Return what comes back."""
    with tls(sites) as connection:
        connection.sendall(REQUEST)
        return connection.recv(1000)


def nothing(sites: FakeSites) -> None:
    """Send nothing."""


def test_a_request_of_a_call_that_had_sent_none_is_only_counted() -> None:
    waiting = Waiting(send)
    with waiting.serving() as sites:
        sites.script(case(OK), SITE)
        assert sites.end_call(is_due=True) == 1
        assert sites.recorded() == ((), ())
        sites.script(case(OK), SITE)
        assert sites.recorded() == ((), ())
        assert b"200 OK" in send(sites)
        assert len(sites.recorded()[0]) == 1


def test_a_late_request_is_not_answered() -> None:
    answers: list[bytes] = []
    waiting = Waiting(lambda sites: answers.append(send(sites)))
    with waiting.serving() as sites:
        sites.script(case(OK), SITE)
        sites.end_call(is_due=True)
    assert answers == [b""]


def test_a_request_after_an_unanswered_one_is_only_counted() -> None:
    with Waiting(send).serving() as sites:
        sites.script(case(STALLED, OK), SITE)
        connection = tls(sites)
        connection.sendall(REQUEST)
        assert sites.recorded()[1] == (STALLED,)
        assert sites.end_call(is_due=True) == 1
        assert all_from(connection) == b"", "the sites closed it"
        assert sites.recorded()[1] == (STALLED,)


def test_a_request_after_an_answered_one_is_a_repetition() -> None:
    with Waiting(send).serving() as sites:
        sites.script(case(HALF, OK), SITE)
        connection = tls(sites)
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)
        assert sites.end_call(is_due=True) == 0
        requests, responses = sites.recorded()
        assert [request.method for request in requests] == ["PATCH", "PATCH"]
        assert responses == (HALF, None)
        connection.close()


@pytest.mark.parametrize(
    ("is_sent", "is_due"),
    [(True, True), (False, False)],
    ids=["answered whole", "nothing was due"],
)
def test_the_sites_do_not_wait_where_nothing_is_under_way(
    is_sent: bool, is_due: bool
) -> None:
    waiting = Waiting(send)
    with waiting.serving() as sites:
        sites.script(case(OK, OK), SITE)
        connection = tls(sites)
        if is_sent:
            connection.sendall(REQUEST)
            connection.recv(1000)
        assert sites.end_call(is_due=is_due) == 0
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000), "nothing was closed"
        connection.close()
    assert waiting.waits == []


@pytest.mark.parametrize(("latency_s", "wait_s"), [(0.0, 0.2), (0.05, 0.2), (1.0, 3.0)])
def test_the_sites_wait_three_latencies(latency_s: float, wait_s: float) -> None:
    waiting = Waiting(nothing)
    with waiting.serving() as sites:
        sites.shared.latency_s = latency_s
        sites.script(case(OK), SITE)
        sites.end_call(is_due=True)
    assert waiting.waits == [wait_s]


def test_the_latency_is_that_of_the_shortest_round_trip(fake_sites: FakeSites) -> None:
    assert fake_sites.latency_s == 0.0
    fake_sites.script(case(OK, OK), SITE)
    send(fake_sites)
    first_s = fake_sites.latency_s
    assert first_s > 0
    send(fake_sites)
    assert 0 < fake_sites.latency_s <= first_s


def test_a_response_is_timed_before_its_last_byte_is_sent() -> None:
    received = threading.Event()

    def now() -> float:
        return 100.0 if received.wait(0.05) else 1.0

    with FakeSites(SITES, Clock(now=now)) as sites:
        sites.script(case(OK), SITE)
        with tls(sites) as connection:
            connection.sendall(REQUEST)
            connection.recv(1000)
            received.set()
            requests, _ = sites.recorded()
    assert requests[0].answered_at_s == 1.0
