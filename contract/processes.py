"""Further processes of the suite, which play beside this one.

They leave signals to this one, and end with it.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from contract.errors import SubjectError

LOST = "a process of the suite was lost"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Tally(ctypes.Structure):
    """Numbers of a run for another process, and whether that stops it."""

    names = ("exchanges", "breaches", "is_stopped")
    _fields_ = tuple((name, ctypes.c_long) for name in names)


tallies: Any = ()


def call_each(
    functions: Iterable[Callable[..., Any]], options: Any, is_stopped: bool
) -> list[Any]:
    """Return the results of functions of the options of a run."""
    return [function(options, is_stopped) for function in functions]


@contextmanager
def beside(functions: Sequence[Callable[..., Any]], options: Any) -> Iterator[Any]:
    """Call functions of the options of a run, each in another process.

    Yield what waits for the results, which come soon once the run was interrupted. If
    a process is lost, the functions are called here.
    """
    numbers: Any = RawArray(Tally, len(functions))
    if hasattr(progress := options.get("progress"), "beside"):
        progress.beside = numbers

    def stop() -> None:
        for tally in numbers:
            tally.is_stopped = True

    def results(is_stopped: bool) -> list[Any]:
        if is_stopped:
            stop()
        with suppress(BrokenProcessPool):
            try:
                if len(futures) == len(functions):
                    return [future.result() for future in futures]
            except KeyboardInterrupt:
                return results(True)
        return call_each(functions, options, bool(numbers[0].is_stopped))

    with pool(len(functions), numbers) as executor:
        plain, futures = {**options, "progress": None}, []
        with suppress(BrokenProcessPool):  # the first one may be lost already
            for number, function in enumerate(functions):
                futures.append(executor.submit(call_noted, number, function, plain))
        try:
            yield results
        finally:
            stop()


def is_forkable() -> bool:
    """Return whether a copy of this process works: on Linux, without threads."""
    has_threads = len([*Path("/proc/self/task").glob("*")]) != 1
    return not (has_threads or multiprocessing.current_process().daemon)


@contextmanager
def forked(function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
    """Call a function in a copy of this process, which is killed after the block.

    Yield a connection. The function gets its other end.
    """
    context = multiprocessing.get_context("fork")
    own, other = context.Pipe()
    process = context.Process(
        target=call_forked, args=(function, own, other, arguments), daemon=True
    )
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    other.close()
    try:
        yield own
    finally:
        with undisturbed():
            process.kill()
            process.join()
            own.close()


def call_forked(
    function: Callable[..., Any], own: Any, other: Any, arguments: Any
) -> None:
    own.close()
    begin(None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(Exception):  # who waits for it sees the end of the connection
        function(other, *arguments)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM in a block that takes seconds at most."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler, since processes would inherit SIG_IGN.
    previous = [signal.signal(number, lambda *_: None) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, previous, strict=True):
            signal.signal(number, handler)


@contextmanager
def pool(processes: int, numbers: Any = None) -> Iterator[ProcessPoolExecutor]:
    """Start processes, forked if that is safe."""
    kind = "fork" if is_forkable() else "spawn"
    context: Any = multiprocessing.get_context(kind)
    executor = ProcessPoolExecutor(
        processes, context, initializer=begin, initargs=(numbers,)
    )
    try:
        yield executor
    finally:
        with undisturbed():  # a shutdown that is broken off never ends
            executor.shutdown(cancel_futures=True)


def map_in_processes(
    function: Callable[[Any], Any], items: Sequence[Any], processes: int
) -> Iterator[Any]:
    """Yield a result for each item, in order. Raise SubjectError for a lost process."""
    if min(processes, len(items)) <= 1:
        yield from map(function, items)
        return
    with pool(processes) as executor:
        try:
            yield from executor.map(function, items)
        except BrokenProcessPool:
            raise SubjectError(LOST) from None


def begin(numbers: Any) -> None:
    global tallies
    tallies = numbers
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os._exit(1)


def call_noted(number: int, function: Callable[..., Any], options: Any) -> Any:
    """Call a function of options, and count in a tally."""
    return function({**options, "progress": partial(note, tallies[number])})


def note(tally: Any, ledger: Any, _: str) -> None:
    """Progress callback in the process. Raise KeyboardInterrupt when it is stopped."""
    tally.exchanges, tally.breaches = ledger.exchanges, len(ledger.breaches)
    if tally.is_stopped:
        raise KeyboardInterrupt
