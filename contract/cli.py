"""The command line: `main(argv) -> int`; 0 holds, 1 broken, 2 anything else."""

import datetime
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from contract import report
from contract.accepted import Accepted, accept, read_accepted, write_accepted
from contract.cases.inputs import keys
from contract.cases.scenarios import Scenario, client_scenarios
from contract.cases.service import service_scenarios
from contract.cases.targets import KEYS
from contract.check import (
    check_all,
    check_client,
    check_example,
    check_service,
    chosen_clauses,
    chosen_sites,
    client_under_test,
)
from contract.clauses import CLIENT, SERVICE
from contract.drivers.building import RECIPES, driver_command, pinned_version
from contract.drivers.examples import LANGUAGES
from contract.errors import ContractError, UsageError
from contract.exchange import Case
from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS, prove, prove_service
from contract.gate import gate
from contract.run import PROFILES
from contract.serve import serve
from contract.spec import Spec, load
from contract.subjects import ClientUnderTest
from contract.verdict import Verdict

__all__ = ["main"]

_KEPT = Path(".contract/cases")
_STATUS = {"holds": 0, "broken": 1, "unknown": 2}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status. Prints one line, and no traceback, where the user is at fault."""
    try:
        status: int = cli.main(list(argv) if argv is not None else None, prog_name="contract", standalone_mode=False)
    except click.exceptions.Abort:
        print("contract: interrupted", file=sys.stderr)
        return 2
    except click.ClickException as error:
        print(f"contract: {error.format_message()}", file=sys.stderr)
        return 2
    except ContractError as error:
        print(f"contract: {error}", file=sys.stderr)
        return 2
    return status or 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Hold clients and services to the documented contract of "Update replay heatmap snapshot"."""


@dataclass(frozen=True)
class Options:
    """What check, client and service have in common."""

    profile: str
    seed: int
    sites: tuple[str, ...]
    clauses: tuple[str, ...]
    strict: bool
    accepted: Path | None
    json_file: str | None

    def finish(self, verdict: Verdict, spec: Spec, arguments: str = "", known: tuple[Accepted, ...] = ()) -> int:
        """Show the verdict, keep its cases, and return the exit status."""
        verdict.strict, verdict.arguments = self.strict, arguments
        accept(verdict, known, datetime.date.today())
        report.keep(verdict, _KEPT)
        text = json.dumps(report.to_json(verdict, spec), indent=1) + "\n"
        if self.json_file == "-":
            sys.stdout.write(text)
        else:
            report.show(verdict, Console())
            if self.json_file is not None:
                _write(self.json_file, text)
        return _STATUS[verdict.verdict]


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written: {error.strerror}") from None


_RUN_OPTIONS = (
    click.option("--profile", type=click.Choice(list(PROFILES)), default="ci", show_default=True, help="How much."),
    click.option("--seed", type=int, default=1, show_default=True, help="What generated cases are made from."),
    click.option("--site", "sites", multiple=True, metavar="S", help="On this site only; repeatable."),
    click.option("--clause", "clauses", multiple=True, metavar="ID", help="By this clause only; repeatable."),
    click.option("--strict", is_flag=True, help="A broken 'should' counts like a 'must'."),
    click.option("--accepted", type=click.Path(path_type=Path), metavar="FILE", help="Breaches that are accepted."),
    click.option("--json", "json_file", metavar="FILE", help="Write the verdict as JSON; '-' is standard output."),
)


def _run_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of a run, as one argument."""

    @wraps(command)
    def called(**given: Any) -> int:
        common = {name: given.pop(name) for name in Options.__dataclass_fields__}
        return command(Options(**common), **given)

    for option in reversed(_RUN_OPTIONS):
        called = option(called)
    return called


_SUBJECT_OPTIONS = (
    click.option("--python", metavar="MODULE:FACTORY", help="A client of this process: FACTORY() has update(case)."),
    click.option("--driver", metavar="NAME", help=f"A client with a driver of ours: {', '.join(sorted(RECIPES))}."),
    click.option("--driver-version", metavar="V", help="Another version of the driver's SDK than the pinned one."),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


def _subject_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that name a client, as `client` (what `client_under_test` takes) and `arguments`."""

    @wraps(command)
    def called(python: str | None, driver: str | None, driver_version: str | None, **given: Any) -> int:
        words: tuple[str, ...] = given.pop("command")
        if sum(map(bool, (python, driver, words))) > 1:
            raise UsageError("one client at a time: give --python, --driver or -- COMMAND")
        if driver_version and not driver:
            raise UsageError("--driver-version: needs --driver NAME")
        if driver:
            version = f" --driver-version {driver_version}" if driver_version else ""
            return command(
                client=driver_command(driver, driver_version), arguments=f" --driver {driver}{version}", **given
            )
        if python:
            return command(client=python, arguments=f" --python {shlex.quote(python)}", **given)
        return command(client=list(words) or None, arguments=f" -- {shlex.join(words)}" if words else "", **given)

    for option in reversed(_SUBJECT_OPTIONS):
        called = option(called)
    return called


