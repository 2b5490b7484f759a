"""The drivers of `recipes.toml`, and how they are built and run.

The SDK comes from a registry or from a checkout. A cache has what is built, under name,
SDK version and a digest of all that goes into it. A build runs in a temporary
directory, which is renamed at the end, so that an interrupted one leaves nothing that
looks complete.
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contract.drivers.checkouts import Checkout, read_checkout
from contract.errors import MissingError, SpecError, SubjectError, UsageError
from contract.spec.text import read_bytes, text_of

SOURCES = Path(__file__).parent

ADD_OPENS = (
    "--add-opens java.base/java.net=ALL-UNNAMED"
    " --add-opens java.base/sun.net.www.protocol.https=ALL-UNNAMED"
)
"""Java 16 and later send no PATCH without these by the SDK's default connector."""


@dataclass(frozen=True)
class FromSource:
    """Steps from a checkout of the SDK to a running driver.

    The checkout has the `operation` in this file. The output of the command `version`
    names the compiler. The commands of `build` find a copy in `../sdk`. `dependency`
    takes the place of the pin in the manifest.
    """

    operation: str
    version: str
    build: tuple[str, ...]
    dependency: str = ""


@dataclass(frozen=True)
class Recipe:
    """Steps from a driver's sources to a running program.

    `tools` must be on the PATH. `files`, from `drivers/NAME/`, are copied into a
    directory, in which the commands of `build` run. `run` starts the driver. `{dir}` in
    it is that directory after it was moved, so that no file may hold its own path.
    `pin` matches the version of the SDK in the first file, the manifest.
    """

    run: str
    tools: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pin: str = ""
    build: tuple[str, ...] = ()
    source: FromSource | None = None

    @property
    def missing(self) -> list[str]:
        """The tools that are not on the PATH."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


PLACES = {
    "{interpreter}": shlex.quote(sys.executable),
    # Not that of a virtual environment, which the cache may outlive.
    "{python}": shlex.quote(os.path.realpath(sys.executable)),
    "{add_opens}": ADD_OPENS,
}


def fields_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of recipes.toml as fields, with the places of this machine."""

    def filled(text: str) -> str:
        for name, place in PLACES.items():
            text = text.replace(name, place)
        return text

    return {
        name: filled(value) if isinstance(value, str) else tuple(map(filled, value))
        for name, value in row.items()
        if not isinstance(value, dict)
    }


def recipe_in(row: dict[str, Any]) -> Recipe:
    """Return the recipe of a row of recipes.toml."""
    source = FromSource(**fields_of(row["source"])) if "source" in row else None
    return Recipe(**fields_of(row), source=source)


ROWS = tomllib.loads((SOURCES / "recipes.toml").read_text("utf-8"))
DRIVERS = {name: recipe_in(row) for name, row in ROWS.items()}
JAVA = DRIVERS["java"]
DRIVERS["java-apache"] = replace(JAVA, run=f"{JAVA.run} apache")


def driver_command(
    name: str, version: str | None = None, checkout: Checkout | None = None
) -> list[str]:
    """Return the command that runs a driver, built if need be. Raises as `build`."""
    directory = build(name, version, checkout)
    return words_of(DRIVERS[name].run, directory)


def build(
    name: str, version: str | None = None, checkout: Checkout | None = None
) -> Path | None:
    """Return the directory of a driver, or None if there is nothing to build.

    `version` is that of the SDK in a registry, by default the manifest's. A checkout
    takes its place. The cache is CONTRACT_CACHE, or `replay-heatmap-contract/drivers`
    in XDG_CACHE_HOME or `~/.cache`. Raises UsageError for an unknown driver or version
    or a missing tool, SubjectError if building fails.
    """
    recipe = recipe_of(name)
    if not recipe.files:
        if version is None:
            return None
        problem = f"runs what is installed, no version can be chosen: {version}"
        raise UsageError(f"the driver {name} {problem}")
    pin = pin_of(name)
    version = pin[1] if version is None else version
    if not re.fullmatch("[0-9][0-9A-Za-z.+-]*", version):
        problem = f"has the form {pin[1]}, not {version!r}"
        raise UsageError(f"a version of the driver {name} {problem}")
    (start, end), commands, state = pin.span(1), recipe.build, ""
    if checkout and recipe.source:
        (start, end), commands = pin.span(), recipe.source.build
        version = recipe.source.dependency
        _, compiler = run_command(shlex.split(recipe.source.version), Path.cwd())
        state = checkout.digest + compiler
    files = {file: source_of(name, file) for file in recipe.files}
    files[recipe.files[0]] = pin.string[:start] + version + pin.string[end:]
    digest = hashlib.sha256(repr((recipe, files, state)).encode()).hexdigest()[:16]
    label = "source" if checkout else version
    directory = default_cache().absolute() / f"{name}-{label}-{digest}"
    build_in(directory, name, files, commands, checkout)
    return directory


