"""One schema: its constraints, places and violations."""

from typing import Any

import pytest

from contract.model import Violation
from contract.spec import Schema, Spec

API = "application/vnd.api+json"


def test_constraints_come_in_document_order() -> None:
    schema = Schema(
        {
            "type": "object",
            "required": ["a/b", "gone"],
            "properties": {
                "a/b": {
                    "type": "array",
                    "items": {"type": ["string", "null"], "enum": ["x", None]},
                },
                "n~": {"type": "integer", "format": "int32"},
            },
        }
    )
    assert [
        (constraint.pointer, constraint.keyword) for constraint in schema.constraints
    ] == [
        ("", "type"),
        ("/a~1b", "required"),
        ("/gone", "required"),
        ("/a~1b", "type"),
        ("/a~1b", "items"),
        ("/a~1b/*", "type"),
        ("/a~1b/*", "enum"),
        ("/n~0", "type"),
        ("/n~0", "format"),
    ]
    assert [constraint.schema for constraint in schema.constraints][1:3] == [
        schema.raw["properties"]["a/b"],
        {},
    ]


def request(**attributes: Any) -> dict[str, Any]:
    required = {"event_id": "e", "is_device_type_selected_by_user": False, "start": 0}
    return {"data": {"type": "snapshots", "attributes": required | attributes}}


@pytest.mark.parametrize(
    ("start", "keyword", "how"),
    [
        (2**63 - 1, "", ""),
        (-(2**63), "", ""),
        (2**63, "format", "is out of the range of int64"),
        (-(2**63) - 1, "format", "is out of the range of int64"),
        (2**64, "format", "is out of the range of int64"),
        (10**400, "format", "is out of the range of int64"),
        (1e300, "format", "is out of the range of int64"),
        (True, "type", "is boolean, not integer"),
        (1.5, "type", "is number, not integer"),
        ("9223372036854775808", "type", "is string, not integer"),
        (None, "type", "is null, not integer"),
        ([], "type", "is array, not integer"),
        ({}, "type", "is object, not integer"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_int64_is_asserted(spec: Spec, start: Any, keyword: str, how: str) -> None:
    expected = [Violation("/data/attributes/start", keyword, how)] if keyword else []
    assert spec.request.errors(request(start=start)) == expected
    assert spec.request.is_valid(request(start=start)) == (not expected)


def test_int32_is_asserted() -> None:
    schema = Schema({"type": "integer", "format": "int32"})
    assert [
        schema.is_valid(value) for value in (2**31 - 1, -(2**31), 2**31, -(2**31) - 1)
    ] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2025-11-03T08:15:30Z", True),
        ("2025-11-03T08:15:30.123456789012+05:45", True),
        ("2025-11-03T08:15:30", False),
        ("2025-02-30T08:15:30Z", False),
        ("2025-11-03", False),
        ("", False),
    ],
)
def test_date_time_is_asserted(spec: Spec, text: str, valid: bool) -> None:
    snapshot = {"data": {"type": "snapshots", "attributes": {"created_at": text}}}
    expected = Violation(
        "/data/attributes/created_at", "format", "is not a date-time (RFC 3339)"
    )
    assert spec.success_schema.errors(snapshot) == ([] if valid else [expected])


@pytest.mark.parametrize(
    ("body", "violations"),
    [
        ({}, ["/data required: is missing"]),
        ([], ["$ type: is array, not object"]),
        (
            {"data": {"type": "snapshot"}},
            ['/data/type enum: is not one of "snapshots"'],
        ),
        (
            {"data": {"attributes": {"view_id": None, "start": 0}}},
            [
                "/data/attributes/event_id required: is missing",
                "/data/attributes/is_device_type_selected_by_user required: is missing",
                "/data/attributes/view_id type: is null, not string",
                "/data/type required: is missing",
            ],
        ),
        ({"data": {"type": "snapshots", "more": {"x": [1]}}, "more": None}, []),
    ],
)
def test_violations_point_at_what_is_wrong(
    spec: Spec, body: Any, violations: list[str]
) -> None:
    assert sorted(map(str, spec.request.errors(body))) == violations
    assert spec.request.is_valid(body) == (not violations)


def test_a_violation_names_the_number_of_an_item_and_all_types(spec: Spec) -> None:
    assert spec.error_schema.errors({"errors": ["a", 3]}) == [
        Violation("/errors/1", "type", "is integer, not string")
    ]
    assert spec.observed[404].media[API].errors({"errors": [3, {"code": 4}]}) == [
        Violation("/errors/0", "type", "is integer, not string or object"),
        Violation("/errors/1/code", "type", "is integer, not string or null"),
    ]


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    "odd",
    ["\ud800", nested(600), {"\ud800": nested(600)}],
    ids=["surrogate", "deep", "both"],
)
def test_surrogates_and_deep_values_are_validated(spec: Spec, odd: Any) -> None:
    assert spec.request.errors({**request(), "unknown": odd, "\udfff": odd}) == []
    assert spec.request.is_valid({**request(), "unknown": odd, "\udfff": odd})
    assert [
        violation.place for violation in spec.request.errors(request(start=odd))
    ] == ["/data/attributes/start"]
    assert not spec.request.is_valid(request(start=odd))


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("", ""),
        ("/data/attributes/start", "/data/attributes/start"),
        ("/data/tag", "/data/{any}"),
        ("/data/tag/deep/1", "/data/{any}"),
        ("/data/id/part", "/data/id/{any}"),
        ("/a~1b/0", "/a~1b/{item}"),
        ("/a~1b/17/code", "/a~1b/{item}/code"),
        ("/a~1b/17/other", "/a~1b/{item}/{any}"),
    ],
)
def test_documented_place_of_a_pointer(pointer: str, place: str) -> None:
    item = {"type": ["string", "object"], "properties": {"code": {"type": "string"}}}
    data = {"id": {"type": "string"}, "attributes": {"properties": {"start": {}}}}
    schema = Schema(
        {
            "properties": {
                "a/b": {"type": "array", "items": item},
                "data": {"type": "object", "properties": data},
            }
        }
    )
    assert schema.documented_place(pointer) == place
