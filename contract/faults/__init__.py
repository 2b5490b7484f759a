"""Known ways to be wrong, and the proof that the clauses catch them.

    FAULTS ─> prove ─> kills ─> rule_table, indistinguishable

`client_*` and `service_*` have tables of mutations by clause. The harnesses put a
mutation into the minimal client or the sandbox.
"""

from contract.faults.fault import (
    CLIENT_FAULTS,
    FAULTS,
    SERVICE_FAULTS,
    Fault,
    client_fault,
    service_fault,
)
from contract.faults.proof import (
    ONE_MISTAKE,
    Kill,
    indistinguishable,
    prove,
    rule_table,
)

__all__ = [
    "CLIENT_FAULTS",
    "FAULTS",
    "ONE_MISTAKE",
    "SERVICE_FAULTS",
    "Fault",
    "Kill",
    "client_fault",
    "indistinguishable",
    "prove",
    "rule_table",
    "service_fault",
]
