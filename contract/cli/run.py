"""`contract check`, `client`, `service`, `gate` and `replay`: the commands that judge."""

import datetime
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from contract.api import (
    check_all,
    check_client,
    check_example,
    check_service,
    client_under_test,
)
from contract.cases.client import Scenario, client_scenarios
from contract.cases.parameters import keys
from contract.cases.placeholders import KEYS
from contract.clauses import CLIENT
from contract.cli.base import KEPT, Options, part, run_options
from contract.drivers.building import RECIPES, driver_command
from contract.drivers.examples import LANGUAGES
from contract.engine.baseline import write_accepted
from contract.engine.comparison import gate
from contract.engine.runner import PROFILES
from contract.engine.selection import (
    chosen_clauses,
    chosen_scenarios,
    chosen_sites,
    secrets,
)
from contract.errors import UsageError
from contract.model import Case
from contract.recordings import recorded_scenarios
from contract.report import show_gate
from contract.spec import Spec, load
from contract.subjects.in_process import ClientSubject

__all__ = ["check", "client", "gate_", "replay", "service", "subject_options"]

_SUBJECT_OPTIONS = (
    click.option(
        "--python",
        metavar="MODULE:FACTORY",
        help="A client of this process: FACTORY() has update(case).",
    ),
    click.option(
        "--driver",
        metavar="NAME",
        help=f"A client with a driver of ours: {', '.join(sorted(RECIPES))}.",
    ),
    click.option(
        "--driver-version",
        metavar="V",
        help="Another version of the driver's SDK than the pinned one.",
    ),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


def subject_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that name a client, as `client` (what `client_under_test` takes) and `arguments`."""

    @wraps(command)
    def called(
        python: str | None, driver: str | None, driver_version: str | None, **given: Any
    ) -> int:
        words: tuple[str, ...] = given.pop("command")
        if sum(map(bool, (python, driver, words))) > 1:
            raise UsageError(
                "one client at a time: give --python, --driver or -- COMMAND"
            )
        if driver_version and not driver:
            raise UsageError("--driver-version: needs --driver NAME")
        if driver:
            version = f" --driver-version {driver_version}" if driver_version else ""
            return command(
                client=driver_command(driver, driver_version),
                arguments=f" --driver {driver}{version}",
                **given,
            )
        if python:
            return command(
                client=python, arguments=f" --python {shlex.quote(python)}", **given
            )
        return command(
            client=list(words) or None,
            arguments=f" -- {shlex.join(words)}" if words else "",
            **given,
        )

    for option in reversed(_SUBJECT_OPTIONS):
        called = option(called)
    return called


@click.command()
@run_options
def check(options: Options) -> int:
    """Judge the minimal client on eight mocked sites and the embedded sandbox: the main job."""
    known = options.known
    with options.progress() as watch:
        verdict = check_all(sites=options.sites, watch=watch, **options.rules)
    return options.finish(verdict, watch, known=known)


@click.command()
@subject_options
@run_options
@click.option(
    "--update-accepted",
    is_flag=True,
    help="Write what was found to the file of --accepted.",
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Play recorded answers.",
)
@click.option(
    "--example",
    metavar="LANGUAGE",
    help=f"The page's own program: {', '.join(LANGUAGES)}; needs --page.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The documentation page, as Markdown.",
)
def client(
    options: Options,
    client: Any,
    arguments: str,
    update_accepted: bool,
    recordings: Path | None,
    example: str | None,
    page: Path | None,
) -> int:
    """Judge a client by every clause for clients.

    Without a COMMAND it is the minimal client on eight mocked sites; a COMMAND that speaks the driver protocol, a
    driver of ours and a Python object meet the sites over real TLS.
    """
    if update_accepted and options.accepted is None:
        raise UsageError("--update-accepted: needs --accepted FILE")
    known = () if update_accepted else options.known
    rules = options.rules | {"sites": options.sites}
    if recordings:
        recorded = recorded_scenarios(recordings)
        rules["scenarios"] = chosen_scenarios(options.scenarios, recorded)
    with options.progress() as watch:
        if example or page:
            if not (example and page) or client:
                raise UsageError(
                    "--example LANGUAGE and --page FILE: give both, and no other client"
                )
            verdict = check_example(
                _text(page), example, sites=options.sites, clauses=options.clauses
            )
            arguments = f" --example {example} --page {shlex.quote(str(page))}"
        else:
            verdict = check_client(client, watch=watch, **rules)
    if update_accepted and options.accepted:
        write_accepted(options.accepted, verdict, datetime.date.today())
        known = options.known
    return options.finish(verdict, watch, arguments, known)


def _text(page: Path) -> str:
    try:
        return page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--page {page}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--page {page}: is not UTF-8") from None


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options
@click.option(
    "--live",
    metavar="SITE",
    help="A live site, in the sandbox organization CONTRACT_SANDBOX_ORG_ID.",
)
@click.option(
    "--max-requests", type=int, metavar="N", help="Of a live run: requests at most."
)
@click.option(
    "--max-minutes", type=float, metavar="N", help="Of a live run: minutes at most."
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Of a live run: where exchanges go.",
)
@click.option(
    "--snapshot-id",
    metavar="ID",
    help="Of a service without create and list: the one to update.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Sent with every request; repeatable.",
)
@click.option(
    "--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted."
)
def service(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    max_requests: int | None,
    max_minutes: float | None,
    recordings: Path | None,
    snapshot_id: str | None,
    headers: tuple[str, ...],
    ca_file: str | None,
) -> int:
    """Judge a service by every clause for services: at URL, on a live SITE, else the embedded sandbox.

    Several URLs are several sites, which have to behave alike. Keys are those of DD_API_KEY and DD_APP_KEY, those of
    a second organization CONTRACT_OTHER_API_KEY and CONTRACT_OTHER_APP_KEY; HTTPS_PROXY is honoured.
    """
    if options.sites:
        raise UsageError("--site: a service is named by its URL, or by --live SITE")
    if live and (urls or snapshot_id or headers):
        raise UsageError("--live SITE: goes without URL, --snapshot-id and --header")
    if not live and (max_requests is not None or max_minutes is not None or recordings):
        raise UsageError(
            "--max-requests, --max-minutes, --recordings: need --live SITE"
        )
    if not (live or urls) and (snapshot_id or headers or ca_file):
        raise UsageError("--snapshot-id, --header, --ca-file: need a URL")
    known = options.known
    with options.progress() as watch:
        if live:
            kept = recordings or Path(".contract/recordings")
            verdict = part("live:check_live")(
                live,
                max_requests=max_requests,
                max_minutes=max_minutes,
                ca_file=ca_file,
                recordings=kept,
                watch=watch,
                **options.rules,
            )
        else:
            lines = tuple(_header(line) for line in headers)
            verdict = check_service(
                *urls,
                snapshot_id=snapshot_id,
                headers=lines,
                ca_file=ca_file,
                watch=watch,
                **options.rules,
            )
    asked = {
        "--live": live,
        "--max-requests": max_requests,
        "--max-minutes": max_minutes,
        "--snapshot-id": snapshot_id,
        "--ca-file": ca_file,
    }
    more = [
        f" {name} {shlex.quote(str(value))}"
        for name, value in asked.items()
        if value is not None
    ]
    more += [
        f" --header '{line.partition(':')[0]}: …'" for line in headers
    ]  # its value may be a secret
    where = "".join(f" {'' if more else '--service '}{url}" for url in urls) + "".join(
        more
    )
    return options.finish(
        verdict, watch, where, known, secrets() if live or urls else None
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(
            f"--header: must be 'NAME: VALUE', is {name!r} and what follows it"
        )
    return name, value.strip()


@click.command()
@run_options
@click.option(
    "--driver", metavar="NAME", help=f"A driver of ours: {', '.join(sorted(RECIPES))}."
)
@click.option("--old-version", metavar="V", help="The SDK's version that is known.")
@click.option("--new-version", metavar="V", help="The SDK's version that is to come.")
@click.option(
    "--old-command", metavar="C", help="The client that is known, as a command line."
)
@click.option(
    "--new-command", metavar="C", help="The client that is to come, as a command line."
)
def gate_(
    options: Options,
    driver: str | None,
    old_version: str | None,
    new_version: str | None,
    old_command: str | None,
    new_command: str | None,
) -> int:
    """Play the same cases to two versions of a client; exit 1 where the new one breaks what the old one kept."""
    spec, known = load(), options.known
    sites, clauses = (
        chosen_sites(options.sites, spec),
        chosen_clauses(options.clauses, CLIENT),
    )
    scenarios = chosen_scenarios(options.scenarios, client_scenarios(spec))
    if driver and old_version and new_version and not (old_command or new_command):
        commands = [
            driver_command(driver, version) for version in (old_version, new_version)
        ]
    elif old_command and new_command and not (driver or old_version or new_version):
        commands = [
            _words("--old-command", old_command),
            _words("--new-command", new_command),
        ]
    else:
        raise UsageError(
            "give two clients: --driver NAME --old-version V --new-version V, or --old-command C --new-command C"
        )
    with _both(commands, spec) as (old, new), options.progress() as watch:
        profile = PROFILES[options.profile]
        found = gate(
            old,
            new,
            scenarios,
            clauses,
            spec,
            profile=profile,
            seed=options.seed,
            sites=sites,
            watch=watch,
        )
    if options.json_file != "-":
        show_gate(found, Console())
    return options.finish(found.new, watch, f" -- {shlex.join(commands[1])}", known)


@contextmanager
def _both(
    commands: list[list[str]], spec: Spec
) -> Iterator[tuple[ClientSubject, ClientSubject]]:
    with (
        client_under_test(commands[0], spec) as old,
        client_under_test(commands[1], spec) as new,
    ):
        yield old, new


def _words(option: str, line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{option} {line!r}: {error}") from None
    if not words:
        raise UsageError(f"{option}: must be a command line, is empty")
    return words


@click.command()
@click.argument("case", metavar="FILE|ID")
@click.option(
    "--service",
    "urls",
    multiple=True,
    metavar="URL",
    help="A case for services: here; repeatable.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write the verdict as JSON; '-' is standard output.",
)
@subject_options
def replay(
    case: str, urls: tuple[str, ...], json_file: str | None, client: Any, arguments: str
) -> int:
    """Play one reported case again, on the site where it was seen."""
    kind, known = _kept(case)
    scenarios = (Scenario(known.scenario, "one case", lambda: iter((known,))),)
    options = Options("quick", 1, (), (), (), False, None, None, json_file)
    with options.progress() as watch:
        if kind == "service":
            if client:
                raise UsageError(
                    f"{case} is a case for services: --service URL, or nothing for the embedded sandbox"
                )
            verdict = check_service(*urls, profile="quick", scenarios=scenarios)
            arguments = "".join(f" --service {url}" for url in urls)
        elif urls:
            raise UsageError(
                f"{case} is a case for clients: --python, --driver, -- COMMAND, or nothing"
            )
        else:
            verdict = check_client(client, profile="quick", scenarios=scenarios)
    return options.finish(verdict, watch, arguments)


def _kept(name: str) -> tuple[str, Case]:
    path = Path(name) if Path(name).suffix == ".json" else KEPT / f"{name}.json"
    try:
        kept = json.loads(path.read_text())
        kind, case = str(kept["kind"]), Case.from_json(kept["case"])
    except FileNotFoundError:
        raise UsageError(
            f"no case {name!r}: {path} is not there (a breach prints the line that replays it)"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no case that the suite wrote: {error!r}") from None
    pairs = KEYS if kind == "service" else keys
    if case.keys not in pairs:
        raise UsageError(
            f"{path}: unknown keys {case.keys!r} (one of: {', '.join(pairs)})"
        )
    return kind, case if kind == "client" else case.on("")
