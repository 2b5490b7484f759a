"""Reports of the command line: after Ctrl-C, and beside JSON on standard output."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract.report import RENDERERS

INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import contract.cli, contract.engine.runner
played = contract.engine.runner.Runner.play
def play(self, case, sites, count=[0]):
    count[0] += 1
    if count[0] == 30:
        os.kill(os.getpid(), signal.SIGINT)
    return played(self, case, sites)
contract.engine.runner.Runner.play = play
sys.exit(contract.cli.main(sys.argv[1:]))
"""

IDLE_CLIENT = """
class Idle:
    def update(self, call):
        return {"outcome": "failed", "message": "not today"}
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
    tmp_path: Path, client: tuple[str, ...], status: int, word: str
) -> None:
    (tmp_path / "idle.py").write_text(IDLE_CLIENT)
    command = ("client", "--profile", "quick", *client)
    ran = run_python(tmp_path, "-c", INTERRUPTED, *command)
    assert ran.returncode == status, ran.stderr
    pattern = rf"^{word}: ended early: interrupted; \S+ ?.*, \d+ cases"
    assert re.search(pattern, ran.stdout, re.MULTILINE)
    assert "C-METHOD" in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_with_json_on_standard_output_nothing_else_is_written(tmp_path: Path) -> None:
    ran = run_python(
        tmp_path,
        *("-m", "contract", "client", "--profile", "quick"),
        *("--scenario", "valid-bodies", "--json", "-", "--report", "report"),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(tmp_path / "step"),
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    report = tmp_path / "report"
    assert json.loads(ran.stdout) == json.loads((report / "verdict.json").read_text())
    assert {path.name for path in report.iterdir()} == {*RENDERERS}
