"""Lowest allowed versions: an environment of exactly these, and a part of the tests."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
OLDEST = PROJECT["requires-python"].removeprefix(">=")
PARTS = (
    "contract/test_*.py",
    "test_cases*.py",
    "test_client*.py",
    "test_driver_protocol.py",
    "test_http_libraries.py",
    "test_sandbox*.py",
    "test_schemathesis*.py",
    "test_spec*.py",
    "test_verdict_schema.py",
)
"""Test files that together use the runtime dependencies."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lowest")]


def ranges() -> list[Requirement]:
    """Return what the project and its tests need."""
    extras = PROJECT["optional-dependencies"]
    texts = (*PROJECT["dependencies"], *extras["test"], *extras["schemathesis"])
    return [Requirement(text) for text in texts if PROJECT["name"] not in text]


def lower_bounds() -> list[str]:
    """Return `name==version` for the lower end of every range, for tests included."""
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in ranges()
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


def files_of_parts() -> list[str]:
    """Return the files of `PARTS`. Each pattern must have one."""
    files: list[str] = []
    for pattern in PARTS:
        matches = sorted((ROOT / "tests").rglob(pattern))
        assert matches, f"no test file is named {pattern}"
        files += map(str, matches)
    return files


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, without the variables of this test run."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "PYTHON", "COV_"))
    }
    return subprocess.run(  # noqa: S603 - commands of this file
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def must_pass(*command: str | Path) -> None:
    """Run a command that must end with status 0."""
    finished = run(*command)
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-4000:]


@pytest.fixture(scope="module")
def oldest_python() -> str:
    """Return the oldest supported interpreter. Old versions have no wheels for others."""
    if "{}.{}".format(*sys.version_info) == OLDEST:
        return sys.executable
    found = shutil.which(f"python{OLDEST}")
    if found is None:
        pytest.skip(f"NOT TESTED with the lowest versions: no python{OLDEST} on PATH")
    return found


@pytest.fixture(scope="module")
def lowest(oldest_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that has the lowest allowed versions.

    The project is installed too. The oldest build backend builds it.
    """
    folder = tmp_path_factory.mktemp("lowest")
    must_pass(oldest_python, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    quickly = ("--retries", "0", "--timeout", "15", "--no-deps", "--dest", folder)
    if run(*pip, "download", *quickly, "click").returncode:
        pytest.skip("NOT TESTED with the lowest versions: no package registry")
    must_pass(*pip, "install", *lower_bounds())
    must_pass(*pip, "install", "--no-deps", "--no-build-isolation", ROOT)
    return python


def test_every_dependency_has_a_lower_bound() -> None:
    assert len(lower_bounds()) == len(ranges())


def test_minimal_client_holds_with_the_lowest_versions(lowest: Path) -> None:
    must_pass(lowest, "-m", "contract", "client", "--profile", "quick")


def test_tests_pass_with_the_lowest_versions(lowest: Path) -> None:
    quiet = ("-q", "-n", "2", "-p", "no:cacheprovider")
    must_pass(lowest, "-m", "pytest", *quiet, *files_of_parts())
