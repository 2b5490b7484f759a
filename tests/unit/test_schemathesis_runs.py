"""Schemathesis with the clauses, as a user runs it: its command, and pytest."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract.faults import service_fault
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = [str(Path(sys.executable).parent / "schemathesis"), "run"]
DOCUMENT = str(ROOT / "spec" / "openapi.yaml")
KEYS = dict(zip(load().auth_headers, ORGS[0].keys, strict=True))
OWN_TEST = """
import os
import contract.schemathesis
import schemathesis
from hypothesis import settings
from contract import overlaid_document

schema = schemathesis.openapi.from_dict(overlaid_document())
keys = dict(zip(("DD-API-KEY", "DD-APPLICATION-KEY"), os.environ["KEYS"].split()))
schema.config.update(base_url=os.environ["URL"], headers=keys)

@schema.include(operation_id="UpdateReplayHeatmapSnapshot").parametrize()
@settings(max_examples=5, deadline=None, derandomize=True)
def test_update(case):
    case.call_and_validate()
"""


def run(command: list[str], cwd: Path, **variables: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603
        command,
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


IN_ONE_THREAD = """
import sys
import contract.schemathesis

sys.setswitchinterval(60)
"""
"""Hooks that keep threads apart except where they wait for a response.

Hypothesis parses source code, and CPython 3.11 cannot do so in two threads at once:
"AST constructor recursion depth mismatch" (python/cpython#106905).
"""


def schemathesis_run(sandbox: Sandbox, cwd: Path, *options: str) -> tuple[int, str]:
    (cwd / "own_hooks.py").write_text(IN_ONE_THREAD)
    headers = [f"--header={name}: {key}" for name, key in KEYS.items()]
    hooks = "own_hooks" if "4" in options else "contract.schemathesis"
    fixed = ["--seed", "1", "--generation-deterministic", "--no-color", *headers]
    with serving(sandbox) as url:
        command = [*COMMAND, DOCUMENT, "--url", url, *fixed, *options]
        return run(command, cwd, SCHEMATHESIS_HOOKS=hooks)


@pytest.mark.parametrize("workers", ["1", "4"])
def test_nothing_is_found_on_the_sandbox(tmp_path: Path, workers: str) -> None:
    options = ("-w", workers, "--max-examples", "8")
    status, output = schemathesis_run(Sandbox(), tmp_path, *options)
    assert status == 0, output
    assert output.count("S-STORED, S-UNTOUCHED, S-REPEAT, S-ORG, S-PARITY") == 1
    assert int(re.findall(r"(\d+) generated", output)[0]) > 1_000
    assert len(re.findall("✅  (Examples|Coverage|Fuzzing|Stateful)", output)) == 4


def test_a_check_is_chosen_by_the_id_of_its_clause(tmp_path: Path) -> None:
    sandbox = service_fault("echo-old-start").make_sandbox()
    options = ("--checks", "S-ECHO,S-ID", "--phases", "examples")
    status, output = schemathesis_run(sandbox, tmp_path, *options)
    assert status == 1
    assert "S-ECHO/number-altered@/data/attributes/start: 1" in output
    assert "The response differs from the request" in output
    assert "curl -X PATCH http://127.0.0.1" in output
    assert not [key for key in KEYS.values() if key in output]


@pytest.mark.parametrize(
    ("sandbox", "status"),
    [(Sandbox(), 0), (service_fault("auth-prefix").make_sandbox(), 1)],
    ids=["right", "auth-prefix"],
)
def test_pytest_judges_by_the_clauses(
    tmp_path: Path, sandbox: Sandbox, status: int
) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TEST)
    with serving(sandbox) as url:
        variables = {"URL": url, "KEYS": " ".join(KEYS.values())}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        returned, output = run(command, tmp_path, **variables)
    assert returned == status, output
    assert ("S-AUTH/key-unchecked@cut-app-key" in output) is bool(status)
