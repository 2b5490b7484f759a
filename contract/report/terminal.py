"""The terminal: a view, the tables of `prove` and `gate`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from contract.engine.comparison import Difference, GateResult
from contract.engine.verdict import Cause, Verdict
from contract.model import SubjectKind
from contract.redaction import without_secrets
from contract.report.example import (
    LABEL_WIDTH,
    LINE,
    WIDTH,
    example_lines,
    replay_line,
    title_of,
)
from contract.report.format import clean, count, cut
from contract.report.view import (
    View,
    difference_text,
    numbers,
    occurrences,
    remarks,
    severity,
    state_of,
    summary,
)

if TYPE_CHECKING:  # most runs prove and compare nothing
    from contract.drift import Drift
    from contract.faults import Kill

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

IMPACTS = {
    "breaking": ("bold red", 20),
    "warning": ("yellow", 2),
    "fixed": ("green", 2),
    "neutral": ("dim", 2),
    "volatile": ("dim", 2),
}
"""The color of each impact, and the most differences without --verbose."""


AGREE = "agree"
DRIFT_COLORS = {
    "breaking for clients": "bold red",
    "breaking for services": "red",
    "compatible": "yellow",
    "editorial": "cyan",
    AGREE: "green",
}


def show(view: View, console: Console, *, verbose: bool = False) -> None:
    """Print the view, with `verbose` every breach in full.

    The table of clauses and the summary come last, on one screen, and a row for each of
    several clients. After a comparison, unless it failed, only the lines that replay
    what counts stand before the summary.
    """
    run = view.run
    total = Text.assemble((run.verdict, "bold"), ": ", summary(run))
    if view.comparison and not verbose and run.verdict != "unknown":
        counted = list(filter(run.is_counted, run.causes))[:MOST_IN_FULL]
        for line in (*(replay_line(c.example, run) for c in counted), total):
            console.print(line, soft_wrap=True, highlight=False, markup=False)
        return
    lines = [*cause_lines(view, verbose=verbose), *remark_lines(view)]
    parts = view.run.parts
    are_clients = all(part.kind is SubjectKind.CLIENT for part in parts)
    rows = map(part_row, parts if are_clients else ())
    for line in (*lines, *clause_table(view), *rows, total):
        console.print(line, soft_wrap=True)


def explain(view: View) -> str:
    """Return the causes as plain text."""
    return "\n".join(line.plain for line in cause_lines(view)).strip("\n")


def cause_lines(view: View, *, verbose: bool = False) -> Iterator[Text]:
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


def part_row(part: Verdict) -> Text:
    is_run = any(part.judged_total.values())
    state = part.verdict if is_run else "not run"
    details = [count(len(part.sites), "site")] if is_run else []
    details += (f"{cause.id}: {cause.example.message}" for cause in part.causes)
    text = cut("; ".join([*details, *part.skipped.values()]), 300)
    color = COLORS.get(state, "dim")
    return Text.assemble(f"{part.name:30}", (f"{state:9}", color), text)


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

    All of them if `verbose` is set, else the first of each impact. Breaches that only
    newly reached exchanges have stand apart.
    """
    reached = [item for item in result.differences if item.is_newly_reached]
    others = [item for item in result.differences if not item.is_newly_reached]
    print_differences(others, console, verbose=verbose)
    if all(item.impact == "volatile" for item in others):
        console.print("no difference" if not others else "no other difference")
    if result.newly_reached:
        exchanges = count(result.newly_reached, "exchange")
        console.print(
            f"newly reached: {exchanges} in which the old client crashed, refused a "
            f"valid call or could not express it",
            soft_wrap=True,
        )
        print_differences(reached, console, verbose=verbose)
    console.print(Text(f"old: {summary(result.old)}"), soft_wrap=True)


def print_differences(
    items: Sequence[Difference], console: Console, *, verbose: bool
) -> None:
    for impact, group in groupby(items, attrgetter("impact")):
        members, (color, most) = list(group), IMPACTS[impact]
        lines = [
            f"{difference_text(item)} ({count(item.count, 'time')}; "
            f"{title_of(item.example.case)})"
            for item in (members if verbose else members[:most])
        ]
        if len(members) > len(lines):
            lines.append(f"{len(members) - len(lines)} more (see --verbose)")
        for line in lines:
            head = f"{impact:8} ", color
            console.print(Text.assemble(head, line), soft_wrap=True)


def show_drift(result: "Drift", console: Console, *, every: bool = False) -> None:
    """Print the differences, the worst first, a line for each statement.

    A long line is left to the terminal: nothing is cut. `every` adds facts on which all
    agree.
    """

    def show_line(line: str, style: str = "") -> None:
        text = clean(without_secrets(line))
        console.print(Text(text, style), soft_wrap=True)

    for witness in result.witnesses:
        show_line(f"{witness.name}: {witness.source}, {witness.facts} facts")
        if witness.remark:
            show_line(f"  {witness.remark}")
    kinds = result.kinds
    for kind, style in DRIFT_COLORS.items():
        rows = [row for row in result.rows if kinds.get(row.fact, AGREE) == kind]
        if not rows or (kind == AGREE and not every):
            continue
        console.print()
        show_line(kind, style)
        for row in rows:
            show_line(f"  {row.fact}")
            for value, names in row.statements.items():
                show_line(f"    {', '.join(names)}: {value}")
    if result.contradictions:
        console.print()
    for item in result.contradictions:
        show_line(f"{item.witness} contradicts itself: {item.place}: {item.message}")
    console.print()
    facts = {row.fact for row in result.rows if row.spec is not None}
    counts = Counter(item.kind for item in result.differences)
    differences = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    agree = f"{len(facts - kinds.keys())} facts agree"
    contradictions = f"{len(result.contradictions)} contradictions within a witness"
    show_line("; ".join((agree, differences or "no difference", contradictions)))
