"""`max_rate`: requests begin that far apart, and a slow pace accuses nobody."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from contract.cli import main
from contract.errors import UsageError
from contract.model import Headers, Listing, Response
from contract.sandbox import ORGS, Sandbox, serving
from contract.subjects.http import HttpConnection
from contract.subjects.service import service_under_test
from contract.subjects.settling import Doubt, SettlingReader
from contract.subjects.transfer import interval_of
from tests.tls_sandbox import FakeClock
from tests.unit.live_runs import LiveRuns

OWN = ORGS[0].keys


@pytest.fixture
def begins(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeClock], list[float]]:
    """Return a function of a clock that notes when each request begins."""

    def note(clock: FakeClock) -> list[float]:
        times: list[float] = []
        send = HttpConnection.send

        def sent(
            self: Any, method: str, target: str, headers: Headers, body: bytes
        ) -> Response:
            times.append(clock.now())
            return send(self, method, target, headers, body)

        monkeypatch.setattr(HttpConnection, "send", sent)
        return times

    return note


def shortest(times: list[float]) -> float:
    return min(b - a for a, b in pairwise(times))


def test_requests_to_a_loopback_service_are_paced(
    begins: Callable[[FakeClock], list[float]],
) -> None:
    clock = FakeClock()
    times = begins(clock)
    with serving(Sandbox()) as url:
        service = service_under_test(url, keys=OWN, clock=clock.clock(), max_rate=4)
        with service:
            pass
    assert len(times) > 5
    assert shortest(times) >= 0.25


def test_requests_of_a_live_run_and_its_clean_up_are_paced(
    live: LiveRuns, begins: Callable[[FakeClock], list[float]]
) -> None:
    stage = live.on()
    times = begins(live.clock)
    verdict = live.check(stage, scenarios=["keys"], max_rate=2)
    assert (verdict.verdict, verdict.leftovers) == ("holds", ())
    assert len(times) > 20
    assert shortest(times) >= 0.5
    del times[:]
    assert live.check(stage, scenarios=["keys"]).verdict == "holds"
    assert shortest(times) < 0.1


@pytest.mark.parametrize("rate", [0, 0.09, -1, float("nan")])
def test_a_senseless_rate_is_a_usage_error(rate: float) -> None:
    with pytest.raises(UsageError, match="--max-rate: must be "):
        interval_of(rate)


def test_the_command_line_refuses_a_senseless_rate(
    elsewhere: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "--max-rate", "0", "--scenario", "keys"]) == 2
    assert "--max-rate: must be 0.1 requests a second at least, is 0" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("read_s", [0.0, 5.0, 10.0, 30.0])
def test_a_list_that_is_read_slowly_settles_all_the_same(read_s: float) -> None:
    clock = FakeClock()
    reader = SettlingReader(3.0, clock.clock())
    reads = iter([{"a"}, set[str](), *[set[str]()] * 9])

    def read() -> Listing:
        clock.sleep(read_s)
        return next(reads)  # type: ignore[return-value]

    def doubts_of(listing: Any) -> list[Doubt]:
        return [Doubt("S-STORED", name, is_breach=True) for name in listing]

    reading = reader.settle(read, doubts_of)
    assert not reading.is_wrong
    assert reading.lag_s > 0
