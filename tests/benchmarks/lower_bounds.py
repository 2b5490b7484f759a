"""Whether the lowest versions that pyproject.toml allows are enough: an environment of just these, and the suite in it.

    python tests/benchmarks/lower_bounds.py [PYTHON]

It asks the package registry, so it is no part of the tests; run it when a range changes. Every range of the
project and of its extra `test` is taken at its lower bound (what these need themselves is the newest that fits).
Exit status 0: pip can install them together, the minimal client holds, and the tests pass. PYTHON is the
interpreter to use, else the one that runs this.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
TESTS = ("client", "cases", "mock", "spec", "sandbox", "impostor", "package")


def lower_bounds() -> list[str]:
    """Return `name==version` for the lower bound of every range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    ranges = map(
        Requirement,
        [*project["dependencies"], *project["optional-dependencies"]["test"]],
    )
    return [
        f"{each.name}=={bound.version}"
        for each in ranges
        for bound in each.specifier
        if bound.operator == ">="
    ]


def main(python: str) -> None:
    """Install, run, and let the first failure end it."""
    with tempfile.TemporaryDirectory() as directory:

        def step(*command: str | Path) -> None:
            print("$", *command, flush=True)
            if status := subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603 - commands of this file
                sys.exit(status)

        binaries = Path(directory) / "bin"
        step(python, "-m", "venv", directory)
        step(binaries / "python", "-m", "pip", "install", "--quiet", *lower_bounds())
        step(binaries / "python", "-m", "contract", "client", "--profile", "quick")
        tests = [f"tests/unit/test_{each}.py" for each in TESTS]
        step(
            binaries / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests
        )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
