"""`contract list`."""

import click

from contract.cases.scenarios import client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.drivers.building import RECIPES, pinned_version
from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS
from contract.spec import load

__all__ = ["list_"]


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
