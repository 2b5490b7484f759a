"""The codec: every case of the catalogue survives JSON, and stays small in it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.cases.client import client_scenarios
from contract.cases.codec import case_from_json, case_to_json
from contract.cases.parameters import CREDENTIALS
from contract.cases.placeholders import (
    CUT,
    DELETED,
    OTHER,
    OWN,
    RANDOM_TEXT,
    RANDOM_UUID,
)
from contract.cases.service import service_scenarios
from contract.errors import UsageError
from contract.model import (
    VIEW_NAME,
    AnyCase,
    ClientCase,
    Composite,
    Json,
    Label,
    Operation,
    Owner,
    RequestOverride,
    Response,
    ServiceCase,
    ServiceCredential,
    Violation,
)
from contract.spec import load

SPEC = load()
CLIENT_JSON = {"kind": "client", "snapshot_id": "a", "credential": "plain"}


def catalogue() -> Iterator[AnyCase]:
    for scenario in (*client_scenarios(SPEC), *service_scenarios(SPEC)):
        for case in scenario.cases():
            yield case.in_scenario(scenario.name)


def there_and_back(case: AnyCase) -> AnyCase:
    return case_from_json(json.loads(json.dumps(case_to_json(case))))


def client_case(body: Json, **special: Any) -> ClientCase:
    return ClientCase(
        snapshot_id="a", credential=CREDENTIALS["plain"], body=body, **special
    )


def test_every_case_of_the_catalogue_survives_in_4_kilobytes() -> None:
    for case in catalogue():
        text = json.dumps(case_to_json(case))
        assert len(text) < 4_000, case.kind
        copy = case_from_json(json.loads(text))
        assert copy == case, case.kind
        # 1 == True == 1.0 in Python, so the texts are compared too.
        assert json.dumps(case_to_json(copy)) == text


STEP = ServiceCase(
    scenario="sequences",
    labels=(Label("operation", "list"),),
    snapshot_id=(OWN, "/", OTHER, RANDOM_TEXT),
    credential=ServiceCredential(Owner.OTHER),
    operation=Operation.LIST,
    override=RequestOverride(body=(b'{"id":"', OWN, b'\xff"}'), content_type=None),
    body={"data": {"id": DELETED, "attributes": {"view": VIEW_NAME}}},
    violation=Violation("", "JSON", "truncated"),
    is_step=True,
    is_generated=True,
    expected={
        OWN: {"view": VIEW_NAME, "start": 2**63},
        OTHER: {"event_id": RANDOM_UUID, "view_id": Composite((CUT, "*"))},
    },
)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(STEP, id="step"),
        pytest.param(client_case({"$ref": 1, "a": {"$base64": "x"}}), id="tags"),
        pytest.param(client_case({"": [None, 1.5, True, 10**30]}), id="values"),
        pytest.param(client_case("\ud800"), id="surrogate"),
        pytest.param(client_case(None, timeout_s=1.0, sites=("a", "b")), id="sites"),
    ],
)
def test_a_case_survives(case: AnyCase) -> None:
    assert there_and_back(case) == case


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x" * 10_000, 1),
        ("a" + "x" * 10_000 + "b", 3),
        ("[" * 10_000 + "]" * 10_000, 2),
        ("{" + "".join(f',"p{number}":0' for number in range(10_000)) + "}", 3),
        ('{"a":' * 9_999 + "é" * 9_999 + "ab" * 5_000 + "a", 4),
        ("no run " + "".join(chr(n) for n in range(0x3000, 0x3400)), 1),
    ],
    ids=["one", "inside", "nested", "numbered", "units", "none"],
)
def test_runs_of_a_text_are_written_as_such(text: str, parts: int) -> None:
    document = case_to_json(client_case(text))["body"]
    assert there_and_back(client_case(text)).body == text
    written = document if isinstance(document, dict) else {}
    assert len(written.get("$concat", [document])) == parts


def test_runs_of_bytes_are_written_as_such() -> None:
    body = b"\xff" * 5_000 + b'"' + b"\\u0000" * 5_000
    case = client_case(None, responses=(Response(200, (), body),))
    text = json.dumps(case_to_json(case))
    assert len(text) < 300
    assert there_and_back(case) == case


def test_fields_with_their_defaults_are_left_out() -> None:
    assert case_to_json(client_case(None)) == CLIENT_JSON


def test_keys_are_written_by_name() -> None:
    for credential in CREDENTIALS.values():
        case = ClientCase(snapshot_id="a", credential=credential)
        assert case_to_json(case)["credential"] == credential.name
        assert there_and_back(case) == case


def test_case_ids_depend_on_the_content_only() -> None:
    case = client_case({"a": 1})
    same = client_case({"a": 1}, scenario="b", labels=(Label("", "c"),))
    assert case.id == same.id
    assert len(case.id) == 12
    others = [
        client_case({"a": True}),
        client_case({"a": 1.0}),
        client_case({"a": 1}, retry=True),
        client_case({"a": 1}, sites=("datadoghq.eu",)),
    ]
    assert len({other.id for other in (case, *others)}) == 5


def test_case_ids_do_not_depend_on_the_order_of_members() -> None:
    one, other = client_case({"a": 1, "b": 2}), client_case({"b": 2, "a": 1})
    assert one.id == other.id


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "$: accepted: an object, given: []"),
        ({}, "/kind: accepted: client or service, given: null"),
        ({"kind": ["client"]}, '/kind: accepted: client or service, given: ["client"]'),
        ({"kind": "client"}, "$: accepted: an object with scenario, labels"),
        (CLIENT_JSON | {"credential": "real"}, "/credential: accepted: a known name"),
        (CLIENT_JSON | {"credential": []}, "/credential: accepted: a known name"),
        (CLIENT_JSON | {"color": 1}, "$: accepted: an object with scenario, labels"),
        (CLIENT_JSON | {"retry": 1}, "/retry: accepted: true or false, given: 1"),
        (
            CLIENT_JSON | {"timeout_s": "5"},
            '/timeout_s: accepted: a number, given: "5"',
        ),
        (CLIENT_JSON | {"tls": "old"}, "/tls: accepted: trusted, unknown authority"),
        (CLIENT_JSON | {"sites": "a"}, "/sites: accepted: a list"),
        (CLIENT_JSON | {"responses": [{"status": "200"}]}, "/responses/status"),
        (
            CLIENT_JSON | {"responses": [{"status": 200, "headers": [["a"]]}]},
            "/responses/headers",
        ),
        (CLIENT_JSON | {"violation": {}}, "/violation: accepted: an object with place"),
        (CLIENT_JSON | {"body": {"$base64": "?"}}, "$: accepted: one known tag"),
        (CLIENT_JSON | {"body": {"$odd": 1}}, "$: accepted: one known tag"),
        (CLIENT_JSON | {"body": {"$repeat": ["a", 10**12]}}, "$: accepted: one known"),
        (CLIENT_JSON | {"body": {"$concat": ["a", 1]}}, "$: accepted: one known tag"),
        (
            {"kind": "service", "snapshot_id": [{"$placeholder": ["own", 0, "new"]}]},
            "$: accepted: one known tag",
        ),
    ],
)
def test_an_error_names_what_is_wrong(document: Json, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        case_from_json(document)
    assert str(raised.value).startswith(f"not a case, {message}")
