"""Facts about an exchange with a service, computed once for all clauses."""

import marshal
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from contract.clauses import base
from contract.jsondiff import MISSING, Difference, differences, value_at
from contract.model import (
    Composite,
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
)
from contract.spec import Spec

REMOVED = (404, 410)
"""Statuses for a snapshot that is not there (overlay; RFC 9110, section 15.5)."""


LAST: deque["ServiceFacts"] = deque(maxlen=4)
"""What is judged and what is played next."""

OF_CASE: tuple[str, ...] = (
    "role",
    "snapshot_id",
    "sent_body",
    "sent_attributes",
    "sent_updates",
)
"""Facts that depend on the case and the ids of its placeholders alone."""

OF_RESPONSES = ("responses", "response", "is_decided", "status", "body")


class Role(Enum):
    """Subject of an exchange: the first thing that is special in its case."""

    OPEN = "the RFCs leave the response open"
    WRONG_KEYS = "the keys open no organization"
    NOT_UPDATE = "another operation, method or path"
    UNKNOWN = "a well-formed id that names nothing"
    MALFORMED = "any other id that names nothing"
    FOREIGN = "a snapshot of another organization"
    DELETED = "a deleted snapshot"
    INVALID = "an invalid body"
    OTHER_ID = "a body that names another snapshot than the path"
    VALID = "a valid body for a snapshot that exists"


@dataclass(frozen=True)
class ServiceFacts:
    """Facts about one exchange."""

    exchange: ServiceExchange
    spec: Spec

    @classmethod
    def of(cls, exchange: ServiceExchange, spec: Spec) -> "ServiceFacts":
        """Return the facts about an exchange. Those about the last ones are kept.

        Later states of an exchange share those of the case and of the responses.
        """
        values, names = dict[str, object](), OF_CASE
        for facts in tuple(LAST):
            last = facts.exchange
            if last is exchange and facts.spec is spec:
                return facts
            if last.case is exchange.case and last.ids is exchange.ids:
                is_answered = last.responses is exchange.responses
                names = OF_CASE + (OF_RESPONSES if is_answered else ())
                values = vars(facts)
        LAST.append(facts := cls(exchange, spec))
        vars(facts).update({n: values[n] for n in names if n in values})
        return facts

    @cached_property
    def case(self) -> ServiceCase:
        return self.exchange.case

    @cached_property
    def role(self) -> Role:
        case, target = self.case, self.case.target
        if case.override.is_open:
            return Role.OPEN
        if not case.credential.variant.is_valid:
            return Role.WRONG_KEYS
        if not self.is_update:
            return Role.NOT_UPDATE
        if self.target_state is SnapshotState.UNKNOWN:
            return Role.UNKNOWN
        if target is None or target not in self.exchange.ids or target.state.is_random:
            return Role.MALFORMED
        if not self.is_owner:
            return Role.FOREIGN
        if self.target_state is SnapshotState.DELETED:
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
    def target_state(self) -> SnapshotState | None:
        target = self.case.target
        return target.state if target is not None else None

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

    def real(self, value: Json) -> Json:
        """Return a value of the case with real ids. A view name stays."""
        match value:
            case Placeholder():
                return self.real_id(value)
            case Composite(parts):
                return "".join(map(self.real_id, parts))
            case dict():
                return {name: self.real(member) for name, member in value.items()}
        return value

    @cached_property
    def sent_body(self) -> Json:
        return self.real(self.case.body)

    @cached_property
    def sent_attributes(self) -> dict[str, Json]:
        return base.own_values(base.attributes_of(self.sent_body))

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
        return tuple(map(base.label_place, self.labels))

    def altered(
        self, difference: Difference, message: str, *, is_read: bool = False
    ) -> Finding:
        """Return the finding for a value that was sent, at its classes if known."""
        pointer, rule = difference.pointer, base.CHANGE_RULES[difference.change]
        labels = [label for label in self.labels if label.place == pointer]
        places = tuple(map(base.label_place, labels))
        if not places or self.case.is_generated:
            places += (self.place(pointer),)
        return rule.at_any(places, f"{message}: {difference}", is_read=is_read)

    @cached_property
    def responses(self) -> tuple[Response, ...]:
        return tuple(r for r in self.exchange.responses if r is not None)

    @property
    def unlimited_responses(self) -> tuple[Response, ...]:
        return tuple(r for r in self.responses if r.status != 429)

    @property
    def statuses(self) -> list[int]:
        """The statuses of all responses but a 429 and the rewrites."""
        return sorted({r.status for r in {*self.unlimited_responses} - self.rewrites})

    @property
    def rewrites(self) -> frozenset[Response]:
        """The redirects of an odd id to another form of the same path."""
        if self.role is not Role.MALFORMED or not set("/.%") & set(self.snapshot_id):
            return frozenset()
        url = self.exchange.requests[-1].url
        return frozenset(r for r in self.responses if base.is_rewrite(url, r))

    @cached_property
    def response(self) -> Response:
        """The response to the last request, of status 0 if there is none."""
        responses = self.exchange.responses
        return (responses and responses[-1]) or Response(0)

    @cached_property
    def is_decided(self) -> bool:
        """True if the last request got a response other than a 429."""
        return self.response.status not in (0, 429)

    @cached_property
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
        return self.status == 200 and self.role not in (Role.OPEN, Role.NOT_UPDATE)

    @cached_property
    def body(self) -> base.ParsedBody:
        return base.parse(self.response.body) if self.is_decided else base.ParsedBody()

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
        dates = base.date_pointers(self.spec.success_schema)
        return differences(expected, actual, dates, pointer)

    def missing_values(
        self, expected: dict[str, Json], document: Json
    ) -> Iterator[Difference]:
        actual = base.attributes_of(document)
        if expected and actual is None:
            yield from self.compare(expected, MISSING, base.ATTRIBUTES)
            return
        for name, value in expected.items():
            pointer = f"{base.ATTRIBUTES}/{name}"
            yield from self.compare(value, actual.get(name, MISSING), pointer)

    def forbidden_change(
        self, rule: Rule, place: str = "", *, except_id: str = ""
    ) -> Iterator[Finding]:
        if change := self.first_change(except_id):
            message = f"{rule.meaning[:-1]} ({self.ending}): {change}."
            yield rule.at(place, message, is_read=True)

    def first_change(self, except_id: str = "") -> str:
        """Describe a stored change. Another notation of a value is none."""
        before, after = self.exchange.before or {}, self.exchange.after or {}
        for snapshot_id in self.changed_ids:
            if snapshot_id == except_id:
                continue
            row, new_row = before.get(snapshot_id), after.get(snapshot_id)
            if row is None or new_row is None:
                return f"a snapshot {'appeared' if row is None else 'disappeared'}"
            for difference in self.compare(row, new_row, "/data"):
                return str(difference)
        return ""

    @cached_property
    def changed_ids(self) -> list[str]:
        """The ids whose rows differ. Not by ==: 1, 1.0 and True are equal."""
        before, after = self.exchange.before, self.exchange.after
        if before is None or after is None or before is after:
            return []
        return [
            name
            for name in sorted({*before, *after})
            if (old := before.get(name)) is not (new := after.get(name))
            and marshal.dumps(old, 0) != marshal.dumps(new, 0)
        ]

    def place(self, pointer: str) -> str:
        return base.place_of(self.spec.success_schema, pointer)

    def is_json(self, media_type: str) -> bool:
        is_suffixed = bool(re.fullmatch(r"application/.*\+json", media_type))
        return is_suffixed or media_type == self.spec.json_media_type


service_clause = base.Clause[ServiceFacts]
