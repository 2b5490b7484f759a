"""Guards of size, style and layers, as the design and the style guide ask for them.

    python -m tests.tools.guards            a summary per folder
    python -m tests.tools.guards --all      every offender too

Each guard is a function that returns one line for each offender, which begins with its
file. `tests/unit/test_guards.py` runs them all.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.tools.layers import (
    Function,
    Module,
    import_cycles,
    lazy_imports,
    modules_of_tests,
    package_modules,
    upward_imports,
)

__all__ = ["GUARDS", "Checkout", "checkout", "sizes"]

PACKAGE_CHARACTERS = 1_169_200
"""Budget of the redesign. The design allows 860,000 once every issue is done."""

AVERAGE_LINE = 44.0
LINE = 88
MODULE_LINES = 450
TEST_LINES = 500
FUNCTION_LINES = 49
SUMMARY_WORDS = 15
ENDPOINT_MODULES = 6

LONG_FUNCTIONS: dict[tuple[str, str], str] = {}
"""Functions that may be longer, each with its reason: (file, function)."""

ENDPOINT = re.compile(
    r'"PATCH"|event_id|is_device_type|view_id|session_id|view_name|"snapshots"|/api/v2'
)
ENDPOINT_FREE = ("client/", "sandbox/", "faults/", "drivers/")

SUMMARY_STARTS = ("What", "Whatever", "Tell", "Tells", "So many", "How", "Whether")
BARRED = frozenset(
    (
        "acting",
        "asked",
        "asking",
        "each",
        "found",
        "given",
        "heard",
        "kept",
        "known",
        "made",
        "nights",
        "ours",
        "pair",
        "shown",
        "stranger",
        "talk",
        "theirs",
        "told",
        "trusting",
        "x",
    )
)
"""Names that do not say what a value is."""

Definition = Function | ast.ClassDef


@dataclass(frozen=True)
class Checkout:
    """The modules of the package, and those of the tests."""

    package: tuple[Module, ...]
    tests: tuple[Module, ...] = ()

    @property
    def styled(self) -> list[Module]:
        """The modules that the style guards look at."""
        return list(self.package)


def checkout() -> Checkout:
    """Return the checkout as it is."""
    return Checkout(package_modules(), modules_of_tests())


# -- size ------------------------------------------------------------------------------


def average_line(some: list[Module]) -> float:
    """Return the mean length of the lines that are not blank."""
    lengths = [len(line) for m in some for line in m.lines if line.strip()]
    return sum(lengths) / max(len(lengths), 1)


def sizes(code: Checkout) -> str:
    """Return characters and average line, of the whole and of each part."""
    parts: dict[str, list[Module]] = {}
    for module in code.package:
        parts.setdefault(module.part or "contract", []).append(module)
    lines = [f"{'part':<12}{'characters':>11}{'average line':>14}"]
    for part, members in [*sorted(parts.items()), ("all", list(code.package))]:
        characters = sum(len(m.text) for m in members)
        lines.append(f"{part:<12}{characters:>11,}{average_line(members):>14.1f}")
    return "\n".join(lines)


def package_size(code: Checkout) -> list[str]:
    """The package is small."""
    characters = sum(len(module.text) for module in code.package)
    if characters <= PACKAGE_CHARACTERS:
        return []
    return [f"contract: {characters:,} characters, {PACKAGE_CHARACTERS:,} at most"]


def average_lines(code: Checkout) -> list[str]:
    """Lines are short on average."""
    average = average_line(code.styled)
    if average <= AVERAGE_LINE:
        return []
    return [f"contract: {average:.1f} characters on an average line, {AVERAGE_LINE}"]


def long_lines(code: Checkout) -> list[str]:
    """No line is too long."""
    return [
        f"{module.path}:{number}: {len(line)} characters"
        for module in code.styled
        for number, line in enumerate(module.lines, 1)
        if len(line) > LINE
    ]


def long_modules(code: Checkout) -> list[str]:
    """No module is too long."""
    return [
        f"{module.path}: {len(module.lines)} lines"
        for module in code.styled
        if len(module.lines) > MODULE_LINES
    ]


def long_tests(code: Checkout) -> list[str]:
    """No test file is too long."""
    return [
        f"{module.path}: {len(module.lines)} lines"
        for module in code.tests
        if len(module.lines) > TEST_LINES
    ]


def long_functions(code: Checkout) -> list[str]:
    """No function is too long."""
    return [
        f"{module.path}:{node.lineno}: {node.name} has {lines} lines"
        for module in code.styled
        for node in ast.walk(module.tree)
        if isinstance(node, Function)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
        if (module.path, node.name) not in LONG_FUNCTIONS
    ]


# -- docstrings ------------------------------------------------------------------------


def imported_names(code: Checkout) -> set[str]:
    """Return the names that modules of the package import from each other."""
    return {
        alias.name
        for module in code.package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def exported(module: Module, names: set[str]) -> Iterator[tuple[str, Definition]]:
    """Yield the functions and classes that other modules import."""
    for node in module.tree.body:
        if isinstance(node, Definition) and node.name in names:
            yield node.name, node


def no_docstrings(code: Checkout) -> list[str]:
    """Each module, and each public function and class, has a docstring."""
    offenders = [
        f"{module.path}:1: the module has no docstring"
        for module in code.styled
        if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    names = imported_names(code)
    for module in code.styled:
        for name, node in exported(module, names):
            if not ast.get_docstring(node):
                offenders.append(f"{module.path}:{node.lineno}: {name} has none")
    return offenders


def bad_summaries(code: Checkout) -> list[str]:
    """The first line of a docstring is short and plain."""
    offenders = []
    for module in code.styled:
        for node in ast.walk(module.tree):
            if not isinstance(node, Definition | ast.Module):
                continue
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            if problem := summary_problem(summary):
                line = getattr(node, "lineno", 1)
                offenders.append(f"{module.path}:{line}: {problem}: {summary}")
    return offenders


def summary_problem(summary: str) -> str:
    """Return what is wrong with the first line of a docstring, or an empty text."""
    if len(summary.split()) > SUMMARY_WORDS:
        return f"{len(summary.split())} words"
    if ";" in summary:
        return "a semicolon"
    for start in SUMMARY_STARTS:
        if re.match(rf"{start}\b", summary):
            return f"begins with {start}"
    return ""


# -- names -----------------------------------------------------------------------------


def barred_names(code: Checkout) -> list[str]:
    """Names say what a value is."""
    return [
        f"{module.path}:{line}: {name}"
        for module in code.styled
        for line, name in defined_names(module.tree)
        if name.strip("_").lower() in BARRED
    ]


def defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every name that a module defines, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


def exports_in_modules(code: Checkout) -> list[str]:
    """Only packages list what they export. A list in each module would go stale."""
    return [
        f"{module.path}:1: has __all__"
        for module in code.styled
        if not module.path.endswith("__init__.py")
        if re.search(r"^__all__\b", module.text, re.MULTILINE)
    ]


def endpoint_modules(code: Checkout) -> list[str]:
    """Few modules spell the endpoint."""
    spelled = [
        (module.path, match[0])
        for module in code.package
        if not module.path.removeprefix("contract/").startswith(ENDPOINT_FREE)
        if (match := ENDPOINT.search(module.text))
    ]
    if len(spelled) <= ENDPOINT_MODULES:
        return []
    return [f"{path}: spells the endpoint: {text}" for path, text in spelled]


GUARDS: dict[str, Callable[[Checkout], list[str]]] = {
    "package_size": package_size,
    "average_lines": average_lines,
    "long_lines": long_lines,
    "long_modules": long_modules,
    "long_tests": long_tests,
    "long_functions": long_functions,
    "upward_imports": lambda code: upward_imports(code.package),
    "import_cycles": lambda code: import_cycles(code.package),
    "lazy_imports": lambda code: lazy_imports(code.package),
    "no_docstrings": no_docstrings,
    "bad_summaries": bad_summaries,
    "barred_names": barred_names,
    "exports_in_modules": exports_in_modules,
    "endpoint_modules": endpoint_modules,
}


def folder(offender: str) -> str:
    """Return the part of the package or of the tests that an offender is in."""
    parts = offender.partition(":")[0].removesuffix(".py").split("/")
    return "/".join(parts[:2]) if parts[0] == "tests" else parts[min(1, len(parts) - 1)]


def main(is_all: bool) -> int:
    """Print the offenders of each guard by folder. Return the exit status."""
    code = checkout()
    print(sizes(code), end="\n\n")
    total = 0
    for name, guard in GUARDS.items():
        offenders = guard(code)
        total += len(offenders)
        folders = Counter(map(folder, offenders))
        counts = ", ".join(f"{key} {n}" for key, n in folders.most_common())
        print(f"{name:<18}{len(offenders):>5}  {counts}")
        if is_all:
            print(*(f"    {offender}" for offender in offenders), sep="\n")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main("--all" in sys.argv[1:]))
