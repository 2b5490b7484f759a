"""The loader: the operation that it reads, and the documents that it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.client import SITES
from contract.errors import SpecError
from contract.spec import Spec, load

UPDATE = "/paths/~1api~1v2~1replay~1heatmap~1snapshots~1{snapshot_id}/patch"


def test_the_operation_is_that_of_the_page(spec: Spec) -> None:
    assert (spec.method, spec.path) == (
        "PATCH",
        "/api/v2/replay/heatmap/snapshots/{snapshot_id}",
    )
    assert spec.auth_headers == ("DD-API-KEY", "DD-APPLICATION-KEY")
    assert spec.sites == SITES, "the client has the sites in plain Python"
    assert spec.collection_path == "/api/v2/replay/heatmap/snapshots"
    assert spec.json_media_type == "application/json"
    assert spec.path_of("a/b c") == "/api/v2/replay/heatmap/snapshots/a%2Fb%20c"
    assert spec.url("us3.datadoghq.com") == "https://api.us3.datadoghq.com"
    assert spec.document["paths"][spec.path]["patch"]["requestBody"]["required"] is True
    assert {
        status: list(response.media) for status, response in spec.documented.items()
    } == {
        200: ["application/json"],
        429: ["application/json"],
    }


def test_schemas_of_the_operation_are_those_of_its_request_and_responses(
    spec: Spec,
) -> None:
    members = spec.request.raw["properties"]["data"]["properties"]
    assert spec.attributes_schema.raw is members["attributes"]
    assert spec.success_schema is spec.documented[200].media[spec.json_media_type]
    assert spec.error_schema is spec.documented[429].media[spec.json_media_type]


def schemas(document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"]


def attribute(**keywords: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: schemas(document)["SnapshotAttributes"][
        "properties"
    ].update(start=keywords)


START = "#/components/schemas/SnapshotAttributes/properties/start"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.update(openapi="3.0.3"),
            "#/openapi: not OpenAPI 3.1; accepted: 3.1.x; given: 3.0.3",
        ),
        (
            lambda d: d["paths"]["/api/v2/replay/heatmap/snapshots/{snapshot_id}"].pop(
                "patch"
            ),
            "#/paths: the operation is missing; accepted: UpdateReplayHeatmapSnapshot; given: "
            "DeleteReplayHeatmapSnapshot, ListReplayHeatmapSnapshots, CreateReplayHeatmapSnapshot",
        ),
        (
            lambda d: d["components"]["responses"]["TooManyRequests"].update(
                headers={"X-A": {}}
            ),
            "/headers/X-A: schema is missing; accepted: schema",
        ),
        (lambda d: d.update(paths=None), "#/paths: the operation is missing"),
        (lambda d: d.pop("paths"), "openapi.yaml: paths is missing"),
        (
            attribute(type="integer", pattern="x"),
            f"{START}/pattern: unknown schema keyword; accepted: $ref, type, ",
        ),
        (
            attribute(type="int"),
            f"{START}/type: unknown type; accepted: object, array, string, boolean, integer, ",
        ),
        (attribute(type=["integer", 3]), f"{START}/type: unknown type"),
        (
            attribute(type="integer", format="int128"),
            f"{START}/format: unknown format; accepted: int32, int64, date",
        ),
        (
            attribute(type="string", format="int64"),
            f"{START}/format: format without its type; accepted: type: integer",
        ),
        (
            attribute(**{"$ref": "#/components/schemas/No"}),
            f"{START}/$ref: unresolvable $ref",
        ),
        (
            attribute(**{"$ref": "other.yaml"}),
            f"{START}/$ref: the external $ref is not followed",
        ),
        (
            attribute(**{"$ref": "#/info", "type": "string"}),
            f"{START}/type: a constraint beside $ref",
        ),
        (
            attribute(**{"$ref": "#/components/schemas/Snapshot"}),
            "/$ref: cyclic $ref; accepted: references that end",
        ),
        (
            attribute(type="object", properties=[]),
            f"{START}/properties: malformed properties",
        ),
        (
            attribute(type="object", required="data"),
            f"{START}/required: malformed required",
        ),
        (attribute(enum="snapshots"), f"{START}/enum: malformed enum"),
        (attribute(type="array", items=True), f"{START}/items: not a schema"),
        (
            lambda d: schemas(d).update(
                Unused={"type": "object", "additionalProperties": False}
            ),
            "#/components/schemas/Unused/additionalProperties: unknown schema keyword",
        ),
        (
            lambda d: d["components"]["parameters"]["SnapshotId"].update(
                schema={"minLength": 1}
            ),
            "#/components/parameters/SnapshotId/schema/minLength: unknown schema keyword",
        ),
        (
            lambda d: d["components"].update(
                responses={"TooManyRequests": {"$ref": "#/components/responses/Gone"}}
            ),
            "#/components/responses/TooManyRequests/$ref: unresolvable $ref",
        ),
        (
            lambda d: d["components"]["responses"].update(
                TooManyRequests={"$ref": "#/components/responses/TooManyRequests"}
            ),
            "/components/responses/TooManyRequests/$ref: cyclic $ref",
        ),
        (lambda d: d.update(servers=[]), "#/servers: not the address of a site"),
        (
            lambda d: d["servers"].append({"url": "http://localhost"}),
            "#/servers: not the address of a site; accepted: https://api.{site}; given: http://localhost",
        ),
        (
            lambda d: d["paths"]["/api/v2/replay/heatmap/snapshots/{snapshot_id}"][
                "patch"
            ].update(security=[]),
            f"{UPDATE}/security: unknown security",
        ),
        (
            lambda d: d["paths"]["/api/v2/replay/heatmap/snapshots/{snapshot_id}"][
                "patch"
            ]["responses"].update(default={"description": "?"}),
            f"{UPDATE}/responses/default: unknown status",
        ),
    ],
)
def test_a_document_that_is_not_handled_is_refused(
    write_spec: Callable[..., Path],
    change: Callable[[dict[str, Any]], object],
    message: str,
) -> None:
    with pytest.raises(SpecError) as error:
        load(write_spec(change))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_message_names_the_place_the_defect_and_the_accepted_keywords(
    write_spec: Callable[..., Path],
) -> None:
    directory = write_spec(attribute(type="integer", minimum=0))
    with pytest.raises(SpecError) as error:
        load(directory)
    assert str(error.value) == (
        f"{directory}/openapi.yaml#/components/schemas/SnapshotAttributes/properties/start/minimum: "
        "unknown schema keyword; accepted: $ref, type, properties, required, items, enum, format, title, description, "
        "example, examples, default, readOnly, x-…; given: minimum: 0"
    )


def test_an_error_in_the_overlay_names_the_overlay(
    write_spec: Callable[..., Path],
) -> None:
    action = {"target": "$.components.schemas", "update": {"New": {"oneOf": []}}}
    with pytest.raises(
        SpecError,
        match=r"observed.overlay.yaml \(applied\)#/components/schemas/New/oneOf: unknown",
    ):
        load(write_spec(lambda _: None, action))


def test_an_overlay_target_that_matches_nothing_is_refused(
    write_spec: Callable[..., Path],
) -> None:
    with pytest.raises(
        SpecError,
        match=r"observed.overlay.yaml#/actions/0/target: matches no object; .* \$.compnents",
    ):
        load(write_spec(lambda _: None, {"target": "$.compnents", "update": {}}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            "openapi.yaml: cannot be read: ",
        ),
        (
            b"a: 1\nb: [\n",
            "openapi.yaml, line 3: not YAML; accepted: YAML 1.2 or JSON, ",
        ),
        (b"a: 1\nb: \x07\n", "openapi.yaml, line 2: not YAML"),
        (b"a: 1\nb: \xff\n", "openapi.yaml, line 2: not UTF-8"),
        (
            b"a: !ours b\n",
            "openapi.yaml, line 1: not YAML; accepted: YAML 1.2 or JSON, no key twice, at most 200 levels deep; given: unknown tag !ours",
        ),
        (b"a: !!python/name:os.system\n", "openapi.yaml, line 1: not YAML"),
        (b"a: !ours {b: 1}\n", "openapi.yaml, line 1: not YAML"),
        (b"a: " + b"[" * 50_000, "openapi.yaml, line 1: not YAML"),
        (b"- a\n", "openapi.yaml: not a mapping; accepted: a mapping; given: ['a']"),
        (b"", "openapi.yaml: not a mapping; accepted: a mapping; given: None"),
    ],
    ids=[
        "missing",
        "cut",
        "control",
        "encoding",
        "tag",
        "a Python tag",
        "a tag of a mapping",
        "deep",
        "list",
        "empty",
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    write_spec: Callable[..., Path], content: bytes | None, message: str
) -> None:
    file = write_spec() / "openapi.yaml"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(SpecError) as error:
        load(file.parent)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_overlay_of_another_version_is_refused(
    write_spec: Callable[..., Path],
) -> None:
    file = write_spec() / "observed.overlay.yaml"
    file.write_text("overlay: 2.0.0\nactions: []\n")
    with pytest.raises(
        SpecError, match=r"#/overlay: not an Overlay 1.0; .* given: 2.0.0"
    ):
        load(file.parent)


def test_the_environment_names_the_directory(
    write_spec: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, spec: Spec
) -> None:
    monkeypatch.setenv(
        "CONTRACT_SPEC", str(write_spec(lambda d: d["info"].update(version="9.9.9")))
    )
    other = load()
    assert (other.version, sorted(other.observed)) == ("9.9.9", [200, 429])
    assert other.sha256 != spec.sha256


def test_a_directory_is_loaded_once(
    write_spec: Callable[..., Path], spec: Spec
) -> None:
    directory = write_spec()
    assert load() is spec is not load(directory) is load(directory)
