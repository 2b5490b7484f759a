"""The schedule of a run: all enumerated cases, in order, with the sites of each.

The order is by diagnostic value, so that a budget cuts the least useful cases. Round 0
has one case of every scenario for services, and one of every kind for clients. Round 1
has the kinds that a scenario calls early, and cases in which several places are special
at once. Rounds 2 and 3 have all other kinds, round 4 further samples. Generated cases
and sequences come last. Of each kind, a shorter profile plays a prefix of the cases of
a longer one.

A shard is a part of a schedule for one of several machines. Sites are chosen before.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from contract.cases.scenario import Scenario
from contract.engine.subject import Subject
from contract.errors import UsageError
from contract.model import AnyCase, Delivery, Kind, ServiceCase, SubjectKind

LARGE_BODY = 100_000
"""Bytes of a raw body from which a case is played late."""

OPENING, EARLY, NORMAL, LATE, FURTHER = range(5)


@dataclass(frozen=True)
class Profile:
    """Size of a run.

    `samples` counts the enumerated cases of a kind, `examples` the generated cases of a
    scenario. The first case of a scenario is played on every site, the first one of a
    kind with `kinds_everywhere`, all with `all_everywhere`. Others rotate over sites.
    """

    name: str
    samples: int
    examples: int
    kinds_everywhere: bool = False
    all_everywhere: bool = False


PROFILES = {
    "quick": Profile("quick", samples=1, examples=5),
    "ci": Profile("ci", samples=1_000, examples=100, kinds_everywhere=True),
    "nightly": Profile("nightly", samples=1_000, examples=2_000, all_everywhere=True),
}

PROOF = Profile("proof", samples=1, examples=0)
"""Profile of the proof that every fault is caught."""


@dataclass(frozen=True)
class ScheduledCase:
    """A case and its sites, in order. `waits` means that it takes time."""

    case: AnyCase
    sites: tuple[str, ...]
    waits: bool = False


@dataclass
class Rotation:
    sites: tuple[str, ...]

    def turn(self, is_everywhere: bool) -> tuple[str, ...]:
        """Return every site, or one. The first is the one whose turn it is."""
        sites = self.sites
        self.sites = sites[1:] + sites[:1]
        return sites if is_everywhere else sites[:1]


class Shard(NamedTuple):
    """Part `part` of `of`. The ids of its cases decide what is played."""

    part: int
    of: int

    def has(self, id_: str) -> bool:
        return int(id_, 16) % self.of == self.part - 1


def parse_shard(text: str | None) -> Shard | None:
    """Return the shard that `K/N` names. Raise UsageError."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text, re.ASCII)
    if match is None or int(match[1]) > int(match[2]):
        accepted = "must be K/N with K from 1 to N, such as 1/4"
        raise UsageError(f"--shard: {accepted}, is {text[:40]!r}")
    return Shard(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Schedule:
    """Everything that a run plays.

    `generated` has the scenarios with a strategy, then those with sequences. A
    sequence is in one shard, with all others of its scenario.
    """

    profile: Profile
    sites: tuple[str, ...]
    cases: tuple[ScheduledCase, ...]
    generated: tuple[Scenario, ...]
    shard: Shard | None = None

    @property
    def size(self) -> int:
        generated = self.profile.examples * len(self.generated)
        return len(self.cases) + generated // (self.shard.of if self.shard else 1)

    @cached_property
    def kinds(self) -> dict[Kind, tuple[str, ...]]:
        """The catalogue: kinds, with the sites that their cases name."""
        cases = (scheduled.case for scheduled in self.cases)
        return {case.kind: case.sites for case in cases if case.kind}

    def sites_of_generated(self, case: AnyCase, number: int) -> tuple[str, ...]:
        """Return the sites of a generated case. Its number decides whose turn it is."""
        one = (self.sites[number % len(self.sites)],)
        return case.sites or (self.sites if self.profile.all_everywhere else one)

    def part(self, shard: Shard) -> "Schedule":
        """Return the part of a shard. Sites stay as they were chosen for all cases."""
        cases = tuple(item for item in self.cases if shard.has(item.case.id))
        return replace(self, cases=cases, shard=shard)


def make_schedule(
    scenarios: Sequence[Scenario],
    profile: Profile,
    sites: tuple[str, ...],
    subject: Subject,
    documented_sites: tuple[str, ...],
) -> Schedule:
    """Return the schedule of a run.

    Cases that wait rotate over the sites where time is real and waits do not overlap.
    A case that names a documented site outside `sites` is left out.
    """
    rotation = Rotation(sites)
    entries = [
        (round_, scenario, case)
        for scenario in scenarios
        for round_, case in rounds(scenario, profile.samples, subject.kind)
    ]
    entries.sort(key=lambda entry: entry[0])
    outside = set(documented_sites) - set(sites)
    cases: list[ScheduledCase] = []
    opened: set[str] = set()
    for round_, scenario, case in entries:
        is_slow = subject.is_real_time and waits(scenario, case)
        if case.sites:
            chosen = tuple(site for site in case.sites if site not in outside)
        else:
            is_kind = profile.kinds_everywhere and round_ < FURTHER
            is_whole = subject.overlaps or not is_slow
            is_everywhere = profile.all_everywhere or (is_kind and is_whole)
            chosen = rotation.turn(is_everywhere or scenario.name not in opened)
        if chosen:
            opened.add(scenario.name)
            cases.append(ScheduledCase(case, chosen, is_slow))
    generated: list[Scenario] = []
    if profile.examples:
        generated += (s for s in scenarios if s.strategy)
        generated += (s for s in scenarios if s.sequence)
    return Schedule(profile, sites, tuple(cases), tuple(generated))


def rounds(
    scenario: Scenario, samples: int, kind: SubjectKind
) -> Iterator[tuple[int, AnyCase]]:
    """Yield the cases of a scenario that a profile plays, each with its round."""
    cases = [case.in_scenario(scenario.name) for case in scenario.cases()]
    opening = scenario.opening or (cases[0].title if cases else "")
    seen: Counter[Kind] = Counter()
    for case in cases:
        if case.kind is None:
            yield EARLY, case
            continue
        rank = len(seen)
        seen[case.kind] += 1
        if seen[case.kind] > samples:
            continue
        if seen[case.kind] > 1:
            yield FURTHER, case
        elif kind is SubjectKind.CLIENT or case.title == opening:
            yield OPENING, case
        elif rank < scenario.early:
            yield EARLY, case
        else:
            has_late_class = case.labels[0].value_class in scenario.late_classes
            is_late = scenario.is_late or has_late_class or is_large(case)
            yield (LATE if is_late else NORMAL), case


def waits(scenario: Scenario, case: AnyCase) -> bool:
    """Return whether a right client takes time for a case of a scenario."""
    if not scenario.waits or isinstance(case, ServiceCase):
        return scenario.waits
    first = case.first_call
    responses = (*case.responses, *((first.response,) if first else ()))
    deliveries = {response.delivery for response in responses}
    # These end at once.
    deliveries -= {Delivery.CUT, Delivery.RESET}
    return case.retry or not all(delivery.is_whole for delivery in deliveries)


def is_large(case: AnyCase) -> bool:
    parts = case.override.body or () if isinstance(case, ServiceCase) else ()
    return sum(len(part) for part in parts if isinstance(part, bytes)) > LARGE_BODY