@cli.command()
@_subject_options
@_run_options
@click.option("--update-accepted", is_flag=True, help="Write what was found to the file of --accepted.")
@click.option("--example", metavar="LANGUAGE", help=f"The page's own program: {', '.join(LANGUAGES)}; needs --page.")
@click.option("--page", type=click.Path(path_type=Path), metavar="FILE", help="The documentation page, as Markdown.")
def client(
    options: Options, client: Any, arguments: str, update_accepted: bool, example: str | None, page: Path | None
) -> int:
    """Judge a client by every clause for clients.

    Without a COMMAND it is the minimal client on eight mocked sites; a COMMAND that speaks the driver protocol, a
    driver of ours and a Python object meet the sites over real TLS.
    """
    if update_accepted and options.accepted is None:
        raise UsageError("--update-accepted: needs --accepted FILE")
    known = read_accepted(options.accepted) if options.accepted and not update_accepted else ()
    if example or page:
        if not (example and page) or client:
            raise UsageError("--example LANGUAGE and --page FILE: give both, and no other client")
        verdict = check_example(_text(page), example, sites=options.sites, clauses=options.clauses)
        arguments = f" --example {example} --page {page}"
    else:
        rules: dict[str, Any] = {"profile": options.profile, "seed": options.seed}
        verdict = check_client(client, sites=options.sites, clauses=options.clauses, **rules)
    if update_accepted and options.accepted:
        write_accepted(options.accepted, verdict, datetime.date.today())
        known = read_accepted(options.accepted)
    return options.finish(verdict, load(), arguments, known)


def _text(page: Path) -> str:
    try:
        return page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--page {page}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--page {page}: is not UTF-8") from None


@cli.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@_run_options
@click.option("--snapshot-id", metavar="ID", help="Of a service without create and list: the one to update.")
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent with every request; repeatable."
)
@click.option("--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted.")
def service(
    options: Options, urls: tuple[str, ...], snapshot_id: str | None, headers: tuple[str, ...], ca_file: str | None
) -> int:
    """Judge a service by every clause for services: at URL, else the embedded sandbox.

    Several URLs are several sites, which have to behave alike. Keys are those of DD_API_KEY and DD_APP_KEY, those of
    a second organization CONTRACT_OTHER_API_KEY and CONTRACT_OTHER_APP_KEY; HTTPS_PROXY is honoured.
    """
    spec = load()
    if options.sites:
        raise UsageError("--site: a service is named by its URL")
    if not urls and (snapshot_id or headers or ca_file):
        raise UsageError("--snapshot-id, --header, --ca-file: need a URL")
    known = read_accepted(options.accepted) if options.accepted else ()
    verdict = check_service(
        *urls,
        snapshot_id=snapshot_id,
        headers=tuple(_header(line) for line in headers),
        ca_file=ca_file,
        profile=options.profile,
        seed=options.seed,
        clauses=options.clauses,
    )
    return options.finish(verdict, spec, "".join(f" --service {url}" for url in urls), known)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not (
        colon and name and name.isascii() and name.replace("-", "").replace("_", "").isalnum() and value.isprintable()
    ):
        raise UsageError(f"--header: must be 'NAME: VALUE', is {name!r} and what follows it")
    return name, value.strip()


@cli.command()
@_run_options
def check(options: Options) -> int:
    """Judge the minimal client on eight mocked sites and the embedded sandbox: the main job."""
    known = read_accepted(options.accepted) if options.accepted else ()
    verdict = check_all(profile=options.profile, seed=options.seed, sites=options.sites, clauses=options.clauses)
    return options.finish(verdict, load(), known=known)


