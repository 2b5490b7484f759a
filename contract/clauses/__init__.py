"""The clauses: a sentence with a source, and a function that judges one exchange by it.

`CLIENT` judges clients. A clause says None about an exchange that it does not concern, so that a run knows
what it has judged; an empty list means that the clause holds.
"""

from contract.clauses.base import Clause
from contract.clauses.client import CLIENT

__all__ = ["CLIENT", "Clause"]
