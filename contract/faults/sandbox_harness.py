"""The sandbox with a fault: some of its methods are replaced."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from contract.faults.edits import factory
from contract.model import Json
from contract.sandbox import Sandbox


@dataclass
class Step:
    """One call of a replaced method."""

    sandbox: "MutableSandbox"
    original: Callable[..., Any]
    args: tuple[Any, ...]

    @property
    def memory(self) -> dict[Any, Any]:
        return self.sandbox.memory

    def proceed(self, *args: Any) -> Any:
        """Call the original method, with the same arguments or with others."""
        return self.original(*(args or self.args))


SandboxMutation: TypeAlias = dict[str, Callable[[Step], Any]]
"""Replacements for methods of the sandbox by name."""

RATE_LIMIT = (100, 60.0)
"""The rate limit of a sandbox whose `count` is replaced."""


replaces = partial(factory, SandboxMutation)
"""Decorator: let a function make mutations of a method."""


class MutableSandbox(Sandbox):
    """The sandbox with a mutation. A reply may hold bytes that are no JSON."""

    def __init__(self, mutation: SandboxMutation, **settings: Any) -> None:
        rate_limit = RATE_LIMIT if "count" in mutation else None
        super().__init__(**{"rate_limit": rate_limit} | settings)
        self.memory: dict[Any, Any] = {}
        for name, mutator in mutation.items():
            setattr(self, name, partial(self._play, mutator, getattr(self, name)))

    def encode(self, value: Json) -> bytes:
        return value if isinstance(value, bytes) else super().encode(value)

    def _play(self, mutator: Callable[[Step], Any], original: Any, *args: Any) -> Any:
        return mutator(Step(self, original, args))
