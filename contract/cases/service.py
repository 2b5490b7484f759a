"""Scenarios for services.

A session alone knows the ids of its snapshots. Cases name snapshots by placeholders,
which the session replaces in the id of the path, in `override` and in the body.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import starmap
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from contract.cases import parameters, payloads
from contract.cases.documents import Documents, put_at
from contract.cases.payloads import template, with_attribute
from contract.cases.placeholders import (
    CUT,
    DELETED,
    OTHER,
    OWN,
    SEQUENCE,
    SIBLING,
    UNKNOWN,
    unguessable,
    unguessable_text,
)
from contract.cases.plain import creation_body
from contract.cases.scenario import Labels, Mark, Play, Scenario, generated, marked
from contract.cases.values import value_classes
from contract.endpoint import CREATED_ATTRIBUTES, ID_ATTRIBUTES, INTEGER_ATTRIBUTE
from contract.jsondiff import MISSING, differences
from contract.model import (
    VIEW_NAME,
    Json,
    KeyVariant,
    Label,
    Operation,
    Owner,
    Placeholder,
    RequestOverride,
    ServiceCase,
    ServiceCredential,
    ServiceExchange,
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


def with_id(body: Json, snapshot_id: Json = OWN) -> Json:
    match body:
        case {"data": {"id": _} as data}:
            return {**body, "data": {**data, "id": snapshot_id}}
    return body


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
        """Yield bodies that differ from the plain one at one place."""
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
        for label, body in self.bodies.valid():
            if label.place.endswith(f"/{INTEGER_ATTRIBUTE}"):
                yield self.case(label, body=merged(self.body, body), repeat=2)

    def scenarios(self) -> Iterator[Scenario]:
        bodies = self.bodies
        valid = generated(self.valid, bodies.labeled_strategy)
        yield early("valid-bodies", self.valid_bodies, valid, opening="full", early=5)
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
        yield Scenario("sequences", lambda: iter(()), machine=snapshot_machine(bodies))


early = partial(Scenario, early=99, is_late=True)
"""Scenario whose first kinds, by default all, are early, and others late."""


def service_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for services, in the order of a run."""
    return tuple(ServiceCatalogue(spec).scenarios())


# -- stateful sequences --

owners = st.sampled_from(Owner)
indices = st.integers(0, len(SEQUENCE) - 1)
numbers = st.integers(0, 2**16)


class SnapshotMachine(RuleBasedStateMachine):
    """State machine: create, update, list and delete by two organizations.

    It keeps a model of the snapshots that the service acknowledged. A list step carries
    it as `expected`, and the clauses compare it with what the service shows. `updates`
    are bodies with labels, `documented` the attributes of an update.
    """

    def __init__(
        self, updates: list[tuple[Label, Json]], documented: dict[str, Json], play: Play
    ) -> None:
        super().__init__()
        self.updates = updates
        self.documented = documented
        self.play = play
        self.stored: dict[Placeholder, dict[str, Json]] = {}
        self.deleted: set[Placeholder] = set()

    def step(
        self,
        operation: Operation,
        owner: Owner,
        *snapshot: Placeholder,
        label: Label | None = None,
        **details: Any,
    ) -> ServiceCase | None:
        """Play one operation. Return it as it was sent if it was acknowledged.

        `label` is that of the body: a breach has the place of other scenarios.
        """
        case = ServiceCase(
            labels=(label or Label("operation", operation),),
            is_generated=True,
            is_step=True,
            operation=operation,
            credential=ServiceCredential(owner),
            snapshot_id=snapshot,
            **details,
        )
        exchange = self.play(case)
        if not isinstance(exchange, ServiceExchange):
            return None
        is_done = any(r.is_success for r in exchange.responses[-1:] if r)
        return exchange.case if is_done else None

    def attributes(self, body: Json) -> dict[str, Json]:
        members = body["data"]["attributes"].items()
        return {name: value for name, value in members if name in self.documented}

    @precondition(lambda self: len(self.stored) < len(SEQUENCE))
    @rule(index=indices, number=numbers)
    def create(self, index: int, number: int) -> None:
        snapshot = choose(index, (s for s in SEQUENCE if s not in self.stored))
        label, update = choose(number, self.updates)
        attributes = self.attributes(update)
        for name in ID_ATTRIBUTES:
            attributes.pop(name, None)
        body = creation_body(snapshot, VIEW_NAME, VIEW_NAME, **attributes)
        owner = snapshot.owner
        case = self.step(Operation.CREATE, owner, snapshot, label=label, body=body)
        if case is not None:
            self.stored[snapshot] = dict(case.body["data"]["attributes"])
            self.deleted.discard(snapshot)

    @precondition(lambda self: self.stored or self.deleted)
    @rule(index=indices, owner=owners, number=numbers)
    def update(self, index: int, owner: Owner, number: int) -> None:
        created = {*self.stored, *self.deleted}
        snapshot = choose(index, (s for s in SEQUENCE if s in created))
        is_stored = snapshot in self.stored
        target = snapshot if is_stored else snapshot.deleted()
        label, update = choose(number, self.updates)
        body = with_id(update, target)
        case = self.step(Operation.UPDATE, owner, target, label=label, body=body)
        if case is not None and is_stored and owner is snapshot.owner:
            self.stored[snapshot] |= self.attributes(case.body)

    @precondition(lambda self: self.stored)
    @rule(index=indices, owner=owners)
    def delete(self, index: int, owner: Owner) -> None:
        self.remove(choose(index, self.stored), owner)

    def remove(self, snapshot: Placeholder, owner: Owner) -> None:
        """Delete a snapshot. The model follows if its own organization did it."""
        case = self.step(Operation.DELETE, owner, snapshot)
        if case is not None and owner is snapshot.owner:
            del self.stored[snapshot]
            self.deleted.add(snapshot)

    @rule(owner=owners)
    def compare(self, owner: Owner) -> None:
        own = {s: dict(row) for s, row in self.stored.items() if s.owner is owner}
        self.step(Operation.LIST, owner, expected=own)

    def teardown(self) -> None:
        for owner in sorted({snapshot.owner for snapshot in self.stored}):
            self.compare(owner)
        for snapshot in tuple(self.stored):
            self.remove(snapshot, snapshot.owner)


def snapshot_machine(bodies: Documents) -> partial[SnapshotMachine]:
    documented = bodies.at("/data/attributes").schema["properties"]
    updates = [row for row in bodies.valid() if "attributes" in row[1]["data"]]
    return partial(SnapshotMachine, updates, documented)


def choose(number: int, items: Iterable[Any]) -> Any:
    candidates = tuple(items)
    return candidates[number % len(candidates)]
