"""`contract replay`: reported breaches, kinds, cases and whole files, played again."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from contract.cases.client import client_scenarios
from contract.cases.codec import case_to_json
from contract.cli import main
from contract.cli.base import LAST_VERDICT
from contract.cli.run import find_cases
from contract.client import SITES
from contract.errors import UsageError
from contract.faults import service_fault
from contract.model import AnyCase, ServiceCase
from contract.sandbox import ORGS, serving
from contract.spec import Spec
from tests.unit.engine_support import client_case

pytestmark = pytest.mark.usefixtures("elsewhere", "short_lags")

Capture = pytest.CaptureFixture[str]
EU_CLIENT = """
from contract.client import SnapshotClient


class Eu:
    def update(self, call):
        if call.site == "datadoghq.eu":
            raise OSError("no EU")
        with SnapshotClient(
            site=call.site, api_key=call.api_key, app_key=call.app_key
        ) as client:
            snapshot = client.update(call.snapshot_id, call.body)
        return {"outcome": "snapshot", "snapshot": snapshot.to_json()}
"""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the keys of the sandbox into the environment."""
    for org, prefix in zip(ORGS, ("DD", "CONTRACT_OTHER"), strict=True):
        monkeypatch.setenv(f"{prefix}_API_KEY", org.api_key)
        monkeypatch.setenv(f"{prefix}_APP_KEY", org.app_key)


def verdict(capsys: Capture, *arguments: str, status: int) -> dict[str, Any]:
    """Run a command with `--json -`, and return its verdict."""
    assert main([*arguments, "--json", "-"]) == status
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def words(breach: dict[str, Any]) -> list[str]:
    """Return the arguments of the line that replays a breach."""
    return shlex.split(breach["replay"])[1:]


# -- runs ------------------------------------------------------------------------------


def test_a_breach_is_replayed_on_its_client_and_sites(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.syspath_prepend(elsewhere)
    Path("own.py").write_text(EU_CLIENT)
    parts = ("--scenario", "keys", "--clause", "C-ALIVE", "--profile", "quick")
    first = verdict(capsys, "client", "--python", "own:Eu", *parts, status=1)
    name = "C-ALIVE/exception-on-key@OSError"
    (breach,) = (item for item in first["breaches"] if item["id"] == name)
    last = LAST_VERDICT.read_text()
    assert words(breach) == ["replay", breach["id"], "--python", "own:Eu"]
    again = verdict(capsys, *words(breach), status=1)
    assert (again["cases"], again["exchanges"]) == (1, len(SITES))
    (repeated,) = (item for item in again["breaches"] if item["id"] == breach["id"])
    assert repeated["sites"] == ["datadoghq.eu"]
    assert LAST_VERDICT.read_text() == last, "a replay is no run of its own"
    assert main(words(breach)[:2]) == 0, "the minimal client holds"
    capsys.readouterr()
    Path("elsewhere.json").write_text(last)
    LAST_VERDICT.unlink()
    arguments = ["replay", "elsewhere.json", breach["id"], "--python", "own:Eu"]
    assert verdict(capsys, *arguments, status=1)["cases"] == 1
    assert main(["replay", "elsewhere.json", "--python", "own:Eu"]) == 1


def test_a_faulty_service_is_replayed_by_its_url(keys: None, capsys: Capture) -> None:
    sandbox = service_fault("rejects-zero-start").make_sandbox()
    parts = ("--profile", "quick", "--scenario", "valid-bodies", "--clause", "S-ACCEPT")
    with serving(sandbox) as url:
        first = verdict(capsys, "service", url, *parts, status=1)
        for breach in first["breaches"][:2]:
            assert words(breach) == ["replay", breach["id"], "--service", url]
            again = verdict(capsys, *words(breach), status=1)
            assert (again["cases"], again["exchanges"]) == (1, 1)
    assert main(words(first["breaches"][0])[:2]) == 0, "the embedded sandbox is right"


def test_a_breach_in_a_sequence_is_seen_again_by_the_sequence(
    keys: None, capsys: Capture
) -> None:
    sandbox = service_fault("gone-not-at-all").make_sandbox()
    parts = ("--profile", "quick", "--scenario", "sequences", "--seed", "5")
    with serving(sandbox) as url:
        first = verdict(capsys, "service", url, *parts, status=1)
        (breach,) = (b for b in first["breaches"] if b["rule"] == "still-listed")
        assert breach["replay"] == (
            "contract service --clause S-GONE --scenario sequences --profile quick "
            f"--seed 5 {url}"
        )
        second = verdict(capsys, *words(breach), status=1)
    counts = {again["id"]: again["count"] for again in second["breaches"]}
    assert counts[breach["id"]] == breach["count"]
    with pytest.raises(UsageError, match="no case that can be played alone"):
        find_cases(breach["id"])


# -- names -----------------------------------------------------------------------------


def cause(clause_id: str, case: AnyCase, rule: str = "x") -> dict[str, Any]:
    """Return a cause of a JSON verdict with its case."""
    return {
        "clause": clause_id,
        "rule": rule,
        "breach": f"{clause_id}/{rule}@",
        "case": case_to_json(case),
    }


def write_verdict(path: Path = LAST_VERDICT, **changes: Any) -> None:
    """Write a JSON verdict of two causes."""
    generated = case_to_json(client_case(body={"three": 3}, is_generated=True))
    breaches = {"C-ONE/x@": {}, "C-ONE/x@/c": {"case": generated}}
    document = {
        "format": 2,
        "causes": [
            cause("C-ONE", client_case(body={"one": 1})),
            cause("C-TWO", client_case(body={"two": 2}), "y"),
        ],
        "breaches": [
            {"id": name, "clause": "C-ONE", "rule": "x", **fields}
            for name, fields in breaches.items()
        ],
        **changes,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("C-ONE/x@", {"one": 1}),
        ("C-TWO/y", {"two": 2}),
        ("C-ONE/x@/c", {"three": 3}),
        ("C-ONE/x@/d", {"one": 1}),
        (client_case(body={"two": 2}).id, {"two": 2}),
    ],
    ids=["breach", "cause", "generated", "another place", "case"],
)
def test_an_id_names_a_case_of_the_last_run(name: str, body: object) -> None:
    write_verdict()
    assert [case.body for case in find_cases(name)] == [body]


