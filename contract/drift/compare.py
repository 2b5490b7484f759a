"""Differences between two witnesses, and whom each breaks.

The kinds follow oasdiff: a change breaks a side if the other side can keep to the old
contract and thereby violate the new one.

- Requests, widened (more types, a new enum value, no longer required): services refuse
  valid requests. Narrowed: clients send invalid ones.
- Responses, widened: clients meet unknown ones. Narrowed: services send invalid ones.
- Neither wider nor narrower (another type): both break, and it counts for the clients.

There are two departures. A new 2xx breaks clients, since the 200 is the only success.
A change that only makes a service wrong breaks services.
"""

from collections.abc import Iterator
from itertools import product
from typing import Literal, NamedTuple, get_args

from contract.drift.facts import EXISTENCE, Fact, Facts, Value, format_value
from contract.drift.operation import same_path

Kind = Literal[
    "breaking for clients", "breaking for services", "compatible", "editorial"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
CLIENTS, SERVICES, COMPATIBLE, EDITORIAL = KINDS

RULES: dict[tuple[str, str], tuple[Kind, Kind]] = {
    # (aspect, subject): (added or widened, removed or narrowed)
    ("site", "operation"): (COMPATIBLE, CLIENTS),
    ("header", "operation"): (CLIENTS, SERVICES),
    ("security", "operation"): (COMPATIBLE, CLIENTS),
    ("*", "operation"): (CLIENTS, CLIENTS),
    ("body", "request"): (CLIENTS, CLIENTS),
    ("media type", "request"): (SERVICES, CLIENTS),
    ("field", "request"): (COMPATIBLE, CLIENTS),
    ("required field", "request"): (CLIENTS, CLIENTS),
    ("*", "request"): (SERVICES, CLIENTS),
    ("status", "success"): (CLIENTS, CLIENTS),
    ("status", "error"): (COMPATIBLE, SERVICES),
    ("media type", "response"): (COMPATIBLE, CLIENTS),
    ("field", "response"): (COMPATIBLE, CLIENTS),
    ("required field", "response"): (SERVICES, CLIENTS),
    ("*", "response"): (CLIENTS, SERVICES),
    ("read-only", "any"): (COMPATIBLE, COMPATIBLE),
    ("default", "any"): (COMPATIBLE, COMPATIBLE),
    ("text", "any"): (EDITORIAL, EDITORIAL),
}
"""`*` is any other aspect. Neither wider nor narrower is the graver kind of both."""


class Difference(NamedTuple):
    """A fact with two values: that of `against`, and the new one of a witness."""

    kind: Kind
    fact: Fact
    witness: str
    against: str
    old: Value
    new: Value

    def __str__(self) -> str:
        if self.fact.aspect in EXISTENCE:
            lacking = self.against if self.new else self.witness
            return f"{self.fact}: {lacking} does not have it"
        old, new = (format_value(self.fact, value) for value in (self.old, self.new))
        return f"{self.fact}: {old} → {new}"


def differences(base: Facts, other: Facts, witness: str) -> Iterator[Difference]:
    """Yield the differences from the spec, but for those that follow from another."""
    moved: set[tuple[str, str]] = set()
    for fact in dict.fromkeys([*base.values, *other.values]):
        old, new, aspect = base.get(fact), other.get(fact), fact.aspect
        if old is None or new is None or old == new:
            continue
        if follows(fact, moved, base, other):
            continue
        is_empty = aspect == "media type" and not (old and new)
        is_other = aspect == "type" and change_of(aspect, old, new) == "changed"
        if aspect in ("field", "status", "body") or is_empty or is_other:
            moved.add((fact.part, fact.place))
        kind = kind_of(fact, old, new, other)
        yield Difference(kind, fact, witness, "spec", old, new)


def follows(fact: Fact, moved: set[tuple[str, str]], *both: Facts) -> bool:
    """Return whether a difference says no more than one above it."""
    if fact.aspect == "error shape":  # the fields, if there are any, say the same
        return all(Fact(fact.part, "", "type") in facts.values for facts in both)
    place = fact.place
    if fact.aspect in ("field", "required"):
        place = place.rpartition("/")[0]
    while place and (fact.part, place) not in moved:
        place = place.rpartition("/")[0]
    return (fact.part, place) in moved


def kind_of(fact: Fact, old: Value, new: Value, facts: Facts) -> Kind:
    """Return whom a difference breaks. `facts` are those of the witness."""
    aspect = fact.aspect
    if aspect == "path" and same_path(str(old), str(new)):
        return EDITORIAL
    required = Fact(fact.part, fact.place, "required")
    if aspect == "field" and new and facts.values.get(required):
        aspect = "required field"
    subjects = subjects_of(fact.part)
    keys = [*product([aspect], subjects), ("*", subjects[-1])]
    widened, narrowed = next(RULES[key] for key in keys if key in RULES)
    graver = min(widened, narrowed, key=KINDS.index)
    kinds = {"widened": widened, "narrowed": narrowed}
    return kinds.get(change_of(fact.aspect, old, new), graver)


def subjects_of(part: str) -> tuple[str, ...]:
    if not part:
        return ("any", "operation")
    if part[0].isdigit() or part == "default":
        return ("any", "success" if part[0] == "2" else "error", "response")
    return ("any", "request")


def change_of(aspect: str, old: Value, new: Value) -> str:
    """Return whether more or less is allowed. No restriction allows everything."""
    if isinstance(new, bool):
        return "widened" if new != (aspect == "required") else "narrowed"
    if aspect == "format" and {old, new} == {"int32", "int64"}:
        return "widened" if new == "int64" else "narrowed"
    if not old or not new:
        return "widened" if bool(old) != (aspect == "media type") else "narrowed"
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return "changed"
    before, after = allowed(old), allowed(new)
    if aspect == "limits":
        before, after = after, before
    if before < after:
        return "widened"
    return "narrowed" if after < before else "changed"


def allowed(values: tuple[str, ...]) -> set[str]:
    return {*values, "integer"} if "number" in values else set(values)
