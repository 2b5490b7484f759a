"""The package as a whole: exports, independence of readings, files, wheel, ranges."""

import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

import contract
from contract.client import SITES
from contract.drivers.building import DRIVERS
from contract.redaction import KEY_VARIABLES
from contract.sandbox import ORGS, Sandbox, serving
from tests.checkout import ROOT, tracked
from tests.tools.layers import imports_of, own_imports, package_modules

EXPORTED = {
    "EXAMPLE_ID",
    "SITES",
    "ApiError",
    "BrokenAnswer",
    "Call",
    "ContractError",
    "NoAnswer",
    "Outcome",
    "RateLimited",
    "Refused",
    "Snapshot",
    "SnapshotAttributes",
    "SnapshotClient",
    "SnapshotData",
    "SnapshotError",
    "SnapshotUpdate",
    "SpecError",
    "SubjectError",
    "Timestamp",
    "UsageError",
    "Verdict",
    "check_all",
    "check_client",
    "check_live",
    "check_service",
    "driver_command",
    "outcomes",
    "overlaid_document",
    "recorded_updates",
    "same_json",
}
PACKAGE = {module.name: module for module in package_modules()}

# Each pattern is spelled so that it does not match itself. Keys that are made up repeat
# their first eight digits.
PRIVATE = {
    "a path of a machine": r"/(wor[k]|hom[e]|roo[t]|tm[p]|User[s]|opt/wheel[s])/",
    "a private registry": (
        r"(?i)artifactor[y]|jfro[g]|sonatyp[e]|/simpl[e]/|index[-_]ur[l]"
        r"|://[^/\s]*\.(corp|internal)\b"
    ),
    "a private key": r"BEGIN [A-Z ]*PRIVATE KE[Y]",
    "a token": (
        r"\b(AKI[A]|gh[pousr]_|github_pat_|npm_|xox[abprs]-|pypi-|dd(app|api)_)"
        r"[A-Za-z0-9]{16}"
    ),
    "credentials in an address": r"[a-z]://[^\s/\"'@:]+:[^\s/\"'@{}]{3,}@[a-z0-9]",
    "a key as Datadog makes them": (
        r"\b(?!([0-9a-f]{8})[0-9a-f]*\1)[0-9a-f]{32}([0-9a-f]{8})?\b"
    ),
}


# -- names -----------------------------------------------------------------------------


def test_exports_of_the_package() -> None:
    assert len(contract.__all__) == len(EXPORTED)
    assert set(contract.__all__) == EXPORTED
    assert [name for name in contract.__all__ if not hasattr(contract, name)] == []


# contract.schemathesis registers hooks in the whole process: its own tests take them back.
SIDE_EFFECTS = {"contract.__main__", "contract.schemathesis"}


@pytest.mark.parametrize("name", sorted(PACKAGE.keys() - SIDE_EFFECTS))
def test_exports_exist(name: str) -> None:
    exports = PACKAGE[name].exports
    module = importlib.import_module(name)
    assert [export for export in exports if not hasattr(module, export)] == []


# -- independent readings --------------------------------------------------------------


@cache
def imports_by_module() -> dict[str, set[str]]:
    imports: dict[str, set[str]] = {name: set() for name in PACKAGE}
    names = {module.path: name for name, module in PACKAGE.items()}
    for item in own_imports(tuple(PACKAGE.values())):
        imports[names[item.path]].add(item.target)
    return imports


def reached(part: str) -> set[str]:
    """Return the modules that a part of the package imports, directly or not."""
    imports = imports_by_module()
    pending = [name for name, module in PACKAGE.items() if module.part == part]
    modules: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in modules and name != "contract":
            modules.add(name)
            pending += imports[name]
    return modules


def test_minimal_client_reads_the_page_by_itself() -> None:
    modules = {PACKAGE[name] for name in reached("client")}
    assert {module.part for module in modules} <= {"client", "errors"}
    packages = {
        item.target.split(".")[0]
        for module in modules
        for item in imports_of(module, set(PACKAGE))
    }
    assert packages - sys.stdlib_module_names == {"contract", "requests", "urllib3"}


@pytest.mark.parametrize("part", ["spec", "cases", "clauses"])
def test_spec_cases_and_clauses_do_not_import_the_client(part: str) -> None:
    assert "client" not in {PACKAGE[name].part for name in reached(part)}


def test_import_of_the_client_loads_no_heavy_library(tmp_path: Path) -> None:
    statement = "import contract, sys; contract.SnapshotClient; print(*sys.modules)"
    loaded = run_python("-c", statement, cwd=tmp_path, path=ROOT).split()
    heavy = {"hypothesis", "rich", "click", "yaml", "jsonschema_rs"}
    assert heavy & set(loaded) == set()


