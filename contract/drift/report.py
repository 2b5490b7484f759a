"""The result of a comparison: every fact with all statements about it, worst first."""

from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.drift.compare import KINDS, Difference, Kind
from contract.drift.facts import Fact, Value, format_value
from contract.model import Json

STYLES = ("bold red", "red", "yellow", "cyan", "green")


class Witness(NamedTuple):
    """A source of facts, with a short name and the number of its facts."""

    name: str
    source: str
    facts: int


class Contradiction(NamedTuple):
    """A place where a witness makes two statements that exclude each other."""

    witness: str
    place: str
    message: str


class Row(NamedTuple):
    """A fact with the spec's statement and those of the witnesses, in their order."""

    fact: Fact
    spec: Value | None
    values: tuple[Value | None, ...]


class Drift(NamedTuple):
    """All witnesses beside the spec."""

    witnesses: tuple[Witness, ...]
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def status(self) -> int:
        """The exit status: 1 if a difference breaks clients or services, else 0."""
        return int(any(item.kind.startswith("breaking") for item in self.differences))

    def worst(self, fact: Fact) -> Kind | None:
        """Return the gravest kind of difference in a fact, or None if all agree."""
        kinds = {item.kind for item in self.differences if item.fact == fact}
        return min(kinds, key=KINDS.index, default=None)

    def table(self, *, every: bool = False) -> Table:
        """Return a table of facts and witnesses that fits 80 columns, worst first.

        With `every`, it also has the facts on which all agree.
        """
        table = Table(pad_edge=False, show_edge=False)
        table.add_column("fact", overflow="fold", min_width=30)
        for name in ("spec", *(witness.name for witness in self.witnesses)):
            table.add_column(name, overflow="fold")
        for kind, style in zip((*KINDS, None), STYLES, strict=True):
            rows = [row for row in self.rows if self.worst(row.fact) == kind]
            if not rows or not (kind or every):
                continue
            table.add_row(Text(kind or "agree", style))
            for row in rows:
                values = (row.spec, *row.values)
                texts = [format_value(row.fact, value) for value in values]
                table.add_row(*map(Text, (str(row.fact), *texts)))
            table.add_section()
        return table

    def show(self, console: Console, *, every: bool = False) -> None:
        """Print witnesses, table and contradictions. No text counts as markup."""
        for witness in self.witnesses:
            line = f"{witness.name}: {witness.source}, {witness.facts} facts"
            console.print(Text(line), soft_wrap=True)
        if self.differences or every:
            console.print()
            console.print(self.table(every=every))
        for item in self.contradictions:
            label = (f"{item.witness} contradicts itself: ", "magenta")
            console.print(Text.assemble(label, f"{item.place}: {item.message}"))
        console.print(self.summary())

    def summary(self) -> str:
        """Return one line with all counts."""
        rows = [row for row in self.rows if row.spec is not None]
        agree = sum(self.worst(row.fact) is None for row in rows)
        kinds = [difference.kind for difference in self.differences]
        counts = [f"{kinds.count(kind)} {kind}" for kind in KINDS if kind in kinds]
        parts = (
            f"{agree} facts agree",
            ", ".join(counts) or "no difference",
            f"{len(self.contradictions)} contradictions within a witness",
        )
        return "; ".join(parts)

    def to_json(self) -> Json:
        """Return the result as JSON, format 1."""
        return {
            "format": 1,
            "status": self.status,
            "witnesses": [witness._asdict() for witness in self.witnesses],
            "differences": [difference_to_json(item) for item in self.differences],
            "contradictions": [item._asdict() for item in self.contradictions],
            "facts": [self.row_to_json(row) for row in self.rows],
        }

    def row_to_json(self, row: Row) -> Json:
        names = [witness.name for witness in self.witnesses]
        values = zip(names, row.values, strict=True)
        witnesses = {name: value for name, value in values if value is not None}
        return {**row.fact._asdict(), "spec": row.spec, "witnesses": witnesses}


def difference_to_json(item: Difference) -> Json:
    others = item._asdict()
    fact = others.pop("fact")._asdict()
    return {"kind": item.kind, **fact, **others, "message": str(item)}
