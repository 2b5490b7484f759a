"""Documents made from a schema: every way to satisfy and to break each keyword, and strategies for more.

It serves request bodies and answers alike. A document is a JSON object; nothing here knows a field's name.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from contract.cases.values import (
    UNKNOWN,
    Mutation,
    json_type,
    mutations,
    names,
    unknown_values,
    value_classes,
    values,
)
from contract.model import Json, Violation

__all__ = ["Documents", "Place"]

_MANY = 20
"""How many items a long list has."""

_MISSING = object()


@dataclass(frozen=True)
class Place:
    """A place in a document: its pointer, the schema there, and whether its parent requires it."""

    pointer: str
    schema: Json
    required: bool

    @property
    def tokens(self) -> list[str]:
        """The names on the way to it (no documented name needs RFC 6901 escapes)."""
        return self.pointer.split("/")[1:]


@dataclass(frozen=True)
class _Break:
    place: Place
    violation: Violation
    wrong: Mutation | None  # None: the member is left out


class Documents:
    """The valid and the invalid documents of one schema.

    `reserved` are names that no unknown property at the top may have, since they mean something there.
    """

    def __init__(self, schema: Json, reserved: tuple[str, ...] = ()) -> None:
        self.schema = schema
        self.reserved = reserved
        self.places = tuple(_walk("", schema, required=True))

    # -- valid --------------------------------------------------------------------------------------

    def minimal(self) -> Json:
        """Return the smallest documented document that has its required members at every level it has."""
        return _example(self.schema, optional=False)

    def full(self) -> Json:
        """Return a document with every documented member."""
        return _example(self.schema, optional=True)

    def valid(self) -> Iterator[tuple[str, Json]]:
        """Yield (kind, document) for each way to satisfy each keyword, simplest first."""
        yield "minimal", self.minimal()
        yield "full", self.full()
        for place in self.places[1:]:
            if not place.required:
                yield f"{place.pointer} absent", _drop(self.full(), place.tokens)
                yield (
                    f"{place.pointer} present",
                    self._with(place, _example(place.schema, optional=False)),
                )
            for form in value_classes(place.schema):
                for sample in form.samples:
                    yield f"{place.pointer} {form.how}", self._with(place, sample)
            if place.schema["type"] == "array":
                for how, size in (
                    ("no item", 0),
                    ("one item", 1),
                    ("many items", _MANY),
                ):
                    yield (
                        f"{place.pointer} {how}",
                        self._with(
                            place,
                            [
                                _example(place.schema["items"], optional=True)
                                for _ in range(size)
                            ],
                        ),
                    )
        for place in self.places:
            if place.schema["type"] == "object":
                yield from self._unknown(place)

    def _unknown(self, place: Place) -> Iterator[tuple[str, Json]]:
        known = tuple(place.schema.get("properties", ()))
        for how, samples in unknown_values():
            for sample in samples:
                yield (
                    f"{place.pointer}/* unknown {how}",
                    self._with(place, {"unknown_property": sample}, merge=True),
                )
        for how, name in names(known):
            yield (
                f"{place.pointer}/* {how}",
                self._with(place, {name: "unknown"}, merge=True),
            )

    def traits(self, document: Json) -> tuple[str, ...]:
        """Describe a valid document in the words of `valid`."""
        found: list[str] = []
        for place in self.places[1:]:
            value = _get(document, place.tokens)
            if value is _MISSING:
                if (
                    not place.required
                    and _get(document, place.tokens[:-1]) is not _MISSING
                ):
                    found.append(f"{place.pointer} absent")
                continue
            found += [
                f"{place.pointer} {form.how}"
                for form in value_classes(place.schema)
                if form.matches(value)
            ]
        for place in self.places:
            if place.schema["type"] == "object" and isinstance(
                value := _get(document, place.tokens), dict
            ):
                known = place.schema.get("properties", ())
                extra = [name for name in value if name not in known]
                found += [
                    f"{place.pointer}/* unknown {json_type(value[name])}"
                    for name in extra
                ]
        return tuple(dict.fromkeys(found))

    @cached_property
    def strategy(self) -> SearchStrategy[Json]:
        """Valid documents, unknown properties among them; shrinks towards `minimal`."""
        return _document(self.schema, self.reserved)

    # -- invalid ------------------------------------------------------------------------------------

    @cached_property
    def breaks(self) -> tuple[_Break, ...]:
        """Every (pointer, keyword) of the schema with each way to break it."""
        return tuple(
            _Break(
                place,
                Violation(place.pointer, keyword, wrong.how if wrong else "absent"),
                wrong,
            )
            for place in self.places
            for keyword, wrong in _ways(place)
        )

    def invalid(self) -> Iterator[tuple[Violation, Json]]:
        """Yield (what is wrong, document) for each way to break each keyword: that, and nothing else."""
        for each in self.breaks:
            if each.wrong is None:
                document = self.minimal()
                self._make_room(document, each.place.tokens)
                yield each.violation, _drop(document, each.place.tokens)
            else:
                for sample in each.wrong.samples:
                    yield each.violation, self._with(each.place, sample)

    @cached_property
    def invalid_strategy(self) -> SearchStrategy[tuple[Violation, Json]]:
        """A valid document in which one keyword is then broken; shrinking never loses what is wrong."""

        @st.composite
        def broken(draw: DrawFn) -> tuple[Violation, Json]:
            each = draw(st.sampled_from(self.breaks))
            document = draw(self.strategy)
            self._make_room(document, each.place.tokens)
            if each.wrong is None:
                return each.violation, _drop(document, each.place.tokens)
            return each.violation, _put(
                document, each.place.tokens, draw(each.wrong.strategy)
            )

        return broken()

    # -- making -------------------------------------------------------------------------------------

    def _with(self, place: Place, value: Json, merge: bool = False) -> Json:
        """Return the minimal document with a value at a place; `merge` adds to the object that is there."""
        document = self.minimal()
        self._make_room(document, place.tokens)
        if merge:
            here = _get(document, place.tokens)
            value = {
                **(
                    _example(place.schema, optional=False) if here is _MISSING else here
                ),
                **value,
            }
        return _put(document, place.tokens, copy.deepcopy(value))

    def _make_room(self, document: Json, tokens: list[str]) -> None:
        """Add what is missing on the way to a place, the place itself aside."""
        schema, here = self.schema, document
        for token, following in pairwise([*tokens, ""]):
            if schema["type"] == "array":
                while len(here) <= int(token):
                    here.append(_example(schema["items"], optional=False))
                schema, here = schema["items"], here[int(token)]
            else:
                schema = schema["properties"][token]
                if following:
                    here = here.setdefault(token, _example(schema, optional=False))


def _walk(pointer: str, schema: Json, required: bool) -> Iterator[Place]:
    yield Place(pointer, schema, required)
    for name, member in schema.get("properties", {}).items():
        yield from _walk(
            f"{pointer}/{name}", member, name in schema.get("required", ())
        )
    if "items" in schema:
        for index in (0, 1):
            yield from _walk(f"{pointer}/{index}", schema["items"], required=True)


def _ways(place: Place) -> Iterator[tuple[str, Mutation | None]]:
    if place.required and place.pointer and not place.tokens[-1].isdecimal():
        yield "required", None
    yield from mutations(place.schema)


def _example(schema: Json, *, optional: bool) -> Json:
    """Return the simplest valid value; `optional` adds every member that is not required."""
    if schema["type"] == "object":
        required = schema.get("required", ())
        members = schema.get("properties", {}).items()
        return {
            name: _example(member, optional=optional)
            for name, member in members
            if optional or name in required
        }
    if schema["type"] == "array":
        return [_example(schema["items"], optional=optional)] if optional else []
    return value_classes(schema)[0].samples[0]


def _document(schema: Json, reserved: tuple[str, ...] = ()) -> SearchStrategy[Json]:
    if schema["type"] == "array":
        return st.lists(_document(schema["items"]), max_size=4)
    if schema["type"] != "object":
        return values(schema)
    members = {
        name: _document(member) for name, member in schema.get("properties", {}).items()
    }
    required = [name for name in members if name in schema.get("required", ())]
    optional = [name for name in members if name not in required]
    taken = {*members, *reserved}
    # One draw says which optional members are there (one bit each, none in the simplest document) and, in
    # one document of four, that unknown properties are: a draw for each would cost more than the values.
    presence = st.integers(0, 2 ** (len(optional) + 2) - 1)
    unknown_from = 3 << len(optional)

    @st.composite
    def document(draw: DrawFn) -> Json:
        made = {name: draw(members[name]) for name in required}
        bits = draw(presence)
        made |= {
            name: draw(members[name])
            for i, name in enumerate(optional)
            if bits >> i & 1
        }
        if bits >= unknown_from:
            made |= {
                name: value
                for name, value in draw(UNKNOWN).items()
                if name not in taken
            }
        return made

    return document()


def _get(document: Json, tokens: list[str]) -> Json:
    for token in tokens:
        if isinstance(document, dict) and token in document:
            document = document[token]
        elif (
            isinstance(document, list)
            and token.isdecimal()
            and int(token) < len(document)
        ):
            document = document[int(token)]
        else:
            return _MISSING
    return document


def _put(document: Json, tokens: list[str], value: Json) -> Json:
    """Put a value at a place whose parent is there, and return the document."""
    if not tokens:
        return value
    parent = _get(document, tokens[:-1])
    parent[int(tokens[-1]) if isinstance(parent, list) else tokens[-1]] = value
    return document


def _drop(document: Json, tokens: list[str]) -> Json:
    parent = _get(document, tokens[:-1])
    parent.pop(tokens[-1], None)
    return document
