"""The view of a verdict: the facts and texts that reports share.

What a subject said goes through `format.clean` first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from contract.engine.comparison import Difference, GateResult
from contract.engine.verdict import Cause, GridCell, State, Verdict
from contract.model import Breach, Danger, Kind, Level, SubjectKind
from contract.redaction import without_secrets
from contract.report.format import clean, count, cut, keys_of, ranges, some
from contract.spec import Spec

if TYPE_CHECKING:  # most runs prove nothing
    from contract.faults import Kill

FIRST_PLACES = 4
MOST_ENTRIES = 20
WORST_FIRST: tuple[State, ...] = ("broken", "should", "accepted", "holds")
ENTRY_STATES = {
    "stale": "accepted, but not seen any more (prune it)",
    "expiring": "accepted, expires soon",
    "unexplained": "not accepted yet, has no reason",
}


@dataclass(frozen=True)
class Grid:
    """Cells by clause and site for all clients or all services of a run.

    An empty site stands for all sites that cases name themselves.
    """

    parts: list[Verdict] = field(default_factory=list)
    rows: dict[str, dict[str, GridCell]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " and ".join(dict.fromkeys(part.name for part in self.parts))

    @property
    def sites(self) -> list[str]:
        return sites_of(self.parts)


@dataclass(frozen=True)
class View:
    """A verdict as people read it. Texts of `run` are clean, except in examples."""

    run: Verdict
    spec: Spec
    proof: tuple["Kill", ...] = ()
    comparison: GateResult | None = None

    @property
    def parts(self) -> tuple[Verdict, ...]:
        return self.run.parts or (self.run,)

    def title(self, site: str) -> str:
        """Return a site as reports name it. One of the user's own says so."""
        is_own = site in self.run.own_sites
        return f"{site} (not of the page)" if is_own else site

    def cause(self, breaches: list[Breach]) -> Cause:
        """Return the cause of some breaches, as if there were no others."""
        total = sum(breach.count for breach in breaches)
        return replace(self.run.cause(breaches), count=total)

    @cached_property
    def indices(self) -> dict[Kind, int]:
        return {kind: index for index, kind in enumerate(self.run.kinds)}

    def ranges(self, kinds: Iterable[Kind]) -> str:
        """Return kinds as ranges of indices into those of the run."""
        return ranges(self.indices[kind] for kind in kinds if kind in self.indices)

    @cached_property
    def grids(self) -> list[Grid]:
        grids: dict[SubjectKind, Grid] = {}
        for part in self.parts:
            grid = grids.setdefault(part.kind, Grid())
            grid.parts.append(part)
            for clause in part.clauses:
                row = grid.rows.setdefault(clause.id, {})
                row |= {s: self.run.grid_cell(clause.id, s) for s in part.sites}
        for grid in grids.values():
            for clause_id, row in grid.rows.items():
                cell = self.own_site_cell(clause_id)
                row |= {"": cell} if cell.judged else {}
        return list(grids.values())

    def own_site_cell(self, clause_id: str) -> GridCell:
        """Return the state of a clause in cases that name their sites themselves."""
        kinds = (k for key, k in self.run.judged_kinds.items() if key[0] == clause_id)
        judged = frozenset(chain.from_iterable(kinds)) & self.run.own_site_kinds
        cell = GridCell(clause_id, "", "holds", judged, len(judged))
        states = {"holds", *map(state_of, self.breaches_in(cell))}
        return replace(cell, state=next(s for s in WORST_FIRST if s in states))

    def exchanges(self, cell: GridCell) -> int:
        sites = {cell.site} if cell.site else self.run.sites
        return sum(
            count
            for (clause_id, site), count in self.run.judged.items()
            if clause_id == cell.clause_id and (site in sites) == bool(cell.site)
        )

    def breaches_in(self, cell: GridCell) -> list[Breach]:
        causes = (c for c in self.run.causes if c.clause_id == cell.clause_id)
        breaches = [breach for cause in causes for breach in cause.breaches]
        if cell.site:
            return [breach for breach in breaches if cell.site in breach.sites]
        return [breach for breach in breaches if cell.judged & {*breach.kinds}]

    @property
    def cells(self) -> list[GridCell]:
        rows = [row for grid in self.grids for row in grid.rows.values()]
        return [cell for row in rows for cell in row.values()]

    @property
    def gaps(self) -> dict[str, str]:
        reasons = by_reason(self.run.not_judged).items()
        return {reason: ", ".join(ids) for reason, ids in reasons}

    @property
    def entries(self) -> list[tuple[str, str]]:
        return [(s, entry) for s in ENTRY_STATES for entry in getattr(self.run, s)]

    @property
    def shares(self) -> list[tuple[str, int, int, int]]:
        """Schemas with the numbers of their keywords: satisfied, broken, all."""
        share = self.run.coverage.share
        return [
            (name, share(name, "satisfied")[0], *share(name, "broken"))
            for name in self.run.coverage.schemas
        ]


def make_view(
    verdict: Verdict,
    spec: Spec,
    proof: Sequence["Kill"] = (),
    comparison: GateResult | None = None,
) -> View:
    """Return the view of a verdict, with clean texts."""
    return View(cleaned(verdict), spec, tuple(proof), comparison)


