"""The sweep: what interrupted runs left is removed, as their journals say."""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from contract.cases.placeholders import KeyPair
from contract.errors import UsageError
from contract.live.access import (
    Budget,
    Waits,
    budget_of,
    by_owner,
    chosen_keys,
    connect,
)
from contract.live.journal import (
    JOURNALS,
    Journal,
    file_name,
    key_digest,
    read_journals,
)
from contract.live.removal import (
    NO_KEYS,
    OTHER_KEYS,
    UNCONFIRMED_S,
    Removal,
    names_of,
)
from contract.model import Headers, Owner
from contract.spec import load
from contract.subjects.http import TlsFiles


class SweepOptions(Waits, TlsFiles, total=False):
    """Options of a sweep.

    With `is_dry` nothing is changed. `headers` are sent to URLs.
    """

    max_rate: float | None
    headers: Headers
    is_dry: bool


def sweep(
    journals: Path = JOURNALS, **options: Unpack[SweepOptions]
) -> tuple[str, ...]:
    """Remove what interrupted runs left. Return a line for each that is left.

    A journal that cannot be read is such a line. The keys are those of `check_live`:
    raises UsageError if they are missing.
    """
    keys = by_owner(*chosen_keys())
    budget = budget_of(options)
    lines = []
    with read_journals(journals) as (runs, damaged):
        for journal in runs:
            left, warnings = swept(journal, keys, budget, options)
            if not (left or journal.is_open):
                journal.path.unlink(missing_ok=True)
            reasons = [f"{name}: {reason}" for name, reason in left.items()]
            title = f"{journal.site}, {journal.run}"
            lines += [f"{title}: {text}" for text in (*reasons, *warnings)]
    return (*lines, *damaged)


def swept(
    journal: Journal,
    keys: Mapping[Owner, KeyPair],
    budget: Budget,
    options: SweepOptions,
) -> tuple[dict[str, str], list[str]]:
    """Remove what a run left. Return reasons by what may be left, and remarks.

    Keys are sent to a URL only if they are those of the run.
    """
    site, run = journal.site, journal.run
    owners = [owner for owner in Owner if owner in journal.digests]
    is_url = site.startswith(("http://", "https://"))
    is_same = {
        owner: key_digest(run, keys[owner]) == journal.digests[owner]
        for owner in owners
        if owner in keys
    }
    reason = "" if is_url or site in load().sites else f"{site!r} is no documented site"
    if is_url and not all(is_same.values()):
        reason = OTHER_KEYS
    if reason:
        names = [name for owner in owners for name in names_of(journal, owner)]
        return dict.fromkeys(names or ["what it made"], reason), []
    headers = options.get("headers", ()) if is_url else ()
    with connect(site, keys, run, budget, options, headers) as resource:
        removal = Removal(
            resource,
            journal,
            unconfirmed_s=options.get("unconfirmed_s", UNCONFIRMED_S),
            is_dry=options.get("is_dry", False),
        )
        if is_same.get(Owner.OWN):
            removal.restore_rows()
        for owner in owners:
            if owner in keys:
                removal.remove(owner, has_keys=is_same[owner])
            else:
                removal.left |= dict.fromkeys(names_of(journal, owner), NO_KEYS)
    return removal.left, removal.warnings


def forget(journals: Path, run: str) -> None:
    """Delete the journal of a run, even a damaged one. Raise UsageError."""
    path = journals / file_name(Path(run).name.removesuffix(".jsonl"))
    if not path.is_file():
        accepted = ", ".join(sorted(p.stem for p in journals.glob("*.jsonl")))
        raise UsageError(f"--forget {run}: no such run; accepted: {accepted or 'none'}")
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"--forget {run}: the run goes on") from None
        path.unlink()
