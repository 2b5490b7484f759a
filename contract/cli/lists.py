"""`contract list`: what there is. Each list imports what it shows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from contract.spec import load

if TYPE_CHECKING:
    from contract.cases.scenario import Scenario
    from contract.clauses.base import AnyClause

LISTS = ("clauses", "rules", "faults", "sites", "drivers", "cases")


@click.command()
@click.argument("what", type=click.Choice(LISTS))
def list_(what: str) -> int:
    """List clauses, rules, faults, sites, drivers or cases."""
    print(*lines_of(what), sep="\n")
    return 0


def lines_of(what: str) -> Iterator[str]:
    match what:
        case "clauses":
            for item in all_clauses():
                yield f"{item.id:12} {item.level:6} {item.statement} [{item.source}]"
        case "rules":
            for item in all_clauses():
                for rule in item.rules:
                    level = rule.level or item.level
                    danger = rule.danger.name.lower().replace("_", " ")
                    name = f"{item.id}/{rule.name}"
                    yield f"{name:44} {level:6} {danger:16} {rule.meaning}"
        case "faults":
            from contract.faults import FAULTS

            yield from (f"{fault.id:40} {fault.clause}" for fault in FAULTS)
        case "sites":
            yield from load().sites
        case "drivers":
            from contract.drivers.building import DRIVERS, pinned_version

            for name, recipe in DRIVERS.items():
                needs = f"needs {', '.join(recipe.tools)}" if recipe.tools else ""
                yield f"{name:12} {pinned_version(name):10} {needs}".rstrip()
        case "cases":
            from contract.cases.client import client_scenarios
            from contract.cases.service import service_scenarios

            yield from kind_lines("client", client_scenarios(load()))
            yield from kind_lines("service", service_scenarios(load()))


def all_clauses() -> "tuple[AnyClause, ...]":
    from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES

    return (*CLIENT_CLAUSES, *SERVICE_CLAUSES)


def kind_lines(side: str, scenarios: "Sequence[Scenario]") -> Iterator[str]:
    for scenario in scenarios:
        cases = (case.in_scenario(scenario.name) for case in scenario.cases())
        counts = Counter(str(case.kind) for case in cases if case.kind is not None)
        yield from (f"{side:8} {count:4} {kind}" for kind, count in counts.items())
