"""Values that a driver's lines may lose."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract.jsondiff import walk
from contract.model import Json


@dataclass(frozen=True)
class Probe:
    """A value to echo, and a test for values of a type that may be lost likewise."""

    name: str
    value: Json
    type: type
    test: Callable[[Any], object]

    def is_in(self, value: Json) -> bool:
        """Return whether a JSON value, or any part of it, may be lost."""
        return any(
            isinstance(item, self.type) and self.test(item)
            for _, part in walk(value)
            for item in (part, *(part if isinstance(part, dict) else ()))
        )


NAMES = ("", "__proto__", "constructor", "_id", "a b", "10", "9")
"""Names that may collide with those of a language."""

CONTROLS = "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff"


def is_deep(value: Json) -> bool:
    return len(re.findall(r"[\[{]", json.dumps(value))) > 50


def has_odd_name(members: dict[str, Json]) -> bool:
    return not all(name.isidentifier() and not name.startswith("_") for name in members)


PROBES = (
    Probe("greatest int64", 2**63 - 1, int, lambda number: number > 2**53),
    Probe("least int64", -(2**63), int, lambda number: number < -(2**53)),
    Probe("beyond 2^53", 2**53 + 1, int, lambda number: abs(number) > 2**53),
    Probe("beyond int64", 2**64, int, lambda n: not -(2**63) <= n < 2**63),
    Probe("small float", 1e-7, float, lambda number: 0 < abs(number) < 1e-6),
    Probe("great float", 1.7976931348623157e308, float, lambda n: abs(n) > 1e21),
    Probe(
        "astral text", "\U0001f600\U0010fffd", str, re.compile("[^\0-\uffff]").search
    ),
    Probe(
        "lone surrogates", "\ud83d \ude00", str, re.compile("[\ud800-\udfff]").search
    ),
    Probe("control characters", CONTROLS, str, re.compile(f"[{CONTROLS}]").search),
    Probe("odd names", {name: {"a": None} for name in NAMES}, dict, has_odd_name),
    Probe(
        "empty values",
        [{}, [], "", None, False, 0],
        object,
        lambda value: value in ({}, [], "", None),
    ),
    Probe("deep nesting", json.loads("[" * 100 + "]" * 100), list, is_deep),
    Probe(
        "long text", "0123456789abcdef" * 2**16, str, lambda text: len(text) > 10_000
    ),
)
"""Every probe. A value that the echo of one loses is not played."""
