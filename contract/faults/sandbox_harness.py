"""The sandbox with a fault: some of its methods are replaced."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from contract.faults.factory import factory
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


StepMutator: TypeAlias = Callable[[Step], Any]


@dataclass(frozen=True)
class SandboxMutation:
    """Replacements for methods of the sandbox by name, and its rate limit."""

    steps: Mapping[str, StepMutator]
    rate_limit: tuple[int, float] | None = None
    scenarios: tuple[str, ...] = ()


def mutation(**steps: StepMutator) -> SandboxMutation:
    """Return a mutation of some methods."""
    return SandboxMutation(steps)


replaces = factory(mutation)
"""Decorator: let a function make mutations of a method."""


class MutableSandbox(Sandbox):
    """The sandbox with a mutation. A reply may hold bytes that are no JSON."""

    def __init__(self, mutation: SandboxMutation, **settings: Any) -> None:
        super().__init__(**{"rate_limit": mutation.rate_limit} | settings)
        self.memory: dict[Any, Any] = {}
        for name, mutator in mutation.steps.items():
            replacement = partial(self._play, mutator, getattr(self, name))
            setattr(self, name, replacement)

    def encode(self, value: Json) -> bytes:
        return value if isinstance(value, bytes) else super().encode(value)

    def _play(self, mutator: StepMutator, original: Any, *args: Any) -> Any:
        return mutator(Step(self, original, args))
