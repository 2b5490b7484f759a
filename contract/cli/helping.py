"""The commands beside judging: list, serve, drift, sweep."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from contract.cases.scenarios import client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.cli.base import cli, write_json
from contract.drift import drift
from contract.drivers.building import RECIPES, pinned_version
from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS
from contract.live import sweep
from contract.serve import serve
from contract.spec import load

__all__ = ["list_", "serve_"]


@cli.command("serve")
@click.option("--port", type=int, default=0, help="Where to listen on 127.0.0.1; 0 takes any free port.")
@click.option("--fault", metavar="ID", help="Be wrong in this way on purpose: `contract list faults`.")
@click.option("--rate-limit", metavar="N/SECONDS", help="Requests of one organization in a period.")
def serve_(port: int, fault: str | None, rate_limit: str | None) -> int:
    """Serve the sandbox, a strict reference service, until SIGINT or SIGTERM."""
    serve(port, fault, rate_limit)
    return 0


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


@cli.command("drift")
@click.option("--page", "pages", multiple=True, metavar="FILE|URL", help="The documentation page, as Markdown.")
@click.option("--openapi", "openapis", multiple=True, metavar="FILE|URL|upstream", help="A published OpenAPI document.")
@click.option("--recordings", multiple=True, type=click.Path(path_type=Path), metavar="DIR", help="Recorded exchanges.")
@click.option("--all", "every", is_flag=True, help="Show the facts on which all agree, too.")
@click.option("--json", "json_file", metavar="FILE", help="Write what was found as JSON; '-' is standard output.")
def drift_(
    pages: tuple[str, ...], openapis: tuple[str, ...], recordings: tuple[Path, ...], every: bool, json_file: str | None
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


@cli.command("sweep")
@click.option("--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted.")
def sweep_(ca_file: str | None) -> int:
    """Remove what interrupted live runs have left behind; exit 1 where something could not be removed."""
    left = sweep(ca_file=ca_file)
    for line in left:
        print(line)
    print(f"{len(left) or 'nothing'} left")
    return 1 if left else 0
