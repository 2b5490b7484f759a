"""Drift: the page, published documents and recordings, compared with the spec.

    witness ──> facts ──> compare with the spec's facts ──> Drift

`facts` is the common language. `page` and `operation` translate a witness into it. The
kinds of a difference follow oasdiff: a change breaks a side if the other side can keep
to the old contract and thereby violate the new one.

- Widened requests (more types, a new enum value) break services, narrowed ones clients.
- Widened responses break clients, narrowed ones services.
- A change in neither direction (another type) breaks both. It counts as breaking for
  clients.

There are two departures. A new 2xx breaks clients, since the 200 is the only success.
A change that only makes a service wrong breaks services.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from contract.drift.facts import EXISTENCE, Fact, Facts, Value, same_path
from contract.drift.operation import (
    facts_of_openapi,
    facts_of_recordings,
    facts_of_spec,
)
from contract.drift.page import facts_of_page
from contract.drift.sources import read_source, upstream
from contract.errors import UsageError
from contract.model import Json
from contract.spec import Spec

__all__ = ["KINDS", "Drift", "drift"]

KINDS = (
    "breaking for clients",
    "breaking for services",
    "compatible",
    "editorial",
)
CLIENTS, SERVICES, COMPATIBLE, EDITORIAL = KINDS

RULES = {
    # (aspect, subject): (added or widened, removed or narrowed)
    ("site", "operation"): (COMPATIBLE, CLIENTS),
    ("header", "operation"): (CLIENTS, SERVICES),
    ("security", "operation"): (COMPATIBLE, CLIENTS),
    ("*", "operation"): (CLIENTS, CLIENTS),
    ("body", "request"): (CLIENTS, CLIENTS),
    ("required field", "request"): (CLIENTS, CLIENTS),
    ("*", "request"): (SERVICES, CLIENTS),
    ("status", "success"): (CLIENTS, CLIENTS),
    ("status", "error"): (COMPATIBLE, SERVICES),
    ("media type", "response"): (COMPATIBLE, CLIENTS),
    ("required field", "response"): (SERVICES, CLIENTS),
    ("*", "response"): (CLIENTS, SERVICES),
    ("field", "any"): (COMPATIBLE, CLIENTS),
    ("read-only", "any"): (COMPATIBLE, COMPATIBLE),
    ("default", "any"): (COMPATIBLE, COMPATIBLE),
    ("text", "any"): (EDITORIAL, EDITORIAL),
}
"""`*` is any other aspect. A change in neither direction is of the worse kind."""


class Difference(NamedTuple):
    """A fact with two values: that of `against`, and the new one of a witness."""

    kind: str
    fact: Fact
    witness: str
    against: str
    old: Value
    new: Value

    def __str__(self) -> str:
        fact = self.fact
        if fact.aspect in EXISTENCE:
            lacking = self.against if self.new else self.witness
            return f"{fact}: {lacking} does not have it"
        return f"{fact}: {fact.format(self.old)} → {fact.format(self.new)}"


def differences(base: Facts, other: Facts, witness: str) -> Iterator[Difference]:
    """Yield the differences from the spec that do not follow from another."""
    moved: list[str] = []
    for fact in dict.fromkeys([*base.values, *other.values]):
        old, new = base.get(fact), other.get(fact)
        if old is None or new is None or old == new:
            continue
        if follows(fact, moved, base, other):
            continue
        is_moved = fact.aspect == "type" and is_wider("type", old, new) is None
        if fact.aspect in ("body", "status", "field", "media type"):
            is_moved = not (old and new)
        if is_moved:
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


def kind_of(fact: Fact, old: Value, new: Value, facts: Facts) -> str:
    part, place, aspect = fact
    if aspect == "path" and same_path(str(old), str(new)):
        return EDITORIAL
    is_required = facts.values.get(Fact(part, place, "required"))
    if aspect == "field" and new and is_required:
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


# -- the result --


class Witness(NamedTuple):
    name: str
    source: str
    facts: int
    remark: str


class Contradiction(NamedTuple):
    witness: str
    place: str
    message: str


class Row(NamedTuple):
    fact: Fact
    spec: Value | None
    values: dict[str, Value]

    @property
    def statements(self) -> dict[str, list[str]]:
        """The names of spec and witnesses by what they say, in words."""
        statements: dict[str, list[str]] = {}
        for name, value in {"spec": self.spec, **self.values}.items():
            if value is not None:
                statements.setdefault(self.fact.format(value), []).append(name)
        return statements


class Drift(NamedTuple):
    """All witnesses beside the spec. The worst difference is first."""

    witnesses: tuple[Witness, ...]
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def status(self) -> int:
        """The exit status: 1 if a difference breaks somebody, else 0."""
        return int(any(item.kind in (CLIENTS, SERVICES) for item in self.differences))

    @property
    def kinds(self) -> dict[Fact, str]:
        """The worst kind of difference in a fact."""
        return {item.fact: item.kind for item in reversed(self.differences)}

    def to_json(self) -> Json:
        return {
            "format": 1,
            "status": self.status,
            "witnesses": [witness._asdict() for witness in self.witnesses],
            "differences": [
                {**members.pop("fact")._asdict(), **members, "message": str(item)}
                for item in self.differences
                for members in [item._asdict()]
            ],
            "contradictions": [item._asdict() for item in self.contradictions],
            "facts": [
                {**fact._asdict(), "spec": spec, "witnesses": values}
                for fact, spec, values in self.rows
            ],
        }


# -- the comparison --


def drift(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
) -> Drift:
    """Compare witnesses with the spec.

    A page (Markdown) or an OpenAPI document (YAML or JSON) is a file or an address. The
    document `upstream` is the newest one of the official Python SDK. Recordings
    (directories of VCR cassettes) are compared with the spec and its overlay. Sentences
    are compared between witnesses only, since the spec has its own.

    Raises SpecError for a witness that cannot be read, SubjectError for one that cannot
    be reached, and UsageError for a directory of something else, or without a witness.
    """
    base = facts_of_spec(spec)
    observed = facts_of_spec(spec, observed=True)
    witnesses: dict[Witness, Facts] = {}
    items: list[Difference] = []
    contradictions: list[Contradiction] = []
    texts: dict[Fact, tuple[str, Value]] = {}
    numbers = Counter[str]()
    for kind, source, facts in read_all(pages, openapis, recordings, spec):
        numbers[kind] += 1
        name = f"{kind} {numbers[kind]}" if numbers[kind] > 1 else kind
        witness = Witness(name, source, len(facts.values), facts.remark)
        witnesses[witness] = facts
        items += differences(observed if kind == "recordings" else base, facts, name)
        for fact, text in facts.values.items():
            if fact.aspect == "text":
                first, old = texts.setdefault(fact, (name, text))
                if old != text:
                    items.append(Difference(EDITORIAL, fact, name, first, old, text))
        contradictions += [Contradiction(name, *item) for item in facts.contradictions]
    if not witnesses:
        options = "--page, --openapi or --recordings"
        raise UsageError(f"nothing to compare with the spec: give {options}")
    return Drift(
        tuple(witnesses),
        tuple(rows_of(base, observed, witnesses)),
        tuple(sorted(items, key=lambda item: KINDS.index(item.kind))),
        tuple(contradictions),
    )


def read_all(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
) -> Iterator[tuple[str, str, Facts]]:
    for address in pages:
        source, content = read_source(address)
        yield "page", source, facts_of_page(source, content, spec)
    for address in openapis:
        is_upstream = address == "upstream"
        source, content = upstream() if is_upstream else read_source(address)
        kind = "upstream" if is_upstream else "openapi"
        yield kind, source, facts_of_openapi(source, content, spec)
    for directory in recordings:
        yield "recordings", str(directory), facts_of_recordings(directory, spec)


def rows_of(
    base: Facts, observed: Facts, witnesses: dict[Witness, Facts]
) -> Iterator[Row]:
    every = (base, observed, *witnesses.values())
    for fact in dict.fromkeys(chain(*(facts.values for facts in every))):
        is_own = fact in observed.values and fact not in base.values
        spec = observed.values[fact] if is_own else base.get(fact)
        if is_own and fact.aspect in EXISTENCE:
            spec = "observed"  # only recordings can confirm it
        values = {}
        for witness, facts in witnesses.items():
            value = facts.values.get(fact) if is_own else facts.get(fact)
            if value is not None:
                values[witness.name] = value
        if values:
            yield Row(fact, spec, values)
