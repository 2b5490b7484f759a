"""Strategies of Hypothesis for generated values, documents, ids and errors.

Other modules import it when the first generated case is drawn: Hypothesis is slow to
import.
"""

import copy
import json
from datetime import datetime
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from contract.cases import values
from contract.cases.parameters import INVALID_IDS, id_labels, valid_ids
from contract.cases.scenario import Labels
from contract.cases.values import INT64, Mutation, ValueClass, type_or_date
from contract.model import Json, Violation

if TYPE_CHECKING:
    from contract.cases.documents import Documents

INT64S = st.integers(-INT64, INT64 - 1)

CHARACTERS = st.characters(exclude_categories=["Cs"])
"""All but surrogates. `codec="utf-8"` says the same and takes seconds at first."""

text_values = st.text(CHARACTERS, max_size=12)
date_values = st.builds(
    lambda stamp, fraction, zone: (
        f"{stamp.isoformat(timespec='seconds')}{fraction and '.'}{fraction}{zone}"
    ),
    # A day from the ends, since an offset must not lead out of the years 1 to 9999.
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.text("0123456789", max_size=9),
    st.sampled_from(("Z", "+00:00", "-09:30", "+14:00", "+23:59")),
)


def short_samples(classes: tuple[ValueClass, ...]) -> st.SearchStrategy[Json]:
    samples = [sample for item in classes for sample in item.samples]
    return st.sampled_from([item for item in samples if len(str(item)) < 1_000])


TYPES = {
    "date": short_samples(values.DATES) | date_values,
    "string": text_values | short_samples(values.TEXTS),
    "integer": INT64S | short_samples(values.INTEGERS),
    "boolean": st.booleans(),
}


unknown_leaves = text_values | st.sampled_from(
    [value for items in values.UNKNOWN_VALUES.values() for value in items]
).map(copy.deepcopy)

UNKNOWN_MEMBERS = st.dictionaries(
    st.sampled_from(("unknown", "x", "名前", "a.b")) | text_values,
    unknown_leaves,
    max_size=2,
)


def is_no_number(text: str) -> bool:
    """Return whether a lenient parser cannot take a text for an integer."""
    return not text.strip().lstrip("+-").isdecimal()


MUTATED: dict[str, st.SearchStrategy[Json]] = {
    "integer": INT64S,
    "fraction": st.integers(-(2**40), 2**40).map(lambda number: number + 0.5),
    "text": text_values.filter(is_no_number),
    "array": st.lists(unknown_leaves, max_size=2),
    "object": UNKNOWN_MEMBERS,
    "numeric text": st.integers().map(str),
    "boolean as text": st.sampled_from(("true", "false", "True", "FALSE", "yes")),
    "just above": st.integers(INT64, INT64 + 100),
    "just below": st.integers(-INT64 - 100, -INT64 - 1),
    "far above": st.integers(2**64, 10**40),
    "far below": st.integers(-(10**40), -(2**64)),
    "a number as text": st.integers(0, 2**40).map(str),
    "words": text_values.filter(lambda text: "T" not in text),
}
"""More values than the samples, for mutations by their names."""


def mutated(mutation: Mutation, schema: Json) -> st.SearchStrategy[Json]:
    if mutation.change:
        return date_values.map(mutation.change)
    if mutation.name == "other text":
        folded = {item.lower() for item in schema["enum"]}
        return text_values.filter(lambda text: text.strip().lower() not in folded)
    if mutation.name in MUTATED:
        return MUTATED[mutation.name]
    return st.sampled_from(mutation.samples)


def documents(schema: Json, reserved: tuple[str, ...] = ()) -> st.SearchStrategy[Json]:
    if schema["type"] == "array":
        return st.lists(documents(schema["items"]), max_size=4)
    if schema["type"] != "object":
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        return TYPES[type_or_date(schema)]
    properties = schema.get("properties", {})
    members = {name: documents(properties[name]) for name in properties}
    required = schema.get("required", ())
    optional = [name for name in members if name not in required]
    taken = {*members, *reserved}
    # One draw decides which optional members are there, one bit for each, and in one
    # of four that there are unknown members. More draws cost more than the values do.
    presence = st.integers(0, 2 ** (len(optional) + 2) - 1)
    unknown_from = 3 << len(optional)

    @st.composite
    def document(draw: st.DrawFn) -> Json:
        result = {name: draw(members[name]) for name in members if name in required}
        bits = draw(presence)
        for index, name in enumerate(optional):
            if bits >> index & 1:
                result[name] = draw(members[name])
        if bits >= unknown_from:
            unknown = draw(UNKNOWN_MEMBERS)
            result |= {name: unknown[name] for name in unknown if name not in taken}
        return result

    return document()


def with_status(
    errors: "Documents", statuses: tuple[int, ...]
) -> st.SearchStrategy[tuple[Labels, Json, int]]:
    rows = errors.labeled_strategy(), st.sampled_from(statuses)
    return st.builds(lambda row, status: (*row, status), *rows)


def cut(bodies: "Documents") -> st.SearchStrategy[tuple[Json, float]]:
    """Return a strategy for valid bodies, each with the share that is sent."""
    return st.tuples(bodies.strategy, st.floats(0, 1, exclude_max=True))


def broken_documents(
    documents: "Documents",
) -> st.SearchStrategy[tuple[Violation, Json]]:

    rows = st.sampled_from(
        [
            (violation, location, mutated(mutation, location.schema))
            for violation, location, mutation in documents.mutations
        ]
    )

    @st.composite
    def broken(draw: st.DrawFn) -> tuple[Violation, Json]:
        violation, location, strategy = draw(rows)
        document, value = draw(documents.strategy), draw(strategy)
        return violation, documents.put(document, location, value)

    return broken()


snapshot_ids = (
    (
        st.text("ab/.%?#+ ;=é𝄞\\~:@2Ff", min_size=1, max_size=12)
        | st.sampled_from([text for _, text in valid_ids() if len(text) < 100])
        | st.text(CHARACTERS, min_size=1, max_size=12)
    )
    .filter(lambda text: text not in INVALID_IDS)
    .map(lambda text: (id_labels(text), text))
)

ERROR_FRAGMENTS = (
    *(b'{"errors":', b"{", b"[[[", b"<html>", b"null"),
    *(b'{"error": {}}', b'{"errors": [{"a": "b"}]}'),
)

ERROR_NAMES = st.sampled_from(("errors", "error"))
ERROR_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(CHARACTERS, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ERROR_NAMES, inner),
    max_leaves=5,
)
garbage = st.tuples(
    st.binary(max_size=40)
    | st.sampled_from(ERROR_FRAGMENTS)
    | ERROR_VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from((400, 403, 404, 429, 500, 502)),
)
"""Bodies of errors of any form, with statuses."""
