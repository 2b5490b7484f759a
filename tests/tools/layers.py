"""Modules of the package, and the layers in which they import each other."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

__all__ = [
    "Function",
    "Module",
    "import_cycles",
    "imports_of",
    "lazy_imports",
    "modules_of_tests",
    "own_imports",
    "package_modules",
    "upward_imports",
]

ROOT = Path(__file__).parents[2]

PROGRAM = re.compile(r"contract/drivers/[^/]+/")
"""A driver is a program of its own. It runs in its SDK's environment."""

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "options", "version"),
    ("processes",),
    ("model",),
    ("endpoint", "jsondiff", "redaction"),
    ("spec",),
    ("cases",),
    ("strategies",),
    ("clauses",),
    ("client",),
    ("servers",),
    ("subjects",),
    ("drivers",),
    ("sandbox",),
    ("engine",),
    ("recordings",),
    ("live",),
    ("faults",),
    ("fixtures", "replay_heatmap_contract"),
    ("drift",),
    ("report",),
    ("merge",),
    ("schemathesis",),
    ("runs",),
    ("api",),
    ("plugin",),
    ("cli",),
    ("__main__",),
)
"""A module imports from its own row and from those above it."""

LAZY: dict[tuple[str, str], str] = {
    ("contract/__main__.py", "contract.cli"): (
        "Hypothesis, which it imports, fails in a deleted working directory"
    ),
    ("contract/engine/job.py", "contract.engine.ahead"): "only clients need it",
    **{
        ("contract/runs/services.py", f"contract.sandbox{part}"): (
            "most services are at a URL"
        )
        for part in ("", ".serving")
    },
    ("contract/version.py", "importlib.metadata"): (
        "slow to import, and mostly needed at the end of a run"
    ),
    **{
        (path, "urllib.request"): "slow to import, and few machines have a proxy"
        for path in ("contract/redaction/secrets.py", "contract/subjects/proxy.py")
    },
    **{
        place: "reports are slow to import, and needed at the end of a run"
        for place in (
            ("contract/cli/base.py", "contract.cli.finish"),
            ("contract/report/files.py", "contract.report.rendering"),
            ("contract/report/files.py", "contract.report.view"),
        )
    },
    ("contract/engine/drawing.py", "contract.engine.adapter"): (
        "Hypothesis is slow to import"
    ),
    ("contract/subjects/launcher.py", "subprocess"): (
        "each driver has a launcher in memory, and Linux needs none of it"
    ),
    ("contract/cases/scenario.py", "contract.cases.drawing"): (
        "Hypothesis is slow to import"
    ),
    **{
        ("contract/cli/lists.py", module): "each list imports what it shows"
        for module in (
            "contract.cases.client",
            "contract.cases.service",
            "contract.clauses",
            "contract.drivers.building",
            "contract.faults",
        )
    },
    ("contract/servers/fake_sites.py", "trustme"): "slow to import, for clients only",
    ("contract/report/templates.py", "jinja2"): (
        "Jinja is slow to import, and needed at the end of a run"
    ),
    ("contract/engine/runner.py", "contract.engine.generation"): "it needs the runner",
}
"""Imports in functions, each with its reason: (file, module)."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file of the package. `path` is relative to the checkout."""

    path: str
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def name(self) -> str:
        """The dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def lines(self) -> list[str]:
        """All lines."""
        return self.text.splitlines()

    @property
    def part(self) -> str:
        """The folder or module below the package: `spec`, empty for the package."""
        return self.name.partition(".")[2].partition(".")[0]

    @property
    def exports(self) -> list[str]:
        """The names in `__all__`."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == (
                "__all__"
            ):
                return [
                    item.value
                    for item in ast.walk(node.value)
                    if isinstance(item, ast.Constant) and isinstance(item.value, str)
                ]
        return []


def read_modules(folder: str) -> list[Module]:
    """Return every Python file under a folder of the checkout."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in paths
    ]


def package_modules() -> tuple[Module, ...]:
    """Return every module of the package. Programs of drivers are none."""
    modules = read_modules("contract")
    return tuple(module for module in modules if not PROGRAM.match(module.path))


def modules_of_tests() -> tuple[Module, ...]:
    """Return every module of the tests."""
    return tuple(read_modules("tests"))


# -- imports ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """An import of a module. `is_lazy` means: in a function, or by its name as text."""

    path: str
    line: int
    target: str
    is_lazy: bool


def imports_of(module: Module, names: set[str]) -> Iterator[Import]:
    """Yield all imports of a module, those of other packages too."""
    functions = [n for n in ast.walk(module.tree) if isinstance(n, Function)]
    in_functions = {id(n) for function in functions for n in ast.walk(function)}
    for node in ast.walk(module.tree):
        targets: set[str] = set()
        is_lazy = id(node) in in_functions
        if isinstance(node, ast.Import):
            targets = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            members = {f"{source}.{alias.name}" for alias in node.names}
            targets = (members & names) | ({source} if members - names else set())
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            target = node.value.partition(":")[0]
            targets = {target} & names - {"contract"}
            is_lazy = True
        for target in sorted(targets):
            yield Import(module.path, getattr(node, "lineno", 0), target, is_lazy)


def own_imports(package: Sequence[Module]) -> tuple[Import, ...]:
    """Return every import of one module of the package by another."""
    names = {module.name for module in package}
    return tuple(
        item
        for module in package
        for item in imports_of(module, names)
        if item.target.split(".")[0] == "contract" and item.target != module.name
    )


def upward_imports(package: Sequence[Module]) -> list[str]:
    """A layer imports from those above it only."""
    rows = {part: row for row, parts in enumerate(LAYERS) for part in parts}
    rows[""] = len(LAYERS)
    by_path = {module.path: module for module in package}
    offenders = [
        f"{m.path}: in no layer" for m in by_path.values() if m.part not in rows
    ]
    for item in own_imports(package):
        own, other = by_path[item.path].part, item.target.partition(".")[2]
        other = other.partition(".")[0]
        if other and rows.get(other, 0) > rows.get(own, 0):
            offenders.append(f"{item.path}:{item.line}: imports {item.target}")
    return offenders


def import_cycles(package: Sequence[Module]) -> list[str]:
    """No module imports itself by way of others."""
    names = {module.path: module.name for module in package}
    graph: dict[str, set[str]] = {}
    for item in own_imports(package):
        is_allowed = item.is_lazy and (item.path, item.target) in LAZY
        if (
            not is_allowed
            and item.target != "contract"
            and names[item.path] != "contract"
        ):
            graph.setdefault(names[item.path], set()).add(item.target)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return [f"contract: {' -> '.join(reversed(error.args[1]))}"]
    return []


def lazy_imports(package: Sequence[Module]) -> list[str]:
    """Imports stand at the top, but for those that have a reason."""
    names = {module.name for module in package}
    in_functions = {
        (item.path, item.target): item
        for module in package
        for item in imports_of(module, names)
        if item.is_lazy and not is_table(module)
    }
    offenders = [
        f"{item.path}:{item.line}: {item.target} is imported in a function"
        for key, item in in_functions.items()
        if key not in LAZY
    ]
    unused = [key for key in LAZY if key not in in_functions]
    return offenders + [f"{path}: {name} is not lazy any more" for path, name in unused]


def is_table(module: Module) -> bool:
    """Return whether a module loads others by a library's own means.

    These are the package itself (PEP 562) and click's lazy groups.
    """
    return module.path in ("contract/__init__.py", "contract/cli/__init__.py")
