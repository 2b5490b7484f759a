"""The terminal: a view, the tables of `prove` and `gate`, progress of a run."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.text import Text

from contract.engine.comparison import GateResult
from contract.engine.ledger import Ledger
from contract.engine.verdict import Cause
from contract.redaction import without_secrets
from contract.report.example import (
    LABEL_WIDTH,
    LINE,
    WIDTH,
    example_lines,
    replay_line,
    title_of,
)
from contract.report.format import clean, count, cut, keys_of
from contract.report.view import (
    View,
    numbers,
    occurrences,
    remarks,
    severity,
    state_of,
    summary,
)

if TYPE_CHECKING:  # most runs prove nothing
    from contract.faults import Kill

MOST_IN_FULL = 12
LEAST_OF_A_DANGER = 2
MOST_DIFFERENCES = 20
ONE_COLUMN = 10
"""Clauses that stand below each other. More stand side by side, to fit one screen."""

REDRAW_S, LINE_S = 0.1, 10.0  # of progress, on a terminal and in a file

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
    lines = [*cause_lines(view, verbose=verbose), *remark_lines(view)]
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
    for cause in rest:
        times, places = count(cause.count, "time"), count(len(cause.breaches), "place")
        head = f"{cause.id} ({severity(cause)}), {times}, {places}"
        text = cut(f"{head}: {cause.rule.meaning}", WIDTH)
        yield Text(text, COLORS[state_of(cause)])
    if rest:
        yield Text("")


def select_full(view: View) -> list[Cause]:
    """Return the twelve most dangerous causes that count, two of each danger first."""
    danger_of = attrgetter("rule.danger")
    counted = sorted(filter(view.run.is_counted, view.run.causes), key=danger_of)
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
    lines = [
        ("seen", cut(times, LINE)),
        *example_lines(example, view.spec),
        ("replay", replay_line(example, view.run)),
    ]
    head = cut(f"{cause.id} ({severity(cause)}): {cause.rule.meaning}", WIDTH)
    return [head, *(f"  {label:{LABEL_WIDTH}}{text}" for label, text in lines)]


def remark_lines(view: View) -> list[Text]:
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
    return [Text(cut(line, WIDTH), "dim") for line in lines]


def clause_table(view: View) -> Iterator[Text]:
    cells = [clause_cell(view, clause.id) for clause in view.run.clauses]
    columns = 2 if len(cells) > ONE_COLUMN else 1
    head = Text(f"{'clause':24}{'judged':>6}{'breaches':>9}", "bold")
    yield Text(" ").join([head] * columns)
    height = -(-len(cells) // columns)
    yield from (Text(" ").join(cells[row::height]) for row in range(height))


def clause_cell(view: View, clause_id: str) -> Text:
    state = view.run.state(clause_id)
    judged = view.run.judged_total[clause_id]
    new, accepted = numbers(view.run.breaches_of(clause_id))
    breaches = f"{new or ''}{f' ({accepted})' if accepted else ''}"
    word = f"{state:11}", COLORS[state]
    return Text.assemble(f"{clause_id:13}", word, f"{judged:>6}{breaches:>9}")


def show_matrix(kills: Sequence["Kill"], console: Console, *, rules: bool) -> None:
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


def show_gate(result: GateResult, console: Console, *, verbose: bool = False) -> None:
    """Print the differences between two clients, the breaking ones first.

    All of them if `verbose` is set, else the first of each impact.
    """
    colors = {"breaking": "bold red", "fixed": "green", "neutral": "dim"}
    counts: Counter[str] = Counter()
    for item in result.differences:
        counts[item.impact] += 1
        if counts[item.impact] > MOST_DIFFERENCES and not verbose:
            continue
        text = clean(without_secrets(item.text), keys_of(item.example))
        text = cut(text, 200)
        where = title_of(item.example.case)
        line = f"{text} ({count(item.count, 'time')}; {where})"
        head = f"{item.impact:9}", colors[item.impact]
        console.print(Text.assemble(head, line), soft_wrap=True)
    for impact, number in counts.items():
        if number > MOST_DIFFERENCES and not verbose:
            more = f"{number - MOST_DIFFERENCES} more (see --verbose)"
            console.print(Text.assemble((f"{impact:9}", colors[impact]), more))
    if not result.differences:
        console.print("no difference")
    console.print(Text(f"{summary(result.old)}\n"), soft_wrap=True)


class Progress:
    """Callback of a run that shows how far it is.

    It writes to the standard error of the moment when it is made: what is written there
    later may count as the client's.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.stream, self.quiet = sys.stderr, quiet
        self.is_moving = self.stream.isatty()
        self.begin_s = self.drawn_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_moving:
            self.write("")

    def __call__(self, ledger: Ledger, scenario: str) -> None:
        now_s = time.monotonic()
        if now_s - self.drawn_s < (REDRAW_S if self.is_moving else LINE_S):
            return
        self.drawn_s = now_s
        exchanges = count(ledger.exchanges, "exchange")
        breaches = count(len(ledger.breaches), "breach", "breaches")
        seconds = f"{now_s - self.begin_s:.0f} s"
        self.write(f"{seconds}  {clean(scenario)}, {exchanges}, {breaches}")

    def write(self, line: str) -> None:
        if self.quiet:
            return
        width = shutil.get_terminal_size().columns - 1
        moving = f"\r{line:{width}.{width}}\r"
        self.stream.write(moving if self.is_moving else f"{line}\n")
        self.stream.flush()
