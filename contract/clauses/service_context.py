"""Facts about one exchange with a service, computed once and shared by the clauses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TypeAlias

from contract.clauses.base import CHANGE_RULES, Clause, date_pointers, place_of, slug
from contract.clauses.bodies import ParsedBody, parse
from contract.jsondiff import MISSING, Change, Difference, differences, value_at
from contract.model import (
    Finding,
    Json,
    Label,
    Operation,
    Owner,
    Placeholder,
    Response,
    Rule,
    ServiceCase,
    ServiceExchange,
    SnapshotState,
    ViewName,
)
from contract.spec import Spec

ATTRIBUTES = "/data/attributes"
"""The place of the attributes in a resource (JSON:API, section 7.2)."""

CLOSED_WHILE_SENDING = "closed while sending"
"""Type of the outcome if a client may have no response (RFC 9112, section 9.5)."""

RATE_LIMITED = 429

REMOVED_STATUSES = (404, 410)
"""Statuses for a snapshot that is not there (overlay; RFC 9110, section 15.5)."""


class Role(Enum):
    """Subject of an exchange: the first thing that is special in its case."""

    UNSPECIFIED = "the RFCs leave the response open"
    WRONG_KEYS = "the keys open no organization"
    NOT_UPDATE = "another operation, method or path"
    UNKNOWN_ID = "a well-formed id that names nothing"
    MALFORMED_ID = "any other id that names nothing"
    OTHER_TENANT = "a snapshot of another organization"
    DELETED = "a deleted snapshot"
    INVALID = "an invalid body"
    OTHER_ID = "a body that names another snapshot than the path"
    VALID = "a valid body for a snapshot that exists"


@dataclass(frozen=True)
class ServiceFacts:
    """One exchange with a service, and the contract that it is checked against."""

    exchange: ServiceExchange
    spec: Spec

    @property
    def case(self) -> ServiceCase:
        return self.exchange.case

    @cached_property
    def role(self) -> Role:
        case, target = self.case, self.case.target
        if case.override.is_open:
            return Role.UNSPECIFIED
        if not case.credential.variant.is_valid:
            return Role.WRONG_KEYS
        if not self.is_update:
            return Role.NOT_UPDATE
        if target is not None and target.state is SnapshotState.UNKNOWN:
            return Role.UNKNOWN_ID
        if target is None or target not in self.exchange.ids:
            return Role.MALFORMED_ID
        if not self.is_owner:
            return Role.OTHER_TENANT
        if target.state is SnapshotState.DELETED:
            return Role.DELETED
        if case.violation is not None:
            return Role.INVALID
        named = value_at(self.sent_body, "/data/id")
        is_other = isinstance(named, str) and named != self.snapshot_id
        return Role.OTHER_ID if is_other else Role.VALID

    @property
    def is_update(self) -> bool:
        override = self.case.override
        is_plain = override.method is None and override.path is None
        return self.case.operation is Operation.UPDATE and is_plain

    @property
    def is_owner(self) -> bool:
        target = self.case.target
        owner = target.owner if target is not None else Owner.OWN
        return self.case.credential.owner is owner

    def real_id(self, part: str | Placeholder) -> str:
        if isinstance(part, Placeholder):
            return self.exchange.ids.get(part, str(part))
        return part

    @cached_property
    def snapshot_id(self) -> str:
        return "".join(map(self.real_id, self.case.snapshot_id))

    @cached_property
    def sent_body(self) -> Json:
        match self.case.body:
            case {"data": {"id": Placeholder() as named, **data}, **members}:
                return {**members, "data": {**data, "id": self.real_id(named)}}
        return self.case.body

    @cached_property
    def sent_attributes(self) -> dict[str, Json]:
        """The attributes of the body. The run's own view name is left out."""
        return own_values(attributes_of(self.case.body))

    @cached_property
    def sent_updates(self) -> dict[str, Json]:
        names = self.spec.attributes_schema.raw["properties"]
        return {k: v for k, v in self.sent_attributes.items() if k in names}

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels of the case: the first one if it is of the catalogue.

        A generated case cannot tell which of its labels matters.
        """
        case = self.case
        return case.labels if case.is_generated else case.labels[:1]

    @cached_property
    def label_places(self) -> tuple[str, ...]:
        return tuple(map(label_place, self.labels))

    def altered(self, difference: Difference, message: str) -> Finding:
        """Return the finding for a value that was sent, at its classes if known."""
        labels = [label for label in self.labels if label.place == difference.pointer]
        places = tuple(map(label_place, labels))
        if not places or self.case.is_generated:
            places += (self.place(difference.pointer),)
        rule = CHANGE_RULES[difference.change]
        return rule.at_any(places, f"{message}: {difference}")

    @cached_property
    def responses(self) -> tuple[Response, ...]:
        return tuple(r for r in self.exchange.responses if r is not None)

    @property
    def unlimited_responses(self) -> tuple[Response, ...]:
        return tuple(r for r in self.responses if r.status != RATE_LIMITED)

    @property
    def distinct_statuses(self) -> list[int]:
        return sorted({response.status for response in self.unlimited_responses})

    @property
    def response(self) -> Response:
        """The response to the last request, of status 0 if there is none."""
        responses = self.exchange.responses
        return (responses and responses[-1]) or Response(0)

    @property
    def is_decided(self) -> bool:
        """True if the last request got a response other than a 429."""
        return self.response.status not in (0, RATE_LIMITED)

    @property
    def status(self) -> int:
        """The status of the deciding response, or 0 if nothing is decided."""
        return self.response.status if self.is_decided else 0

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        return 400 <= self.status < 500

    @property
    def is_updated(self) -> bool:
        is_open = self.role in (Role.UNSPECIFIED, Role.NOT_UPDATE)
        return self.status == 200 and not is_open

    @cached_property
    def body(self) -> ParsedBody:
        return parse(self.response.body) if self.is_decided else ParsedBody()

    @property
    def is_readable_update(self) -> bool:
        """True if a valid body got a 200 that is JSON. S-SCHEMA judges any other."""
        return self.role is Role.VALID and self.status == 200 and not self.body.defect

    @property
    def ending(self) -> str:
        status, outcome = self.response.status, self.exchange.outcome
        return f"status {status}" if status else f"no response ({outcome.type})"

    @property
    def was_listed(self) -> bool:
        return None not in (self.exchange.before, self.exchange.after)

    def listed(self, snapshot_id: str) -> tuple[Json, Json]:
        """Return a snapshot as listed before and after, each as a document."""
        before, after = self.exchange.before or {}, self.exchange.after or {}
        return {"data": before.get(snapshot_id)}, {"data": after.get(snapshot_id)}

    def compare(
        self, expected: Json, actual: Json, pointer: str = ""
    ) -> Iterator[Difference]:
        dates = date_pointers(self.spec.success_schema)
        return differences(expected, actual, dates, pointer)

    def missing_values(
        self, expected: dict[str, Json], document: Json
    ) -> Iterator[Difference]:
        actual = attributes_of(document)
        if expected and actual is None:
            yield Difference(ATTRIBUTES, Change.MEMBER_LOST, expected, MISSING)
            return
        for name, value in expected.items():
            pointer = f"{ATTRIBUTES}/{name}"
            yield from self.compare(value, actual.get(name, MISSING), pointer)

    def forbidden_change(
        self, rule: Rule, place: str = "", *, except_id: str = ""
    ) -> Iterator[Finding]:
        if change := self.first_change(except_id):
            yield rule.at(place, f"{rule.meaning[:-1]} ({self.ending}): {change}.")

    def first_change(self, except_id: str) -> str:
        """Describe a stored change. Another notation of a value is none."""
        before, after = self.exchange.before, self.exchange.after
        if before is None or after is None:
            return ""
        for snapshot_id in sorted({*before, *after} - {except_id}):
            row, new_row = before.get(snapshot_id), after.get(snapshot_id)
            if row is None or new_row is None:
                return f"a snapshot {'appeared' if row is None else 'disappeared'}"
            if row is not new_row:
                for difference in self.compare(row, new_row, "/data"):
                    return str(difference)
        return ""

    def place(self, pointer: str) -> str:
        return place_of(self.spec.success_schema, pointer)

    def is_json(self, media_type: str) -> bool:
        is_suffixed = re.fullmatch(r"application/.*\+json", media_type)
        return bool(is_suffixed) or media_type == self.spec.json_media_type


def attributes_of(document: Json) -> Json:
    """Return the attributes of a document's resource, or None."""
    match document:
        case {"data": {"attributes": dict(attributes)}}:
            return attributes
    return None


def own_values(attributes: Json) -> dict[str, Json]:
    """Return attributes without those that the session fills in."""
    members = (attributes or {}).items()
    return {name: value for name, value in members if not isinstance(value, ViewName)}


def omit(attributes: dict[str, Json], *names: str) -> dict[str, Json]:
    """Return attributes without some of them."""
    return {name: value for name, value in attributes.items() if name not in names}


def label_place(label: Label) -> str:
    """Return the place of a label: `/data/attributes/start:negative`."""
    return f"{label.place}:{slug(label.value_class)}".strip(":")


service_clause: TypeAlias = Clause[ServiceFacts]
