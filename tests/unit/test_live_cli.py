"""A live run from the command line: it holds, leaves nothing, and what it writes holds no key."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.cli import main
from contract.recordings import rejudge
from contract.redaction import scan
from contract.sandbox import ORGS, Sandbox
from contract.spec import load
from tests.tls_sandbox import Stage, tls_sandbox

pytestmark = pytest.mark.slow

SECRETS = {
    "api key": ORGS[0].api_key,
    "app key": ORGS[0].app_key,
    "handle": ORGS[0].handle,
}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.chdir(tmp_path)
    with tls_sandbox(Sandbox()) as stage:
        for name, value in stage.environment().items():
            monkeypatch.setenv(name, value)
        yield stage


def test_a_live_run_holds_and_leaves_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "service",
        "--live",
        "datadoghq.eu",
        "--profile",
        "quick",
        "--max-requests",
        "150",
    ]
    assert (
        main(
            [
                *given,
                "--ca-file",
                stage.ca_file,
                "--report",
                "report",
                "--json",
                "v.json",
            ]
        )
        == 0
    )
    verdict = json.loads(Path("v.json").read_text())
    assert (verdict["verdict"], verdict["sites"]) == ("holds", ["datadoghq.eu"])
    assert 0 < verdict["share"] < 1
    assert not stage.app.rows
    (night,) = Path(".contract/recordings").iterdir()
    assert rejudge(night, load()).verdict == "holds"
    written = [path for path in Path().rglob("*") if path.is_file()]
    assert {"index.html", "junit.xml", "summary.md", "verdict.json", "v.json"} <= {
        path.name for path in written
    }
    assert scan([Path()], SECRETS) == []
    assert "holds: " in capsys.readouterr().out
    assert main(["sweep", "--ca-file", stage.ca_file]) == 0
    assert capsys.readouterr().out == "nothing left\n"


def test_another_organization_is_never_updated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTRACT_SANDBOX_ORG_ID", "4711")
    assert main(["service", "--live", "datadoghq.eu", "--ca-file", stage.ca_file]) == 2
    assert [heard.method for heard in stage.heard if heard.method == "PATCH"] == []
    assert not stage.app.rows
    shown = capsys.readouterr().err
    assert "organization" in shown
    assert shown.count("\n") == 1
