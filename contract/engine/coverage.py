"""Keyword coverage: the keywords of a schema that a run saw satisfied or broken."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from contract.model import Json
from contract.spec import Spec


class Goal(NamedTuple):
    """A keyword to exercise in one way, `satisfied` or `broken`."""

    schema: str
    pointer: str
    keyword: str
    way: str


class Coverage:
    """Keywords of the documented schemas that the documents of a run exercised."""

    def __init__(self, spec: Spec) -> None:
        self.schemas = {"request": spec.request}
        for status, response in spec.documented.items():
            self.schemas[str(status)] = response.media["application/json"]
        self._texts: set[tuple[str, bytes]] = set()
        self._missing: dict[str, set[Goal]] = {
            name: {
                Goal(name, constraint.pointer, constraint.keyword, way)
                for constraint in schema.constraints
                for way in ("satisfied", "broken")
            }
            for name, schema in self.schemas.items()
        }

    def note(self, name: str, document: Json) -> None:
        """Take the keywords from the gaps that a document satisfies or breaks.

        A keyword that does not apply to the document is neither.
        """
        missing, schema = self._missing[name], self.schemas[name]
        if not missing:
            return
        wrong = {
            (re.sub(r"/\d+(?![^/])", "/*", violation.place), violation.keyword)
            for violation in schema.errors(document)
        }
        lists = {place.partition("/*")[0] for place, _ in wrong if "/*" in place}
        broken = wrong | {(place, "items") for place in lists}
        missing -= {Goal(name, place, keyword, "broken") for place, keyword in broken}
        mistyped = {place for place, keyword in wrong if keyword == "type"}
        for goal in list(missing):
            pointer, keyword = goal.pointer, goal.keyword
            if goal.way == "broken" or (pointer, keyword) in wrong:
                continue
            values = list(values_at(document, pointer.split("/")[1:]))
            applies = bool(values) and (keyword == "type" or pointer not in mistyped)
            if keyword == "items":
                has_items = any(isinstance(value, list) and value for value in values)
                in_items = any(place.startswith(f"{pointer}/*") for place, _ in wrong)
                applies = has_items and not in_items
            if applies:
                missing.remove(goal)

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


def values_at(document: Json, tokens: list[str]) -> Iterator[Json]:
    """Yield the values at a place. `*` stands for every item of a list."""
    if not tokens:
        yield document
    elif tokens[0] == "*" and isinstance(document, list):
        for item in document:
            yield from values_at(item, tokens[1:])
    elif isinstance(document, dict) and tokens[0] in document:
        yield from values_at(document[tokens[0]], tokens[1:])
