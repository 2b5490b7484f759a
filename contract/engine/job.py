"""A job: all of a run except the subject and its sites."""

import datetime
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from contract.cases.scenario import Scenario
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.clauses.base import AnyClause
from contract.engine.baseline import Baseline, read_baseline
from contract.engine.conclusion import conclude
from contract.engine.drawing import Drawing, Drawn, catalogue_of, draw_beside
from contract.engine.runner import MAX_WAIT_S, Progress, Runner
from contract.engine.schedule import PROFILES, Profile, make_schedule, parse_shard
from contract.engine.selection import select, select_scenarios
from contract.engine.subject import Subject
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.model import SubjectKind
from contract.processes import is_forkable, undisturbed
from contract.spec import Spec, load

WAITING = 8
"""Drivers that only wait, by default."""


class RunOptions(TypedDict, total=False):
    """Options of every check.

    `profile` is quick, ci or nightly. `seed` is for generated cases. `clauses` and
    `scenarios` select parts, all if empty. `accepted` is a file of accepted
    breaches. `strict` lets a `should` count. `max_wait_s` bounds the seconds that a
    scenario waits for time-outs. `progress` is called after each exchange. `jobs` and
    `waiting` are the drivers that play at the same time, and those that only wait.
    `own_sites` are not of the page. `update_accepted` adds to the accepted file,
    `prune` drops what is no longer seen. `report` is a directory. `shard` K/N plays
    the Kth of N parts, each of which may wait that long.
    """

    profile: str
    seed: int
    clauses: Iterable[str]
    scenarios: Iterable[Scenario | str]
    accepted: Path | None
    strict: bool
    max_wait_s: float
    shard: str | None
    jobs: int
    waiting: int
    progress: Progress | None
    own_sites: Iterable[str]
    report: Path | None
    update_accepted: bool
    prune: bool


@dataclass(frozen=True)
class Job:
    """Scenarios, clauses, accepted breaches and options of a run.

    `catalogue` has the names of all scenarios, `drawable` of those with generated
    cases that are its own, so that another process can draw them.
    """

    kind: SubjectKind
    spec: Spec
    scenarios: tuple[Scenario, ...]
    clauses: tuple[AnyClause, ...]
    profile: Profile
    baseline: Baseline
    options: RunOptions
    catalogue: frozenset[str] = frozenset()
    drawable: tuple[str, ...] = ()

    def runner(self, subject: Subject, sites: tuple[str, ...]) -> Runner:
        schedule = make_schedule(
            self.scenarios, self.profile, sites, subject, self.spec.sites
        )
        if shard := parse_shard(self.options.get("shard")):
            schedule = schedule.part(shard)
        return Runner(
            subject,
            schedule,
            self.clauses,
            self.spec,
            seed=self.options.get("seed", 1),
            progress=self.options.get("progress"),
            max_wait_s=self.options.get("max_wait_s", MAX_WAIT_S),
            is_accepted=partial(self.baseline.accepts, datetime.date.today()),
        )

    def verdict(self, runner: Runner) -> Verdict:
        is_strict = self.options.get("strict", False)
        names = tuple(scenario.name for scenario in self.scenarios)
        verdict = replace(conclude(runner), is_strict=is_strict, scenarios=names)
        left = left_out(verdict, self.catalogue, self.spec)
        verdict = replace(verdict, left_out=left)
        return self.baseline.apply(verdict, datetime.date.today())

    def run(
        self, subject: Subject, sites: tuple[str, ...], drawn: Drawn | None = None
    ) -> Verdict:
        with ExitStack() as end:
            with self.started(subject, sites, drawn) as runner:
                runner.play_all()
                end.enter_context(undisturbed())
            return self.verdict(runner)

    @contextmanager
    def started(
        self, subject: Subject, sites: tuple[str, ...], drawn: Drawn | None
    ) -> Iterator[Runner]:
        """Yield a runner. Further copies of a client play ahead meanwhile."""
        client: Any = subject
        if not getattr(client, "workers", None):
            runner = self.runner(subject, sites)
            runner.drawn = drawn or runner.drawn
            yield runner
            return
        # Only drivers and the minimal client need it.
        from contract.engine.ahead import Ahead

        ahead = Ahead(client, self.options.get("max_wait_s", MAX_WAIT_S))
        runner = self.runner(ahead, sites)
        jobs = self.options.get("jobs") or cores()
        waiting = self.options.get("waiting", WAITING)
        runner.drawn = ahead.drawn
        with ahead.playing(runner.schedule, jobs, waiting, self.drawing):
            yield runner

    @property
    def drawing(self) -> Drawing:
        seed, examples = self.options.get("seed", 1), self.profile.examples
        return self.drawable, self.kind, self.spec.own_sites, seed, examples

    @contextmanager
    def drawing_beside(self) -> Iterator[Drawn | None]:
        """Draw cases in another process, if one can be made."""
        if self.drawable and (self.options.get("jobs") or 1) > 1 and is_forkable():
            with draw_beside(*self.drawing) as drawn:
                yield drawn
        else:
            yield None


def cores() -> int:
    """Return the number of cores that this process may use."""
    is_linux = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if is_linux else os.cpu_count() or 1


def spec_of(options: RunOptions) -> Spec:
    """Return the spec with the sites of a run's own. Raise UsageError."""
    return load().with_sites(options.get("own_sites", ()))


def left_out(verdict: Verdict, catalogue: frozenset[str], spec: Spec) -> frozenset[str]:
    """Return the scenarios of a catalogue that a run did not play whole.

    A quick run plays one case of each kind, perhaps not the one that shows a breach,
    and on other sites a client may do other things.
    """
    is_client = verdict.kind is SubjectKind.CLIENT
    is_part = is_client and not {*spec.sites} <= {*verdict.sites}
    is_early = verdict.interrupted or verdict.share < 1 or verdict.shard
    if is_part or is_early or PROFILES[verdict.profile].samples == 1:
        return catalogue
    return (catalogue - {*verdict.scenarios}) | verdict.cut_off.keys()


def check_processes(options: Mapping[str, Any]) -> None:
    """Raise UsageError for a number of processes that there cannot be."""
    for name, least in (("jobs", 1), ("waiting", 0)):
        number = options.get(name)
        if number is not None and number < least:
            raise UsageError(f"--{name}: must be {least} or more, is {number}")


def make_job(kind: SubjectKind, spec: Spec, options: RunOptions) -> Job:
    """Return the job for some options. Raise UsageError."""
    catalogue = catalogue_of(kind, spec)
    clauses = CLIENT_CLAUSES if kind is SubjectKind.CLIENT else SERVICE_CLAUSES
    parse_shard(options.get("shard"))
    by_id = {clause.id: clause for clause in clauses}
    (profile,) = select("profile", [options.get("profile", "ci")], PROFILES)
    check_processes(options)
    if not (max_wait_s := options.get("max_wait_s", 0)) >= 0:
        raise UsageError(f"--max-wait: must be 0 or more seconds, is {max_wait_s}")
    accepted = options.get("accepted")
    scenarios = select_scenarios(options.get("scenarios", ()), catalogue)
    own = {id(scenario) for scenario in catalogue}
    return Job(
        kind=kind,
        spec=spec,
        scenarios=scenarios,
        clauses=select("clause", options.get("clauses", ()), by_id),
        profile=profile,
        baseline=read_baseline(accepted) if accepted else Baseline(),
        options=options,
        catalogue=frozenset(scenario.name for scenario in catalogue),
        drawable=tuple(s.name for s in scenarios if s.strategy and id(s) in own),
    )
