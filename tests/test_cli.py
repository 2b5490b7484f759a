"""The command line: what it prints, how it exits, and what it says to bad input."""

import json
from pathlib import Path

import pytest

from contract.cli import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_clause_on_one_site_holds(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["client", "--profile", "quick", "--clause", "C-HOST", "--site", "datadoghq.eu", "--json", "-"]
    assert main(arguments) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["format"] == 1
    assert verdict["verdict"] == "holds"
    assert verdict["sites"] == ["datadoghq.eu"]
    assert [clause["id"] for clause in verdict["clauses"]] == ["C-HOST"]
    assert verdict["clauses"][0]["judged"] > 100


def test_a_clause_that_cannot_be_judged_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["client", "--profile", "quick", "--clause", "C-TLS"]) == 2
    assert "C-TLS not judged: only a real socket" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["clauses", "faults", "sites", "drivers", "cases"])
def test_what_the_suite_knows_is_listed(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["client", "--site", "mars"], "unknown site 'mars' (one of: datadoghq.com, "),
        (["client", "--site", "app.datadoghq.com"], "did you mean datadoghq.com?"),
        (["client", "--clause", "C-NONE"], "unknown clause 'C-NONE' (one of: C-METHOD, "),
        (["client", "--profile", "slow"], "'slow' is not one of 'quick', 'ci', 'nightly'"),
        (["prove", "client", "--fault", "none"], "unknown fault 'none' (one of: "),
        (["replay", "0123"], "no case '0123'"),
        (["replay", "broken.json"], "is no case that the suite wrote"),
        (["nothing"], "No such command 'nothing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.json").write_text('{"kinds": []}')
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "openapi.yaml"), ("a: [", "openapi.yaml"), ("openapi: 3.0.0", "3.1")],
    ids=["missing", "no YAML", "another version"],
)
def test_a_spec_that_cannot_be_used_is_one_clear_line(
    content: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "openapi.yaml").write_text(content)
        (tmp_path / "observed.overlay.yaml").write_text("overlay: 1.0.0\nactions: []\n")
    monkeypatch.setenv("CONTRACT_SPEC", str(tmp_path))
    assert main(["list", "sites"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
