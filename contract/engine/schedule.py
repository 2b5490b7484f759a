"""The schedule of a run: all enumerated cases, in order, with the sites of each.

The order is by diagnostic value, so that a budget cuts the least useful cases. Round 0
has one case of every scenario for services, and one of every kind for clients. Round 1
has the kinds that a scenario calls early, and cases in which several places are special
at once. Rounds 2 and 3 have all other kinds, round 4 further samples of each kind.
Generated cases and sequences come last. For each kind, a shorter profile plays a prefix
of the cases of a longer one, so that it sees nothing that the longer one misses.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from contract.cases.scenario import Scenario
from contract.engine.profile import Profile
from contract.model import AnyCase, Kind, ServiceCase, SubjectKind

LARGE_BODY = 100_000
"""Bytes of a raw body from which a case is played late."""

OPENING, EARLY, NORMAL, LATE, FURTHER = range(5)


@dataclass(frozen=True)
class ScheduledCase:
    """A case and the sites to play it on, in order."""

    case: AnyCase
    sites: tuple[str, ...]


@dataclass
class Rotation:
    """Sites that cases take in turn."""

    sites: tuple[str, ...]
    turn: int = 0

    def next_site(self) -> tuple[str, ...]:
        """Return the site whose turn it is."""
        site = self.sites[self.turn % len(self.sites)]
        self.turn += 1
        return (site,)

    def all_sites(self) -> tuple[str, ...]:
        """Return every site, beginning with the one whose turn it is."""
        start = self.turn % len(self.sites)
        self.turn += 1
        return self.sites[start:] + self.sites[:start]


@dataclass(frozen=True)
class Schedule:
    """Everything that a run plays.

    `generated` are the scenarios with a strategy, `stateful` those with a state
    machine. `kinds` is the catalogue of the run. `kinds_with_own_site` are the kinds
    whose cases name their sites themselves.
    """

    profile: Profile
    sites: tuple[str, ...]
    cases: tuple[ScheduledCase, ...]
    generated: tuple[Scenario, ...]
    stateful: tuple[Scenario, ...]
    kinds: tuple[Kind, ...]
    kinds_with_own_site: frozenset[Kind]
    rotation: Rotation = field(repr=False)

    @property
    def size(self) -> int:
        """The number of planned cases. A sequence counts as one."""
        scenarios = len(self.generated) + len(self.stateful)
        return len(self.cases) + self.profile.examples * scenarios

    def sites_of_generated(self, case: AnyCase) -> tuple[str, ...]:
        """Return the sites of a generated case."""
        if case.sites:
            return case.sites
        if self.profile.all_everywhere:
            return self.rotation.all_sites()
        return self.rotation.next_site()


def make_schedule(
    scenarios: Sequence[Scenario],
    profile: Profile,
    sites: tuple[str, ...],
    *,
    documented_sites: tuple[str, ...],
    kind: SubjectKind,
    is_real_time: bool,
) -> Schedule:
    """Return the schedule of a run.

    Cases that wait rotate over the sites where time is real (`is_real_time`). A case
    that names a documented site outside `sites` is left out.
    """
    rotation = Rotation(sites)
    entries = [
        (round_, number, scenario, case)
        for number, scenario in enumerate(scenarios)
        for round_, case in rounds(scenario, profile.samples, kind)
    ]
    entries.sort(key=lambda entry: entry[:2])
    outside = set(documented_sites) - set(sites)
    cases: list[ScheduledCase] = []
    opened: set[str] = set()
    for round_, _, scenario, case in entries:
        is_first = scenario.name not in opened
        is_waiting = scenario.waits and is_real_time
        is_kind = profile.kinds_everywhere and round_ < FURTHER
        if case.sites:
            chosen = tuple(site for site in case.sites if site not in outside)
        elif is_first or profile.all_everywhere or (is_kind and not is_waiting):
            chosen = rotation.all_sites()
        else:
            chosen = rotation.next_site()
        if chosen:
            opened.add(scenario.name)
            cases.append(ScheduledCase(case, chosen))
    kinds = {item.case.kind: item.case.sites for item in cases if item.case.kind}
    with_examples = scenarios if profile.examples else ()
    return Schedule(
        profile=profile,
        sites=sites,
        cases=tuple(cases),
        generated=tuple(s for s in with_examples if s.strategy is not None),
        stateful=tuple(s for s in with_examples if s.machine is not None),
        kinds=tuple(kinds),
        kinds_with_own_site=frozenset(kind for kind, own in kinds.items() if own),
        rotation=rotation,
    )


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
            is_late = scenario.is_late or is_large(case)
            is_late |= case.labels[0].value_class in scenario.late_classes
            yield (LATE if is_late else NORMAL), case


def is_large(case: AnyCase) -> bool:
    if not isinstance(case, ServiceCase) or case.override.body is None:
        return False
    parts = case.override.body
    return sum(len(part) for part in parts if isinstance(part, bytes)) > LARGE_BODY
