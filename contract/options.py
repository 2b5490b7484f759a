"""The options: one list, from which every place that takes them is made.

The command line, pytest and `[tool.contract]` in `pyproject.toml` take theirs from it.
Tests hold the arguments of Python and the table of the README against it. pytest must
not import the package, so that this file is also installed beside it.
"""

import math
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PROFILES = ("quick", "ci", "nightly")
CHECKS = "check client service gate"
OWN = "check client gate replay"
BOTH = "client service"
CLIENT = "client replay"
SWEEP = "service sweep"


class Option(NamedTuple):
    """An option, and the commands that take it. One without `metavar` is a flag."""

    name: str
    metavar: str
    text: str
    commands: str = "service"
    kind: type = str

    @property
    def parameter(self) -> str:
        """The name of its value, in Python too if that has the option."""
        return ARGUMENTS.get(self.name) or self.name.replace("-", "_")

    @property
    def setting(self) -> str:
        """The key in `[tool.contract]`, or an empty text."""
        return self.name if self.name in SETTINGS else PLURALS.get(self.name, "")

    @property
    def is_list(self) -> bool:
        return self.name in LISTS

    @property
    def in_pytest(self) -> bool:
        return self.name not in ("json", "verbose")


OPTIONS = (
    Option("profile", "|".join(PROFILES), "Number of cases.", CHECKS),
    Option("seed", "N", "Random seed.", CHECKS, int),
    Option("site", "S", "One site.", CHECKS),
    Option("own-site", "S", "A site that the page does not have.", OWN),
    Option("clause", "ID", "One clause.", CHECKS),
    Option("scenario", "NAME", "One scenario.", CHECKS),
    Option("strict", "", "Let a broken 'should' count.", CHECKS, bool),
    Option("accepted", "FILE", "Accepted breaches.", CHECKS, Path),
    Option("update-accepted", "", "Add new breaches without a reason.", BOTH, bool),
    Option("prune", "", "Drop entries that are no longer seen.", BOTH, bool),
    Option("report", "DIR", "Write HTML, JSON, JUnit and Markdown.", CHECKS, Path),
    Option("json", "FILE", "Write JSON. '-' is standard output.", f"{CHECKS} replay"),
    Option("verbose", "", "Show every breach.", CHECKS, bool),
    Option("max-wait", "S", "Seconds of time-outs in a scenario.", CHECKS, float),
    Option("client", "COMMAND", "A client with the driver protocol.", CLIENT),
    Option("python", "MODULE:NAME", "A factory or update(call) in Python.", CLIENT),
    Option("driver", "NAME", "A built-in driver: `contract list drivers`.", CLIENT),
    Option("driver-version", "V", "Its SDK. Default: the pinned version.", CLIENT),
    Option("recordings", "DIR", "Play recorded responses.", "client", Path),
    Option("service", "URL", "A service. Several are sites of one."),
    Option("live", "SITE", "A live site, see CONTRACT_SANDBOX_ORG_ID."),
    Option("max-requests", "N", "Largest number of remote requests.", kind=int),
    Option(
        "max-minutes", "N", "Minutes of a remote run, without clean-up.", kind=float
    ),
    Option("max-clean-up", "S", "Seconds of the clean-up. Default: 120.", kind=float),
    Option("max-pause", "S", "Longest wait for a limit. Default: 300.", SWEEP, float),
    Option(
        "max-unconfirmed", "S", "Wait for a lost create. Default: 60.", SWEEP, float
    ),
    Option("max-rate", "N", "Most requests a second.", SWEEP, float),
    Option("max-lag", "S", "Longest lag of a list. Default: 3, remote 5.", kind=float),
    Option("disposable", "", "Treat it as on loopback: it may be lost.", kind=bool),
    Option("no-collection", "", "Change no collection on loopback either.", kind=bool),
    Option("snapshot-id", "ID", "Snapshot to update, for want of create and list."),
    Option("snapshot-view", "NAME", "Its view, to write back what the list shows."),
    Option("header", "'NAME: VALUE'", "Header. VALUE may be @FILE or $NAME.", SWEEP),
    Option("ca-file", "FILE", "PEM file of the trusted authority.", SWEEP, Path),
    Option("cert", "FILE", "PEM file of the client certificate.", SWEEP, Path),
    Option("key", "FILE", "PEM file of its key, if apart.", SWEEP, Path),
)
DEFAULTS = {"profile": "ci", "seed": 1, "max-wait": 60.0}
LISTS = ("site", "own-site", "clause", "scenario", "service", "header")
SETTINGS = (
    *("profile", "seed", "strict", "accepted", "report", "max-wait", "client"),
    *("python", "driver", "driver-version", "service", "max-rate", "max-lag"),
    *("no-collection", "ca-file", "cert", "key"),
)
PLURALS = {"site": "sites", "own-site": "sites"}
"""Settings with another name."""

