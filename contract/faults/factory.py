"""Factories of mutations, written as functions.

    @replaces("apply")
    def store(name, edit, step): ...

`store("event_id", str.strip)` is a mutation. It gets `step` at each call.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

M = TypeVar("M")
Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., M]]


def factory(make: Callable[..., M]) -> Callable[[str], Decorator[M]]:
    """Return a decorator: a function returns `make(name=...)`, its arguments bound."""

    def named(name: str) -> Decorator[M]:
        def decorate(function: Callable[..., Any]) -> Callable[..., M]:
            def make_mutation(*args: Any, **options: Any) -> M:
                return make(**{name: partial(function, *args, **options)})

            return make_mutation

        return decorate

    return named
