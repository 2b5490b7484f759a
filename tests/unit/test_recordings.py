"""Recordings: vcrpy reads them, judging them again finds what the run found, nights are compared, clients get them."""

import datetime
import json
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

from contract.api import check_client
from contract.cases.placeholders import OWN
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE
from contract.engine.recorder import Recorder, new_directory, previous
from contract.engine.runner import PROFILES, run
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.model import (
    Case,
    Exchange,
    Json,
    Outcome,
    Request,
    RequestOverride,
    Response,
)
from contract.recordings import (
    compare,
    load,
    recorded_answers,
    recorded_scenarios,
    rejudge,
    save,
)
from contract.redaction import Redactor, scan
from contract.sandbox import ORGS, Refusal, Reply, Sandbox, serving
from contract.spec import load as load_spec
from contract.subjects.service import service_under_test
from tests.tools.record_sandbox import record_sandbox

pytestmark = pytest.mark.slow

COMMITTED = Path(__file__).parents[2] / "spec" / "recordings"
SPEC = load_spec()
KEYS = {
    "keys": (ORGS[0].api_key, ORGS[0].app_key),
    "other_keys": (ORGS[1].api_key, ORGS[1].app_key),
}
SECRETS = {
    f"{what} {number}": str(value)
    for number, org in enumerate(ORGS, 1)
    for what, value in vars(org).items()
}
"""All that the sandbox knows of its organizations: keys, number, user, handle, number of the user."""


def recorded(
    app: Sandbox, directory: Path, *names: str, profile: str = "quick"
) -> Verdict:
    """Run against a sandbox and save what happened; return the verdict of the run."""
    names = names or tuple(
        each.name for each in service_scenarios(SPEC) if each.name != "left-open"
    )  # megabytes
    scenarios = [each for each in service_scenarios(SPEC) if each.name in names]
    with serving(app) as url, service_under_test(url, **KEYS) as subject:
        recorder = Recorder(subject)
        verdict = run(
            recorder,
            scenarios,
            SERVICE,
            SPEC,
            profile=PROFILES[profile],
            sites=(subject.site,),
        )
    assert verdict.exchanges == len(recorder.exchanges)
    save(recorder.exchanges, directory, "sandbox", Redactor(), subject="sandbox")
    return verdict


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    directory = tmp_path_factory.mktemp("recordings") / "2026-05-01"
    return directory, recorded(Sandbox(rate_limit=(400, 1)), directory)


def exchange(*answers: Response | None, **more: Json) -> Exchange:
    """Return an exchange that was made up."""
    case = Case(
        **{
            "scenario": "valid-bodies",
            "kinds": ("body",),
            "snapshot_id": OWN,
            "body": {},
            "keys": "own",
            **more,
        }
    )
    sent = Request(
        "PATCH",
        "https://service.example/a",
        (("DD-API-KEY", "[own]"), ("Content-Type", "application/json")),
        b"{}",
    )
    return Exchange(
        case,
        (sent,) * len(answers),
        answers,
        Outcome("api_error", status=404),
        ids={OWN: "a"},
    )


def ok(document: Json, status: int = 200, media: str = "application/json") -> Response:
    return Response(status, (("Content-Type", media),), json.dumps(document).encode())


def saved(
    directory: Path, *exchanges: Exchange, redactor: Redactor | None = None
) -> Path:
    save(exchanges, directory, "sandbox", redactor or Redactor())
    return directory


# -- saved and judged again -------------------------------------------------------------------------------------


def test_judged_again_a_run_is_what_it_was(night: tuple[Path, Verdict]) -> None:
    directory, before = night
    after = rejudge(directory, SPEC)
    assert (after.verdict, after.exchanges, len(after.cases)) == (
        "holds",
        before.exchanges,
        len(before.cases),
    )
    assert (after.judged, after.notes) == (before.judged, before.notes)
    assert after.name == "recordings of sandbox (sandbox)"


