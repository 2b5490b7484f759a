"""Keyword coverage of a run: every (JSON pointer, keyword) of a schema, seen satisfied and seen broken."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.model import Json
from contract.spec import Schema

__all__ = ["Coverage", "Gap"]


class Gap(NamedTuple):
    """A keyword that no case has exercised in one way, `satisfied` or `broken`."""

    schema: str
    pointer: str
    keyword: str
    way: str


@dataclass
class Coverage:
    """What the documents of a run have exercised; `schemas` by name."""

    schemas: Mapping[str, Schema]
    exercised: set[Gap] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._left: dict[str, set[Gap]] = {}
        self._seen: set[tuple[str, bytes]] = set()
        for name, schema in self.schemas.items():
            pairs = {(each.pointer, each.keyword) for each in schema.constraints}
            self._left[name] = {
                Gap(name, *pair, way)
                for pair in pairs
                for way in ("satisfied", "broken")
            }

    def note(self, name: str, document: Json) -> None:
        """Take a document into account."""
        if left := self._left[name]:
            wanted = {(gap.pointer, gap.keyword) for gap in left}
            new = left.intersection(
                _exercised(name, self.schemas[name], document, wanted)
            )
            left -= new
            self.exercised |= new

    def note_text(self, name: str, text: bytes) -> None:
        """Take a JSON text into account; what is no JSON exercises nothing."""
        if self._left[name] and (name, text) not in self._seen:
            self._seen.add((name, text))
            with suppress(ValueError, RecursionError):
                self.note(name, json.loads(text))

    @property
    def gaps(self) -> list[Gap]:
        """What is left to exercise, in order."""
        return sorted(gap for left in self._left.values() for gap in left)

    def share(self, name: str, way: str) -> tuple[int, int]:
        """Return how many keywords of a schema were exercised in this way, and how many there are."""
        left = sum(gap.way == way for gap in self._left[name])
        all_ = (
            sum(gap.schema == name and gap.way == way for gap in self.exercised) + left
        )
        return all_ - left, all_


def _exercised(
    name: str, schema: Schema, document: Json, wanted: set[tuple[str, str]]
) -> Iterator[Gap]:
    """Yield the wanted keywords that the document satisfies or breaks; one that does not apply to it is neither."""
    wrong = {(_starred(each.pointer), each.keyword) for each in schema.errors(document)}
    for pointer, keyword in wrong:
        yield Gap(name, pointer, keyword, "broken")
        if "/*" in pointer:
            yield Gap(name, pointer.partition("/*")[0], "items", "broken")
    mistyped = {pointer for pointer, keyword in wrong if keyword == "type"}
    for each in schema.constraints:
        if (each.pointer, each.keyword) not in wanted:
            continue
        values = list(_at(document, each.pointer.split("/")[1:]))
        applies = bool(values) and (
            each.keyword == "type" or each.pointer not in mistyped
        )
        if each.keyword == "items":
            applies = any(isinstance(value, list) and value for value in values)
            applies = applies and not any(
                pointer.startswith(f"{each.pointer}/*") for pointer, _ in wrong
            )
        if applies and (each.pointer, each.keyword) not in wrong:
            yield Gap(name, each.pointer, each.keyword, "satisfied")


def _starred(pointer: str) -> str:
    return "/".join("*" if token.isdecimal() else token for token in pointer.split("/"))


def _at(document: Json, tokens: list[str]) -> Iterator[Json]:
    """Yield the values at a place; `*` is every item of an array."""
    if not tokens:
        yield document
    elif tokens[0] == "*" and isinstance(document, list):
        for item in document:
            yield from _at(item, tokens[1:])
    elif isinstance(document, dict) and tokens[0] in document:
        yield from _at(document[tokens[0]], tokens[1:])