HEAVY = {"hypothesis", "requests", "responses", "rich", "trustme", "waitress"}
SPEC = {"jsonschema_rs", "yaml"}


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        ("--help", HEAVY | SPEC),
        ("list --help", HEAVY),
        ("list clauses", HEAVY),
        ("list rules", HEAVY),
        ("list faults", {"hypothesis", "rich"}),
        ("list sites", HEAVY),
        ("list drivers", HEAVY),
        ("list cases", HEAVY),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_imports_nothing_that_it_does_not_need(
    words: str, unneeded: set[str], tmp_path: Path
) -> None:
    program = (
        "import sys; from contract.cli import main; status = main(sys.argv[1:]);"
        "print('modules:', *sys.modules); sys.exit(status)"
    )
    run = run_python("-c", program, *words.split(), cwd=tmp_path)
    loaded = run.rpartition("modules: ")[2]
    assert unneeded & {*loaded.split()} == set()


OF_CLIENTS = {
    *("contract.client", "contract.drivers.building", "contract.runs.clients"),
    *("contract.servers.fake_sites", "contract.subjects.in_process"),
    *("asyncio", "requests", "responses", "trustme", "unittest.mock", "urllib3"),
}
OF_SERVICES = {
    *("contract.live", "contract.runs.services", "contract.sandbox"),
    *("contract.subjects.http", "contract.subjects.service", "waitress"),
}
OF_THE_END = {
    *("contract.cli.finish", "contract.engine.comparison", "contract.report.view"),
    *("hypothesis", "importlib.metadata", "jinja2", "rich"),
}
FIRST_EXCHANGE = """
import os, sys
from contract.cli import main
from contract.engine.ledger import Ledger
def add(*details):
    print("modules:", *sys.modules, flush=True)
    os._exit(0)
Ledger.add = add
main([*sys.argv[1:], "--profile", "quick"])
"""


