"""The package as a whole: what it exports, which way it imports, its size, its files, its wheel, its ranges."""

import ast
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

import contract
from contract.drivers.building import RECIPES
from tests.checkout import ROOT, tracked

EXPORTED = {
    "ApiError",
    "UpdateCall",
    "BrokenAnswer",
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
    "check_service",
}
LAYERS = (
    "errors",
    "model",
    "endpoint",
    "redaction",
    "spec",
    "cases",
    "clauses",
    "client",
    "servers",
    "subjects",
    "drivers",
    "sandbox",
    "engine",
    "recordings",
    "live",
    "faults",
    "drift",
    "report",
    "api",
    "plugin",
    "cli",
    "__main__",
    "contract",
)
"""A module imports from its own layer and from those before it. The last is the package itself: only its users import
from that."""

MODULE_LINES = 900
PACKAGE_LINES = 30_000
PROGRAM = re.compile(r"contract/drivers/[^/]+/")
"""A driver is a program of its own: it runs in its SDK's environment, where the package need not be."""

# Each pattern is spelled so that it does not match itself. Keys that are made up repeat their first eight digits.
PRIVATE = {
    "a path of a machine": r"/(wor[k]|hom[e]|roo[t]|tm[p]|User[s]|opt/wheel[s])/",
    "a private registry": r"(?i)artifactor[y]|jfro[g]|sonatyp[e]|/simpl[e]/|index[-_]ur[l]|://[^/\s]*\.(corp|internal)\b",
    "a private key": r"BEGIN [A-Z ]*PRIVATE KE[Y]",
    "a token": r"\b(AKI[A]|gh[pousr]_|github_pat_|npm_|xox[abprs]-|pypi-|dd(app|api)_)[A-Za-z0-9]{16}",
    "credentials in an address": r"[a-z]://[^\s/\"'@:]+:[^\s/\"'@{}]{3,}@[a-z0-9]",
    "a key as Datadog makes them": r"\b(?!([0-9a-f]{8})[0-9a-f]*\1)[0-9a-f]{32}([0-9a-f]{8})?\b",
}


SOURCES = {
    inside.removesuffix(".py")
    .removesuffix("/__init__")
    .replace("/", "."): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "contract").rglob("*.py"))
    if not PROGRAM.match(inside := path.relative_to(ROOT).as_posix())
}
"""Every module of the package by dotted name; drivers' programs are none."""

MODULES = {name: ast.parse(source) for name, source in SOURCES.items()}
LINES = {name: len(source.splitlines()) for name, source in SOURCES.items()}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of every module that is imported, at the top, in functions and for types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}"
            module = str(node.module)
            yield from {
                f"{module}.{alias.name}"
                if f"{module}.{alias.name}" in MODULES
                else module
                for alias in node.names
            }


GRAPH = {
    name: {each for each in imported(tree) if each.split(".")[0] == "contract"}
    for name, tree in MODULES.items()
}
SCRIPTS = {
    name
    for name, tree in MODULES.items()
    if not any(name in others for others in GRAPH.values())
    and any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        for node in tree.body
    )
}
"""What is run and never imported exports nothing."""


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def reached(module: str) -> set[str]:
    """Return the modules that one imports, and those that these import."""
    found, left = set(), [module]
    while left:
        new = GRAPH[left.pop()] - found
        found |= new
        left += new
    return found


# -- names ------------------------------------------------------------------------------------------


def test_the_package_exports_what_it_says() -> None:
    assert len(contract.__all__) == len(EXPORTED)
    assert set(contract.__all__) == EXPORTED
    assert [name for name in contract.__all__ if not hasattr(contract, name)] == []


def test_every_module_says_what_it_exports() -> None:
    wrong = {}
    for name in MODULES.keys() - SCRIPTS:
        module = importlib.import_module(name)
        exported = getattr(module, "__all__", None)
        if exported is None:
            wrong[name] = "no __all__"
        elif missing := [each for each in exported if not hasattr(module, each)]:
            wrong[name] = f"not there: {missing}"
    assert wrong == {}


# -- imports ----------------------------------------------------------------------------------------


def test_every_module_is_in_a_layer_and_every_layer_has_one() -> None:
    assert {layer(name) for name in MODULES} == set(LAYERS)


def test_a_layer_imports_only_from_those_before_it() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in sorted(others)
        if LAYERS.index(layer(other)) > LAYERS.index(layer(name))
    ]
    assert wrong == []


def test_no_module_imports_itself_by_way_of_another() -> None:
    list(
        TopologicalSorter(GRAPH).static_order()
    )  # raises CycleError, which names the modules


def test_imports_within_the_package_are_at_the_top() -> None:
    hidden = [
        f"{name}: {other} in {function.name}"
        for name, tree in MODULES.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for other in imported(function)
        if other.split(".")[0] == "contract"
    ]
    assert hidden == []


