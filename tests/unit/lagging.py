"""Services whose lists lag, on a simulated clock."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contract.cases.placeholders import OWN
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE_CLAUSES
from contract.engine.conclusion import conclude
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, make_schedule
from contract.engine.verdict import Verdict
from contract.faults import service_fault
from contract.model import Label, ServiceCase
from contract.sandbox import ORGS, Environ, Replicas, Sandbox, serving
from contract.spec import load
from contract.subjects.service import MultiSiteService, service_under_test
from tests.tls_sandbox import FakeClock
from tests.unit.client_cases import UPDATE

SPEC = load()
REQUEST_S = 0.004


class Stage:
    """A sandbox, its simulated clock and the subject in front of it.

    `methods` counts the requests. A fault's sandbox stands in for the plain one.
    """

    def __init__(self, make: Any = Sandbox, lag_s: float = 0.0, seed: int = 1) -> None:
        self.clock = FakeClock()
        settings: dict[str, Any] = {"clock": self.clock.now}
        if lag_s:
            settings["replicas"] = Replicas(lag_s, seed=seed)
        if isinstance(make, str):
            make = service_fault(make).make_sandbox
        self.app: Sandbox = make(**settings)
        self.methods: Counter[str] = Counter()
        self.begin_s = self.clock.now()
        self.service: Any = None

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.methods[environ["REQUEST_METHOD"]] += 1
        self.clock.sleep(REQUEST_S)
        return self.app(environ, start_response)

    @property
    def seconds(self) -> float:
        return self.clock.now() - self.begin_s

    @property
    def subject(self) -> Any:
        """The subject of the one site."""
        return next(iter(self.service.services.values()))

    def judge(self, *names: str, seed: int = 1, profile: str = "quick") -> Verdict:
        """Play scenarios, by default all, and return the verdict."""
        service: MultiSiteService = self.service
        schedule = make_schedule(
            [s for s in service_scenarios(SPEC) if s.name in names or not names],
            PROFILES[profile],
            service.sites,
            service,
            SPEC.sites,
        )
        runner = Runner(service, schedule, SERVICE_CLAUSES, SPEC, seed)
        runner.play_all()
        return conclude(runner)


@contextmanager
def staged(
    make: Any = Sandbox,
    *,
    lag_s: float = 0.0,
    seed: int = 1,
    is_loopback: bool = True,
    **settings: Any,
) -> Iterator[Stage]:
    """Set up a service whose list is read from replicas."""
    stage = Stage(make, lag_s, seed)
    own, other = ORGS
    settings = {"keys": own.keys, "other_keys": other.keys, **settings}
    with (
        serving(stage) as url,
        service_under_test(
            url, is_loopback=is_loopback, clock=stage.clock.clock(), **settings
        ) as stage.service,
    ):
        yield stage


def ids(verdict: Verdict, level: str = "must") -> set[str]:
    """Return the breach ids of a level."""
    return {breach.id for breach in verdict.breaches if breach.level == level}


def case(**details: Any) -> ServiceCase:
    """Return a valid update that differs in these fields."""
    settings = {"labels": (Label("", "test"),), "snapshot_id": (OWN,), "body": UPDATE}
    return ServiceCase(**(settings | details))
