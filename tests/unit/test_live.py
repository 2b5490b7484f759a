"""Live runs, on the TLS sandbox: where they are, what they spend, what they leave, and what an outage is to them."""

import fcntl
import json
import os
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from contract.cases.service import service_scenarios
from contract.clauses import SERVICE
from contract.engine.runner import PROFILES, StopRun
from contract.engine.schedule import plan
from contract.engine.verdict import Verdict
from contract.errors import LeakError, SubjectError, UsageError
from contract.faults import SERVICE_FAULTS
from contract.live import check_live, sweep
from contract.live.budget import Budget
from contract.live.journal import Journal, new_run_id, read_journals, stamp
from contract.model import Response
from contract.recordings import load as load_recordings
from contract.sandbox import ORGS, PATH, Environ, Org, Refusal, Reply, Row, Sandbox
from contract.spec import load
from tests.tls_sandbox import TROUBLES, FakeClock, Stage, foreign, tls_sandbox

pytestmark = pytest.mark.slow

SITE = "us3.datadoghq.com"
ONE, TWO = ((org.api_key, org.app_key) for org in ORGS)


@pytest.fixture
def fake() -> FakeClock:
    return FakeClock()


@pytest.fixture
def live(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake: FakeClock
) -> Iterator["Live"]:
    with Live(monkeypatch, tmp_path / "journals", fake) as made:
        yield made


