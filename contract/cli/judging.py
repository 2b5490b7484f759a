"""The commands that judge: check, client, service, gate, replay, prove."""

import datetime
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from contract.accepted import write_accepted
from contract.cases.inputs import keys
from contract.cases.scenarios import Scenario, client_scenarios
from contract.cases.targets import KEYS
from contract.check import (
    check_all,
    check_client,
    check_example,
    check_service,
    chosen_clauses,
    chosen_scenarios,
    chosen_sites,
    client_under_test,
    secrets,
)
from contract.clauses import CLIENT
from contract.cli.base import KEPT, Options, cli, run_options, subject_options
from contract.drivers.building import RECIPES, driver_command
from contract.drivers.examples import LANGUAGES
from contract.errors import UsageError
from contract.exchange import Case
from contract.faults import CLIENT_FAULTS, prove, prove_service
from contract.gate import gate
from contract.live import check_live
from contract.recordings import recorded_scenarios
from contract.redaction import guard
from contract.report import show_gate, show_matrix, write_report
from contract.run import PROFILES
from contract.spec import Spec, load
from contract.subjects import ClientUnderTest

__all__ = ["check", "client", "service"]


@cli.command()
@subject_options
@run_options
@click.option("--update-accepted", is_flag=True, help="Write what was found to the file of --accepted.")
@click.option("--recordings", type=click.Path(path_type=Path), metavar="DIR", help="Play recorded answers.")
@click.option("--example", metavar="LANGUAGE", help=f"The page's own program: {', '.join(LANGUAGES)}; needs --page.")
@click.option("--page", type=click.Path(path_type=Path), metavar="FILE", help="The documentation page, as Markdown.")
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
                raise UsageError("--example LANGUAGE and --page FILE: give both, and no other client")
            verdict = check_example(_text(page), example, sites=options.sites, clauses=options.clauses)
            arguments = f" --example {example} --page {page}"
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


@cli.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options
@click.option("--live", metavar="SITE", help="A live site, in the sandbox organization CONTRACT_SANDBOX_ORG_ID.")
@click.option("--max-requests", type=int, metavar="N", help="Of a live run: requests at most.")
@click.option("--max-minutes", type=float, metavar="N", help="Of a live run: minutes at most.")
@click.option("--recordings", type=click.Path(path_type=Path), metavar="DIR", help="Of a live run: where exchanges go.")
@click.option("--snapshot-id", metavar="ID", help="Of a service without create and list: the one to update.")
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent with every request; repeatable."
)
@click.option("--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted.")
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
        raise UsageError("--max-requests, --max-minutes, --recordings: need --live SITE")
    if not (live or urls) and (snapshot_id or headers or ca_file):
        raise UsageError("--snapshot-id, --header, --ca-file: need a URL")
    known = options.known
    with options.progress() as watch:
        if live:
            kept = recordings or Path(".contract/recordings")
            verdict = check_live(
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
                *urls, snapshot_id=snapshot_id, headers=lines, ca_file=ca_file, watch=watch, **options.rules
            )
    status = options.finish(verdict, watch, "".join(f" --service {url}" for url in urls), known)
    if live or urls:
        written = [KEPT, options.report or KEPT, Path(options.json_file or KEPT)]
        guard([path for path in written if path.exists()], secrets())
    return status


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(f"--header: must be 'NAME: VALUE', is {name!r} and what follows it")
    return name, value.strip()


@cli.command()
@run_options
def check(options: Options) -> int:
    """Judge the minimal client on eight mocked sites and the embedded sandbox: the main job."""
    known = options.known
    with options.progress() as watch:
        verdict = check_all(sites=options.sites, watch=watch, **options.rules)
    return options.finish(verdict, watch, known=known)


