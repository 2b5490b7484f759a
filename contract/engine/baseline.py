"""Accepted breaches: each with a reason, until a date.

    format: 2
    client: datadog-api-client
    version: 2.62.0
    accepted:
      - clause: C-REDIRECT
        rule: keys-follow-redirect
        places: [other-host]
        kinds: [redirects/**]
        reason: rest.py leaves redirects to urllib3, which repeats every header.
        expires: 2027-05-31

An entry without `places` covers every place, one without `kinds` every kind. In both,
`*` matches within a segment and `**` across segments. A cause may have several entries
if their places are disjoint.
"""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product, starmap
from pathlib import Path
from typing import Any

import yaml

from contract.clauses import all_causes
from contract.engine.verdict import Verdict
from contract.errors import UsageError, visible
from contract.model import Breach, Kind
from contract.spec.text import brief, read_yaml

FORMAT = 2
HEAD = ("format", "client", "service", "version", "accepted")
EXPIRING = datetime.timedelta(days=14)
NEW_ENTRY = datetime.timedelta(days=182)
MOST_PATTERNS = 6
"""Kinds of a scenario are folded to `scenario/**` if they need more patterns."""


@cache
def pattern(text: str) -> re.Pattern[str]:
    escaped = re.escape(text).replace(r"\*\*", ".*")
    return re.compile(escaped.replace(r"\*", "[^/]*"))


def may_meet(one: str, other: str) -> bool:
    """Return whether a text exists that two patterns match."""
    first, second = (tuple(re.findall(r"\*\*|.", text)) for text in (one, other))
    return tokens_meet(first, second)


@cache
def tokens_meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    for first, second in ((one, other), (other, one)):
        if first and "*" in first[0]:
            head = second[0] if second else "/"
            is_passed = head != "/" or (first[0] == "**" and bool(second))
            return tokens_meet(first[1:], second) or (
                is_passed and tokens_meet(first, second[1:])
            )
    is_end = not one or not other or one[0] != other[0]
    return one == other if is_end else tokens_meet(one[1:], other[1:])


def matches(patterns: Sequence[str], text: str) -> bool:
    return not patterns or any(pattern(item).fullmatch(text) for item in patterns)


@dataclass(frozen=True)
class Entry:
    """Accepted breaches of one cause. `expires` is the last day of the entry.

    An entry with an empty reason does not count.
    """

    clause: str
    rule: str
    reason: str
    expires: datetime.date
    places: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def cause_id(self) -> str:
        return f"{self.clause}/{self.rule}"

    def covers(self, cause_id: str, place: str) -> bool:
        return cause_id == self.cause_id and matches(self.places, place)

    def breaches(self, verdict: Verdict) -> list[Breach]:
        return [b for b in verdict.breaches if self.covers(b.cause_id, b.place)]

    def new_kinds(self, kinds: Iterable[Kind]) -> tuple[Kind, ...]:
        return tuple(kind for kind in kinds if not matches(self.kinds, str(kind)))

    def was_played(self, verdict: Verdict) -> bool:
        """Return whether a run has played all that the entry is about.

        An entry without kinds is about every scenario.
        """
        patterns = self.kinds or ("**",)
        if any(
            may_meet(pattern, f"{scenario}/**")
            for scenario in verdict.left_out
            for pattern in patterns
        ):
            return False
        return any(
            matches(self.kinds, str(kind))
            for (clause_id, _), kinds in verdict.judged_kinds.items()
            if clause_id == self.clause
            for kind in kinds
        )

    def extended(self, places: Iterable[str], kinds: Iterable[Kind]) -> "Entry":
        return replace(
            self,
            places=tuple(dict.fromkeys((*self.places, *places))),
            kinds=tuple(dict.fromkeys((*self.kinds, *fold_kinds(kinds)))),
        )

    def __str__(self) -> str:
        places = ", ".join(self.places) or "every place"
        return f"{self.cause_id} at {places}"