def test_a_breach_has_the_same_fingerprint_when_it_is_judged_again(
    tmp_path: Path,
) -> None:
    class Echoing(Sandbox):
        def error(self, refusal: Refusal) -> Reply:
            reply = super().error(refusal)
            reply.value = {"errors": [f"not {ORGS[0].api_key}"]}
            return reply

        def identify(self, row: object, body: object) -> None:
            raise Refusal(418)

    before = recorded(
        Echoing(), tmp_path, "valid-bodies", "invalid-bodies", "body-ids", "keys"
    )
    after = rejudge(tmp_path, SPEC)
    assert {"S-SECRET", "S-ACCEPT"} <= {
        each.clause for each in before.breaches.values()
    }
    assert after.breaches.keys() == before.breaches.keys()
    assert scan([tmp_path], SECRETS) == []


def test_nothing_of_an_organization_is_in_a_recording(
    night: tuple[Path, Verdict],
) -> None:
    directory, _ = night
    assert scan([directory], SECRETS) == []
    text = "".join(path.read_text() for path in directory.iterdir())
    assert all(f'"created_by":"{org.user}"' not in text for org in ORGS)
    assert "@redacted.example" in text


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    wire = RequestOverride(b"\xff\0", None, (("X-A", "é"),), "PATCH", "/a", 2, True)
    odd = replace(
        exchange(
            Response(200, (("A", "1"), ("B", "2"), ("A", "3")), b"\xff\0\x85\xe2"),
            None,
            ok({"a": "𝄞\x85\u2028"}),
        ),
        case=Case(
            "valid-bodies",
            ("a", "b"),
            "\ud800",
            {"a": [1.5, None, 2**63]},
            "here",
            "own",
            override=wire,
        ),
        outcome=Outcome("failed", errors=("a",), message="b", type="closed"),
        keys=("api-key-of-ours", "app-key-of-ours"),
        before={"a": {"id": "a"}, "b": {"id": "b"}},
        after={"b": {"id": "b"}},
    )
    silent = exchange(None)
    redactor = Redactor()
    first, second = load(saved(tmp_path, odd, silent, redactor=redactor))
    assert second == silent
    assert (first.case, first.outcome) == (odd.case, odd.outcome)
    assert (first.before, first.after, first.ids) == (odd.before, odd.after, odd.ids)
    assert first.keys == tuple(map(redactor.text, odd.keys)) != odd.keys
    assert first.responses == (
        replace(
            odd.responses[0] or ok(0), headers=(("A", "1"), ("A", "3"), ("B", "2"))
        ),
        *odd.responses[1:],
    )
    assert [each.body for each in first.requests] == [b"{}"] * 3
    assert first.before is not None
    assert first.after is not None
    assert (
        first.before["b"] is first.after["b"]
    )  # rows that are the same are compared quickly


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    body=st.binary(max_size=30)
    | st.text(max_size=30).map(lambda text: text.encode(errors="replace"))
)
def test_any_body_is_kept(
    body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = saved(
        tmp_path_factory.mktemp("bodies"), exchange(Response(400, (), body))
    )
    (loaded,) = load(directory)
    assert loaded.response == Response(400, (), body)
    _, (response,) = FilesystemPersister.load_cassette(
        directory / "valid-bodies.yaml", yamlserializer
    )
    assert response["body"]["string"] == body


def test_the_same_case_of_several_sites_is_compared(tmp_path: Path) -> None:
    there, here = exchange(ok({}), site="a"), exchange(ok({}, 201), site="b")
    loaded = load(saved(tmp_path, there, here, exchange(ok({}), site="c")))
    assert [each.reference and each.reference.case.site for each in loaded] == [
        None,
        "a",
        "a",
    ]
    assert "S-PARITY" in {
        each.clause for each in rejudge(tmp_path, SPEC).breaches.values()
    }


def test_a_content_length_follows_its_body(tmp_path: Path) -> None:
    body = b'{"a": "ada.lovelace@one.example.com"}'
    answer = Response(200, (("Content-Length", str(len(body))),), body)
    (loaded,) = load(saved(tmp_path, exchange(answer)))
    assert loaded.response is not None
    assert (
        loaded.response.header("Content-Length")
        == str(len(loaded.response.body))
        != str(len(body))
    )


def test_nothing_is_written_over(tmp_path: Path) -> None:
    saved(tmp_path, exchange(ok({})))
    before = (tmp_path / "valid-bodies.yaml").read_bytes()
    with pytest.raises(UsageError, match="exists, and is not written over"):
        saved(tmp_path, exchange(ok({"a": 1})))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "valid-bodies.yaml": before
    }


