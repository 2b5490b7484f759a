"""Live runs: the clauses for services, on a sandbox organization of a real site.

    verdict = check_live("datadoghq.com", max_requests=600)
    lines = sweep()                                  # after a run that was killed

A run first proves that the keys open the named organization. It sends one request at a
time, within a budget and below the rate limit. It touches only what it has created, and
keeps a journal of that. A URL away from loopback is checked in the same way.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Unpack

from contract.cases.placeholders import KeyPair
from contract.clauses import context_of
from contract.clauses.base import AnyClause, Clause
from contract.engine.conclusion import redacted_verdict
from contract.engine.job import Job, RunOptions, make_job
from contract.engine.ledger import Ledger
from contract.engine.selection import select_sites
from contract.engine.subject import Recorder, Skipped, Stopped
from contract.engine.verdict import Verdict
from contract.errors import SubjectError, UsageError
from contract.live.access import (
    CLEAN_UP_S,
    Waits,
    budget_of,
    by_owner,
    chosen_keys,
    connect,
    org_ids_of,
)
from contract.live.journal import JOURNALS, Journal, new_run_id
from contract.live.removal import UNCONFIRMED_S
from contract.live.site import LiveSubject, live_site
from contract.live.sweeping import forget, sweep
from contract.model import (
    Breach,
    Finding,
    Headers,
    Owner,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.recordings.cassette import new_directory, previous_directory, save
from contract.recordings.replay import changes
from contract.redaction import Redactor, guard, secrets_from_environment
from contract.servers import Clock
from contract.spec import Spec, load
from contract.subjects.http import TlsFiles

__all__ = [
    "JOURNALS",
    "Bounds",
    "Clock",
    "check_live",
    "check_remote",
    "forget",
    "sweep",
]

MIN_REQUESTS = 40

TIMES = 3

CONFIRMATION_REQUESTS = 30
"""Requests that are held back to confirm a breach. In all a fifth of the budget."""


class Bounds(Waits, total=False):
    """Bounds of a run away from loopback.

    `max_requests` and `max_minutes` are the budget, the clean-up aside, which has
    `clean_up_s`. `journals` is a directory.
    """

    max_requests: int | None
    max_minutes: float | None
    clean_up_s: float
    journals: Path


class LiveOptions(RunOptions, Bounds, TlsFiles, total=False):
    """Options of a live run, beside those of every check.

    `timeout_s` bounds a request, `max_lag_s` the lag of a list, `max_rate` the requests
    in a second. `recordings` is a directory.
    """

    max_rate: float | None
    timeout_s: float
    max_lag_s: float | None
    recordings: Path | None


def check_live(site: str, **options: Unpack[LiveOptions]) -> Verdict:
    """Check a live site by the clauses for services, in a sandbox organization.

    The keys are DD_API_KEY and DD_APP_KEY, the organization CONTRACT_SANDBOX_ORG_ID.
    CONTRACT_OTHER_API_KEY, _APP_KEY and _ORG_ID may name a second one. `Verdict.share`
    is the part of the schedule that was played, `leftovers` what could not be removed,
    `changes` what is new since the last `recordings`, which are redacted.
    Raises UsageError for an option or a variable that cannot be used, SubjectError if
    nothing can be judged, and then nothing was updated, LeakError if a key was written.
    """
    check_bounds(options)  # a senseless bound is named before missing keys
    (site,) = select_sites((site,), load())
    keys = by_owner(*chosen_keys())
    org_ids = org_ids_of(keys)
    with Redactor.of_environment().errors():
        return check_remote(site, keys, org_ids=org_ids, **options)


def check_remote(
    target: str,
    keys: Mapping[Owner, KeyPair],
    *,
    org_ids: Mapping[Owner, str] | None = None,
    headers: Headers = (),
    secrets: Mapping[str, str] | None = None,
    snapshot_id: str | None = None,
    snapshot_view: str | None = None,
    **options: Unpack[LiveOptions],
) -> Verdict:
    """Check a live site, or a service at a URL that is not on loopback.

    Without `org_ids` its organization is the one that the first snapshot shows. With
    `snapshot_id` nothing is created, and its row in the list of `snapshot_view` is
    written back. Raises as `check_live`.
    """
    check_bounds(options)
    budget = budget_of(options)
    job = make_job(SubjectKind.SERVICE, load(), options)
    journals = options.get("journals", JOURNALS)
    run_id = new_run_id()
    with (
        connect(target, keys, run_id, budget, options, headers) as resource,
        live_site(
            Journal.begin(journals, run_id, target, keys, org_ids),
            resource,
            budget,
            options,
            snapshot_id=snapshot_id,
            snapshot_view=snapshot_view,
        ) as live,
    ):
        live.secrets = {**live.secrets, **(secrets or {})}
        recorder = Recorder(live)
        verdict = play(job, live, recorder, options.get("max_requests") or 0)
    verdict = replace(verdict, leftovers=live.leftovers, warnings=live.warnings)
    if (recordings := options.get("recordings")) is None:
        return verdict
    redactor = Redactor(secrets_from_environment(), {run_id: "contract-test"})
    verdict = with_recordings(verdict, recorder, recordings, redactor)
    guard(filter(Path.exists, [journals]), redactor.secrets)
    return redacted_verdict(verdict, redactor, job.spec)


def check_bounds(options: LiveOptions) -> None:
    """Raise UsageError for a senseless bound."""
    max_requests = options.get("max_requests")
    max_minutes = options.get("max_minutes")
    if max_requests is not None and max_requests < MIN_REQUESTS:
        message = f"--max-requests {max_requests}: must be {MIN_REQUESTS} at least"
        raise UsageError(message)
    if max_minutes is not None and max_minutes <= 0:
        raise UsageError(f"--max-minutes {max_minutes:g}: must be above 0")
    unconfirmed_s = options.get("unconfirmed_s", UNCONFIRMED_S)
    if 2 * unconfirmed_s > options.get("clean_up_s", CLEAN_UP_S):
        accepted = "must be at most half of --max-clean-up"
        raise UsageError(f"--max-unconfirmed {unconfirmed_s:g}: {accepted}")


def with_recordings(
    verdict: Verdict, recorder: Recorder, recordings: Path, redactor: Redactor
) -> Verdict:
    """Save the exchanges. Return the verdict with what is new, or with a warning."""
    exchanges = (e for e in recorder.exchanges if isinstance(e, ServiceExchange))
    try:
        directory = new_directory(recordings, datetime.now(UTC).date())
        try:
            save(exchanges, directory, "live", redactor, subject=verdict.name)
        finally:
            guard([directory], redactor.secrets)
        if (previous := previous_directory(directory)) is None:
            return verdict
        return replace(verdict, changes=tuple(changes(previous, directory)))
    except UsageError as error:
        return replace(verdict, warnings=(*verdict.warnings, str(error)))


def play(job: Job, live: LiveSubject, recorder: Recorder, max_requests: int) -> Verdict:
    progress = job.options.get("progress")

    def reserve(ledger: Ledger, scenario: str) -> bool | None:
        wanted = CONFIRMATION_REQUESTS * max(1, len(ledger.breaches))
        live.confirmation_reserve = min(wanted, max_requests // 5)
        return progress(ledger, scenario) if progress else None

    job = replace(
        job,
        scenarios=tuple(map(live.adapted, job.scenarios)),
        options={**job.options, "progress": reserve},
    )
    verdict = job.run(recorder, (live.service.site,))
    live.confirmation_reserve = 0
    if not verdict.interrupted:
        live.service.player.batch_size = 1
        breaches = confirmed(verdict, live, recorder, job.spec)
        doubtful = tuple(
            b for b in breaches if b.is_timed and b.reproducibility != "always"
        )
        sure = tuple(b for b in breaches if b not in doubtful)
        verdict = replace(verdict, breaches=sure, not_confirmed=doubtful)
    notes = {("S-NO-5XX", text): count for text, count in live.notes.items()}
    notes |= live.service.notes
    return replace(
        verdict, reasons=dict(live.service.reasons), notes={**verdict.notes, **notes}
    )


# -- confirmation --


def confirmed(
    verdict: Verdict, live: LiveSubject, subject: Recorder, spec: Spec
) -> tuple[Breach, ...]:
    """Return the breaches with their reproducibility, as far as the budget lasts.

    One breach of each clause is played first. `subject` plays on `live`.
    """
    clauses = {clause.id: clause for clause in verdict.clauses}
    breaches = list(verdict.breaches)
    ids = [breach.clause_id for breach in breaches]

    def turn(index: int) -> tuple[int, str]:
        return ids[:index].count(ids[index]), breaches[index].level

    for index in sorted(range(len(ids)), key=turn):
        breach = breaches[index]
        play = partial(occurs, breach, clauses[breach.clause_id], subject, spec)
        breaches[index] = replace(breach, reproducibility=reproducibility(play, live))
    return tuple(breaches)


def reproducibility(play: Callable[[], bool | None], live: LiveSubject) -> str:
    """Return how often a breach occurs again, at last with new snapshots.

    Those of the run may be in a state in which it cannot occur.
    """
    count = 0
    for _ in range(TIMES):
        is_again = play()
        if is_again is False:
            with suppress(SubjectError):
                is_again = None
                live.recreate()
                is_again = play()
        if is_again is None:
            return "not tried"
        count += is_again
    return {0: "never again", TIMES: "always"}.get(count, "sometimes")


def occurs(
    breach: Breach, clause: AnyClause, subject: Recorder, spec: Spec
) -> bool | None:
    """Play the example of a breach. Return whether its clause is broken again.

    None means that it could not be played. The place is not compared: it depends on the
    stored data.
    """
    case = breach.example.case
    is_step = isinstance(case, ServiceCase) and case.is_step
    if is_step or subject.skip_reason(case):
        return None
    result = subject.play(case, breach.example.site)
    if isinstance(result, Skipped | Stopped):
        return None
    context = context_of(result, spec)
    if not isinstance(clause, Clause) or not clause.concerns(context):
        return False
    return any(
        isinstance(item, Finding) and (item.rule.level or clause.level) == breach.level
        for item in clause.check(context)
    )
