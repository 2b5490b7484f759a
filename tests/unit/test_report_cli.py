"""Reports of the command line: after Ctrl-C, and beside JSON on standard output."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from contract.cli import main
from contract.engine.runner import Runner
from contract.model import AnyCase, AnyExchange
from contract.report.rendering import RENDERERS

IDLE_CLIENT = """
class Idle:
    def update(self, call):
        raise RuntimeError("idle")
"""


def run_python(
    directory: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run this Python in a directory, without keys of the environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CONTRACT_")}
    return subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, *arguments],
        cwd=directory,
        env=inherited | environ,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT as a terminal sends it")
@pytest.mark.parametrize(
    ("client", "status", "word"),
    [((), 2, "unknown"), (("--python", "idle:Idle"), 1, "broken")],
    ids=["nothing broken", "broken before"],
)
def test_ctrl_c_gives_the_verdict_so_far(
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    client: tuple[str, ...],
    status: int,
    word: str,
) -> None:
    (elsewhere / "idle.py").write_text(IDLE_CLIENT)
    monkeypatch.syspath_prepend(elsewhere)
    played, number = Runner.play, count(1)

    def play(self: Runner, case: AnyCase, sites: Sequence[str]) -> AnyExchange | None:
        if next(number) == 30:
            signal.raise_signal(signal.SIGINT)
        return played(self, case, sites)

    monkeypatch.setattr(Runner, "play", play)
    assert main(["client", "--profile", "quick", *client]) == status
    shown = capsys.readouterr()
    pattern = rf"^{word}: ended early: interrupted; \S+ ?.*, \d+ cases"
    assert re.search(pattern, shown.out, re.MULTILINE)
    assert "C-METHOD" in shown.out
    assert "Traceback" not in shown.err


@pytest.mark.slow
def test_with_json_on_standard_output_nothing_else_is_written(tmp_path: Path) -> None:
    ran = run_python(
        tmp_path,
        *("-m", "contract", "client", "--profile", "quick"),
        *("--scenario", "valid-bodies", "--json", "-", "--report", "report"),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(tmp_path / "step"),
    )
    title = "judging the minimal client of this package\n"
    assert (ran.returncode, ran.stderr) == (0, title)
    report = tmp_path / "report"
    assert json.loads(ran.stdout) == json.loads((report / "verdict.json").read_text())
    assert {path.name for path in report.iterdir()} == {*RENDERERS}


def test_the_summary_of_a_step_is_appended(
    broken_client: list[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = elsewhere / "step.md"
    file.write_text("what an earlier step wrote\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    assert main([*broken_client, "--profile", "quick"]) == 1
    first, *rest = file.read_text().splitlines()
    assert first == "what an earlier step wrote"
    assert any("C-AUTH" in line for line in rest)
