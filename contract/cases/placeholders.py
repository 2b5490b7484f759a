"""What a service is asked about, and with which keys: names in place of what is known at run time alone.

A row that a sequence makes has a stand-in of its own, `own(1)`; once it is deleted, `gone` of that.
"""

from collections.abc import Callable
from typing import TypeAlias

__all__ = [
    "DELETED",
    "KEYS",
    "NEIGHBOUR",
    "OTHER",
    "OWN",
    "UNKNOWN",
    "VIEW",
    "gone",
    "stand_in",
]

OWN = "<own>"
NEIGHBOUR = "<own neighbour>"
OTHER = "<other>"
DELETED = "<deleted own>"
UNKNOWN = "<unknown>"
VIEW = "<view>"
"""The view name by which a run finds its own rows."""

Pair: TypeAlias = tuple[str, str]
Values: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


def stand_in(org: str, number: int) -> str:
    """Return the name of a row that a sequence makes; `org` is `own` or `other`."""
    return f"<{org} {number}>"


def gone(name: str) -> str:
    """Return the name of a row once it is deleted."""
    return f"<deleted {name.removeprefix('<')}"


KEYS: dict[str, Callable[[Pair, Pair, Pair], Values]] = {
    "own": lambda own, other, wrong: ((own[0],), (own[1],)),
    "own, header names in lower case": lambda own, other, wrong: ((own[0],), (own[1],)),
    "other org": lambda own, other, wrong: ((other[0],), (other[1],)),
    "missing": lambda own, other, wrong: ((), ()),
    "missing api key": lambda own, other, wrong: ((), (own[1],)),
    "missing app key": lambda own, other, wrong: ((own[0],), ()),
    "empty": lambda own, other, wrong: (("",), ("",)),
    "empty api key": lambda own, other, wrong: (("",), (own[1],)),
    "empty app key": lambda own, other, wrong: ((own[0],), ("",)),
    "wrong": lambda own, other, wrong: ((wrong[0],), (wrong[1],)),
    "wrong api key": lambda own, other, wrong: ((wrong[0],), (own[1],)),
    "wrong app key": lambda own, other, wrong: ((own[0],), (wrong[1],)),
    "swapped": lambda own, other, wrong: ((own[1],), (own[0],)),
    "api key twice": lambda own, other, wrong: ((own[0],), (own[0],)),
    "app key twice": lambda own, other, wrong: ((own[1],), (own[1],)),
    "cut api key": lambda own, other, wrong: ((own[0][:-1],), (own[1],)),
    "cut app key": lambda own, other, wrong: ((own[0],), (own[1][:-1],)),
    "drawn-out app key": lambda own, other, wrong: ((own[0],), (own[1] + "0",)),
    "other case": lambda own, other, wrong: (
        (own[0].swapcase(),),
        (own[1].swapcase(),),
    ),
    "api key of the other org": lambda own, other, wrong: ((other[0],), (own[1],)),
    "app key of the other org": lambda own, other, wrong: ((own[0],), (other[1],)),
    "doubled, the same": lambda own, other, wrong: ((own[0], own[0]), (own[1], own[1])),
    "doubled, own first": lambda own, other, wrong: (
        (own[0], wrong[0]),
        (own[1], wrong[1]),
    ),
    "doubled, wrong first": lambda own, other, wrong: (
        (wrong[0], own[0]),
        (wrong[1], own[1]),
    ),
}
"""The values of both key headers by the name of a pair, made of the own, the other and a wrong one."""
