"""Cases, clauses and a subject without network, for tests of the engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from contract.cases.parameters import CREDENTIALS
from contract.cases.scenario import Scenario
from contract.clauses.base import AnyClause, Clause, SitesClause
from contract.clauses.client_facts import ClientFacts
from contract.engine.conclusion import conclude
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import Profile, Schedule, make_schedule
from contract.engine.subject import PlayResult
from contract.engine.verdict import Verdict
from contract.model import (
    AnyCase,
    AnyExchange,
    ClientCase,
    ClientExchange,
    Finding,
    Json,
    Label,
    Level,
    Outcome,
    OutcomeKind,
    Rule,
    SubjectKind,
)
from contract.spec import load

__all__ = [
    "ALTERED",
    "LATE",
    "PROFILE",
    "SITES",
    "SPEC",
    "StubSubject",
    "clause",
    "client_case",
    "exchange_of",
    "play",
    "scenario",
    "schedule",
    "sites_clause",
    "verdict",
]

SPEC = load()
SITES = ("a.example", "b.example", "c.example")
PROFILE = Profile("quick", samples=1, examples=0)
ALTERED = Rule("altered", "A value is altered.")
LATE = Rule("late", "A call ends late.")


def client_case(
    place: str = "/data/id",
    value_class: str = "empty",
    *,
    body: Json = None,
    **fields: Any,
) -> ClientCase:
    """Return a client case with one label."""
    values = {
        "labels": (Label(place, value_class),),
        "snapshot_id": "abc",
        "credential": CREDENTIALS["plain"],
        "body": body,
        **fields,
    }
    return ClientCase(**values)


def scenario(name: str, *cases: AnyCase, **fields: Any) -> Scenario:
    """Return a scenario of these cases."""
    return Scenario(name, lambda: iter(cases), **fields)


def schedule(
    *scenarios: Scenario,
    profile: Profile = PROFILE,
    sites: tuple[str, ...] = SITES,
    kind: SubjectKind = SubjectKind.CLIENT,
    is_real_time: bool = True,
) -> Schedule:
    """Return the schedule of some scenarios."""
    subject = StubSubject(kind=kind)
    subject.is_real_time = is_real_time
    return make_schedule(
        scenarios,
        profile,
        sites,
        subject,
        SITES,
    )


def exchange_of(
    case: ClientCase, site: str = SITES[0], outcome: Outcome | None = None
) -> ClientExchange:
    """Return an exchange in which the client gets a snapshot."""
    return ClientExchange(
        case=case, site=site, outcome=outcome or Outcome(OutcomeKind.SNAPSHOT)
    )


class StubSubject:
    """Subject that answers each case by a function, and notes what it played."""

    name, version, is_real_time = "stub", "1", True
    is_repeatable, overlaps = True, False
    secrets: Mapping[str, str] = {}

    def __init__(
        self,
        answer: Callable[[ClientCase, str], PlayResult] = exchange_of,
        *,
        skip: Callable[[AnyCase], str] = lambda case: "",
        cost: Callable[[AnyExchange], float] = lambda exchange: 0.0,
        kind: SubjectKind = SubjectKind.CLIENT,
    ) -> None:
        self.kind = kind
        self.answer, self.skip_reason, self.waiting_cost_s = answer, skip, cost
        self.played: list[tuple[str, str]] = []
        self.renewals: list[StubSubject] = []

    def while_waiting(self, work: object) -> bool:
        return False

    def replayed(self, *, is_end: bool = False) -> Sequence[AnyExchange]:
        """Return nothing: each case is judged at once."""
        return ()

    def play(self, case: AnyCase, site: str) -> PlayResult:
        """Note the case and answer it."""
        self.played.append((case.title, site))
        return self.answer(case, site)

    def renewed(self) -> "StubSubject":
        """Return a subject that answers alike and notes its own plays."""
        fresh = StubSubject(self.answer, cost=self.waiting_cost_s, kind=self.kind)
        self.renewals.append(fresh)
        return fresh


def clause(
    clause_id: str = "C-ONE",
    check: Callable[[ClientFacts], Iterator[Finding] | Sequence[Finding]] = (
        lambda context: ()
    ),
    *,
    concerns: Callable[[ClientFacts], bool] = lambda context: True,
    level: Level = Level.MUST,
) -> Clause[ClientFacts]:
    """Return a clause with a check of the test."""
    return Clause(
        clause_id,
        statement=f"The statement of {clause_id}.",
        source="a test",
        rules=(ALTERED, LATE),
        concerns=concerns,
        check=lambda context: iter(check(context)),
        level=level,
    )


def sites_clause(
    check: Callable[[Sequence[ClientFacts]], Sequence[tuple[int, Finding]]],
) -> SitesClause[ClientFacts]:
    """Return a clause that compares sites."""
    return SitesClause(
        "C-SITES",
        statement="The statement of C-SITES.",
        source="a test",
        rules=(ALTERED,),
        concerns=lambda contexts: len(contexts) > 1,
        check=lambda contexts: iter(check(contexts)),
    )


def play(
    subject: StubSubject, plan: Schedule, *clauses: AnyClause, **options: Any
) -> Ledger:
    """Run a schedule."""
    return Runner(subject, plan, clauses, SPEC, **options).play_all()


def verdict(
    subject: StubSubject, plan: Schedule, *clauses: AnyClause, **options: Any
) -> Verdict:
    """Run a schedule and conclude."""
    runner = Runner(subject, plan, clauses, SPEC, **options)
    runner.play_all()
    return conclude(runner)