@dataclass(frozen=True)
class Baseline:
    """The entries of an accepted file, or none."""

    entries: tuple[Entry, ...] = ()
    source: str = "--accepted"

    def entry_for(self, cause_id: str, place: str) -> Entry | None:
        """Return the entry about a breach, or None. Entries do not overlap."""
        covering = (entry for entry in self.entries if entry.covers(cause_id, place))
        return next(covering, None)

    def accepts(self, today: datetime.date, cause_id: str, place: str) -> bool:
        entry = self.entry_for(cause_id, place)
        return entry is not None and bool(entry.reason) and entry.expires >= today

    def apply(self, verdict: Verdict, today: datetime.date) -> Verdict:
        """Return the verdict with its accepted breaches marked, and with remarks.

        The remarks name entries that are no longer seen, that expire within 14 days
        and that have no reason.
        """
        return replace(
            verdict,
            breaches=tuple(self.mark(breach, today) for breach in verdict.breaches),
            stale=tuple(
                str(entry)
                for entry in self.entries
                if not entry.breaches(verdict) and entry.was_played(verdict)
            ),
            expiring=tuple(
                f"{entry}: {entry.expires}"
                for entry in self.entries
                if today <= entry.expires <= today + EXPIRING
            ),
            unexplained=tuple(str(e) for e in self.entries if not e.reason),
        )

    def mark(self, breach: Breach, today: datetime.date) -> Breach:
        entry = self.entry_for(breach.cause_id, breach.place)
        breach = replace(breach, is_accepted=False, reason="", new_kinds=())
        if entry is None or not entry.reason:
            return breach
        if entry.expires < today:
            remark = f" (It was accepted until {entry.expires}.)"
            return replace(breach, message=breach.message.removesuffix(remark) + remark)
        new_kinds = entry.new_kinds(breach.kinds)
        return replace(
            breach, is_accepted=True, reason=entry.reason, new_kinds=new_kinds
        )


def read_baseline(path: Path) -> Baseline:
    """Read an accepted file. Raise UsageError if it cannot be used."""
    source = f"--accepted {path}"
    document = read_yaml(path, "--accepted ")
    version = document.get("format") if isinstance(document, dict) else document
    if not isinstance(document, dict) or version != FORMAT:
        raise UsageError(
            f"{source}: must be a mapping with 'format: {FORMAT}' and a list "
            f"'accepted', has format {brief(repr(version))}. "
            "Write it anew with --update-accepted."
        )
    check_keys(source, document, HEAD)
    items = document.get("accepted")
    if not isinstance(items, list):
        raise UsageError(
            f"{source}: 'accepted' must be a list, is {brief(repr(items))}"
        )
    entries = [
        read_entry(f"{source}: entry {number}", item)
        for number, item in enumerate(items, start=1)
    ]
    check_overlaps(source, entries)
    return Baseline(tuple(entries), source)


def check_keys(where: str, names: Iterable[str], accepted: Iterable[str]) -> None:
    for name in names:
        if name not in accepted:
            listed = ", ".join(accepted)
            raise UsageError(f"{where}: unknown key {name!r} (one of: {listed})")


def read_entry(where: str, item: Any) -> Entry:
    if not isinstance(item, dict):
        raise UsageError(f"{where}: must be a mapping, is {brief(repr(item))}")
    check_keys(where, item, FIELDS)
    values: dict[str, Any] = {"reason": "", **item}
    for name, (accepted, convert) in FIELDS.items():
        value = values.get(name)
        try:
            values[name] = convert(value)
        except (TypeError, ValueError):
            message = f"{where}: {name} must be {accepted}, is {brief(repr(value))}"
            raise UsageError(message) from None
    entry = Entry(**values)
    if entry.cause_id not in all_causes():
        raise UsageError(
            f"{where}: unknown rule {entry.cause_id} (see `contract list rules`)"
        )
    return entry


