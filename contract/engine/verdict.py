"""What a run has found: breaches by fingerprint, what was judged and what was not, and the verdict of it all."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from contract.clauses import Clause
from contract.engine.coverage import Coverage
from contract.model import Breach, Exchange, Finding

__all__ = ["Verdict", "fingerprint", "merged"]

Word = Literal["holds", "broken", "unknown"]


@dataclass
class Verdict:
    """What a run has found; `breaches` by fingerprint, `judged_on` exchanges by clause id and site.

    `notes` counts what was seen and breaks nothing. `pruned` names accepted breaches that were not seen again.
    `reasons` says why a clause could not be judged where the subject knows. `left` holds the ids of snapshots that
    could not be removed. `interrupted` says why the run ended early. `share` is how much of what was planned has
    been played, where a budget ended it. `changes` says how the answers differ from those of the run before.
    `arguments` is how a command line names the subject.
    """

    kind: Literal["client", "service"]
    name: str
    version: str
    profile: str
    seed: int
    sites: tuple[str, ...]
    clauses: tuple[Clause, ...]
    coverage: Coverage
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    exchanges: int = 0
    interrupted: str = ""
    share: float = 1.0
    changes: list[str] = field(default_factory=list)
    strict: bool = False
    arguments: str = ""
    cases: set[str] = field(default_factory=set)
    judged_on: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaches: dict[str, Breach] = field(default_factory=dict)
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    unplayed: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    parts: list["Verdict"] = field(default_factory=list)

    @property
    def judged(self) -> Counter[str]:
        """How many exchanges each clause has judged, by its id."""
        found: Counter[str] = Counter()
        for (clause_id, _), count in self.judged_on.items():
            found[clause_id] += count
        return found

    @property
    def counting(self) -> list[Breach]:
        """The breaches that make the verdict: not accepted, and of a `must` unless the run is strict."""
        return [
            each
            for each in self.breaches.values()
            if not each.accepted and (self.strict or each.level == "must")
        ]

    @property
    def verdict(self) -> Word:
        """`broken` by any breach that counts, `unknown` where no `must` clause was judged, else `holds`."""
        if self.counting or any(each.verdict == "broken" for each in self.parts):
            return "broken"
        if self.interrupted or any(each.verdict == "unknown" for each in self.parts):
            return "unknown"
        if self.left:
            return "broken"
        judged = self.judged
        return (
            "holds"
            if any(judged[each.id] for each in self.clauses if each.level == "must")
            else "unknown"
        )

    @property
    def not_judged(self) -> dict[str, str]:
        """Return the clauses that no exchange concerned, each with the reason."""
        reason = (
            "; ".join(dict.fromkeys(self.unplayed.values()))
            or "no case of this run concerns it"
        )
        known = {
            name: text for part in self.parts for name, text in part.not_judged.items()
        } | self.reasons
        judged = self.judged
        return {
            each.id: known.get(each.id, reason)
            for each in self.clauses
            if not judged[each.id]
        }

    @property
    def gap_reason(self) -> str:
        """Why keywords were not exercised."""
        if self.kind == "service":
            return "what a service answers is its own choice"
        cut = [
            *map("{} was stopped".format, self.stopped),
            *self.unplayed.values(),
            self.interrupted,
        ]
        return (
            "; ".join(dict.fromkeys(filter(None, cut)))
            or f"profile {self.profile} plays too few cases"
        )

    def found(self, clause: Clause) -> list[Breach]:
        """Return the breaches of one clause."""
        return [each for each in self.breaches.values() if each.clause == clause.id]

    def statement(self, clause_id: str) -> str:
        """Return the sentence of a clause of this run."""
        return next(each.statement for each in self.clauses if each.id == clause_id)

    def assert_holds(self) -> None:
        """Raise AssertionError, with every breach that counts in its message, unless the verdict holds."""
        if self.verdict != "holds":
            reasons = [
                f"{name} is not judged: {reason}"
                for name, reason in self.not_judged.items()
            ]
            found = [f"{each.clause}: {each.message}" for each in self.counting]
            raise AssertionError(
                "\n".join([f"{self.name}: {self.verdict}", *(found or reasons)])
            )


def merged(parts: list[Verdict]) -> Verdict:
    """Return the verdict of several runs with the same profile and seed, the first one's kind."""
    first = parts[0]
    whole = Verdict(
        first.kind,
        " and ".join(part.name for part in parts),
        first.version,
        first.profile,
        first.seed,
        tuple(dict.fromkeys(site for part in parts for site in part.sites)),
        tuple(clause for part in parts for clause in part.clauses),
        first.coverage,
        started=first.started,
        seconds=sum(part.seconds for part in parts),
        exchanges=sum(part.exchanges for part in parts),
        interrupted="; ".join(part.interrupted for part in parts if part.interrupted),
        left=tuple(name for part in parts for name in part.left),
        parts=parts,
    )
    for part in parts:
        whole.cases |= part.cases
        whole.judged_on += part.judged_on
        whole.breaches |= part.breaches
        whole.notes += part.notes
        whole.stopped += part.stopped
    return whole


def fingerprint(clause: Clause, problem: Finding, kind: str, exchange: Exchange) -> str:
    """Name a breach: stable over seeds, the same for the same defect."""
    site = exchange.case.site if clause.per_site else ""
    parts = (
        clause.id,
        problem.pointer,
        problem.keyword,
        kind,
        exchange.outcome.kind,
        site,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
