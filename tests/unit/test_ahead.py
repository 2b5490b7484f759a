"""Plays ahead of time: the same verdict for any number of drivers, and none is left."""

import json
import logging
import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from contract.api import client_under_test
from contract.cases.scenario import Scenario
from contract.clauses import CLIENT_CLAUSES
from contract.engine import ahead
from contract.engine.ahead import Ahead
from contract.engine.conclusion import conclude
from contract.engine.drawing import draw_cases
from contract.engine.ledger import INTERRUPTED, Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, Schedule, make_schedule
from contract.model import (
    ClientCase,
    ClientExchange,
    Delivery,
    Outcome,
    Response,
    SubjectKind,
)
from contract.report.json_document import render_json
from contract.report.view import make_view
from contract.subjects.in_process import Output, ThreadText
from contract.subjects.workers import packed
from tests.unit.client_cases import UPDATE
from tests.unit.driver_support import eventually, processes
from tests.unit.engine_support import (
    LATE,
    SITES,
    SPEC,
    StubSubject,
    clause,
    client_case,
    exchange_of,
    scenario,
)

PROGRAM = Path(__file__).with_name("quick_driver.py")
COMMAND = [sys.executable, str(PROGRAM), f"marker-{uuid.uuid4()}"]
THREE = SPEC.sites[:3]
TIMED = clause(
    "C-SLOW",
    lambda context: (
        [LATE.at("x", context.case.title, is_timed=True)]
        if "late" in context.case.title
        else []
    ),
)


def case_that(name: str, **todo: Any) -> ClientCase:
    responses = (Response(429), Response(200, body=b"{}"))
    body = {**UPDATE, "do": todo, "name": name}
    return client_case(f"/{name}", "x", body=body, responses=responses)


def plan_of(subject: Any) -> Schedule:
    """Return a schedule of cases of which some wait, are late or are changed."""
    swift = [case_that(f"swift {n}", drop=n % 7 == 3) for n in range(20)]
    slow = [case_that(f"slow {n}", sleep=0.05 * (1 + n % 2)) for n in range(3)]
    slow += [case_that("late")]
    slow = [ClientCase(**{**vars(case), "retry": True}) for case in slow]
    scenarios = [
        scenario("one", *swift[:10]),
        scenario("waits", *slow, waits=True),
        scenario("two", *swift[10:]),
    ]
    return make_schedule(scenarios, PROFILES["ci"], THREE, subject, SPEC.sites)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start further drivers for a few cases."""
    for name, value in (("LEAST_PLAYS", 9), ("LEAST_WAITS", 2), ("CHUNK", 5)):
        monkeypatch.setattr(ahead, name, value)


@pytest.fixture
def command() -> Iterator[list[str]]:
    """Return the command of a driver, of which nothing is left."""
    yield COMMAND
    assert eventually(lambda: not processes(COMMAND))


@pytest.fixture(scope="module")
def whole() -> Any:
    """Return the verdict of one driver alone."""
    return run(COMMAND, 1, 0)


def run(command: list[str], jobs: int, waiting: int, **options: Any) -> Any:
    """Play the plan. Return the JSON verdict without times."""
    with client_under_test(command, SPEC, THREE) as subject:
        player = Ahead(subject, 60)
        plan = plan_of(player)
        clauses = (*CLIENT_CLAUSES, TIMED)
        runner = Runner(player, plan, clauses, SPEC, **options)
        with player.playing(plan, jobs, waiting):
            runner.play_all()
        document = json.loads(render_json(make_view(conclude(runner), SPEC)))
    return without_times(document)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = {"seconds", "started", "logged", "message"}
        return {k: without_times(v) for k, v in value.items() if k not in left_out}
    return [without_times(item) for item in value] if isinstance(value, list) else value


# -- with drivers --


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("jobs", "waiting"), [(1, 8), (2, 0), (4, 8)])
def test_the_verdict_is_the_same_for_any_number_of_drivers(
    command: list[str], whole: Any, jobs: int, waiting: int
) -> None:
    assert whole["exchanges"] == 72
    causes = [breach["id"].partition("/")[0] for breach in whole["breaches"]]
    assert {"C-SLOW", "C-BODY"} <= {*causes}
    assert run(command, jobs, waiting) == whole


@pytest.mark.usefixtures("eager")
def test_what_a_lost_process_does_not_play_is_played_by_the_suite(
    command: list[str], whole: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pids: list[int] = []

    def kill(ledger: Ledger, scenario: str) -> None:
        for pid in (
            children("contract.subjects.workers") if ledger.exchanges == 9 else ()
        ):
            pids.append(pid)
            os.kill(pid, signal.SIGKILL)

    assert run(command, 2, 2, progress=kill) == whole
    assert pids
    assert "a further driver plays no more" in caplog.text


@pytest.mark.usefixtures("eager")
def test_a_driver_that_cannot_be_started_twice_plays_everything_itself(
    command: list[str], whole: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = [*command, str(tmp_path / "lock")]
    document = run(once, 2, 0, max_wait_s=0.0)
    assert document["exchanges"] == whole["exchanges"]
    assert "no driver" in caplog.text


@pytest.mark.usefixtures("eager")
def test_ctrl_c_ends_every_process_and_keeps_the_results(command: list[str]) -> None:
    def interrupt(ledger: Ledger, scenario: str) -> None:
        if ledger.exchanges == 30:
            raise KeyboardInterrupt

    document = run(command, 3, 3, progress=interrupt)
    assert (document["interrupted"], document["exchanges"]) == (INTERRUPTED, 30)
    assert not children("contract.subjects.workers")


def children(word: str) -> list[int]:
    """Return the processes below this one with a word on their command lines."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
    return [pid for pid, line in lines.items() if word.encode() in line]


