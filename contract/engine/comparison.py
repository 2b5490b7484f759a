"""The gate: two versions of a client play the same cases, side by side.

Each case is played on the old client, then on the new one. Cases in which the old one
did not get through are newly reached: the new one may break clauses there that the old
one never came to, so that a breach only seen there is a warning.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from contract.engine.job import Job
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.subject import Subject
from contract.engine.traits import Change, Volatility
from contract.engine.verdict import Verdict
from contract.model import (
    AnyCase,
    AnyExchange,
    Breach,
    Danger,
    Kind,
    Level,
    OutcomeKind,
)

SAME = "the old client does the same"
NEWLY_REACHED = "newly reached: the old client did not get so far"
NOTHING_COMPARED = "no case was played to its end by the old client"


FEWEST_CALLS = 20
"""Calls of the new client that show that the old one never calls a site."""


class Impact(StrEnum):
    """Meaning of a difference for callers of the client."""

    BREAKING = "breaking"
    WARNING = "warning"
    FIXED = "fixed"
    NEUTRAL = "neutral"
    VOLATILE = "volatile"


@dataclass(frozen=True)
class Difference:
    """One difference. `count` is the number of exchanges, `example` one of them."""

    impact: Impact
    text: str
    example: AnyExchange
    count: int
    is_newly_reached: bool = False


@dataclass(frozen=True)
class GateResult:
    """Both verdicts and the differences, breaking ones first.

    In the new verdict the breaches that the old client has too are accepted, unless
    they occur in kinds or on sites where the old client has none. So are those of
    newly reached exchanges that are only a warning. `newly_reached` is the number of
    these exchanges.
    """

    old: Verdict
    new: Verdict
    differences: tuple[Difference, ...]
    newly_reached: int = 0


def compare(old: Subject, new: Subject, job: Job, sites: tuple[str, ...]) -> GateResult:
    """Play the same cases on both clients. Compare requests, outcomes and breaches."""
    before, after = job.runner(old, sites), job.runner(new, sites)
    gate = Gate(before, after)
    before.observer = gate.play_new
    with after.ledger.recording():
        before.play_all()
        after.confirm({item.case.scenario for item in after.schedule.cases})
    return gate.result(job.verdict(before), job.verdict(after))


KindOnSite: TypeAlias = tuple[Kind | None, str]

Sightings: TypeAlias = dict[str, set[KindOnSite]]
"""By breach id the kinds and sites in which a breach was seen."""


def note_breaches(
    sightings: Sightings, ledger: Ledger, case: AnyCase, sites: Container[str]
) -> None:
    """Add the breaches of the last case of a ledger on some sites."""
    for breach_id, names in ledger.case_sites.items():
        if places := {(case.kind, site) for site in names if site in sites}:
            sightings.setdefault(breach_id, set()).update(places)


class Gate:
    """Comparison of two runs that goes on case by case.

    `earlier` are the breaches of the old client. Those of the new one are `common` in
    exchanges that both clients played, and `reached` in newly reached ones. The old
    client sent requests to the sites `called_before`, the new one to those of `calls`.
    """

    def __init__(self, old: Runner, new: Runner) -> None:
        self.old, self.new = old, new
        self.compared = self.newly_reached = 0
        self.earlier: Sightings = {}
        self.common: Sightings = {}
        self.reached: Sightings = {}
        self.changes: Counter[Change] = Counter()
        self.examples: dict[Change, AnyExchange] = {}
        self.called_before: set[str] = set()
        self.calls: dict[str, list[AnyExchange]] = {}
        self.volatility = Volatility(new.spec)

    def play_new(
        self, case: AnyCase, sites: Sequence[str], exchanges: Sequence[AnyExchange]
    ) -> None:
        """Play a case on the new client after the old one, and compare."""
        ledger = self.new.ledger
        before = {exchange.site: exchange for exchange in exchanges}
        note_breaches(self.earlier, self.old.ledger, case, before)
        common = set()
        for later in self.new.play(case, sites):
            earlier = before.get(later.site)
            if earlier and earlier.requests:
                self.called_before.add(later.site)
            elif later.requests:
                self.calls.setdefault(later.site, []).append(later)
            if earlier is None or fell_short(earlier):
                self.newly_reached += 1
                continue
            common.add(later.site)
            self.compared += 1
            sides = (self.old, earlier), (self.new, later)
            for change in self.volatility.changes(*sides):
                self.changes[change] += 1
                self.examples.setdefault(change, later)
        note_breaches(self.common, ledger, case, common)
        note_breaches(self.reached, ledger, case, {*sites} - common)
        if ledger.is_stopped and not self.old.ledger.is_stopped:
            self.old.ledger.stop_reason = "the new client ended early"

    def result(self, before: Verdict, after: Verdict) -> GateResult:
        """Return the result. An old client that was cut off leaves it unknown."""
        problem = ""
        if before.interrupted:
            problem = f"the old client ended early: {before.interrupted}"
        elif not self.compared:
            problem = NOTHING_COMPARED
        counted = {breach.id for breach in before.breaches}
        for breach_id in self.earlier.keys() - counted:
            del self.earlier[breach_id]
        items = [
            *self.breach_differences(after),
            *self.new_sites(),
            *fixed(before, after),
            *self.neutral(),
        ]
        items.sort(key=lambda item: list(Impact).index(item.impact))
        after = replace(
            after,
            breaches=tuple(map(self.mark, after.breaches)),
            interrupted=after.interrupted or problem,
            cut_off=Counter(after.cut_off) | Counter(before.cut_off),
        )
        return GateResult(before, after, tuple(items), self.newly_reached)

    def fresh(self, breach: Breach, seen: Sightings) -> set[KindOnSite]:
        """Return kinds and sites in which only the new client has a breach.

        Of a breach that the old client has, too, cases without a kind tell nothing.
        """
        places = seen.get(breach.id, set())
        if breach.id not in self.earlier:
            return places
        return {(kind, site) for kind, site in places - self.earlier[breach.id] if kind}

    def is_breaking(self, breach: Breach) -> bool:
        """Return whether the breach is new to callers of the old client.

        In newly reached exchanges it is so only if keys are at risk.
        """
        if self.fresh(breach, self.common):
            return True
        is_risk = breach.rule.danger is Danger.KEYS_AT_RISK
        return is_risk and breach.id not in self.earlier

    def mark(self, breach: Breach) -> Breach:
        """Accept a breach that the old client has too, or never came to."""
        if breach.is_accepted:
            return breach
        if self.is_breaking(breach):
            return replace(breach, new_kinds=self.new_kinds(breach))
        is_reached = self.fresh(breach, self.reached)
        reason = NEWLY_REACHED if is_reached else SAME
        return replace(breach, is_accepted=True, reason=reason)

    def new_kinds(self, breach: Breach) -> tuple[Kind, ...]:
        """Return the kinds in which the old client does not have its breach."""
        if breach.id not in self.earlier:
            return ()
        places = self.fresh(breach, self.common)
        kinds = {kind for kind, _ in places if kind}
        old_kinds = {kind for kind, _ in self.earlier[breach.id]}
        return tuple(sorted(kinds - old_kinds))

    def breach_differences(self, after: Verdict) -> Iterator[Difference]:
        for breach in after.breaches:
            common = self.fresh(breach, self.common)
            places = common or self.fresh(breach, self.reached)
            if breach.is_accepted or not places:
                continue
            is_breaking = self.is_breaking(breach)
            impact = Impact.BREAKING if is_breaking else Impact.WARNING
            if breach.level is not Level.MUST:
                impact = Impact.NEUTRAL
            yield Difference(
                impact,
                self.text(breach, places),
                breach.example,
                breach.count,
                is_newly_reached=not common,
            )

    def new_sites(self) -> Iterator[Difference]:
        """Yield the sites that the new client calls and the old one never did."""
        for site, exchanges in self.calls.items():
            if site not in self.called_before and len(exchanges) >= FEWEST_CALLS:
                text = f"{site}: the old client never calls this site"
                yield Difference(Impact.FIXED, text, exchanges[0], len(exchanges))

    def text(self, breach: Breach, places: set[KindOnSite]) -> str:
        """Describe a breach. One that the old client has, too, is new somewhere."""
        if breach.id not in self.earlier:
            return f"{breach.id}: {breach.message}"
        where, names = "new kinds", [str(kind) for kind in self.new_kinds(breach)]
        if not names:
            where, names = "new places", sorted({site for _, site in places})
        more = f" and {len(names) - 3} more" if names[3:] else ""
        return f"{breach.id} in {where}: {', '.join(names[:3])}{more}"

    def neutral(self) -> Iterator[Difference]:
        volatile = self.volatility
        for change, example in self.examples.items():
            if change.trait not in volatile.clients:
                count = self.changes[change]
                yield Difference(Impact.NEUTRAL, str(change), example, count)
        for trait, example in volatile.examples.items():
            clients = " and ".join(sorted(volatile.clients[trait], reverse=True))
            text = f"The {trait} differs from call to call of the {clients} client."
            count = volatile.counts[trait]
            yield Difference(Impact.VOLATILE, text, example, count)


def fixed(before: Verdict, after: Verdict) -> Iterator[Difference]:
    """Yield breaches of the old client that a whole run of the new one lacks."""
    if after.interrupted or after.cut_off:
        return
    ids = {breach.id for breach in after.breaches}
    for breach in before.breaches:
        if breach.id not in ids:
            text = f"{breach.id}: {breach.message}"
            yield Difference(Impact.FIXED, text, breach.example, breach.count)


def fell_short(exchange: AnyExchange) -> bool:
    """Return whether a client crashed, refused a valid call or could not express it."""
    kind = exchange.outcome.kind
    if kind is OutcomeKind.REFUSED:
        return exchange.case.violation is None
    return kind in (OutcomeKind.CRASHED, OutcomeKind.UNSUPPORTED)
