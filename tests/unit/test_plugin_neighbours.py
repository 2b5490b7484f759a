"""The plugin beside the most used ones of others: nothing collides, nothing of ours warns."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.unit.test_plugin_foreign import OURS, TRIVIAL, write

PLUGINS = [
    "pytest-asyncio",
    "pytest-bdd",
    "pytest-benchmark",
    "pytest-cov",
    "pytest-django",
    "pytest-env",
    "pytest-html",
    "pytest-httpx",
    "pytest-mock",
    "pytest-order",
    "pytest-playwright",
    "pytest-profiling",
    "pytest-randomly",
    "pytest-recording",
    "pytest-rerunfailures",
    "pytest-socket",
    "pytest-subtests",
    "pytest-sugar",
    "pytest-timeout",
    "pytest-xdist",
    "schemathesis",
]
GIVEN = """
from hypothesis import given
from contract.strategies import valid_bodies

@given(body=valid_bodies())
def test_given(contract_mock, contract_client, body):
    contract_client("datadoghq.eu").update("a", body)
    assert len(contract_mock.requests) == 1
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("neighbours")]


def run(*command: str | Path, cwd: Path) -> str:
    finished = subprocess.run(  # noqa: S603
        command, cwd=cwd, capture_output=True, text=True, check=False
    )
    output = finished.stdout + finished.stderr
    assert finished.returncode == 0, output[-4000:]
    return output


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the project and all the plugins into a new environment."""
    directory = tmp_path_factory.mktemp("neighbours")
    run(sys.executable, "-m", "venv", directory / "venv", cwd=directory)
    python = directory / "venv" / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", str(ROOT))
    run(*install, *PLUGINS, cwd=directory)
    return python


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_all_of_them_load_together(
    python: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    write(tmp_path, test_trivial=TRIVIAL, test_ours=OURS, test_given=GIVEN)
    pytest_ = (python, "-m", "pytest", "-p", "no:cacheprovider")
    output = run(*pytest_, *options, cwd=tmp_path)
    assert "3 passed" in output
    warnings = output.partition("warnings summary")[2]
    assert "contract" not in warnings
    listed = run(*pytest_, "--fixtures", cwd=tmp_path)
    assert "contract_mock" in listed
