"""Facts about the endpoint, compared with the document and the client."""

import pytest

from contract import endpoint
from contract.endpoint import RateLimitHeader
from contract.spec import Schema, Spec
from contract.spec.document import Reader


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1),
        ("60", 60),
        ("0060", 60),
        ("0" * 5_000 + "7", 7),
        ("86400", 86_400),
        ("86401", None),
        ("9" * 5_000, None),
        ("0", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        (" 1", None),
        ("1\n", None),
        ("", None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_reset_seconds(text: str, seconds: int | None) -> None:
    headers = (("Date", "now"), ("x-ratelimit-RESET", text))
    assert endpoint.reset_seconds(headers) == seconds


def test_headers_without_a_reset() -> None:
    assert endpoint.reset_seconds((("X-RateLimit-Remaining", "5"),)) is None
    assert endpoint.reset_seconds(()) is None


@pytest.mark.parametrize(
    ("text", "count"), [("0", 0), ("99", 99), ("many", None), ("86401", None)]
)
def test_remaining_requests(text: str, count: int | None) -> None:
    assert endpoint.remaining_requests((("X-RateLimit-Remaining", text),)) == count


def test_rate_limit_headers_are_those_of_the_overlay(spec: Spec) -> None:
    assert set(RateLimitHeader) <= spec.overlaid["components"]["headers"].keys()


@pytest.fixture
def create_schema(spec: Spec) -> Schema:
    reader = Reader("openapi.yaml", spec.document)
    body = ("requestBody", "content", spec.json_media_type, "schema")
    path = ("paths", spec.collection_path, endpoint.CREATE.method.lower())
    return reader.schema(*path, *body)


@pytest.mark.parametrize("sibling", ["CREATE", "LIST", "DELETE"])
def test_siblings_are_in_the_document(spec: Spec, sibling: str) -> None:
    operation = getattr(endpoint, sibling)
    path = spec.path if sibling == "DELETE" else spec.collection_path
    node = spec.document["paths"][path][operation.method.lower()]
    successes = [status for status in node["responses"] if status.startswith("2")]
    assert successes == [str(operation.success_status)]


def test_list_filters_by_the_view(spec: Spec) -> None:
    parameters = spec.document["paths"][spec.collection_path]["get"]["parameters"]
    required = [item["name"] for item in parameters if item.get("required")]
    assert required == [f"filter[{endpoint.VIEW_ATTRIBUTE}]"]
    view = "filter%5Bview_name%5D=a%20b%26c%2F%C3%BC"
    assert endpoint.list_query("a b&c/ü") == f"{view}&page%5Blimit%5D=100"
    assert "page[limit]" in {item["name"] for item in parameters}


def test_bodies_are_valid_and_complete(spec: Spec, create_schema: Schema) -> None:
    created = endpoint.create_body("a view", "a name")
    assert spec.request.errors(created) == []
    assert create_schema.errors(created) == []
    members = create_schema.raw["properties"]["data"]["properties"]["attributes"]
    assert created["data"]["attributes"].keys() == members["properties"].keys()
    assert created["data"]["type"] == endpoint.RESOURCE_TYPE
    optional = members["properties"].keys() - set(members["required"])
    assert set(endpoint.OPTIONAL_ATTRIBUTES) == optional
    ids = {name for name in members["properties"] if name.endswith("_id")}
    assert set(endpoint.ID_ATTRIBUTES) == ids


def test_attributes_of_a_body_can_be_replaced() -> None:
    attributes = endpoint.create_body("v", "n", start=5, tag=1)["data"]["attributes"]
    assert (attributes["start"], attributes["tag"]) == (5, 1)


def test_attribute_names_are_those_of_the_document(spec: Spec) -> None:
    requested = spec.attributes_schema.raw["properties"]
    data = spec.success_schema.raw["properties"]["data"]["properties"]
    answered = data["attributes"]["properties"]
    assert requested[endpoint.TEXT_ATTRIBUTE]["type"] == "string"
    assert requested[endpoint.OPTIONAL_TEXT_ATTRIBUTE]["type"] == "string"
    assert requested[endpoint.INTEGER_ATTRIBUTE]["type"] == "integer"
    assert (
        endpoint.OPTIONAL_TEXT_ATTRIBUTE not in spec.attributes_schema.raw["required"]
    )
    others = (endpoint.MODIFIED_ATTRIBUTE, endpoint.ORG_ATTRIBUTE)
    read_only = {*endpoint.CREATED_ATTRIBUTES, *others}
    assert not requested.keys() & read_only
    assert answered.keys() >= {*read_only, endpoint.VIEW_ATTRIBUTE}


def test_created_attributes_have_values_of_their_type(spec: Spec) -> None:
    attributes = {"attributes": dict(endpoint.CREATED_ATTRIBUTES)}
    snapshot = {"data": {"type": endpoint.RESOURCE_TYPE, **attributes}}
    assert spec.success_schema.errors(snapshot) == []
