"""Rules, findings on exchanges, and the breaches that they are filed in."""

from dataclasses import dataclass
from urllib.parse import quote

from contract.model.exchange import AnyExchange
from contract.model.names import Danger, Kind, Level

# -- findings --

PLACE_LENGTH = 100


def quoted_place(place: str) -> str:
    """Return a place percent-encoded, as it stands in a breach id."""
    return quote(place, safe="/:$~{}", errors="replace")


def cut_place(place: str) -> str:
    """Return a quoted place of at most 100 characters, not cut within an escape."""
    text = place[:PLACE_LENGTH]
    escape = text.rfind("%", PLACE_LENGTH - 2)
    return text if escape < 0 else text[:escape]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to break a clause. Its name never depends on a generated value.

    `level` is set if it is milder than its clause.
    """

    name: str
    meaning: str
    danger: Danger = Danger.OTHER
    level: Level | None = None

    def at(self, place: object = "", message: str = "", **basis: bool) -> "Finding":
        """Return a finding at a JSON pointer, a header, a class or a site."""
        return self.at_any((str(place),), message or self.meaning, **basis)

    def at_any(
        self,
        places: tuple[str, ...],
        message: str,
        *,
        is_timed: bool = False,
        is_read: bool = False,
    ) -> "Finding":
        """Return a finding at one of several places.

        A generated case cannot tell which of its special things matters. The ledger
        files the finding under a place that is known already.
        """
        first, *others = [quoted_place(place) for place in places] or [""]
        return Finding(self, first, message, tuple(others), is_timed, is_read)


@dataclass(frozen=True, slots=True)
class Finding:
    """One clause broken by one exchange.

    `is_timed` means that it rests on a measured time, or on a call without an answer
    where another outcome was due. `is_read` means on what the service lists.
    """

    rule: Rule
    place: str
    message: str
    other_places: tuple[str, ...] = ()
    is_timed: bool = False
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """An observation that is counted and breaks nothing."""

    message: str


@dataclass(frozen=True)
class Breach:
    """All findings of one clause with the same rule and place.

    `example` is the smallest exchange, `count` their number. `kinds` are catalogue
    kinds only. `reason` is that of the accepted entry, which does not cover
    `new_kinds`. `reproducibility` says how often the example broke the clause again.
    `is_timed` means that all of its findings are. `lines` show the example of a breach
    that was read from a file.
    """

    clause_id: str
    rule: Rule
    place: str
    level: Level
    message: str
    example: AnyExchange
    count: int
    kinds: tuple[Kind, ...]
    sites: tuple[str, ...]
    is_accepted: bool = False
    reason: str = ""
    new_kinds: tuple[Kind, ...] = ()
    reproducibility: str = ""
    is_timed: bool = False
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Readable name, stable over seeds: `C-VALID/null-sent@/data/id`."""
        return f"{self.cause_id}@{self.place}"

    @property
    def cause_id(self) -> str:
        """Clause and rule: `C-VALID/null-sent`."""
        return f"{self.clause_id}/{self.rule.name}"
