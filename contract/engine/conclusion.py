"""The verdict at the end of a run. Nothing in it holds a secret.

Everything that is printed or written later comes from there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from contract.clauses import context_of
from contract.clauses.base import AnyClause, Clause
from contract.engine.ledger import collect
from contract.engine.runner import Runner
from contract.engine.verdict import COUNTERS, Verdict, unconfirmed
from contract.model import AnyExchange, Breach, Finding, Kind
from contract.redaction import Redactor, redacted
from contract.spec import Spec

RECORDS = (
    *COUNTERS,
    "skipped",
    "coverage",
    "started",
    "seconds",
    "exchanges",
    "error",
)
"""Fields that a verdict has from the ledger."""


def conclude(runner: Runner) -> Verdict:
    """Return the verdict of a run that has ended."""
    ledger, schedule, subject = runner.ledger, runner.schedule, runner.subject
    catalogue = schedule.kinds
    share, missing = 1.0, set[Kind]()
    if ledger.is_stopped:
        share = min(ledger.plays / max(schedule.size, 1), 0.999)
    if ledger.is_stop_planned:
        missing = catalogue.keys() - ledger.played_kinds
    records: dict[str, Any] = {name: getattr(ledger, name) for name in RECORDS}
    verdict = Verdict(
        kind=subject.kind,
        name=subject.name,
        version=subject.version,
        profile=schedule.profile.name,
        seed=runner.seed,
        sites=schedule.sites,
        own_sites=tuple(s for s in schedule.sites if s in runner.spec.own_sites),
        clauses=tuple(runner.clauses),
        cases=len(ledger.cases),
        kinds=tuple(catalogue),
        judged_kinds={
            key: frozenset(kinds & catalogue.keys())
            for key, kinds in ledger.judged_kinds.items()
        },
        own_site_kinds=frozenset(kind for kind, sites in catalogue.items() if sites),
        breaches=tuple(ledger.breaches.values()),
        not_confirmed=unconfirmed(ledger.breaches, ledger.not_confirmed.values()),
        interrupted="" if ledger.is_stop_planned else ledger.stop_reason,
        share=round(share, 3),
        shard=schedule.shard,
        outcomes={id_: digest for id_, digest in ledger.outcomes.items() if digest},
        candidates={
            id_: tuple(sorted(places))
            for id_, places in ledger.candidates.items()
            if id_ in ledger.breaches
        },
        unplayed_kinds=sum(str(kind) not in ledger.skipped for kind in missing),
        **records,
    )
    return redacted_verdict(verdict, runner.redactor, runner.spec)


def redacted_verdict(verdict: Verdict, redactor: Redactor, spec: Spec) -> Verdict:
    """Return a verdict without the secrets and persons that a redactor knows."""
    changes: dict[str, Any] = {"redactor": redactor}
    for field in fields(verdict):
        value = getattr(verdict, field.name)
        match value:
            case (Breach(), *_):
                breaches: dict[str, Breach] = {}
                for breach in value:
                    example = redacted_breach(breach, verdict.clauses, redactor, spec)
                    collect(breaches, example)
                changes[field.name] = tuple(breaches.values())
            case (Verdict(), *_):
                parts = (redacted_verdict(part, redactor, spec) for part in value)
                changes[field.name] = tuple(parts)
    return replace(verdict, **changes)


def redacted_breach(
    breach: Breach, clauses: Sequence[AnyClause], redactor: Redactor, spec: Spec
) -> Breach:
    """Return a breach with a redacted example, and place and message for that.

    A clause cuts what it quotes. A secret that was cut is not found any more, so that
    the clause must check the redacted example.
    """
    example = redacted(breach.example, redactor)
    place = redactor.place(breach.place)
    message = redactor.text(breach.message)
    if example != breach.example:
        message = breach.rule.meaning
        findings = list(findings_of(breach, example, clauses, spec))
        same = [
            finding
            for finding in findings
            if place in map(redactor.place, (finding.place, *finding.other_places))
        ]
        if not same and len(findings) == 1:
            same = findings
            place = redactor.place(findings[0].place)
        for finding in same[:1]:
            message = redactor.text(finding.message)
    return replace(breach, example=example, place=place, message=message)


def findings_of(
    breach: Breach, example: AnyExchange, clauses: Sequence[AnyClause], spec: Spec
) -> Iterator[Finding]:
    for clause in clauses:
        if clause.id == breach.clause_id and isinstance(clause, Clause):
            for finding in clause.check(context_of(example, spec)):
                if isinstance(finding, Finding) and finding.rule == breach.rule:
                    yield finding
