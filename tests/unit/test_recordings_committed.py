"""The recordings of the repository, and recorded responses that clients get."""

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import vcr

from contract.api import check_client
from contract.clauses import SERVICE_CLAUSES
from contract.errors import UsageError
from contract.faults.plain import RECORDING_FAULTS
from contract.model import Label, Response
from contract.recordings.replay import (
    RecordedUpdates,
    changes,
    recorded_updates,
)
from contract.redaction import scan
from contract.spec import Spec, load
from contract.spec.text import parsed
from tests.checkout import ROOT
from tests.tools.record_sandbox import record_sandbox
from tests.unit.recorded_runs import SECRETS, exchange, rejudge, saved

COMMITTED = ROOT / "spec" / "recordings" / "sandbox"


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record the sandbox again."""
    directory = tmp_path_factory.mktemp("again")
    record_sandbox(directory)
    return directory


def test_committed_recordings_hold_the_contract(spec: Spec) -> None:
    verdict = rejudge(COMMITTED, spec)
    verdict.assert_holds()
    assert set(verdict.not_judged) == {"S-RATE", "S-PARITY"}
    assert len(verdict.clauses) == len(SERVICE_CLAUSES)


def test_committed_recordings_say_their_source() -> None:
    for path in COMMITTED.glob("*.yaml"):
        document = parsed(str(path), path.read_bytes(), by_pyyaml=True)
        head = document["x-contract"]
        source = head["made_from"], head["subject"], head["scenario"]
        assert source == ("sandbox", "sandbox", path.stem)
        assert document["version"] == 1


def test_committed_recordings_have_no_secret_and_are_small() -> None:
    assert scan([COMMITTED], SECRETS) == []
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 300_000


def test_committed_recordings_are_up_to_date(again: Path) -> None:
    """If this fails: python -m tests.tools.record_sandbox."""
    names = sorted(path.name for path in again.iterdir())
    assert sorted(path.name for path in COMMITTED.iterdir()) == names
    assert changes(COMMITTED, again) == []


def test_recording_twice_writes_the_same_bytes(again: Path, tmp_path: Path) -> None:
    record_sandbox(tmp_path)
    for path in again.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


# -- clients ---------------------------------------------------------------------------


def test_clients_get_recorded_responses() -> None:
    scenarios = RecordedUpdates(COMMITTED, load()).scenarios()
    kinds = {f"{s.name}/{case.title}" for s in scenarios for case in s.cases()}
    assert {
        "recorded-valid-bodies/200 recorded, application/json",
        "recorded-keys/401 recorded, application/json",
    } <= kinds
    verdict = check_client(scenarios=scenarios, sites=["datadoghq.eu"])
    verdict.assert_holds()
    assert {"C-SNAPSHOT", "C-ERROR"} <= set(verdict.judged_total)


def test_response_is_played_once_without_headers_of_the_connection(
    tmp_path: Path,
) -> None:
    headers = (
        ("Date", "now"),
        ("X-RateLimit-Reset", "3"),
        ("Transfer-Encoding", "chunked"),
    )
    limited = Response(429, headers, b'{"errors": []}')
    deletion = exchange(Response(204))
    request = replace(deletion.requests[0], method="DELETE")
    deletion = replace(deletion, requests=(request,))
    saved(tmp_path, exchange(limited, limited), exchange(limited), deletion)
    (scenario,) = RecordedUpdates(tmp_path, load()).scenarios()
    (case,) = scenario.cases()
    assert scenario.name == "recorded-valid-bodies"
    assert case.labels == (Label("429", "recorded, no media type"),)
    played = Response(429, (("X-RateLimit-Reset", "3"),), limited.body)
    assert case.responses == (played,)


def test_cassette_of_vcrpy_is_played_to_clients(
    sandbox_url: str, tmp_path: Path, spec: Spec
) -> None:
    url = f"{sandbox_url}{spec.collection_path}/a"
    with vcr.use_cassette(str(tmp_path / "other.yaml")), requests.Session() as session:
        session.patch(url, data="{}", timeout=5)
    (scenario,) = RecordedUpdates(tmp_path, load()).scenarios()
    (case,) = scenario.cases()
    assert scenario.name == "recorded-other"
    assert str(case.labels[0]) == "401 recorded, application/json"


# -- cassettes of others ---------------------------------------------------------------

REQUEST = "{method: patch, uri: https://api.datadoghq.eu/api/v2/replay/heatmap/snapshots/a, headers: {}, body: null}"
PATH = "/api/v2/replay/heatmap/snapshots"
BODY = '{"data": {"type": "snapshots", "id": "é"}}'
PACKED = base64.b64encode(gzip.compress(BODY.encode(), mtime=0)).decode()


def cassette(response: str, request: str = REQUEST) -> str:
    return f"interactions: [{{request: {request}, response: {response}}}]\n"


@pytest.mark.parametrize("name", ["a.yml", "a.yaml", "a.json", "deep/a.yaml"])
def test_every_suffix_of_a_cassette_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    response = '{"status": {"code": 200}, "headers": {}, "body": {"string": "{}"}}'
    request = '{"method": "PATCH", "uri": "/api/v2/replay/heatmap/snapshots/a", "headers": {}, "body": null}'
    path.write_text(
        f'{{"interactions": [{{"request": {request}, "response": {response}}}]}}'
    )
    assert [response.body for response in recorded_updates(tmp_path)] == [b"{}"]


def test_a_packed_body_is_unpacked_and_the_method_may_have_any_case(
    tmp_path: Path,
) -> None:
    head = "status: {code: 200}, headers: {Content-Encoding: [gzip]}"
    text = cassette(f"{{{head}, body: {{string: !!binary {PACKED}}}}}")
    (tmp_path / "a.yaml").write_text(text)
    (response,) = recorded_updates(tmp_path)
    assert response.body == BODY.encode()
    assert response.header("Content-Encoding") is None


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ("{status: {code: '200'}, headers: {}, body: {string: a}}", "the status '200'"),
        (
            "{status: {code: 200}, headers: {A: [5]}, body: {string: a}}",
            "the header A has 5, which is no text",
        ),
        (
            "{status: {code: 200}, headers: {}, body: {string: [1]}}",
            "a body is no text",
        ),
        (
            "{status: {code: 200}, headers: {}, body: {string: {data: {id: a}}}}",
            "a body is no text",
        ),
        (
            "{status: {code: 200}, headers: {}, body: {base64_string: '?'}}",
            "a body is no Base64",
        ),
        (
            "{status: {code: 200}, headers: {Content-Encoding: br}, "
            "body: {string: !!binary /w==}}",
            "a body is packed with br and cannot be unpacked",
        ),
        ("{status: {code: 99}, headers: {}, body: {string: a}}", "the status 99"),
        ("{status: {code: 200}, headers: {}, body: {}}", "a member is missing"),
        ("{headers: {}, body: {string: a}}", "a member is missing"),
    ],
    ids=[
        "status",
        "header",
        "body",
        "body of an object",
        "no Base64",
        "br",
        "small status",
        "no string",
        "no status",
    ],
)
def test_an_odd_cassette_is_one_line_without_words_of_python(
    tmp_path: Path, response: str, message: str
) -> None:
    (tmp_path / "a.yaml").write_text(cassette(response))
    with pytest.raises(UsageError, match=f"not a VCR cassette: {message}") as raised:
        recorded_updates(tmp_path)
    assert "Error" not in str(raised.value)


def test_recordings_without_an_update_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("interactions: []\n")
    with pytest.raises(UsageError, match="holds no response to PATCH /api/v2/"):
        RecordedUpdates(tmp_path, load())


def test_only_answers_of_this_operation_are_played_and_others_are_named(
    tmp_path: Path,
) -> None:
    response = "{status: {code: 200}, headers: {}, body: {string: '{}'}}"
    texts = [
        cassette(response),
        cassette(response, REQUEST.replace("snapshots/a", "other/a")),
        cassette(response, REQUEST.replace("patch", "GET")),
        cassette(response, REQUEST.replace("patch", "Get")),
    ]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.yaml").write_text(text)
    updates = RecordedUpdates(tmp_path, load())
    assert [path.stem for path in updates.responses().values()] == ["0"]
    assert updates.remark == (
        "3 answers of other operations are not used: "
        "GET /api/v2/replay/heatmap/snapshots/{snapshot_id} (2), "
        "PATCH /api/v2/replay/heatmap/other/a (1)"
    )
    (tmp_path / "0.yaml").unlink()
    with pytest.raises(
        UsageError, match=r"holds no response to PATCH .*; 3 answers of"
    ):
        recorded_updates(tmp_path)


def test_json_of_others_may_have_surrogate_pairs(tmp_path: Path) -> None:
    item = {
        "request": {"method": "PATCH", "uri": f"{PATH}/a", "headers": {}, "body": None},
        "response": {
            "status": {"code": 200},
            "headers": {},
            "body": {"string": "\U0001f600"},
        },
    }
    (tmp_path / "a.json").write_text(json.dumps({"interactions": [item]}))
    (response,) = recorded_updates(tmp_path)
    assert response.body == "\U0001f600".encode()


@pytest.mark.parametrize("header", ["'A B': x", "A: 'x\\ny'", "A: \u20ac"])
def test_a_header_that_no_server_can_send_is_one_line(
    tmp_path: Path, header: str
) -> None:
    value = header if "n" not in header else 'A: "x\\ny"'
    text = f"{{status: {{code: 200}}, headers: {{{value}}}, body: {{string: a}}}}"
    (tmp_path / "a.yaml").write_text(cassette(text))
    with pytest.raises(UsageError, match="cannot be sent"):
        recorded_updates(tmp_path)


def test_a_fault_of_recordings_leaves_what_is_no_json_as_it_is() -> None:
    for fault in RECORDING_FAULTS.values():
        response = Response(502, (), b"<html>")
        assert fault(response) == response
