"""The sweep: it removes what killed runs left, by their journals.

A snapshot is removed only if its view name is the run id of a journal.
"""

from collections.abc import Mapping
from pathlib import Path

from contract.cases.placeholders import KeyPair
from contract.live.budget import Budget
from contract.live.identity import keys_of_environment
from contract.live.journal import JOURNALS, Entries, key_digest, read_journals
from contract.live.removal import remove_snapshots
from contract.live.site import Access
from contract.model import Owner
from contract.servers import Clock
from contract.spec import load

OTHER_KEYS = "is not seen with these keys, which are not those of the run"
NO_KEYS = "needs the keys of the second organization"


def sweep(
    journals: Path = JOURNALS,
    *,
    ca_file: str | None = None,
    clock: Clock | None = None,
) -> tuple[str, ...]:
    """Remove what interrupted live runs left. Return a line for each that is left.

    The keys are those of `check_live`. Raises UsageError if they are missing.
    """
    keys = keys_of_environment()
    access = Access(load(), Budget(clock or Clock(), None, None), ca_file)
    lines = []
    with read_journals(journals) as runs:
        for entries in runs:
            left = swept(entries, keys, access)
            if not left:
                entries.path.unlink(missing_ok=True)
            title = f"{entries.site}, {entries.run}"
            lines += [f"{title}: {name}: {reason}" for name, reason in left.items()]
    return tuple(lines)


def swept(
    entries: Entries, keys: Mapping[Owner, KeyPair], access: Access
) -> dict[str, str]:
    """Remove what a run left. Return the reason for each that may be left."""
    site, run = entries.site, entries.run
    if site not in access.spec.sites:
        return dict.fromkeys(entries.pending, f"{site!r} is no documented site")
    owners = [owner for owner in Owner if owner in entries.keys]
    left: dict[str, str] = {}
    with access.connect(site, keys, run) as resource:
        for owner in owners:
            names = [name for name, org in entries.pending.items() if org == owner]
            if owner not in keys:
                left |= dict.fromkeys(names, NO_KEYS)
                continue
            reasons, ids = remove_snapshots(resource, owner, expected=names)
            left |= reasons
            if ids is None:
                names = names or ["what it made"]
                left |= dict.fromkeys(names, "list does not answer")
            elif key_digest(run, keys[owner]) != entries.keys[owner]:
                left |= {name: OTHER_KEYS for name in names if name not in ids}
    return left
