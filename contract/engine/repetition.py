"""Repetitions: on its other sites a case mostly gives the same exchange, host aside.

What a clause finds does not depend on the site then, unless the clause `names_site`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from contract.clauses.base import Clause
from contract.model import AnyExchange, ClientExchange, Finding, Note
from contract.spec import Spec

Judged = list[tuple[Clause[Any], list[Finding | Note]]]
"""The clauses that concern an exchange, each with what it yielded."""


@dataclass(frozen=True)
class Repeatable:
    """The first exchange of a case as its repetitions are compared with it.

    `held` are the ids of clauses that need not be asked again, `due` are the others.
    """

    likeness: object
    held: tuple[str, ...]
    due: tuple[Clause[Any], ...]
    is_whole: bool

    @classmethod
    def of(
        cls,
        likeness: object,
        clauses: Sequence[Clause[Any]],
        judged: Judged,
        *,
        is_whole: bool,
    ) -> Self:
        ids = {c.id for c, items in judged if not (items or c.names_site)}
        concerned = {clause.id for clause, _ in judged}
        due = (c for c in clauses if c.names_site or c.id in concerned - ids)
        return cls(likeness, tuple(sorted(ids)), tuple(due), is_whole)


def likeness_of(exchange: AnyExchange, spec: Spec) -> object:
    """Return what exchanges share whose findings are the same, or None.

    Times matter after several requests, and to a response that does not come whole.
    """
    site, requests, outcome = exchange.site, exchange.requests, exchange.outcome
    is_timed = len(requests) > 1 or not all(
        response and response.delivery.is_whole for response in exchange.responses
    )
    if is_timed or not isinstance(exchange, ClientExchange) or site not in spec.sites:
        return None
    sent = [(r.method, r.url, r.headers, r.body, r.is_proxied) for r in requests]
    said = outcome.type, outcome.trace, outcome.printed, outcome.logged, outcome.message
    result = outcome.kind, outcome.status, outcome.errors, outcome.snapshot
    # Equal texts are equal values: 1, 1.0 and True are equal, and differ here.
    text = repr((sent, said, result)).replace(site, "{site}")
    return exchange.case.sites, exchange.responses, text
