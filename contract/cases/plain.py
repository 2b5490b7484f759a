"""Plain bodies: what a session sends where a case is about something else.

The catalogue has one plain value for each attribute. A service may refuse it, or need
more than the schema says. Then a session sends what the service took at its set-up, and
only the cases that are about such a value show the defect.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from contract.cases.documents import Documents
from contract.cases.payloads import template
from contract.endpoint import (
    ID_ATTRIBUTES,
    INTEGER_ATTRIBUTE,
    OPTIONAL_ATTRIBUTES,
    RESOURCE_TYPE,
    create_body,
)
from contract.jsondiff import same_json, value_at
from contract.model import (
    Composite,
    Json,
    Operation,
    Owner,
    Placeholder,
    ServiceCase,
    SnapshotState,
    Template,
    ViewName,
)
from contract.spec import Spec

ID = "/data/id"
ATTRIBUTES = "/data/attributes"
SMALL = 1
"""An integer that the strictest service takes."""


def random_uuid(number: int, owner: Owner = Owner.OWN) -> Placeholder:
    return Placeholder(owner, number, SnapshotState.RANDOM)


def creation_body(
    placeholder: Placeholder,
    view_name: str | ViewName,
    snapshot_name: str | ViewName,
    **attributes: Json,
) -> dict[str, Json]:
    """Return a body for create. Its ids are random, since a service may find rows."""
    first = 100 * (placeholder.number + 1)
    ids = {
        name: random_uuid(first + number, placeholder.owner)
        for number, name in enumerate(ID_ATTRIBUTES)
    }
    return create_body(view_name, snapshot_name, **ids, **attributes)


def required_only(body: Json) -> dict[str, Json]:
    """Return a body for create with its required attributes and a small integer."""
    attributes = {
        name: SMALL if name == INTEGER_ATTRIBUTE else value
        for name, value in body["data"]["attributes"].items()
        if name not in OPTIONAL_ATTRIBUTES
    }
    return {"data": {**body["data"], "attributes": attributes}}


@lru_cache
def plain_attributes(spec: Spec) -> Mapping[str, Json]:
    """Return the plain value of each attribute of an update."""
    attributes: Mapping[str, Json] = Documents(spec.request.raw).full()["data"][
        "attributes"
    ]
    return attributes


@dataclass(frozen=True)
class PlainUpdate:
    """The plainest update that a service takes.

    `values` are in the place of plain values that it refuses. `has_id` says that it
    needs the id in the body, too.
    """

    values: Mapping[str, Json] = field(default_factory=dict)
    has_id: bool = False

    @property
    def difference(self) -> str:
        """Describe what is not as in the catalogue, or return an empty string."""
        parts = ["data.id"] if self.has_id else []
        parts += ["UUIDs as ids and a small integer"] if self.values else []
        return " and ".join(parts)

    def body(self, spec: Spec, placeholder: Placeholder) -> Json:
        attributes = {**plain_attributes(spec), **self.values}
        data = {"type": RESOURCE_TYPE, "attributes": attributes}
        return {"data": {**data, "id": placeholder} if self.has_id else data}

    def adapted(self, case: ServiceCase, spec: Spec) -> ServiceCase:
        """Return an update with plain values that the service takes.

        What the case is about stays.
        """
        if case.operation is not Operation.UPDATE or not self.difference:
            return case
        places = {label.place for label in case.labels}
        plain = {
            name: value
            for name, value in plain_attributes(spec).items()
            if name in self.values and f"{ATTRIBUTES}/{name}" not in places
        }
        body, raw = case.body, case.override.body
        if raw is not None:
            raw, names = self._respelled(raw, plain)
            plain = {name: plain[name] for name in names}
        if isinstance(value_at(body, "/data"), dict):
            data = dict(body["data"])
            body = {**body, "data": data}
            if isinstance(data.get("attributes"), dict):
                data["attributes"] = {
                    name: self.values[name] if is_plain(value, plain, name) else value
                    for name, value in data["attributes"].items()
                }
            if self.has_id and ID not in places:
                named = Composite(case.snapshot_id)
                data.setdefault("id", case.target or named)
        return replace(case, body=body, override=replace(case.override, body=raw))

    def _respelled(
        self, raw: Template, plain: Mapping[str, Json]
    ) -> tuple[Template, list[str]]:
        names: list[str] = []
        text = b"".join(
            part if isinstance(part, bytes) else str(part).encode() for part in raw
        )
        for name, value in plain.items():
            # The first letter may be an escape.
            quoted = rf'"(?:{name[0]}|\\u00{ord(name[0]):02x}){name[1:]}"'
            pattern = rf"({quoted}\s*:\s*){json.dumps(value)}(?=\s*[,}}])"
            other = json.dumps(self.values[name], default=str)
            new_value = rb"\g<1>" + other.encode()
            text, count = re.subn(pattern.encode(), new_value, text)
            names += [name] * bool(count)
        return template(text), names


def is_plain(value: Json, plain: Mapping[str, Json], name: str) -> bool:
    return name in plain and same_json(plain[name], value)


def candidates() -> Iterator[PlainUpdate]:
    """Yield plain updates that a service may take, the plainest first."""
    ids = [name for name in ID_ATTRIBUTES if name != "application_id"]
    strict: dict[str, Json] = {INTEGER_ATTRIBUTE: SMALL}
    strict |= {name: random_uuid(10 + number) for number, name in enumerate(ids)}
    for values in ({}, strict):
        for has_id in (False, True):
            yield PlainUpdate(values, has_id)
