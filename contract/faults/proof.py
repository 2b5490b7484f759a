"""The proof: each fault is played, and its clause must catch it."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations, groupby

from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import PROOF, make_schedule
from contract.engine.subject import Subject
from contract.faults.fault import FAULTS, Fault, find_fault
from contract.model import SubjectKind
from contract.sandbox import ORGS, Sandbox, serving
from contract.servers.mock import LocalSites, MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientSubject
from contract.subjects.service import MultiSiteService, service_under_test

CATALOGUES = {
    SubjectKind.CLIENT: (cache(client_scenarios), CLIENT_CLAUSES),
    SubjectKind.SERVICE: (cache(service_scenarios), SERVICE_CLAUSES),
}
"""Scenarios and clauses of each side."""

PARITY_PROOF = replace(PROOF, kinds_everywhere=True)

ONE_MISTAKE = {
    ("body-session-id-dropped", "body-empty-text-absent"),
    ("body-start-as-double", "body-start-32-bits"),
    ("valid-enum-unchecked", "valid-enum-any-case"),
}
"""Pairs of faults that are one mistake to a clause."""


@dataclass(frozen=True)
class Kill:
    """The result of a fault: all breaches in order."""

    fault: str
    clause: str
    breach_ids: tuple[str, ...]

    @property
    def by(self) -> Counter[str]:
        return Counter(map(clause_of, self.breach_ids))

    @property
    def is_caught(self) -> bool:
        return self.clause in self.by


def prove(
    side: SubjectKind | str | None = None,
    names: Sequence[str] = (),
    processes: int = 2,
    until_caught: bool = False,
) -> list[Kill]:
    """Play faults, by default all of a side or both. Return the kills in order.

    `until_caught` checks only the clause that a fault names, and stops when that clause
    has caught it. Raises UsageError for an unknown fault.
    """
    faults = [fault for fault in FAULTS if side in (None, fault.side)]
    chosen = [find_fault(faults, name) for name in names] or faults
    play = partial(play_fault, until_caught=until_caught)
    if processes == 1:
        return [play(fault.id) for fault in chosen]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.map(play, [fault.id for fault in chosen], chunksize=1)


def play_fault(name: str, until_caught: bool) -> Kill:
    fault, spec = find_fault(FAULTS, name), load()
    scenarios, clauses = CATALOGUES[fault.side]
    profile = PARITY_PROOF if fault.clause == "S-PARITY" else PROOF
    if until_caught:
        clauses = tuple(clause for clause in clauses if clause.id == fault.clause)
    with subject_of(fault) as (subject, sites):
        schedule = make_schedule(
            [item for item in scenarios(spec) if is_played(fault, item)],
            profile,
            sites,
            subject,
            spec.sites,
        )
        stop = is_caught if until_caught else None
        ledger = Runner(subject, schedule, clauses, spec, progress=stop).play_all()
    return Kill(fault.id, fault.clause, tuple(ledger.breaches))


def is_caught(ledger: Ledger, _: str) -> bool:
    return bool(ledger.breaches)


def clause_of(breach_id: str) -> str:
    return breach_id.partition("/")[0]


def is_played(fault: Fault, scenario: Scenario) -> bool:
    """Return whether a scenario is needed to show a fault."""
    names = fault.mutation.scenarios
    return not names or scenario.name in names


@contextmanager
def subject_of(fault: Fault) -> Iterator[tuple[Subject, tuple[str, ...]]]:
    """Start the subject with a fault. Yield it with its sites.

    Cases that need real sockets are played only if the fault needs them.
    """
    if fault.side is SubjectKind.SERVICE:
        with faulty_service(fault) as service:
            yield service, service.sites
        return
    sites = load().sites
    with (LocalSites if fault.mutation.scenarios else MockedSites)(sites) as server:
        adapter = fault.make_client(server.clock)
        yield ClientSubject(adapter, server, fault.id), sites


@contextmanager
def faulty_service(fault: Fault) -> Iterator[MultiSiteService]:
    """Serve the sandbox with a fault.

    Two right ones stand beside it if sites are compared: a majority to differ from.
    """
    sandboxes: dict[str, Sandbox] = {"faulty": fault.make_sandbox()}
    if fault.clause == "S-PARITY":
        sandboxes |= {"right-1": Sandbox(), "right-2": Sandbox()}
    own, other = ORGS
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(item)) for item in sandboxes.values()]
        service = service_under_test(
            *urls,
            keys=own.keys,
            other_keys=other.keys,
            names=tuple(sandboxes),  # a port would be another one in each run
        )
        yield stack.enter_context(service)


def rule_table(kills: Sequence[Kill]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the breach ids of each fault by clause."""
    return {
        kill.fault: {
            clause: tuple(breach_ids)
            for clause, breach_ids in groupby(sorted(kill.breach_ids), clause_of)
        }
        for kill in kills
    }


def indistinguishable(kills: Sequence[Kill]) -> list[tuple[str, str]]:
    """Return pairs of faults with the same clause and the same breaches of it.

    Pairs in ONE_MISTAKE are left out.
    """
    table = rule_table(kills)
    return [
        (kill.fault, other.fault)
        for kill, other in combinations(kills, 2)
        if kill.clause == other.clause
        and not ONE_MISTAKE & {(kill.fault, other.fault), (other.fault, kill.fault)}
        and table[kill.fault].get(kill.clause) == table[other.fault].get(kill.clause)
    ]
