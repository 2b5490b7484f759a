"""Faults: known ways to be wrong, each with the clause that must catch it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from contract.errors import UsageError
from contract.faults.client_harness import ClientMutation, FaultyClient
from contract.faults.client_requests import REQUEST_MUTATIONS
from contract.faults.client_responses import OUTCOME_MUTATIONS
from contract.faults.sandbox_harness import MutableSandbox, SandboxMutation
from contract.faults.service_access import ACCESS_MUTATIONS
from contract.faults.service_bodies import BODY_MUTATIONS
from contract.faults.service_responses import RESPONSE_MUTATIONS
from contract.faults.service_state import STATE_MUTATIONS
from contract.model import SubjectKind
from contract.servers import REAL_TIME, Clock


@dataclass(frozen=True)
class Fault:
    """A mutation of the minimal client or of the sandbox, and the clause against it."""

    id: str
    clause: str
    mutation: ClientMutation | SandboxMutation

    @property
    def side(self) -> SubjectKind:
        is_client = isinstance(self.mutation, ClientMutation)
        return SubjectKind.CLIENT if is_client else SubjectKind.SERVICE

    def make_client(self, clock: Clock = REAL_TIME) -> FaultyClient:
        if not isinstance(self.mutation, ClientMutation):
            raise TypeError(f"{self.id} is a fault of services")
        return FaultyClient(self.mutation, clock)

    def make_sandbox(self, **settings: Any) -> MutableSandbox:
        if not isinstance(self.mutation, SandboxMutation):
            raise TypeError(f"{self.id} is a fault of clients")
        return MutableSandbox(self.mutation, **settings)


def faults_of(*tables: Mapping[str, Mapping[str, Any]]) -> tuple[Fault, ...]:
    return tuple(
        Fault(fault_id, clause, mutation)
        for table in tables
        for clause, mutations in table.items()
        for fault_id, mutation in mutations.items()
    )


CLIENT_FAULTS = faults_of(REQUEST_MUTATIONS, OUTCOME_MUTATIONS)
SERVICE_FAULTS = faults_of(
    BODY_MUTATIONS, STATE_MUTATIONS, ACCESS_MUTATIONS, RESPONSE_MUTATIONS
)
FAULTS = (*CLIENT_FAULTS, *SERVICE_FAULTS)


def find_fault(faults: Sequence[Fault], name: str) -> Fault:
    """Return the fault with an id. Raises UsageError for an unknown id."""
    by_id = {fault.id: fault for fault in faults}
    if name not in by_id:
        raise UsageError(f"unknown fault {name!r} (one of: {', '.join(by_id)})")
    return by_id[name]


client_fault = partial(find_fault, CLIENT_FAULTS)
service_fault = partial(find_fault, SERVICE_FAULTS)
