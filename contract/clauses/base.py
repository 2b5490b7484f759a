"""What a clause is, and what several clauses need: reading an answer, and naming a difference."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from inspect import cleandoc
from typing import NamedTuple

from contract.model import Exchange, Finding, Json, Level, Response
from contract.spec import Spec

__all__ = [
    "MISSING",
    "Clause",
    "Difference",
    "Judge",
    "Reading",
    "clause",
    "differences",
    "instant",
    "read",
    "strict_json",
]

Judge = Callable[[Exchange, Spec], list[Finding] | None]
"""Judges one exchange: None where the clause says nothing about it, else its problems; none means it holds."""


@dataclass(frozen=True)
class Clause:
    """One sentence of the contract, its source, and the function that judges an exchange by it.

    `per_site`: the site is part of the fingerprint of a breach, since the clause is about sites.
    """

    id: str
    level: Level
    statement: str
    source: str
    per_site: bool
    judge: Judge


def clause(
    source: str, *, level: Level = "must", per_site: bool = False
) -> Callable[[Judge], Clause]:
    """Make a clause of a function: its name is the id, its docstring the statement."""

    def make(judge: Judge) -> Clause:
        name = judge.__name__.upper().replace("_", "-")
        return Clause(
            name,
            level,
            " ".join(cleandoc(judge.__doc__ or "").split()),
            source,
            per_site,
            judge,
        )

    return make


class Reading(NamedTuple):
    """An answer as the contract reads it: its JSON, or why it is none."""

    value: Json
    trouble: str


def strict_json(data: bytes) -> Json:
    """Parse a JSON text as RFC 8259 has it; raises ValueError for NaN, bad UTF-8, duplicate names and the rest."""
    try:
        return json.loads(
            data.decode(), parse_constant=_refuse, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object names a member twice")
    return made


def read(answer: Response) -> Reading:
    """Read an answer's body as JSON."""
    try:
        return Reading(strict_json(answer.body), "")
    except ValueError as error:
        return Reading(None, f"not JSON: {error}")


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


class Difference(NamedTuple):
    """Where and how a value is not what it should be; `how` is from a small fixed vocabulary."""

    pointer: str
    how: str
    expected: Json
    actual: Json

    def __str__(self) -> str:
        return f"{self.pointer or '/'} {self.how}: {_short(self.expected)} became {_short(self.actual)}"


def differences(
    expected: Json, actual: Json, dates: frozenset[str] = frozenset(), pointer: str = ""
) -> Iterator[Difference]:
    """Yield how `actual` differs from `expected`; at the pointers in `dates`, the same instant is the same."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in expected.keys() | actual.keys():
            there = f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from differences(
                expected.get(name, MISSING), actual.get(name, MISSING), dates, there
            )
    elif (
        isinstance(expected, list)
        and isinstance(actual, list)
        and len(expected) == len(actual)
    ):
        for index, (ours, theirs) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(ours, theirs, dates, f"{pointer}/{index}")
    elif (
        type(expected) is not type(actual) or expected != actual
    ) and not _same_number(expected, actual):
        how = _how(expected, actual, is_date=pointer in dates)
        if how:
            yield Difference(pointer, how, expected, actual)


def _same_number(expected: Json, actual: Json) -> bool:
    """Tell whether 1.5e300 was written digit by digit, or 5 as 5.0: JSON has one kind of number."""
    if type(expected) is float and type(actual) is int:
        return actual.bit_length() < 1024 and expected == float(actual)
    return type(expected) is int and type(actual) is float and expected == actual


def _how(expected: Json, actual: Json, *, is_date: bool) -> str:
    if actual is MISSING:
        return "lost"
    if expected is MISSING:
        return "added"
    if actual is None:
        return "nulled"
    if is_date and isinstance(expected, str) and isinstance(actual, str):
        return _moved(expected, actual)
    if type(expected) is not type(actual):
        return "another type"
    if isinstance(expected, list):
        return "another length"
    if isinstance(expected, bool):
        return "inverted"
    if isinstance(expected, int):
        return (
            "rounded"
            if expected and abs(actual - expected) * 2**20 < abs(expected)
            else "another number"
        )
    if isinstance(expected, str):
        return _altered(expected, actual)
    return "altered"


def _altered(expected: str, actual: str) -> str:
    if actual == expected.strip() or actual in (expected.lstrip(), expected.rstrip()):
        return "trimmed"
    if actual.casefold() == expected.casefold():
        return "case changed"
    if unicodedata.normalize("NFKC", actual) == unicodedata.normalize("NFKC", expected):
        return "normalised"
    if expected.startswith(actual):
        return "cut short"
    if "\ufffd" in actual and "\ufffd" not in expected:
        return "characters replaced"
    return "altered"


_DATE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII
)


def instant(text: str) -> Fraction | None:
    """Return a date-time as seconds, exact to every digit; None where it is none."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        local = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    zone = match[3].replace("Z", "+00:00")
    offset = (int(zone[1:3]) * 60 + int(zone[4:])) * (-60 if zone[0] == "-" else 60)
    fraction = Fraction(int(match[2] or 0), 10 ** len(match[2] or ""))
    return (
        local.toordinal() * 86_400
        + local.hour * 3600
        + local.minute * 60
        + local.second
        - offset
        + fraction
    )


def _moved(expected: str, actual: str) -> str:
    ours, theirs = instant(expected), instant(actual)
    if theirs is None:
        return "no longer a date"
    if ours == theirs:
        return ""
    return (
        "digits lost"
        if ours is not None and abs(ours - theirs) < 1
        else "another instant"
    )


def _short(value: Json) -> str:
    text = (
        repr(value)
        if value is MISSING
        else json.dumps(value, ensure_ascii=False, default=repr)
    )
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
