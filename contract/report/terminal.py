"""The view on a terminal: causes, remarks, clauses, summary."""

from collections.abc import Iterator
from itertools import groupby, islice
from operator import attrgetter

from rich.console import Console
from rich.text import Text

from contract.engine.verdict import Cause
from contract.report.commands import replay_line
from contract.report.example import LABEL_WIDTH, WIDTH, example_lines
from contract.report.format import count, cut
from contract.report.view import (
    View,
    numbers,
    occurrences,
    remarks,
    severity,
    state_of,
    summary,
)

MOST_IN_FULL = 12
LEAST_OF_A_DANGER = 2
ONE_COLUMN = 10
"""Clauses that stand below each other. More stand side by side, to fit one screen."""

COLORS = {
    "broken": "red",
    "should": "yellow",
    "accepted": "yellow",
    "holds": "green",
    "not judged": "dim",
}


def show(view: View, console: Console, *, verbose: bool = False) -> None:
    """Print the view, with `verbose` every breach in full.

    The table of clauses and the summary come last, on one screen.
    """
    total = Text.assemble((view.run.verdict, "bold"), ": ", summary(view.run))
    lines = *cause_lines(view, verbose=verbose), *remark_lines(view)
    for line in (*lines, *clause_table(view), total):
        console.print(line, soft_wrap=True)


def explain(view: View) -> str:
    """Return the causes as plain text."""
    return "\n".join(line.plain for line in cause_lines(view)).strip("\n")


def cause_lines(view: View, *, verbose: bool = False) -> Iterator[Text]:
    """Yield the most dangerous causes in full, then a line for each other."""
    causes = view.run.causes
    full = select_full(view)
    rest = [cause for cause in causes if cause not in full and not verbose]
    if verbose:
        full = [view.cause([breach]) for cause in causes for breach in cause.breaches]
    for cause in full:
        head, *lines = block(view, cause)
        yield Text(head, f"bold {COLORS[state_of(cause)]}")
        yield from map(Text, (*lines, ""))
    yield from (Text(one_line(cause), COLORS[state_of(cause)]) for cause in rest)
    if rest:
        yield Text("")


def select_full(view: View) -> list[Cause]:
    """Return the twelve most dangerous causes that count, two of each danger first."""
    danger_of = attrgetter("rule.danger")
    counted = [cause for cause in view.run.causes if view.run.is_counted(cause)]
    counted.sort(key=danger_of)
    first = [
        cause
        for _, group in groupby(counted, danger_of)
        for cause in islice(group, LEAST_OF_A_DANGER)
    ]
    others = [cause for cause in counted if cause not in first]
    return sorted(first + others[: MOST_IN_FULL - len(first)], key=counted.index)


def block(view: View, cause: Cause) -> list[str]:
    """Return a cause in at most eight lines, the last of them uncut."""
    example = cause.example
    times = occurrences(cause)
    if example.reproducibility:
        times += f"; played again: {example.reproducibility}"
    if example.reason:
        times += f"; accepted: {example.reason}"
    return [
        cut(f"{cause.id} ({severity(cause)}): {cause.rule.meaning}", WIDTH),
        labeled("seen", cut(times, WIDTH - LABEL_WIDTH)),
        *(labeled(*line) for line in example_lines(example, view.spec)),
        labeled("replay", replay_line(example, view.run)),
    ]


def labeled(label: str, text: str) -> str:
    return f"  {label:{LABEL_WIDTH - 2}}{text}"


def one_line(cause: Cause) -> str:
    times, places = count(cause.count, "time"), count(len(cause.breaches), "place")
    text = f"{cause.id} ({severity(cause)}), {times}, {places}: {cause.rule.meaning}"
    return cut(text, WIDTH)


def remark_lines(view: View) -> Iterator[Text]:
    is_accepted = any(breach.is_accepted for breach in view.run.breaches)
    lines = ["(n): accepted breaches"] if is_accepted else []
    lines += [f"{ids} not judged: {reason}" for reason, ids in view.gaps.items()]
    notes: dict[str, list[str]] = {}
    for (clause_id, text), number in view.run.notes.items():
        notes.setdefault(clause_id, []).append(f"{text.partition(' (')[0]} ×{number}")
    lines += [f"{id_}, no breach: {', '.join(texts)}" for id_, texts in notes.items()]
    lines += remarks(view)
    shares = (f"{name} {done}/{broken} of {n}" for name, done, broken, n in view.shares)
    lines.append(f"keywords satisfied/broken: {', '.join(shares)}")
    yield from (Text(cut(line, WIDTH), "dim") for line in lines)


def clause_table(view: View) -> Iterator[Text]:
    cells = [clause_cell(view, clause.id) for clause in view.run.clauses]
    columns = 2 if len(cells) > ONE_COLUMN else 1
    head = Text(f"{'clause':24}{'judged':>6}{'breaches':>9}", "bold")
    yield Text(" ").join([head] * columns)
    height = -(-len(cells) // columns)
    yield from (Text(" ").join(cells[row::height]) for row in range(height))


def clause_cell(view: View, clause_id: str) -> Text:
    state = view.run.state(clause_id)
    judged = view.run.judged_total.get(clause_id, 0)
    new, accepted = numbers(view.run.breaches_of(clause_id))
    breaches = f"{new or ''}{f' ({accepted})' if accepted else ''}"
    word = f"{state:11}", COLORS[state]
    return Text.assemble(f"{clause_id:13}", word, f"{judged:>6}{breaches:>9}")
