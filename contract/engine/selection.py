"""Selection by name: profiles, sites, clauses, scenarios, keys."""

import os
from collections.abc import Iterable, Mapping
from typing import TypeVar

from contract.cases.scenario import Scenario
from contract.errors import UsageError
from contract.spec import Spec

Item = TypeVar("Item")


def select(
    noun: str, names: Iterable[str], available: Mapping[str, Item]
) -> tuple[Item, ...]:
    """Return the named items, all of them if there is no name. Raise UsageError.

    `noun` is for the message, such as `clause`.
    """
    unique = tuple(dict.fromkeys(names))
    for name in unique:
        if name not in available:
            accepted = ", ".join(available)
            raise UsageError(f"unknown {noun} {name!r} (one of: {accepted})")
    return tuple(available[name] for name in unique or available)


def select_scenarios(
    items: Iterable[Scenario | str], catalogue: Iterable[Scenario]
) -> tuple[Scenario, ...]:
    """Return scenarios of a catalogue by name, and others as they are.

    All of the catalogue if there is no item. Raise UsageError.
    """
    available = {scenario.name: scenario for scenario in catalogue}
    names = []
    for item in items:
        if isinstance(item, Scenario):
            available[item.name] = item
            item = item.name
        names.append(item)
    return select("scenario", names, available)


def select_sites(names: Iterable[str], spec: Spec) -> tuple[str, ...]:
    """Return the named sites, all of them if there is no name. Raise UsageError."""
    names = tuple(names)
    for name in names:
        suggestion = name.removeprefix("app.")
        if name not in spec.sites and suggestion in spec.sites:
            raise UsageError(
                f"unknown site {name!r}; did you mean {suggestion}? "
                f"(one of: {', '.join(spec.sites)})"
            )
    return select("site", names, {site: site for site in spec.sites})


def keys_from_environment(names: tuple[str, str]) -> tuple[str, str] | None:
    """Return the keys that two variables hold, or None if neither is set.

    Raise UsageError if one is missing or cannot stand in a header.
    """
    first, second = (os.environ.get(name, "") for name in names)
    if not first and not second:
        return None
    for name, value, partner in zip(names, (first, second), names[::-1], strict=True):
        if not value:
            raise UsageError(f"{name}: is missing, its partner {partner} is set")
        if not all("!" <= char <= "~" for char in value):
            raise UsageError(
                f"{name}: must be visible ASCII, without white space or line breaks"
            )
    return first, second
