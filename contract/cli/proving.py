"""`contract prove`."""

from pathlib import Path

import click
from rich.console import Console

from contract.check.both import check_all
from contract.faults import CLIENT_FAULTS, prove, prove_service
from contract.report import show_matrix, write_report
from contract.spec import load

__all__ = ["prove_"]


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
