"""Factories of mutations, written as functions.

    @factory(mutation, "apply")
    def change_stored(name, edit, step): ...

`change_stored("event_id", str.strip)` is a mutation. It gets `step` at each call.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

M = TypeVar("M")


def factory(
    make: Callable[..., M], name: str
) -> Callable[[Callable[..., Any]], Callable[..., M]]:
    """Let a function return `make(name=...)`, with its first arguments bound."""

    def decorate(function: Callable[..., Any]) -> Callable[..., M]:
        def make_mutation(*args: Any, **options: Any) -> M:
            return make(**{name: partial(function, *args, **options)})

        return make_mutation

    return decorate
