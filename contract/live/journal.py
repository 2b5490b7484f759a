"""The journal: what a live run makes, on disk before it is made, so that a killed run can be cleaned up after.

One file a run, one JSON object a line; each is on the disk (fsync) before the run goes on. No key is in it.

    {"event": "run", "run": "contract-test 2026-11-23 host 1f3a9c", "site": "datadoghq.com", "keys": {"own": "…"}}
    {"event": "create", "org": "own"}
    {"event": "created", "org": "own", "id": "…"}
    {"event": "removed", "id": "…"}

The run holds a lock on its file; a run that was killed no longer does. A file goes when nothing is left.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contract.errors import UsageError
from contract.model import Json

__all__ = ["JOURNALS", "Entries", "Journal", "new_run_id", "read_journals", "stamp"]

JOURNALS = Path(".contract/live")
"""Where journals are kept."""

RUN_ID = re.compile(r"contract-test \d{4}-\d\d-\d\d [A-Za-z0-9.-]{1,40} [0-9a-f]{8}")


def new_run_id() -> str:
    """Return a name for what a run makes: that it is a contract test, the date, the host, and some digits."""
    host = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname())[:40] or "host"
    return f"contract-test {datetime.now(UTC):%Y-%m-%d} {host} {secrets.token_hex(4)}"


def stamp(run: str, keys: tuple[str, str]) -> str:
    """Return what tells whether keys are those of a run, and tells nobody the keys."""
    return hashlib.sha256("\0".join((run, *keys)).encode()).hexdigest()[:16]


class Journal:
    """The journal of a run under way; raises UsageError where its file cannot be made."""

    def __init__(
        self, directory: Path, run: str, site: str, keys: dict[str, str]
    ) -> None:
        self.run, self.path = run, directory / f"{run.replace(' ', '_')}.jsonl"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write(
                event="run",
                run=run,
                site=site,
                keys=keys,
                at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            _sync(directory)
        except OSError as error:
            raise UsageError(
                f"{self.path}: no journal can be written: {error.strerror}"
            ) from None

    def creating(self, org: str) -> None:
        """Say that a snapshot is about to be made."""
        self._write(event="create", org=org)

    def created(self, org: str, snapshot_id: str) -> None:
        """Say which id it has."""
        self._write(event="created", org=org, id=snapshot_id)

    def removed(self, snapshot_id: str) -> None:
        """Say that it is gone."""
        self._write(event="removed", id=snapshot_id)

    def close(self, *, keep: bool) -> None:
        """Close the file; it goes unless something is left."""
        if not keep:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _write(self, **entry: Json) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass
class Entries:
    """What a journal says: `pending` maps the ids that were made and not removed to their organizations.

    `unsure` holds the organizations where a snapshot may have been made of which no id is known.
    """

    path: Path
    run: str
    site: str
    keys: dict[str, str]
    pending: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


@contextlib.contextmanager
def read_journals(directory: Path) -> Iterator[list[Entries]]:
    """Give the journals that no running run holds, locked meanwhile; files that are none of ours are left alone."""
    with contextlib.ExitStack() as stack:
        found = []
        for path in sorted(directory.glob("contract-test_*.jsonl")):
            file = stack.enter_context(path.open("r+", encoding="utf-8"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # its run is under way
            entries = _entries(path, file.read())
            if entries is not None:
                found.append(entries)
        yield found


def _entries(path: Path, text: str) -> Entries | None:
    """Read a journal; the last line may be cut short. None where it is none of ours."""
    known: Entries | None = None
    open_creates: list[str] = []
    for line in text.split("\n"):
        try:
            entry = json.loads(line)
            match entry["event"]:
                case "run":
                    keys = {str(org): str(mark) for org, mark in entry["keys"].items()}
                    known = Entries(path, str(entry["run"]), str(entry["site"]), keys)
                case "create":
                    open_creates.append(str(entry["org"]))
                case "created" if known is not None:
                    known.pending[str(entry["id"])] = str(entry["org"])
                    open_creates = [org for org in open_creates if org != entry["org"]]
                case "removed" if known is not None:
                    known.pending.pop(str(entry["id"]), None)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    if (
        known is None
        or not RUN_ID.fullmatch(known.run)
        or path.name != f"{known.run.replace(' ', '_')}.jsonl"
    ):
        return None
    known.unsure = set(open_creates)
    return known


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
