"""Confirmation of breaches: how often the example of each breaks its clause again."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from contract.clauses import context_of
from contract.clauses.base import AnyClause, Clause
from contract.engine.subject import Skipped, Stopped, Subject
from contract.engine.verdict import Verdict
from contract.errors import SubjectError
from contract.live.site import LiveSubject
from contract.model import Breach, Finding, Level, ServiceCase
from contract.spec import Spec

TIMES = 3


def confirmed(
    verdict: Verdict, live: LiveSubject, subject: Subject, spec: Spec
) -> tuple[Breach, ...]:
    """Return the breaches with their reproducibility, as far as the budget lasts.

    One breach of each clause is played first. `subject` plays on `live`.
    """
    clauses = {clause.id: clause for clause in verdict.clauses}
    turns: Counter[str] = Counter()
    queue: list[tuple[int, Level, int]] = []
    for index, breach in enumerate(verdict.breaches):
        turns[breach.clause_id] += 1
        queue.append((turns[breach.clause_id], breach.level, index))
    breaches = list(verdict.breaches)
    for _, _, index in sorted(queue):
        breach = breaches[index]
        play = partial(occurs, breach, clauses[breach.clause_id], subject, spec)
        breaches[index] = replace(breach, reproducibility=reproducibility(play, live))
    return tuple(breaches)


def reproducibility(play: Callable[[], bool | None], live: LiveSubject) -> str:
    """Return how often a breach occurs again.

    Where it does not, new snapshots are tried: those of the run may be in a state in
    which it cannot occur.
    """
    count = 0
    for _ in range(TIMES):
        is_again = play()
        if is_again is False:
            with suppress(SubjectError):
                is_again = None
                live.recreate()
                is_again = play()
        if is_again is None:
            return "not tried"
        count += is_again
    return {0: "never again", TIMES: "always"}.get(count, "sometimes")


def occurs(
    breach: Breach, clause: AnyClause, subject: Subject, spec: Spec
) -> bool | None:
    """Play the example of a breach. Return whether its clause is broken again.

    None means that it could not be played. The place depends on the stored data, so
    that it is not compared.
    """
    case = breach.example.case
    is_step = isinstance(case, ServiceCase) and case.is_step
    if is_step or subject.skip_reason(case):
        return None
    result = subject.play(case, breach.example.site)
    if isinstance(result, Skipped | Stopped):
        return None
    context = context_of(result, spec)
    if not isinstance(clause, Clause) or not clause.concerns(context):
        return False
    return any(
        isinstance(item, Finding) and (item.rule.level or clause.level) == breach.level
        for item in clause.check(context)
    )
