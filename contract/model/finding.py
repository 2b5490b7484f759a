"""Rules, findings and breaches."""

from dataclasses import dataclass
from urllib.parse import quote

from contract.model.exchange import AnyExchange
from contract.model.names import Danger, Kind, Level

PLACE_LENGTH = 100
PLACE_SAFE = "/:$~{}"


def safe_place(place: str) -> str:
    """Return a place in the characters that a breach id may have.

    Every other character is percent-encoded. At most 100 characters are kept, and
    an escape is never cut in two.
    """
    text = quote(place, safe=PLACE_SAFE, errors="replace")[:PLACE_LENGTH]
    escape = text.rfind("%", PLACE_LENGTH - 2)
    return text if escape < 0 else text[:escape]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to break a clause. Its name never depends on a generated value.

    `level` is set where the rule is milder than its clause.
    """

    name: str
    meaning: str
    danger: Danger = Danger.OTHER
    level: Level | None = None

    def at(
        self, place: str = "", message: str = "", *, is_timed: bool = False
    ) -> "Finding":
        """Return a finding at a JSON pointer, a header, a class or a site."""
        return Finding(
            self, safe_place(place), message or self.meaning, is_timed=is_timed
        )

    def at_any(
        self, places: tuple[str, ...], message: str, *, is_timed: bool = False
    ) -> "Finding":
        """Return a finding at one of several places.

        A generated case has several things that are special and cannot tell which one
        matters. The ledger files the finding under a place that is known already.
        """
        first, *others = [safe_place(place) for place in places] or [""]
        return Finding(self, first, message, tuple(others), is_timed)


@dataclass(frozen=True, slots=True)
class Finding:
    """One clause broken by one exchange.

    `is_timed` marks a finding that rests on a measured time.
    """

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

    `example` is the smallest exchange. `count` is the number of exchanges. `kinds`
    are catalogue kinds only. `reason` is the reason of the accepted entry, or empty.
    `new_kinds` are kinds that an accepted entry does not cover.
    `reproducibility` says how often the example broke the clause again.
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