def one_line(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return " ".join(value.split())


def text_list(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not value or not isinstance(value, list):
        raise TypeError(value)
    return tuple(map(one_line, value))


TEXT = "a text", one_line
TEXTS = "a list of texts", text_list
FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "clause": TEXT,
    "rule": TEXT,
    "places": TEXTS,
    "kinds": TEXTS,
    "reason": TEXT,
    "expires": ("a date (YYYY-MM-DD)", datetime.date.fromisoformat),
}
"""For each key of an entry: its type in words, and its reader."""


def check_overlaps(where: str, entries: Sequence[Entry]) -> None:
    for first, second in combinations(entries, 2):
        places = product(first.places or ("**",), second.places or ("**",))
        if first.cause_id == second.cause_id and any(starmap(may_meet, places)):
            names = f"'{first}' and '{second}'"
            raise UsageError(
                f"{where}: entries overlap: {names}. Give them disjoint places."
            )


def write_baseline(
    path: Path,
    verdict: Verdict,
    baseline: Baseline,
    today: datetime.date,
    *,
    prune: bool = False,
) -> str:
    """Write the accepted file for a verdict. Return what was done in one sentence.

    Reasons and dates stay. Breaches without an entry are added without a reason. With
    `prune`, entries and places are dropped that the run could have seen and did not.
    Raise UsageError if the file cannot be written.
    """
    entries, changes = updated(baseline, verdict, prune=prune)
    left = len(entries)
    added = add_breaches(entries, verdict, baseline, today + NEW_ENTRY)
    entries.sort(key=lambda entry: (entry.cause_id, entry.places))
    head = (
        f"# Accepted breaches of {visible(verdict.name)}. Entries are added by\n"
        "# `--accepted FILE --update-accepted`. An entry counts once it has a reason.\n"
    )
    document = {
        "format": FORMAT,
        str(verdict.kind): verdict.name,
        "version": verdict.version,
        "accepted": [
            {name: value for name in FIELDS if (value := getattr(entry, name)) != ()}
            for entry in entries
        ],
    }
    text = yaml.dump(
        document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + text, encoding="utf-8")
    except OSError as error:
        message = f"--accepted {path}: cannot be written: {error.strerror}"
        raise UsageError(message) from None
    return (
        f"{path}: {added} entries added without a reason, "
        f"{len(baseline.entries) - left} dropped, {left} left."
        + "".join(f" {number} of them {text}." for text, number in changes.items())
    )


class Dumper(yaml.SafeDumper):
    """Writes tuples in one line, everything else in blocks, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_tuple(self, texts: tuple[str, ...]) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", texts, flow_style=True)


Dumper.add_representer(tuple, Dumper.represent_tuple)


def updated(
    baseline: Baseline, verdict: Verdict, *, prune: bool
) -> tuple[list[Entry], Counter[str]]:
    """Return the entries with new kinds, and how many changed in which way.

    `prune` drops what was not seen.
    """
    entries, changes = [], Counter[str]()
    for entry in baseline.entries:
        breaches = entry.breaches(verdict)
        kinds = {kind for breach in breaches for kind in entry.new_kinds(breach.kinds)}
        if prune and entry.was_played(verdict):
            if not breaches:
                continue
            seen = {breach.place for breach in breaches}
            places = [p for p in entry.places if any(map(pattern(p).fullmatch, seen))]
            changes["lost places"] += len(places) < len(entry.places)
            entry = replace(entry, places=tuple(places))
        changes["got new kinds"] += bool(kinds)
        entries.append(entry.extended((), kinds))
    return entries, +changes


def add_breaches(
    entries: list[Entry], verdict: Verdict, baseline: Baseline, expires: datetime.date
) -> int:
    """Add breaches that have no entry to one without a reason for each cause.

    Return the number of these entries.
    """
    unexplained = {entry.cause_id: entry for entry in entries if not entry.reason}
    added = 0
    for cause in verdict.causes:
        breaches = [
            breach
            for breach in cause.breaches
            if not baseline.entry_for(cause.id, breach.place)
        ]
        if not breaches:
            continue
        added += 1
        if entry := unexplained.get(cause.id):
            entries.remove(entry)
        else:
            entry = Entry(cause.clause_id, cause.rule.name, "", expires)
        places = sorted(breach.place for breach in breaches)
        kinds = (kind for breach in breaches for kind in breach.kinds)
        entries.append(entry.extended(places, kinds))
    return added


def fold_kinds(kinds: Iterable[Kind]) -> tuple[str, ...]:
    """Return patterns for kinds, folded to value classes and at most six a scenario."""
    places: dict[tuple[str, str], set[str]] = {}
    for kind in kinds:
        place, _, value_class = kind.label.partition(" ")
        places.setdefault((kind.scenario, value_class), set()).add(place)
    classes = Counter(scenario for scenario, _ in places)
    patterns = []
    for (scenario, value_class), names in sorted(places.items()):
        place = min(names) if len(names) == 1 else "**"
        is_many = classes[scenario] > MOST_PATTERNS
        label = "**" if is_many else f"{place} {value_class}".rstrip()
        patterns.append(f"{scenario}/{label}")
    return tuple(dict.fromkeys(patterns))
