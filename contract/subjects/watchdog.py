"""Calls of the user's code in this process, with a limit to their time.

The code runs in the thread of its caller, since many libraries are bound to a thread.
In the main thread a signal ends it, which interrupts sleep, locks, sockets and regular
expressions. Another thread gets an exception, which a call that blocks does not see. If
the code does not end at all, the process does, with status 2.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn, TypeVar

from contract.errors import SubjectError

START_S = 20.0
"""Seconds to import a module or to make a client, as for a driver's hello."""

AGAIN_S = 0.2
"""Seconds from one try to end a call to the next. It may clean up in between."""

GIVE_UP_S = 5.0
NO_END = (
    b"contract: the client does not end, and its thread cannot be ended: no verdict\n"
)

Result = TypeVar("Result")


class LateCall(BaseException):
    """Raised within a call that does not end. The suite catches it."""


class UserError(Exception):
    """Raised for any exception that the user's code lets through, its cause."""


class CallHangs(Exception):
    """Raised for a call of the user's code that did not end by itself."""


def call_user(function: Callable[[], Result], limit_s: float) -> Result:
    """Return the result of the user's code. Raise CallHangs, UserError.

    Ctrl-C, a lost subject and the end of a pytest run pass.
    """
    results: list[Result] = []
    error: BaseException | None = None
    with noted_interrupts() as signals, watched(limit_s) as watch:
        try:
            results.append(function())
        except BaseException as raised:
            error = raised
    if signals:
        raise KeyboardInterrupt
    if watch.is_late:
        raise CallHangs(f"no reply within {limit_s:g} s")
    if error is None:
        return results[0]
    raise raised_by_user(error)


def raised_by_user(error: BaseException) -> BaseException:
    """Return what to raise for an exception of the user's code: mostly UserError."""
    if passes(error):
        return error
    raised = UserError(f"{type(error).__name__}: {error}")
    raised.__cause__ = error
    return raised


def passes(error: BaseException) -> bool:
    """Return whether an exception ends the run, or the test as pytest-timeout does."""
    outcomes = sys.modules.get("_pytest.outcomes")
    if outcomes is None or "PYTEST_CURRENT_TEST" not in os.environ:
        return isinstance(error, SubjectError)
    return isinstance(error, (SubjectError, outcomes.Exit, outcomes.Failed))


def is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def noted_interrupts() -> Iterator[list[int]]:
    """Yield a list that gets an item for every SIGINT. The usual handler runs, too."""
    received: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or not is_main_thread():
        yield received
        return

    def note(number: int, frame: FrameType | None) -> object:
        received.append(number)
        return handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, handler)


@dataclass(eq=False)
class Watch:
    """State of a call with a limit. `is_late` means that it was ended."""

    limit_s: float
    is_late: bool = False
    is_over: bool = False
    thread: int = field(default_factory=threading.get_ident)
    has_signals: bool = field(default_factory=is_main_thread)
    begin_s: float = field(default_factory=time.monotonic)

    def interrupt(self, *_: object) -> None:
        if not self.is_over:
            self.is_late = True
            raise LateCall

    def look(self) -> None:
        """End the call after its limit, from another thread. Else end the process."""
        late_s = time.monotonic() - self.begin_s - self.limit_s
        if self.is_over or late_s < 0:
            return
        self.is_late = True
        if late_s > GIVE_UP_S:
            end_process()
        if not self.has_signals:
            set_exception(self.thread, LateCall)


class Watchman:
    """One thread that looks at all calls under way, as long as there are any."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.watches: set[Watch] = set()
        self.thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self.lock:
            self.watches.add(watch)
            if not self.thread or not self.thread.is_alive():
                self.thread = threading.Thread(target=self.look, daemon=True)
                self.thread.start()

    def look(self) -> None:
        while True:
            time.sleep(AGAIN_S)
            with self.lock:
                if not self.watches:
                    self.thread = None
                    return
                for watch in self.watches:
                    watch.look()


watchman = Watchman()


def end_process() -> NoReturn:
    """End the process, since the user's code in it does not end."""
    os.write(2, NO_END)
    os._exit(2)


def set_exception(thread: int, error: type[BaseException]) -> None:
    value = ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), value)


def take_exception() -> None:
    """Take the exception that may be set for this thread.

    One that is cleared instead leaves a flag behind, by which CPython 3.11 never gets
    through the first line of a function that is traced.
    """
    with suppress(LateCall):
        set_exception(threading.get_ident(), LateCall)
        while True:
            time.sleep(0)


@contextmanager
def watched(limit_s: float) -> Iterator[Watch]:
    """End the block after a time.

    The timer of an outer block, or of pytest-timeout, goes on after it.
    """
    watch = Watch(limit_s)
    watchman.add(watch)
    if watch.has_signals:
        handler = signal.signal(signal.SIGALRM, watch.interrupt)
        left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_S)
    try:
        try:
            yield watch
        finally:
            watch.is_over = True
    except LateCall:
        pass  # it came after the call had caught one
    finally:
        watch.is_over = True
        if watch.has_signals:
            left_s = left_s and max(
                left_s - (time.monotonic() - watch.begin_s), AGAIN_S
            )
            signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)
            signal.signal(signal.SIGALRM, handler)
        with watchman.lock:
            watchman.watches.remove(watch)
        if watch.is_late and not watch.has_signals:
            take_exception()
