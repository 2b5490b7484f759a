"""The installed plugin in the suites of others: absent until it is asked for."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import replay_heatmap_contract
import replay_heatmap_contract_options

from tests.checkout import ROOT

TRIVIAL = "def test_trivial():\n    pass\n"
OURS = """
def test_ours(contract_mock, contract_client):
    contract_client("datadoghq.eu").update("a", {"data": {"type": "snapshots"}})
    assert contract_mock.last_request.method == "PATCH"
"""


def run(
    directory: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a directory, as somebody else's process."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))
    }
    return subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        cwd=directory,
        env=environment | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def run_pytest(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = ("-p", "no:schemathesis", "-p", "no:cacheprovider", "-W", "error")
    return run(directory, "-m", "pytest", *options, *arguments)


def run_alone(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest with no other plugin, which takes half the time."""
    options = ("-p", "replay_heatmap_contract", "-p", "no:cacheprovider", "-W", "error")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return run(directory, "-m", "pytest", *options, **alone)


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        file = directory / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return directory


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (replay_heatmap_contract, "replay_heatmap_contract"),
        (replay_heatmap_contract_options, "options"),
    ],
)
def test_the_installed_module_is_that_of_the_checkout(
    module: ModuleType, name: str
) -> None:
    installed = Path(str(module.__file__))
    ours = ROOT / "contract" / f"{name}.py"
    assert installed.read_bytes() == ours.read_bytes(), "run pip install -e again"
    assert installed.parent != ours.parent


def test_a_run_without_it_imports_nothing_and_shows_nothing(tmp_path: Path) -> None:
    write(tmp_path, test_trivial=TRIVIAL)
    program = (
        "import pytest, sys; status = pytest.main(['-p', 'no:schemathesis']);"
        "print(sorted(m for m in sys.modules if m.partition('.')[0] == 'contract'));"
        "sys.exit(status)"
    )
    result = run(tmp_path, "-c", program)
    assert result.returncode == 0
    assert result.stdout.endswith("[]\n")
    assert "contract:" not in result.stdout


def test_a_folder_of_the_same_name_is_not_hidden(tmp_path: Path) -> None:
    write(tmp_path, tests__contract__test_trivial=TRIVIAL)
    (tmp_path / "tests" / "contract" / "__init__.py").touch()
    result = run_pytest(tmp_path)
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


def test_a_package_of_the_same_name_is_named_where_ours_is_needed(
    tmp_path: Path,
) -> None:
    files = {"tests__contract__test_ours": OURS, "tests__contract__fixtures": ""}
    write(tmp_path, **files)
    (tmp_path / "tests" / "contract" / "__init__.py").touch()
    result = run_alone(tmp_path)
    assert result.returncode == 1
    assert "the package contract is hidden by " in result.stdout
    assert "put another one into the folder above" in result.stdout
    (tmp_path / "tests" / "__init__.py").touch()
    assert run_alone(tmp_path).returncode == 0


def test_our_folder_does_not_hide_the_package(tmp_path: Path) -> None:
    write(tmp_path, tests__contract__test_ours=OURS)
    assert run_pytest(tmp_path).returncode == 0


def test_the_package_may_be_imported_before_pytest(tmp_path: Path) -> None:
    write(tmp_path, test_ours=OURS)
    options = "['-p', 'no:schemathesis', '-W', 'error']"
    program = f"import contract, pytest, sys; sys.exit(pytest.main({options}))"
    result = run(tmp_path, "-c", program)
    assert result.returncode == 0, result.stdout
    assert "warning" not in result.stdout


def test_the_plugin_may_be_named_as_well(tmp_path: Path) -> None:
    write(tmp_path, conftest='pytest_plugins = ["contract.plugin"]', test_ours=OURS)
    result = run_pytest(tmp_path)
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


def test_lines_of_the_package_are_not_imported_before_they_are_measured(
    tmp_path: Path,
) -> None:
    pytest.importorskip("pytest_cov", reason="NOT CHECKED without pytest-cov")
    write(tmp_path, test_ours=OURS)
    result = run_pytest(tmp_path, "--cov=contract.client", "--cov-report=term-missing")
    (row,) = [line for line in result.stdout.splitlines() if "client/__init__" in line]
    source = (ROOT / "contract" / "client" / "__init__.py").read_text().splitlines()
    missing = row.partition("%")[2].replace(" ", "").split(",")
    first_lines = [source[int(text.split("-")[0]) - 1] for text in missing]
    assert first_lines
    assert all(line.startswith(" ") for line in first_lines)


def test_fixtures_of_the_same_name_are_the_users(tmp_path: Path) -> None:
    own = "import pytest\n\n@pytest.fixture\ndef contract_mock():\n    return 'own'\n"
    test = "def test_own(contract_mock):\n    assert contract_mock == 'own'\n"
    result = run_alone(write(tmp_path, conftest=own, test_own=test))
    assert result.returncode == 0, result.stdout
