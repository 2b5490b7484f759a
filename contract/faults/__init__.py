"""Known ways to be wrong, and the proof that the clauses catch them.

    FAULTS ─> prove ─> kills ─> indistinguishable

`client_*` and `service_*` have tables of mutations by clause. The harnesses put a
mutation into the minimal client or the sandbox.
"""

from contract.faults.fault import (
    CLIENT_FAULTS,
    FAULTS,
    SERVICE_FAULTS,
    Fault,
    Kill,
    client_fault,
    indistinguishable,
    prove,
    service_fault,
)

__all__ = [
    "CLIENT_FAULTS",
    "FAULTS",
    "SERVICE_FAULTS",
    "Fault",
    "Kill",
    "client_fault",
    "indistinguishable",
    "prove",
    "service_fault",
]
