"""References: followed, expanded, and bounded."""

from typing import Any

import pytest

from contract.errors import SpecError
from contract.jsondiff import unescape
from contract.spec.schema import References, join, pointer_of

DOCUMENT: dict[str, Any] = {
    "plain": {"type": "string"},
    "first": {"$ref": "#/second"},
    "second": {"$ref": "#/plain"},
    "a/b~c": {"type": "boolean"},
    "through": {"$ref": "#/first"},
    "loop": {"$ref": "#/pool"},
    "pool": {"$ref": "#/loop"},
    "self": {"properties": {"again": {"$ref": "#/self"}}},
    "branches": {"allOf": [{"$ref": "#/branches"}]},
    "members": {"properties": {"name": {"$ref": "#/plain"}}},
}


@pytest.mark.parametrize("token", ["plain", "a/b", "m~n", "~1", "~0/", ""])
def test_a_token_is_escaped_and_unescaped(token: str) -> None:
    assert unescape(pointer_of(token)[1:]) == token
    assert pointer_of("a", token).count("/") == 2


@pytest.mark.parametrize(
    ("ref", "pointer"),
    [
        ("#/plain", "/plain"),
        ("#/first", "/plain"),
        ("#/a~1b~0c", "/a~1b~0c"),
        ("#/a~1b%7E0c", "/a~1b%7E0c"),
        ("#/through/type", "/through/type"),
    ],
    ids=["direct", "chain", "escaped", "percent-encoded", "through a reference"],
)
def test_a_reference_is_followed(ref: str, pointer: str) -> None:
    node, at = References("a.yaml", DOCUMENT).follow({"$ref": ref})
    assert node in ({"type": "string"}, {"type": "boolean"}, "string")
    assert at == pointer


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("#/loop", "cyclic $ref; accepted: references that end; given: #/loop"),
        ("#/loop/x", "cyclic $ref"),
        ("#/none", "unresolvable $ref; accepted: #/ and a path in this document"),
        ("other.yaml", "the external $ref is not followed; accepted: one that begins"),
        ("https://example.com/#/plain", "the external $ref is not followed"),
        (7, "unresolvable $ref"),
        (["#/plain"], "unresolvable $ref"),
    ],
)
def test_a_reference_that_cannot_be_followed(ref: Any, message: str) -> None:
    with pytest.raises(SpecError) as error:
        References("a.yaml", DOCUMENT).follow({"$ref": ref}, "/at")
    assert message in str(error.value)
    assert str(error.value).startswith("a.yaml#/")


@pytest.mark.parametrize("name", ["self", "branches"])
def test_a_circle_of_schemas_is_an_error(name: str) -> None:
    with pytest.raises(SpecError, match="cyclic"):
        References("a.yaml", DOCUMENT).expand({"$ref": f"#/{name}"})


def test_equal_references_share_one_schema() -> None:
    expander = References("a.yaml", DOCUMENT)
    one, other = (expander.expand({"$ref": "#/members"}) for _ in range(2))
    assert one is other
    assert one == {"properties": {"name": {"type": "string"}}}


def test_keywords_beside_a_reference_win() -> None:
    expander = References("a.yaml", DOCUMENT)
    schema = {"$ref": "#/plain", "description": "A name."}
    assert expander.expand(schema) == {"type": "string", "description": "A name."}


def test_every_schema_is_checked_at_its_place() -> None:
    places: list[str] = []
    expander = References(
        "a.yaml",
        DOCUMENT,
        check=lambda schema, at: places.append(at),
    )
    expander.expand({"items": {"$ref": "#/members"}}, "/schema")
    assert places == [
        "/schema",
        "/schema/items",
        "/members",
        "/members/properties/name",
        "/plain",
    ]


def chain(length: int, *refs: str) -> dict[str, Any]:
    """Return schemas that each refer to the next one, once for each of `refs`."""
    return {
        f"l{n}": {"properties": {ref: {"$ref": f"#/l{n + 1}"} for ref in refs}}
        for n in range(length)
    } | {f"l{length}": {}}


@pytest.mark.parametrize(
    ("document", "levels"),
    [
        (chain(20, "a", "b"), "schemas"),
        (chain(200, "a"), "levels"),
        ({"l0": {"allOf": [{}] * 30_000}}, "schemas"),
    ],
    ids=["doubled", "deep", "wide"],
)
def test_an_endless_expansion_is_an_error(document: Any, levels: str) -> None:
    expander = References("a.yaml", document)
    with pytest.raises(SpecError, match=r"too many \$refs or schemas; accepted: 20"):
        expander.expand({"$ref": "#/l0"})


def test_references_through_each_other_are_bounded() -> None:
    document = {f"l{n}": {"$ref": f"#/l{n + 1}/x"} for n in range(500)}
    with pytest.raises(SpecError, match=r"too many \$refs"):
        References("a.yaml", document).follow({"$ref": "#/l0/x"})


def test_a_shared_schema_counts_as_often_as_it_is_referred_to() -> None:
    document = chain(10, "a", "b")
    ten = {"allOf": [{"$ref": "#/l0"}] * 10}
    assert References("a.yaml", document).expand({"$ref": "#/l0"})
    with pytest.raises(SpecError, match="too many"):
        References("a.yaml", document).expand(ten)


def test_schemas_are_joined() -> None:
    old = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "string", "format": "uuid"}, "b": {}},
    }
    new = {
        "required": ["b", "a"],
        "properties": {"a": {"format": "uri"}, "c": {}},
    }
    assert join(old, new) == {
        "type": "object",
        "required": ["a", "b"],
        "properties": {"a": {"type": "string", "format": "uri"}, "b": {}, "c": {}},
    }
