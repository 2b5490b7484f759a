"""The clauses of the contract: `C-` checks clients, `S-` checks services."""

from contract.clauses.base import AnyClause, Clause
from contract.clauses.client_behavior import BEHAVIOR_CLAUSES
from contract.clauses.client_facts import ClientFacts
from contract.clauses.client_request import REQUEST_CLAUSES
from contract.clauses.client_response import ANSWER_CLAUSES
from contract.clauses.service_facts import ServiceFacts
from contract.clauses.service_response import LIMIT_CLAUSES, RESPONSE_CLAUSES
from contract.clauses.service_state import ACCESS_CLAUSES, STATE_CLAUSES
from contract.model import AnyExchange, ClientExchange
from contract.spec import Spec

__all__ = [
    "CLIENT_CLAUSES",
    "READING_CLAUSES",
    "SERVICE_CLAUSES",
    "all_causes",
    "context_of",
]

CLIENT_CLAUSES: tuple[AnyClause, ...] = (
    *REQUEST_CLAUSES,
    *ANSWER_CLAUSES,
    *BEHAVIOR_CLAUSES,
)
SERVICE_CLAUSES: tuple[AnyClause, ...] = (
    *RESPONSE_CLAUSES,
    *STATE_CLAUSES,
    *ACCESS_CLAUSES,
    *LIMIT_CLAUSES,
)

READING_CLAUSES: tuple[Clause[ServiceFacts], ...] = tuple(
    clause
    for clause in SERVICE_CLAUSES
    if isinstance(clause, Clause) and clause.compares_reads
)
"""The clauses that compare what a service lists before and after a case."""


def context_of(exchange: AnyExchange, spec: Spec) -> ClientFacts | ServiceFacts:
    """Return the facts about an exchange that clauses share."""
    if isinstance(exchange, ClientExchange):
        return ClientFacts(exchange, spec)
    return ServiceFacts.of(exchange, spec)


def all_causes() -> frozenset[str]:
    """Return the id of every cause that there can be: `CLAUSE/rule`."""
    clauses = (*CLIENT_CLAUSES, *SERVICE_CLAUSES)
    return frozenset(f"{c.id}/{rule.name}" for c in clauses for rule in c.rules)
