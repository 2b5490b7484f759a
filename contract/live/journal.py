"""The journal of what a live run creates, to clean a killed run up.

Each run has a file, with one JSON object a line and no key. A line is on the disk
before the run goes on.

    {"event": "run", "run": "contract-test 2026-11-23 host 1f3a9c", "site": "…", …}
    {"event": "create", "org": "own"}
    {"event": "created", "org": "own", "id": "…"}
    {"event": "removed", "id": "…"}

A run locks its file until it ends. A file is deleted when nothing is left.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contract.cases.placeholders import KeyPair
from contract.errors import UsageError
from contract.model import Json, Owner
from contract.subjects.resource import CreationLog

JOURNALS = Path(".contract/live")

RUN_ID = re.compile(r"contract-test \d{4}-\d\d-\d\d [A-Za-z0-9.-]{1,40} [0-9a-f]{8}")


def new_run_id() -> str:
    """Return the view name of a run: purpose, date, host, random digits."""
    host = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname())[:40] or "host"
    return f"contract-test {datetime.now(UTC):%Y-%m-%d} {host} {secrets.token_hex(4)}"


def key_digest(run: str, keys: KeyPair) -> str:
    """Return a digest that recognizes the keys of a run."""
    return hashlib.sha256("\0".join((run, *keys)).encode()).hexdigest()[:16]


def file_name(run: str) -> str:
    return f"{run.replace(' ', '_')}.jsonl"


class Journal(CreationLog):
    """Journal of this run. Raises UsageError if it cannot be written."""

    def __init__(
        self, directory: Path, run: str, site: str, keys: Mapping[Owner, KeyPair]
    ) -> None:
        self.path = directory / file_name(run)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            digests = {owner: key_digest(run, keys[owner]) for owner in keys}
            self._write(event="run", run=run, site=site, keys=digests, at=at)
            descriptor = os.open(directory, os.O_RDONLY)
            os.fsync(descriptor)  # the name of the file, too
            os.close(descriptor)
        except OSError as error:
            message = f"{self.path}: no journal can be written: {error.strerror}"
            raise UsageError(message) from None

    def before_create(self, owner: Owner) -> None:
        self._write(event="create", org=owner)

    def created(self, owner: Owner, snapshot_id: str) -> None:
        self._write(event="created", org=owner, id=snapshot_id)

    def removed(self, snapshot_id: str) -> None:
        self._write(event="removed", id=snapshot_id)

    def close(self, *, is_needed: bool) -> None:
        """Close the file, and delete it unless something is left."""
        if not is_needed:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _write(self, **entry: Json) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass
class Entries:
    """Content of a journal. `pending` has the owners of what is left."""

    path: Path
    run: str
    site: str
    keys: dict[str, str]
    pending: dict[str, str] = field(default_factory=dict)


@contextmanager
def read_journals(directory: Path) -> Iterator[list[Entries]]:
    """Lock and read the journals that no running run holds."""
    with ExitStack() as stack:
        journals = []
        for path in sorted(directory.glob("contract-test_*.jsonl")):
            file = stack.enter_context(path.open("r+", encoding="utf-8"))
            with suppress(OSError):  # its run is still running
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                journals.append(entries_of(path, file.read()))
        yield list(filter(None, journals))


def entries_of(path: Path, text: str) -> Entries | None:
    """Return the content of a journal, or None if the file is something else."""
    entries: Entries | None = None
    for line in text.split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:  # it was cut short
            continue
        match entry:
            case {
                "event": "run",
                "run": str(run),
                "site": str(site),
                "keys": dict(keys),
            }:
                if RUN_ID.fullmatch(run) and path.name == file_name(run):
                    entries = Entries(path, run, site, keys)
            case {"event": "created", "id": str(name), "org": str(org)} if entries:
                entries.pending[name] = org
            case {"event": "removed", "id": str(name)} if entries:
                entries.pending.pop(name, None)
    return entries
