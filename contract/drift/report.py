"""The result of a comparison, worst first."""

from collections import Counter
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
    """A fact with the spec's statement, and those of witnesses by their names."""

    fact: Fact
    spec: Value | None
    values: dict[str, Value]


class Drift(NamedTuple):
    """All witnesses beside the spec. The worst difference is first."""

    witnesses: tuple[Witness, ...]
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def status(self) -> int:
        """The exit status: 1 if a difference breaks clients or services, else 0."""
        return int(any(item.kind.startswith("breaking") for item in self.differences))

    @property
    def kinds(self) -> dict[Fact, Kind]:
        """The gravest kind of difference in a fact."""
        return {item.fact: item.kind for item in reversed(self.differences)}

    def table(self, *, every: bool = False) -> Table:
        """Return a table of facts and witnesses that fits 80 columns, worst first.

        With `every`, it also has the facts on which all agree.
        """
        table = Table(pad_edge=False, show_edge=False)
        table.add_column("fact", overflow="fold", min_width=30)
        names, kinds = [item.name for item in self.witnesses], self.kinds
        for name in ("spec", *names):
            table.add_column(name, overflow="fold")
        for kind, style in zip((*KINDS, None), STYLES, strict=True):
            rows = [row for row in self.rows if kinds.get(row.fact) == kind]
            if rows and (kind or every):
                table.add_row(Text(kind or "agree", style))
                for fact, spec, by_name in rows:
                    values = (spec, *map(by_name.get, names))
                    texts = [format_value(fact, value) for value in values]
                    table.add_row(*map(Text, (str(fact), *texts)))
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
        facts = {row.fact for row in self.rows if row.spec is not None}
        counts = Counter(item.kind for item in self.differences)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        agree = f"{len(facts - self.kinds.keys())} facts agree"
        contradictions = f"{len(self.contradictions)} contradictions within a witness"
        return "; ".join((agree, kinds or "no difference", contradictions))

    def to_json(self) -> Json:
        """Return the result as JSON, format 1."""
        return {
            "format": 1,
            "status": self.status,
            "witnesses": [witness._asdict() for witness in self.witnesses],
            "differences": [difference_to_json(item) for item in self.differences],
            "contradictions": [item._asdict() for item in self.contradictions],
            "facts": [
                {**fact._asdict(), "spec": spec, "witnesses": values}
                for fact, spec, values in self.rows
            ],
        }


def difference_to_json(item: Difference) -> Json:
    members = item._asdict()
    fact = members.pop("fact")._asdict()
    return {"kind": item.kind, **fact, **members, "message": str(item)}