@pytest.mark.parametrize("side", ["client", "service"])
def test_the_first_exchange_needs_nothing_of_the_other_side(
    side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in zip(KEY_VARIABLES, ORGS[0].keys, strict=True):
        monkeypatch.setenv(name, key)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with serving(Sandbox()) as url:
        words = [side] if side == "client" else [side, url]
        run = run_python("-c", FIRST_EXCHANGE, *words, cwd=tmp_path, path=ROOT)
    loaded = {*run.rpartition("modules: ")[2].split()}
    unneeded = OF_THE_END | (OF_SERVICES if side == "client" else OF_CLIENTS)
    if side == "client":  # the version of the minimal client is in its requests
        unneeded -= {"importlib.metadata"}
    else:
        unneeded |= {"contract.sandbox", "http.client", "urllib.request", "waitress"}
    assert unneeded & loaded == set()


def test_a_run_imports_only_what_it_needs(tmp_path: Path) -> None:
    program = """
import sys
from contract import check_client
seen = []
def progress(ledger, scenario):
    seen.append("hypothesis" in sys.modules)
check_client(profile="quick", progress=progress, scenarios=["valid-bodies"])
print(seen.index(True) > 20, seen[-1])
"""
    assert run_python("-c", program, cwd=tmp_path, path=ROOT).split() == ["True"] * 2


# -- files -----------------------------------------------------------------------------


def test_top_level_is_that_of_the_design() -> None:
    top = {PurePosixPath(name).parts[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} == {
        "pyproject.toml",
        "README.md",
        "conftest.py",
        "contract",
        "tests",
        "spec",
    }


def private(text: str) -> list[str]:
    """Return what a text must not hold."""
    return [
        f"{name}: {match[0]}"
        for name, pattern in PRIVATE.items()
        if (match := re.search(pattern, text))
    ]


def test_no_file_names_a_machine_a_private_registry_or_a_secret() -> None:
    matches = {
        name: private((ROOT / name).read_bytes().decode("utf-8", "replace"))
        for name in tracked()
    }
    assert {name: texts for name, texts in matches.items() if texts} == {}


@pytest.mark.parametrize(
    "parts",
    [
        ("cache in /ho", "me/someone/.cache"),
        ("resolved: https://artifact", "ory.example.com/npm"),
        ("-----BEGIN RSA PRIVATE ", "KEY-----"),
        ("gh", "p_0123456789abcdefghij"),
        ("https://someone:some", "thing@pypi.org/"),
        ("0a1b2c3d4e5f6071", "8293a4b5c6d7e8f9"),
    ],
    ids=PRIVATE,
)
def test_pattern_finds_an_example(parts: tuple[str, str]) -> None:
    assert len(private("".join(parts))) == 1


# -- the wheel -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    options = ("--wheel", "--no-isolation", "--outdir", str(directory))
    run_python("-m", "build", *options, str(ROOT), cwd=directory)
    (path,) = directory.glob("*.whl")
    return path


def run_python(*arguments: str, cwd: Path, path: Path | None = None) -> str:
    """Run this Python outside the checkout and return its output.

    `path` is where it looks for packages first.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CONTRACT_"))
    }
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    process = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_wheel_has_package_spec_and_drivers(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = tracked("contract") + [f"contract/_{name}" for name in tracked("spec")]
    sources.remove("contract/replay_heatmap_contract.py")
    sources.remove("contract/options.link")
    sources += ["replay_heatmap_contract.py", "replay_heatmap_contract_options.py"]
    for name, driver in DRIVERS.items():
        folder = name.partition("-")[0]
        sources += [f"contract/drivers/{folder}/{file}" for file in driver.files]
    assert [name for name in sources if name not in names] == []
    assert {
        "contract/_spec/openapi.yaml",
        "contract/_spec/observed.overlay.yaml",
        "contract/py.typed",
    } <= names
    parts = {part for name in names for part in PurePosixPath(name).parts}
    assert parts.isdisjoint(
        {"node_modules", "target", "tests", "__pycache__", "conftest.py", ".contract"}
    )


@pytest.mark.slow
def test_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    options = ("--quiet", "--no-deps", "--no-index", "--target", str(installed))
    run_python("-m", "pip", "install", *options, str(wheel), cwd=elsewhere)

    def contract_command(*arguments: str) -> str:
        return run_python("-m", "contract", *arguments, cwd=elsewhere, path=installed)

    file = run_python(
        "-c", "import contract; print(contract.__file__)", cwd=elsewhere, path=installed
    )
    assert Path(file.strip()).is_relative_to(installed)
    assert len(contract_command("list", "sites").splitlines()) == len(SITES)
    options = ("--profile", "quick", "--site", "datadoghq.eu", "--json", "-")
    verdict = json.loads(contract_command("client", *options))
    assert verdict["verdict"] == "holds"
    assert verdict["sites"] == ["datadoghq.eu"]
    assert verdict["breaches"] == []


# -- dependencies ----------------------------------------------------------------------

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SETTINGS = tomllib.loads(PYPROJECT)
PROJECT = SETTINGS["project"]
EXTRAS = PROJECT["optional-dependencies"]
BUILD = [Requirement(text) for text in SETTINGS["build-system"]["requires"]]
NEEDED = [
    Requirement(text)
    for text in (*PROJECT["dependencies"], *EXTRAS["test"], *EXTRAS["schemathesis"])
    if PROJECT["name"] not in text
]
DEV = [Requirement(text) for text in EXTRAS["dev"] if PROJECT["name"] not in text]


def test_installed_versions_are_in_their_ranges() -> None:
    installed = {
        item.name.lower().replace("_", "-"): item.version
        for item in importlib.metadata.distributions()
    }
    # Tools for development alone (lint, types, coverage) need not be installed.
    wanted = NEEDED + [item for item in DEV if item.name.lower() in installed]
    versions = {item: installed.get(item.name.lower(), "missing") for item in wanted}
    assert {
        str(item): version
        for item, version in versions.items()
        if version == "missing" or not item.specifier.contains(version)
    } == {}


@pytest.mark.parametrize("requirement", [*BUILD, *NEEDED, *DEV], ids=str)
def test_range_has_two_ends(requirement: Requirement) -> None:
    """`tests/unit/test_lower_bounds.py` proves that the lower ends are enough."""
    is_stub = requirement.name.startswith("types-")  # stubs follow their library
    operators = sorted(item.operator for item in requirement.specifier)
    assert operators == ([] if is_stub else ["<", ">="])


@pytest.mark.parametrize("requirement", [*NEEDED, *DEV], ids=str)
def test_dependency_has_its_reason_beside_it(requirement: Requirement) -> None:
    name = re.escape(requirement.name)
    assert re.search(rf'^    "{name}[^"]*", *# \S', PYPROJECT, re.MULTILINE)


@pytest.mark.parametrize(
    "path",
    [
        p
        for d in ("benchmarks", "soak")
        for p in sorted((ROOT / "tests" / d).glob("*.py"))
    ],
    ids=lambda path: path.stem,
)
def test_a_measurement_can_be_started(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "playwright":
            raise
        pytest.skip("NOT CHECKED without playwright")
