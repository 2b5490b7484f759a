"""Documents: what is valid is valid, and what is invalid breaks one keyword only."""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from contract.cases.documents import Documents
from contract.cases.drawing import mutated
from contract.cases.values import value_classes
from contract.model import Json, Label, Violation
from contract.spec import Schema, load

SPEC = load()
SCHEMAS = {
    "request": SPEC.request,
    "success": SPEC.success_schema,
    "error": SPEC.error_schema,
}
DOCUMENTS = {name: Documents(schema.raw) for name, schema in SCHEMAS.items()}
ODD_DATE = re.compile(
    r"0000-\d\d-\d\dT|T\d\d:\d\d:60|\d{4}-\d\d-\d\d(t|T[\d:.]+z)|[\ud800-\udfff]"
)

thorough = settings(max_examples=200, derandomize=True, deadline=None, database=None)
every_schema = pytest.mark.parametrize("name", SCHEMAS)


def broken(schema: Schema, document: Json) -> set[tuple[str, str]]:
    """Return the broken keywords. A wrong type breaks `type` alone."""
    errors = {(error.place, error.keyword) for error in schema.errors(document)}
    return {
        (schema.documented_place(place), keyword)
        for place, keyword in errors
        if keyword == "type" or (place, "type") not in errors
    }


def keyword_of(violation: Violation) -> set[tuple[str, str]]:
    return {(violation.place, violation.keyword)}


@cache
def catalogue_labels(name: str) -> set[Label]:
    return {label for label, _ in DOCUMENTS[name].valid()}


def class_labels(documents: Documents) -> set[Label]:
    return {
        Label(location.place, value_class.name)
        for location in documents.locations
        for value_class in value_classes(location.schema)
    }


def containers(value: Json) -> Iterator[Json]:
    if isinstance(value, dict | list | tuple):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from containers(child)


def not_played(value: Json, schema: Json, depth: int = 0) -> Iterator[str]:
    """Yield what must not occur. The schema is empty for members without one."""
    if isinstance(value, str) and ODD_DATE.search(value):
        yield "lone surrogate, year 0000, leap second or lower-case date"
    is_small = isinstance(value, float) and abs(value) < 2**53
    if isinstance(value, float) and (schema or is_small) and value.is_integer():
        yield "1.0"
    if isinstance(value, int) and not schema and abs(value) > 2**53:
        yield "a number beyond a double"
    if depth > 100:
        yield "too deep"
    if isinstance(value, dict):
        for name, child in value.items():
            yield from not_played(name, {}, depth)
            member = schema.get("properties", {}).get(name, {})
            yield from not_played(child, member, depth + 1)
    if isinstance(value, list):
        for child in value:
            yield from not_played(child, schema.get("items", {}), depth + 1)


def all_documents(documents: Documents) -> list[Json]:
    return [
        *(document for _, document in documents.valid()),
        *(document for _, document in documents.invalid()),
    ]


@every_schema
def test_valid_documents_are_valid(name: str) -> None:
    invalid = [
        label
        for label, document in DOCUMENTS[name].valid()
        if not SCHEMAS[name].is_valid(document)
    ]
    assert invalid == []


@every_schema
def test_invalid_documents_break_their_keyword_only(name: str) -> None:
    for violation, document in DOCUMENTS[name].invalid():
        keywords = broken(SCHEMAS[name], document)
        assert keywords == keyword_of(violation), (violation, document)


@every_schema
def test_every_constraint_is_broken_by_a_document(name: str) -> None:
    violations = {
        (violation.place, violation.keyword)
        for violation, _ in DOCUMENTS[name].invalid()
    }
    # `items` cannot fail by itself: the error is one of the item.
    constraints = {
        (constraint.pointer.replace("*", "{item}"), constraint.keyword)
        for constraint in SCHEMAS[name].constraints
        if constraint.keyword != "items"
    }
    assert violations == constraints


@every_schema
def test_a_place_and_a_name_tell_violations_apart(name: str) -> None:
    violations = {violation for violation, _ in DOCUMENTS[name].invalid()}
    labels = {(violation.place, violation.how) for violation in violations}
    assert len(labels) == len(violations)


@every_schema
def test_labels_have_the_one_that_a_document_was_made_for(name: str) -> None:
    documents = DOCUMENTS[name]
    absent = {
        Label(location.place, "absent")
        for location in documents.locations
        if location.is_required is False
    }
    expected = class_labels(documents) | absent
    cases = list(documents.valid())
    assert expected <= {label for label, _ in cases}
    for label, document in cases:
        if label in expected or label.value_class.startswith("unknown "):
            assert label in documents.labels(document), (label, document)


