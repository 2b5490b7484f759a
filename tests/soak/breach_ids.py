"""Breach ids do not depend on the seed, and a quick run shows a part of them.

    python -m tests.soak.breach_ids faults [FAULT ...]      seeds 1 and 2, about an hour
    python -m tests.soak.breach_ids drivers [DRIVER ...]    seeds 1 to 5

Each subject is played with the profiles ci and quick and every seed. A line says for
each one how many ids it has, and one more for each id that differs. Exit status 1 if
some do. A driver that cannot be built here is named and left out.
"""

import multiprocessing
import sys
from collections.abc import Callable
from functools import partial

from contract.api import check_client
from contract.drivers.building import DRIVERS, driver_command
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, make_schedule
from contract.errors import ContractError
from contract.faults import CLAUSES, FAULTS, is_played, scenarios_of, subject_of
from contract.spec import load

__all__ = ["compare"]

SEEDS = {"faults": (1, 2), "drivers": (1, 2, 3, 4, 5)}


def ids_of_fault(name: str, profile: str, seed: int) -> frozenset[str]:
    """Return the breach ids that a fault causes."""
    spec = load()
    (fault,) = (item for item in FAULTS if item.id == name)
    scenarios, clauses = scenarios_of(fault.side, spec), CLAUSES[fault.side]
    with subject_of(fault) as (subject, sites):
        schedule = make_schedule(
            [item for item in scenarios if is_played(fault, item)],
            PROFILES[profile],
            sites,
            subject,
            spec.sites,
        )
        ledger = Runner(subject, schedule, clauses, spec, seed).play_all()
    if ledger.stop_reason:
        raise RuntimeError(f"{name}: {ledger.stop_reason}")
    return frozenset(ledger.breaches)


def ids_of_driver(name: str, profile: str, seed: int) -> frozenset[str]:
    """Return the breach ids that a driver's SDK causes."""
    verdict = check_client(driver_command(name), profile=profile, seed=seed)
    if verdict.interrupted:
        raise RuntimeError(f"{name}: {verdict.interrupted}")
    return frozenset(breach.id for breach in verdict.breaches)


IDS: dict[str, Callable[[str, str, int], frozenset[str]]] = {
    "faults": ids_of_fault,
    "drivers": ids_of_driver,
}


def compare(group: str, name: str) -> tuple[str, bool, list[str]]:
    """Return a summary, whether all is well, and a line for each difference."""
    first, *others = SEEDS[group]
    ids, lines = {}, []
    try:
        for profile in ("ci", "quick"):
            ids[profile] = IDS[group](name, profile, first)
            for seed in others:
                other_ids = IDS[group](name, profile, seed)
                for text, items in (
                    ("only with", other_ids - ids[profile]),
                    ("not with", ids[profile] - other_ids),
                ):
                    lines += [
                        f"{profile}, {text} seed {seed}: {item}" for item in items
                    ]
    except ContractError as error:
        return f"{name}: left out: {error}", True, []
    lines += [f"only with quick: {item}" for item in ids["quick"] - ids["ci"]]
    summary = f"{name}: {len(ids['ci'])} ids, {len(ids['quick'])} with quick"
    return summary, not lines, sorted(lines)


def main(group: str, names: list[str]) -> int:
    """Print the comparison of each subject. Return the exit status."""
    all_names = list(DRIVERS) if group == "drivers" else [fault.id for fault in FAULTS]
    # Real sockets have time-outs, so that only one driver is played at a time.
    processes = 1 if group == "drivers" else 2
    failed = []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        results = pool.imap(partial(compare, group), names or all_names, chunksize=1)
        for summary, is_well, lines in results:
            print(summary, *(f"    {line}" for line in lines), sep="\n", flush=True)
            failed += [] if is_well else [summary.partition(":")[0]]
    print(f"different: {', '.join(failed) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("faults" | "drivers") as group, *names]:
            sys.exit(main(group, names))
    sys.exit(__doc__)
