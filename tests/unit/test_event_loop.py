"""Asynchronous clients of this process: one event loop in one thread."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from contract.api import client_under_test
from contract.cases.client import catalogue
from contract.errors import SubjectError
from contract.model import Call, Outcome, OutcomeKind
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects import event_loop, python_client, watchdog
from contract.subjects.event_loop import EventLoop
from contract.subjects.in_process import ClientSubject
from contract.subjects.python_client import running_client
from contract.subjects.watchdog import UserError
from tests.checkout import ROOT
from tests.unit.client_cases import client_case

REFUSED = Outcome(OutcomeKind.REFUSED)
Place = tuple[str, Any, int]

pytestmark = pytest.mark.usefixtures("_threads")


@pytest.fixture
def _threads() -> Iterator[None]:
    """Hold that no thread is left but the one that looks at calls."""
    before = {*threading.enumerate()} - {watchdog.watchman.thread}
    yield
    assert {*threading.enumerate()} - {watchdog.watchman.thread} == before


def place(name: str) -> Place:
    return name, asyncio.get_running_loop(), threading.get_ident()


class Client:
    """A client that notes its event loop and thread."""

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        places.append(place("made"))

    async def update(self, call: Call) -> Outcome:
        await asyncio.sleep(0)
        self.places.append(place("update"))
        return REFUSED

    async def aclose(self) -> None:
        self.places.append(place("closed"))


def by_coroutine(places: list[Place]) -> Callable[[], Any]:
    async def factory() -> Client:
        await asyncio.sleep(0)
        return Client(places)

    return factory


def by_awaitable(places: list[Place]) -> Callable[[], Any]:
    return lambda: by_coroutine(places)()


def by_class(places: list[Place]) -> Callable[[], Any]:
    class Own(Client):
        def __init__(self) -> None:
            super().__init__(places)

    return Own


@pytest.mark.parametrize("way", [by_coroutine, by_awaitable, by_class])
def test_one_loop_in_one_thread_runs_a_client(way: Callable[..., Any]) -> None:
    places: list[Place] = []
    with client_under_test(way(places), load()) as subject:
        subject.play(catalogue().plain, "datadoghq.eu")
    names, loops, threads = zip(*places, strict=True)
    assert names == ("made", "update", "update", "closed")
    assert len(set(loops)) == len(set(threads)) == 1
    assert loops[0].is_closed()
    assert threads[0] != threading.get_ident()


def test_a_client_is_closed_if_it_cannot_be_tested() -> None:
    class Silent(Client):
        async def update(self, call: Call) -> Any:
            return {"outcome": "failed"}

    places: list[Place] = []

    async def factory() -> Client:
        return Silent(places)

    with (
        pytest.raises(SubjectError, match="no byte reached the sites"),
        client_under_test(factory, load()),
    ):
        pass
    assert [name for name, *_ in places] == ["made", "closed"]


def test_a_session_made_outside_of_the_loop_is_explained() -> None:
    with (
        pytest.raises(SubjectError, match="accepted: an asynchronous factory"),
        running_client(lambda: Client([])),
    ):
        pass


def test_a_client_is_tested_within_a_running_loop() -> None:
    async def test() -> None:
        with client_under_test(by_coroutine([]), load()):
            pass

    asyncio.run(test())


@pytest.mark.parametrize("error", [OSError("no"), asyncio.CancelledError()])
def test_an_exception_of_aclose_is_ignored(error: BaseException) -> None:
    class Failing:
        async def update(self, call: Call) -> Outcome:
            return REFUSED

        async def aclose(self) -> None:
            raise error

    with running_client(Failing):
        pass


# -- calls that hang or fail -----------------------------------------------------------


async def sleep() -> None:
    await asyncio.sleep(3_600)


async def insist() -> None:
    for _ in range(2):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3_600)
    await asyncio.sleep(3_600)


async def hide() -> Outcome:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(3_600)
    return REFUSED


@pytest.mark.parametrize("update", [sleep, insist, hide])
def test_a_hang_is_a_cancelled_task(
    mocked_sites: MockedSites,
    monkeypatch: pytest.MonkeyPatch,
    update: Callable[[], Awaitable[Any]],
) -> None:
    monkeypatch.setattr(python_client, "GRACE_S", 0.03)
    monkeypatch.setattr(event_loop, "AGAIN_S", 0.01)
    ends: list[str] = []

    async def hanging(call: Call) -> Any:
        try:
            return await update()
        finally:
            ends.append("ended")

    with running_client(lambda: FunctionClient(hanging)) as client:
        subject = ClientSubject(client, mocked_sites)
        outcome = subject.play(client_case(timeout_s=0.02), "datadoghq.eu").outcome
    kind, message = OutcomeKind.CRASHED, "no reply within 0.05 s"
    assert (outcome.kind, outcome.type, outcome.message) == (kind, "hang", message)
    assert ends == ["ended"]


class FunctionClient:
    """A client that is one function."""

    def __init__(self, update: Callable[[Call], Any]) -> None:
        self.update = update


def test_a_factory_that_hangs_makes_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_client, "START_S", 0.05)
    with (
        pytest.raises(SubjectError, match=r"its factory did not end within 0\.05 s"),
        running_client(sleep),
    ):
        pass


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_is_that_of_the_user(error: BaseException) -> None:
    async def fail() -> None:
        raise error

    with EventLoop() as loop:
        with pytest.raises(UserError, match=type(error).__name__) as raised:
            loop.run(fail(), 60)
        assert loop.run(hello(), 60) == "hello"
    assert raised.value.__cause__ is error


async def hello() -> str:
    return "hello"


def test_a_lost_subject_ends_the_run() -> None:
    async def fail() -> None:
        raise SubjectError("lost")

    with EventLoop() as loop, pytest.raises(SubjectError, match="lost"):
        loop.run(fail(), 60)


def test_an_interrupt_cancels_the_call() -> None:
    ends: list[type[BaseException]] = []

    async def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.sleep(3_600)
        except BaseException as error:
            ends.append(type(error))
            raise

    with EventLoop() as loop, pytest.raises(KeyboardInterrupt):
        loop.run(interrupt(), 60)
    assert ends == [asyncio.CancelledError]


def test_a_task_that_exits_does_not_end_the_loop() -> None:
    async def leave() -> None:
        raise SystemExit

    async def start() -> None:
        task = asyncio.create_task(leave())
        await asyncio.sleep(0.01)
        with pytest.raises(SystemExit):
            task.result()

    with EventLoop() as loop:
        loop.run(start(), 60)
        assert loop.run(hello(), 60) == "hello"


def test_what_is_left_in_the_loop_is_ended() -> None:
    ends: list[str] = []
    tasks: list[Any] = []

    async def run(name: str) -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            ends.append(name)

    async def numbers() -> Any:
        try:
            yield 1
        finally:
            ends.append("generator")

    async def start() -> None:
        tasks.append(asyncio.create_task(run("task")))
        tasks.append(numbers())
        await anext(tasks[-1])
        await asyncio.to_thread(int)

    with EventLoop() as loop:
        loop.run(start(), 60)
        assert ends == []
    assert ends == ["task", "generator"]


HOPELESS = """
    import asyncio, sys, time
    from contract.subjects import event_loop

    async def swallow():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    async def block():
        time.sleep(3600)

    async def leave():
        task = asyncio.create_task(swallow())
        await asyncio.sleep(0)
        return task

    event_loop.GIVE_UP_S = 0.5
    with event_loop.EventLoop() as loop:
        loop.run(globals()[sys.argv[1]](), 0.2)
"""


@pytest.mark.parametrize("way", ["swallow", "block", "leave"])
def test_a_call_that_cannot_be_ended_ends_the_run(way: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(HOPELESS))
    completed = subprocess.run(  # noqa: S603
        [sys.executable, program, way], capture_output=True, cwd=ROOT, timeout=60
    )
    assert (completed.returncode, completed.stderr) == (2, watchdog.NO_END)
