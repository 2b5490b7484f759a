"""Clauses: sentences of the contract, and the functions that check exchanges.

A clause names its rules. `rule.at(place, message)` makes a finding, so that no clause
builds the parts of a breach id from strings.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from contract.model import Danger, Finding, Level, Note, Rule

AT_RISK, LOSS = Danger.KEYS_AT_RISK, Danger.SILENT_DATA_LOSS
LIE, CRASH = Danger.FALSE_SUCCESS, Danger.CRASH

Context = TypeVar("Context")

Findings: TypeAlias = Iterator[Finding | Note]
"""Results of a check. A note is counted and breaks nothing."""

SiteFindings: TypeAlias = Iterator[tuple[int, Finding]]
"""Results of a check over several sites: the index of the exchange, and a finding."""


@dataclass(frozen=True)
class Clause(Generic[Context]):
    """One sentence of the contract and the function that checks an exchange.

    `concerns` says whether the clause speaks of an exchange at all. If it does and
    `check` yields no finding, the clause holds for the exchange.
    """

    id: str
    statement: str
    source: str
    rules: tuple[Rule, ...]
    concerns: Callable[[Context], bool]
    check: Callable[[Context], Findings]
    level: Level = Level.MUST


@dataclass(frozen=True)
class SitesClause(Generic[Context]):
    """Clause that compares the exchanges of one case on all its sites.

    `concerns` and `check` get the contexts in the order in which they were played.
    """

    id: str
    statement: str
    source: str
    rules: tuple[Rule, ...]
    concerns: Callable[[Sequence[Context]], bool]
    check: Callable[[Sequence[Context]], SiteFindings]
    level: Level = Level.MUST


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
    parts = [part for key in keys for part in re.split("[\0-\x1f]", key)]
    parts = [part for part in parts if len(part) >= SHORTEST_SECRET]
    return (*parts, *(base64.b64encode(part.encode()).decode() for part in parts))


def slug(text: str) -> str:
    """Return a text in lower case, with hyphens between its words."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
