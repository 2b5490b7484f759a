"""Tables of `contract prove` and `contract gate` on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from contract.report.example import title_of
from contract.report.format import clean, count, cut, keys_of
from contract.report.view import summary

if TYPE_CHECKING:  # most runs show neither
    from contract.engine.comparison import GateResult
    from contract.faults import Kill


def show_matrix(
    kills: Sequence["Kill"], console: Console, *, rules: bool = False
) -> None:
    """Print each fault, the clause that it names, and all clauses that caught it.

    With `rules` print the breaches of the clause that it names instead.
    """
    for kill in kills:
        names = sorted(kill.by)
        if rules:
            own = f"{kill.clause}/"
            names = [id_ for id_ in kill.breach_ids if id_.startswith(own)]
        clause = f"{kill.clause:13}", "green" if kill.is_caught else "red"
        line = f"{kill.fault:40} ", clause, " ".join(names) or "nothing"
        console.print(Text.assemble(*line), soft_wrap=True)
    missed = [kill.fault for kill in kills if not kill.is_caught]
    faults = f"{len(kills) - len(missed)} of {count(len(kills), 'fault')}"
    console.print(f"{faults} caught by the clause they name")
    if missed:
        console.print(f"missed: {', '.join(missed)}", style="red")


def show_gate(result: "GateResult", console: Console) -> None:
    """Print the differences between two clients, the breaking ones first."""
    colors = {"breaking": "bold red", "fixed": "green", "neutral": "dim"}
    for item in result.differences:
        text = cut(clean(item.text, keys_of(item.example)), 200)
        where = title_of(item.example.case)
        line = f"{text} ({count(item.count, 'time')}; {where})"
        head = f"{item.impact:9}", colors[item.impact]
        console.print(Text.assemble(head, line), soft_wrap=True)
    if not result.differences:
        console.print("no difference")
    console.print(Text(f"{summary(result.old)}\n"), soft_wrap=True)
