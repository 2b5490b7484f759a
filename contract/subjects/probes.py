"""Values that a driver's lines may lose."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from contract.model import Json


@dataclass(frozen=True)
class Probe:
    """A value to echo, and a test for values that may be lost likewise."""

    name: str
    value: Json
    matches: Callable[[Json], bool]

    def is_in(self, value: Json) -> bool:
        """Return whether a JSON value, or any part of it, may be lost."""
        parts: list[Json] = []
        if isinstance(value, dict):
            parts = [*value, *value.values()]
        elif isinstance(value, list):
            parts = value
        return self.matches(value) or any(self.is_in(part) for part in parts)


ODD_NAMES = ("", "__proto__", "constructor", "_id", "a b", "10", "9")
LINE_ENDS = "\x7f\x85\u2028\u2029\ufeff"
CONTROLS = "".join(map(chr, range(32))) + LINE_ENDS


def integer(test: Callable[[int], bool]) -> Callable[[Json], bool]:
    return lambda value: type(value) is int and test(value)


def fraction(test: Callable[[float], bool]) -> Callable[[Json], bool]:
    return lambda value: type(value) is float and test(abs(value))


def text(test: Callable[[str], bool]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, str) and any(map(test, value))


def is_odd(value: Json) -> bool:
    """Return whether an object has a name that may collide with one of a language."""
    return isinstance(value, dict) and not all(
        name.isidentifier() and not name.startswith("_") for name in value
    )


def is_deep(value: Json) -> bool:
    if not isinstance(value, dict | list):
        return False
    written = json.dumps(value)
    return written.count("[") + written.count("{") > 50


def is_empty(value: Json) -> bool:
    return value in ({}, [], "", None)


def is_long(value: Json) -> bool:
    return isinstance(value, str) and len(value) > 10_000


PROBES = (
    Probe("greatest int64", 2**63 - 1, integer(lambda n: n > 2**53)),
    Probe("least int64", -(2**63), integer(lambda n: n < -(2**53))),
    Probe("beyond 2^53", 2**53 + 1, integer(lambda n: abs(n) > 2**53)),
    Probe("beyond int64", 2**64, integer(lambda n: not -(2**63) <= n < 2**63)),
    Probe("small float", 1e-7, fraction(lambda n: 0 < n < 1e-6)),
    Probe("great float", 1.7976931348623157e308, fraction(lambda n: n > 1e21)),
    Probe("astral text", "\U0001f600\U0010fffd", text(lambda char: char > "\uffff")),
    Probe(
        "lone surrogates", "\ud83d \ude00", text(lambda c: "\ud800" <= c <= "\udfff")
    ),
    Probe("control characters", CONTROLS, text(lambda char: char in CONTROLS)),
    Probe("odd names", {name: {"a": None} for name in ODD_NAMES}, is_odd),
    Probe("empty values", [{}, [], "", None, False, 0], is_empty),
    Probe("deep nesting", json.loads("[" * 100 + "]" * 100), is_deep),
    Probe("long text", "0123456789abcdef" * 2**16, is_long),
)
"""Every probe. A value that the echo of one loses is not played."""
