"""Scenarios for services.

A session alone knows the ids of its snapshots. Cases name snapshots by placeholders,
which the session replaces in the id of the path, in `override` and in the body.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import starmap
from typing import Any, TypeAlias

from hypothesis import strategies as st

from contract.cases import parameters, payloads
from contract.cases.documents import Documents, put_at
from contract.cases.payloads import template, with_attribute
from contract.cases.placeholders import DELETED, OTHER, OWN, SIBLING, UNKNOWN
from contract.cases.scenario import Labels, Mark, Scenario, generated, marked
from contract.cases.stateful import snapshot_machine
from contract.cases.values import value_classes
from contract.endpoint import CREATED_ATTRIBUTES, INTEGER_ATTRIBUTE
from contract.jsondiff import MISSING, differences
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


def with_id(body: Json, snapshot_id: str | Placeholder = OWN) -> Json:
    match body:
        case {"data": {"id": _} as data}:
            return {**body, "data": {**data, "id": snapshot_id}}
    return body


class ServiceCatalogue:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.bodies = Documents(spec.request.raw)
        # Both bodies have every member, but the second has no id.
        self.full = with_id(self.bodies.full())
        self.body = put_at(self.bodies.full(), ID, MISSING)

    def case(self, mark: Mark, **special: Any) -> ServiceCase:
        update = {"snapshot_id": (OWN,), "body": self.body}
        return ServiceCase(**(update | marked(mark) | special))

    def raw(self, mark: Mark, text: bytes, **special: Any) -> ServiceCase:
        override = RequestOverride(body=template(text))
        return self.case(mark, override=override, **special)

    def invalid(self, violation: Violation, body: Json) -> ServiceCase:
        body = body if violation.place == ID else with_id(body)
        return self.case(violation, body=body)

    def valid(self, labels: Labels, body: Json) -> ServiceCase:
        absent = Label(ID, "absent")
        special = tuple(item for item in labels if item.place != ID or item == absent)
        return self.case(special, body=with_id(body))

    def truncated(self, body: Json, share: float) -> ServiceCase:
        text = payloads.compact(with_id(body))
        text = text[: int(share * len(text))]
        return self.raw(TRUNCATED, text)

    def of_id(self, mark: Mark, snapshot_id: str) -> ServiceCase:
        return self.case(mark, snapshot_id=(snapshot_id,))

    def about(self, place: str, name: str, **special: Any) -> ServiceCase:
        return self.case(Label(place, name), **special)

    def with_keys(self, variants: Iterable[KeyVariant], **special: Any) -> Cases:
        for variant in variants:
            credential = ServiceCredential(variant=variant)
            yield self.about("keys", variant, credential=credential, **special)

    # -- bodies --

    def valid_bodies(self) -> Cases:
        for label, body in self.bodies.valid():
            if label.place != ID:
                yield self.case(label, body=with_id(body))
        yield self.about(ID, "as in the path", body=self.full)
        for name, value in CREATED_ATTRIBUTES.items():
            body = with_attribute(self.body, name, value)
            yield self.about(f"/data/attributes/{name}", "read-only member", body=body)

    def valid_and_joint_bodies(self) -> Cases:
        """Yield valid bodies, then one for each value class of several places."""
        groups: defaultdict[str, dict[str, ServiceCase]] = defaultdict(dict)
        for case in self.valid_bodies():
            yield case
            (label,) = case.labels
            if label.place and label.value_class not in ("absent", "present"):
                groups[label.value_class].setdefault(label.place, case)
        for cases in groups.values():
            body = with_id(self.bodies.full())
            for case in cases.values():
                for difference in differences(self.full, case.body):
                    if difference.actual is not MISSING:
                        put_at(body, difference.pointer, difference.actual)
            labels = tuple(case.labels[0] for case in cases.values())
            if len(labels) > 1:
                yield self.case(labels, body=body, is_generated=True)

    def spellings(self) -> Cases:
        for name, body, text in payloads.spellings(self.full):
            yield self.raw(Label("body", name), text, body=body)
        full = template(payloads.compact(self.full))
        for media_type in JSON_MEDIA_TYPES:
            override = RequestOverride(body=full, content_type=media_type)
            special = {"override": override, "body": self.full}
            yield self.about("Content-Type", media_type, **special)
        yield from self.with_keys([KeyVariant.LOWER_CASE_NAMES])

    def malformed(self) -> Cases:
        for name, text in payloads.malformed(self.body):
            yield self.raw(Violation("", "JSON", name), text)

    def media_types(self) -> Cases:
        for media_type, text in payloads.other_media(self.body):
            violation = Violation("Content-Type", "media type", media_type)
            override = RequestOverride(body=(text,), content_type=media_type)
            yield self.case(violation, override=override)

    def left_open(self) -> Cases:
        for place, name, override in payloads.left_open(self.body):
            yield self.about(place, name, override=override)
        doubled = (item for item in KeyVariant if item.is_doubled)
        yield from self.with_keys(doubled, override=RequestOverride(is_open=True))

    # -- ids, keys and paths --

    def snapshot_ids(self) -> Cases:
        about_id = partial(self.about, "snapshot_id")
        body = with_id(self.full, UNKNOWN)
        yield about_id("unknown", snapshot_id=(UNKNOWN,), repeat=2)
        yield about_id("unknown, also in the body", snapshot_id=(UNKNOWN,), body=body)
        yield about_id("lengthened", snapshot_id=(OWN, "x"))
        yield about_id("two in one", snapshot_id=(OWN, SIBLING))
        yield about_id("another in front", snapshot_id=(SIBLING, "/", OWN))
        yield about_id("wildcard", snapshot_id=("*",))
        yield from starmap(self.of_id, parameters.valid_ids())

    def deleted(self) -> Cases:
        about_id = partial(self.about, "snapshot_id", snapshot_id=(DELETED,))
        body = with_id(self.full, DELETED)
        yield about_id("deleted", repeat=2)
        yield about_id("deleted, also in the body", body=body)
        yield about_id("deleted again", operation=Operation.DELETE)

    def body_ids(self) -> Cases:
        for name, placeholder in OTHER_IDS.items():
            yield self.about(ID, name, body=with_id(self.full, placeholder))
        for value_class in value_classes(self.bodies.at(ID).schema):
            body = with_id(self.full, value_class.samples[0])
            yield self.about(ID, value_class.name, body=body)

    def keys(self) -> Cases:
        odd = (item for item in KeyVariant if not item.is_valid)
        return self.with_keys(item for item in odd if not item.is_doubled)

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
        for label, body in self.bodies.valid():
            if label.place.endswith(f"/{INTEGER_ATTRIBUTE}"):
                yield self.case(label, body=with_id(body), repeat=2)

    # -- scenarios --

    def scenarios(self) -> Iterator[Scenario]:
        bodies = self.bodies
        valid = generated(self.valid, bodies.labeled_strategy)
        cases = self.valid_and_joint_bodies
        yield early("valid-bodies", cases, valid, opening="full", early=5)
        yield Scenario(
            "invalid-bodies",
            lambda: starmap(self.invalid, bodies.invalid()),
            generated(self.invalid, bodies.invalid_strategy),
            late_classes=("boolean", "array"),
        )
        yield early("spellings", self.spellings)
        shares = st.floats(0, 1, exclude_max=True)
        truncated = generated(self.truncated, st.tuples(bodies.strategy, shares))
        yield Scenario("malformed-json", self.malformed, truncated)
        yield early("media-types", self.media_types)
        yield Scenario("left-open", self.left_open)
        ids = generated(self.of_id, parameters.generated_ids)
        yield early("snapshot-ids", self.snapshot_ids, ids)
        yield early("deleted", self.deleted)
        yield early("body-ids", self.body_ids, early=4)
        yield early("keys", self.keys)
        yield early("organizations", self.organizations)
        yield early("methods", self.methods, early=0)
        yield early("repeats", self.repeats, opening="full", early=3)
        machine = snapshot_machine(self.bodies)
        yield Scenario("sequences", lambda: iter(()), machine=machine)


early = partial(Scenario, early=99, is_late=True)
"""Scenario whose first kinds, by default all, are early, and others late."""


def service_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for services, in the order in which they are played."""
    return tuple(ServiceCatalogue(spec).scenarios())
