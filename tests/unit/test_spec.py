"""The documents, and the loader that refuses what the suite would not check."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from contract.errors import SpecError
from contract.model import Violation
from contract.spec import Schema, Spec, load, overlay
from contract.spec.text import parsed

UPDATE = "/paths/~1api~1v2~1replay~1heatmap~1snapshots~1{snapshot_id}/patch"


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load()


@pytest.fixture(params=["document", "overlaid"])
def document(request: pytest.FixtureRequest, spec: Spec) -> dict[str, Any]:
    return getattr(spec, request.param)


@pytest.fixture
def edited(tmp_path: Path, spec: Spec) -> Callable[..., Path]:
    """Write both files into a directory, the document changed by the function given."""

    def edit(
        change: Callable[[dict[str, Any]], object], *actions: dict[str, Any]
    ) -> Path:
        copy = json.loads(json.dumps(spec.document))
        change(copy)
        (tmp_path / "openapi.yaml").write_text(json.dumps(copy))
        (tmp_path / "observed.overlay.yaml").write_text(
            json.dumps({"overlay": "1.0.0", "actions": actions})
        )
        return tmp_path

    return edit


# --- the documents ---------------------------------------------------------------------------------------


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
            schemathesis.openapi.from_dict(document),
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


def test_the_operation_is_the_page_s(spec: Spec) -> None:
    assert (spec.method, spec.path) == (
        "PATCH",
        "/api/v2/replay/heatmap/snapshots/{snapshot_id}",
    )
    assert spec.auth_headers == ("DD-API-KEY", "DD-APPLICATION-KEY")
    assert spec.sites == (
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
        "ddog-gov.com",
        "us2.ddog-gov.com",
    )
    assert spec.url("us3.datadoghq.com") == "https://api.us3.datadoghq.com"
    assert spec.document["paths"][spec.path]["patch"]["requestBody"]["required"] is True
    assert {
        status: list(response.media) for status, response in spec.documented.items()
    } == {
        200: ["application/json"],
        429: ["application/json"],
    }


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
    """Say of each place what the page's tables say: whether it is required, and its type."""
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
            lambda spec: spec.documented[200].media["application/json"],
            SNAPSHOT,
            id="200",
        ),
        pytest.param(
            lambda spec: spec.documented[429].media["application/json"],
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
            assert response.examples[media], (response.status, media)
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


# --- the overlay -----------------------------------------------------------------------------------------


def additions(old: Any, new: Any, at: str = "") -> list[str]:
    """Return where the new document has more; fails where it has less or something else."""
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
    assert (
        len(added) == 35
    )  # 3 schemas, headers thrice, a media type, 13 statuses, 15 of them at the siblings
    assert all(
        spec.observed[status].media.keys() >= response.media.keys()
        for status, response in spec.documented.items()
    )


def test_what_was_only_observed_names_its_source(spec: Spec) -> None:
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


def test_answers_say_how_much_of_the_rate_limit_is_left(spec: Spec) -> None:
    names = [
        f"X-RateLimit-{name}"
        for name in ("Limit", "Period", "Remaining", "Reset", "Name")
    ]
    for status in (200, 429):
        assert list(spec.observed[status].headers) == names
        assert not spec.documented[status].headers
    assert spec.observed[429].headers["X-RateLimit-Reset"].raw["type"] == "integer"


JSON, API, TEXT = "application/json", "application/vnd.api+json", "text/plain"
SHAPES = {
    (
        400,
        JSON,
    ): "text; code detail; code title; detail status title; meta title; title; error.details",
    (
        400,
        API,
    ): "text; code:null detail id:null links:null meta:null source:null status title;"
    "detail id source.parameter status title; detail id status title; detail meta status title; detail status;"
    "detail status title; detail title; detail; source.pointer title; status title",
    (403, TEXT): "title",
    (
        404,
        JSON,
    ): "text error_details; text; code detail; code title; detail title; title; error",
    (
        404,
        API,
    ): "text; code detail status title; code meta title; code title; detail id status title; detail status;"
    "detail status title; detail title; detail; id status title; status title; title",
    (409, JSON): "text; error",
    (409, API): "text; detail status; detail status title; detail title; status title",
    (410, API): "title",
    (412, API): "code detail status title",
    (422, JSON): "text",
    (422, API): "detail status title; detail title",
}


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


def test_every_shape_that_was_recorded_has_an_example(spec: Spec) -> None:
    found = {
        (status, media): {shape(example) for example in examples}
        for status, response in spec.observed.items()
        if status not in spec.documented
        for media, examples in response.examples.items()
    }
    assert found == {
        where: {one.strip() for one in shapes.split(";")}
        for where, shapes in SHAPES.items()
    }
    assert sum(map(len, found.values())) == 50


@pytest.mark.parametrize(
    "body",
    [{}, {"errors": "no"}, {"errors": [3]}, {"errors": [{"status": 400}]}, [], "no"],
)
def test_a_body_of_no_known_shape_is_invalid(spec: Spec, body: Any) -> None:
    assert not spec.observed[422].media[API].is_valid(body)


def test_updates_merge_deeply_append_and_leave_the_original_alone() -> None:
    before = {"a": {"b": [1], "c": {"d": 1}, "/e f": {"x": 1}}}
    after = overlay(
        before,
        {"target": "$.a", "update": {"b": [2], "c": {"e": 2, "d": 3}}},
        {"target": "$.a.b", "update": {"an": "item"}},
        {"target": "$['a'][\"/e f\"]", "update": {"y": 2}},
        {"target": "$.a.c.e", "remove": True, "update": {"ignored": 1}},
        {"target": "$", "update": {"top": None}},
    )
    assert after == {
        "a": {"b": [1, 2, {"an": "item"}], "c": {"d": 3}, "/e f": {"x": 1, "y": 2}},
        "top": None,
    }
    assert before == {"a": {"b": [1], "c": {"d": 1}, "/e f": {"x": 1}}}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"target": "$.b", "update": {}}, "overlay#/actions/0/target: matches nothing"),
        (
            {"target": "$.a.b", "remove": True},
            "overlay#/actions/0/target: matches nothing",
        ),
        ({"target": "$..a", "update": {}}, "unsupported target"),
        ({"target": "$.*", "update": {}}, "unsupported target"),
        ({"target": "$.a[0]", "update": {}}, "unsupported target"),
        ({"target": "a", "update": {}}, "unsupported target"),
        ({"update": {}}, "unsupported target"),
        ({"target": "$.a", "remove": False}, "not an action"),
        ("$.a", "not an action"),
        ({"target": "$", "remove": True}, "the whole document cannot be removed"),
        ({"target": "$.a", "update": {}}, "the update does not fit its target"),
        ({"target": "$", "update": []}, "the update does not fit its target"),
    ],
)
def test_an_action_that_is_not_handled_is_refused(action: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        overlay({"a": 1}, action)
    assert message in str(caught.value)


# --- loading ---------------------------------------------------------------------------------------------


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
        (attribute(**{"$ref": "other.yaml"}), f"{START}/$ref: unresolvable $ref"),
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
    edited: Callable[..., Path],
    change: Callable[[dict[str, Any]], object],
    message: str,
) -> None:
    with pytest.raises(SpecError) as caught:
        load(edited(change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_whole_message_says_where_what_accepted_and_given(
    edited: Callable[..., Path],
) -> None:
    directory = edited(attribute(type="integer", minimum=0))
    with pytest.raises(SpecError) as caught:
        load(directory)
    assert str(caught.value) == (
        f"{directory}/openapi.yaml#/components/schemas/SnapshotAttributes/properties/start/minimum: "
        "unknown schema keyword; accepted: $ref, type, properties, required, items, enum, format, title, description, "
        "example, examples, default, readOnly, x-…; given: minimum"
    )


def test_an_overlay_that_adds_what_is_not_handled_is_to_blame(
    edited: Callable[..., Path],
) -> None:
    action = {"target": "$.components.schemas", "update": {"New": {"oneOf": []}}}
    with pytest.raises(
        SpecError,
        match=r"observed.overlay.yaml \(applied\)#/components/schemas/New/oneOf: unknown",
    ):
        load(edited(lambda _: None, action))


def test_an_overlay_target_that_matches_nothing_is_refused(
    edited: Callable[..., Path],
) -> None:
    with pytest.raises(
        SpecError,
        match=r"observed.overlay.yaml#/actions/0/target: matches nothing; .* \$.compnents",
    ):
        load(edited(lambda _: None, {"target": "$.compnents", "update": {}}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            "openapi.yaml: cannot be read: No such file or directory; accepted: a directory with openapi.yaml and",
        ),
        (
            b"a: 1\nb: [\n",
            "openapi.yaml, line 3: not YAML; accepted: YAML 1.2 or JSON; given: ",
        ),
        (b"a: 1\nb: \x07\n", "openapi.yaml, line 2: not YAML"),
        (b"a: 1\nb: \xff\n", "openapi.yaml, line 2: not UTF-8"),
        (
            b"a: !ours b\n",
            "openapi.yaml, line 1: not YAML; accepted: YAML 1.2 or JSON; given: unknown tag !ours",
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
    edited: Callable[..., Path], content: bytes | None, message: str
) -> None:
    file = edited(lambda _: None) / "openapi.yaml"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load(file.parent)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_overlay_of_another_version_is_refused(edited: Callable[..., Path]) -> None:
    file = edited(lambda _: None) / "observed.overlay.yaml"
    file.write_text("overlay: 2.0.0\nactions: []\n")
    with pytest.raises(
        SpecError, match=r"#/overlay: not an Overlay 1.0; .* given: 2.0.0"
    ):
        load(file.parent)


def test_the_environment_names_the_directory(
    edited: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, spec: Spec
) -> None:
    monkeypatch.setenv(
        "CONTRACT_SPEC", str(edited(lambda d: d["info"].update(version="9.9.9")))
    )
    other = load()
    assert (other.version, sorted(other.observed)) == ("9.9.9", [200, 429])
    assert other.sha256 != spec.sha256


def test_a_directory_is_loaded_once(edited: Callable[..., Path], spec: Spec) -> None:
    directory = edited(lambda _: None)
    assert load() is spec is not load(directory) is load(directory)


# --- YAML ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("{a: 1, b: -2.5, c: 1e3, d: .5}", {"a": 1, "b": -2.5, "c": 1000.0, "d": 0.5}),
        ("[~, null, true, False]", [None, None, True, False]),
        ("[yes, 2025-01-01, 1_0, 0o7]", ["yes", "2025-01-01", "1_0", "0o7"]),
        ("a:\nb: -x", {"a": None, "b": "-x"}),
        ("['1', \"true\", !!str 5, !!int '5']", ["1", "true", "5", 5]),
        ("200: {true: no}", {"200": {"true": "no"}}),
        (
            "a: &x {b: [1]}\nc: *x\nd: {<<: *x, e: 2}\nf: {b: 0, <<: [*x]}",
            {"a": {"b": [1]}, "c": {"b": [1]}, "d": {"b": [1], "e": 2}, "f": {"b": 0}},
        ),
        ('{"a": "\\u00e9\\/"}', {"a": "é/"}),
    ],
)
def test_what_yaml_means(text: str, value: object) -> None:
    assert json.dumps(parsed("a text", text)) == json.dumps(value)


def test_what_is_tagged_binary_is_bytes_where_pyyaml_wrote_it() -> None:
    text = "a: !!binary AAE="
    assert (parsed("a text", text), parsed("a text", text, by_pyyaml=True)) == (
        {"a": "AAE="},
        {"a": b"\0\1"},
    )
    with pytest.raises(SpecError, match="line 1: not YAML"):
        parsed("a text", "a: !!binary A", by_pyyaml=True)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.binary()
        | st.text("0123456789.eE+-_:xo~")
        | st.sampled_from(["08", "1e5", "1.5e5", "yes", "2025-01-01"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_pyyaml_writes_is_read_as_it_was(value: object) -> None:
    written = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    assert parsed("a text", written, by_pyyaml=True) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: *x", "line 2: not YAML; .* undefined alias"),
        ("a: &x [*x]", "undefined alias"),
        ("{[1]: 2}", "a key that is no text"),
        ("a: 1\n---\nb: 2", "not one document"),
        (
            "a: &x [1, 1]\n"
            + "".join(f"b{n}: &x [{'*x, ' * 9}*x]\n" for n in range(8)),
            "more than 10,000,000 nodes",
        ),
        ("{a: " * 2_000, "nested deeper than 1000 levels"),
        ("a\x00b", "not YAML"),
    ],
)
def test_what_is_no_yaml(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parsed("a text", text)


# --- one schema ------------------------------------------------------------------------------------------


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
    known = {"event_id": "e", "is_device_type_selected_by_user": False, "start": 0}
    return {"data": {"type": "snapshots", "attributes": known | attributes}}


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
    assert spec.documented[200].media[JSON].errors(snapshot) == (
        [] if valid else [expected]
    )


@pytest.mark.parametrize(
    ("body", "violations"),
    [
        ({}, ["/data required: is missing"]),
        ([], ["/ type: is array, not object"]),
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


def test_items_of_a_list_have_their_number_and_all_types_are_named(spec: Spec) -> None:
    assert spec.documented[429].media[JSON].errors({"errors": ["a", 3]}) == [
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
def test_what_the_validator_cannot_take_is_judged_all_the_same(
    spec: Spec, odd: Any
) -> None:
    assert spec.request.errors({**request(), "unknown": odd, "\udfff": odd}) == []
    assert spec.request.is_valid({**request(), "unknown": odd, "\udfff": odd})
    assert [
        violation.pointer for violation in spec.request.errors(request(start=odd))
    ] == ["/data/attributes/start"]
    assert not spec.request.is_valid(request(start=odd))
