"""The end of a run, whose results are there already."""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

Value = TypeVar("Value")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
def closed(manager: AbstractContextManager[Value]) -> Iterator[Value]:
    """Enter a context manager. Nothing interrupts its end after a block that ended."""
    with ExitStack() as end, manager as value:
        yield value
        end.enter_context(undisturbed())