def test_the_minimal_client_reads_the_page_for_itself() -> None:
    client = [name for name in MODULES if layer(name) == "client"]
    assert {layer(other) for name in client for other in reached(name)} <= {
        "client",
        "errors",
    }
    everything = {
        other.split(".")[0] for name in client for other in imported(MODULES[name])
    }
    assert everything - sys.stdlib_module_names - {"contract"} == {
        "requests",
        "urllib3",
    }


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        (
            "import contract; contract.SnapshotClient",
            {"hypothesis", "rich", "click", "yaml", "jsonschema_rs"},
        ),
    ],
)
def test_nobody_waits_for_what_is_not_needed(
    statement: str, absent: set[str], tmp_path: Path
) -> None:
    loaded = quietly(
        "-c",
        f"{statement}; import sys; print(*sys.modules, sep='\\n')",
        cwd=tmp_path,
        path=ROOT,
    )
    assert absent & set(loaded.split()) == set()


def test_spec_cases_and_clauses_do_not_know_the_client() -> None:
    readers = [name for name in MODULES if layer(name) in ("spec", "cases", "clauses")]
    assert [name for name in readers if "client" in map(layer, reached(name))] == []


# -- size, files ------------------------------------------------------------------------------------


def test_no_module_is_long_and_the_package_is_small() -> None:
    long = {name: count for name, count in LINES.items() if count > MODULE_LINES}
    assert (long, sum(LINES.values()) < PACKAGE_LINES) == ({}, True), (
        f"{sum(LINES.values())} lines in all"
    )


def test_the_top_level_is_what_the_design_says() -> None:
    top = {PurePosixPath(name).parts[0] for name in tracked()}
    expected = {
        "pyproject.toml",
        "README.md",
        "conftest.py",
        "contract",
        "tests",
        "spec",
    }
    assert {name for name in top if not name.startswith(".")} == expected


def private(text: str) -> list[str]:
    return [
        f"{what}: {found[0]}"
        for what, pattern in PRIVATE.items()
        if (found := re.search(pattern, text))
    ]


def test_no_file_names_a_machine_a_private_registry_or_a_secret() -> None:
    found = {
        name: private((ROOT / name).read_bytes().decode("utf-8", "replace"))
        for name in tracked()
    }
    assert {name: what for name, what in found.items() if what} == {}


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
def test_the_patterns_find_what_they_are_for(parts: tuple[str, str]) -> None:
    assert len(private("".join(parts))) == 1


# -- the wheel --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    quietly(
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(ROOT),
        cwd=out,
    )
    (built,) = out.glob("*.whl")
    return built


def quietly(*arguments: str, cwd: Path, path: Path | None = None) -> str:
    """Run this Python outside the checkout and return what it said; `path` is where it looks for packages first."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "CONTRACT_"))
    }
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_wheel_holds_the_package_the_spec_and_what_drivers_are_built_from(
    wheel: Path,
) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = tracked("contract") + [f"contract/_{name}" for name in tracked("spec")]
    built_from = [
        f"contract/drivers/{name}/{file}"
        for name, recipe in RECIPES.items()
        for file in recipe.files
    ]
    assert [name for name in [*sources, *built_from] if name not in names] == []
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
def test_the_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    quietly(
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(installed),
        str(wheel),
        cwd=elsewhere,
    )
    where = quietly(
        "-c", "import contract; print(contract.__file__)", cwd=elsewhere, path=installed
    )
    assert Path(where.strip()).is_relative_to(installed)
    assert (
        len(
            quietly(
                "-m", "contract", "list", "sites", cwd=elsewhere, path=installed
            ).splitlines()
        )
        == 8
    )
    command = (
        "-m",
        "contract",
        "client",
        "--profile",
        "quick",
        "--site",
        "datadoghq.eu",
        "--json",
        "-",
    )
    verdict = json.loads(quietly(*command, cwd=elsewhere, path=installed))
    assert (verdict["verdict"], verdict["sites"], verdict["breaches"]) == (
        "holds",
        ["datadoghq.eu"],
        [],
    )


# -- dependencies -----------------------------------------------------------------------------------

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
BUILD = [
    Requirement(each) for each in tomllib.loads(PYPROJECT)["build-system"]["requires"]
]
NEEDED = [
    Requirement(each)
    for each in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"])
]
DEV = [
    Requirement(each)
    for each in PROJECT["optional-dependencies"]["dev"]
    if PROJECT["name"] not in each
]


def test_what_is_installed_is_in_its_range() -> None:
    """What is for development alone (lint, types, coverage) need not be there."""
    installed = {
        each.name.lower().replace("_", "-"): each.version
        for each in importlib.metadata.distributions()
    }
    wanted = NEEDED + [each for each in DEV if each.name.lower() in installed]
    found = {each: installed.get(each.name.lower(), "missing") for each in wanted}
    wrong = {
        each: it
        for each, it in found.items()
        if it == "missing" or not each.specifier.contains(it)
    }
    assert wrong == {}


@pytest.mark.parametrize("needed", [*BUILD, *NEEDED, *DEV], ids=str)
def test_a_range_has_two_ends(needed: Requirement) -> None:
    """`tests/unit/test_lower_bounds.py` shows that the lower ends are enough."""
    stubs = needed.name.startswith("types-")  # they follow the library
    assert sorted(each.operator for each in needed.specifier) == (
        [] if stubs else ["<", ">="]
    )


@pytest.mark.parametrize("needed", [*NEEDED, *DEV], ids=str)
def test_a_dependency_has_its_reason_beside_it(needed: Requirement) -> None:
    assert re.search(
        rf'^    "{re.escape(needed.name)}[^"]*", *# \S', PYPROJECT, re.MULTILINE
    )
