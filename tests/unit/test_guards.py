"""Budgets, layers and style of the package, and examples that the guards must find."""

from collections.abc import Callable

import pytest

from tests.tools.guards import GUARDS, Checkout, checkout, sizes
from tests.tools.layers import Module

DOC = '"""Words."""\n'
IMPORT_F = "from contract.a import f"


@pytest.fixture(scope="module")
def code() -> Checkout:
    return checkout()


@pytest.mark.parametrize("name", GUARDS)
def test_guard_finds_no_offender(name: str, code: Checkout) -> None:
    offenders = GUARDS[name](code)
    assert not offenders, "\n".join([*offenders, "", sizes(code)])


def module(text: str, path: str = "contract/cases/a.py") -> Checkout:
    """Return a package of one module."""
    return Checkout((Module(path, text),))


def package(**texts: str) -> Checkout:
    """Return a package of modules: `cases_a` is contract/cases/a.py."""
    paths = {f"contract/{name.replace('_', '/')}.py": texts[name] for name in texts}
    return Checkout(tuple(Module(path, text) for path, text in paths.items()))


def function(lines: int) -> str:
    return "def f():\n" + "    pass\n" * (lines - 1)


LONG_WORDS = " ".join(["word"] * 16)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("package_size", module("#" * 1_169_201)),
        ("average_lines", module(("#" * 45 + "\n") * 3)),
        ("long_lines", module("#" * 89)),
        ("long_modules", module("#\n" * 451)),
        ("long_tests", Checkout((), (Module("tests/a.py", "#\n" * 501),))),
        ("long_functions", module(function(50))),
        ("upward_imports", package(cases_a="import contract.engine.b", engine_b="")),
        ("upward_imports", package(model="from contract import spec", spec="")),
        ("upward_imports", package(cases_a="def f():\n import contract.cli", cli="")),
        ("upward_imports", package(cases_a='name = "contract.cli:main"', cli="")),
        ("upward_imports", package(unheard="")),
        ("import_cycles", package(a="import contract.b", b="import contract.a")),
        (
            "import_cycles",
            package(a="def f():\n from contract import b", b="import contract.a"),
        ),
        ("lazy_imports", module("def f():\n    import json\n")),
        ("lazy_imports", package(a='load("contract.b")', b="")),
        ("no_docstrings", module("name = 1")),
        ("no_docstrings", package(a=f"{DOC}def f(): ...", b=f"{DOC}{IMPORT_F}")),
        ("no_docstrings", package(a=f"{DOC}class f:\n {DOC} def g(): 1", b=IMPORT_F)),
        ("bad_summaries", module(f'"""{LONG_WORDS}."""')),
        ("bad_summaries", module('"""One; two."""')),
        ("bad_summaries", module('def f():\n    """Whether it is."""')),
        ("bad_summaries", module('class A:\n    """So many of them."""')),
        ("barred_names", module("def told(): ...")),
        ("barred_names", module("def f(x): ...")),
        ("barred_names", module("for each in f: ...")),
        ("barred_names", module("class Talk: ...")),
        ("barred_names", module("self._known = 1")),
        ("barred_names", module("match a:\n    case [found, *_]: ...")),
        ("exports_in_modules", module('__all__ = ["name"]\nname = 1')),
        (
            "endpoint_modules",
            package(**{f"cases_{n}": 'name = "PATCH"' for n in "abcdefg"}),
        ),
    ],
)
def test_guard_finds_an_offender(name: str, code: Checkout) -> None:
    assert GUARDS[name](code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("long_lines", module("#" * 88)),
        ("long_functions", module(function(49))),
        ("upward_imports", package(engine_b="import contract.cases.a", cases_a="")),
        ("import_cycles", package(a="import contract.b", b="import contract")),
        ("no_docstrings", package(a=f"{DOC}def g(): ...", b=f"{DOC}{IMPORT_F}")),
        ("bad_summaries", module('"""Return whether it is."""')),
        ("barred_names", module("from hypothesis import given\nmade_up = known_as")),
        ("endpoint_modules", package(**{f"client_{n}": '"PATCH"' for n in "abcdefg"})),
    ],
)
def test_guard_passes(name: str, code: Checkout) -> None:
    assert not GUARDS[name](code)


def test_failure_names_file_and_line() -> None:
    guard: Callable[[Checkout], list[str]] = GUARDS["barred_names"]
    assert guard(module("a = 1\n\ntold = 2\n")) == ["contract/cases/a.py:3: told"]