# -- with the minimal client --


@pytest.mark.usefixtures("eager")
def test_what_takes_the_minimal_client_time_is_played_ahead() -> None:
    played: list[str] = []
    with client_under_test(None, SPEC, THREE) as subject:
        update = subject.adapter.update

        def noted(case: ClientCase, site: str) -> Outcome:
            played.append(case.title)
            return update(case, site)

        vars(subject.adapter)["update"] = noted
        player = Ahead(subject, 60)
        plan = make_schedule(
            [slow_scenario()], PROFILES["ci"], THREE, player, SPEC.sites
        )
        runner = Runner(player, plan, CLIENT_CLAUSES, SPEC)
        with player.playing(plan, 1, 1):
            assert eventually(lambda: not player._left[True])
            assert runner.play_all().exchanges == 6
    assert played == ["swift empty"] * 3


@pytest.mark.usefixtures("eager")
def test_cases_are_drawn_ahead_as_they_are_drawn_here() -> None:
    drawing = ["snapshot-ids", "no scenario"], SubjectKind.CLIENT, (), 7, 5
    with client_under_test(None, SPEC, THREE) as subject:
        player = Ahead(subject, 60)
        plan = make_schedule(
            [slow_scenario()], PROFILES["ci"], THREE, player, SPEC.sites
        )
        with player.playing(plan, 1, 1, drawing):
            cases = {name: player.drawn(name) for name in (*drawing[0], "another")}
    expected = draw_cases("snapshot-ids", *drawing[1:])
    assert cases["snapshot-ids"] == expected != []
    assert cases["no scenario"] == cases["another"] == []


def slow_scenario() -> Scenario:
    """Return a scenario that takes the minimal client time."""
    stalled = Response(200, body=b"{}", delivery=Delivery.STALL)
    return scenario(
        "one",
        client_case("/one", body=UPDATE, responses=(stalled,), timeout_s=0.3),
        client_case("/swift", body=UPDATE, responses=(Response(200, body=b"{}"),)),
    )


def test_each_player_of_a_process_gets_its_own_output() -> None:
    output = Output(ThreadText)
    texts: dict[int, list[str]] = {}
    barrier = Barrier(2)

    def write(number: int) -> None:
        barrier.wait()
        sys.stdout.write(f"printed {number}")
        logging.getLogger("urllib3").debug("logged %s", number)
        barrier.wait()
        texts[number] = output.take()

    threads = [Thread(target=write, args=(number,)) for number in range(2)]
    with output:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == {
        n: [f"printed {n}", f"DEBUG:urllib3:logged {n}\n"] for n in range(2)
    }


# -- with players of the test --


