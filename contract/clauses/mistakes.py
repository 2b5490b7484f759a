"""Mistakes of programmers: checks that are missing, and values that change.

A missing check shows by what is let through, so that its name does not depend on
how a case broke the schema.
"""

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache

from contract.clauses.base import LOSS
from contract.jsondiff import Change, value_at
from contract.model import ROOT, Danger, Json, Rule
from contract.spec import Schema

NUMERIC = re.compile(r"[+-]?\d+")

CHANGES = {
    Change.MEMBER_LOST: "A member is lost.",
    Change.MEMBER_ADDED: "A member is added.",
    Change.NULLED: "A value becomes null.",
    Change.TYPE_CHANGED: "A value gets another type.",
    Change.LENGTH_CHANGED: "A list gets another length.",
    Change.NUMBER_ALTERED: "A number gets another value.",
    Change.TEXT_ALTERED: "A text gets other characters.",
    Change.BOOLEAN_ALTERED: "A boolean is inverted.",
    Change.INSTANT_ALTERED: "A date-time names another instant.",
}

CHANGE_RULES = {
    change: Rule(change.value, meaning, LOSS) for change, meaning in CHANGES.items()
}
"""The rule for each way in which a body or a snapshot is altered."""

ALTERED_RULES = tuple(
    CHANGE_RULES[change] for change in Change if change is not Change.INSTANT_ALTERED
)
"""The rules for a request. It has no date-time: its texts stay as they are."""


CHANGED_ALTHOUGH_REFUSED = Rule(
    "changed-although-refused", "A refused request changes what is stored.", LOSS
)


class Mistake(Enum):
    """A check that is missing where an invalid value passes: its rule and meaning."""

    REQUIRED = "required-unchecked", "A required member is missing."
    NULL = "null-{}", "A null is {} where nothing is nullable."
    BOOLEAN = "boolean-{}", "A boolean is {} where another type is due."
    NUMERIC_TEXT = "numeric-text-{}", "A number is {} as a text."
    TYPE = "type-unchecked", "A value of another type is {}."
    ENUM = "enum-unchecked", "A value that the enum lacks is {}."
    RANGE = "range-unchecked", "An integer out of its range is {}."
    DATE = "date-unchecked", "A text that is no date-time is {}."


def unchecked_rules(verb: str, danger: Danger) -> dict[Mistake, Rule]:
    """Return a rule for each missing check. The verb says what happens instead."""
    rules = {}
    for mistake in Mistake:
        name, meaning = (text.format(verb) for text in mistake.value)
        rules[mistake] = Rule(name, meaning, danger)
    return rules


def mistakes(schema: Schema, value: Json) -> Iterator[tuple[Mistake, str]]:
    """Yield the missing check and the JSON pointer of each violation of a schema.

    A value of another type breaks `enum` and `format` too. Only its type counts.
    """
    violations = schema.errors(value)
    of_wrong_type = {v.place for v in violations if v.keyword == "type"}
    for violation in violations:
        pointer = violation.place
        if violation.keyword != "type" and pointer in of_wrong_type:
            continue
        actual = value_at(value, pointer)
        match violation.keyword:
            case "required":
                yield Mistake.REQUIRED, pointer
            case "enum":
                yield Mistake.ENUM, pointer
            case "format":
                is_text = isinstance(actual, str)
                yield Mistake.DATE if is_text else Mistake.RANGE, pointer
            case _:
                yield type_mistake(actual), pointer


def type_mistake(actual: Json) -> Mistake:
    match actual:
        case None:
            return Mistake.NULL
        case bool():
            return Mistake.BOOLEAN
        case str() if NUMERIC.fullmatch(actual):
            return Mistake.NUMERIC_TEXT
        case _:
            return Mistake.TYPE


def place_of(schema: Schema, pointer: str) -> str:
    """Return the place of a finding at a pointer. The root is `$`."""
    return schema.documented_place(pointer) or ROOT


@lru_cache(maxsize=8)
def date_pointers(schema: Schema) -> frozenset[str]:
    """Return the JSON pointers of a schema's date-times."""
    dates = (c for c in schema.constraints if c.schema.get("format") == "date-time")
    return frozenset(constraint.pointer for constraint in dates)
