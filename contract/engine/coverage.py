"""Keyword coverage: the keywords of a schema that a run saw satisfied or broken."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from contract.model import Json
from contract.spec import Schema, Spec


class Goal(NamedTuple):
    """A keyword to exercise in one way, `satisfied` or `broken`."""

    schema: str
    pointer: str
    keyword: str
    way: str


class Coverage:
    """Keywords that the documents of a run exercised. `schemas` are by name."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self.schemas = schemas
        self._texts: set[tuple[str, bytes]] = set()
        self._missing: dict[str, set[Goal]] = {
            name: {
                Goal(name, constraint.pointer, constraint.keyword, way)
                for constraint in schema.constraints
                for way in ("satisfied", "broken")
            }
            for name, schema in schemas.items()
        }

    def note(self, name: str, document: Json) -> None:
        if missing := self._missing[name]:
            wanted = {(goal.pointer, goal.keyword) for goal in missing}
            missing -= {*exercised(name, self.schemas[name], document, wanted)}

    def note_text(self, name: str, text: bytes) -> None:
        """Take a JSON text into account. A text that is no JSON exercises nothing."""
        if self._missing[name] and (name, text) not in self._texts:
            self._texts.add((name, text))
            with suppress(ValueError, RecursionError):
                self.note(name, json.loads(text))

    @property
    def gaps(self) -> list[Goal]:
        return sorted(goal for goals in self._missing.values() for goal in goals)

    def share(self, name: str, way: str) -> tuple[int, int]:
        """Return how many keywords were exercised in a way, and how many there are."""
        constraints = self.schemas[name].constraints
        total = len({(item.pointer, item.keyword) for item in constraints})
        return total - sum(goal.way == way for goal in self._missing[name]), total


def coverage_of(spec: Spec) -> Coverage:
    """Return the coverage of the documented schemas before anything was played."""
    schemas = {"request": spec.request}
    for status, response in spec.documented.items():
        schemas[str(status)] = response.media["application/json"]
    return Coverage(schemas)


def exercised(
    name: str, schema: Schema, document: Json, wanted: set[tuple[str, str]]
) -> Iterator[Goal]:
    """Yield the wanted keywords that a document satisfies or breaks.

    A keyword that does not apply to the document is neither.
    """
    wrong = {
        (re.sub(r"/\d+(?![^/])", "/*", violation.place), violation.keyword)
        for violation in schema.errors(document)
    }
    for pointer, keyword in wrong:
        yield Goal(name, pointer, keyword, "broken")
        if "/*" in pointer:
            yield Goal(name, pointer.partition("/*")[0], "items", "broken")
    mistyped = {pointer for pointer, keyword in wrong if keyword == "type"}
    for constraint in schema.constraints:
        pointer, keyword = constraint.pointer, constraint.keyword
        if (pointer, keyword) not in wanted or (pointer, keyword) in wrong:
            continue
        values = list(values_at(document, pointer.split("/")[1:]))
        applies = bool(values) and (keyword == "type" or pointer not in mistyped)
        if keyword == "items":
            has_items = any(isinstance(value, list) and value for value in values)
            in_items = any(place.startswith(f"{pointer}/*") for place, _ in wrong)
            applies = has_items and not in_items
        if applies:
            yield Goal(name, pointer, keyword, "satisfied")


def values_at(document: Json, tokens: list[str]) -> Iterator[Json]:
    """Yield the values at a place. `*` stands for every item of a list."""
    if not tokens:
        yield document
    elif tokens[0] == "*" and isinstance(document, list):
        for item in document:
            yield from values_at(item, tokens[1:])
    elif isinstance(document, dict) and tokens[0] in document:
        yield from values_at(document[tokens[0]], tokens[1:])
