"""Differences of JSON values."""

from fractions import Fraction
from typing import Any

import pytest

from contract.jsondiff import (
    MISSING,
    as_text,
    canonical,
    differences,
    exact_timestamp,
    shorten,
    value_at,
)

DATES = frozenset({"/at"})
NAN = float("nan")

EQUAL: dict[str, tuple[Any, Any]] = {
    "members in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "integer and float": (5, 5.0),
    "float and integer": (1e300, int(1e300)),
    "NaN": ([NAN], [float("nan")]),
    "the same instant": (
        {"at": "2020-01-01T00:00:00Z"},
        {"at": "2020-01-01T01:00:00.000+01:00"},
    ),
}

DIFFERENT: dict[str, tuple[Any, Any, list[str]]] = {
    "boolean and number": (1, True, ["type-changed "]),
    "zero and false": (0, False, ["type-changed "]),
    "float beyond an integer": (2**53 + 1, float(2**53), ["number-altered "]),
    "integer beyond a float": (1.5, 10**400, ["number-altered "]),
    "infinity": (1.5, float("inf"), ["number-altered "]),
    "NaN for a number": (1.5, NAN, ["number-altered "]),
    "text": ("é", "e\u0301", ["text-altered "]),
    "boolean": (True, False, ["boolean-altered "]),
    "null": ({}, None, ["nulled "]),
    "from null": (None, "", ["type-changed "]),
    "length": ([1], [1, 2], ["length-changed "]),
    "item": ([1, {"a": 1}], [1, {"a": 2}], ["number-altered /1/a"]),
    "members": (
        {"a": 1, "b/c": 2, "d~": None},
        {"x": 1, "d~": None},
        ["member-lost /a", "member-lost /b~1c", "member-added /x"],
    ),
    "lost null": ({"a": None}, {}, ["member-lost /a"]),
    "digits of a date": (
        {"at": "2020-01-01T00:00:00.1234567Z"},
        {"at": "2020-01-01T00:00:00.123456Z"},
        ["instant-altered /at"],
    ),
    "a date elsewhere": (
        {"b": "2020-01-01T00:00:00Z"},
        {"b": "2020-01-01T00:00:00+00:00"},
        ["text-altered /b"],
    ),
}


@pytest.mark.parametrize(("expected", "actual"), EQUAL.values(), ids=EQUAL)
def test_equal_values_have_no_difference(expected: Any, actual: Any) -> None:
    assert list(differences(expected, actual, DATES)) == []


@pytest.mark.parametrize(
    ("expected", "actual", "changes"), DIFFERENT.values(), ids=DIFFERENT
)
def test_differences(expected: Any, actual: Any, changes: list[str]) -> None:
    changed = differences(expected, actual, DATES)
    assert [f"{d.change} {d.pointer}" for d in changed] == changes


def test_a_difference_is_readable() -> None:
    (difference,) = differences({"a": "x" * 70}, {})
    assert str(difference) == f'/a: "{"x" * 59}… (72 characters) became nothing'


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", Fraction(0)),
        ("1970-01-01T00:00:00.5+00:01", Fraction(-119, 2)),
        ("1969-12-31T23:00:00-01:00", Fraction(0)),
        ("2019-02-29T00:00:00Z", None),
        ("2019-09-19", None),
        ("２０１９-09-19T10:00:00Z", None),
    ],
)
def test_exact_timestamps(text: str, seconds: Fraction | None) -> None:
    assert exact_timestamp(text) == seconds


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", {"a/b": [1, {"": 2}]}),
        ("/a~1b/0", 1),
        ("/a~1b/1/", 2),
        ("/a~1b/2", MISSING),
        ("/a~1b/x", MISSING),
        ("/x", MISSING),
        ("/a~1b/0/x", MISSING),
    ],
)
def test_values_at_pointers(pointer: str, value: Any) -> None:
    assert value_at({"a/b": [1, {"": 2}]}, pointer) == value


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"a": 1, "b": NAN}, {"b": float("nan"), "a": 1}, True),
        (1, True, False),
        ({1: 2, "a": 3}, {1: 2, "a": 3}, True),
    ],
)
def test_canonical_texts(one: Any, other: Any, alike: bool) -> None:
    assert (canonical(one) == canonical(other)) is alike


def test_long_texts_are_cut() -> None:
    assert shorten("a" * 60) == "a" * 60
    assert shorten("a" * 61, 2) == "aa… (61 characters)"


def test_what_is_missing_is_nothing() -> None:
    assert as_text(MISSING) == "nothing"
