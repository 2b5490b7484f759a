"""A verdict on the terminal, the table on one screen; `NO_COLOR` is obeyed by rich."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contract.engine.verdict import Verdict
from contract.report.format import (
    by_reason,
    explain,
    remarks,
    shares,
    state,
    summed_up,
    visible,
)

if TYPE_CHECKING:  # what makes these need not be there when a run is shown
    from contract.engine.comparison import Gate
    from contract.faults import Killed

__all__ = ["show", "show_gate", "show_matrix"]

_ONE_COLUMN = 20
"""So many clauses stand below each other; more stand side by side, to fit one screen."""

_COLOURS = {
    "broken": "red",
    "should": "yellow",
    "accepted": "yellow",
    "holds": "green",
    "not judged": "dim",
}


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict: new breaches first, each with how to see it again, then notes, the clauses and the sum.

    The table and the sum come last and fit 24 lines, so that they are what stands on the screen.
    """
    found = sorted(
        verdict.breaches.values(), key=lambda each: (each.accepted, each.level)
    )
    for breach in [each for each in found if not each.accepted]:
        head, *rest = explain(breach, verdict).split("\n")
        colour = "red" if breach.level == "must" else "yellow"
        console.print(
            f"[bold {colour}]{escape(head)}[/]",
            *map(escape, rest),
            "",
            sep="\n",
            highlight=False,
            soft_wrap=True,
        )
    for line in _lines(verdict):
        console.print(
            escape(visible(line)), style="dim", highlight=False, soft_wrap=True
        )
    console.print(_table(verdict))
    early = f"ended early: {verdict.interrupted}; " if verdict.interrupted else ""
    line = escape(visible(early + summed_up(verdict)))
    console.print(
        f"[bold]{verdict.verdict}[/]: {line}", highlight=False, soft_wrap=True
    )


def _table(verdict: Verdict) -> Table:
    rows = [_row(verdict, clause.id) for clause in verdict.clauses]
    abreast = 2 if len(rows) > _ONE_COLUMN else 1
    height = -(-len(rows) // abreast)
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1 if abreast > 1 else 2, 0, 0),
        header_style="bold",
    )
    for _ in range(abreast):
        table.add_column("clause", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("judged", justify="right", no_wrap=True)
        table.add_column("breaches", justify="right", no_wrap=True)
    for index in range(height):
        table.add_row(*(cell for row in rows[index::height] for cell in row))
    return table


def _row(verdict: Verdict, clause_id: str) -> tuple[str, str, str, str]:
    word, new, accepted = state(verdict, clause_id)
    count = " ".join(
        filter(None, (str(new or ""), f"({accepted})" if accepted else ""))
    )
    return (
        clause_id,
        f"[{_COLOURS[word]}]{word}[/]",
        str(verdict.judged[clause_id]),
        count,
    )


def _lines(verdict: Verdict) -> list[str]:
    lines = (
        ["(n): accepted breaches"]
        if any(each.accepted for each in verdict.breaches.values())
        else []
    )
    lines += [
        f"{', '.join(names)} not judged: {reason}"
        for reason, names in by_reason(verdict).items()
    ]
    for name in dict.fromkeys(name for name, _ in verdict.notes):
        seen = [
            f"{text.partition(' (')[0]} ×{count}"
            for (noted, text), count in verdict.notes.items()
            if noted == name
        ]
        lines.append(f"{name} noted, no breach: {', '.join(seen)}")
    lines += remarks(verdict)
    lines += [
        f"{each}: stopped after 20 exchanges with one breach"
        for each in verdict.stopped
    ]
    counts = {name: shares(verdict, name) for name in verdict.coverage.schemas}
    each = (
        f"{name} {satisfied}/{broken} of {all_}"
        for name, (satisfied, broken, all_) in counts.items()
    )
    lines.append(f"keywords satisfied/broken: {', '.join(each)}")
    if verdict.coverage.gaps:
        lines.append(f"keywords not exercised: {verdict.gap_reason}")
    return lines


def show_matrix(matrix: "list[Killed]", console: Console) -> None:
    """Print the kill matrix: each fault, the clause it names, and every clause that caught it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("fault", "must be caught by", "was caught by"):
        table.add_column(title)
    for each in matrix:
        colour = "green" if each.caught else "red"
        table.add_row(
            each.fault,
            f"[{colour}]{each.clause}[/]",
            ", ".join(sorted(each.by)) or "nothing",
        )
    console.print(table)
    missed = [each.fault for each in matrix if not each.caught]
    console.print(
        f"{len(matrix) - len(missed)} of {len(matrix)} faults caught by the clause they name"
    )
    if missed:
        console.print(f"missed: {', '.join(missed)}", style="red")


def show_gate(gate: "Gate", console: Console) -> None:
    """Print what differs between two clients, the breaking first."""
    colours = {"breaking": "bold red", "fixed": "green", "neutral": "dim"}
    for each in gate.differences:
        console.print(
            f"[{colours[each.kind]}]{each.kind:9}[/]{escape(visible(each.what))} ({each.count} times; "
            f"{escape(each.case.scenario)}: {escape(visible(each.case.kinds[0]))})",
            highlight=False,
            soft_wrap=True,
        )
    if not gate.differences:
        console.print("no difference")
    console.print(f"{escape(summed_up(gate.old))}\n", highlight=False, soft_wrap=True)