class Live:
    """A stage on which live runs are played; it is made when it is first asked for."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, journals: Path, fake: FakeClock
    ) -> None:
        self.monkeypatch, self.journals, self.fake = monkeypatch, journals, fake
        self.stages: list[Any] = []

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *_: object) -> None:
        for stage in self.stages:
            stage.__exit__(None, None, None)

    def on(self, app: Sandbox | None = None) -> Stage:
        entered = tls_sandbox(app or Sandbox(clock=self.fake.now))
        stage = entered.__enter__()
        self.stages.append(entered)
        stage.tick = lambda: self.fake.sleep(0.02)
        for name, value in stage.environment().items():
            self.monkeypatch.setenv(name, value)
        return stage

    def check(self, stage: Stage, **more: Any) -> Verdict:
        settings = {
            "profile": "quick",
            "ca_file": stage.ca_file,
            "journals": self.journals,
            "timeout_s": 2.0,
            "clock": self.fake.clock(),
            **more,
        }
        return check_live(SITE, **settings)

    def left_files(self) -> list[str]:
        return os.listdir(self.journals) if self.journals.exists() else []


# -- where it is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["DD_API_KEY", "DD_APP_KEY", "CONTRACT_SANDBOX_ORG_ID", "CONTRACT_OTHER_ORG_ID"],
)
def test_a_missing_variable_is_an_error_and_nothing_is_sent(
    live: Live, name: str
) -> None:
    stage = live.on()
    live.monkeypatch.delenv(name)
    with pytest.raises(UsageError, match=name):
        live.check(stage)
    assert stage.heard == []


def test_without_any_key_it_says_which_to_set(live: Live) -> None:
    stage = live.on()
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        live.monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no keys: set DD_API_KEY and DD_APP_KEY"):
        live.check(stage)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"CONTRACT_SANDBOX_ORG_ID": "1000003"}, "than CONTRACT_SANDBOX_ORG_ID says"),
        (
            {"DD_API_KEY": TWO[0], "DD_APP_KEY": TWO[1]},
            "than CONTRACT_SANDBOX_ORG_ID says",
        ),
        ({"CONTRACT_OTHER_ORG_ID": "1000003"}, "than CONTRACT_OTHER_ORG_ID says"),
    ],
    ids=[
        "wrong number",
        "keys of the second organization",
        "wrong number of the second",
    ],
)
def test_in_another_organization_it_removes_what_it_made_and_stops(
    live: Live, variables: dict[str, str], words: str
) -> None:
    stage = live.on()
    theirs = deepcopy({name: stage.app.rows[name] for name in foreign(stage.app)})
    for name, value in variables.items():
        live.monkeypatch.setenv(name, value)
    with pytest.raises(SubjectError, match=words):
        live.check(stage)
    assert stage.called("PATCH") == []
    assert 1 <= len(stage.called("POST")) == len(stage.called("DELETE"))
    assert stage.app.rows == theirs
    assert live.left_files() == []


def test_an_answer_that_does_not_name_the_organization_stops_it(live: Live) -> None:
    class Nameless(Sandbox):
        def render(self, row: Row) -> dict[str, Any]:
            shown = super().render(row)
            del shown["attributes"]["org_id"]
            return shown

    stage = live.on(Nameless())
    with pytest.raises(SubjectError, match="nothing was updated"):
        live.check(stage)
    assert (stage.called("PATCH"), stage.app.rows) == ([], {})


def test_an_unknown_site_and_an_unknown_host_end_before_anything_is_sent(
    live: Live,
) -> None:
    stage = live.on()
    with pytest.raises(UsageError, match="unknown site 'uk9"):
        check_live("uk9.datadoghq.com", journals=live.journals)
    stage.trouble = lambda: "refused"
    with pytest.raises(SubjectError, match="no connection"):
        live.check(stage)
    assert stage.heard == []


def test_what_it_makes_is_named_contract_test_with_date_and_host(live: Live) -> None:
    names: set[tuple[str, str]] = set()

    class Naming(Sandbox):
        def insert(self, org: Org, attributes: Any) -> Row:
            names.add((attributes["view_name"], attributes["snapshot_name"]))
            return super().insert(org, attributes)

    scenarios = [each for each in service_scenarios(load()) if each.name == "sequences"]
    verdict = live.check(live.on(Naming()), scenarios=scenarios)
    (run,) = {view for view, _ in names}
    assert verdict.verdict == "holds"
    assert len(names) > 4
    assert run.startswith("contract-test 20")
    assert all(snapshot.startswith(run) for _, snapshot in names)


# -- a whole run -------------------------------------------------------------------------------------------


def test_a_run_holds_below_the_rate_limit_and_leaves_nothing(live: Live) -> None:
    stage = live.on(Sandbox(rate_limit=(100, 10), clock=live.fake.now))
    theirs = set(foreign(stage.app))
    verdict = live.check(stage)
    assert (verdict.verdict, verdict.interrupted, verdict.share, verdict.left) == (
        "holds",
        "",
        1.0,
        (),
    )
    assert [each for each in stage.heard if each.status == 429] == []
    assert live.fake.slept_s > 30
    assert set(stage.app.rows) == theirs
    assert live.left_files() == []


def test_a_small_budget_plays_each_clause_once_and_says_the_share(live: Live) -> None:
    stage = live.on()
    verdict = live.check(stage, max_requests=90)
    assert (verdict.verdict, verdict.interrupted) == ("holds", "")
    assert len(stage.heard) <= 90
    assert 0 < verdict.share < 0.2
    assert set(verdict.not_judged) == {"S-RATE", "S-PARITY"}
    assert stage.app.rows == {}


def test_the_minutes_end_it_too(live: Live) -> None:
    stage = live.on()
    verdict = live.check(stage, max_minutes=0.05)  # at 0.02 s a request
    assert (verdict.verdict, verdict.share < 0.5) == ("holds", True)
    assert 100 < len(stage.heard) < 170


@pytest.mark.parametrize("bounds", [{"max_requests": 5}, {"max_minutes": 0}])
def test_a_budget_that_is_none_is_refused(live: Live, bounds: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must be"):
        check_live(SITE, **bounds)


def test_the_plan_loses_no_case_and_begins_with_one_of_each_scenario() -> None:
    scenarios, profile = service_scenarios(load()), PROFILES["ci"]
    rounds, planned = plan(scenarios, profile)
    enumerated = [case for each in scenarios for case in each.boundary()]
    played = [case for each in rounds for case in each.boundary()]
    assert [each.name for each in rounds[:13]] == [each.name for each in scenarios[:13]]
    assert all(len(list(each.boundary())) == 1 for each in rounds[:13])
    assert {case.id for case in enumerated} <= {case.id for case in played}
    generated = [
        each for each in scenarios if each.strategy is not None or each.machine
    ]
    assert planned == len(played) + profile.examples * len(generated)


# -- pace --------------------------------------------------------------------------------------------------


def answer(status: int = 200, **limits: str) -> Response:
    return Response(
        status, tuple((f"X-RateLimit-{name}", value) for name, value in limits.items())
    )


@pytest.mark.parametrize(
    ("told", "waits_s"),
    [
        (answer(Remaining="50", Reset="7"), 0),
        (answer(Remaining="6", Reset="7"), 1),
        (answer(Remaining="0", Reset="7"), 7.05),
        (answer(429, Remaining="0", Reset="7"), 7.05),
        (answer(429), 1.05),
        (answer(429, Reset="soon"), 1.05),
        (answer(Remaining="0", Reset="99999999"), 0),
        (answer(), 0),
    ],
)
def test_it_slows_down_before_a_429_and_waits_one_out(
    fake: FakeClock, told: Response, waits_s: float
) -> None:
    meter = Budget(fake.clock(), None, None)
    meter.admit(ONE)
    meter.note(ONE, told)
    meter.admit(TWO)
    assert fake.slept_s == 0
    meter.admit(ONE)
    assert fake.slept_s == pytest.approx(waits_s)


def test_what_is_kept_back_is_not_spent_but_cleaning_up_goes_on(
    fake: FakeClock,
) -> None:
    meter = Budget(fake.clock(), 10, None)
    meter.reserve = 4
    for _ in range(6):
        meter.admit(ONE)
    with pytest.raises(StopRun):
        meter.admit(ONE)
    assert meter.spent == "the budget of 10 requests is spent"
    meter.reserve = None
    for _ in range(9):
        meter.admit(ONE)


def test_a_429_that_comes_all_the_same_breaks_no_clause(live: Live) -> None:
    class Crowded(Sandbox):
        """Others use the same limit up."""

        turn = 0

        def count(self, org: Org, period_s: float) -> tuple[int, int]:
            self.turn += 1
            return (11, 3) if self.turn % 8 == 0 else (1, 3)

    stage = live.on(Crowded(rate_limit=(10, 3), clock=live.fake.now))
    verdict = live.check(stage, max_requests=300)
    assert (verdict.verdict, verdict.breaches) == ("holds", {})
    assert sum(each.status == 429 for each in stage.heard) > 30
    assert verdict.judged["S-RATE"] > 10


def test_a_limit_that_never_ends_is_unknown(live: Live) -> None:
    class Limited(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            raise Refusal(429, "later", headers=[("X-RateLimit-Reset", "3600")])

    stage = live.on(Limited())
    verdict = live.check(stage)
    assert verdict.verdict == "unknown"
    assert "rate limit" in verdict.interrupted
    assert stage.app.rows == {}


# -- outages and breaches ----------------------------------------------------------------------------------


def during(
    stage: Stage, fake: FakeClock, kind: str, first: int, lasts_s: float
) -> None:
    """Let there be trouble from the nth request on."""
    begin: list[float] = []

    def trouble() -> str:
        if len(stage.heard) >= first and not begin:
            begin.append(fake.now_s)
        return kind if begin and fake.now_s <= begin[0] + lasts_s else ""

    stage.trouble = trouble


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("first", [30, 31])
def test_an_outage_that_ends_is_no_breach(live: Live, kind: str, first: int) -> None:
    stage = live.on()
    during(stage, live.fake, kind, first, 5)
    verdict = live.check(stage, max_requests=200, timeout_s=1.0)
    assert (verdict.verdict, verdict.breaches, verdict.left) == ("holds", {}, ())
    assert [text for name, text in verdict.notes if name == "S-NO-5XX"] != []
    assert stage.app.rows == {}


@pytest.mark.parametrize("kind", TROUBLES)
def test_an_outage_that_lasts_is_unknown_and_the_sweep_finishes(
    live: Live, kind: str
) -> None:
    stage = live.on()
    during(stage, live.fake, kind, 40, 1e9)
    verdict = live.check(stage, timeout_s=0.5)
    assert (verdict.verdict, verdict.breaches) == ("unknown", {})
    assert "the service is not there" in verdict.interrupted
    assert set(verdict.left) == set(stage.app.rows) != set()
    stage.trouble = lambda: ""
    theirs = set(foreign(stage.app))
    assert sweep(live.journals, ca_file=stage.ca_file) == ()
    assert (set(stage.app.rows), live.left_files()) == (theirs, [])


@pytest.mark.parametrize("first", [1, 2, 5])
def test_an_outage_while_it_is_set_up_is_no_verdict(live: Live, first: int) -> None:
    stage = live.on()
    during(stage, live.fake, "503", first, 1e9)
    with pytest.raises(SubjectError, match="503"):
        live.check(stage)
    stage.trouble = lambda: ""
    assert sweep(live.journals, ca_file=stage.ca_file) == ()
    assert (stage.app.rows, live.left_files()) == ({}, [])


def test_an_answer_lost_in_a_sequence_breaks_it_off(live: Live) -> None:
    stage = live.on()
    chance = random.Random(1)  # noqa: S311
    stage.trouble = lambda: (
        "lost" if len(stage.heard) > 20 and chance.random() < 0.02 else ""
    )
    scenarios = [each for each in service_scenarios(load()) if each.name == "sequences"]
    verdict = live.check(stage, scenarios=scenarios, profile="ci", max_requests=2000)
    assert (verdict.breaches, verdict.left, stage.app.rows) == ({}, (), {})
    assert any("in a sequence" in text for _, text in verdict.notes)


@pytest.mark.parametrize(
    ("fault", "clause", "confirmed"),
    [
        ("fails-on-nul", "S-NO-5XX", "always"),
        ("accepts-null-session", "S-REJECT", "always"),
        ("untouched-name-lost", "S-UNTOUCHED", "always"),
        ("rate-no-reset", "S-RATE", "never again"),
    ],
)
def test_a_breach_is_confirmed(
    live: Live, fault: str, clause: str, confirmed: str
) -> None:
    make: Callable[..., Sandbox] = next(
        each.make for each in SERVICE_FAULTS if each.id == fault
    )
    stage = live.on(make(clock=live.fake.now))
    verdict = live.check(stage, clauses=[clause])
    assert [each.confirmed for each in verdict.breaches.values()][:1] == [confirmed]
    assert stage.app.rows == {}


def test_a_5xx_that_comes_once_is_noted_alone(live: Live) -> None:
    class Hiccup(Sandbox):
        turn = 0

        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            self.turn += 1
            if self.turn % 9 == 0:
                raise Refusal(500, "hiccup")
            return super().update(org, snapshot_id, environ)

    verdict = live.check(live.on(Hiccup()), max_requests=200)
    assert (verdict.verdict, verdict.breaches) == ("holds", {})
    assert (
        verdict.notes["S-NO-5XX", "answered with 500, but not when asked again at once"]
        > 3
    )


def test_a_list_that_breaks_under_way_ends_nothing(live: Live) -> None:
    class ListBreaks(Sandbox):
        turn = 0

        def list_(self, org: Org, path: str, environ: Environ) -> Reply:
            self.turn += 1
            if self.turn > 20:
                raise Refusal(500, "no list")
            return super().list_(org, path, environ)

    stage = live.on(ListBreaks())
    verdict = live.check(stage, max_requests=200)
    assert "list no longer answers" in verdict.reasons["S-STORED"]
    assert verdict.judged["S-REJECT"] > 0
    assert stage.app.rows == {}


# -- what is left ------------------------------------------------------------------------------------------


def test_what_cannot_be_removed_is_named_and_fails_the_run(live: Live) -> None:
    class Keeping(Sandbox):
        def delete(self, org: Org, snapshot_id: str, _: Environ) -> Reply:
            raise Refusal(403, "no")

    stage = live.on(Keeping())
    verdict = live.check(stage, max_requests=80)
    assert verdict.verdict == "broken"
    assert set(verdict.left) == set(stage.app.rows) != set()
    left = sweep(live.journals, ca_file=stage.ca_file)
    assert [line.endswith("DELETE is answered with 403") for line in left] == [
        True
    ] * len(verdict.left)
    stage.app.on_one["DELETE"] = lambda *args: Sandbox.delete(stage.app, *args)
    assert sweep(live.journals, ca_file=stage.ca_file) == ()
    assert (stage.app.rows, live.left_files()) == ({}, [])


def journal(live: Live, *, own: tuple[str, str] = ONE) -> Journal:
    run = new_run_id()
    return Journal(
        live.journals, run, SITE, {"own": stamp(run, own), "other": stamp(run, TWO)}
    )


def made(stage: Stage, run: str, org: Org = ORGS[0]) -> str:
    return stage.app.insert(
        org, {"view_name": run, "snapshot_name": run, "start": 1, "event_id": "e"}
    ).id


def test_the_sweep_removes_what_carries_the_run_id_and_nothing_else(live: Live) -> None:
    stage = live.on()
    theirs = foreign(stage.app)
    kept = journal(live)
    kept.creating("own")
    kept.created("own", made(stage, kept.run))
    kept.created(
        "own", theirs[0]
    )  # whatever a journal says, its row does not carry the run id
    kept.creating("other")
    made(stage, kept.run, ORGS[1])  # killed before its id was noted
    kept._file.close()
    before = deepcopy({name: stage.app.rows[name] for name in theirs})
    assert sweep(live.journals, ca_file=stage.ca_file) == ()
    assert stage.app.rows == before
    assert live.left_files() == []
    assert {each.path.rpartition("/")[2] for each in stage.called("DELETE")}.isdisjoint(
        theirs
    )


def test_the_sweep_leaves_a_run_under_way_and_files_of_others_alone(live: Live) -> None:
    stage = live.on()
    running = journal(live)
    name = made(stage, running.run)
    (live.journals / "contract-test_of_mine.jsonl").write_text(
        '{"event": "run", "run": "x", "site": "y", "keys": {}}'
    )
    (live.journals / "notes.txt").write_text("mine")
    assert sweep(live.journals, ca_file=stage.ca_file) == ()
    assert (stage.heard, list(stage.app.rows), len(live.left_files())) == (
        [],
        [name],
        3,
    )
    running.close(keep=False)


def test_with_other_keys_what_is_not_seen_is_not_called_gone(live: Live) -> None:
    stage = live.on()
    kept = journal(live)
    kept.created("own", name := made(stage, kept.run))
    kept._file.close()
    live.monkeypatch.setenv("DD_API_KEY", TWO[0])
    live.monkeypatch.setenv("DD_APP_KEY", TWO[1])
    (left,) = sweep(live.journals, ca_file=stage.ca_file)
    assert left.endswith(
        f"{name}: is not seen with these keys, which are not those of the run"
    )
    assert list(stage.app.rows) == [name]


def test_a_sweep_without_the_second_keys_or_the_service_names_what_may_be_left(
    live: Live,
) -> None:
    stage = live.on()
    kept = journal(live)
    kept.created("other", "abc")
    kept._file.close()
    for name in ("CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY"):
        live.monkeypatch.delenv(name)
    (left,) = sweep(live.journals, ca_file=stage.ca_file)
    assert left.endswith("abc: needs the keys of the second organization")
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        live.monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no keys"):
        sweep(live.journals)


def test_the_journal_is_on_disk_before_each_create_and_holds_no_key(live: Live) -> None:
    seen: list[int] = []

    class Watched(Sandbox):
        def create(self, org: Org, path: str, environ: Environ) -> Reply:
            (file,) = live.journals.glob("*.jsonl")
            text = file.read_text()
            assert not any(key in text for key in (*ONE, *TWO))
            with file.open() as again, pytest.raises(BlockingIOError):
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            events = [json.loads(line)["event"] for line in text.splitlines()]
            seen.append(events.count("create") - events.count("created"))
            return super().create(org, path, environ)

    stage = live.on(Watched())
    assert live.check(stage, max_requests=60).verdict == "holds"
    assert seen
    assert set(seen) == {1}


def test_a_journal_cut_short_is_read_as_far_as_it_goes(live: Live) -> None:
    kept = journal(live)
    kept.creating("own")
    kept.created("own", "a")
    kept.created("own", "b")
    kept.removed("b")
    kept.creating("other")
    kept._file.write('{"event": "created", "org": "ot')
    kept._file.close()
    with read_journals(live.journals) as (entries,):
        assert (entries.pending, entries.unsure, entries.site) == (
            {"a": "own"},
            {"other"},
            SITE,
        )


def test_a_journal_that_cannot_be_written_is_an_error(live: Live) -> None:
    live.journals.write_text("no directory")
    stage = live.on()
    with pytest.raises(UsageError, match="no journal can be written"):
        live.check(stage)
    assert stage.heard == []


def test_every_clause_for_services_is_in_a_live_verdict(live: Live) -> None:
    verdict = live.check(live.on(), max_requests=60)
    assert verdict.clauses == SERVICE
    assert PATH.endswith("/snapshots")


# -- what is kept ------------------------------------------------------------------------------------------


def test_every_exchange_is_recorded_redacted_and_compared_with_the_night_before(
    live: Live, tmp_path: Path
) -> None:
    root, stage = tmp_path / "recordings", live.on()
    first = live.check(stage, max_requests=90, recordings=root)
    stage.app.media_type = "application/vnd.api+json"
    second = live.check(stage, max_requests=90, recordings=root)
    one, two = sorted(root.iterdir())
    text = "".join(path.read_text() for path in (*one.iterdir(), *two.iterdir()))
    assert (first.verdict, first.changes, second.verdict) == ("holds", [], "holds")
    assert second.changes != []
    assert len(load_recordings(one)) == first.exchanges
    assert not any(key in text for key in (*ONE, *TWO))
    assert not any(str(org.org_id) in text or org.handle in text for org in ORGS)
    assert "contract-test 20" not in text
    assert "made_from: live" in text


def test_a_key_in_what_is_written_fails_the_run_and_removes_the_file(
    live: Live, tmp_path: Path
) -> None:
    stage = live.on()
    live.journals.mkdir()
    (live.journals / "log.txt").write_text(f"key {ONE[1]}")
    with pytest.raises(LeakError, match="log"):
        live.check(stage, max_requests=60, recordings=tmp_path / "recordings")
    assert live.left_files() == []
