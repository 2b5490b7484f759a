"""A time-out for a whole call: that of a socket starts again with every byte."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["within"]

_T = TypeVar("_T")

_idle: list[
    SimpleQueue[Any]
] = []  # what threads without work wait for; to start one for each call would be slow
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # no thread survives a fork


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Do the work in another thread, wait no longer than this; raises TimeoutError, and what the work raises."""
    try:
        todo = _idle.pop()
    except IndexError:
        todo = SimpleQueue()
        threading.Thread(
            target=_serve, args=(todo,), name="snapshot-client", daemon=True
        ).start()
    done: Future[_T] = Future()
    todo.put((work, done))
    return done.result(seconds)


def _serve(todo: SimpleQueue[Any]) -> None:
    while True:
        work, done = todo.get()
        try:
            settle, result = done.set_result, work()
        except BaseException as error:
            settle, result = done.set_exception, error
        _idle.append(todo)
        settle(result)
        del work, done, settle, result  # while idle, hold nothing
