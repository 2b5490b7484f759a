"""Known ways to be wrong, and the proof that the clauses catch them.

    FAULTS ─> prove ─> kills ─> indistinguishable

`client_*` and `service_*` have tables of mutations by clause. `harness` puts a
mutation into the minimal client or the sandbox.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from typing import Any

from contract.cases.scenario import Scenario
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.engine.drawing import catalogue_of
from contract.engine.job import cores
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import PROOF, make_schedule
from contract.engine.selection import select
from contract.engine.subject import Subject
from contract.faults.client_behavior import BEHAVIOR_MUTATIONS
from contract.faults.client_messages import MESSAGE_MUTATIONS
from contract.faults.harness import (
    ClientMutation,
    FaultyClient,
    MutableSandbox,
    SandboxMutation,
)
from contract.faults.service_messages import BODY_MUTATIONS, RESPONSE_MUTATIONS
from contract.faults.service_state import STATE_MUTATIONS
from contract.model import SubjectKind
from contract.processes import map_in_processes
from contract.sandbox import ORGS, Sandbox
from contract.sandbox.direct import DirectConnection
from contract.servers import REAL_TIME, Clock, virtual_clock
from contract.servers.mock import LocalSites, MockedSites
from contract.spec import Spec, load
from contract.subjects.in_process import ClientSubject, every_level
from contract.subjects.service import service_under_test

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


@cache
def scenarios_of(side: SubjectKind, spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios of a side, whose cases are made once."""
    scenarios = []
    for scenario in catalogue_of(side, spec):
        cases = [case.in_scenario(scenario.name) for case in scenario.cases()]
        scenarios.append(replace(scenario, cases=partial(iter, cases)))
    return tuple(scenarios)


CLAUSES = {SubjectKind.CLIENT: CLIENT_CLAUSES, SubjectKind.SERVICE: SERVICE_CLAUSES}

CLEAN: dict[Any, Any] = {}
"""What is known of exchanges without a finding, for all faults of this process."""

