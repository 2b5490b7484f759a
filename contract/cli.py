"""The command line: `main(argv) -> int`; 0 holds, 1 broken, 2 anything else."""

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from rich.console import Console

from contract import report
from contract.cases.inputs import keys
from contract.cases.scenarios import Scenario, client_scenarios
from contract.clauses import CLIENT, Clause
from contract.errors import ContractError, UsageError
from contract.exchange import Case
from contract.faults import CLIENT_FAULTS, prove
from contract.mock import Mock, MockedClient
from contract.run import PROFILES, Verdict, run
from contract.spec import Spec, load
from contract.subjects import Minimal

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
    """Hold clients to the documented contract of "Update replay heatmap snapshot"."""


@cli.command()
@click.option(
    "--profile", type=click.Choice(list(PROFILES)), default="ci", show_default=True, help="How much is played."
)
@click.option("--seed", type=int, default=1, show_default=True, help="What generated cases are made from.")
@click.option("--site", "sites", multiple=True, metavar="S", help="Play on this site only; repeatable.")
@click.option("--clause", "clauses", multiple=True, metavar="ID", help="Judge by this clause only; repeatable.")
@click.option("--strict", is_flag=True, help="A broken 'should' counts like a 'must'.")
@click.option("--json", "json_file", metavar="FILE", help="Write the verdict as JSON; '-' is standard output.")
def client(
    profile: str, seed: int, sites: tuple[str, ...], clauses: tuple[str, ...], strict: bool, json_file: str | None
) -> int:
    """Judge the minimal client by every clause for clients, on eight mocked sites."""
    spec = load()
    chosen = _sites(sites, spec), _clauses(clauses)
    with Mock(spec.sites) as mock:
        subject = MockedClient(Minimal(), mock, version=_version())
        verdict = run(
            subject, client_scenarios(spec), chosen[1], spec, profile=PROFILES[profile], seed=seed, sites=chosen[0]
        )
    return _finish(verdict, spec, strict, json_file)


@cli.command()
@click.argument("case", metavar="FILE|ID")
@click.option("--json", "json_file", metavar="FILE", help="Write the verdict as JSON; '-' is standard output.")
def replay(case: str, json_file: str | None) -> int:
    """Play one reported case again on the minimal client."""
    spec, known = load(), _kept(case)
    scenario = Scenario(known.scenario, "one case", lambda: iter((known,)))
    with Mock(spec.sites) as mock:
        subject = MockedClient(Minimal(), mock, version=_version())
        verdict = run(subject, (scenario,), CLIENT, spec, profile=PROFILES["quick"])
    return _finish(verdict, spec, False, json_file)


@cli.command("prove")
@click.argument("what", type=click.Choice(["client"]), default="client")
@click.option("--fault", "names", multiple=True, metavar="ID", help="Prove by this fault only; repeatable.")
def prove_(what: str, names: tuple[str, ...]) -> int:
    """Show that the clauses can fail: every built-in fault must be caught by the clause it names."""
    matrix = prove(names)
    report.show_matrix(matrix, Console())
    return 0 if all(each.caught for each in matrix) else 1


@cli.command("list")
@click.argument("what", type=click.Choice(["clauses", "faults", "sites", "cases"]))
def list_(what: str) -> int:
    """List what the suite knows."""
    spec = load()
    if what == "clauses":
        for clause in CLIENT:
            print(f"{clause.id:12} {clause.level:6} {clause.statement} [{clause.source}]")
    elif what == "faults":
        for fault in CLIENT_FAULTS:
            print(f"{fault.id:32} {fault.clause}")
    elif what == "sites":
        print("\n".join(spec.sites))
    else:
        for scenario in client_scenarios(spec):
            for case in scenario.boundary():
                print(f"{case.id} {scenario.name:18} {case.kinds[0]}")
    return 0


def _finish(verdict: Verdict, spec: Spec, strict: bool, json_file: str | None) -> int:
    report.keep(verdict, _KEPT)
    text = json.dumps(report.to_json(verdict, spec), indent=1) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    else:
        if json_file is not None:
            try:
                Path(json_file).write_text(text)
            except OSError as error:
                raise UsageError(f"--json {json_file}: cannot be written: {error.strerror}") from None
        report.show(verdict, Console())
    if strict and verdict.breaches:
        return 1
    return _STATUS[verdict.verdict]


def _sites(given: tuple[str, ...], spec: Spec) -> tuple[str, ...]:
    for site in given:
        if site not in spec.sites:
            known = site.removeprefix("app.")
            hint = f"; did you mean {known}?" if known in spec.sites else ""
            raise UsageError(f"unknown site {site!r}{hint} (one of: {', '.join(spec.sites)})")
    return tuple(dict.fromkeys(given)) or spec.sites


def _clauses(given: tuple[str, ...]) -> tuple[Clause, ...]:
    known = {clause.id: clause for clause in CLIENT}
    for name in given:
        if name not in known:
            raise UsageError(f"unknown clause {name!r} (one of: {', '.join(known)})")
    return tuple(known[name] for name in dict.fromkeys(given)) or CLIENT


def _kept(name: str) -> Case:
    path = Path(name) if Path(name).suffix == ".json" else _KEPT / f"{name}.json"
    try:
        case = Case.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        raise UsageError(f"no case {name!r}: {path} is not there (a breach prints the line that replays it)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no case that the suite wrote: {error}") from None
    if case.keys not in keys:
        raise UsageError(f"{path}: unknown keys {case.keys!r} (one of: {', '.join(keys)})")
    return case


def _version() -> str:
    try:
        return version("replay-heatmap-contract")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"
