"""The end of a run, whose results are there already."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from contract.processes import undisturbed

Value = TypeVar("Value")


@contextmanager
def closed(manager: AbstractContextManager[Value]) -> Iterator[Value]:
    """Enter a context manager. Nothing interrupts its end after a block that ended."""
    with ExitStack() as end, manager as value:
        yield value
        end.enter_context(undisturbed())
