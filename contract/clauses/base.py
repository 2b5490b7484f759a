"""Clauses: sentences of the contract, and the functions that check exchanges.

A clause names its rules. `rule.at(place, message)` makes a finding, so that no clause
builds the parts of a breach id from strings.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from contract.model import Danger, Finding, Level, Note, Rule

AT_RISK, LOSS = Danger.KEYS_AT_RISK, Danger.SILENT_DATA_LOSS
LIE, CRASH = Danger.FALSE_SUCCESS, Danger.CRASH
SHOULD = Level.SHOULD

Context = TypeVar("Context")
Subject = TypeVar("Subject")

Findings: TypeAlias = Iterator[Finding | Note]
"""Results of a check. A note is counted and breaks nothing."""

SiteFindings: TypeAlias = Iterator[tuple[int, Finding]]
"""Results of a check over several sites: the index of the exchange, and a finding."""


@dataclass(frozen=True)
class Sentence(Generic[Subject]):
    """One sentence of the contract.

    `concerns` says whether it speaks of a subject at all. If it does and the check of
    its clause yields no finding, the sentence holds for the subject.
    """

    id: str
    statement: str
    source: str
    rules: tuple[Rule, ...]
    concerns: Callable[[Subject], bool] = lambda subject: True
    level: Level = Level.MUST


@dataclass(frozen=True)
class Clause(Sentence[Context]):
    """Sentence with a function that checks one exchange."""

    check: Callable[[Context], Findings] = field(kw_only=True)


@dataclass(frozen=True)
class SitesClause(Sentence[Sequence[Context]]):
    """Sentence with a function that compares one case on its sites, as played."""

    check: Callable[[Sequence[Context]], SiteFindings] = field(kw_only=True)


@dataclass(frozen=True)
class Checked(Sentence[Context]):
    """Decorator that makes a clause of its sentence and of a check."""

    def __call__(self, check: Callable[[Context], Findings]) -> Clause[Context]:
        return Clause(**vars(self), check=check)


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
