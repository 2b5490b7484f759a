"""The journal of what a run creates away from loopback.

Each run has a file, with one JSON object a line and no key. A line is on the disk
before the run goes on. The events are those of `creations.py`.

    {"event": "run", "run": "contract-test 2026-11-23 host 1f3a9c", "site": "…", …}
    {"event": "create", "org": "own"}
    {"event": "answered", "org": "own", "id": "…"}
    {"event": "made", "org": "own", "id": "…"}
    {"event": "removed", "id": "…"}

`site` is a site or a URL. A run locks its file until it ends. A file is deleted when
nothing is left.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from contract.cases.placeholders import KeyPair
from contract.errors import ContractError, UsageError
from contract.model import Json, Owner
from contract.redaction import without_secrets
from contract.spec.text import parsed_json, read_bytes, text_of
from contract.subjects.creations import CreationLog

JOURNALS = Path(".contract/live")

RUN_ID = re.compile(r"contract-test \d{4}-\d\d-\d\d [A-Za-z0-9.-]{1,40} [0-9a-f]{8}")


def new_run_id() -> str:
    """Return the view name of a run: purpose, date, host, random digits."""
    host = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname())[:40] or "host"
    return f"contract-test {datetime.now(UTC):%Y-%m-%d} {host} {secrets.token_hex(4)}"


def key_digest(run: str, keys: KeyPair) -> str:
    """Return what tells the keys of a run from others."""
    return hashlib.sha256("\0".join((run, *keys)).encode()).hexdigest()[:16]


def file_name(run: str) -> str:
    """Return the name of a journal."""
    return f"{run.replace(' ', '_')}.jsonl"


class Journal(CreationLog):
    """Log of a run in a file, which stays locked.

    `digests` has those of its keys. `has_begun` says that it tried to create something.
    """

    def __init__(
        self, path: Path, file: TextIO, run: str, site: str, digests: Mapping[str, str]
    ) -> None:
        super().__init__()
        self.path, self.run, self.site, self.digests = path, run, site, digests
        self.has_begun = False
        self._file = file

    @classmethod
    def begin(
        cls,
        directory: Path,
        run: str,
        site: str,
        keys: Mapping[Owner, KeyPair],
        org_ids: Mapping[Owner, str] | None = None,
    ) -> "Journal":
        """Begin the journal of a run. Raise UsageError if it cannot be written."""
        path = directory / file_name(run)
        digests = {str(owner): key_digest(run, keys[owner]) for owner in keys}
        orgs = {**(org_ids or {})}
        at = datetime.now(UTC).isoformat(timespec="seconds")
        head = {"run": run, "site": site, "keys": digests, "orgs": orgs}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path.touch(0o600, exist_ok=False)
            journal = cls(path, path.open("a", encoding="utf-8"), run, site, digests)
            fcntl.flock(journal._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal.write({"event": "run", **head, "at": at})
            descriptor = os.open(directory, os.O_RDONLY)
            os.fsync(descriptor)  # the name of the file, too
            os.close(descriptor)
        except OSError as error:
            message = f"{path}: no journal can be written: {error.strerror}"
            raise UsageError(message) from None
        journal.org_ids = orgs
        return journal

    def write(self, entry: Mapping[str, Json]) -> None:
        self._file.write(without_secrets(json.dumps(entry)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.has_begun |= entry["event"] == "create"

    def close(self, *, is_needed: bool) -> None:
        """Close the file, and delete it unless something is left."""
        if not (is_needed or self.is_open):
            self.path.unlink(missing_ok=True)
        self._file.close()


@contextmanager
def read_journals(directory: Path) -> Iterator[tuple[list[Journal], list[str]]]:
    """Lock and read the journals of no running run.

    Yield them, and a line for each file that cannot be read.
    """
    with ExitStack() as stack:
        journals, damaged = [], []
        for path in sorted(directory.glob("contract-test_*.jsonl")):
            if not RUN_ID.fullmatch(path.stem.replace("_", " ")):
                continue
            try:
                file = stack.enter_context(path.open("r+", encoding="utf-8"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if content := read_bytes(path):
                    journal = journal_of(path, file, text_of(str(path), content))
                    file.seek(0, os.SEEK_END)
                    file.truncate(content.rindex(b"\n") + 1)
                    journals.append(journal)
            except BlockingIOError:  # its run is still running
                continue
            except OSError as error:
                if isinstance(error, FileNotFoundError) and not path.is_symlink():
                    continue  # its run has just ended
                damaged.append(f"{path}: cannot be read: {error.strerror or error}")
            except ContractError as error:
                damaged.append(str(error))
        yield journals, damaged


def journal_of(path: Path, file: TextIO, text: str) -> Journal:
    """Return the journal with a text. Its last line may be cut. Raise UsageError."""
    head, *lines = text.split("\n")[:-1] or [""]
    number, place = 1, f"{path}, line"
    try:
        journal = journal_begun(path, file, parsed_json(f"{place} 1", head))
        for number, line in enumerate(lines, 2):
            entry = parsed_json(f"{place} {number}", line)
            journal.apply(entry)
            if "org" in entry and entry["org"] not in journal.digests:
                raise ValueError
    except ValueError:
        message = f"{place} {number}: damaged. Nothing of it was removed."
        raise UsageError(message) from None
    return journal


def journal_begun(path: Path, file: TextIO, head: Json) -> Journal:
    match head:
        case {"run": str(run), "site": str(site), "keys": dict(keys)} if (
            RUN_ID.fullmatch(run) and path.name == file_name(run)
        ):
            journal = Journal(path, file, run, site, keys)
        case _:
            raise ValueError
    orgs = head.get("orgs")
    if isinstance(orgs, dict):
        journal.org_ids = {o: str(orgs[o]) for o in Owner if o in orgs}
    return journal
