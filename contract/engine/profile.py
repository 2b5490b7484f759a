"""Profiles: the number of cases of a run, and the sites of each case."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Size of a run.

    `samples` is the number of enumerated cases of a kind, `examples` the number of
    generated cases of a scenario. The first case of a scenario is played on every
    site. `kinds_everywhere` does the same with the first case of each kind,
    `all_everywhere` with every case. All other cases rotate over the sites.
    """

    name: str
    samples: int
    examples: int
    kinds_everywhere: bool = False
    all_everywhere: bool = False


PROFILES = {
    "quick": Profile("quick", samples=1, examples=5),
    "ci": Profile("ci", samples=1_000, examples=100, kinds_everywhere=True),
    "nightly": Profile(
        "nightly",
        samples=1_000,
        examples=2_000,
        kinds_everywhere=True,
        all_everywhere=True,
    ),
}

PROOF = Profile("proof", samples=1, examples=0)
"""Profile of the proof that every fault is caught."""
