"""Calls of the user's code that do not end."""

import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from contract.errors import SubjectError
from contract.model import OutcomeKind
from contract.servers.mock import MockedSites
from contract.subjects import python_client, watchdog
from contract.subjects.in_process import ClientSubject
from contract.subjects.python_client import PythonClient, running_client
from contract.subjects.watchdog import CallHangs, LateCall, UserError, call_user
from tests.checkout import ROOT
from tests.unit.client_cases import client_case

pytestmark = pytest.mark.usefixtures("_watched")


@pytest.fixture
def _watched() -> object:
    """Hold that no timer, handler or thread is left but the one that looks at calls."""

    def left() -> object:
        threads = {*threading.enumerate()} - {watchdog.watchman.thread}
        return signal.getsignal(signal.SIGALRM), threads

    before = left()
    yield
    assert left() == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def loop() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(3_600)


def lock() -> None:
    threading.Event().wait()


def read() -> None:
    one, two = socket.socketpair()
    with one, two:
        one.recv(1)


def match() -> None:
    re.match("(a*)*b", "a" * 100)


def insist() -> None:
    for _ in range(2):
        with suppress(BaseException):
            time.sleep(3_600)
    time.sleep(3_600)


def hide() -> str:
    try:
        time.sleep(3_600)
    except BaseException:
        return "an outcome"
    return ""


HANGS = (loop, sleep, lock, read, match, insist, hide)


@pytest.mark.parametrize("function", HANGS)
def test_a_call_that_hangs_is_ended(function: Callable[[], object]) -> None:
    with pytest.raises(CallHangs, match=r"no reply within 0\.05 s"):
        call_user(function, 0.05)
    assert call_user(lambda: 5, 60) == 5


@pytest.mark.parametrize("function", [loop])
def test_a_call_in_another_thread_is_ended(function: Callable[[], object]) -> None:
    problems: list[BaseException] = []

    def call() -> None:
        try:
            call_user(function, 0.05)
        except CallHangs as error:
            problems.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert [str(problem) for problem in problems] == ["no reply within 0.05 s"]


def test_the_timer_of_another_goes_on() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 3_600, 7)
    try:
        assert call_user(lambda: 5, 60) == 5
        left_s, interval_s = signal.getitimer(signal.ITIMER_REAL)
        assert (0 < left_s <= 3_600, interval_s) == (True, 7)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_exception_is_that_of_the_user() -> None:
    with pytest.raises(UserError, match="LateCall: own") as raised:
        call_user(lambda: (_ for _ in ()).throw(LateCall("own")), 60)
    assert isinstance(raised.value.__cause__, LateCall)


def test_a_hang_of_a_client_is_that_of_a_driver(
    mocked_sites: MockedSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Client:
        def update(self, call: object) -> None:
            time.sleep(3_600)

    monkeypatch.setattr(python_client, "GRACE_S", 0.03)
    subject = ClientSubject(PythonClient(Client()), mocked_sites)
    outcome = subject.play(client_case(timeout_s=0.02), "datadoghq.eu").outcome
    kind, message = OutcomeKind.CRASHED, "no reply within 0.05 s"
    assert (outcome.kind, outcome.type, outcome.message) == (kind, "hang", message)


def test_a_factory_that_hangs_makes_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_client, "START_S", 0.05)
    problem = r"its factory did not end within 0\.05 s"
    with pytest.raises(SubjectError, match=problem), running_client(sleep):
        pass


HOPELESS = """
    import sys, threading, time
    from contract.subjects import watchdog
    from contract.subjects.watchdog import call_user

    def swallow():
        while True:
            try:
                time.sleep(3600)
            except BaseException:
                pass

    def in_thread():
        thread = threading.Thread(target=call_user, args=(sleep, 0.05))
        thread.start()
        thread.join()

    def sleep():
        time.sleep(3600)

    watchdog.GIVE_UP_S = 0.5
    if sys.argv[1] == "swallow":
        call_user(swallow, 0.05)
    in_thread()
"""


@pytest.mark.parametrize("way", ["swallow", "thread"])
def test_a_thread_that_cannot_be_ended_ends_the_run(way: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(HOPELESS))
    completed = subprocess.run(  # noqa: S603
        [sys.executable, program, way], capture_output=True, cwd=ROOT, timeout=60
    )
    assert (completed.returncode, completed.stderr) == (2, watchdog.NO_END)


TRACED = """
import sys, threading
from contract.subjects.watchdog import watched

def late():
    with watched(0.05):
        while True:
            pass

thread = threading.Thread(target=late)
thread.start()
thread.join()
sys.settrace(lambda *event: None)
print("traced" if callable(late) and (lambda: True)() else "")
"""


def test_one_thread_looks_at_all_calls() -> None:
    def call() -> object:
        return call_user(lambda: watchdog.watchman.thread, limit_s=5)

    assert call() is call() is not None


def test_a_late_call_of_another_thread_leaves_the_interpreter_able_to_trace() -> None:
    program = [sys.executable, "-c", TRACED]
    result = subprocess.run(  # noqa: S603
        program, capture_output=True, text=True, timeout=30, check=True, cwd=ROOT
    )
    assert result.stdout == "traced\n"