ARGUMENTS = {
    **PLURALS,
    "own-site": "own_sites",
    "clause": "clauses",
    "scenario": "scenarios",
    "service": "urls",
    "header": "headers",
    "max-wait": "max_wait_s",
    "max-clean-up": "clean_up_s",
    "max-pause": "longest_pause_s",
    "max-unconfirmed": "unconfirmed_s",
    "max-lag": "max_lag_s",
}
"""Arguments of Python with another name."""

WITHOUT_ARGUMENT = ("json", "verbose", "python", "live", "no-collection")
SHOWN_AS = {"client": "-- COMMAND", "service": "URL"}
"""Options that are arguments of their commands."""

GROUPS = ("client", "python", "driver"), ("service", "live")
"""Options of which one replaces the settings of all in its group, versions too."""


def parameters_of(command: str) -> Iterator[Option]:
    """Yield the options of a command."""
    return (item for item in OPTIONS if command in item.commands.split())


# -- settings --

TABLE = "[tool.contract]"
KINDS = {
    str: "a text",
    Path: "a text",
    bool: "true or false",
    int: "an integer",
    float: "a number from 0",
}


def read_settings(start: Path) -> dict[str, Any]:
    """Return the values of the nearest `[tool.contract]`, by the names of options.

    It is in a `pyproject.toml` in a directory or above it. Relative paths begin there.
    Raise ValueError, in one line, if the table cannot be used.
    """
    for directory in (start, *start.parents):
        path = directory / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            data = path.read_bytes()
            document = tomllib.loads(data.decode()) if b"contract" in data else {}
        except OSError as error:
            raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: is no TOML: {error}") from None
        tools = document.get("tool")
        if isinstance(tools, dict) and "contract" in tools:
            return values_of(f"{path} {TABLE}", tools["contract"], directory, start)
    return {}


def values_of(where: str, table: Any, directory: Path, start: Path) -> dict[str, Any]:
    """Return checked values by the names of options. Raise ValueError."""
    if not isinstance(table, dict):
        raise ValueError(f"{where}: must be a table")
    values: dict[str, Any] = {}
    for key, value in table.items():
        items = [item for item in OPTIONS if item.setting == key]
        if not items:
            names = ", ".join(dict.fromkeys(i.setting for i in OPTIONS if i.setting))
            raise ValueError(f"{where}: unknown key {key!r} (one of: {names})")
        accepted = problem(items[0], value)
        if not accepted and key == "client":
            try:
                value = command_in(directory, start, value)
            except ValueError:
                accepted = "a command line"
        if accepted:
            raise ValueError(f"{where}: {key} must be {accepted}, is {value!r}")
        if items[0].is_list and isinstance(value, str):
            value = [value]
        value = directory / value if items[0].kind is Path else value
        values |= {item.name: value for item in items}
    return values


def problem(item: Option, value: Any) -> str:
    """Return what a setting must be, or an empty text if it is that."""
    kind = str if item.kind is Path else item.kind
    if item.is_list:
        texts = [value] if isinstance(value, str) else value
        is_list = isinstance(texts, list) and texts
        is_right = is_list and all(isinstance(t, str) and t.strip() for t in texts)
        return "" if is_right else "a list of texts"
    is_right = type(value) is kind or (kind is float and type(value) is int)
    if kind is float and is_right:
        is_right = 0 <= value < math.inf
    if item.name == "profile" and is_right and value.strip():
        return "" if value in PROFILES else item.metavar
    return "" if is_right and (kind is not str or value.strip()) else KINDS[kind]


def command_in(directory: Path, start: Path, line: str) -> str:
    """Return a command line that finds the files of a directory from another one."""
    words = shlex.split(line)
    for index, word in enumerate(words):
        path = directory / word
        if directory != start and (index or "/" in word) and path.is_file():
            words[index] = str(path)
    return shlex.join(words)
