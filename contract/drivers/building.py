"""The drivers that come with the suite: what each needs, how it is built, how it is run.

    command = driver_command("python", "2.51.0")

One row of `RECIPES` a driver. What is built lies in a cache, under name, SDK version and a hash of all that
goes into it, so a second call finds it there. Building happens in a directory beside, which is renamed when it
is done: an interrupted build leaves nothing that looks whole. Of two at once the second waits for the first.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.errors import SubjectError, UsageError

__all__ = ["RECIPES", "Recipe", "build", "driver_command", "pinned_version"]

_PYTHON = os.path.realpath(
    sys.executable
)  # not that of a virtual environment, which the cache may outlive
_SOURCES = Path(__file__).parent
_NPM_QUIETLY = (
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
)


@dataclass(frozen=True)
class Recipe:
    """How a driver comes to be.

    `tools` are programs that have to be on the PATH; `files`, of `contract/drivers/NAME/`, are copied into the
    directory in which the commands of `build` run, in turn. `run` is the command that starts the driver;
    `{dir}` in it is that directory, after it has been moved to its final place: nothing built may hold its own path.
    `pin` matches once in the first of the files, its manifest, and its group 1 is the version of the
    SDK: it is what another version replaces. Without files there is nothing to build and no version to choose.
    """

    run: tuple[str, ...]
    tools: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pin: str = ""
    build: tuple[tuple[str, ...], ...] = ()


RECIPES: Mapping[str, Recipe] = {
    "minimal": Recipe(run=(sys.executable, "-m", "contract.drivers.minimal")),
    "curl": Recipe(
        run=(sys.executable, "-m", "contract.drivers.curl.driver"), tools=("curl",)
    ),
    "python": Recipe(
        files=("requirements.txt", "driver.py", "outside/sitecustomize.py"),
        pin=r"datadog-api-client==(\S+)",
        build=(
            (_PYTHON, "-m", "venv", "venv"),
            (
                "venv/bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
                "requirements.txt",
            ),
        ),
        run=("{dir}/venv/bin/python", "{dir}/driver.py"),
    ),
    "typescript": Recipe(
        tools=("node", "npm"),
        files=("package.json", "driver.js", "outside.js"),
        pin=r'"@datadog/datadog-api-client": "([^"]+)"',
        build=(("npm", "install", *_NPM_QUIETLY),),
        run=("node", "{dir}/driver.js"),
    ),
    "go": Recipe(
        tools=("go",),
        files=("go.mod", "go.sum", "main.go"),
        pin=r"datadog-api-client-go/v2 v(\S+)",
        build=(
            (
                "go",
                "build",
                "-mod=mod",
                "-trimpath",
                "-buildvcs=false",
                "-o",
                "driver",
                ".",
            ),
        ),
        run=("{dir}/driver",),
    ),
    "java": Recipe(
        tools=("mvn", "javac", "java"),
        files=("pom.xml", "src/main/java/Driver.java"),
        pin=r"<datadog\.version>([^<]+)<",
        build=(
            (
                "mvn",
                "--batch-mode",
                "--quiet",
                "-Dstyle.color=never",
                "compile",
                "dependency:copy-dependencies",
            ),
        ),
        run=(
            "java",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-classpath",
            "{dir}/target/classes:{dir}/target/dependency/*",
            "Driver",
        ),
    ),
    "rust": Recipe(
        tools=("cargo",),
        files=("Cargo.toml", "Cargo.lock", "src/main.rs"),
        pin=r'datadog-api-client = "=([^"]+)"',
        build=(
            ("cargo", "build", "--quiet", "--target-dir", "target"),
            ("mv", "target/debug/contract-driver", "driver"),
            ("rm", "-rf", "target"),  # a gigabyte
        ),
        run=("{dir}/driver",),
    ),
}
"""Every driver that comes with the suite, by name."""


def driver_command(
    name: str, version: str | None = None, *, cache: Path | None = None
) -> list[str]:
    """Return the command that runs a driver, built first if it is not in the cache yet; raises what `build` raises."""
    directory = build(name, version, cache=cache)
    return [part.replace("{dir}", str(directory)) for part in RECIPES[name].run]


def build(
    name: str, version: str | None = None, *, cache: Path | None = None
) -> Path | None:
    """Return the directory of a driver, built first if it is not in the cache yet; None: nothing has to be built.

    `version` is that of the SDK, in place of the one that the driver's manifest pins. The cache is `cache`, or
    `CONTRACT_CACHE`, or `replay-heatmap-contract/drivers` in `XDG_CACHE_HOME` or `~/.cache`. Raises UsageError on an
    unknown name, on a version where none can be chosen and on a missing tool, SubjectError if building fails.
    """
    recipe = _recipe(name)
    missing = [tool for tool in recipe.tools if shutil.which(tool) is None]
    if missing:
        raise UsageError(
            f"the driver {name} needs what is not on the PATH: {', '.join(missing)}"
        )
    if not recipe.files:
        if version is not None:
            raise UsageError(
                f"the driver {name} runs what is installed, no version can be chosen: {version}"
            )
        return None
    pinned = pinned_version(name)
    if version is not None and not re.fullmatch(r"[0-9][0-9A-Za-z.+-]*", version):
        raise UsageError(
            f"a version of the driver {name} has the form {pinned}, not {version!r}"
        )
    files = _files(name, recipe, version or pinned)
    digest = hashlib.sha256(repr((recipe, files)).encode()).hexdigest()[:16]
    built = (cache or _cache()).absolute() / f"{name}-{version or pinned}-{digest}"
    if not built.is_dir():
        _build(name, recipe, files, built)
    return built


def pinned_version(name: str) -> str:
    """Return the version of the SDK that a driver's manifest pins, "" if it has none; raises UsageError on the name."""
    recipe = _recipe(name)
    return _pin(recipe, _source(name, recipe.files[0]))[1] if recipe.files else ""


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UsageError(f"no driver {name!r}; there are {', '.join(sorted(RECIPES))}")
    return RECIPES[name]