@cli.command("gate")
@run_options
@click.option("--driver", metavar="NAME", help=f"A driver of ours: {', '.join(sorted(RECIPES))}.")
@click.option("--old-version", metavar="V", help="The SDK's version that is known.")
@click.option("--new-version", metavar="V", help="The SDK's version that is to come.")
@click.option("--old-command", metavar="C", help="The client that is known, as a command line.")
@click.option("--new-command", metavar="C", help="The client that is to come, as a command line.")
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
    sites, clauses = chosen_sites(options.sites, spec), chosen_clauses(options.clauses, CLIENT)
    scenarios = chosen_scenarios(options.scenarios, client_scenarios(spec))
    if driver and old_version and new_version and not (old_command or new_command):
        commands = [driver_command(driver, version) for version in (old_version, new_version)]
    elif old_command and new_command and not (driver or old_version or new_version):
        commands = [_words("--old-command", old_command), _words("--new-command", new_command)]
    else:
        raise UsageError(
            "give two clients: --driver NAME --old-version V --new-version V, or --old-command C --new-command C"
        )
    with _both(commands, spec) as (old, new), options.progress() as watch:
        profile = PROFILES[options.profile]
        found = gate(old, new, scenarios, clauses, spec, profile=profile, seed=options.seed, sites=sites, watch=watch)
    if options.json_file != "-":
        show_gate(found, Console())
    return options.finish(found.new, watch, f" -- {shlex.join(commands[1])}", known)


@contextmanager
def _both(commands: list[list[str]], spec: Spec) -> Iterator[tuple[ClientUnderTest, ClientUnderTest]]:
    with client_under_test(commands[0], spec) as old, client_under_test(commands[1], spec) as new:
        yield old, new


def _words(option: str, line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{option} {line!r}: {error}") from None
    if not words:
        raise UsageError(f"{option}: must be a command line, is empty")
    return words


@cli.command()
@click.argument("case", metavar="FILE|ID")
@click.option("--service", "urls", multiple=True, metavar="URL", help="A case for services: here; repeatable.")
@click.option("--json", "json_file", metavar="FILE", help="Write the verdict as JSON; '-' is standard output.")
@subject_options
def replay(case: str, urls: tuple[str, ...], json_file: str | None, client: Any, arguments: str) -> int:
    """Play one reported case again, on the site where it was seen."""
    kind, known = _kept(case)
    scenarios = (Scenario(known.scenario, "one case", lambda: iter((known,))),)
    options = Options("quick", 1, (), (), (), False, None, None, json_file)
    with options.progress() as watch:
        if kind == "service":
            if client:
                raise UsageError(f"{case} is a case for services: --service URL, or nothing for the embedded sandbox")
            verdict = check_service(*urls, profile="quick", scenarios=scenarios)
            arguments = "".join(f" --service {url}" for url in urls)
        elif urls:
            raise UsageError(f"{case} is a case for clients: --python, --driver, -- COMMAND, or nothing")
        else:
            verdict = check_client(client, profile="quick", scenarios=scenarios)
    return options.finish(verdict, watch, arguments)


@cli.command("prove")
@click.argument("what", type=click.Choice(["client", "service"]), required=False)
@click.option("--fault", "names", multiple=True, metavar="ID", help="Prove by this fault only; repeatable.")
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Write the matrix, and a quick verdict.")
def prove_(what: str | None, names: tuple[str, ...], report: Path | None) -> int:
    """Show that the clauses can fail: every built-in fault must be caught by the clause it names.

    Without `client` or `service` it proves both.
    """
    ours = {fault.id for fault in CLIENT_FAULTS}
    matrix = prove(names) if what == "client" else prove_service(names) if what == "service" else []
    if what is None:
        mine, theirs = [name for name in names if name in ours], [name for name in names if name not in ours]
        matrix += prove(mine) if mine or not names else []
        matrix += prove_service(theirs) if theirs or not names else []
    show_matrix(matrix, Console())
    if report is not None:
        write_report(check_all(profile="quick"), load(), report, matrix=matrix)
    return 0 if all(each.caught for each in matrix) else 1


def _kept(name: str) -> tuple[str, Case]:
    path = Path(name) if Path(name).suffix == ".json" else KEPT / f"{name}.json"
    try:
        kept = json.loads(path.read_text())
        kind, case = str(kept["kind"]), Case.from_json(kept["case"])
    except FileNotFoundError:
        raise UsageError(f"no case {name!r}: {path} is not there (a breach prints the line that replays it)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no case that the suite wrote: {error!r}") from None
    pairs = KEYS if kind == "service" else keys
    if case.keys not in pairs:
        raise UsageError(f"{path}: unknown keys {case.keys!r} (one of: {', '.join(pairs)})")
    return kind, case if kind == "client" else case.on("")
