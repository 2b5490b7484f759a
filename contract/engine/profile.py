"""Profiles: the number of cases of a run, and the sites of each case."""

from dataclasses import dataclass


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