def test_each_run_has_a_directory_of_its_own(tmp_path: Path) -> None:
    made = [
        new_directory(tmp_path / "all", datetime.date(2026, 5, day))
        for day in (1, 2, 2)
    ]
    assert [each.name for each in made] == ["2026-05-01", "2026-05-02", "2026-05-02-02"]
    assert previous(made[2]) is None
    saved(made[0], exchange(ok({})))
    assert (previous(made[2]), previous(made[0])) == (made[0], None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "not YAML"),
        ("[]", "is no VCR cassette"),
        ("interactions: []", "is no recording of ours: KeyError: 'x-contract'"),
        ("{interactions: [], x-contract: {format: 2}}", "is of format 2; known: 1"),
        (
            "{interactions: [{}], x-contract: {format: 1, known: [], scenario: a, unanswered: []}}",
            "is no recording",
        ),
    ],
)
def test_what_is_no_recording_is_named(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match=says):
        rejudge(tmp_path, SPEC)


def test_a_directory_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no recordings \(\*\.yaml\)"):
        load(tmp_path)


# -- vcrpy ------------------------------------------------------------------------------------------------------


def cassettes(directory: Path) -> Iterator[tuple[Path, dict[str, Json]]]:
    for path in sorted(directory.glob("*.yaml")):
        yield path, yaml.safe_load(path.read_text())


def test_vcrpy_reads_and_plays_every_recording(night: tuple[Path, Verdict]) -> None:
    played = 0
    for path, document in cassettes(night[0]):
        with vcr.use_cassette(
            str(path), record_mode="none", match_on=["method", "uri"]
        ) as cassette:
            assert len(cassette) == len(document["interactions"])
            for request, response in list(cassette.data)[:3]:
                headers = {
                    name: value
                    for name, value in request.headers.items()
                    if "\n" not in value
                }
                got = requests.request(
                    request.method,
                    request.uri,
                    data=request.body,
                    headers=headers,
                    timeout=5,
                )
                assert got.status_code == response["status"]["code"]
                assert got.content == response["body"]["string"]
                played += 1
    assert played > 20


def test_vcrpy_writes_what_is_played_to_clients(tmp_path: Path) -> None:
    with (
        serving(Sandbox()) as url,
        vcr.use_cassette(str(tmp_path / "theirs.yaml")),
        requests.Session() as session,
    ):
        session.patch(f"{url}/api/v2/replay/heatmap/snapshots/a", data="{}", timeout=5)
    assert [(kind, answer.status) for kind, answer in recorded_answers(tmp_path)] == [
        ("recorded 401 application/json: theirs", 401)
    ]


# -- clients ----------------------------------------------------------------------------------------------------


def test_clients_get_recorded_answers(night: tuple[Path, Verdict]) -> None:
    scenarios = recorded_scenarios(night[0])
    kinds = {case.kinds[0] for scenario in scenarios for case in scenario.boundary()}
    assert {
        "recorded 200 application/json: valid-bodies",
        "recorded 404 application/json: deleted",
    } <= kinds
    verdict = check_client(scenarios=scenarios, sites=["datadoghq.eu"])
    verdict.assert_holds()
    assert {"C-SNAPSHOT", "C-ERROR"} <= {
        name for name, count in verdict.judged.items() if count
    }


def test_an_answer_is_played_once_and_without_what_the_connection_made(
    tmp_path: Path,
) -> None:
    headers = (
        ("Date", "now"),
        ("X-RateLimit-Reset", "3"),
        ("Transfer-Encoding", "chunked"),
    )
    limited = Response(429, headers, b'{"errors": []}')
    deleting = exchange(Response(204), override=RequestOverride(method="DELETE"))
    deleting = replace(
        deleting, requests=(replace(deleting.requests[0], method="DELETE"),)
    )
    saved(tmp_path, exchange(limited, limited), exchange(limited), deleting)
    assert list(recorded_answers(tmp_path)) == [
        (
            "recorded 429 no media type: valid-bodies",
            Response(429, (("X-RateLimit-Reset", "3"),), limited.body),
        )
    ]


