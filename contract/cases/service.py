"""Scenarios for services.

A session alone knows the ids of its snapshots. Cases name snapshots by placeholders,
which the session replaces in the id of the path, in `override` and in the body.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from itertools import starmap
from typing import Any

from contract.cases import parameters, payloads
from contract.cases.documents import Documents, put_at, valid_at
from contract.cases.payloads import template, with_attribute
from contract.cases.placeholders import (
    CUT,
    DELETED,
    OTHER,
    OWN,
    SIBLING,
    UNKNOWN,
    unguessable,
    unguessable_text,
    with_id,
)
from contract.cases.scenario import (
    Labels,
    Mark,
    Play,
    Scenario,
    drawing,
    generated,
    marked,
)
from contract.cases.sequences import SnapshotSequence
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

Cases = Iterator[ServiceCase]

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


def merged(plain: Json, special: Json) -> Json:
    """Return a document with the members of both. The special one wins."""
    if not (isinstance(plain, dict) and isinstance(special, dict)):
        return special
    members = {name: merged(plain.get(name), value) for name, value in special.items()}
    return {**plain, **members}


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
        return self.case(mark, override=RequestOverride(body=template(text)), **special)

    def invalid(self, violation: Violation, body: Json) -> ServiceCase:
        body = body if violation.place == ID else with_id(body)
        return self.case(violation, body=body)

    def valid(self, labels: Labels, body: Json) -> ServiceCase:
        absent = Label(ID, "absent")
        special = tuple(item for item in labels if item.place != ID or item == absent)
        return self.case(special, body=with_id(body))

    def truncated(self, body: Json, share: float) -> ServiceCase:
        text = payloads.compact(with_id(body))
        violation = Violation("", "JSON", "truncated")
        return self.raw(violation, text[: int(share * len(text))])

    def of_id(self, mark: Mark, snapshot_id: str) -> ServiceCase:
        return self.case(mark, snapshot_id=unguessable(snapshot_id))

    def about(self, place: str, name: str, **special: Any) -> ServiceCase:
        return self.case(Label(place, name), **special)

    def of_path(
        self, name: str, *snapshot_id: str | Placeholder, **special: Any
    ) -> ServiceCase:
        return self.about("snapshot_id", name, snapshot_id=snapshot_id, **special)

    def with_keys(self, variants: Iterable[KeyVariant], **special: Any) -> Cases:
        for variant in variants:
            credential = ServiceCredential(variant=variant)
            yield self.about("keys", variant, credential=credential, **special)

    def single_bodies(self) -> Cases:
        for label, body in self.bodies.valid():
            is_whole = not label.place or label.value_class in ("absent", "present")
            if label.place != ID:
                body = body if is_whole else merged(self.body, body)
                yield self.case(label, body=with_id(body))
        yield self.about(ID, "as in the path", body=self.full)
        for name, value in CREATED_ATTRIBUTES.items():
            body = with_attribute(self.body, name, value)
            yield self.about(f"/data/attributes/{name}", "read-only member", body=body)

    def valid_bodies(self) -> Cases:
        """Yield valid bodies, then one for each value class of several places."""
        groups: defaultdict[str, dict[Label, ServiceCase]] = defaultdict(dict)
        for case in self.single_bodies():
            yield case
            (label,) = case.labels
            if label.place and label.value_class not in ("absent", "present"):
                groups[label.value_class].setdefault(label, case)
        for cases in groups.values():
            body = with_id(self.bodies.full())
            for case in cases.values():
                for difference in differences(self.full, case.body):
                    if difference.actual is not MISSING:
                        put_at(body, difference.pointer, difference.actual)
            if len(cases) > 1:
                yield self.case(tuple(cases), body=body, is_generated=True)

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

    def snapshot_ids(self) -> Cases:
        body = with_id(self.full, UNKNOWN)
        yield self.of_path("unknown", UNKNOWN, repeat=2)
        yield self.of_path("unknown, also in the body", UNKNOWN, body=body)
        yield self.of_path("lengthened", OWN, "x")
        yield self.of_path("two in one", OWN, SIBLING)
        yield self.of_path("another in front", SIBLING, "/", OWN)
        yield self.of_path("wildcard", CUT, "*")
        # Several samples may have one form.
        cases = starmap(self.of_id, parameters.valid_ids())
        yield from {(case.labels, case.snapshot_id): case for case in cases}.values()

    def deleted(self) -> Cases:
        body = with_id(self.full, DELETED)
        yield self.of_path("deleted", DELETED, repeat=2)
        yield self.of_path("deleted, also in the body", DELETED, body=body)
        yield self.of_path("deleted again", DELETED, operation=Operation.DELETE)

    def body_ids(self) -> Cases:
        for name, placeholder in OTHER_IDS.items():
            yield self.about(ID, name, body=with_id(self.full, placeholder))
        for item in value_classes(self.bodies.at(ID).schema):
            named = unguessable_text(item.samples[0])
            yield self.about(ID, item.name, body=with_id(self.full, named))

    def keys(self) -> Cases:
        odd = (v for v in KeyVariant if not (v.is_valid or v.is_doubled))
        return self.with_keys(odd)

    def organizations(self) -> Cases:
        other = "other organization"
        about_keys = partial(
            self.about, "keys", credential=ServiceCredential(Owner.OTHER)
        )
        yield about_keys(other)
        yield about_keys(f"{other}, id in the body", body=self.full)
        yield self.of_path(other, OTHER)
        yield about_keys(f"{other}, its own snapshot", snapshot_id=(OTHER,))
        yield about_keys(f"{other} lists", operation=Operation.LIST, body=None)
        yield about_keys(f"{other} deletes", operation=Operation.DELETE, body=None)

    def methods(self) -> Cases:
        for method in ("PUT", "HEAD", "OPTIONS"):
            yield self.about("method", method, override=RequestOverride(method=method))
        for name, end, is_open in PATH_ENDS:
            path = (self.spec.collection_path, *end)
            override = RequestOverride(path=path, is_open=is_open)
            yield self.about("path", name, override=override)

    def repeats(self) -> Cases:
        yield self.about(ID, "absent", repeat=2)
        yield self.about("", "full", body=self.full, repeat=2)
        yield self.about("", "minimal", body=self.bodies.minimal(), repeat=2)
        location = self.bodies.at(f"/data/attributes/{INTEGER_ATTRIBUTE}")
        for name, value in valid_at(location):
            body = merged(self.body, self.bodies.with_value(location, value))
            yield self.about(location.place, name, body=body, repeat=2)

    def scenarios(self) -> Iterator[Scenario]:
        bodies = self.bodies
        valid = generated(self.valid, bodies.labeled_strategy)
        yield early("valid-bodies", self.valid_bodies, valid, opening="full", early=5)
        yield Scenario(
            "invalid-bodies",
            lambda: starmap(self.invalid, bodies.invalid()),
            generated(self.invalid, lambda: bodies.invalid_strategy),
            late_classes=("boolean", "array"),
        )
        yield early("spellings", self.spellings)
        truncated = generated(self.truncated, lambda: drawing().cut(bodies))
        yield Scenario("malformed-json", self.malformed, truncated)
        yield early("media-types", self.media_types)
        yield Scenario("left-open", self.left_open)
        ids = generated(self.of_id, lambda: drawing().snapshot_ids)
        yield early("snapshot-ids", self.snapshot_ids, ids)
        yield early("deleted", self.deleted)
        yield early("body-ids", self.body_ids, early=4)
        yield early("keys", self.keys)
        yield early("organizations", self.organizations)
        yield early("methods", self.methods, early=0)
        yield early("repeats", self.repeats, opening="full", early=3)
        yield Scenario("sequences", lambda: iter(()), sequence=self.sequence)

    @cached_property
    def updates(self) -> list[tuple[Label, Json]]:
        rows = self.bodies.valid()
        return [row for row in rows if "attributes" in row[1]["data"]]

    def sequence(self, play: Play) -> SnapshotSequence:
        documented = self.bodies.at("/data/attributes").schema["properties"]
        return SnapshotSequence(self.updates, documented, play)


early = partial(Scenario, early=99, is_late=True)
"""Scenario whose first kinds, by default all, are early, and others late."""


def service_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios in the order of a run."""
    return tuple(ServiceCatalogue(spec).scenarios())