def test_places_of_items_and_of_unknown_members() -> None:
    labels = {str(label) for label, _ in DOCUMENTS["error"].valid()}
    assert {"errors/{item} empty", "errors many items", "{any} empty name"} <= labels
    labels = {str(label) for label, _ in DOCUMENTS["request"].valid()}
    assert {
        "full",
        "data/attributes/{any} unknown null",
        "data/attributes/start negative",
    } <= labels


@every_schema
def test_the_catalogue_has_nothing_that_is_not_played(name: str) -> None:
    documents = DOCUMENTS[name]
    for document in all_documents(documents):
        assert list(not_played(document, documents.schema)) == []


@every_schema
def test_documents_of_the_catalogue_share_nothing_mutable(name: str) -> None:
    documents = DOCUMENTS[name]
    first, second = all_documents(documents), all_documents(documents)
    parts = [part for document in first for part in containers(document)]
    assert len(parts) == len(set(map(id, parts)))
    for part in parts:
        part.clear()
    assert all_documents(documents) == second


@every_schema
@thorough
@given(data=st.data())
def test_generated_documents_are_valid_with_labels_of_the_catalogue(
    name: str, data: st.DataObject
) -> None:
    document = data.draw(DOCUMENTS[name].strategy)
    assert SCHEMAS[name].is_valid(document)
    assert list(not_played(document, SCHEMAS[name].raw)) == []
    labels = DOCUMENTS[name].labels(document)
    assert len(labels) == len(set(labels))
    assert set(labels) <= catalogue_labels(name)


@every_schema
@thorough
@given(data=st.data())
def test_generated_invalid_documents_break_their_keyword_only(
    name: str, data: st.DataObject
) -> None:
    violation, document = data.draw(DOCUMENTS[name].invalid_strategy)
    assert broken(SCHEMAS[name], document) == keyword_of(violation)
    assert list(not_played(document, SCHEMAS[name].raw)) == []


@every_schema
@thorough
@given(data=st.data())
def test_generated_documents_share_nothing_mutable(
    name: str, data: st.DataObject
) -> None:
    both = st.tuples(DOCUMENTS[name].strategy, DOCUMENTS[name].invalid_strategy)
    drawn = [data.draw(both, repr(turn)) for turn in range(2)]
    parts = [id(part) for part in containers(drawn)]
    assert len(parts) == len(set(parts))


@every_schema
@settings(thorough, max_examples=20)
@given(data=st.data())
def test_every_mutation_generates_its_violation_only(
    name: str, data: st.DataObject
) -> None:
    for _, location, mutation in DOCUMENTS[name].mutations:
        if mutation.samples:
            value = data.draw(mutated(mutation, location.schema))
            document = DOCUMENTS[name].with_value(location, value)
            expected = {(location.place, mutation.keyword)}
            assert broken(SCHEMAS[name], document) == expected, document


@every_schema
def test_documents_shrink_to_the_minimal_one(name: str) -> None:
    smallest = find(DOCUMENTS[name].strategy, lambda _: True, settings=thorough)
    assert smallest == DOCUMENTS[name].minimal()


@pytest.mark.parametrize(
    ("name", "place", "keyword", "most_containers"),
    [
        ("request", "/data/type", "enum", 2),
        ("request", "/data/attributes/start", "format", 3),
        ("request", "/data/attributes/event_id", "required", 3),
        ("success", "/data/attributes/created_at", "format", 3),
        ("error", "/errors/{item}", "type", 2),
    ],
)
def test_shrinking_never_loses_the_violation(
    name: str, place: str, keyword: str, most_containers: int
) -> None:
    _, document = find(
        DOCUMENTS[name].invalid_strategy,
        lambda drawn: keyword_of(drawn[0]) == {(place, keyword)},
        settings=settings(thorough, max_examples=5_000),
    )
    assert broken(SCHEMAS[name], document) == {(place, keyword)}
    assert len(list(containers(document))) <= most_containers
    assert len(str(document)) < 150


@thorough
@given(document=Documents(SPEC.request.raw, reserved=("unknown", "x")).strategy)
def test_reserved_names_are_no_unknown_members(document: Json) -> None:
    assert not {"unknown", "x"} & document.keys()
