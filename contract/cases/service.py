"""Scenarios for services.

A session alone knows the ids of its snapshots. Cases name snapshots by placeholders,
which the session replaces in the id of the path, in `override` and in the body.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, TypeAlias

from hypothesis import strategies as st

from contract.cases import parameters, payloads
from contract.cases.documents import Documents
from contract.cases.payloads import template, with_attribute
from contract.cases.placeholders import DELETED, OTHER, OWN, SIBLING, UNKNOWN
from contract.cases.scenario import Labels, Scenario, generated, label_of, scenario_of
from contract.cases.stateful import snapshot_machine
from contract.cases.values import value_classes
from contract.endpoint import CREATED_ATTRIBUTES
from contract.model import (
    Json,
    KeyVariant,
    Label,
    Operation,
    Owner,
    Placeholder,
    RequestOverride,
    ServiceCase,
    ServiceCredential,
    SnapshotRef,
    Violation,
)
from contract.spec import Spec

Cases: TypeAlias = Iterator[ServiceCase]

ID = "/data/id"
OTHER_IDS = {
    "sibling": SIBLING,
    "deleted": DELETED,
    "unknown": UNKNOWN,
    "other organization": OTHER,
}
JSON_MEDIA_TYPES = (
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/json;charset=UTF-8;a=b",
)
PATH_ENDS: tuple[tuple[str, SnapshotRef, bool], ...] = (
    ("collection", (), False),
    ("collection, trailing slash", ("/",), True),
    ("trailing slash", ("/", OWN, "/"), True),
    ("one segment more", ("/", OWN, "/x"), False),
    ("query", ("/", OWN, "?a=b"), True),
    ("query with another id", ("/", OWN, "?data[id]=", SIBLING), True),
)
"""Name, end of the path, and whether the RFCs leave the result open."""

TRUNCATED = Violation("", "JSON", "truncated")


def with_id(body: Json, placeholder: Placeholder = OWN) -> Json:
    """Return a body with a placeholder in place of a text as its id."""
    match body:
        case {"data": {"id": str()} as data}:
            return {**body, "data": {**data, "id": placeholder}}
    return body


@dataclass(frozen=True)
class ServiceCatalogue:
    """All cases for services, by scenario."""

    spec: Spec

    @cached_property
    def bodies(self) -> Documents:
        return Documents(self.spec.request.raw)

    @cached_property
    def full(self) -> Json:
        """A body with every member, the id of the own snapshot among them."""
        return with_id(self.bodies.full())

    @cached_property
    def body(self) -> Json:
        """A body with every member but the id."""
        data = {key: value for key, value in self.full["data"].items() if key != "id"}
        return {"data": data}

    def case(self, *labels: Label, **special: Any) -> ServiceCase:
        update = {"snapshot_id": (OWN,), "body": self.body}
        return ServiceCase(labels=labels, **(update | special))

    def raw(self, label: Label, text: bytes, **special: Any) -> ServiceCase:
        override = RequestOverride(body=template(text))
        return self.case(label, override=override, **special)

    def invalid(self, violation: Violation, body: Json) -> ServiceCase:
        body = body if violation.place == ID else with_id(body)
        return self.case(label_of(violation), body=body, violation=violation)

    def valid(self, labels: Labels, body: Json) -> ServiceCase:
        """Return an update with a valid body, whose id is that of the path."""
        special = [
            label
            for label in labels
            if label.place != ID or label.value_class == "absent"
        ]
        return self.case(*special, body=with_id(body))

    def truncated(self, body: Json, share: float) -> ServiceCase:
        text = payloads.compact(with_id(body))
        text = text[: int(share * len(text))]
        return self.raw(label_of(TRUNCATED), text, violation=TRUNCATED)

    def of_id(self, labels: Labels, *snapshot_id: str | Placeholder) -> ServiceCase:
        return self.case(*labels, snapshot_id=snapshot_id)

    def about(self, place: str, name: str, **special: Any) -> ServiceCase:
        return self.case(Label(place, name), **special)

    def with_keys(self, variants: Iterable[KeyVariant], **special: Any) -> Cases:
        """Yield updates with key pairs that are sent in some other way."""
        for variant in variants:
            credential = ServiceCredential(variant=variant)
            yield self.about("keys", variant, credential=credential, **special)

    # -- bodies --

    def valid_bodies(self) -> Cases:
        cases = [
            self.case(label, body=with_id(body))
            for (label,), body in self.bodies.valid()
            if label.place != ID
        ]
        cases.append(self.about(ID, "as in the path", body=self.full))
        for name, value in CREATED_ATTRIBUTES.items():
            body = with_attribute(self.body, name, value)
            place = f"/data/attributes/{name}"
            cases.append(self.about(place, "read-only member", body=body))
        return chain(cases, joint_cases(cases, self.full))

    def spellings(self) -> Cases:
        for name, body, text in payloads.spellings(self.full):
            yield self.raw(Label("body", name), text, body=body)
        full = template(payloads.compact(self.full))
        for media_type in JSON_MEDIA_TYPES:
            override = RequestOverride(body=full, content_type=media_type)
            yield self.about(
                "Content-Type", media_type, override=override, body=self.full
            )
        yield from self.with_keys([KeyVariant.LOWER_CASE_NAMES])

    def malformed(self) -> Cases:
        for name, text in payloads.malformed(self.body):
            violation = Violation("", "JSON", name)
            yield self.raw(label_of(violation), text, violation=violation)

    def media_types(self) -> Cases:
        for media_type, text in payloads.other_media(self.body):
            violation = Violation("Content-Type", "media type", media_type)
            override = RequestOverride(body=(text,), content_type=media_type)
            label = label_of(violation)
            yield self.case(label, override=override, violation=violation)

    def left_open(self) -> Cases:
        for label, override in payloads.left_open(self.body):
            yield self.case(label, override=override)
        doubled = (variant for variant in KeyVariant if variant.is_doubled)
        yield from self.with_keys(doubled, override=RequestOverride(is_open=True))

    # -- ids, keys and paths --

    def snapshot_ids(self) -> Cases:
        about_id = partial(self.about, "snapshot_id")
        body = with_id(self.bodies.full(), UNKNOWN)
        yield about_id("unknown", snapshot_id=(UNKNOWN,), repeat=2)
        yield about_id("unknown, also in the body", snapshot_id=(UNKNOWN,), body=body)
        yield about_id("lengthened", snapshot_id=(OWN, "x"))
        yield about_id("two in one", snapshot_id=(OWN, SIBLING))
        yield about_id("another in front", snapshot_id=(SIBLING, "/", OWN))
        yield about_id("wildcard", snapshot_id=("*",))
        for labels, snapshot_id in parameters.valid_ids():
            yield self.of_id(labels, snapshot_id)

    def deleted(self) -> Cases:
        about_id = partial(self.about, "snapshot_id", snapshot_id=(DELETED,))
        body = with_id(self.bodies.full(), DELETED)
        yield about_id("deleted", repeat=2)
        yield about_id("deleted, also in the body", body=body)
        yield about_id("deleted again", operation=Operation.DELETE)

    def body_ids(self) -> Cases:
        for name, placeholder in OTHER_IDS.items():
            body = with_id(self.bodies.full(), placeholder)
            yield self.about(ID, name, body=body)
        for value_class in value_classes(self.bodies.at(ID).schema):
            data = {**self.full["data"], "id": value_class.samples[0]}
            yield self.about(ID, value_class.name, body={"data": data})

    def keys(self) -> Cases:
        return self.with_keys(
            variant
            for variant in KeyVariant
            if not variant.is_valid and not variant.is_doubled
        )

    def organizations(self) -> Cases:
        other = "other organization"
        credential = ServiceCredential(Owner.OTHER)
        about_keys = partial(self.about, "keys", credential=credential)
        yield about_keys(other)
        yield about_keys(f"{other}, id in the body", body=self.full)
        yield self.about("snapshot_id", other, snapshot_id=(OTHER,))
        yield about_keys(f"{other}, its own snapshot", snapshot_id=(OTHER,))
        yield about_keys(f"{other} lists", operation=Operation.LIST, body=None)
        yield about_keys(f"{other} deletes", operation=Operation.DELETE, body=None)

    def methods(self) -> Cases:
        for method in ("PUT", "HEAD", "OPTIONS"):
            override = RequestOverride(method=method)
            yield self.about("method", method, override=override)
        for name, end, is_open in PATH_ENDS:
            path = (self.spec.collection_path, *end)
            override = RequestOverride(path=path, is_open=is_open)
            yield self.about("path", name, override=override)

    def repeats(self) -> Cases:
        yield self.about(ID, "absent", repeat=2)
        yield self.about("", "full", body=self.full, repeat=2)
        yield self.about("", "minimal", body=self.bodies.minimal(), repeat=2)
        integers = {
            location.place
            for location in self.bodies.locations
            if location.schema["type"] == "integer"
        }
        for (label,), body in self.bodies.valid():
            if label.place in integers:
                yield self.case(label, body=with_id(body), repeat=2)

    # -- scenarios --

    def body_scenarios(self) -> tuple[Scenario, ...]:
        bodies, shares = self.bodies, st.floats(0, 1, exclude_max=True)
        return (
            Scenario(
                "valid-bodies",
                self.valid_bodies,
                generated(self.valid, bodies.labeled_strategy),
                opening="full",
                early=5,
                is_late=True,
            ),
            scenario_of(
                "invalid-bodies",
                self.invalid,
                bodies.invalid,
                bodies.invalid_strategy,
                late_classes=("boolean", "array"),
            ),
            early("spellings", self.spellings),
            Scenario(
                "malformed-json",
                self.malformed,
                generated(self.truncated, st.tuples(bodies.strategy, shares)),
            ),
            early("media-types", self.media_types),
            Scenario("left-open", self.left_open),
        )

    def session_scenarios(self) -> tuple[Scenario, ...]:
        ids = generated(self.of_id, parameters.generated_ids())
        return (
            early("snapshot-ids", self.snapshot_ids, ids),
            early("deleted", self.deleted),
            Scenario("body-ids", self.body_ids, early=4, is_late=True),
            early("keys", self.keys),
            early("organizations", self.organizations),
            Scenario("methods", self.methods, is_late=True),
            Scenario("repeats", self.repeats, opening="full", early=3, is_late=True),
            Scenario(
                "sequences",
                lambda: iter(()),  # a state machine has no cases in the catalogue
                machine=snapshot_machine(self.bodies),
            ),
        )


early = partial(Scenario, early=99, is_late=True)
"""Scenario whose kinds are all played early, and further samples late."""


def joint_cases(cases: Sequence[ServiceCase], base: Json) -> Cases:
    """Yield a case for each value class that several places can have at once."""
    groups: defaultdict[str, dict[str, ServiceCase]] = defaultdict(dict)
    for case in cases:
        label = case.labels[0]
        if label.place and label.value_class not in ("absent", "present"):
            groups[label.value_class].setdefault(label.place, case)
    for group in groups.values():
        first, *others = group.values()
        if others:
            body = base
            for case in group.values():
                body = merged(base, body, case.body)
            labels = tuple(case.labels[0] for case in group.values())
            yield replace(first, labels=labels, body=body, is_generated=True)


def merged(base: Json, body: Json, other: Json) -> Json:
    """Return `body` with everything in which `other` differs from `base`."""
    if not (isinstance(body, dict) and isinstance(other, dict)):
        is_same = other == base and type(other) is type(base)
        return body if is_same else other
    members = base if isinstance(base, dict) else {}
    return body | {
        name: merged(members.get(name), body.get(name), other[name]) for name in other
    }


def service_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for services, in the order in which they are played."""
    catalogue = ServiceCatalogue(spec)
    return (*catalogue.body_scenarios(), *catalogue.session_scenarios())
