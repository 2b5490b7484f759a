"""What a live run leaves: the journal, the clean-up and the sweep."""

import fcntl
import json
from copy import deepcopy

import pytest

from contract.errors import UsageError
from contract.live import sweep
from contract.live.journal import Journal, new_run_id, read_journals
from contract.model import Owner
from contract.sandbox import ORGS, Environ, Org, Refusal, Reply, Sandbox
from contract.subjects.creations import Event
from tests.tls_sandbox import Stage, foreign
from tests.unit.live_runs import OTHER_KEYS, OWN_KEYS, SITE, LiveRuns


class KilledRun:
    """A run that was killed: its journal, and the snapshots that it left."""

    def __init__(self, live: LiveRuns) -> None:
        self.id = new_run_id()
        pairs = {Owner.OWN: OWN_KEYS, Owner.OTHER: OTHER_KEYS}
        self.journal = Journal.begin(live.journals, self.id, SITE, pairs)

    def insert(self, stage: Stage, org: Org = ORGS[0]) -> str:
        attributes = {
            "view_name": self.id,
            "snapshot_name": self.id,
            "start": 1,
            "event_id": "e",
        }
        return stage.app.insert(org, attributes).id

    def before_create(self, owner: Owner = Owner.OWN) -> None:
        self.journal.record(Event.CREATE, org=owner)

    def created(self, owner: Owner, name: str, *, is_listed: bool = True) -> None:
        """Note an answered create, and that its snapshot was listed."""
        self.before_create(owner)
        self.journal.record(Event.ANSWERED, org=owner, id=name)
        if is_listed:
            self.journal.record(Event.LISTED, org=owner, id=name)

    def kill(self) -> None:
        self.journal._file.close()


def test_a_snapshot_that_cannot_be_removed_is_named(live: LiveRuns) -> None:
    class Keeping(Sandbox):
        def delete(self, org: Org, snapshot_id: str, _: Environ) -> Reply:
            raise Refusal(403, "no")

    stage = live.on(Keeping())
    verdict = live.check(stage, max_requests=80)
    assert verdict.verdict == "unknown"  # of the few kinds that were played
    assert set(verdict.leftovers) == set(stage.app.rows) != set()
    lines = live.sweep(stage)
    assert [line.endswith("DELETE is answered with 403") for line in lines] == [
        True
    ] * len(verdict.leftovers)
    live.monkeypatch.setattr(Keeping, "delete", Sandbox.delete)
    assert live.sweep(stage) == ()
    assert (stage.app.rows, live.journal_files()) == ({}, [])


def test_the_sweep_removes_what_has_the_run_id_and_nothing_else(live: LiveRuns) -> None:
    stage = live.on()
    untouched = foreign(stage.app)
    run = KilledRun(live)
    run.created(Owner.OWN, run.insert(stage))
    run.before_create(Owner.OTHER)
    run.insert(stage, ORGS[1])  # killed before its id was recorded
    run.kill()
    before = deepcopy({name: stage.app.rows[name] for name in untouched})
    assert live.sweep(stage) == ()
    assert stage.app.rows == before
    assert live.journal_files() == []
    deleted = {request.path.rpartition("/")[2] for request in stage.called("DELETE")}
    assert deleted.isdisjoint(untouched)


def test_the_sweep_leaves_running_runs_and_other_files_alone(live: LiveRuns) -> None:
    stage = live.on()
    run = KilledRun(live)
    name = run.insert(stage)
    (live.journals / "contract-test_of_mine.jsonl").write_text(
        '{"event": "run", "run": "x", "site": "y", "keys": {}}'
    )
    (live.journals / "notes.txt").write_text("mine")
    assert live.sweep(stage) == ()
    assert (stage.requests, list(stage.app.rows)) == ([], [name])
    assert len(live.journal_files()) == 3
    run.journal.close(is_needed=False)


def test_snapshots_that_other_keys_do_not_show_are_not_called_gone(
    live: LiveRuns,
) -> None:
    stage = live.on()
    run = KilledRun(live)
    name = run.insert(stage)
    run.created(Owner.OWN, name)
    run.kill()
    live.monkeypatch.setenv("DD_API_KEY", OTHER_KEYS[0])
    live.monkeypatch.setenv("DD_APP_KEY", OTHER_KEYS[1])
    (line,) = live.sweep(stage)
    reason = "is not seen with these keys, which are not those of the run"
    assert line.endswith(f"{name}: {reason}")
    assert list(stage.app.rows) == [name]


def test_a_sweep_without_the_second_keys_names_what_may_be_left(live: LiveRuns) -> None:
    stage = live.on()
    run = KilledRun(live)
    run.created(Owner.OTHER, "abc")
    run.kill()
    for name in ("CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY"):
        live.monkeypatch.delenv(name)
    (line,) = live.sweep(stage)
    assert line.endswith("abc: needs the keys of the second organization")
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        live.monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no keys"):
        sweep(live.journals)


def test_the_journal_is_on_disk_before_each_create_and_has_no_key(
    live: LiveRuns,
) -> None:
    open_creates: list[int] = []

    class Watched(Sandbox):
        def create(self, org: Org, path: str, environ: Environ) -> Reply:
            (file,) = live.journals.glob("*.jsonl")
            text = file.read_text()
            assert not any(key in text for key in (*OWN_KEYS, *OTHER_KEYS))
            with file.open() as again, pytest.raises(BlockingIOError):
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            events = [json.loads(line)["event"] for line in text.splitlines()]
            open_creates.append(events.count("create") - events.count("answered"))
            return super().create(org, path, environ)

    stage = live.on(Watched())
    assert live.check(stage, max_requests=60).breaches == ()
    assert set(open_creates) == {1}


def test_a_journal_cut_short_is_read_as_far_as_it_goes(live: LiveRuns) -> None:
    run = KilledRun(live)
    run.created(Owner.OWN, "a")
    run.created(Owner.OWN, "b")
    run.journal.record(Event.REMOVED, id="b")
    run.before_create(Owner.OTHER)
    run.journal._file.write('{"event": "created", "org": "ot')
    run.kill()
    with read_journals(live.journals) as ((entries,), damaged):
        assert damaged == []
        assert entries.own == {"a": "own"}
        assert entries.unconfirmed == {"own": 0, "other": 1}
        assert entries.site == SITE


def test_a_journal_that_cannot_be_written_is_an_error(live: LiveRuns) -> None:
    live.journals.write_text("no directory")
    stage = live.on()
    with pytest.raises(UsageError, match="no journal can be written"):
        live.check(stage)
    assert stage.requests == []
