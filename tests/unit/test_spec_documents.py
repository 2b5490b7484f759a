"""The two documents: whole, valid, and with a source for every observation."""

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from contract.spec import Schema, Spec

JSON, API, TEXT = "application/json", "application/vnd.api+json", "text/plain"


@pytest.fixture(params=["document", "overlaid"])
def document(request: pytest.FixtureRequest, spec: Spec) -> dict[str, Any]:
    return getattr(spec, request.param)


def test_a_public_validator_accepts_the_document(document: dict[str, Any]) -> None:
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())


def test_schemathesis_loads_the_document_without_a_warning(
    document: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(yaml.safe_dump(document))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for schema in (
            schemathesis.openapi.from_dict(copy.deepcopy(document)),
            schemathesis.openapi.from_path(path),
        ):
            assert {
                operation.ok().definition.raw["operationId"]
                for operation in schema.get_all_operations()
            } == {
                "CreateReplayHeatmapSnapshot",
                "DeleteReplayHeatmapSnapshot",
                "ListReplayHeatmapSnapshots",
                "UpdateReplayHeatmapSnapshot",
            }


def test_the_documents_are_plain_json(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document)) == document


REQUEST = """
                                                            object
    /data                                          required object
    /data/attributes                                        object
    /data/attributes/event_id                      required string
    /data/attributes/is_device_type_selected_by_user required boolean
    /data/attributes/session_id                             string
    /data/attributes/start                         required int64
    /data/attributes/view_id                                string
    /data/id                                                string
    /data/type                                     required enum:snapshots
"""
SNAPSHOT = """
                                                            object
    /data                                                   object
    /data/attributes                                        object
    /data/attributes/application_id                         string
    /data/attributes/created_at                             date-time
    /data/attributes/created_by                             string
    /data/attributes/created_by_handle                      string
    /data/attributes/created_by_user_id                     int64
    /data/attributes/device_type                            string
    /data/attributes/event_id                               string
    /data/attributes/is_device_type_selected_by_user        boolean
    /data/attributes/modified_at                            date-time
    /data/attributes/org_id                                 int64
    /data/attributes/session_id                             string
    /data/attributes/snapshot_name                          string
    /data/attributes/start                                  int64
    /data/attributes/view_id                                string
    /data/attributes/view_name                              string
    /data/id                                                string
    /data/type                                     required enum:snapshots
"""
ERRORS = """
                                                            object
    /errors                                        required array
    /errors/*                                               string
"""


def as_table(schema: Schema) -> set[str]:
    """Return place, `required` and type, as the tables of the page do."""
    required, types = set(), {}
    for constraint in schema.constraints:
        match constraint.keyword:
            case "required":
                required.add(constraint.pointer)
            case "type":
                types[constraint.pointer] = constraint.schema["type"]
            case "format":
                types[constraint.pointer] = constraint.schema["format"]
            case "enum":
                types[constraint.pointer] = (
                    f"enum:{','.join(constraint.schema['enum'])}"
                )
    return {
        " ".join([at, *(["required"] if at in required else []), types[at]]).strip()
        for at in types
    }


@pytest.mark.parametrize(
    ("find", "table"),
    [
        pytest.param(lambda spec: spec.request, REQUEST, id="request"),
        pytest.param(
            lambda spec: spec.success_schema,
            SNAPSHOT,
            id="200",
        ),
        pytest.param(
            lambda spec: spec.error_schema,
            ERRORS,
            id="429",
        ),
    ],
)
def test_every_field_of_the_page_is_there_and_nothing_else(
    spec: Spec, find: Callable[[Spec], Schema], table: str
) -> None:
    assert as_table(find(spec)) == {
        " ".join(line.split()) for line in table.strip().splitlines()
    }


def test_every_example_satisfies_its_schema(spec: Spec) -> None:
    for response in (*spec.documented.values(), *spec.observed.values()):
        for media, schema in response.media.items():
            assert response.examples[media], media
            assert [
                schema.errors(example)
                for example in response.examples[media]
                if schema.errors(example)
            ] == []
    content = spec.document["paths"][spec.path]["patch"]["requestBody"]["content"][
        "application/json"
    ]
    assert all(
        spec.request.is_valid(example["value"])
        for example in content["examples"].values()
    )


