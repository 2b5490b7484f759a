"""Clauses: sentences of the contract, their checks, and rules that they share.

A missing check shows by what is let through, so that its name does not depend on
how a case broke the schema.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, Self, TypeAlias, TypeVar

from contract.jsondiff import Change, value_at
from contract.model import ROOT, Danger, Finding, Json, Level, Note, Rule
from contract.spec import Schema

AT_RISK, LOSS = Danger.KEYS_AT_RISK, Danger.SILENT_DATA_LOSS
LIE, CRASH = Danger.FALSE_SUCCESS, Danger.CRASH
SHOULD = Level.SHOULD

Facts = TypeVar("Facts")
Result = TypeVar("Result")

Findings: TypeAlias = Iterator[Finding | Note]
SiteFindings: TypeAlias = Iterator[tuple[int, Finding]]
"""The index of an exchange among those of the sites, and a finding."""


@dataclass(frozen=True)
class Sentence(Generic[Facts, Result]):
    """One sentence of the contract. As a decorator, it makes a clause of its check.

    `concerns` says if it speaks of an exchange. If it does and `check` yields no
    finding, it holds.
    """

    id: str
    statement: str
    source: str
    rules: tuple[Rule, ...]
    concerns: Callable[[Facts], bool] = lambda facts: True
    level: Level = Level.MUST
    check: Callable[[Facts], Iterator[Result]] = lambda facts: iter(())

    def __call__(self, check: Callable[[Facts], Iterator[Result]]) -> Self:
        return replace(self, check=check)


class Clause(Sentence[Facts, Finding | Note]):
    """Sentence about one exchange."""


class SitesClause(Sentence[Sequence[Facts], tuple[int, Finding]]):
    """Sentence about the exchanges of one case on all its sites, as played."""


AnyClause: TypeAlias = Clause[Any] | SitesClause[Any]

SHORTEST_SECRET = 12
"""A shorter part of a key may stand in any text."""


def outliers(values: Sequence[Hashable]) -> tuple[int, list[int], bool]:
    """Return the index of a usual value, the other indices, and if it ties.

    A tie accuses nobody. One of the others then stands for all.
    """
    (usual, most), *rest = Counter(values).most_common()
    is_tie = bool(rest) and rest[0][1] == most
    others = [index for index, value in enumerate(values) if value != usual]
    return values.index(usual), others[:1] if is_tie else others, is_tie


@lru_cache(maxsize=64)
def secrets_of(*keys: str) -> tuple[str, ...]:
    """Return the parts of keys between control characters, plain and in Base64."""
    parts = re.findall(rf"[^\0-\x1f]{{{SHORTEST_SECRET},}}", "\0".join(keys))
    return (*parts, *(base64.b64encode(part.encode()).decode() for part in parts))


def slug(text: str) -> str:
    """Return a text in lower case, with hyphens between its words."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# -- rules that several clauses share --

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

CHANGED_REFUSED = Rule(
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


def mistakes(schema: Schema, value: Json) -> Iterator[tuple[Mistake, str, str]]:
    """Yield missing check, JSON pointer and place of each violation of a schema.

    A value of another type breaks `enum` and `format` too. Only its type counts.
    """
    violations = schema.errors(value)
    of_wrong_type = {v.place for v in violations if v.keyword == "type"}
    for violation in violations:
        pointer, keyword = violation.place, violation.keyword
        if keyword == "type" or pointer not in of_wrong_type:
            mistake = mistake_of(keyword, value_at(value, pointer))
            yield mistake, pointer, place_of(schema, pointer)


def mistake_of(keyword: str, actual: Json) -> Mistake:
    match keyword, actual:
        case "required", _:
            return Mistake.REQUIRED
        case "enum", _:
            return Mistake.ENUM
        case "format", str():
            return Mistake.DATE
        case "format", _:
            return Mistake.RANGE
        case _, None:
            return Mistake.NULL
        case _, bool():
            return Mistake.BOOLEAN
        case _, str() if re.fullmatch(r"[+-]?\d+", actual):
            return Mistake.NUMERIC_TEXT
    return Mistake.TYPE


def place_of(schema: Schema, pointer: str) -> str:
    """Return the place of a finding at a pointer. The root is `$`."""
    return schema.documented_place(pointer) or ROOT


@lru_cache(maxsize=8)
def date_pointers(schema: Schema) -> frozenset[str]:
    """Return the JSON pointers of a schema's date-times."""
    dates = (c for c in schema.constraints if c.schema.get("format") == "date-time")
    return frozenset(constraint.pointer for constraint in dates)
