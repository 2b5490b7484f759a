"""Known ways to be wrong, and the kill matrix: every fault must be caught by the clause that it names."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial

from contract.cases.client import client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.engine.runner import Profile, StopRun, Watch, run
from contract.engine.schedule import plan
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.faults.client import CLIENT_FAULTS
from contract.faults.client_harness import Fault, Faulty
from contract.faults.service import SERVICE_FAULTS, ServiceFault
from contract.sandbox import ORGS, Sandbox, serving
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.driver import environment_with_fake_sites
from contract.subjects.in_process import ClientSubject, SiteServer
from contract.subjects.multi_site import SeveralSites
from contract.subjects.service import service_under_test

__all__ = [
    "CLIENT_FAULTS",
    "PROOF",
    "SERVICE_FAULTS",
    "Fault",
    "Faulty",
    "Killed",
    "ServiceFault",
    "prove",
    "prove_service",
]

PROOF = Profile("proof", samples=1, examples=0, spread=1)


@dataclass(frozen=True)
class Killed:
    """What a fault was caught by: clause id → number of breaches."""

    fault: str
    clause: str
    by: dict[str, int]

    @property
    def caught(self) -> bool:
        """Tell whether the clause that the fault names caught it."""
        return bool(self.by.get(self.clause))


def prove(
    names: Sequence[str] = (), processes: int = 2, *, until_caught: bool = False
) -> list[Killed]:
    """Judge a client with each of these faults, or of all; return the kill matrix, in order.

    `until_caught` ends each run as soon as the clause that the fault names has caught it: what else would have is
    not known then. Raises UsageError on an unknown fault.
    """
    return _matrix(
        partial(_client_judged, until_caught=until_caught),
        CLIENT_FAULTS,
        names,
        processes,
    )


def prove_service(
    names: Sequence[str] = (), processes: int = 2, *, until_caught: bool = False
) -> list[Killed]:
    """Judge the sandbox with each of these faults, or of all, over loopback; return the kill matrix, in order.

    `until_caught` is that of `prove`. Raises UsageError on an unknown fault.
    """
    return _matrix(
        partial(_service_judged, until_caught=until_caught),
        SERVICE_FAULTS,
        names,
        processes,
    )


def _stop(clause: str) -> Watch:
    """Return what ends a run once a clause has been broken."""

    def watch(verdict: Verdict, _: str) -> None:
        if any(breach.clause == clause for breach in verdict.breaches.values()):
            raise StopRun

    return watch


def _matrix(
    judged: Callable[[str], Killed],
    faults: Sequence[Fault | ServiceFault],
    names: Sequence[str],
    processes: int,
) -> list[Killed]:
    known = [fault.id for fault in faults]
    for name in names:
        if name not in known:
            raise UsageError(f"unknown fault {name!r} (one of: {', '.join(known)})")
    if processes == 1:
        return [judged(name) for name in names or known]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.map(judged, names or known, chunksize=1)


def _client_judged(name: str, until_caught: bool) -> Killed:
    fault = next(each for each in CLIENT_FAULTS if each.id == name)
    spec = load()
    scenarios = client_scenarios(spec)
    sites: AbstractContextManager[SiteServer] = MockedSites(spec.sites)
    if fault.trust is not None:  # which shows where there are certificates alone
        scenarios, sites = (
            tuple(each for each in scenarios if each.name == "certificates"),
            environment_with_fake_sites(spec),
        )
    with sites as stage:
        subject = ClientSubject(Faulty(fault), stage, name)
        watch = _stop(fault.clause) if until_caught else None
        return _killed(
            fault, run(subject, scenarios, CLIENT, spec, profile=PROOF, watch=watch)
        )


def _service_judged(name: str, until_caught: bool) -> Killed:
    fault = next(each for each in SERVICE_FAULTS if each.id == name)
    spec = load()
    keys, other_keys = ((org.api_key, org.app_key) for org in ORGS)
    with ExitStack() as stack:
        made = (
            [Sandbox(), fault.make()] if fault.clause == "S-PARITY" else [fault.make()]
        )
        urls = [stack.enter_context(serving(each)) for each in made]
        services = [
            stack.enter_context(
                service_under_test(url, keys=keys, other_keys=other_keys)
            )
            for url in urls
        ]
        subject = SeveralSites(services)
        profile = replace(PROOF, spread=len(urls))
        rules = {
            "profile": profile,
            "sites": subject.sites,
            "watch": _stop(fault.clause) if until_caught else None,
        }
        scenarios, _ = plan(service_scenarios(spec), profile)
        verdict = run(subject, scenarios, SERVICE, spec, **rules)  # type: ignore[arg-type]
    return _killed(fault, verdict)


def _killed(fault: Fault | ServiceFault, verdict: Verdict) -> Killed:
    return Killed(
        fault.id,
        fault.clause,
        dict(Counter(breach.clause for breach in verdict.breaches.values())),
    )