def _source(name: str, file: str) -> str:
    return (_SOURCES / name / file).read_text(encoding="utf-8")


def _pin(recipe: Recipe, manifest: str) -> re.Match[str]:
    found = re.search(recipe.pin, manifest)
    if found is None:
        raise SubjectError(f"{recipe.files[0]} pins no version: it has no {recipe.pin}")
    return found


def _files(name: str, recipe: Recipe, version: str) -> dict[str, str]:
    """Return the texts of a driver's files, with this version of the SDK in the manifest."""
    manifest, *others = recipe.files
    text = _source(name, manifest)
    begin, end = _pin(recipe, text).span(1)
    return {manifest: text[:begin] + version + text[end:]} | {
        file: _source(name, file) for file in others
    }


def _cache() -> Path:
    chosen = os.environ.get("CONTRACT_CACHE")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "replay-heatmap-contract" / "drivers"


def _build(name: str, recipe: Recipe, files: Mapping[str, str], built: Path) -> None:
    built.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(built.parent / f".{name}.lock", "wb") as lock,
        tempfile.TemporaryDirectory(prefix=f".{name}-", dir=built.parent) as beside,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it however this ends
        if built.is_dir():
            return
        directory = Path(beside) / name
        for file, text in files.items():
            path = directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for command in recipe.build:
            _make(name, command, directory)
        directory.rename(built)


def _make(name: str, command: tuple[str, ...], directory: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - a command of the table
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if ran.returncode:
        said = [
            line.strip()
            for line in ran.stdout.decode(errors="replace").splitlines()
            if line.strip()
        ]
        raise SubjectError(
            f"the driver {name} cannot be built: {command[0]}: {' | '.join(said[-3:])}"
        )