def test_a_file_has_the_cases_of_all_causes() -> None:
    write_verdict(Path("v.json"))
    assert [case.body for case in find_cases("v.json")] == [{"one": 1}, {"two": 2}]
    (case,) = find_cases("v.json", "C-TWO/y@")
    assert case.body == {"two": 2}


def test_kinds_and_case_ids_are_looked_up_in_the_catalogue(spec: Spec) -> None:
    (by_kind,) = find_cases("keys/plain")
    assert str(by_kind.kind) == "keys/plain"
    keys = next(s for s in client_scenarios(spec) if s.name == "keys")
    last = [case.in_scenario("keys") for case in keys.cases()][-1]
    assert find_cases(last.id) == [last]
    assert find_cases(str(last.kind))[0].kind == last.kind


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 1},
        {"causes": None},
        {"causes": [{}]},
        {"causes": [{"clause": "a", "rule": "b", "breach": "c", "case": 1}]},
        {"breaches": [{"clause": "a", "rule": "b", "case": {}}]},
        {"breaches": 5},
    ],
    ids=str,
)
def test_a_damaged_verdict_is_one_clear_line(
    changes: dict[str, Any], capsys: Capture
) -> None:
    write_verdict(Path("v.json"), **changes)
    assert main(["replay", "v.json"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "v.json: cannot be read: No such file"),
        ("{", "v.json: is no JSON verdict of format 2"),
        ("[" * 100_000, "nested deeper than 200 levels"),
        ("[]", "v.json: is no JSON verdict of format 2"),
    ],
    ids=["missing", "no JSON", "nested", "a list"],
)
def test_a_file_that_is_no_verdict_is_one_clear_line(
    content: str | None, message: str, capsys: Capture
) -> None:
    if content is not None:
        Path("v.json").write_text(content)
    assert main(["replay", "v.json"]) == 2
    assert message in capsys.readouterr().err


def test_a_file_without_causes_has_nothing_to_play(capsys: Capture) -> None:
    write_verdict(Path("v.json"), causes=[])
    assert main(["replay", "v.json"]) == 2
    assert "v.json: has no case that can be played alone" in capsys.readouterr().err


def test_a_file_of_both_halves_needs_an_id() -> None:
    causes = [cause("C-ONE", client_case()), cause("S-ONE", ServiceCase(body={}))]
    write_verdict(Path("v.json"), causes=causes)
    with pytest.raises(UsageError, match="has cases for clients and services"):
        find_cases("v.json")
    assert isinstance(find_cases("v.json", "S-ONE/x@")[0], ServiceCase)


def test_an_unknown_id_is_named_with_what_is_accepted(capsys: Capture) -> None:
    assert main(["replay", "0123"]) == 2
    assert capsys.readouterr().err == (
        "contract: no case '0123' in .contract/verdict.json or in the catalogue "
        "(accepted: the id of a breach, a cause or a case, or a verdict.json)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["C-ONE/x@", "--service", "http://x"], "C-ONE/x@ is for clients: "),
        (["S-ONE/x@", "--python", "a:b"], "is for services: give --service URL"),
    ],
    ids=["client", "service"],
)
def test_a_case_of_the_other_half_is_one_clear_line(
    arguments: list[str], message: str, capsys: Capture
) -> None:
    causes = [cause("C-ONE", client_case()), cause("S-ONE", ServiceCase(body={}))]
    write_verdict(causes=causes)
    assert main(["replay", *arguments]) == 2
    assert message in capsys.readouterr().err