def checkout_of(name: str, directory: Path) -> Checkout:
    """Return the checkout of a driver's SDK.

    Raise UsageError if it is none, SubjectError if its SDK lacks the operation.
    """
    source = recipe_of(name).source
    if source is None:
        raise UsageError(f"the driver {name} is not built from source")
    if not directory.is_dir():
        raise UsageError(f"--driver-source {directory}: is no directory")
    home = os.path.dirname(source.operation)
    if not (directory / home).is_dir():
        problem = f"is no source of the {name} SDK: it has no directory {home}"
        raise UsageError(f"{directory}: {problem}")
    if not (directory / source.operation).is_file():
        problem = f"its SDK does not have the operation: no {source.operation}"
        raise SubjectError(f"{directory}: {problem}")
    return read_checkout(directory)


def recipe_of(name: str) -> Recipe:
    """Return the recipe of a driver. Raise UsageError, MissingError without a tool."""
    if name not in DRIVERS:
        raise UsageError(f"no driver {name!r}; there are {', '.join(sorted(DRIVERS))}")
    recipe = DRIVERS[name]
    if recipe.missing:
        tools = ", ".join(recipe.missing)
        raise MissingError(f"the driver {name} needs what is not on the PATH: {tools}")
    return recipe


def pinned_version(name: str) -> str:
    """Return the SDK version of a driver's manifest, or an empty string."""
    return pin_of(name)[1] if DRIVERS[name].files else ""


def pin_of(name: str) -> re.Match[str]:
    manifest, pin = DRIVERS[name].files[0], DRIVERS[name].pin
    match = re.search(pin, source_of(name, manifest))
    if match is None:
        raise SubjectError(f"{manifest} pins no version: it has no {pin}")
    return match


def source_of(name: str, file: str) -> str:
    """Return a source file of a driver. Raises SubjectError if it cannot be read.

    A variant such as `java-apache` has those of `java`.
    """
    path = SOURCES / name.partition("-")[0] / file
    try:
        return text_of(str(path), read_bytes(path))
    except (OSError, SpecError) as error:
        reason = getattr(error, "strerror", "not UTF-8")
        raise SubjectError(f"{path}: cannot be read: {reason}") from None


def default_cache() -> Path:
    if directory := os.environ.get("CONTRACT_CACHE"):
        return Path(directory)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "replay-heatmap-contract" / "drivers"


def build_in(
    directory: Path,
    name: str,
    files: Mapping[str, str],
    commands: Iterable[str],
    checkout: Checkout | None,
) -> None:
    if directory.is_dir():
        return
    cache = directory.parent
    cache.mkdir(parents=True, exist_ok=True)
    with (
        open(cache / f".{name}.lock", "wb") as lock,
        tempfile.TemporaryDirectory(prefix=f".{name}-", dir=cache) as temporary,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel releases it at the end
        if directory.is_dir():
            return
        working = Path(temporary) / "driver"
        for file, text in files.items():
            path = working / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if checkout:
            checkout.copy_to(working.parent / "sdk")
        for command in map(shlex.split, commands):
            status, output = run_command(command, working)
            if status:
                tools = [word for word in command if word in DRIVERS[name].tools]
                problem = f"{[*tools, command[0]][0]}: {last_lines(output, 3)}"
                raise SubjectError(f"the driver {name} cannot be built: {problem}")
        working.rename(directory)


def words_of(command: str, directory: Path | None) -> list[str]:
    """Return the words of a command with its directory."""
    return [word.replace("{dir}", str(directory)) for word in shlex.split(command)]


def split_command(option: str, line: str) -> list[str]:
    """Return the words of the command line in an option. Raise UsageError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{option} {line!r}: {error}") from None
    if not words:
        raise UsageError(f"{option}: must be a command line, is empty")
    return words


def run_command(
    command: list[str],
    directory: Path,
    environment: Mapping[str, str] | None = None,
    limit_s: float | None = None,
) -> tuple[int, str]:
    """Run a command. Return its exit status and output.

    It is killed with its children at the limit.
    """
    with subprocess.Popen(  # noqa: S603 - a command of a table
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        late = ""
        try:
            output, _ = process.communicate(timeout=limit_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):  # Ctrl-C
                raise
            output, _ = process.communicate()
            late = f"\nno end within {limit_s:g} s"
    return process.returncode, output.decode(errors="replace") + late


def last_lines(output: str, count: int = 1) -> str:
    """Return the last lines that are not blank as one."""
    lines = filter(None, map(str.strip, output.splitlines()))
    return " | ".join([*lines][-count:])
