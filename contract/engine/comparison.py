"""The gate: two versions of a client play the same cases, first the old one.

Every difference counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from contract.clauses.base import parse
from contract.engine.job import Job
from contract.engine.runner import Runner
from contract.engine.subject import Recorder, Subject
from contract.engine.verdict import Verdict
from contract.jsondiff import differences
from contract.model import AnyExchange, Breach, Level, OutcomeKind, Request
from contract.redaction import without_secrets
from contract.spec import Spec

IGNORED_HEADERS = {"content-length", "user-agent", "traceparent", "x-datadog-trace-id"}
"""Headers in which versions of a client always differ, or that follow from others.

Clauses check the keys.
"""


class Impact(StrEnum):
    """Meaning of a difference for callers of the client."""

    BREAKING = "breaking"
    FIXED = "fixed"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Difference:
    """One difference. `count` is the number of exchanges, `example` one of them."""

    impact: Impact
    text: str
    example: AnyExchange
    count: int


@dataclass(frozen=True)
class GateResult:
    """Both verdicts and the differences, breaking ones first.

    In the new verdict the breaches that the old client has too are accepted, unless
    they occur in kinds in which the old client has none.
    """

    old: Verdict
    new: Verdict
    differences: tuple[Difference, ...]


def compare(old: Subject, new: Subject, job: Job, sites: tuple[str, ...]) -> GateResult:
    """Play the same cases on both clients. Compare requests, outcomes and breaches."""
    recorder = Recorder(old)
    before = job.run(recorder, sites)
    runner = job.runner(new, sites)
    changes = play_again(recorder.exchanges, runner)
    after = job.verdict(runner)
    old_breaches = {breach.id: breach for breach in before.breaches}
    breaches = (mark(breach, old_breaches.get(breach.id)) for breach in after.breaches)
    after = replace(after, breaches=tuple(breaches))
    items = [*breach_differences(before, after)]
    for text, exchanges in changes.items():
        items.append(Difference(Impact.NEUTRAL, text, exchanges[0], len(exchanges)))
    items.sort(key=lambda item: list(Impact).index(item.impact))
    return GateResult(before, after, tuple(items))


def play_again(
    recorded: list[AnyExchange], runner: Runner
) -> dict[str, list[AnyExchange]]:
    """Play the cases of recorded exchanges. Return new exchanges by change."""
    changes: dict[str, list[AnyExchange]] = {}
    with runner.ledger.recording():
        for _, group in groupby(recorded, lambda exchange: id(exchange.case)):
            old = list(group)
            new = runner.play(old[0].case, [exchange.site for exchange in old])
            for earlier, later in zip(old, new, strict=False):
                for text in changed(earlier, later, runner.spec):
                    changes.setdefault(text, []).append(later)
    return changes


def mark(breach: Breach, earlier: Breach | None) -> Breach:
    """Accept a breach that the old client has in the same kinds."""
    if earlier is None or breach.is_accepted:
        return breach
    if new_kinds := tuple(k for k in breach.kinds if k not in earlier.kinds):
        return replace(breach, new_kinds=new_kinds)
    return replace(breach, is_accepted=True, reason="the old client does the same")


def breach_differences(before: Verdict, after: Verdict) -> Iterator[Difference]:
    for breach in after.breaches:
        if breach.is_accepted:
            continue
        impact = Impact.BREAKING if breach.level is Level.MUST else Impact.NEUTRAL
        text = f"{breach.id}: {breach.message}"
        if kinds := [str(kind) for kind in breach.new_kinds]:
            text = f"{breach.id} in new kinds: {', '.join(kinds[:3])}"
            text += f" and {len(kinds) - 3} more" if kinds[3:] else ""
        yield Difference(impact, text, breach.example, breach.count)
    later_ids = {breach.id for breach in after.breaches}
    for breach in before.breaches:
        if breach.id not in later_ids:
            text = f"{breach.id}: {breach.message}"
            yield Difference(Impact.FIXED, text, breach.example, breach.count)


def changed(old: AnyExchange, new: AnyExchange, spec: Spec) -> Iterator[str]:
    count, old_count = len(new.requests), len(old.requests)
    if count != old_count:
        sent = f"{count or 'no'} request{'s' * (count != 1)}"
        yield f"The new client sends {sent}, the old one {old_count or 'none'}."
    for earlier, later in zip(old.requests, new.requests, strict=False):
        yield from changed_request(earlier, later, spec)
    before, after = old.outcome, new.outcome
    if before.kind != after.kind:
        yield f"The outcome is {after.kind} instead of {before.kind}."
    elif before.kind is OutcomeKind.CRASHED:
        if before.type != after.type:
            yield f"The crash type is {after.type} instead of {before.type}."
    elif (before.status, before.errors) != (after.status, after.errors):
        yield "The status or the errors differ."
    elif any(differences(before.snapshot, after.snapshot)):
        yield "The snapshot differs."


def changed_request(old: Request, new: Request, spec: Spec) -> Iterator[str]:
    if old.method != new.method:
        yield f"The method is {new.method} instead of {old.method}."
    if old.url != new.url:
        yield "The URL differs."
    ignored = IGNORED_HEADERS | {name.lower() for name in spec.auth_headers}
    names = {name.lower() for name, _ in (*new.headers, *old.headers)} - ignored
    for name in sorted(names):
        after, before = new.all_headers(name), old.all_headers(name)
        if after != before:
            texts = (", ".join(v or ["not sent"]) for v in (after, before))
            values = (without_secrets(text)[:80] for text in texts)
            yield "The header {} differs (new: {}, old: {}).".format(name, *values)
    if old.body != new.body:
        earlier, later = parse(old.body), parse(new.body)
        is_json = earlier.defect is None and later.defect is None
        if is_json and not any(differences(earlier.value, later.value)):
            yield "The body has the same JSON in other bytes."
        else:
            yield "The body differs."
