"""The cases' material: documents that are valid, documents that break one keyword, ids, keys and sites."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from contract.cases.documents import Documents
from contract.cases.parameters import (
    IDS,
    REFUSED_IDS,
    bad_sites,
    id_traits,
    ids,
    keys,
    other_sites,
)
from contract.cases.values import ValueClass, value_classes
from contract.model import Json, Violation
from contract.spec import Schema, load

SPEC = load()
SCHEMAS = {"request": SPEC.request} | {
    str(status): SPEC.documented[status].media["application/json"]
    for status in (200, 429)
}
DOCUMENTS = {name: Documents(schema.raw) for name, schema in SCHEMAS.items()}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ODD_DATE = re.compile(r"0000-\d\d-\d\dT|T\d\d:\d\d:60|\d{4}-\d\d-\d\d(t|T[\d:.]+z)")

thorough = settings(max_examples=200, derandomize=True, deadline=None, database=None)
every_schema = pytest.mark.parametrize("name", SCHEMAS)


def broken(schema: Schema, document: Json) -> set[tuple[str, str]]:
    """Return what is broken; a value of the wrong type breaks `type` alone, though `enum` fails with it."""
    found = {(error.pointer, error.keyword) for error in schema.errors(document)}
    return {
        (at, keyword)
        for at, keyword in found
        if keyword == "type" or (at, "type") not in found
    }


def what(violation: Violation) -> set[tuple[str, str]]:
    return {(violation.pointer, violation.keyword)}


def general(pointer: str) -> str:
    return re.sub(r"/\d+(?=/|$)", "/*", pointer)


def form_kinds(documents: Documents) -> set[str]:
    return {
        f"{place.pointer} {form.how}"
        for place in documents.places
        for form in value_classes(place.schema)
    }


def containers(value: Json) -> Iterator[Json]:
    if isinstance(value, dict | list | tuple):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from containers(child)


def not_played(value: Json, schema: Json, depth: int = 0) -> Iterator[str]:
    """Name what must not occur; `schema` is empty where the contract names nothing."""
    if isinstance(value, str) and (
        ODD_DATE.search(value) or any("\ud800" <= c <= "\udfff" for c in value)
    ):
        yield "lone surrogate, year 0000, leap second or lower-case date"
    if (
        isinstance(value, float)
        and (schema or abs(value) < 2**53)
        and value.is_integer()
    ):
        yield "1.0"
    if isinstance(value, int) and not schema and abs(value) > 2**53:
        yield "a number beyond a double"
    if depth > 100:
        yield "too deep"
    if isinstance(value, dict):
        for name, child in value.items():
            yield from not_played(name, {}, depth)
            yield from not_played(
                child, schema.get("properties", {}).get(name, {}), depth + 1
            )
    if isinstance(value, list):
        for child in value:
            yield from not_played(child, schema.get("items", {}), depth + 1)


@every_schema
def test_valid_documents_are_valid(name: str) -> None:
    assert [
        kind
        for kind, document in DOCUMENTS[name].valid()
        if not SCHEMAS[name].is_valid(document)
    ] == []


@every_schema
def test_invalid_documents_break_what_they_name_and_nothing_else(name: str) -> None:
    for violation, document in DOCUMENTS[name].invalid():
        assert broken(SCHEMAS[name], document) == what(violation), (violation, document)


@every_schema
def test_every_constraint_is_broken_by_a_document(name: str) -> None:
    known = {
        (general(violation.pointer), violation.keyword)
        for violation, _ in DOCUMENTS[name].invalid()
    }
    # `items` cannot fail by itself: what is wrong is told of the item.
    asked = {
        (each.pointer, each.keyword)
        for each in SCHEMAS[name].constraints
        if each.keyword != "items"
    }
    assert known == asked


@every_schema
def test_traits_report_the_form_absence_or_unknown_value_that_a_document_was_made_for(
    name: str,
) -> None:
    documents = DOCUMENTS[name]
    told = form_kinds(documents) | {
        f"{place.pointer} absent" for place in documents.places if not place.required
    }
    made = list(documents.valid())
    assert told <= {kind for kind, _ in made}
    for kind, document in made:
        if kind in told or "/* unknown " in kind:
            assert kind in documents.traits(document), (kind, document)


@every_schema
def test_nothing_that_is_not_played_occurs_in_the_enumeration(name: str) -> None:
    documents = DOCUMENTS[name]
    for _, document in (*documents.valid(), *documents.invalid()):
        assert list(not_played(document, documents.schema)) == []


@every_schema
def test_enumerated_documents_share_nothing_that_can_be_changed(name: str) -> None:
    documents = DOCUMENTS[name]
    made, again = (
        [document for _, document in (*documents.valid(), *documents.invalid())]
        for _ in range(2)
    )
    parts = [part for document in made for part in containers(document)]
    assert len(parts) == len(set(map(id, parts)))
    for part in parts:
        part.clear()
    assert [
        document for _, document in (*documents.valid(), *documents.invalid())
    ] == again


@every_schema
@thorough
@given(data=st.data())
def test_generated_valid_documents_are_valid_and_described_in_known_words(
    name: str, data: st.DataObject
) -> None:
    document = data.draw(DOCUMENTS[name].strategy)
    assert SCHEMAS[name].is_valid(document)
    assert list(not_played(document, SCHEMAS[name].raw)) == []
    traits = DOCUMENTS[name].traits(document)
    assert len(traits) == len(set(traits))
    assert set(traits) <= {kind for kind, _ in DOCUMENTS[name].valid()}


@every_schema
@thorough
@given(data=st.data())
def test_generated_invalid_documents_break_what_they_name_and_nothing_else(
    name: str, data: st.DataObject
) -> None:
    violation, document = data.draw(DOCUMENTS[name].invalid_strategy)
    assert broken(SCHEMAS[name], document) == what(violation)
    assert list(not_played(document, SCHEMAS[name].raw)) == []


@every_schema
@thorough
@given(data=st.data())
def test_generated_documents_share_nothing_that_can_be_changed(
    name: str, data: st.DataObject
) -> None:
    both = st.tuples(DOCUMENTS[name].strategy, DOCUMENTS[name].invalid_strategy)
    parts = [
        id(part)
        for part in containers([data.draw(both, repr(turn)) for turn in range(2)])
    ]
    assert len(parts) == len(set(parts))


@every_schema
@settings(thorough, max_examples=20)
@given(data=st.data())
def test_every_way_to_break_a_keyword_generates_just_that(
    name: str, data: st.DataObject
) -> None:
    for each in DOCUMENTS[name].breaks:
        if each.wrong is not None:
            document = DOCUMENTS[name]._with(each.place, data.draw(each.wrong.strategy))
            assert broken(SCHEMAS[name], document) == what(each.violation), (
                each.violation,
                document,
            )


@every_schema
def test_shrinking_leads_to_the_minimal_document(name: str) -> None:
    assert (
        find(DOCUMENTS[name].strategy, lambda _: True, settings=thorough)
        == DOCUMENTS[name].minimal()
    )


@pytest.mark.parametrize(
    "named",
    [
        "request /data/type enum 2",
        "request /data/attributes/start format 3",
        "request /data/attributes/event_id required 3",
        "200 /data/attributes/created_at format 3",
        "429 /errors/0 type 2",
    ],
)
def test_shrinking_keeps_what_is_wrong(named: str) -> None:
    name, pointer, keyword, smallest = named.split()
    wanted, many = {(pointer, keyword)}, settings(thorough, max_examples=5_000)
    _, document = find(
        DOCUMENTS[name].invalid_strategy,
        lambda drawn: what(drawn[0]) == wanted,
        settings=many,
    )
    assert broken(SCHEMAS[name], document) == wanted
    assert len(list(containers(document))) <= int(smallest)
    assert len(str(document)) < 150


@thorough
@given(document=Documents(SPEC.request.raw, reserved=("unknown", "x")).strategy)
def test_reserved_names_are_no_unknown_properties(document: Json) -> None:
    assert not {"unknown", "x"} & document.keys()


@thorough
@given(value=ids)
def test_generated_ids_can_be_one_segment(value: str) -> None:
    assert value not in {refused for _, refused in REFUSED_IDS}
    assert value.encode()


@pytest.mark.parametrize("form", IDS, ids=lambda form: form.how)
def test_a_sample_id_has_its_own_form(form: ValueClass) -> None:
    assert [
        sample for sample in form.samples if f"id: {form.how}" not in id_traits(sample)
    ] == []
    assert not set(form.samples) & {refused for _, refused in REFUSED_IDS}


@pytest.mark.parametrize("how", keys)
def test_keys_have_a_control_character_where_they_cannot_be_sent(how: str) -> None:
    assert bool(CONTROL.search("".join(keys[how]))) == bool(
        re.search(" at the (start|middle|end)$", how)
    )
    assert "".join(keys[how]).isascii()


def test_no_bad_or_other_site_is_a_documented_one() -> None:
    assert len(SPEC.sites) == 8
    assert not {site for _, site in bad_sites(SPEC.sites)} & set(SPEC.sites)
    assert not set(other_sites(SPEC.sites)) & set(SPEC.sites)
