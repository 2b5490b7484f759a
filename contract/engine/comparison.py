"""Two versions of one client, the same cases: every difference, as breaking, fixed or neutral.

The old client is run as ever, what was played is kept, and exactly that is played to the new one.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from contract.cases.client import Scenario
from contract.clauses import Clause
from contract.engine.recorder import Recorder
from contract.engine.runner import Profile, Subject, Watch, judge, run
from contract.engine.verdict import Verdict
from contract.errors import SubjectError
from contract.model import Case, Exchange, Request
from contract.spec import Spec

__all__ = ["Difference", "Gate", "gate"]

Class = Literal["breaking", "fixed", "neutral"]

_NAMES_ITSELF = {"user-agent", "traceparent", "x-datadog-trace-id"}


@dataclass
class Difference:
    """One difference between two clients; `count` is how many exchanges show it, `case` is the smallest of them."""

    kind: Class
    what: str
    case: Case
    count: int = 1


@dataclass
class Gate:
    """Both verdicts and what differs; the new verdict has the new breaches alone, the old ones are accepted."""

    old: Verdict
    new: Verdict
    differences: list[Difference] = field(default_factory=list)

    @property
    def breaking(self) -> bool:
        """Tell whether the new client breaks what the old one kept."""
        return any(each.kind == "breaking" for each in self.differences)


def gate(
    old: Subject,
    new: Subject,
    scenarios: Sequence[Scenario],
    clauses: tuple[Clause, ...],
    spec: Spec,
    *,
    profile: Profile,
    seed: int = 1,
    sites: tuple[str, ...] = (),
    watch: Watch | None = None,
) -> Gate:
    """Play the same cases to both and compare what reached the wire, what was told, and what the clauses say."""
    kept = Recorder(old)
    before = run(
        kept,
        scenarios,
        clauses,
        spec,
        profile=profile,
        seed=seed,
        sites=sites,
        watch=watch,
    )
    after = Verdict(
        new.kind,
        new.name,
        new.version,
        profile.name,
        seed,
        before.sites,
        clauses,
        before.coverage,
    )
    found: dict[tuple[str, str], Difference] = {}
    references: dict[str, Exchange] = {}
    begin = time.perf_counter()
    try:
        for theirs in kept.exchanges:
            reference = (
                references.get(theirs.case.id) if theirs.reference is not None else None
            )
            ours = new.play(theirs.case, reference)
            references.setdefault(ours.case.id, ours)
            after.exchanges += 1
            after.cases.add(ours.case.id)
            judge(ours, after, spec)
            if watch is not None:
                watch(after, ours.case.scenario)
            for what in _changed(theirs, ours):
                difference = found.setdefault(
                    ("neutral", what), Difference("neutral", what, ours.case, 0)
                )
                difference.count += 1
    except KeyboardInterrupt:
        after.interrupted = "interrupted"
    except SubjectError as error:
        after.interrupted = str(error)
    after.seconds = time.perf_counter() - begin
    for name, breach in after.breaches.items():
        breach.accepted = name in before.breaches
        if not breach.accepted:
            what = f"{breach.clause}: {breach.message}"
            found["breaking", name] = Difference(
                "breaking", what, breach.exchange.case, breach.count
            )
    for name, breach in before.breaches.items():
        if name not in after.breaches:
            what = f"{breach.clause}: {breach.message}"
            found["fixed", name] = Difference(
                "fixed", what, breach.exchange.case, breach.count
            )
    order = ("breaking", "fixed", "neutral")
    return Gate(
        before, after, sorted(found.values(), key=lambda each: order.index(each.kind))
    )


def _changed(old: Exchange, new: Exchange) -> list[str]:
    """Name what differs, in words that are the same for all cases that differ in the same way."""
    changed = []
    if len(old.requests) != len(new.requests):
        changed.append(f"sends {len(new.requests)} requests, sent {len(old.requests)}")
    for theirs, ours in zip(old.requests, new.requests, strict=False):
        changed += _wire(theirs, ours)
    told, said = old.outcome, new.outcome
    if told.kind != said.kind:
        changed.append(f"tells {said.kind}, told {told.kind}")
    elif told.kind == "crashed" and told.type != said.type:
        changed.append(f"raises {said.type}, raised {told.type}")
    elif (told.status, told.errors) != (said.status, said.errors):
        changed.append("tells another status, or other errors")
    elif told.snapshot != said.snapshot:
        changed.append("tells another snapshot")
    return changed


def _wire(old: Request, new: Request) -> list[str]:
    changed = []
    if old.method != new.method:
        changed.append(f"method {new.method}, was {old.method}")
    if old.url != new.url:
        changed.append("another URL")
    theirs, ours = _headers(old), _headers(new)
    for name in sorted(theirs.keys() | ours.keys()):
        if theirs.get(name) != ours.get(name):
            changed.append(
                f"header {name}: {_said(ours.get(name))}, was {_said(theirs.get(name))}"
            )
    if old.body != new.body:
        changed.append(
            "the body: the same JSON in other bytes"
            if _same(old.body, new.body)
            else "another body"
        )
    return changed


def _headers(request: Request) -> dict[str, list[str]]:
    """Return the fields that say something, by lower-case name; keys and the body's length are judged elsewhere."""
    left_out = {"content-length", "dd-api-key", "dd-application-key", *_NAMES_ITSELF}
    names = {name.lower() for name, _ in request.headers} - left_out
    return {name: request.all_headers(name) for name in names}


def _said(values: list[str] | None) -> str:
    return "not sent" if values is None else ", ".join(values)[:80]


def _same(old: bytes, new: bytes) -> bool:
    try:
        return bool(json.loads(old) == json.loads(new))
    except (ValueError, RecursionError):
        return False
