"""Differences between two JSON values, in a small fixed vocabulary."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from fractions import Fraction

from contract.model import ROOT, Json


class Missing(Enum):
    """Stands for a member that is not there."""

    MISSING = "nothing"

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing.MISSING


class Change(StrEnum):
    """Way in which a value differs. It never depends on a generated value."""

    MEMBER_LOST = "member-lost"
    MEMBER_ADDED = "member-added"
    NULLED = "nulled"
    TYPE_CHANGED = "type-changed"
    LENGTH_CHANGED = "length-changed"
    NUMBER_ALTERED = "number-altered"
    TEXT_ALTERED = "text-altered"
    BOOLEAN_ALTERED = "boolean-altered"
    INSTANT_ALTERED = "instant-altered"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a value is not the expected one."""

    pointer: str
    change: Change
    expected: Json
    actual: Json

    def __str__(self) -> str:
        pointer = self.pointer or ROOT
        before, after = (shorten(as_text(v)) for v in (self.expected, self.actual))
        return f"{pointer}: {before} became {after}"


SCALARS = (str, int, bool, float)


def differences(
    expected: Json, actual: Json, dates: frozenset[str] = frozenset(), pointer: str = ""
) -> Iterator[Difference]:
    """Yield each difference.

    At the pointers in `dates`, two texts of the same instant are equal.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted(expected.keys() | actual.keys(), key=str):
            before, after = expected.get(name, MISSING), actual.get(name, MISSING)
            is_scalar = type(before) is type(after) and type(before) in SCALARS
            if before is after or (is_scalar and before == after):
                continue
            yield from differences(before, after, dates, f"{pointer}/{escape(name)}")
        return
    are_lists = isinstance(expected, list) and isinstance(actual, list)
    if are_lists and len(expected) == len(actual):
        for index, before in enumerate(expected):
            yield from differences(before, actual[index], dates, f"{pointer}/{index}")
    elif not same_scalar(expected, actual, is_date=pointer in dates):
        change = classify(expected, actual, is_date=pointer in dates)
        yield Difference(pointer, change, expected, actual)


def same_json(expected: Json, actual: Json) -> bool:
    """Return whether two values are the same JSON. 1 is 1.0 and is not true."""
    return next(differences(expected, actual), None) is None


def same_scalar(expected: Json, actual: Json, *, is_date: bool) -> bool:
    """Return whether two values mean the same.

    5 is 5.0, since JSON has one kind of number, and NaN is NaN. A date-time is the
    same instant in another notation.
    """
    if type(expected) is type(actual) and expected == actual:
        return True
    if type(expected) is float and type(actual) is float:
        return expected != expected and actual != actual
    if type(expected) is float and type(actual) is int:
        return actual.bit_length() < 1024 and expected == float(actual)
    if type(expected) is int and type(actual) is float:
        return expected == actual
    if is_date and isinstance(expected, str) and isinstance(actual, str):
        instant = exact_timestamp(expected)
        return instant is not None and instant == exact_timestamp(actual)
    return False


CHANGE_OF_TYPE = {
    list: Change.LENGTH_CHANGED,
    bool: Change.BOOLEAN_ALTERED,
    str: Change.TEXT_ALTERED,
}


def classify(expected: Json, actual: Json, *, is_date: bool) -> Change:
    if actual is MISSING:
        return Change.MEMBER_LOST
    if expected is MISSING:
        return Change.MEMBER_ADDED
    if actual is None:
        return Change.NULLED
    types = {type(expected), type(actual)}
    if len(types) > 1 and types != {int, float}:
        return Change.TYPE_CHANGED
    if is_date:
        return Change.INSTANT_ALTERED
    return CHANGE_OF_TYPE.get(type(expected), Change.NUMBER_ALTERED)


TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def exact_timestamp(text: str) -> Fraction | None:
    """Return an RFC 3339 date-time in seconds, exact to every digit, or None."""
    if not (match := TIMESTAMP.fullmatch(text)):
        return None
    try:
        seconds = (datetime.fromisoformat(match[1] + match[3]) - EPOCH).total_seconds()
    except ValueError:
        return None
    fraction = match[2] or ""
    return int(seconds) + Fraction(int(fraction or 0), 10 ** len(fraction))


def fraction_of(text: str) -> str:
    match = TIMESTAMP.fullmatch(text)
    return (match and match[2]) or ""


def resolution_of(text: str) -> Fraction:
    """Return the smallest step of a date-time in seconds, as its digits say.

    Zeros at the end may be padding, so that they do not count.
    """
    return Fraction(1, 10 ** len(fraction_of(text).rstrip("0")))


def is_older(text: str, other: str) -> bool:
    """Return whether one date-time is before another, as far as its digits say."""
    old, new = exact_timestamp(text), exact_timestamp(other)
    if old is None or new is None:
        return False
    return old + Fraction(1, 10 ** len(fraction_of(text))) <= new


def escape(token: object) -> str:
    """Return a token of a JSON pointer (RFC 6901, 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """Return the name that a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def walk(value: Json, pointer: str = "") -> Iterator[tuple[str, Json]]:
    """Yield each place of a document. The items of a list share one: `{item}`."""
    yield pointer, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from walk(child, f"{pointer}/{escape(name)}")
    elif isinstance(value, list):
        for child in value:
            yield from walk(child, f"{pointer}/{{item}}")


def value_at(value: Json, pointer: str) -> Json:
    """Return the value at a JSON pointer, or MISSING."""
    for token in pointer.split("/")[1:]:
        name = unescape(token)
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def canonical(value: Json) -> str:
    """Return a text that equal JSON values share. NaN equals itself."""
    try:
        return json.dumps(value, sort_keys=True, default=repr)
    except (TypeError, ValueError):  # a value of Python that JSON cannot hold
        return repr(value)


def as_text(value: Json) -> str:
    """Return a value as JSON."""
    if value is MISSING:
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=repr)


def shorten(text: str, length: int = 60) -> str:
    """Return a text, cut at a length."""
    is_short = len(text) <= length
    return text if is_short else f"{text[:length]}… ({len(text)} characters)"
