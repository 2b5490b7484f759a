"""`contract list`, `prove`, `drift` and `sweep`: the commands beside the judging."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from contract.api import check_all
from contract.cases.client import client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.cli.base import write_json
from contract.drift import drift
from contract.drivers.building import RECIPES, pinned_version
from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS, prove, prove_service
from contract.live import sweep
from contract.report import show_matrix, write_report
from contract.spec import load

__all__ = ["drift_", "list_", "prove_", "sweep_"]


@click.command()
@click.argument(
    "what", type=click.Choice(["clauses", "faults", "sites", "drivers", "cases"])
)
def list_(what: str) -> int:
    """List what the suite knows."""
    spec = load()
    if what == "clauses":
        for clause in CLIENT + SERVICE:
            print(
                f"{clause.id:12} {clause.level:6} {clause.statement} [{clause.source}]"
            )
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


@click.command()
@click.argument("what", type=click.Choice(["client", "service"]), required=False)
@click.option(
    "--fault",
    "names",
    multiple=True,
    metavar="ID",
    help="Prove by this fault only; repeatable.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the matrix, and a quick verdict.",
)
def prove_(what: str | None, names: tuple[str, ...], report: Path | None) -> int:
    """Show that the clauses can fail: every built-in fault must be caught by the clause it names.

    Without `client` or `service` it proves both.
    """
    ours = {fault.id for fault in CLIENT_FAULTS}
    matrix = (
        prove(names)
        if what == "client"
        else prove_service(names)
        if what == "service"
        else []
    )
    if what is None:
        mine, theirs = (
            [name for name in names if name in ours],
            [name for name in names if name not in ours],
        )
        matrix += prove(mine) if mine or not names else []
        matrix += prove_service(theirs) if theirs or not names else []
    show_matrix(matrix, Console())
    if report is not None:
        write_report(check_all(profile="quick"), load(), report, matrix=matrix)
    return 0 if all(each.caught for each in matrix) else 1


@click.command()
@click.option(
    "--page",
    "pages",
    multiple=True,
    metavar="FILE|URL",
    help="The documentation page, as Markdown.",
)
@click.option(
    "--openapi",
    "openapis",
    multiple=True,
    metavar="FILE|URL|upstream",
    help="A published OpenAPI document.",
)
@click.option(
    "--recordings",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Recorded exchanges.",
)
@click.option(
    "--all", "every", is_flag=True, help="Show the facts on which all agree, too."
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write what was found as JSON; '-' is standard output.",
)
def drift_(
    pages: tuple[str, ...],
    openapis: tuple[str, ...],
    recordings: tuple[Path, ...],
    every: bool,
    json_file: str | None,
) -> int:
    """Compare the spec with other witnesses of the contract; exit 1 where a difference breaks clients or services."""
    found = drift(pages, openapis, recordings, load())
    text = json.dumps(found.to_json(), indent=1) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    else:
        found.show(Console(), every=every)
        if json_file is not None:
            write_json(json_file, text)
    return found.status


@click.command()
@click.option(
    "--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted."
)
def sweep_(ca_file: str | None) -> int:
    """Remove what interrupted live runs have left behind; exit 1 where something could not be removed."""
    left = sweep(ca_file=ca_file)
    for line in left:
        print(line)
    print(f"{len(left) or 'nothing'} left")
    return 1 if left else 0
