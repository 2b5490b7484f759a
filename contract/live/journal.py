"""The journal of what a live run creates, and the sweep that removes it.

Each run has a file, with one JSON object a line and no key. A line is on the disk
before the run goes on.

    {"event": "run", "run": "contract-test 2026-11-23 host 1f3a9c", "site": "…", …}
    {"event": "create", "org": "own"}
    {"event": "created", "org": "own", "id": "…"}
    {"event": "removed", "id": "…"}

A run locks its file until it ends. A file is deleted when nothing is left. A snapshot
is removed only if its view name is the run id of a journal.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contract.cases.placeholders import KeyPair
from contract.errors import ContractError, UsageError
from contract.live.access import Budget, connect, keys_of_environment
from contract.model import Json, Operation, Owner
from contract.redaction import safe_line
from contract.servers import Clock
from contract.spec import load
from contract.spec.text import parsed_json, read_bytes, text_of
from contract.subjects.resource import CreationLog, Resource
from contract.subjects.transfer import trouble_of

JOURNALS = Path(".contract/live")

RUN_ID = re.compile(r"contract-test \d{4}-\d\d-\d\d [A-Za-z0-9.-]{1,40} [0-9a-f]{8}")


def new_run_id() -> str:
    """Return the view name of a run: purpose, date, host, random digits."""
    host = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname())[:40] or "host"
    return f"contract-test {datetime.now(UTC):%Y-%m-%d} {host} {secrets.token_hex(4)}"


def key_digest(run: str, keys: KeyPair) -> str:
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
            self.path.touch(0o600, exist_ok=False)
            self._file = self.path.open("a", encoding="utf-8")
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
        self._write(event="created", org=owner, id=safe_line(snapshot_id))

    def removed(self, snapshot_id: str) -> None:
        self._write(event="removed", id=safe_line(snapshot_id))

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
    pending: dict[str, str]


@contextmanager
def read_journals(directory: Path) -> Iterator[tuple[list[Entries], list[str]]]:
    """Lock and read the journals that no running run holds.

    Yield their entries, and a line for each file that cannot be read.
    """
    with ExitStack() as stack:
        journals, damaged = [], []
        for path in sorted(directory.glob("contract-test_*.jsonl")):
            if not RUN_ID.fullmatch(path.stem.replace("_", " ")):
                continue
            try:
                file = stack.enter_context(path.open("r+b"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if content := read_bytes(path):
                    journals.append(entries_of(path, text_of(str(path), content)))
            except BlockingIOError:  # its run is still running
                continue
            except OSError as error:
                damaged.append(f"{path}: cannot be read: {error.strerror}")
            except ContractError as error:
                damaged.append(str(error))
        yield journals, damaged


def entries_of(path: Path, text: str) -> Entries:
    """Return the content of a journal. Raise UsageError for a damaged line.

    The last line may be cut short.
    """
    *lines, _ = text.split("\n")
    head, *others = [entry_of(path, n, line) for n, line in enumerate(lines or [""], 1)]
    match head:
        case {"run": str(run), "site": str(site), "keys": dict(keys)} if (
            RUN_ID.fullmatch(run) and path.name == file_name(run)
        ):
            entries = Entries(path, run, site, keys, {})
        case _:
            raise damaged_line(path, 1)
    for number, entry in enumerate(others, 2):
        match entry:
            case {"event": "create", "org": str(org)} if org in keys:
                pass
            case {"event": "created", "id": str(name), "org": str(org)} if org in keys:
                entries.pending[name] = org
            case {"event": "removed", "id": str(name)}:
                entries.pending.pop(name, None)
            case _:
                raise damaged_line(path, number)
    return entries


def entry_of(path: Path, number: int, line: str) -> Json:
    try:
        return parsed_json(f"{path}, line {number}", line)
    except ValueError:
        raise damaged_line(path, number) from None


def damaged_line(path: Path, number: int) -> UsageError:
    return UsageError(f"{path}, line {number}: damaged. Nothing of it was removed.")


# -- the sweep --

LOOKS_S = (0, 0.1, 0.4, 1.5)
"""Pauses before the looks at a list that lags behind, in seconds."""

OTHER_KEYS = "is not seen with these keys, which are not those of the run"
NO_KEYS = "needs the keys of the second organization"


def sweep(
    journals: Path = JOURNALS, *, ca_file: str | None = None, clock: Clock | None = None
) -> tuple[str, ...]:
    """Remove what interrupted live runs left. Return a line for each that is left.

    A journal that cannot be read is such a line. The keys are those of `check_live`.
    Raises UsageError if they are missing.
    """
    keys = keys_of_environment()
    budget = Budget(clock or Clock())
    lines = []
    with read_journals(journals) as (runs, damaged):
        for entries in runs:
            left = swept(entries, keys, budget, ca_file)
            if not left:
                entries.path.unlink(missing_ok=True)
            title = f"{entries.site}, {entries.run}"
            lines += [f"{title}: {name}: {reason}" for name, reason in left.items()]
    return (*lines, *damaged)


def swept(
    entries: Entries, keys: Mapping[Owner, KeyPair], budget: Budget, ca_file: str | None
) -> dict[str, str]:
    """Remove what a run left. Return the reason for each that may be left."""
    site, run = entries.site, entries.run
    if site not in load().sites:
        return dict.fromkeys(entries.pending, f"{site!r} is no documented site")
    owners = [owner for owner in Owner if owner in entries.keys]
    left: dict[str, str] = {}
    with connect(site, keys, run, budget, ca_file) as resource:
        for owner in owners:
            names = [name for name, org in entries.pending.items() if org == owner]
            if owner not in keys:
                left |= dict.fromkeys(names, NO_KEYS)
                continue
            reasons, ids = remove_snapshots(resource, owner, expected=names)
            left |= reasons
            if ids is None:
                left |= dict.fromkeys(names or ["what it made"], "list does not answer")
            elif key_digest(run, keys[owner]) != entries.keys[owner]:
                left |= {name: OTHER_KEYS for name in names if name not in ids}
    return left


def remove_snapshots(
    resource: Resource,
    owner: Owner,
    *,
    created: Collection[str] = (),
    expected: Collection[str] = (),
) -> tuple[dict[str, str], set[str] | None]:
    """Delete the snapshots of a run in one organization, the last first.

    Those are the `created` ones and all that are listed under the view name of the run.
    `expected` should be among them. Return the reason for each that is left, and the
    listed ids, or None if the list cannot be read.
    """
    ids = listed_ids(resource, owner, lambda ids: ids >= set(expected))
    left = delete_all(resource, owner, [*created, *(ids or ())])
    if ids is None:
        return left, None
    remaining = listed_ids(resource, owner, lambda ids: True)
    if remaining:  # a second deletion may help
        again = delete_all(resource, owner, remaining)
        left = {name: left[name] for name in left if name not in remaining} | again
        remaining = listed_ids(resource, owner, lambda ids: not ids)
    return dict.fromkeys(remaining or (), "is still listed") | left, ids


def delete_all(
    resource: Resource, owner: Owner, snapshot_ids: Collection[str]
) -> dict[str, str]:
    """Delete snapshots until an outage. Return the reason for each that is left."""
    left: dict[str, str] = {}
    trouble = ""
    for name in reversed(dict.fromkeys(snapshot_ids)):
        if trouble:
            left[name] = "was not tried after an outage"
            continue
        transfer = resource.perform(Operation.DELETE, owner, name)
        trouble = trouble_of(transfer.outcome)
        if transfer.response is None:
            left[name] = "DELETE is not answered"
        elif not transfer.is_deletion:
            left[name] = f"DELETE is answered with {transfer.ending}"
    return left


def listed_ids(
    resource: Resource, owner: Owner, is_complete: Callable[[set[str]], bool]
) -> set[str] | None:
    """Return the listed ids of a run once they are complete, or in the end."""
    ids: set[str] = set()
    for pause_s in LOOKS_S:
        resource.transport.clock.sleep(pause_s)
        snapshots = resource.list_rows(owner).listing
        if snapshots is None:
            return None
        ids = set(snapshots)
        if is_complete(ids):
            break
    return ids
