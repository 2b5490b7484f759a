"""Rules, findings and breaches."""

from dataclasses import dataclass
from urllib.parse import quote

from contract.model.exchange import AnyExchange
from contract.model.names import Danger, Kind, Level

PLACE_LENGTH = 100
PLACE_SAFE = "/:$~{}"


def safe_place(place: str) -> str:
    """Return a place as it stands in a breach id.

    It is percent-encoded, and cut to 100 characters, but not within an escape.
    """
    text = quote(place, safe=PLACE_SAFE, errors="replace")[:PLACE_LENGTH]
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

    def at(
        self, place: object = "", message: str = "", *, is_timed: bool = False
    ) -> "Finding":
        """Return a finding at a JSON pointer, a header, a class or a site."""
        return self.at_any((str(place),), message or self.meaning, is_timed=is_timed)

    def at_any(
        self, places: tuple[str, ...], message: str, *, is_timed: bool = False
    ) -> "Finding":
        """Return a finding at one of several places.

        A generated case cannot tell which of its special things matters. The ledger
        files the finding under a place that is known already.
        """
        first, *others = [safe_place(place) for place in places] or [""]
        return Finding(self, first, message, tuple(others), is_timed)


@dataclass(frozen=True, slots=True)
class Finding:
    """One clause broken by one exchange. `is_timed` means by a measured time."""

    rule: Rule
    place: str
    message: str
    other_places: tuple[str, ...] = ()
    is_timed: bool = False


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

    @property
    def id(self) -> str:
        """Readable name, stable over seeds: `C-VALID/null-sent@/data/id`."""
        return f"{self.cause_id}@{self.place}"

    @property
    def cause_id(self) -> str:
        """Clause and rule: `C-VALID/null-sent`."""
        return f"{self.clause_id}/{self.rule.name}"