# -- night by night ---------------------------------------------------------------------------------------------

ROW = {"data": {"id": "a", "attributes": {"start": 1}}}
WIDER = {"data": {"id": "a", "attributes": {"start": 1, "colour": "red"}}}
TYPED = {"data": {"id": "a", "attributes": {"start": "1"}}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ([ok(ROW)], [ok(ROW)], []),
        ([ok(ROW)], [ok({"data": {"id": "b", "attributes": {"start": 2}}})], []),
        (
            [ok(ROW)],
            [ok(ROW, 202)],
            ["PATCH: new status 202", "valid-bodies: body: status 202, was 200"],
        ),
        (
            [ok(ROW)],
            [ok(WIDER)],
            ["PATCH 200: /data/attributes/colour: new field, string"],
        ),
        ([ok(WIDER)], [ok(ROW)], ["PATCH 200: /data/attributes/colour: lost field"]),
        (
            [ok(ROW)],
            [ok(TYPED)],
            ["PATCH 200: /data/attributes/start: type string, was integer"],
        ),
        ([ok({"errors": ["a"]}, 400)], [ok({"errors": ["b", "c"]}, 400)], []),
        (
            [ok({"errors": ["a"]}, 400)],
            [ok({"errors": [{"title": "a"}]}, 400)],
            [
                "PATCH 400: new shape of error: application/json, / object, /errors array, /errors/* object, "
                "/errors/*/title string"
            ],
        ),
        (
            [ok({"errors": []}, 400)],
            [Response(400, (("Content-Type", "text/html"),), b"<html>")],
            ["PATCH 400: new shape of error: text/html, no JSON"],
        ),
    ],
    ids=[
        "same",
        "other values",
        "status",
        "new field",
        "lost field",
        "type",
        "same error",
        "objects",
        "HTML",
    ],
)
def test_the_difference_to_the_last_night_is_told(
    old: list[Response], new: list[Response], said: list[str], tmp_path: Path
) -> None:
    assert (
        compare(
            saved(tmp_path / "1", exchange(*old)), saved(tmp_path / "2", exchange(*new))
        )
        == said
    )


def test_two_nights_of_the_same_service_are_alike(
    night: tuple[Path, Verdict], tmp_path: Path
) -> None:
    recorded(
        Sandbox(),
        tmp_path,
        "valid-bodies",
        "invalid-bodies",
        "body-ids",
        "keys",
        "organizations",
    )
    assert compare(night[0], tmp_path) == []


# -- the committed ones -----------------------------------------------------------------------------------------


def test_every_committed_recording_holds_the_contract_of_today() -> None:
    verdict = rejudge(COMMITTED, SPEC)
    verdict.assert_holds()
    assert {each.id for each in SERVICE if not verdict.judged[each.id]} == {
        "S-RATE",
        "S-PARITY",
    }


def test_every_committed_recording_says_what_it_was_made_from() -> None:
    for path, document in cassettes(COMMITTED):
        head = document["x-contract"]
        assert (head["made_from"], head["subject"], head["scenario"]) == (
            "sandbox",
            "sandbox",
            path.stem,
        )
        assert document["version"] == 1


def test_the_committed_recordings_hold_no_secret_and_are_small() -> None:
    assert scan([COMMITTED], SECRETS) == []
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 300_000


def test_the_committed_recordings_can_be_made_again(tmp_path: Path) -> None:
    """Where this fails after a change of the cases or of the sandbox: contract.recordings.record_sandbox(COMMITTED)."""
    made = record_sandbox(tmp_path)
    assert [path.name for path in sorted(made)] == [
        path.name for path in sorted(COMMITTED.iterdir())
    ]
    assert compare(COMMITTED, tmp_path) == []


def test_what_is_made_again_is_the_same_to_the_byte(tmp_path: Path) -> None:
    for name in "12":
        record_sandbox(tmp_path / name)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes()
