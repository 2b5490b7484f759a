"""What differs between two witnesses, and whom it breaks.

`kind_of` follows oasdiff: a change is breaking where one side can keep to the old contract and thereby break the new.

- What requests may hold, widened (more types, a new enum value, no longer required): services that took only what the
  old contract had now refuse valid requests: *breaking for services*. Narrowed: clients send what is no longer taken:
  *breaking for clients*.
- What answers may hold, the other way round: widened, clients meet what they did not know; narrowed, services
  answer what is no longer allowed.
- Neither wider nor narrower (another type): both break; named after the clients, who are more.
- What can be ignored (a new site, an optional field, an error status) is *compatible*, words are *editorial*.

Two departures from oasdiff: a new 2xx breaks clients, since this contract lets them take none but the 200; and what
it does not call breaking, since no client notices, but would put a service in the wrong, is breaking for services.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contract.drift.facts import EXISTENCE, Fact, Facts, Value, shown
from contract.drift.operation import same_path

__all__ = ["KINDS", "Difference", "Kind", "differences", "kind_of"]

Kind = Literal[
    "breaking for clients", "breaking for services", "compatible", "editorial"
]
KINDS: tuple[Kind, ...] = (
    "breaking for clients",
    "breaking for services",
    "compatible",
    "editorial",
)
CLIENTS, SERVICES, COMPATIBLE, EDITORIAL = KINDS

Change = Literal["widened", "narrowed", "changed"]

_RULES: dict[tuple[str, str], tuple[Kind, Kind, Kind]] = {
    # aspect, of what           added or widened  removed or narrowed  otherwise
    ("site", "operation"): (COMPATIBLE, CLIENTS, CLIENTS),
    ("method", "operation"): (CLIENTS, CLIENTS, CLIENTS),
    ("path", "operation"): (CLIENTS, CLIENTS, CLIENTS),
    ("header", "operation"): (CLIENTS, SERVICES, CLIENTS),
    ("security", "operation"): (COMPATIBLE, CLIENTS, CLIENTS),
    ("body", "request"): (CLIENTS, CLIENTS, CLIENTS),
    ("media type", "request"): (SERVICES, CLIENTS, CLIENTS),
    ("field", "request"): (COMPATIBLE, CLIENTS, CLIENTS),
    ("field, required", "request"): (CLIENTS, CLIENTS, CLIENTS),
    ("*", "request"): (SERVICES, CLIENTS, CLIENTS),
    ("status", "success"): (CLIENTS, CLIENTS, CLIENTS),
    ("status", "error"): (COMPATIBLE, SERVICES, CLIENTS),
    ("media type", "answer"): (COMPATIBLE, CLIENTS, CLIENTS),
    ("field", "answer"): (COMPATIBLE, CLIENTS, CLIENTS),
    ("field, required", "answer"): (SERVICES, CLIENTS, CLIENTS),
    ("*", "answer"): (CLIENTS, SERVICES, CLIENTS),
    ("read-only", "any"): (COMPATIBLE, COMPATIBLE, COMPATIBLE),
    ("default", "any"): (COMPATIBLE, COMPATIBLE, COMPATIBLE),
    ("text", "any"): (EDITORIAL, EDITORIAL, EDITORIAL),
}
"""`*` is every other aspect: type, format, enum, nullable, required, limits, error shape."""


@dataclass(frozen=True)
class Difference:
    """One fact of which a witness says something else than `against`, the spec or another witness."""

    kind: Kind
    fact: Fact
    witness: str
    against: str
    old: Value
    new: Value

    def __str__(self) -> str:
        """Say it in one line, the fact first."""
        if self.fact.aspect in EXISTENCE:
            return f"{self.fact}: {self.against if self.new else self.witness} does not have it"
        return (
            f"{self.fact}: {shown(self.fact, self.old)} → {shown(self.fact, self.new)}"
        )


def differences(
    base: Facts, other: Facts, witness: str, against: str = "spec"
) -> Iterator[Difference]:
    """Yield what a witness says differently; what follows from a difference above it is not one of its own."""
    moved: set[tuple[str, str]] = set()
    for fact in [
        *base.values,
        *(each for each in other.values if each not in base.values),
    ]:
        old, new = base.get(fact), other.get(fact)
        if (
            old is None
            or new is None
            or old == new
            or _follows(fact, moved, base, other)
        ):
            continue
        if fact.aspect in ("field", "status", "body") or _apart(fact, old, new):
            moved.add((fact.part, fact.place))
        yield Difference(
            kind_of(fact, old, new, other), fact, witness, against, old, new
        )


def _apart(fact: Fact, old: Value, new: Value) -> bool:
    """Tell whether nothing of what is below a fact can be compared."""
    if fact.aspect == "media type":
        return not old or not new
    return fact.aspect == "type" and _change(fact.aspect, old, new) == "changed"


def _follows(
    fact: Fact, moved: set[tuple[str, str]], base: Facts, other: Facts
) -> bool:
    if (
        fact.aspect == "error shape"
    ):  # says in one line what the fields say, where there are fields
        return all(
            Fact(fact.part, "", "type") in facts.values for facts in (base, other)
        )
    above = (
        fact.place
        if fact.aspect not in ("field", "required")
        else fact.place.rpartition("/")[0]
    )
    tokens = above.split("/")
    return any(
        (fact.part, "/".join(tokens[:end])) in moved
        for end in range(1, len(tokens) + 1)
    )


def kind_of(fact: Fact, old: Value, new: Value, facts: Facts) -> Kind:
    """Return whom a difference breaks; `facts` are those of the witness that says `new`."""
    aspect = fact.aspect
    if aspect == "path" and same_path(str(old), str(new)):
        return EDITORIAL
    if (
        aspect == "field"
        and new
        and facts.values.get(Fact(fact.part, fact.place, "required"))
    ):
        aspect = "field, required"
    rule = next(_RULES[key] for key in _keys(aspect, fact.part) if key in _RULES)
    return rule[
        ("widened", "narrowed", "changed").index(_change(fact.aspect, old, new))
    ]


def _keys(aspect: str, part: str) -> Iterator[tuple[str, str]]:
    yield aspect, "any"
    if not part:
        yield aspect, "operation"
    elif not part[0].isdigit() and part != "default":
        yield from ((aspect, "request"), ("*", "request"))
    else:
        yield aspect, "success" if part.startswith("2") else "error"
        yield from ((aspect, "answer"), ("*", "answer"))


def _change(aspect: str, old: Value, new: Value) -> Change:
    """Tell whether more or less is allowed than before; nothing said about a restriction allows everything."""
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
