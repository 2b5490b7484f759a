"""A live run from the command line: it holds, leaves nothing, and what it writes holds no key."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.cli import main
from contract.redaction import scan
from contract.sandbox import ORGS, Sandbox
from contract.spec import load
from tests.tls_sandbox import Stage, tls_sandbox
from tests.unit.recorded_runs import rejudge

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
    command = ["service", "--live", "datadoghq.eu", "--profile", "quick"]
    command += ["--scenario", "keys", "--ca-file", stage.ca_file]
    assert main([*command, "--report", "report", "--json", "v.json"]) == 0
    verdict = json.loads(Path("v.json").read_text())
    assert (verdict["verdict"], verdict["sites"]) == ("holds", ["datadoghq.eu"])
    assert not stage.app.rows
    (recordings,) = Path(".contract/recordings").iterdir()
    assert rejudge(recordings, load()).verdict == "holds"
    names = {path.name for path in Path().rglob("*") if path.is_file()}
    assert {"index.html", "junit.xml", "summary.md", "verdict.json"} <= names
    assert scan([Path()], SECRETS) == []
    assert "holds: " in capsys.readouterr().out
    assert main(["sweep", "--ca-file", stage.ca_file]) == 0
    assert capsys.readouterr().out == "nothing left\n"


def test_a_small_budget_is_unknown(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["service", "--live", "datadoghq.eu", "--max-requests", "100"]
    assert main([*command, "--ca-file", stage.ca_file, "--json", "v.json"]) == 2
    verdict = json.loads(Path("v.json").read_text())
    assert (verdict["verdict"], verdict["breaches"]) == ("unknown", [])
    assert not stage.app.rows


def test_another_organization_is_never_updated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTRACT_SANDBOX_ORG_ID", "4711")
    assert main(["service", "--live", "datadoghq.eu", "--ca-file", stage.ca_file]) == 2
    assert stage.called("PATCH") == []
    (left,) = stage.app.rows
    message = capsys.readouterr().err
    assert "organization" in message
    assert f"left behind: {left}" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("is_twice", [False, True], ids=["once", "twice"])
def test_sigterm_cleans_up_and_a_second_one_leaves_it_to_the_sweep(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_twice: bool
) -> None:
    command = [sys.executable, "-m", "contract", "service", "--live", "datadoghq.eu"]
    command += ["--profile", "quick", "--ca-file", stage.ca_file]
    processes: list[subprocess.Popen[str]] = []

    def tick() -> None:
        is_first = len(stage.requests) == 30
        is_second = is_twice and len(stage.called("DELETE")) == 2
        if is_first or (is_second and stage.requests[-1].method == "DELETE"):
            processes[0].send_signal(signal.SIGTERM)

    stage.tick = tick
    with subprocess.Popen(  # noqa: S603
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        processes.append(process)
        _, errors = process.communicate()
    stage.tick = lambda: None
    assert process.returncode == 2
    assert "Traceback" not in errors
    assert bool(list(Path(".contract/live").iterdir())) is is_twice
    assert bool(stage.app.rows) is is_twice
    assert main(["sweep", "--ca-file", stage.ca_file]) == 0
    assert not stage.app.rows
