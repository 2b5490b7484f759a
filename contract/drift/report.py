"""The result of a comparison: every fact with all statements about it, worst first."""

from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.drift.compare import KINDS, Difference, Kind
from contract.drift.facts import Fact, Value, format_value
from contract.model import Json

__all__ = ["Contradiction", "Drift", "Row", "Witness"]

_STYLES = ("bold red", "red", "yellow", "cyan", "green")


@dataclass(frozen=True)
class Witness:
    """A source of facts, with a short name and the number of its facts."""

    name: str
    source: str
    facts: int


@dataclass(frozen=True)
class Contradiction:
    """A place where a witness makes two statements that exclude each other."""

    witness: str
    place: str
    message: str


@dataclass(frozen=True)
class Row:
    """A fact with the spec's statement and those of the witnesses, in their order."""

    fact: Fact
    spec: Value | None
    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class Drift:
    """All witnesses beside the spec."""

    witnesses: tuple[Witness, ...]
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def status(self) -> int:
        """The exit status: 1 if a difference breaks clients or services, else 0."""
        kinds = {difference.kind for difference in self.differences}
        return int(any(kind.startswith("breaking") for kind in kinds))

    def worst(self, fact: Fact) -> Kind | None:
        """Return the gravest kind of difference in a fact, or None if all agree."""
        kinds = {item.kind for item in self.differences if item.fact == fact}
        return next((kind for kind in KINDS if kind in kinds), None)

    def table(self, *, every: bool = False) -> Table:
        """Return a table of facts and witnesses that fits 80 columns, worst first.

        With `every`, it also has the facts on which all agree.
        """
        table = Table(pad_edge=False, show_edge=False)
        table.add_column("fact", overflow="fold", min_width=30)
        for name in ("spec", *(witness.name for witness in self.witnesses)):
            table.add_column(name, overflow="fold")
        for kind, style in zip((*KINDS, None), _STYLES, strict=True):
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

    def show(
        self,
        console: Console,
        *,
        every: bool = False,
    ) -> None:
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
        differ = ", ".join(counts) or "no difference"
        count = len(self.contradictions)
        return f"{agree} facts agree; {differ}; {count} contradictions within a witness"

    def to_json(self) -> dict[str, Json]:
        """Return the result as JSON, format 1."""
        return {
            "format": 1,
            "status": self.status,
            "witnesses": [asdict(witness) for witness in self.witnesses],
            "differences": [_difference(item) for item in self.differences],
            "contradictions": [asdict(item) for item in self.contradictions],
            "facts": [self._row(row) for row in self.rows],
        }

    def _row(self, row: Row) -> dict[str, Json]:
        names = [witness.name for witness in self.witnesses]
        values = zip(names, row.values, strict=True)
        witnesses = {name: value for name, value in values if value is not None}
        return {**asdict(row.fact), "spec": row.spec, "witnesses": witnesses}


def _difference(item: Difference) -> dict[str, Json]:
    fields = asdict(item)
    return {
        "kind": fields.pop("kind"),
        **fields.pop("fact"),
        **fields,
        "message": str(item),
    }