@cli.command("serve")
@click.option("--port", type=int, default=0, help="Where to listen on 127.0.0.1; 0 takes any free port.")
@click.option("--fault", metavar="ID", help="Be wrong in this way on purpose: `contract list faults`.")
@click.option("--rate-limit", metavar="N/SECONDS", help="Requests of one organization in a period.")
def serve_(port: int, fault: str | None, rate_limit: str | None) -> int:
    """Serve the sandbox, a strict reference service, until SIGINT or SIGTERM."""
    serve(port, fault, rate_limit)
    return 0


@cli.command("gate")
@_run_options
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
    spec = load()
    sites, clauses = chosen_sites(options.sites, spec), chosen_clauses(options.clauses, CLIENT)
    if driver and old_version and new_version and not (old_command or new_command):
        commands = [driver_command(driver, version) for version in (old_version, new_version)]
    elif old_command and new_command and not (driver or old_version or new_version):
        commands = [_words("--old-command", old_command), _words("--new-command", new_command)]
    else:
        raise UsageError(
            "give two clients: --driver NAME --old-version V --new-version V, or --old-command C --new-command C"
        )
    with _both(commands, spec) as (old, new):
        profile = PROFILES[options.profile]
        found = gate(old, new, client_scenarios(spec), clauses, spec, profile=profile, seed=options.seed, sites=sites)
    if options.json_file != "-":
        report.show_gate(found, Console())
    return options.finish(found.new, spec, f" -- {shlex.join(commands[1])}")


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
@_subject_options
def replay(case: str, urls: tuple[str, ...], json_file: str | None, client: Any, arguments: str) -> int:
    """Play one reported case again, on the site where it was seen."""
    kind, known = _kept(case)
    scenarios = (Scenario(known.scenario, "one case", lambda: iter((known,))),)
    if kind == "service":
        if client:
            raise UsageError(f"{case} is a case for services: --service URL, or nothing for the embedded sandbox")
        verdict = check_service(*urls, profile="quick", scenarios=scenarios)
        arguments = "".join(f" --service {url}" for url in urls)
    elif urls:
        raise UsageError(
            f"{case} is a case for clients: --python, --driver, -- COMMAND, or nothing for the minimal one"
        )
    else:
        verdict = check_client(client, profile="quick", scenarios=scenarios)
    return Options("quick", 1, (), (), False, None, json_file).finish(verdict, load(), arguments)


@cli.command("prove")
@click.argument("what", type=click.Choice(["client", "service"]), required=False)
@click.option("--fault", "names", multiple=True, metavar="ID", help="Prove by this fault only; repeatable.")
def prove_(what: str | None, names: tuple[str, ...]) -> int:
    """Show that the clauses can fail: every built-in fault must be caught by the clause it names.

    Without `client` or `service` it proves both.
    """
    ours = {fault.id for fault in CLIENT_FAULTS}
    matrix = prove(names) if what == "client" else prove_service(names) if what == "service" else []
    if what is None:
        mine, theirs = [name for name in names if name in ours], [name for name in names if name not in ours]
        matrix += prove(mine) if mine or not names else []
        matrix += prove_service(theirs) if theirs or not names else []
    report.show_matrix(matrix, Console())
    return 0 if all(each.caught for each in matrix) else 1


@cli.command("list")
@click.argument("what", type=click.Choice(["clauses", "faults", "sites", "drivers", "cases"]))
def list_(what: str) -> int:
    """List what the suite knows."""
    spec = load()
    if what == "clauses":
        for clause in CLIENT + SERVICE:
            print(f"{clause.id:12} {clause.level:6} {clause.statement} [{clause.source}]")
    elif what == "faults":
        for name, clause_id in [(each.id, each.clause) for each in CLIENT_FAULTS] + [
            (each.id, each.clause) for each in SERVICE_FAULTS
        ]:
            print(f"{name:40} {clause_id}")
    elif what == "sites":
        print("\n".join(spec.sites))
    elif what == "drivers":
        for name, recipe in RECIPES.items():
            needs = f"needs {', '.join(recipe.tools)}" if recipe.tools else ""
            print(f"{name:12} {pinned_version(name):10} {needs}".rstrip())
    else:
        for scenario in client_scenarios(spec) + service_scenarios(spec):
            for case in scenario.boundary():
                print(f"{case.id} {scenario.name:18} {case.kinds[0]}")
    return 0


def _kept(name: str) -> tuple[str, Case]:
    path = Path(name) if Path(name).suffix == ".json" else _KEPT / f"{name}.json"
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
