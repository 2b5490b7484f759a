"""What a user may name: profiles, sites, clauses, scenarios, keys; every name that is unknown is a UsageError."""

import os
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from contract.cases.client import Scenario
from contract.clauses import Clause
from contract.engine.runner import PROFILES, Profile
from contract.errors import UsageError
from contract.spec import Spec

__all__ = [
    "chosen_clauses",
    "chosen_profile",
    "chosen_scenarios",
    "chosen_sites",
    "keys_of",
    "our_version",
    "secrets",
]


def chosen_profile(name: str) -> Profile:
    """Return a profile by name; raises UsageError."""
    if name not in PROFILES:
        raise UsageError(f"unknown profile {name!r} (one of: {', '.join(PROFILES)})")
    return PROFILES[name]


def chosen_sites(names: Iterable[str], spec: Spec) -> tuple[str, ...]:
    """Return the sites of these names, all where there is none; raises UsageError."""
    names = tuple(dict.fromkeys(names))
    for site in names:
        if site not in spec.sites:
            known = site.removeprefix("app.")
            hint = f"; did you mean {known}?" if known in spec.sites else ""
            raise UsageError(
                f"unknown site {site!r}{hint} (one of: {', '.join(spec.sites)})"
            )
    return names or spec.sites


def chosen_clauses(
    names: Iterable[str], clauses: tuple[Clause, ...]
) -> tuple[Clause, ...]:
    """Return the clauses of these names, all where there is none; raises UsageError."""
    known = {clause.id: clause for clause in clauses}
    names = tuple(dict.fromkeys(names))
    for name in names:
        if name not in known:
            raise UsageError(f"unknown clause {name!r} (one of: {', '.join(known)})")
    return tuple(known[name] for name in names) or clauses


def chosen_scenarios(
    names: Iterable[Scenario | str], scenarios: tuple[Scenario, ...]
) -> tuple[Scenario, ...]:
    """Return the scenarios of these names, and those given as such, all where there is none; raises UsageError."""
    known = {scenario.name: scenario for scenario in scenarios}
    chosen = []
    for name in names:
        if isinstance(name, str) and name not in known:
            raise UsageError(f"unknown scenario {name!r} (one of: {', '.join(known)})")
        chosen.append(known[name] if isinstance(name, str) else name)
    return tuple(chosen) or scenarios


def keys_of(*names: str) -> tuple[str, str] | None:
    """Return the keys that two variables hold, None where neither is set; raises UsageError."""
    values = [os.environ.get(name, "") for name in names]
    if not any(values):
        return None
    for name, value in zip(names, values, strict=True):
        if not value:
            raise UsageError(
                f"{name}: is missing, its partner {' and '.join({*names} - {name})} is set"
            )
        if not all("!" <= char <= "~" for char in value):
            raise UsageError(
                f"{name}: must be visible ASCII, without white space or line breaks"
            )
    return values[0], values[1]


def secrets() -> dict[str, str]:
    """Return the keys that the environment holds, by the name of their variable."""
    names = (
        "DD_API_KEY",
        "DD_APP_KEY",
        "CONTRACT_OTHER_API_KEY",
        "CONTRACT_OTHER_APP_KEY",
    )
    return {name: value for name in names if (value := os.environ.get(name))}


def our_version() -> str:
    """Return the version of the suite."""
    try:
        return version("replay-heatmap-contract")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"
