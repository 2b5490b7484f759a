"""Live runs: the clauses for services, on a sandbox organization of a real site.

    verdict = check_live("datadoghq.com", max_requests=600)
    lines = sweep()                                  # after a run that was killed

A run first proves that the keys open the named organization. It sends one request at a
time, within a budget and below the rate limit. It touches only what it has created, and
keeps a journal of that.

    LiveSubject ─> OutagePolicy ─> ServiceSubject ─> PacedConnection ─> Budget
         └─> Journal ─> sweep
"""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from contract.engine.job import Job, RunOptions, make_job
from contract.engine.ledger import Ledger
from contract.engine.recorder import Recorder, new_directory, previous_directory
from contract.engine.selection import secrets_from_environment, select_sites
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.live.budget import Budget
from contract.live.confirmation import confirmed
from contract.live.identity import keys_of_environment, org_ids_of_environment
from contract.live.journal import JOURNALS
from contract.live.site import Access, LiveSubject, live_site
from contract.live.sweep import sweep
from contract.model import ServiceExchange, SubjectKind
from contract.recordings import changes, redacted_verdict, save
from contract.redaction import Redactor, guard
from contract.servers.clock import Clock
from contract.spec import load

__all__ = ["Clock", "check_live", "sweep"]

MIN_REQUESTS = 40

CONFIRMATION_REQUESTS = 30
"""Requests that are held back to confirm a breach. In all a fifth of the budget."""


class LiveOptions(RunOptions, total=False):
    """Options of a live run, beside those of every check.

    `max_requests` and `max_minutes` are the budget, the clean-up aside. `timeout_s`
    bounds a request. `journals` and `recordings` are directories.
    """

    max_requests: int | None
    max_minutes: float | None
    ca_file: str | None
    timeout_s: float
    journals: Path
    recordings: Path | None
    clock: Clock | None


def check_live(site: str, **options: Unpack[LiveOptions]) -> Verdict:
    """Check a live site by the clauses for services, in a sandbox organization.

    The keys are DD_API_KEY and DD_APP_KEY, the organization CONTRACT_SANDBOX_ORG_ID.
    CONTRACT_OTHER_API_KEY, _APP_KEY and _ORG_ID may name a second one. `Verdict.share`
    is the part of the schedule that was played, `leftovers` what could not be removed,
    `changes` what is new since the last `recordings`, which are redacted.
    Raises UsageError for an option or a variable that cannot be used, SubjectError if
    nothing can be judged, and then nothing was updated, LeakError if a key was written.
    """
    spec = load()
    max_requests = options.get("max_requests")
    max_minutes = options.get("max_minutes")
    if max_requests is not None and max_requests < MIN_REQUESTS:
        message = f"--max-requests {max_requests}: must be {MIN_REQUESTS} at least"
        raise UsageError(message)
    if max_minutes is not None and max_minutes <= 0:
        raise UsageError(f"--max-minutes {max_minutes:g}: must be above 0")
    (site,) = select_sites((site,), spec)
    job = make_job(SubjectKind.SERVICE, spec, options)
    journals = options.get("journals", JOURNALS)
    access = Access(
        spec,
        Budget(options.get("clock") or Clock(), max_requests, max_minutes),
        options.get("ca_file"),
        options.get("timeout_s", 5.0),
    )
    keys = keys_of_environment()
    org_ids = org_ids_of_environment(keys)
    with live_site(site, keys, org_ids, access, journals) as live:
        recorder = Recorder(live)
        verdict = play(job, live, recorder, site, max_requests or 0)
    verdict = replace(verdict, leftovers=live.leftovers)
    recordings = options.get("recordings")
    if recordings is None:
        return verdict
    exchanges = (e for e in recorder.exchanges if isinstance(e, ServiceExchange))
    redactor = Redactor(secrets_from_environment(), {live.run_id: "contract-test"})
    directory = new_directory(recordings, datetime.datetime.now(datetime.UTC).date())
    save(exchanges, directory, "live", redactor, subject=verdict.name)
    verdict = redacted_verdict(verdict, redactor, spec)
    guard([directory, *filter(Path.exists, [journals])], redactor.secrets)
    if (previous := previous_directory(directory)) is None:
        return verdict
    return replace(verdict, changes=tuple(changes(previous, directory)))


def play(
    job: Job, live: LiveSubject, recorder: Recorder, site: str, max_requests: int
) -> Verdict:
    progress = job.options.get("progress")

    def reserve(ledger: Ledger, scenario: str) -> bool | None:
        wanted = CONFIRMATION_REQUESTS * max(1, len(ledger.tallies))
        live.confirmation_reserve = min(wanted, max_requests // 5)
        return progress(ledger, scenario) if progress is not None else None

    live_job = replace(
        job,
        scenarios=tuple(map(live.adapted, job.scenarios)),
        options={**job.options, "progress": reserve},
    )
    verdict = live_job.run(recorder, (site,))
    live.confirmation_reserve = 0
    if not verdict.interrupted:
        breaches = confirmed(verdict, live, recorder, job.spec)
        verdict = replace(verdict, breaches=breaches)
    notes = {("S-NO-5XX", text): count for text, count in live.outages.notes.items()}
    return replace(
        verdict,
        reasons=dict(live.service.reasons),
        notes={**verdict.notes, **notes},
    )
