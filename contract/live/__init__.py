"""Live runs: the clauses for services, played on a real site's sandbox organization, so that nothing is hurt.

    verdict = check_live("datadoghq.com", max_requests=600)
    left = sweep()                                         # after a run that was killed

    plan ─> LiveService ─> PacedConnection ─> Budget
                 └─> Journal ─> sweep

It proves first that the keys are those of the named organization, asks one request at a time within a budget and
below the rate limit, touches only what it has made itself, and keeps a journal of that.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from contract.cases.client import Scenario
from contract.cases.service import service_scenarios
from contract.cases.stateful import is_of_sequence
from contract.clauses import SERVICE, Clause
from contract.engine.recorder import Recorder
from contract.engine.runner import SkipCase, StopRun, Watch, judge, run
from contract.engine.schedule import plan
from contract.engine.selection import (
    chosen_clauses,
    chosen_profile,
    chosen_scenarios,
    chosen_sites,
    keys_of,
)
from contract.engine.verdict import Verdict
from contract.errors import SubjectError, UsageError
from contract.live.artifacts import keep_recordings
from contract.live.budget import Clock
from contract.live.journal import JOURNALS
from contract.live.site import LiveService, live_service
from contract.live.sweep import sweep_journals
from contract.model import Breach
from contract.spec import Spec, load

__all__ = ["JOURNALS", "Clock", "LiveService", "check_live", "live_service", "sweep"]

_LEAST_REQUESTS = 40
_TIMES = 3
_TO_CONFIRM = 30
"""So many requests are kept back to confirm a breach, for all of them a fifth of the budget at most."""


def check_live(
    site: str,
    *,
    profile: str = "ci",
    seed: int = 1,
    clauses: Iterable[str] = (),
    scenarios: Iterable[Scenario | str] = (),
    max_requests: int | None = None,
    max_minutes: float | None = None,
    ca_file: str | None = None,
    timeout_s: float = 5.0,
    journals: Path = JOURNALS,
    recordings: Path | None = None,
    clock: Clock | None = None,
    watch: Watch | None = None,
) -> Verdict:
    """Judge a live site by every clause for services, or by those named, in the sandbox organization of the keys.

    Keys are those of DD_API_KEY and DD_APP_KEY; the organization is that of CONTRACT_SANDBOX_ORG_ID. Those of a second
    one, where there is one, are CONTRACT_OTHER_API_KEY, CONTRACT_OTHER_APP_KEY and CONTRACT_OTHER_ORG_ID. At most
    `max_requests` are sent (what cleans up comes on top where it must), within `max_minutes`; `Verdict.share` says
    how much of the plan that was. `timeout_s` bounds each request. `Verdict.left` names what could not be removed.
    With `recordings` every exchange is kept in that directory, redacted, and `Verdict.changes` says what is new since
    the last run; what was written is scanned for the keys.
    Raises UsageError on an argument or a variable that cannot be used, SubjectError where nothing can be judged:
    before anything was updated; LeakError where a key was found in what was written.
    """
    spec = load()
    (site,) = chosen_sites((site,), spec)
    chosen, rules = chosen_clauses(clauses, SERVICE), chosen_profile(profile)
    played = chosen_scenarios(scenarios, service_scenarios(spec))
    if max_requests is not None and max_requests < _LEAST_REQUESTS:
        raise UsageError(
            f"--max-requests {max_requests}: must be {_LEAST_REQUESTS} at least"
        )
    if max_minutes is not None and max_minutes <= 0:
        raise UsageError(f"--max-minutes {max_minutes:g}: must be above 0")
    keys, org_id = _organization("DD_API_KEY", "DD_APP_KEY", "CONTRACT_SANDBOX_ORG_ID")
    other_keys, other_id = None, None
    names = "CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY"
    if keys_of(*names) is not None:
        other_keys, other_id = _organization(*names, "CONTRACT_OTHER_ORG_ID")
        if other_id == org_id:
            raise UsageError(
                "CONTRACT_OTHER_ORG_ID: must be another organization than CONTRACT_SANDBOX_ORG_ID"
            )
    subject = live_service(
        site,
        keys=keys,
        org_id=org_id,
        other_keys=other_keys,
        other_org_id=other_id,
        ca_file=ca_file,
        max_requests=max_requests,
        max_minutes=max_minutes,
        timeout_s=timeout_s,
        journals=journals,
        clock=clock,
        spec=spec,
    )
    with subject as service:
        ordered, planned = plan(played, rules)
        ordered = tuple(service.prepared(each) for each in ordered)

        def watched(verdict: Verdict, scenario: str) -> None:
            service.kept_back = min(
                _TO_CONFIRM * max(1, len(verdict.breaches)), (max_requests or 0) // 5
            )
            if watch is not None:
                watch(verdict, scenario)

        recorder = Recorder(service)
        verdict = run(
            recorder,
            ordered,
            chosen,
            spec,
            profile=rules,
            seed=seed,
            sites=(site,),
            watch=watched,
        )
        if service.meter.spent or verdict.interrupted:
            verdict.share = round(min(service.turns / planned, 0.999), 3)
        service.kept_back, service.meter.spent = 0, ""
        _confirm(verdict, service, recorder, spec)
        verdict.reasons.update(service.reasons)
        for what, times in service.seen.items():
            verdict.notes["S-NO-5XX", what] += times
    verdict.left += service.left
    if recordings is None:
        return verdict
    pairs = {"api key": keys[0], "app key": keys[1]}
    if other_keys is not None:
        pairs |= {"other api key": other_keys[0], "other app key": other_keys[1]}
    return keep_recordings(
        verdict,
        recorder.exchanges,
        recordings,
        pairs,
        service.run_id,
        spec,
        also=[journals] * journals.exists(),
    )


def sweep(
    journals: Path = JOURNALS, *, ca_file: str | None = None, timeout_s: float = 5.0
) -> tuple[str, ...]:
    """Remove what interrupted live runs have left; return what could not be removed, a line each.

    Keys are those of the variables, as for `check_live`. Raises UsageError where they are missing.
    """
    keys = keys_of("DD_API_KEY", "DD_APP_KEY")
    if keys is None:
        raise UsageError("no keys: set DD_API_KEY and DD_APP_KEY")
    other_keys = keys_of("CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY")
    return sweep_journals(
        journals, keys=keys, other_keys=other_keys, ca_file=ca_file, timeout_s=timeout_s
    )


def _organization(api: str, app: str, number: str) -> tuple[tuple[str, str], int]:
    """Return the keys and the number of an organization; raises UsageError where one is missing."""
    keys, text = keys_of(api, app), os.environ.get(number, "")
    if keys is None:
        raise UsageError(f"no keys: set {api} and {app}")
    if not re.fullmatch("[0-9]{1,18}", text, re.ASCII):
        raise UsageError(
            f"{number}: must be the org_id of a sandbox organization, a number, has {len(text)} characters"
        )
    return keys, int(text)


def _confirm(
    verdict: Verdict, service: LiveService, recorder: Recorder, spec: Spec
) -> None:
    """Play the smallest case of each breach three times more, while the budget lasts; say what came of it.

    A time that does not show the breach counts only on snapshots that are new: those of the run may be past it.
    """
    turn: Counter[str] = Counter()
    order = []
    for breach in verdict.breaches.values():
        turn[breach.clause] += 1
        order.append((turn[breach.clause], breach.level, breach))
    for _, _, breach in sorted(
        order, key=lambda each: each[:2]
    ):  # one of each clause first
        clause = next(each for each in verdict.clauses if each.id == breach.clause)
        seen, breach.confirmed = 0, "not tried"
        if verdict.interrupted:
            continue
        try:
            for _ in range(_TIMES):
                case = breach.exchange.case
                if is_of_sequence(case) or service.skip_reason(case) is not None:
                    break
                if not (shown := _shows(breach, clause, verdict, recorder, spec)):
                    service.renew()
                    shown = _shows(breach, clause, verdict, recorder, spec)
                seen += shown
            else:
                breach.confirmed = {0: "never again", _TIMES: "always"}.get(
                    seen, "sometimes"
                )
        except (StopRun, SkipCase, SubjectError):
            continue


def _shows(
    breach: Breach, clause: Clause, verdict: Verdict, subject: Recorder, spec: Spec
) -> bool:
    """Play the smallest case of a breach; tell whether it breaks the clause again.

    Where exactly is not compared: that depends on what is stored by now.
    """
    scratch = replace(
        verdict, clauses=(clause,), breaches={}, judged_on=Counter(), notes=Counter()
    )
    judge(subject.play(breach.exchange.case), scratch, spec)
    return any(each.level == breach.level for each in scratch.breaches.values())