class Players:
    """Workers whose players are threads of this process."""

    def __init__(self, subject: StubSubject) -> None:
        self.busy: list[Connection] = []
        self.waiting: list[Connection] = []
        self.played: list[tuple[str, str]] = []
        self._subject = subject

    def start(self, busy: int, waiting: int) -> None:
        """Start players."""
        for players, number in ((self.busy, busy), (self.waiting, waiting)):
            for _ in range(number):
                own, other = Pipe()
                players.append(own)
                Thread(target=self._serve, args=(other,), daemon=True).start()

    def drop(self, player: Connection) -> None:
        """Close the connection."""
        player.close()

    def _serve(self, connection: Connection) -> None:
        while True:
            for case, site in connection.recv()[1]:
                self.played.append((case.title, site))
                exchange: Any = self._subject.answer(case, site)
                cost_s = self._subject.waiting_cost_s(exchange)
                connection.send((packed(exchange, case), cost_s))


@contextmanager
def playing(
    *cases: ClientCase,
    outcome: Outcome | None = None,
    cost_s: float = 0.0,
    max_wait_s: float = 60.0,
    clauses: Sequence[Any] = (),
) -> Iterator[tuple[Runner, Players]]:
    """Yield a runner, with one busy player and one for cases that wait."""

    def answer(case: ClientCase, site: str) -> ClientExchange:
        return exchange_of(case, site, outcome or Outcome("failed", seconds=cost_s))

    subject: Any = StubSubject(answer, cost=lambda exchange: cost_s)
    subject.is_real_time, subject.secrets = True, {}
    subject.restart = lambda: None
    subject.workers = players = Players(subject)
    player = Ahead(subject, max_wait_s)
    waits = any(case.retry for case in cases)
    plan = make_schedule(
        [scenario("one", *cases, waits=waits)], PROFILES["ci"], SITES, player, SITES
    )
    runner = Runner(player, plan, clauses, SPEC, max_wait_s=max_wait_s)
    with player.playing(plan, 2, 1):
        yield runner, players


@pytest.mark.usefixtures("eager")
def test_cases_that_wait_are_played_on_every_site() -> None:
    cases = [client_case(f"/{n}", "x", retry=True) for n in range(3)]
    with playing(*cases) as (runner, players):
        assert runner.play_all().exchanges == 9
    assert {site for _, site in players.played} <= {*SITES}


@pytest.mark.usefixtures("eager")
def test_a_case_that_costs_time_outs_is_played_ahead_on_one_more_site_only() -> None:
    cases = [client_case(f"/{n}", "x", retry=True) for n in range(3)]
    with playing(*cases, cost_s=1.0) as (runner, players):
        assert runner.play_all().exchanges == 6
    assert max(Counter(title for title, _ in players.played).values()) <= 2


@pytest.mark.usefixtures("eager")
def test_nothing_is_played_ahead_beyond_the_longest_wait_of_a_scenario() -> None:
    cases = [client_case(f"/{n}", "x", retry=True) for n in range(9)]
    with playing(*cases, cost_s=1.0, max_wait_s=2.0) as (runner, players):
        ledger = runner.play_all()
    assert ledger.exchanges == 2
    assert ledger.cut_off == {"one": 8}
    assert len(players.played) <= 3


@pytest.mark.usefixtures("eager")
def test_a_driver_plays_no_more_ahead_when_much_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ahead, "MOST_BYTES", 1)
    cases = [client_case(f"/{n}", "x") for n in range(9)]
    with playing(*cases) as (runner, players):
        assert eventually(lambda: len(players.played) == ahead.CHUNK)
        assert runner.play_all().exchanges == 27


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(Outcome("crashed", type="hang"), 2), (Outcome("failed", seconds=2.0), 0)],
)
def test_only_hangs_are_confirmed_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, expected: int
) -> None:
    seen: list[Any] = []
    fresh = Ahead.play_fresh

    def play_fresh(self: Ahead, plays: Any) -> None:
        seen.extend(plays)
        fresh(self, seen)

    monkeypatch.setattr(Ahead, "play_fresh", play_fresh)
    cases = [client_case(f"/{n}", "late") for n in range(3)]
    with playing(*cases, outcome=outcome, clauses=[TIMED]) as (runner, _):
        ledger = runner.play_all()
    assert len(seen) == expected
    assert ledger.breaches.keys() == {"C-SLOW/late@x"}
