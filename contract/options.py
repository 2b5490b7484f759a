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
ALL = f"{CHECKS} merge"
OWN = "check client gate replay"
BOTH = "client service merge"
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
        return self.name not in ("json", "verbose", "shard")


OPTIONS = (
    Option("profile", "|".join(PROFILES), "Number of cases.", CHECKS),
    Option("seed", "N", "Random seed.", CHECKS, int),
    Option("site", "S", "One site.", CHECKS),
    Option("own-site", "S", "A site that the page does not have.", OWN),
    Option("clause", "ID", "One clause.", CHECKS),
    Option("scenario", "NAME", "One scenario.", CHECKS),
    Option("strict", "", "Let a broken 'should' count.", ALL, bool),
    Option("accepted", "FILE", "Accepted breaches.", ALL, Path),
    Option("update-accepted", "", "Add new breaches without a reason.", BOTH, bool),
    Option("prune", "", "With --update-accepted: drop what is not seen.", BOTH, bool),
    Option("report", "DIR", "Write HTML, JSON, JUnit and Markdown.", ALL, Path),
    Option("json", "FILE", "Write JSON. '-' is standard output.", f"{ALL} replay"),
    Option("verbose", "", "Show every breach.", ALL, bool),
    Option("max-wait", "S", "Seconds of time-outs in a scenario.", CHECKS, float),
    Option("shard", "K/N", "Play the Kth of N parts.", "check client service"),
    Option("jobs", "N", "Processes. Default: one a core.", f"{CHECKS} prove", int),
    Option("waiting", "N", "Further drivers that only wait.", CHECKS, int),
    Option("client", "COMMAND", "A client with the driver protocol.", CLIENT),
    Option("python", "MODULE:NAME", "A factory or update(call) in Python.", CLIENT),
    Option("driver", "NAME", "A built-in driver: `contract list drivers`.", CLIENT),
    Option("driver-version", "V", "Its SDK. Default: the pinned version.", CLIENT),
    Option("driver-source", "DIR", "Its SDK, from a checkout.", CLIENT, Path),
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
DEFAULTS = {"profile": "ci", "seed": 1, "max-wait": 60.0, "waiting": 8}
LISTS = ("site", "own-site", "clause", "scenario", "service", "header")
SETTINGS = (
    *("profile", "seed", "strict", "accepted", "report", "max-wait", "jobs"),
    *("waiting", "client", "python", "driver", "driver-version", "driver-source"),
    *("service", "max-rate", "max-lag", "no-collection", "ca-file", "cert", "key"),
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

SHOWN_AS = {"client": "-- COMMAND", "service": "URL"}
"""Options that are arguments of their commands."""

GROUPS = ("client", "python", "driver"), ("service", "live")
"""Options of which one replaces the settings of all in its group, versions too."""


def parameters_of(command: str) -> Iterator[Option]:
    """Yield the options of a command."""
    return (item for item in OPTIONS if command in item.commands.split())


# -- settings --

TABLE = "[tool.contract]"
WORDS = {bool: "true or false", int: "an integer", float: "a number from 0"}


def read_settings(start: Path) -> dict[str, Any]:
    """Return the nearest `[tool.contract]` from a directory up, by names of options.

    Relative paths begin there. Raise ValueError in one line.
    """
    for directory in (start, *start.parents):
        path = directory / "pyproject.toml"
        try:
            data = path.read_bytes() if path.is_file() else b""
            document = tomllib.loads(data.decode()) if b"contract" in data else {}
            tools = document.get("tool")
            if isinstance(tools, dict) and "contract" in tools:
                return values_of(tools["contract"], directory, start)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{path}: {error}") from None
    return {}


def values_of(table: Any, directory: Path, start: Path) -> dict[str, Any]:
    """Return checked values by the names of options. Raise ValueError."""
    if not isinstance(table, dict):
        raise ValueError(f"{TABLE} must be a table")
    values: dict[str, Any] = {}
    for key, value in table.items():
        items = [item for item in OPTIONS if item.setting == key]
        if not items:
            names = ", ".join(dict.fromkeys(i.setting for i in OPTIONS if i.setting))
            raise ValueError(f"{TABLE}: unknown key {key!r} (one of: {names})")
        item, parts = items[0], value if isinstance(value, list) else [value]
        is_plain = parts is not value or item.is_list
        if not (is_plain and parts and all(is_right(part, item) for part in parts)):
            accepted = WORDS.get(item.kind, "a list of texts" if item.is_list else "")
            accepted = accepted or (item.metavar if key == "profile" else "some text")
            raise ValueError(f"{TABLE}: {key} must be {accepted}, is {value!r}")
        for item in items:
            values[item.name] = parts if item.is_list else value
        if item.kind is Path:
            values[key] = directory / value
        if key == "client" and directory != start:
            values[key] = command_in(directory, value)
    return values


def is_right(value: Any, item: Option) -> bool:
    if item.kind is float:
        return type(value) in (float, int) and 0 <= value < math.inf
    if type(value) is not (str if item.kind is Path else item.kind):
        return False
    return (
        value in PROFILES
        if item.name == "profile"
        else value not in ("", " ") and "\0" not in str(value)
    )


def command_in(directory: Path, line: str) -> str:
    words = shlex.split(line)
    for index, word in enumerate(words):
        path = directory / word
        if (index or "/" in word) and path.is_file():
            words[index] = str(path)
    return shlex.join(words)
