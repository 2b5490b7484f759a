"""Subjects as the command line and pytest name them, and the words that repeat that.

The value of a header may be elsewhere, so that no list of processes shows it.
"""

import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from contract.api import Client, ServiceOptions
from contract.drivers.building import checkout_of, driver_command
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.live import LiveOptions
from contract.model import Headers
from contract.options import parameters_of
from contract.redaction import secrets_of_headers

ACCEPTED = "'NAME: VALUE', NAME:@FILE or NAME:$VARIABLE"


class HeaderOption(NamedTuple):
    """A header of every request. `source` is where its value is, else empty."""

    name: str
    value: str
    source: str

    @property
    def word(self) -> str:
        """The option, for a command line that all may see."""
        return f"--header '{self.name}:{self.source or ' …'}'"


def read_header(line: str) -> HeaderOption:
    """Read an option. Raise UsageError, whose message has no value."""
    name, colon, value = line.partition(":")
    value, source = value.strip(), ""
    if value[:1] == "@" or re.fullmatch(r"\$\w+", value):
        source = value
        value = value_of(f"--header {name}:{source}", source)
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(f"--header: must be {ACCEPTED}, is {name!r} and what follows")
    return HeaderOption(name, value, source)


def value_of(option: str, source: str) -> str:
    try:
        if source[0] == "$":
            value = os.environ[source[1:]].strip()
        else:
            value = Path(source[1:]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{option}: cannot be read: {error.strerror}") from None
    except KeyError:
        raise UsageError(f"{option}: the variable is not set") from None
    except UnicodeDecodeError:
        value = ""
    if not value or not value.isprintable():
        raise UsageError(f"{option}: must hold one line of text")
    return value


def secrets_of(options: Sequence[HeaderOption]) -> dict[str, str]:
    """Return the secrets by their names. A value from elsewhere is one."""
    fields: Headers = tuple(option[:2] for option in options)
    own = {f"header {name}": value for name, value, source in options if source}
    return own | secrets_of_headers(fields)


CONNECTION = ("snapshot-id", "header", "ca-file", "cert", "key")
BOUNDS = ("requests", "minutes", "clean-up", "pause", "unconfirmed")


def check_service_options(
    urls: Sequence[str], live: str | None, names: Collection[str]
) -> None:
    """Raise UsageError for options that do not go together, by their parameters."""
    chosen = [o.name for o in parameters_of("service") if o.parameter in names]
    if "snapshot-view" in chosen and "snapshot-id" not in chosen:
        raise UsageError("--snapshot-view: needs --snapshot-id")
    if live and (urls or {"snapshot-id", "header"} & {*chosen}):
        raise UsageError("--live SITE: goes without URL, --snapshot-id and --header")
    bounds = [f"--{name}" for name in chosen if name.removeprefix("max-") in BOUNDS]
    if bounds and not (live or urls):
        raise UsageError(f"{', '.join(bounds)}: need --live SITE or a URL")
    if not (live or urls) and {*CONNECTION} & {*chosen}:
        raise UsageError(f"--{', --'.join(CONNECTION)}: need a URL")


def is_missing(value: Any) -> bool:
    """Return whether an option was not given. 0 is a value."""
    return value is None or value is False or value in ((), [])


def service_options(
    values: Mapping[str, Any], fields: Sequence[HeaderOption], *, is_live: bool = False
) -> dict[str, Any]:
    """Return the arguments of `check_service`, or those of a live run."""
    kind = LiveOptions if is_live else ServiceOptions
    own = {k: v for k, v in values.items() if k in kind.__annotations__}
    if not is_live:
        own["collection"] = not values.get("no_collection")
        own["headers"] = tuple(field[:2] for field in fields)
        own["secrets"] = secrets_of(fields)
    return own


def without_login(url: str) -> str:
    """Return a URL without user information and query."""
    return re.sub("//[^/?#]*@", "//", url).partition("?")[0]


def service_arguments(
    urls: Sequence[str], values: Mapping[str, Any], fields: Sequence[HeaderOption]
) -> str:
    """Return the words that name a service on a command line, without secrets."""
    words = [
        f" --{item.name}" + ("" if value is True else f" {shlex.quote(str(value))}")
        for item in parameters_of("service")
        if (value := values.get(item.parameter)) is not None
    ]
    words += [f" {header.word}" for header in fields]
    prefix = "" if words else "--service "
    return "".join([*(f" {prefix}{url}" for url in urls), *words])


class Chosen(NamedTuple):
    """A client, and the words that name it on a command line.

    None is the minimal client. `mark` is added to the version.
    """

    client: Client
    arguments: str
    mark: str = ""

    def name(self, verdict: Verdict) -> Verdict:
        version = f"{verdict.version}{self.mark}"
        sites = "".join(f" --own-site {site}" for site in verdict.own_sites)
        return replace(verdict, version=version, arguments=f"{sites}{self.arguments}")


def chosen_client(
    python: str | None = None,
    driver: str | None = None,
    driver_version: str | None = None,
    driver_source: Path | None = None,
    command: Sequence[str] = (),
) -> Chosen:
    """Return the client that options name. Raise UsageError, SubjectError."""
    if sum(map(bool, (python, driver, command))) > 1:
        raise UsageError("one client at a time: give --python, --driver or -- COMMAND")
    check_driver(driver, driver_version, driver_source)
    if driver:
        words = f" --driver {driver}"
        words += f" --driver-version {driver_version}" if driver_version else ""
        words += f" --driver-source {place_of(driver_source)}" if driver_source else ""
        checkout = checkout_of(driver, driver_source) if driver_source else None
        line = driver_command(driver, driver_version, checkout)
        return Chosen(line, words, checkout.mark if checkout else "")
    if python:
        return Chosen(python, f" --python {shlex.quote(python)}")
    words = f" -- {shlex.join(command)}" if command else ""
    return Chosen(list(command) or None, words)


def check_driver(driver: str | None, version: str | None, source: Path | None) -> None:
    """Raise UsageError for options about an SDK that do not go together."""
    for what, value in ("version", version), ("source", source):
        if value and not driver:
            raise UsageError(f"--driver-{what}: needs --driver NAME")
    if version and source:
        raise UsageError("one SDK: give --driver-version or --driver-source")


def place_of(directory: Path) -> str:
    """Return a directory as a word: its path below this one, or DIR."""
    place, here = directory.absolute(), Path.cwd()
    inside = place.is_relative_to(here) and ".." not in place.parts
    return shlex.quote(str(place.relative_to(here))) if inside else "DIR"
