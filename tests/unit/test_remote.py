"""Away from loopback: which snapshots count as those of the run, and what is left."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract import check_service
from contract.cli import main
from contract.engine.verdict import Verdict
from contract.errors import SubjectError, UsageError
from contract.sandbox import (
    Environ,
    Org,
    Refusal,
    Reply,
    Sandbox,
    StoredSnapshot,
    serving,
)
from contract.subjects import hosts
from tests.tls_sandbox import foreign
from tests.unit.live_runs import OTHER_KEYS, OWN_KEYS, LiveRuns

UNKNOWN = ["snapshot-ids"]


class Foreign(Sandbox):
    """A sandbox whose create answers with ids of others, from one on."""

    first = 0
    turn = 0

    def create(self, org: Org, path: str, environ: Environ) -> Reply:
        reply = super().create(org, path, environ)
        self.turn += 1
        if self.turn > self.first:
            row = next(r for r in self.rows.values() if r.org_id == org.org_id)
            reply.value["data"]["id"] = row.id
        return reply


@pytest.mark.parametrize("first", [0, 1, 2, 6])
def test_an_id_that_no_list_shows_as_new_is_never_changed(
    live: LiveRuns, first: int
) -> None:
    app = Foreign(clock=live.clock.now)
    app.first = first
    untouched = foreign(app)
    before = repr([app.rows[name] for name in untouched])
    stage = live.on(app)
    problem = ""
    try:
        verdict = live.check(stage, scenarios=["sequences", "keys"])
        assert verdict.verdict == "unknown"
        problem = "; ".join(verdict.leftovers)
    except SubjectError as error:
        problem = str(error)
    assert any(name in problem for name in untouched)
    assert repr([app.rows[name] for name in untouched]) == before
    named = {request.path.rpartition("/")[2] for request in stage.requests}
    assert named.isdisjoint(untouched)
    assert set(app.rows) == set(untouched)


class Accepting(Sandbox):
    """A sandbox that makes what an update names."""

    def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
        if snapshot_id not in self.rows and environ.get("HTTP_DD_API_KEY"):
            attributes = {"view_name": "others", "start": 5, "event_id": "a"}
            self.rows[snapshot_id] = StoredSnapshot(
                snapshot_id, org.org_id, attributes, 0
            )
        return super().update(org, snapshot_id, environ)


def test_an_update_of_an_unknown_id_that_succeeds_ends_the_run(live: LiveRuns) -> None:
    stage = live.on(Accepting(clock=live.clock.now))
    verdict = live.check(stage, scenarios=UNKNOWN, profile="ci")
    assert verdict.verdict == "broken"
    assert "S-UNKNOWN/unknown-id-accepted" in {b.cause_id for b in verdict.breaches}
    assert "an update of the unknown id" in verdict.interrupted
    (name,) = stage.app.rows
    assert verdict.leftovers == (name,)
    paths = [r.path for r in stage.requests if r.method == "PATCH"]
    assert paths[-1].endswith(name)
    (journal,) = live.journals.glob("*.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    kinds = [entry["event"] for entry in events if entry.get("id") == name]
    assert kinds == ["unknown", "touched"]


# -- creates without an answer ---------------------------------------------------------


class Losing(Sandbox):
    """A sandbox that loses the answer to a create, and lists its snapshot late or never."""

    lost = 4
    turn = 0
    is_made = True
    hidden: str = ""

    def create(self, org: Org, path: str, environ: Environ) -> Reply:
        self.turn += 1
        if self.turn != self.lost:
            return super().create(org, path, environ)
        if self.is_made:
            before = set(self.rows)
            super().create(org, path, environ)
            (self.hidden,) = set(self.rows) - before
        raise Refusal(502, "lost")

    def visible(self, org: Org) -> list[StoredSnapshot]:
        return [row for row in super().visible(org) if row.id != self.hidden]


@pytest.mark.parametrize("is_made", [True, False])
def test_a_create_without_an_answer_is_waited_for(
    live: LiveRuns, is_made: bool
) -> None:
    app = Losing(clock=live.clock.now)
    app.is_made = is_made
    stage = live.on(app)
    begin_s = live.clock.now_s
    shown_at = begin_s + 40

    def tick() -> None:
        live.clock.sleep(0.02)
        if live.clock.now_s > shown_at:
            app.hidden = ""

    stage.tick = tick
    with pytest.raises(SubjectError, match="502"):
        live.check(stage, scenarios=["keys"])
    assert app.rows == {}
    assert live.journal_files() == []
    assert live.clock.now_s - begin_s > (39 if is_made else 59)


def test_one_that_never_shows_is_named(live: LiveRuns) -> None:
    class Silent(Losing):
        lost = 1
        is_silent = True

        def visible(self, org: Org) -> list[StoredSnapshot]:
            return [] if self.is_silent else super().visible(org)

    app = Silent(clock=live.clock.now)
    stage = live.on(app)
    with pytest.raises(SubjectError, match="a create without an answer"):
        live.check(stage, scenarios=["keys"])
    assert len(live.journal_files()) == 1
    posts = len(stage.called("POST"))
    app.is_silent, app.hidden = False, ""
    assert live.sweep(stage) == ()
    assert (app.rows, live.journal_files()) == ({}, [])
    assert len(stage.called("POST")) == posts == 2


def test_the_sweep_makes_a_control_snapshot_once(live: LiveRuns) -> None:
    class Nothing(Losing):
        lost = 1
        is_made = False

    stage = live.on(Nothing(clock=live.clock.now))
    stage.app.lost = 10**9  # type: ignore[attr-defined]
    stage.trouble = lambda: "lost" if stage.called("POST") else ""
    with pytest.raises(SubjectError, match="left behind"):
        live.check(stage, scenarios=["keys"])
    stage.trouble = lambda: ""
    stage.app.rows.clear()
    assert live.sweep(stage) == ()
    assert len(stage.called("POST")) == 2
    assert (stage.app.rows, live.journal_files()) == ({}, [])


# -- URLs ------------------------------------------------------------------------------


@pytest.fixture
def _far(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hosts, "is_loopback", lambda host: False)


def check(url: str, **options: Any) -> Verdict:
    keys = {"keys": OWN_KEYS, "other_keys": OTHER_KEYS}
    return check_service(url, **{**keys, "profile": "quick", **options})


@pytest.mark.usefixtures("_far")
def test_a_remote_url_has_a_journal() -> None:
    seen: list[str] = []

    class Watched(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            (file,) = Path(".contract/live").glob("*.jsonl")
            seen.append(json.loads(file.read_text().splitlines()[0])["site"])
            return super().update(org, snapshot_id, environ)

    app = Watched()
    with serving(app) as url:
        verdict = check(url, scenarios=["keys"], max_requests=200)
        assert verdict.verdict == "holds"
        assert set(seen) == {url}
    assert app.rows == {}
    assert not list(Path(".contract/live").iterdir())


@pytest.mark.usefixtures("_far")
def test_a_service_without_a_list_gets_no_create() -> None:
    class Unlisted(Sandbox):
        def list_(self, org: Org, path: str, environ: Environ) -> Reply:
            raise Refusal(404, "none")

    app = Unlisted()
    with (
        serving(app) as url,
        pytest.raises(SubjectError, match="no list that can be read"),
    ):
        check(url, scenarios=["keys"])
    assert app.rows == {}


@pytest.mark.usefixtures("_far")
def test_the_snapshot_of_snapshot_id_is_written_back() -> None:
    app = Sandbox()
    name = foreign(app)[0]
    before = dict(app.rows[name].attributes)
    with serving(app) as url:
        view = before["view_name"]
        settings = {"snapshot_id": name, "snapshot_view": view}
        verdict = check(url, scenarios=["valid-bodies"], **settings)
    after = app.rows[name].attributes
    assert verdict.verdict == "holds"
    assert {key: after[key] for key in before if key != "modified_at"} == {
        key: value for key, value in before.items() if key != "modified_at"
    }
    unset = {key for key in after.keys() - before.keys() if after[key] is not None}
    (warning,) = verdict.warnings
    assert all(key in warning for key in unset)


def test_plain_http_to_a_public_host_is_refused() -> None:
    for url in ("http://service.example.com", "http://8.8.8.8:80"):
        with pytest.raises(UsageError, match="in plain HTTP; accepted: https://"):
            check(url)
    assert not hosts.is_public("compose-service")
    assert not hosts.is_public("10.0.0.1")
    assert not hosts.is_public("localhost")


def test_a_disposable_service_is_treated_as_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosts, "is_loopback", lambda host: False)
    app = Sandbox()
    with serving(app) as url:
        verdict = check(url, scenarios=["methods"], disposable=True)
    assert (verdict.verdict, verdict.skipped) == ("holds", {})


# -- bounds ----------------------------------------------------------------------------

LIMITS = [
    {"status": 429, "Reset": reset, "Remaining": "0"}
    for reset in ("1", "7", "59", "60", "299", "301", "3600", "86400", "soon", "-1")
] + [
    {"status": 0, "Reset": reset, "Remaining": remaining}
    for reset, remaining in (
        ("1", "0"),
        ("59", "0"),
        ("86400", "0"),
        ("86400", "1"),
        ("86400", "10"),
        ("3600", "5"),
        ("300", "0"),
        ("301", "0"),
        ("61", "9"),
        ("86401", "0"),
    )
]


@pytest.mark.parametrize("first", [3, 40])
@pytest.mark.parametrize(
    "limit", LIMITS, ids=lambda limit: "-".join(map(str, limit.values()))
)
def test_the_minutes_bound_every_rate_limit(
    live: LiveRuns, limit: dict[str, Any], first: int
) -> None:
    class Limiting(Sandbox):
        turn = 0

        def answer(self, environ: Environ) -> Reply:
            self.turn += 1
            headers = tuple(
                (f"X-RateLimit-{name}", limit[name]) for name in ("Remaining", "Reset")
            )
            if self.turn > first and limit["status"]:
                environ["wsgi.input"].read()
                return self.error(Refusal(429, "later", headers=headers))
            reply = super().answer(environ)
            if self.turn <= first:
                return reply
            return replace(reply, headers=(*reply.headers, *headers))

    stage = live.on(Limiting(clock=live.clock.now))
    begin_s = live.clock.now_s
    with suppress(SubjectError):
        live.check(stage, max_minutes=1)
    assert live.clock.now_s - begin_s < 240


# -- the command -----------------------------------------------------------------------


def test_a_run_can_be_given_up(
    live: LiveRuns,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "contract-test_2026-11-23_host_1f3a9c00"
    path = Path(".contract/live", f"{name}.jsonl")
    path.parent.mkdir(parents=True)
    path.write_text("damaged\n")
    assert main(["sweep", "--forget", "contract-test 2026-11-23 other 1f3a9c00"]) == 2
    assert name in capsys.readouterr().err
    assert main(["sweep", "--forget", name.replace("_", " ")]) == 0
    assert not path.exists()


def test_a_dry_run_only_says(live: LiveRuns) -> None:
    class Keeping(Sandbox):
        def delete(self, org: Org, snapshot_id: str, _: Environ) -> Reply:
            raise Refusal(403, "no")

    stage = live.on(Keeping(clock=live.clock.now))
    verdict = live.check(stage, max_requests=80)
    sent = len(stage.requests)
    lines = live.sweep(stage, is_dry=True)
    assert {line.rpartition(": ")[2] for line in lines} == {"is to be removed"}
    assert len(lines) == len(verdict.leftovers)
    assert {request.method for request in stage.requests[sent:]} == {"GET"}
    assert len(live.journal_files()) == 1