ONE_MISTAKE = {
    ("body-session-id-dropped", "body-empty-text-absent"),
    ("body-start-as-double", "body-start-32-bits"),
    ("valid-enum-unchecked", "valid-enum-any-case"),
}
"""Pairs of faults that are one mistake to a clause."""


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

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that show the fault, or none for all."""
        return getattr(self.mutation, "scenarios", ())

    def make_client(self, clock: Clock = REAL_TIME) -> FaultyClient:
        if not isinstance(self.mutation, ClientMutation):
            raise TypeError(f"{self.id} is a fault of services")
        return FaultyClient(self.mutation, clock)

    def make_sandbox(self, **settings: Any) -> MutableSandbox:
        if isinstance(self.mutation, ClientMutation):
            raise TypeError(f"{self.id} is a fault of clients")
        return MutableSandbox(self.mutation, **settings)


def faults_of(table: Mapping[str, Any]) -> tuple[Fault, ...]:
    return tuple(
        Fault(fault_id, clause, mutation)
        for clause, mutations in table.items()
        for fault_id, mutation in mutations.items()
    )


CLIENT_FAULTS = faults_of(MESSAGE_MUTATIONS | BEHAVIOR_MUTATIONS)
SERVICE_FAULTS = faults_of(BODY_MUTATIONS | STATE_MUTATIONS | RESPONSE_MUTATIONS)
FAULTS = (*CLIENT_FAULTS, *SERVICE_FAULTS)


def find_fault(faults: Sequence[Fault], name: str) -> Fault:
    """Return the fault with an id. Raises UsageError for an unknown id."""
    (fault,) = select("fault", [name], {fault.id: fault for fault in faults})
    return fault


client_fault = partial(find_fault, CLIENT_FAULTS)
service_fault = partial(find_fault, SERVICE_FAULTS)


# -- the proof --


@dataclass(frozen=True)
class Kill:
    """The result of a fault: all breaches in order."""

    fault: str
    clause: str
    breach_ids: tuple[str, ...]

    @property
    def by(self) -> dict[str, list[str]]:
        """The sorted breach ids of each clause that was broken."""
        by: dict[str, list[str]] = {}
        for breach_id in sorted(self.breach_ids):
            by.setdefault(breach_id.partition("/")[0], []).append(breach_id)
        return by

    @property
    def is_caught(self) -> bool:
        return self.clause in self.by


def prove(
    side: SubjectKind | str | None = None,
    names: Sequence[str] = (),
    processes: int | None = None,
    until_caught: bool = False,
) -> Iterator[Kill]:
    """Play faults, by default all of a side or both. Return the kills, in order.

    So many `processes` play them, by default one a core. `until_caught` checks only the
    clause that a fault names, and stops when that has caught it. Raise UsageError for
    an unknown fault.
    """
    faults = [fault for fault in FAULTS if side in (None, fault.side)]
    chosen = [find_fault(faults, name) for name in names] or faults
    ids = [fault.id for fault in chosen]
    play = partial(play_fault, until_caught=until_caught)
    return map_in_processes(play, ids, processes or cores())


def play_fault(name: str, until_caught: bool) -> Kill:
    fault, spec = find_fault(FAULTS, name), load()
    clauses = CLAUSES[fault.side]
    profile = replace(PROOF, kinds_everywhere=fault.clause == "S-PARITY")
    if until_caught:
        clauses = tuple(clause for clause in clauses if clause.id == fault.clause)
    with subject_of(fault) as (subject, sites):
        schedule = make_schedule(
            [item for item in scenarios_of(fault.side, spec) if is_played(fault, item)],
            profile,
            sites,
            subject,
            spec.sites,
        )
        stop = is_caught if until_caught else None
        clean = None if until_caught else CLEAN
        runner = Runner(subject, schedule, clauses, spec, progress=stop, clean=clean)
        runner.ledger.coverage.keep(())  # not a concern of a proof
        ledger = runner.play_all()
    if ledger.error:
        raise ledger.error
    return Kill(fault.id, fault.clause, tuple(ledger.breaches))


def is_caught(ledger: Ledger, _: str) -> bool:
    return bool(ledger.breaches)


def is_played(fault: Fault, scenario: Scenario) -> bool:
    """Return whether a scenario is needed to show a fault."""
    return not fault.scenarios or scenario.name in fault.scenarios


@contextmanager
def subject_of(fault: Fault) -> Iterator[tuple[Subject, tuple[str, ...]]]:
    """Start the subject with a fault. Yield it with its sites.

    Cases that need real sockets are played only if the fault needs them. Sandboxes are
    called without any. If sites are compared, two right ones stand beside the faulty
    one: a majority to differ from.
    """
    if fault.side is SubjectKind.CLIENT:
        sites = load().sites
        start = LocalSites if fault.scenarios else MockedSites
        with start(sites) as server, every_level():
            adapter = fault.make_client(server.clock)
            yield ClientSubject(adapter, server, fault.id), sites
        return
    clock = virtual_clock()  # a sandbox does not lag, whatever its fault
    begin_s = time.time() - clock.now()
    faulty = fault.make_sandbox(clock=lambda: begin_s + clock.now())
    sandboxes: dict[str, Sandbox] = {"faulty": faulty}
    if fault.clause == "S-PARITY":
        sandboxes |= {"right-1": Sandbox(), "right-2": Sandbox()}
    own, other = ORGS
    with service_under_test(
        *sandboxes,
        keys=own.keys,
        other_keys=other.keys,
        names=tuple(sandboxes),
        clock=clock,
        connect=lambda name, **_: DirectConnection(sandboxes[name]),
    ) as service:
        yield service, tuple(sandboxes)


def indistinguishable(kills: Sequence[Kill]) -> list[tuple[str, str]]:
    """Return pairs of faults with the same clause and the same breaches of it.

    Pairs in ONE_MISTAKE are left out.
    """
    return [
        (one.fault, other.fault)
        for one, other in combinations(kills, 2)
        if one.clause == other.clause
        and one.by.get(one.clause) == other.by.get(one.clause)
        and not ONE_MISTAKE & {(one.fault, other.fault), (other.fault, one.fault)}
    ]
