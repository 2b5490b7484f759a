"""The recordings of the repository, and recorded responses that clients get."""

import base64
import gzip
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import vcr

from contract.api import check_client
from contract.clauses import SERVICE_CLAUSES
from contract.errors import UsageError
from contract.model import Label, Response
from contract.recordings.replay import (
    changes,
    recorded_responses,
    recorded_scenarios,
    recorded_updates,
    rejudge,
)
from contract.redaction import scan
from contract.spec import Spec
from contract.spec.text import parsed
from tests.checkout import ROOT
from tests.tools.record_sandbox import record_sandbox
from tests.unit.recorded_runs import SECRETS, exchange, saved

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
    scenarios = recorded_scenarios(COMMITTED)
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
    assert list(recorded_responses(tmp_path)) == [
        (
            "valid-bodies",
            Label("429", "recorded, no media type"),
            Response(429, (("X-RateLimit-Reset", "3"),), limited.body),
        )
    ]


def test_cassette_of_vcrpy_is_played_to_clients(
    sandbox_url: str, tmp_path: Path, spec: Spec
) -> None:
    url = f"{sandbox_url}{spec.collection_path}/a"
    with vcr.use_cassette(str(tmp_path / "other.yaml")), requests.Session() as session:
        session.patch(url, data="{}", timeout=5)
    responses = recorded_responses(tmp_path)
    assert [(name, str(label)) for name, label, _ in responses] == [
        ("other", "401 recorded, application/json")
    ]


# -- cassettes of others ---------------------------------------------------------------

REQUEST = "{method: patch, uri: https://api.datadoghq.eu/a, headers: {}, body: null}"
BODY = '{"data": {"type": "snapshots", "id": "é"}}'
PACKED = base64.b64encode(gzip.compress(BODY.encode(), mtime=0)).decode()


def cassette(response: str, request: str = REQUEST) -> str:
    return f"interactions: [{{request: {request}, response: {response}}}]\n"


@pytest.mark.parametrize("name", ["a.yml", "a.yaml", "a.json", "deep/a.yaml"])
def test_every_suffix_of_a_cassette_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    response = '{"status": {"code": 200}, "headers": {}, "body": {"string": "{}"}}'
    request = '{"method": "PATCH", "uri": "a", "headers": {}, "body": null}'
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
        ("{status: {code: 200}, headers: {}, body: {}}", "a member is missing"),
        ("{headers: {}, body: {string: a}}", "a member is missing"),
    ],
    ids=["status", "header", "body", "no string", "no status"],
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
        recorded_scenarios(tmp_path)
