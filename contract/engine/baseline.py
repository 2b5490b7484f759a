"""Accepted breaches: what is known of a client, has a reason, and expires.

# spec/accepted/NAME.yaml
accepted:
  - fingerprint: 3f2a9c0d1e4b
    clause: C-REDIRECT
    reason: follows redirects, keys and all (rest.py leaves it to urllib3)
    expires: 2027-05-31
    seen: "307 to another origin, https: keys were sent to https://collector.contract.example"
"""

import datetime
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from contract.engine.verdict import Verdict
from contract.errors import SpecError, UsageError
from contract.model import Breach
from contract.spec.text import parsed

__all__ = ["UNEXPLAINED", "Accepted", "accept", "read_accepted", "write_accepted"]

UNEXPLAINED = "not explained yet"
"""The reason of an entry that `write_accepted` has added."""

_MONTHS_DAYS = 182


@dataclass(frozen=True)
class Accepted:
    """One accepted breach; `expires` is the last day on which it is. `seen` says what it looks like."""

    fingerprint: str
    clause: str
    reason: str
    expires: datetime.date
    seen: str = ""


def read_accepted(path: Path) -> tuple[Accepted, ...]:
    """Read a file of accepted breaches; raises UsageError where it cannot be used."""
    try:
        known = parsed(str(path), path.read_bytes(), by_pyyaml=True)
    except OSError as error:
        raise UsageError(
            f"--accepted {path}: cannot be read: {error.strerror}"
        ) from None
    except SpecError as error:
        raise UsageError(f"--accepted {error}") from None
    entries = known.get("accepted") if isinstance(known, dict) else None
    if not isinstance(entries, list):
        raise UsageError(
            f"--accepted {path}: must be a mapping with the list 'accepted'"
        )
    return tuple(_entry(path, index, entry) for index, entry in enumerate(entries))


def _entry(path: Path, index: int, entry: Any) -> Accepted:
    at = f"--accepted {path}: entry {index + 1}"
    if not isinstance(entry, dict):
        raise UsageError(f"{at}: must be a mapping, is {entry!r}")
    for name in ("fingerprint", "clause", "reason"):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise UsageError(f"{at}: {name} must be a text, is {entry.get(name)!r}")
    try:
        expires = datetime.datetime.strptime(
            str(entry.get("expires")), "%Y-%m-%d"
        ).date()
    except ValueError:
        raise UsageError(
            f"{at}: expires must be a date (YYYY-MM-DD), is {entry.get('expires')!r}"
        ) from None
    if unknown := set(entry) - {"fingerprint", "clause", "reason", "expires", "seen"}:
        raise UsageError(f"{at}: knows no {', '.join(map(repr, sorted(unknown)))}")
    return Accepted(**{**entry, "expires": expires, "seen": str(entry.get("seen", ""))})


def accept(verdict: Verdict, entries: Iterable[Accepted], today: datetime.date) -> None:
    """Mark the accepted breaches of a verdict; name those that have expired, and those no longer seen."""
    for entry in entries:
        breach = verdict.breaches.get(entry.fingerprint)
        if breach is None:
            if verdict.judged[entry.clause]:
                verdict.pruned.append(
                    f"{entry.fingerprint} {entry.clause}: {entry.reason}"
                )
        elif entry.expires < today:
            breach.message += f" (it was accepted until {entry.expires})"
        else:
            breach.accepted = True


def write_accepted(path: Path, verdict: Verdict, today: datetime.date) -> None:
    """Write every breach of a verdict to the file; reasons and dates that are there stay."""
    known = {
        entry.fingerprint: entry
        for entry in (read_accepted(path) if path.exists() else ())
    }
    entries = [
        known.get(name) or _new(breach, today)
        for name, breach in verdict.breaches.items()
    ]
    order = {clause.id: index for index, clause in enumerate(verdict.clauses)}
    entries.sort(
        key=lambda entry: (order.get(entry.clause, 0), entry.seen, entry.fingerprint)
    )
    head = f"# Accepted breaches of {verdict.name}, written by `contract client --accepted FILE --update-accepted`.\n"
    document = {
        "client": verdict.name,
        "version": verdict.version,
        "accepted": [asdict(entry) for entry in entries],
    }
    text = head + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=110
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--accepted {path}: cannot be written: {error.strerror}"
        ) from None


def _new(breach: Breach, today: datetime.date) -> Accepted:
    expires = today + datetime.timedelta(days=_MONTHS_DAYS)
    seen = f"{breach.exchange.case.kinds[0]}: {breach.message}"
    return Accepted(
        breach.fingerprint,
        breach.clause,
        UNEXPLAINED,
        expires,
        " ".join(seen.split())[:200],
    )
