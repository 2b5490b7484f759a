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
from typing import Literal, NamedTuple, get_args

from contract.drift.facts import (
    EXISTENCE,
    Fact,
    Facts,
    Value,
    format_value,
    same_path,
)

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
"""`*` is any other aspect. A change to neither is of the graver kind."""


class Difference(NamedTuple):
    """A fact with two values: that of `against`, and the new one of a witness."""

    kind: Kind
    fact: Fact
    witness: str
    against: str
    old: Value
    new: Value

    def __str__(self) -> str:
        fact, old, new = self.fact, self.old, self.new
        if fact.aspect in EXISTENCE:
            lacking = self.against if new else self.witness
            return f"{fact}: {lacking} does not have it"
        return f"{fact}: {format_value(fact, old)} → {format_value(fact, new)}"


def differences(base: Facts, other: Facts, witness: str) -> Iterator[Difference]:
    """Yield the differences from the spec that do not follow from another."""
    moved: list[str] = []
    for fact in dict.fromkeys([*base.values, *other.values]):
        old, new, aspect = base.get(fact), other.get(fact), fact.aspect
        if old is None or new is None or old == new:
            continue
        if follows(fact, moved, base, other):
            continue
        is_empty = aspect == "media type" and not (old and new)
        is_other = aspect == "type" and is_wider(aspect, old, new) is None
        if aspect in ("field", "status", "body") or is_empty or is_other:
            moved.append(f"{fact.part} {fact.place}/")
        kind = kind_of(fact, old, new, other)
        yield Difference(kind, fact, witness, "spec", old, new)


def follows(fact: Fact, moved: list[str], *both: Facts) -> bool:
    part, place, aspect = fact
    if aspect == "error shape":  # the fields, if there are any, say the same
        return all(Fact(part, "", "type") in facts.values for facts in both)
    if aspect in ("field", "required"):
        place = place.rpartition("/")[0]
    return f"{part} {place}/".startswith(tuple(moved))


def kind_of(fact: Fact, old: Value, new: Value, facts: Facts) -> Kind:
    """Return whom a difference breaks, by the facts of the witness."""
    part, place, aspect = fact
    if aspect == "path" and same_path(str(old), str(new)):
        return EDITORIAL
    if aspect == "field" and new and facts.values.get(Fact(part, place, "required")):
        aspect = "required field"
    is_response = part[:1].isdigit() or part == "default"
    side = "response" if is_response else "request" if part else "operation"
    outcome = "success" if part[:1] == "2" else "error"
    keys = [(aspect, "any"), (aspect, outcome), (aspect, side), ("*", side)]
    kinds = next(RULES[key] for key in keys if key in RULES)
    wider = is_wider(fact.aspect, old, new)
    return min(kinds, key=KINDS.index) if wider is None else kinds[not wider]


def is_wider(aspect: str, old: Value, new: Value) -> bool | None:
    """Return whether more is allowed, or None if it is neither more nor less.

    No restriction allows everything.
    """
    if isinstance(new, bool):
        return new != (aspect == "required")
    if aspect == "format" and {old, new} == {"int32", "int64"}:
        return new == "int64"
    if not old or not new:
        return bool(old) != (aspect == "media type")
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return None
    before, after = allowed(old), allowed(new)
    if aspect == "limits":
        before, after = after, before
    return before < after if before < after or after < before else None


def allowed(values: tuple[str, ...]) -> set[str]:
    return {*values, "integer"} if "number" in values else set(values)