def cleaned(value: Any) -> Any:
    """Return a value with clean texts. Examples stay as they are."""
    if isinstance(value, Breach):
        value = replace(value, message=clean(value.message, keys_of(value.example)))
    match value:
        case Enum():
            return value
        case str():
            return clean(value)
        case tuple():
            return tuple(map(cleaned, value))
        case Mapping():
            return {cleaned(key): cleaned(value[key]) for key in value}
        case Breach() | Verdict():
            texts = {f.name: cleaned(getattr(value, f.name)) for f in fields(value)}
            return replace(value, **texts)
    return value


def difference_text(item: Difference) -> str:
    """Return a difference that the gate found, in one clean line."""
    return cut(clean(without_secrets(item.text), keys_of(item.example)), 200)


def by_reason(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Return names by their reason."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return names


def kinds_of(breaches: Iterable[Breach]) -> set[Kind]:
    """Return the catalogue kinds of breaches."""
    return {kind for breach in breaches for kind in breach.kinds}


def state_of(item: Breach | Cause) -> State:
    """Return the state that a breach or a cause gives its clause."""
    if item.is_accepted:
        return "accepted"
    return "broken" if item.level is Level.MUST else "should"


def sites_of(items: Iterable[Breach | Verdict]) -> list[str]:
    """Return each site of breaches or verdicts once."""
    return list(dict.fromkeys(site for item in items for site in item.sites))


def numbers(breaches: Sequence[Breach]) -> tuple[int, int]:
    """Return how many breaches are new, and how many are accepted."""
    accepted = sum(breach.is_accepted for breach in breaches)
    return len(breaches) - accepted, accepted


def severity(cause: Cause) -> str:
    """Return level, acceptance and danger in a few words."""
    words = ["accepted" if cause.is_accepted else cause.level]
    new, accepted = numbers(cause.breaches)
    if new and accepted:
        words.append(f"{accepted} of {new + accepted} accepted")
    if cause.rule.danger is not Danger.OTHER:
        words.append(cause.rule.danger.name.lower().replace("_", " "))
    return ", ".join(words)


def occurrences(cause: Cause) -> str:
    """Return numbers of exchanges, kinds and sites, and the first places."""
    kinds, sites = kinds_of(cause.breaches), sites_of(cause.breaches)
    places = [breach.place for breach in cause.breaches if breach.place]
    text = count(cause.count, "time")
    text += f" in {count(len(kinds), 'kind')}" if kinds else ""
    text += f" on {count(len(sites), 'site') if len(sites) > 1 else sites[0]}"
    return f"{text} at {some(places, FIRST_PLACES)}" if places else text


def in_words(cell: GridCell) -> str:
    """Return the state of a cell: `holds`, or `3 of 12 kinds`."""
    if cell.state == "partial":
        return f"{len(cell.judged)} of {cell.total} kinds"
    return cell.state


SCOPES = {
    "quick": "each kind on one site",
    "ci": "each kind on every site, those that wait on one",
    "nightly": "every case on every site",
}


def scope(run: Verdict) -> str:
    """Return on how many sites each case was planned, if there are several."""
    has_choice = any(len(part.sites) > 1 for part in run.parts or (run,))
    return SCOPES.get(run.profile, "") if has_choice else ""


def summary(run: Verdict) -> str:
    """Return a run in one line."""
    early = f"ended early: {run.interrupted}; " if run.interrupted else ""
    early += "part {} of {}, to be merged; ".format(*run.shard) if run.shard else ""
    subject = f"{run.name} {run.version}".strip()
    is_quick = run.profile == "quick" and scope(run)
    profile = f"quick ({scope(run)})" if is_quick else run.profile
    return clean(
        f"{early}{subject}, {count(run.cases, 'case')}, "
        f"{count(run.exchanges, 'exchange')} on {count(len(run.sites), 'site')} "
        f"in {run.seconds:.1f} s, profile {profile}, seed {run.seed}"
    )


def remarks(view: View) -> Iterator[str]:
    """Yield remarks on the run and on accepted entries."""
    run = view.run
    if run.own_sites:
        yield f"sites that are not of the page: {', '.join(run.own_sites)}"
    if run.share < 1:
        yield f"{run.share:.1%} of the planned cases were played"
    if run.unplayed_kinds:
        yield f"{count(run.unplayed_kinds, 'kind')} without any played case"
    for scenario, cases in run.cut_off.items():
        yield f"{scenario}: waited too long, {count(cases, 'case')} cut off"
    for reason, kinds in by_reason(run.skipped).items():
        yield f"{count(len(kinds), 'kind')} not played: {reason}"
    doubts = [
        f"not confirmed, {count(b.count, 'time')}: {b.id}: {b.message}"
        for b in run.not_confirmed
    ]
    yield from first_of(doubts, "not confirmed")
    if run.leftovers:
        yield f"left behind, remove by hand: {', '.join(run.leftovers)}"
    yield from (f"changed since the run before: {text}" for text in run.changes)
    if partial := sum(cell.state == "partial" for cell in view.cells):
        cells = count(partial, "cell")
        yield f"{cells} of the grid judged some kinds only (see --report)"
    entries = [f"{ENTRY_STATES[state]}: {entry}" for state, entry in view.entries]
    for breach in run.breaches:
        new_kinds = some(map(str, breach.new_kinds), 3)
        if new_kinds and breach.is_accepted:
            entries.append(f"new kind in accepted {breach.id}: {new_kinds}")
    yield from first_of(entries, "remarks on accepted entries")


def first_of(lines: list[str], what: str) -> Iterator[str]:
    yield from lines[:MOST_ENTRIES]
    if len(lines) > MOST_ENTRIES:
        yield f"and {len(lines) - MOST_ENTRIES} more {what}"
