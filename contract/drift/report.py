"""What drift has found: every fact beside what each witness says of it, and the differences, worst first."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.drift.compare import KINDS, Difference, Kind
from contract.drift.facts import Contradiction, Fact, Value, shown
from contract.model import Json

__all__ = ["Drift", "Row", "Witness"]

_STYLES: dict[str, str] = dict(
    zip(KINDS, ("bold red", "red", "yellow", "cyan"), strict=True)
)


@dataclass(frozen=True)
class Witness:
    """Who says something of the contract: a short name, where it was read, and how many facts it has."""

    name: str
    source: str
    facts: int


@dataclass(frozen=True)
class Row:
    """One fact: what the spec says, and what each witness says, in order; None where one says nothing."""

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
        """The exit status: 1 where a difference breaks clients or services, else 0 (they are shown all the same)."""
        return int(any(each.kind.startswith("breaking") for each in self.differences))

    def worst(self, fact: Fact) -> Kind | None:
        """Return the gravest kind of what differs in a fact; None where all agree."""
        found = {each.kind for each in self.differences if each.fact == fact}
        return next((kind for kind in KINDS if kind in found), None)

    def table(self, *, every: bool = False) -> Table:
        """Return fact × witness: what differs, worst first; with `every`, also what agrees. Fits 80 columns."""
        table = Table(pad_edge=False, show_edge=False)
        table.add_column("fact", overflow="fold", min_width=30)
        for name in ("spec", *(each.name for each in self.witnesses)):
            table.add_column(name, overflow="fold")
        for kind in (*KINDS, None) if every else KINDS:
            rows = [row for row in self.rows if self.worst(row.fact) == kind]
            if rows:
                table.add_row(Text(kind or "agree", _STYLES.get(kind or "", "green")))
            for row in rows:
                said = [shown(row.fact, value) for value in (row.spec, *row.values)]
                table.add_row(*map(Text, (str(row.fact), *said)))
            if rows:
                table.add_section()
        return table

    def show(self, console: Console, *, every: bool = False) -> None:
        """Print who was read, the table and the contradictions; no text of a witness are taken for markup."""
        for witness in self.witnesses:
            console.print(
                Text(f"{witness.name}: {witness.source}, {witness.facts} facts"),
                soft_wrap=True,
            )
        if self.differences or every:
            console.print()
            console.print(self.table(every=every))
        for doubt in self.contradictions:
            who = (f"{doubt.witness} contradicts itself: ", "magenta")
            console.print(Text.assemble(who, f"{doubt.place}: {doubt.message}"))
        console.print(self.summary())

    def summary(self) -> str:
        """Return one line with all counts."""
        agree = sum(
            row.spec is not None and self.worst(row.fact) is None for row in self.rows
        )
        kinds = [
            (sum(each.kind == kind for each in self.differences), kind)
            for kind in KINDS
        ]
        found = (
            ", ".join(f"{count} {kind}" for count, kind in kinds if count)
            or "no difference"
        )
        return f"{agree} facts agree; {found}; {len(self.contradictions)} contradictions within a witness"

    def to_json(self) -> dict[str, Json]:
        """Return it all as JSON, format 1."""
        return {
            "format": 1,
            "status": self.status,
            "witnesses": [
                {"name": each.name, "source": each.source, "facts": each.facts}
                for each in self.witnesses
            ],
            "differences": [
                {
                    "kind": each.kind,
                    **_fact(each.fact),
                    "witness": each.witness,
                    "against": each.against,
                    "old": _json(each.old),
                    "new": _json(each.new),
                    "message": str(each),
                }
                for each in self.differences
            ],
            "contradictions": [
                {"witness": each.witness, "place": each.place, "message": each.message}
                for each in self.contradictions
            ],
            "facts": [
                {
                    **_fact(row.fact),
                    "spec": _json(row.spec),
                    "witnesses": {
                        name: _json(value)
                        for name, value in self._named(row)
                        if value is not None
                    },
                }
                for row in self.rows
            ],
        }

    def _named(self, row: Row) -> Iterator[tuple[str, Value | None]]:
        return (
            (witness.name, value)
            for witness, value in zip(self.witnesses, row.values, strict=True)
        )


def _fact(fact: Fact) -> dict[str, Json]:
    return {"part": fact.part, "place": fact.place, "aspect": fact.aspect}


def _json(value: Value | None) -> Json:
    return list(value) if isinstance(value, tuple) else value
