"""Recordings: files that can be loaded, checked again, and read by vcrpy."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import vcr
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.persisters.filesystem import FilesystemPersister
from vcr.serializers import yamlserializer

from contract.cases.placeholders import OTHER, OWN, UNKNOWN
from contract.cases.service import service_scenarios
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.model import (
    VIEW_NAME,
    Json,
    Label,
    Outcome,
    OutcomeKind,
    RequestOverride,
    Response,
    ServiceCase,
    ServiceCredential,
)
from contract.recordings.cassette import new_directory, previous_directory, save
from contract.redaction import Redactor, scan
from contract.sandbox import ORGS, Refusal, Reply, Sandbox
from contract.spec import Spec
from contract.spec import load as load_spec
from tests.unit.recorded_runs import (
    SECRETS,
    exchange,
    json_reply,
    record,
    recordings_in,
    rejudge,
    saved,
)

LARGE = ("left-open", "valid-bodies", "invalid-bodies")
"""Scenarios with bodies of megabytes, or with very many cases."""

SMALL = [s.name for s in service_scenarios(load_spec()) if s.name not in LARGE]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    """Record a run on the sandbox."""
    directory = tmp_path_factory.mktemp("recordings") / "2026-05-01"
    return directory, record(directory, Sandbox(rate_limit=(400, 1)), *SMALL)


def cassettes(directory: Path) -> Iterator[tuple[Path, Json]]:
    for path in sorted(directory.glob("*.yaml")):
        yield path, yaml.safe_load(path.read_text())


# -- saved and checked again -----------------------------------------------------------


def test_recorded_run_is_checked_again_with_the_same_result(
    recorded: tuple[Path, Verdict], spec: Spec
) -> None:
    directory, before = recorded
    after = rejudge(directory, spec)
    assert (after.verdict, after.exchanges) == ("holds", before.exchanges)
    assert (after.cases, after.notes) == (before.cases, before.notes)
    assert after.judged_total == before.judged_total
    assert after.name == "recordings of sandbox (sandbox)"


class EchoingSandbox(Sandbox):
    """A sandbox that shows a key in errors, and refuses every valid update."""

    def error(self, refusal: Refusal) -> Reply:
        reply = super().error(refusal)
        reply.value = {"errors": [f"not {ORGS[0].api_key}"]}
        return reply

    def identify(self, row: object, body: object) -> None:
        raise Refusal(418)


def test_breach_has_the_same_id_when_it_is_checked_again(
    tmp_path: Path, spec: Spec
) -> None:
    names = ("repeats", "malformed-json", "keys")
    before = record(tmp_path, EchoingSandbox(), *names)
    after = rejudge(tmp_path, spec)
    ids = {breach.id for breach in before.breaches}
    assert {"S-SECRET", "S-ACCEPT"} <= {b.clause_id for b in before.breaches}
    assert {breach.id for breach in after.breaches} == ids
    assert scan([tmp_path], SECRETS) == []


def test_recording_has_nothing_of_an_organization(
    recorded: tuple[Path, Verdict],
) -> None:
    directory, _ = recorded
    assert scan([directory], SECRETS) == []
    text = "".join(path.read_text() for path in directory.iterdir())
    assert all(f'"created_by":"{org.user}"' not in text for org in ORGS)
    assert "@redacted.example" in text


ODD_CASE = ServiceCase(
    scenario="valid-bodies",
    labels=(Label("/a", "one"), Label("", "two")),
    snapshot_id=("\ud800", OTHER),
    body={"a": [1.5, None, 2**63], "id": OWN, "name": VIEW_NAME},
    sites=("a.example",),
    override=RequestOverride(
        method="PATCH",
        path=("/a/", OWN),
        body=(b"\xff\0", UNKNOWN),
        content_type=None,
        headers=(("X-A", "é"),),
        is_open=True,
    ),
    repeat=2,
    is_step=True,
    expected={OWN: {"a": 1}},
)
ODD = replace(
    exchange(
        Response(200, (("A", "1"), ("B", "2"), ("A", "3")), b"\xff\0\x85\xe2"),
        None,
        json_reply({"a": "𝄞\x85\u2028"}),
    ),
    case=ODD_CASE,
    outcome=Outcome(
        OutcomeKind.FAILED, errors=("a",), message="b", type="closed", trace=("c",)
    ),
    keys=("api-key-of-a-test", "app-key-of-a-test"),
    before={"a": {"id": "a"}, "b": {"id": "b"}},
    after={"b": {"id": "b"}},
    ids={OWN: "a", OTHER.deleted(): "b"},
)


def test_loaded_exchange_is_the_saved_one(tmp_path: Path) -> None:
    redactor = Redactor()
    silent = exchange(None)
    save([ODD, silent], tmp_path, "sandbox", redactor)
    first, second = recordings_in(tmp_path)
    assert second == silent
    assert first.keys == tuple(map(redactor.text, ODD.keys)) != ODD.keys
    headers = (("A", "1"), ("A", "3"), ("B", "2"))  # VCR writes them by name
    responses = (replace(ODD.responses[0], headers=headers), *ODD.responses[1:])
    assert first == replace(ODD, keys=first.keys, responses=responses)


def test_equal_snapshots_are_one_object(tmp_path: Path) -> None:
    (loaded,) = recordings_in(saved(tmp_path, ODD))
    assert loaded.before is not None
    assert loaded.after is not None
    assert loaded.before["b"] is loaded.after["b"]


TEXTS = st.text(max_size=30).map(lambda text: text.encode(errors="replace"))


@settings(derandomize=True, deadline=None, max_examples=50, database=None)
@given(body=st.binary(max_size=30) | TEXTS)
def test_any_body_is_kept(
    body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("bodies")
    directory = saved(path, exchange(Response(400, (), body)))
    (loaded,) = recordings_in(directory)
    assert loaded.responses == (Response(400, (), body),)
    file = directory / "valid-bodies.yaml"
    _, (response,) = FilesystemPersister.load_cassette(file, yamlserializer)
    assert response["body"]["string"] == body


def test_case_of_several_sites_is_compared(tmp_path: Path, spec: Spec) -> None:
    statuses = {"a.example": 200, "b.example": 200, "c.example": 201}
    exchanges = [exchange(json_reply({}, statuses[s]), site=s) for s in statuses]
    verdict = rejudge(saved(tmp_path, *exchanges), spec)
    assert verdict.cases == 1
    assert verdict.sites == tuple(statuses)
    assert verdict.breaches_of("S-PARITY")


def test_content_length_follows_the_redacted_body(tmp_path: Path) -> None:
    body = b'{"a": "ada.lovelace@one.example.com"}'
    response = Response(200, (("Content-Length", str(len(body))),), body)
    (loaded,) = recordings_in(saved(tmp_path, exchange(response)))
    (response,) = loaded.responses
    length = response.header("Content-Length")
    assert length == str(len(response.body)) != str(len(body))


def test_credential_is_no_secret(tmp_path: Path) -> None:
    case = replace(exchange().case, credential=ServiceCredential())
    (loaded,) = recordings_in(saved(tmp_path, exchange(json_reply({}), case=case)))
    assert loaded.case.credential == ServiceCredential()


def test_file_is_not_overwritten(tmp_path: Path) -> None:
    saved(tmp_path, exchange(json_reply({})))
    before = (tmp_path / "valid-bodies.yaml").read_bytes()
    with pytest.raises(UsageError, match="exists, and is not written over"):
        saved(tmp_path, exchange(json_reply({"a": 1})))
    assert [path.name for path in tmp_path.iterdir()] == ["valid-bodies.yaml"]
    assert (tmp_path / "valid-bodies.yaml").read_bytes() == before


def test_run_has_a_directory_of_its_own(tmp_path: Path) -> None:
    days = [datetime.date(2026, 5, day) for day in (1, 2, 2)]
    directories = [new_directory(tmp_path / "all", day) for day in days]
    names = [directory.name for directory in directories]
    assert names == ["2026-05-01", "2026-05-02", "2026-05-02-02"]
    assert previous_directory(directories[2]) is None
    saved(directories[0], exchange(json_reply({})))
    assert previous_directory(directories[2]) == directories[0]
    assert previous_directory(directories[0]) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("[]", "not a VCR cassette"),
        ("interactions: []", "not a recording of this suite: a member is missing"),
        ("{interactions: [], x-contract: {format: 1}}", "format must be 2, it is 1"),
        (
            "{interactions: [], x-contract: {format: 2, values: [], exchanges: [{}]}}",
            "not a recording of this suite",
        ),
    ],
)
def test_malformed_recording_is_named(
    text: str, message: str, tmp_path: Path, spec: Spec
) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        rejudge(tmp_path, spec)


def test_directory_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no recordings \(\*\.yaml, "):
        recordings_in(tmp_path)


# -- vcrpy -----------------------------------------------------------------------------


def test_vcrpy_reads_and_plays_every_recording(
    recorded: tuple[Path, Verdict],
) -> None:
    played = 0
    for path, document in cassettes(recorded[0]):
        options = {"record_mode": "none", "match_on": ["method", "uri"]}
        with vcr.use_cassette(str(path), **options) as cassette:
            assert len(cassette) == len(document["interactions"])
            for request, response in list(cassette.data)[:3]:
                headers = {k: v for k, v in request.headers.items() if "\n" not in v}
                actual = requests.request(
                    request.method,
                    request.uri,
                    data=request.body,
                    headers=headers,
                    timeout=5,
                )
                assert actual.status_code == response["status"]["code"]
                assert actual.content == response["body"]["string"]
                played += 1
    assert played > 20
