"""Documents of one schema: every way to satisfy and to break each keyword.

No field's name stands here.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from contract.cases import values
from contract.cases.scenario import Labels, drawing
from contract.jsondiff import MISSING, unescape, value_at
from contract.model import Json, Label, Violation
from contract.spec.schema import type_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Location:
    """A value in a document. The place has `{item}` for an index.

    `is_required` is None for the root and for items. No documented name needs escapes
    in a pointer, or begins with a digit.
    """

    pointer: str
    place: str
    schema: Json
    is_required: bool | None = None


class Documents:
    """The valid and the invalid documents of one schema.

    `reserved` are names with a meaning, which no unknown member at the top may have.
    """

    def __init__(self, schema: Json, reserved: tuple[str, ...] = ()) -> None:
        self.schema = schema
        self.reserved = reserved
        self.locations = tuple(walk("", schema))

    def at(self, pointer: str) -> Location:
        return next(item for item in self.locations if item.pointer == pointer)

    def minimal(self) -> Json:
        return example(self.schema)

    def full(self) -> Json:
        return example(self.schema, optional=True)

    def valid(self) -> Iterator[tuple[Label, Json]]:
        yield Label("", "minimal"), self.minimal()
        yield Label("", "full"), self.full()
        for location in self.locations:
            if location.is_required is False:
                without = put_at(self.full(), location.pointer, MISSING)
                yield Label(location.place, "absent"), without
            for name, value in valid_at(location):
                yield Label(location.place, name), self.with_value(location, value)
        for location in self.locations:
            if location.schema["type"] == "object":
                documented = location.schema.get("properties", ())
                for name, members in values.unknown_members(documented):
                    value = example(location.schema) | members
                    label = Label(f"{location.place}/{{any}}", name)
                    yield label, self.with_value(location, value)

    def labels(self, document: Json) -> Labels:
        """Return what is special in a valid document, in the labels of `valid`."""
        labels = [
            Label(location.place, name)
            for location in self.locations
            for name in classes_at(document, location)
        ]
        for location in self.locations:
            members = value_at(document, location.pointer)
            for name in members if isinstance(members, dict) else ():
                if name not in location.schema.get("properties", ()):
                    kind = f"unknown {values.type_name(type_of(members[name]))}"
                    labels.append(Label(f"{location.place}/{{any}}", kind))
        return tuple(dict.fromkeys(labels))

    @cached_property
    def strategy(self) -> "SearchStrategy[Json]":
        """Valid documents. They shrink towards `minimal`."""
        strategy: SearchStrategy[Json] = drawing().documents(self.schema, self.reserved)
        return strategy

    def labeled_strategy(self) -> "SearchStrategy[tuple[Labels, Json]]":
        return self.strategy.map(lambda document: (self.labels(document), document))

    @cached_property
    def mutations(self) -> tuple[tuple[Violation, Location, values.Mutation], ...]:
        return tuple(
            (Violation(location.place, item.keyword, item.name), location, item)
            for location in self.locations
            for item in values.mutations(location.schema, location.is_required)
        )

    def invalid(self) -> Iterator[tuple[Violation, Json]]:
        for violation, location, mutation in self.mutations:
            for sample in mutation.samples:
                yield violation, self.with_value(location, sample)

    @cached_property
    def invalid_strategy(self) -> "SearchStrategy[tuple[Violation, Json]]":
        """Valid documents with one broken keyword. Shrinking never loses it."""
        strategy: SearchStrategy[Any] = drawing().broken_documents(self)
        return strategy

    def with_value(self, location: Location, value: Json) -> Json:
        return self.put(self.minimal(), location, copy.deepcopy(value))

    def put(self, document: Json, location: Location, value: Json) -> Json:
        """Put a value into a document, with all that leads to it."""
        schema, node = self.schema, document
        for token in location.pointer.split("/")[1:]:
            if schema["type"] == "array":
                schema = schema["items"]
                while len(node) <= int(token):
                    node.append(example(schema))
                node = node[int(token)]
            else:
                schema = schema["properties"][token]
                if token not in node:
                    node[token] = example(schema)
                node = node[token]
        return put_at(document, location.pointer, value)


def walk(
    pointer: str, schema: Json, is_required: bool | None = None
) -> Iterator[Location]:
    """Yield the locations of a schema, parents first. A list has two items."""
    place = re.sub(r"/\d+", "/{item}", pointer)
    yield Location(pointer, place, schema, is_required)
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        yield from walk(f"{pointer}/{name}", member, name in required)
    for index in (0, 1) if "items" in schema else ():
        yield from walk(f"{pointer}/{index}", schema["items"])


def valid_at(location: Location) -> Iterator[tuple[str, Json]]:
    """Yield the valid values of a location, each with the name of its class."""
    schema = location.schema
    if location.is_required is False:
        yield "present", example(schema)
    for value_class in values.value_classes(schema):
        for sample in value_class.samples:
            yield value_class.name, sample
    if schema["type"] == "array":
        item = example(schema["items"], optional=True)
        # Texts differ, so that a client that loses one is found out.
        is_text = isinstance(item, str)
        for name, size in {"no item": 0, "one item": 1, "many items": 20}.items():
            yield name, [f"{item}{n}" if is_text else item for n in range(size)]


def classes_at(document: Json, location: Location) -> Iterator[str]:
    value = value_at(document, location.pointer)
    if value is not MISSING:
        for value_class in values.value_classes(location.schema):
            if value_class.matches(value):
                yield value_class.name
    elif location.is_required is False:
        parent = location.pointer.rpartition("/")[0]
        if value_at(document, parent) is not MISSING:
            yield "absent"


def example(schema: Json, *, optional: bool = False) -> Json:
    """Return the simplest valid value. `optional` adds every optional member."""
    if schema["type"] == "object":
        return {
            name: example(member, optional=optional)
            for name, member in schema.get("properties", {}).items()
            if optional or name in schema.get("required", ())
        }
    if schema["type"] == "array":
        return [example(schema["items"], optional=optional)] if optional else []
    if "enum" in schema:
        return schema["enum"][0]
    return values.value_classes(schema)[0].samples[0]


def put_at(document: Json, pointer: str, value: Json) -> Json:
    """Put a value at a pointer, or remove it, and return the document."""
    parent_pointer, slash, token = pointer.rpartition("/")
    if not slash:
        return value
    parent = value_at(document, parent_pointer)
    name = unescape(token)
    if value is MISSING:
        parent.pop(name, None)
    else:
        parent[int(name) if isinstance(parent, list) else name] = value
    return document
