"""The verdict of several machines: shards of one run, runs on single sites, or both.

Runs on single sites are compared by their outcomes, as S-PARITY does within a run.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from contract.cases.service import service_scenarios
from contract.clauses.service_response import NO_SHAPE, differences_of
from contract.engine.adapter import draw
from contract.engine.drawing import catalogue_of
from contract.engine.job import left_out
from contract.engine.ledger import Ledger
from contract.engine.schedule import PROFILES
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import UsageError
from contract.model import AnyCase, ServiceCase
from contract.report.reading import (
    CLAUSES,
    example_of,
    reading,
    verdict_of,
    with_parts,
)
from contract.spec import Spec
from contract.version import suite_version

Files = dict[Path, Verdict]
PARITY = CLAUSES["S-PARITY"]


def merge(paths: Sequence[Path], spec: Spec) -> Verdict:
    """Return one verdict of several files. Raise UsageError if they are no whole."""
    files: Files = {}
    problems: list[str] = []
    for path, times in Counter(paths).items():
        if times > 1:
            problems.append(f"{path}: is given {times} times")
        with reading(path) as document:
            stated = document["contract"]
            versions = stated["spec_sha256"], stated.get("suite")
            if versions != (spec.sha256, suite_version()):
                problems.append(f"{path}: is of another version of the suite")
            elif "gate" in document:
                problems.append(f"{path}: is the verdict of a gate")
            else:
                files[path] = verdict_of(document, spec)
    groups: dict[tuple[str, ...], Files] = {}
    for path, verdict in files.items():
        groups.setdefault(verdict.sites[:1], {})[path] = verdict
    problems += misfits(files)
    for group in groups.values():
        problems += gaps_in(group)
    if problems:
        raise UsageError("; ".join(problems))
    wholes = [joined(list(group.values()), spec) for group in groups.values()]
    if len(wholes) == 1:
        return wholes[0]
    return with_parity(merge_parts(wholes), wholes, spec)


def misfits(files: Files) -> Iterator[str]:
    first, *_ = files or [Path()]
    owners: dict[str, tuple[str, ...]] = {}
    for path, verdict in files.items():
        expected = features_of(files[first])
        for name, feature in features_of(verdict).items():
            if feature != expected[name]:
                yield f"{path}: has another {name} than {first}"
        for site in verdict.sites:
            if owners.setdefault(site, verdict.sites[:1]) != verdict.sites[:1]:
                yield f"{path}: {site} is in another file, too"


def features_of(verdict: Verdict) -> dict[str, object]:
    name = verdict.name
    for site in verdict.sites:
        name = name.replace(site, "")
    return {
        "seed": verdict.seed,
        "profile": verdict.profile,
        "subject": (verdict.kind, name.strip(", "), verdict.version),
        "choice of clauses": {clause.id for clause in verdict.clauses},
        "choice of scenarios": {*verdict.scenarios},
    }


def gaps_in(group: Files) -> Iterator[str]:
    shards = {path: verdict.shard or (1, 1) for path, verdict in group.items()}
    first, (_, total) = next(iter(shards.items()))
    seen: set[int] = set()
    for path, (part, of) in shards.items():
        if of != total or part in seen:
            others = "in another file, too" if of == total else f"no part of {first}"
            yield f"{path}: part {part} of {of} is {others}"
        seen.add(part)
    if missing := sorted({*range(1, total + 1)} - seen):
        be = "is" if len(missing) == 1 else "are"
        yield f"part {', '.join(map(str, missing))} of {total} {be} missing"


def joined(shards: list[Verdict], spec: Spec) -> Verdict:
    shards.sort(key=lambda item: item.shard or (1, 1))
    first, merged = shards[0], merge_parts(shards)
    for shard in shards[1:]:
        first.coverage.keep([" ".join(gap) for gap in shard.coverage.gaps])
    merged = replace(
        merged,
        name=first.name,
        started=min(shard.started for shard in shards),
        shard=None,
        parts=(),
    )
    kinds = {part.kind for part in first.parts or shards}
    names = frozenset(s.name for kind in kinds for s in catalogue_of(kind, spec))
    merged = replace(merged, left_out=left_out(merged, names, spec))
    rows = []
    for parts in zip_longest(*(shard.parts for shard in shards)):
        own = [part for part in parts if part]
        row: Any = {n: getattr(own[0], n) for n in ("kind", "name", "version", "sites")}
        sums = "seconds", "cases", "exchanges"
        rows.append(row | {n: sum(getattr(part, n) for part in own) for n in sums})
    return with_parts(merged, rows)


# -- sites side by side --


def with_parity(verdict: Verdict, parts: Sequence[Verdict], spec: Spec) -> Verdict:
    outcomes = {
        part.sites[0]: part.outcomes
        for part in parts
        if PARITY in part.clauses and len(part.sites) == 1
    }
    if len(outcomes) < 2:
        return verdict
    cases, ledger = Cases(verdict, spec), Ledger(spec)
    for id_ in sorted({id_ for digests in outcomes.values() for id_ in digests}):
        sites = [site for site, digests in outcomes.items() if id_ in digests]
        facts = [facts_of(outcomes[site][id_]) for site in sites]
        findings = list(differences_of(sites, facts))
        case = cases[id_] if findings else cases.get(id_, ServiceCase())
        for index, site in enumerate(sites if len(sites) > 1 else ()):
            own = [finding for number, finding in findings if number == index]
            example = example_of(case, site)
            ledger.count(example, (PARITY,))
            ledger.add(PARITY, example, own)
    hint = "curl", "see the verdict of the site"
    breaches = {breach.id: breach for breach in verdict.breaches}
    for breach in ledger.breaches.values():
        lines = ("example", breach.message), hint
        breaches[breach.id] = replace(breach, lines=lines)
    kinds = {key: frozenset(kinds) for key, kinds in ledger.judged_kinds.items()}
    return replace(
        verdict,
        judged=Counter(verdict.judged) + ledger.judged,
        judged_kinds={**verdict.judged_kinds, **kinds},
        cause_counts=Counter(verdict.cause_counts) + ledger.cause_counts,
        breaches=tuple(breaches.values()),
    )


def facts_of(digest: str) -> tuple[str, str, str]:
    """Return status, media type and shape of an outcome. Two of them are digests."""
    shape = "" if digest.endswith(NO_SHAPE) else f"a body of the shape {digest[8:]}"
    return digest[:4].lstrip("0"), f"the media type {digest[4:8]}", shape


class Cases(dict[str, AnyCase]):
    """Cases for services by their ids. All generated ones are made for a missing id."""

    def __init__(self, verdict: Verdict, spec: Spec) -> None:
        self.scenarios = service_scenarios(spec)
        self.seed, self.examples = verdict.seed, PROFILES[verdict.profile].examples
        placed = (c.in_scenario(s.name) for s in self.scenarios for c in s.cases())
        super().__init__({case.id: case for case in placed})

    def __missing__(self, id_: str) -> AnyCase:
        scenarios, self.scenarios = self.scenarios, ()
        for scenario in scenarios:
            if scenario.strategy is not None:
                self.update(draw(scenario, self.seed, self.examples))
        if id_ not in self:
            raise UsageError(f"case {id_}, of which sites differ, is not known")
        return self[id_]
