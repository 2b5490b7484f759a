"""The clauses: a sentence with a source, and a function that judges one exchange by it.

`CLIENT` judges clients, `SERVICE` services. A clause says None about an exchange that it does not concern, so
that a run knows what it has judged; an empty list means that the clause holds.
"""

from contract.clauses.base import Clause
from contract.clauses.client_behavior import BEHAVIOUR
from contract.clauses.client_request import REQUEST
from contract.clauses.client_response import ANSWER
from contract.clauses.service_response import SERVICE

__all__ = ["CLIENT", "SERVICE", "Clause"]

CLIENT: tuple[Clause, ...] = REQUEST + ANSWER + BEHAVIOUR
