"""The Python API: clients of every kind are judged, and what cannot be used is one clear line."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import contract
from contract.cli import main
from contract.client import SnapshotClient
from contract.engine.coverage import Coverage, Gap
from contract.model import Outcome
from contract.spec import load
from contract.subjects.in_process import UpdateCall

DRIVER = [sys.executable, "-m", "contract.drivers.minimal"]


def test_the_minimal_client_holds_and_exercises_every_keyword_both_ways() -> None:
    verdict = contract.check_client(profile="quick")
    verdict.assert_holds()
    assert verdict.coverage.gaps == []
    shares = {
        name: verdict.coverage.share(name, "broken")
        for name in verdict.coverage.schemas
    }
    assert shares == {"request": (17, 17), "200": (27, 27), "429": (5, 5)}


@pytest.mark.slow
def test_the_minimal_client_holds_through_a_driver_over_tls_too() -> None:
    verdict = contract.check_client(DRIVER, profile="quick")
    verdict.assert_holds()
    assert (verdict.name, not verdict.breaches, verdict.not_judged) == (
        "minimal",
        True,
        {},
    )


class Mine:
    """The minimal client, as a user would put a client of theirs under test."""

    def update(self, asked: UpdateCall) -> Outcome | dict[str, Any]:
        with SnapshotClient(
            site=asked.site,
            api_key=asked.api_key,
            app_key=asked.app_key,
            timeout=asked.timeout_s,
        ) as client:
            return {
                "outcome": "snapshot",
                "snapshot": client.update(asked.snapshot_id, asked.body).to_json(),
            }


def test_an_object_of_this_process_is_judged_over_tls() -> None:
    clauses, scenarios = (
        ["C-HOST", "C-AUTH", "C-BODY", "C-TLS"],
        ["sites", "certificates"],
    )
    verdict = contract.check_client(
        Mine, profile="quick", clauses=clauses, scenarios=scenarios
    )
    verdict.assert_holds()
    assert verdict.name == "Mine"
    assert all(verdict.judged.values())


class Idle:
    def update(self, asked: UpdateCall) -> Outcome:
        return Outcome("failed", message="no network today")


def test_a_client_that_sends_nothing_does_not_hold() -> None:
    verdict = contract.check_client(Idle, profile="quick", scenarios=["sites"])
    assert verdict.verdict == "broken"
    assert {breach.clause for breach in verdict.counting} >= {"C-METHOD"}
    with pytest.raises(AssertionError, match="C-METHOD: nothing was sent"):
        verdict.assert_holds()


@pytest.mark.parametrize(
    ("client", "rules", "said"),
    [
        (
            None,
            {"profile": "slow"},
            "unknown profile 'slow' (one of: quick, ci, nightly)",
        ),
        (None, {"sites": ["app.datadoghq.com"]}, "did you mean datadoghq.com?"),
        (None, {"clauses": ["C-NONE"]}, "unknown clause 'C-NONE' (one of: C-METHOD, "),
        (
            None,
            {"scenarios": ["none"]},
            "unknown scenario 'none' (one of: valid-bodies, ",
        ),
        ("nowhere:factory", {}, "--python nowhere:factory: ModuleNotFoundError"),
        ("json", {}, "--python 'json': must be MODULE:FACTORY"),
        ("json:__name__", {}, "cannot be called"),
        (list, {}, "no client: list has no update(case)"),
        (lambda: 1 / 0, {}, "no client: its factory raised ZeroDivisionError"),
        ([sys.executable, "-c", "pass"], {}, "no driver: "),
        (["/no/such/program"], {}, "no driver: /no/such/program"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_one_clear_line(
    client: Any, rules: dict[str, Sequence[str]], said: str
) -> None:
    with pytest.raises(contract.ContractError) as error:
        contract.check_client(client, **rules)  # type: ignore[arg-type]
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_breach_is_kept_and_replayed_on_its_site_and_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("theirs.py").write_text(
        "from tests_theirs import Mine\n\n\nclass Eu(Mine):\n    def update(self, asked):\n"
        "        if asked.site == 'datadoghq.eu':\n            raise OSError('no EU')\n"
        "        return super().update(asked)\n"
    )
    monkeypatch.setitem(sys.modules, "tests_theirs", sys.modules[__name__])
    given = [
        "client",
        "--python",
        "theirs:Eu",
        "--scenario",
        "sites",
        "--clause",
        "C-ALIVE",
        "--json",
        "-",
    ]
    assert main(given) == 1
    told = json.loads(capsys.readouterr().out)
    breach = next(each for each in told["breaches"] if "no EU" in each["message"])
    assert breach["sites"] == ["datadoghq.eu"]
    assert breach["replay"].endswith(" --python theirs:Eu")
    assert main([*breach["replay"].split()[1:], "--json", "-"]) == 1
    again = json.loads(capsys.readouterr().out)
    assert (again["cases"], again["exchanges"]) == (1, 1)
    assert "no EU" in json.dumps(again["breaches"])
    assert main(breach["replay"].split()[1:3]) == 0, "the minimal client holds"


def test_jobs_by_site_judge_together_exactly_the_cases_of_one_run() -> None:
    names = ("datadoghq.com", "ddog-gov.com")
    rules: dict[str, Any] = {
        "profile": "quick",
        "scenarios": ["snapshot-ids", "sites", "documented-errors"],
    }
    jobs = [contract.check_client(sites=[name], **rules).cases for name in names]
    assert jobs[0] | jobs[1] == contract.check_client(sites=names, **rules).cases


def test_keyword_coverage_counts_what_applies() -> None:
    schema = load().documented[429].media["application/json"]
    coverage = Coverage({"429": schema})
    every = {(each.pointer, each.keyword) for each in schema.constraints}
    assert {(gap.pointer, gap.keyword) for gap in coverage.gaps} == every
    coverage.note("429", {"errors": ["text"]})
    assert {gap.way for gap in coverage.gaps} == {"broken"}
    coverage.note_text("429", b"no JSON")
    coverage.note_text("429", b'{"errors": [1]}')
    coverage.note("429", {})
    coverage.note("429", {"errors": "text"})
    assert coverage.gaps == [Gap("429", "", "type", "broken")]
    coverage.note("429", [])
    assert coverage.gaps == []
    assert (
        coverage.share("429", "satisfied")
        == coverage.share("429", "broken")
        == (len(every), len(every))
    )
