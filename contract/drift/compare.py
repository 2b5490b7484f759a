"""Differences between two witnesses, and whom each breaks.

The kinds follow oasdiff: a change breaks a side if the other side can keep to the old
contract and thereby violate the new one.

- Requests, widened (more types, a new enum value, no longer required): services refuse
  valid requests. Narrowed: clients send invalid ones.
- Responses, widened: clients meet unknown ones. Narrowed: services send invalid ones.
- Neither wider nor narrower (another type): both break, and it counts for the clients.

There are two departures. A new 2xx breaks clients, since the 200 is the only success
of this contract. A change that only makes a service wrong breaks services.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contract.drift.facts import EXISTENCE, Fact, Facts, Value, format_value
from contract.drift.operation import same_path

__all__ = ["KINDS", "Difference", "Kind", "differences", "kind_of"]

Kind = Literal[
    "breaking for clients", "breaking for services", "compatible", "editorial"
]
Change = Literal["widened", "narrowed", "changed"]

KINDS: tuple[Kind, ...] = (
    "breaking for clients",
    "breaking for services",
    "compatible",
    "editorial",
)
CLIENTS, SERVICES, COMPATIBLE, EDITORIAL = KINDS

_RULES: dict[tuple[str, str], tuple[Kind, Kind]] = {
    # (aspect, subject): (added or widened, removed or narrowed)
    ("site", "operation"): (COMPATIBLE, CLIENTS),
    ("method", "operation"): (CLIENTS, CLIENTS),
    ("path", "operation"): (CLIENTS, CLIENTS),
    ("header", "operation"): (CLIENTS, SERVICES),
    ("security", "operation"): (COMPATIBLE, CLIENTS),
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


@dataclass(frozen=True)
class Difference:
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


def differences(
    base: Facts,
    other: Facts,
    witness: str,
    against: str = "spec",
) -> Iterator[Difference]:
    """Yield the differences, but for those that follow from one above them."""
    moved: set[tuple[str, str]] = set()
    for fact in dict.fromkeys([*base.values, *other.values]):
        old, new = base.get(fact), other.get(fact)
        if old is None or new is None or old == new:
            continue
        if _follows(fact, moved, base, other):
            continue
        if fact.aspect in ("field", "status", "body") or _is_apart(fact, old, new):
            moved.add((fact.part, fact.place))
        yield Difference(
            kind_of(fact, old, new, other), fact, witness, against, old, new
        )


def _is_apart(fact: Fact, old: Value, new: Value) -> bool:
    """Return whether the facts below this one cannot be compared."""
    if fact.aspect == "media type":
        return not old or not new
    return fact.aspect == "type" and _change("type", old, new) == "changed"


def _follows(
    fact: Fact,
    moved: set[tuple[str, str]],
    base: Facts,
    other: Facts,
) -> bool:
    if fact.aspect == "error shape":  # the fields, if there are any, say the same
        root = Fact(fact.part, "", "type")
        return root in base.values and root in other.values
    tokens = fact.place.split("/")
    if fact.aspect in ("field", "required"):
        tokens = tokens[:-1] or [""]
    parents = ("/".join(tokens[:end]) for end in range(1, len(tokens) + 1))
    return any((fact.part, parent) in moved for parent in parents)


def kind_of(
    fact: Fact,
    old: Value,
    new: Value,
    facts: Facts,
) -> Kind:
    """Return whom a difference breaks. `facts` are those of the witness."""
    aspect = fact.aspect
    if aspect == "path" and same_path(str(old), str(new)):
        return EDITORIAL
    required = Fact(fact.part, fact.place, "required")
    if aspect == "field" and new and facts.values.get(required):
        aspect = "required field"
    keys = _keys(aspect, fact.part)
    widened, narrowed = next(_RULES[key] for key in keys if key in _RULES)
    match _change(fact.aspect, old, new):
        case "widened":
            return widened
        case "narrowed":
            return narrowed
        case _:
            return min(widened, narrowed, key=KINDS.index)


def _keys(
    aspect: str,
    part: str,
) -> Iterator[tuple[str, str]]:
    yield aspect, "any"
    if not part:
        yield aspect, "operation"
        return
    subject = "request"
    if part[0].isdigit() or part == "default":
        subject = "response"
        yield aspect, "success" if part.startswith("2") else "error"
    yield aspect, subject
    yield "*", subject


def _change(aspect: str, old: Value, new: Value) -> Change:
    """Return whether more or less is allowed. No restriction allows everything."""
    if isinstance(new, bool):
        return "widened" if new != (aspect == "required") else "narrowed"
    if aspect == "format" and {old, new} == {"int32", "int64"}:
        return "widened" if new == "int64" else "narrowed"
    if not old or not new:
        return "widened" if bool(old) != (aspect == "media type") else "narrowed"
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return "changed"
    before, after = _allowed(old), _allowed(new)
    if aspect == "limits":
        before, after = after, before
    if before < after:
        return "widened"
    return "narrowed" if after < before else "changed"


def _allowed(values: tuple[str, ...]) -> set[str]:
    return {*values, "integer"} if "number" in values else set(values)