def additions(old: Any, new: Any, at: str = "") -> list[str]:
    """Return the pointers to additions. Fail for any other change."""
    if isinstance(old, dict) and isinstance(new, dict):
        assert old.keys() <= new.keys(), at
        added = [f"{at}/{key}" for key in new if key not in old]
        return added + [
            where
            for key in old
            for where in additions(old[key], new[key], f"{at}/{key}")
        ]
    assert old == new, at
    return []


def test_the_overlay_only_adds(spec: Spec) -> None:
    added = additions(spec.document, spec.overlaid)
    # 3 schemas, 3 sets of headers, a media type, 13 statuses and 15 at the siblings
    assert len(added) == 35
    assert all(
        spec.observed[status].media.keys() >= response.media.keys()
        for status, response in spec.documented.items()
    )


def test_every_observed_status_names_its_source(spec: Spec) -> None:
    recorded = "4,042 recorded interactions that ship in datadog-api-client 2.62.0"
    sources = {
        status: spec.observed[status].source
        for status in spec.observed.keys() - spec.documented.keys()
    }
    assert sources == {
        **dict.fromkeys([400, 403, 404, 409, 410, 412, 422], recorded),
        401: "RFC 9110, 15.5.2",
        405: "RFC 9110, 15.5.6",
        413: "RFC 9110, 15.5.14",
        414: "RFC 9110, 15.5.15",
        415: "RFC 9110, 15.5.16",
        431: "RFC 6585, 5",
    }


def test_each_action_names_its_source() -> None:
    path = Path(__file__).parents[2] / "spec" / "observed.overlay.yaml"
    assert all(
        action["x-source"] for action in yaml.safe_load(path.read_text())["actions"]
    )


def test_responses_have_rate_limit_headers(spec: Spec) -> None:
    names = [
        f"X-RateLimit-{name}"
        for name in ("Limit", "Period", "Remaining", "Reset", "Name")
    ]

    def responses(document: Any) -> tuple[Any, Any]:
        success = document["paths"][spec.path]["patch"]["responses"]["200"]
        return success, document["components"]["responses"]["TooManyRequests"]

    assert all(list(item["headers"]) == names for item in responses(spec.overlaid))
    assert not any("headers" in item for item in responses(spec.document))
    reset = spec.overlaid["components"]["headers"]["X-RateLimit-Reset"]
    assert reset["schema"]["type"] == "integer"


SHAPES = {
    (400, JSON): "text; code detail; code title; detail status title; meta title;"
    "title; error.details",
    (400, API): "text; code:null detail id:null links:null meta:null source:null"
    " status title; detail id source.parameter status title; detail id status title;"
    "detail meta status title; detail status; detail status title; detail title;"
    "detail; source.pointer title; status title",
    (403, TEXT): "title",
    (404, JSON): "text error_details; text; code detail; code title; detail title;"
    "title; error",
    (404, API): "text; code detail status title; code meta title; code title;"
    "detail id status title; detail status; detail status title; detail title;"
    "detail; id status title; status title; title",
    (409, JSON): "text; error",
    (409, API): "text; detail status; detail status title; detail title; status title",
    (410, API): "title",
    (412, API): "code detail status title",
    (422, JSON): "text",
    (422, API): "detail status title; detail title",
}
"""The shapes of recorded errors by status and media type."""


def shape(body: dict[str, Any]) -> str:
    if "error" in body:
        return "error.details" if "details" in body["error"] else "error"
    (error,) = body["errors"]
    if isinstance(error, str):
        return " ".join(["text", *(body.keys() - {"errors"})])
    names = {"source": lambda source: f"source.{''.join(source)}"}
    return " ".join(
        f"{key}:null"
        if error[key] is None
        else names.get(key, lambda _, key=key: key)(error[key])
        for key in sorted(error)
    )


def test_every_recorded_shape_has_an_example(spec: Spec) -> None:
    shapes = {
        (status, media): {shape(example) for example in examples}
        for status, response in spec.observed.items()
        if status not in spec.documented
        for media, examples in response.examples.items()
    }
    assert shapes == {
        place: {name.strip() for name in names.split(";")}
        for place, names in SHAPES.items()
    }
    assert sum(map(len, shapes.values())) == 50


@pytest.mark.parametrize(
    "body",
    [{}, {"errors": "no"}, {"errors": [3]}, {"errors": [{"status": 400}]}, [], "no"],
)
def test_a_body_of_no_known_shape_is_invalid(spec: Spec, body: Any) -> None:
    assert not spec.observed[422].media[API].is_valid(body)
