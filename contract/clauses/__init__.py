"""The clauses of the contract: `C-` checks clients, `S-` checks services."""

from contract.clauses.base import AnyClause
from contract.clauses.client_behavior import BEHAVIOR_CLAUSES
from contract.clauses.client_context import ClientFacts
from contract.clauses.client_request import REQUEST_CLAUSES
from contract.clauses.client_response import RESPONSE_CLAUSES
from contract.clauses.service_access import SERVICE_ACCESS_CLAUSES
from contract.clauses.service_context import ServiceFacts
from contract.clauses.service_response import SERVICE_RESPONSE_CLAUSES
from contract.clauses.service_state import SERVICE_STATE_CLAUSES
from contract.model import AnyExchange, ClientExchange
from contract.spec import Spec

__all__ = ["CLIENT_CLAUSES", "SERVICE_CLAUSES", "all_causes", "context_of"]

CLIENT_CLAUSES: tuple[AnyClause, ...] = (
    *REQUEST_CLAUSES,
    *RESPONSE_CLAUSES,
    *BEHAVIOR_CLAUSES,
)

SERVICE_CLAUSES: tuple[AnyClause, ...] = (
    *SERVICE_RESPONSE_CLAUSES,
    *SERVICE_STATE_CLAUSES,
    *SERVICE_ACCESS_CLAUSES,
)


def context_of(exchange: AnyExchange, spec: Spec) -> ClientFacts | ServiceFacts:
    """Return the facts about an exchange that clauses share."""
    if isinstance(exchange, ClientExchange):
        return ClientFacts(exchange, spec)
    return ServiceFacts(exchange, spec)


def all_causes() -> frozenset[str]:
    """Return the id of every cause that there can be: `CLAUSE/rule`."""
    clauses = (*CLIENT_CLAUSES, *SERVICE_CLAUSES)
    return frozenset(f"{c.id}/{rule.name}" for c in clauses for rule in c.rules)
