"""The order in which a service is asked: what tells most comes first, what a live run's budget cuts off comes last.

First a case of every scenario, so that each clause has its turn; then the small scenarios, and valid bodies in which
several places are special at once; then every kind of case alone; more samples of a kind; generated cases last.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from contract.cases.client import Scenario
from contract.engine.runner import Profile
from contract.model import Case, Json

__all__ = ["plan"]

_FIRST = {"valid-bodies": "body full", "repeats": "twice: full"}
_SOON = {
    "organizations": 99,
    "keys": 99,
    "deleted": 99,
    "spellings": 99,
    "media-types": 99,
    "repeats": 3,
    "body-ids": 4,
    "snapshot-ids": 99,
    "valid-bodies": 5,
}
"""So many kinds of a scenario are played in the second round."""

_THIRD = ("invalid-bodies", "malformed-json", "left-open")
_LATE = ("type: boolean", "type: array")
"""Wrong types that tell little beside null, numbers, texts and objects."""

_LARGE = 100_000
_PLACE = re.compile(r"body (/\S*) (.+)", re.DOTALL)


def plan(
    scenarios: Sequence[Scenario], profile: Profile
) -> tuple[tuple[Scenario, ...], int]:
    """Return the scenarios in rounds, and how many cases they have (a sequence is one)."""
    rounds: defaultdict[int, dict[str, list[Case]]] = defaultdict(dict)
    for scenario in scenarios:
        cases = list(scenario.boundary())
        for number, case in _ranked(scenario.name, cases, profile.samples):
            rounds[number].setdefault(scenario.name, []).append(case)
        if scenario.name == "valid-bodies":
            rounds[1].setdefault(scenario.name, []).extend(_together(cases))
    about = {scenario.name: scenario.about for scenario in scenarios}
    made = [
        Scenario(name, about[name], lambda cases=cases: iter(cases))  # type: ignore[misc]
        for number in sorted(rounds)
        for name, cases in rounds[number].items()
    ]
    generated = [
        each
        for each in scenarios
        if profile.examples and (each.strategy is not None or each.machine)
    ]
    made += [replace(each, boundary=lambda: iter(())) for each in generated]
    count = sum(len(cases) for each in rounds.values() for cases in each.values())
    return tuple(made), count + profile.examples * len(generated)


def _ranked(
    name: str, cases: Sequence[Case], samples: int
) -> Iterable[tuple[int, Case]]:
    """Yield each case that the profile has with the number of its round."""
    kinds: dict[str, int] = {}
    seen: Counter[str] = Counter()
    first = _FIRST.get(name) or (cases[0].kinds[0] if cases else "")
    for case in cases:
        kind = case.kinds[0]
        at = kinds.setdefault(kind, len(kinds))
        seen[kind] += 1
        if seen[kind] > samples:
            continue
        if seen[kind] > 1:
            yield 4, case
        elif kind == first:
            yield 0, case
        elif at < _SOON.get(name, 0):
            yield 1, case
        else:
            yield (
                (
                    2
                    if name in _THIRD
                    and not _is_large(case)
                    and not kind.endswith(_LATE)
                    else 3
                ),
                case,
            )


def _is_large(case: Case) -> bool:
    return case.override is not None and len(case.override.body or b"") > _LARGE


def _together(cases: Sequence[Case]) -> Iterable[Case]:
    """Yield one case for all that are special in the same way at several places."""
    base = next((case.body for case in cases if case.kinds[0] == "body full"), None)
    groups: defaultdict[str, dict[str, Case]] = defaultdict(dict)
    for case in cases:
        match = _PLACE.fullmatch(case.kinds[0])
        if match is not None and match[2] not in ("absent", "present"):
            groups[match[2]].setdefault(match[1], case)
    for how, places in groups.items():
        if len(places) == 1:
            continue
        body = base
        for case in places.values():
            body = _merged(base, body, case.body)
        kinds = dict.fromkeys(kind for case in places.values() for kind in case.kinds)
        yield Case(
            "",
            (f"body, at every place: {how}", *kinds),
            next(iter(places.values())).snapshot_id,
            body,
            keys="own",
        )


def _merged(base: Json, body: Json, other: Json) -> Json:
    """Return `body` with what `other` has and `base` has not."""
    if not (isinstance(body, dict) and isinstance(other, dict)):
        return body if other == base and type(other) is type(base) else other
    known = base if isinstance(base, dict) else {}
    return body | {
        name: _merged(known.get(name), body[name], value) if name in body else value
        for name, value in other.items()
    }
