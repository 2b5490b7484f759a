"""Live runs on the TLS sandbox: identity, a whole run, budget, pace, recordings."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from contract.clauses import SERVICE_CLAUSES
from contract.errors import LeakError, SubjectError, UsageError
from contract.live import check_live
from contract.live.access import Budget
from contract.model import Response
from contract.sandbox import (
    ORGS,
    PATH,
    Environ,
    Org,
    Refusal,
    Reply,
    Sandbox,
    StoredSnapshot,
)
from tests.tls_sandbox import FakeClock, foreign
from tests.unit.live_runs import OTHER_KEYS, OWN_KEYS, SITE, LiveRuns
from tests.unit.recorded_runs import recordings_in

# -- identity --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["DD_API_KEY", "DD_APP_KEY", "CONTRACT_SANDBOX_ORG_ID", "CONTRACT_OTHER_ORG_ID"],
)
def test_a_missing_variable_is_an_error_and_nothing_is_sent(
    live: LiveRuns, name: str
) -> None:
    stage = live.on()
    live.monkeypatch.delenv(name)
    with pytest.raises(UsageError, match=name):
        live.check(stage)
    assert stage.requests == []


def test_without_any_key_it_says_which_to_set(live: LiveRuns) -> None:
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
            {"DD_API_KEY": OTHER_KEYS[0], "DD_APP_KEY": OTHER_KEYS[1]},
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
def test_in_another_organization_it_names_its_snapshot_and_stops(
    live: LiveRuns, variables: dict[str, str], words: str
) -> None:
    stage = live.on()
    untouched = deepcopy({name: stage.app.rows[name] for name in foreign(stage.app)})
    for name, value in variables.items():
        live.monkeypatch.setenv(name, value)
    with pytest.raises(SubjectError, match=words) as caught:
        live.check(stage)
    left = set(stage.app.rows) - set(untouched)
    assert all(f"left behind: {name}" in str(caught.value) for name in left)
    assert stage.called("PATCH") == []
    assert len(stage.called("POST")) == len(left) + len(stage.called("DELETE"))
    assert {name: stage.app.rows[name] for name in untouched} == untouched
    assert len(live.journal_files()) == len(left)
    reason = "is not known to be of the run, and is left alone"
    assert [line.partition(": ")[2] for line in live.sweep(stage)] == [
        f"{name}: {reason}" for name in left
    ]


def test_a_response_without_the_organization_stops_it(live: LiveRuns) -> None:
    class Nameless(Sandbox):
        def render(self, row: StoredSnapshot) -> dict[str, Any]:
            snapshot = super().render(row)
            del snapshot["attributes"]["org_id"]
            return snapshot

    stage = live.on(Nameless())
    with pytest.raises(SubjectError, match="nothing was updated"):
        live.check(stage)
    assert (stage.called("PATCH"), stage.app.rows) == ([], {})


def test_an_unknown_site_and_an_unknown_host_end_before_anything_is_sent(
    live: LiveRuns,
) -> None:
    stage = live.on()
    with pytest.raises(UsageError, match="unknown site 'uk9"):
        check_live("uk9.datadoghq.com", journals=live.journals)
    stage.trouble = lambda: "refused"
    with pytest.raises(SubjectError, match="no connection"):
        live.check(stage)
    assert stage.requests == []
    assert live.journal_files() == []


def test_snapshots_are_named_contract_test_with_date_and_host(live: LiveRuns) -> None:
    names: set[tuple[str, str]] = set()

    class Naming(Sandbox):
        def insert(self, org: Org, attributes: Any) -> StoredSnapshot:
            names.add((attributes["view_name"], attributes["snapshot_name"]))
            return super().insert(org, attributes)

    verdict = live.check(live.on(Naming()), scenarios=["sequences"])
    (run,) = {view for view, _ in names}
    assert verdict.verdict == "holds"
    assert len(names) > 4
    assert run.startswith("contract-test 20")
    assert all(snapshot.startswith(run) for _, snapshot in names)


# -- a whole run -----------------------------------------------------------------------


def test_a_run_holds_below_the_rate_limit_and_leaves_nothing(live: LiveRuns) -> None:
    stage = live.on(Sandbox(rate_limit=(100, 10), clock=live.clock.now))
    untouched = set(foreign(stage.app))
    verdict = live.check(stage)
    assert (verdict.verdict, verdict.interrupted, verdict.share, verdict.leftovers) == (
        "holds",
        "",
        1.0,
        (),
    )
    assert verdict.clauses == SERVICE_CLAUSES
    assert [request for request in stage.requests if request.status == 429] == []
    assert live.clock.slept_s > 30
    assert set(stage.app.rows) == untouched
    assert live.journal_files() == []
    assert PATH.endswith("/snapshots")


def test_a_small_budget_judges_every_clause_and_says_the_share(live: LiveRuns) -> None:
    stage = live.on()
    verdict = live.check(stage, max_requests=90)
    assert (verdict.breaches, verdict.interrupted) == ((), "")
    assert verdict.verdict == "unknown"  # most kinds were not played
    assert len(stage.requests) <= 90
    assert 0 < verdict.share < 0.2
    assert set(verdict.not_judged) == {"S-RATE", "S-PARITY"}
    assert stage.app.rows == {}


def test_the_minutes_end_it_too(live: LiveRuns) -> None:
    stage = live.on()
    verdict = live.check(stage, max_minutes=0.05)  # at 0.02 s a request
    assert (verdict.breaches, verdict.share < 0.5) == ((), True)
    assert 100 < len(stage.requests) < 170


@pytest.mark.parametrize("bounds", [{"max_requests": 5}, {"max_minutes": 0}])
def test_a_senseless_budget_is_refused(live: LiveRuns, bounds: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must be"):
        check_live(SITE, **bounds)


# -- pace ------------------------------------------------------------------------------


def response(status: int = 200, **limits: str) -> Response:
    headers = tuple((f"X-RateLimit-{name}", value) for name, value in limits.items())
    return Response(status, headers)


@pytest.mark.parametrize(
    ("limits", "waits_s"),
    [
        (response(Remaining="50", Reset="7"), 0),
        (response(Remaining="6", Reset="7"), 1),
        (response(Remaining="0", Reset="7"), 7.05),
        (response(429, Remaining="0", Reset="7"), 7.05),
        (response(429), 1.05),
        (response(429, Reset="soon"), 1.05),
        (response(Remaining="0", Reset="99999999"), 0),
        (response(), 0),
    ],
)
def test_it_slows_down_before_a_429_and_waits_one_out(
    limits: Response, waits_s: float
) -> None:
    clock = FakeClock()
    budget = Budget(clock.clock())
    budget.admit(OWN_KEYS)
    budget.note(OWN_KEYS, limits)
    budget.admit(OTHER_KEYS)
    assert clock.slept_s == 0
    budget.admit(OWN_KEYS)
    assert clock.slept_s == pytest.approx(waits_s)


def test_reserved_requests_are_for_the_clean_up_only() -> None:
    budget = Budget(FakeClock().clock(), 10)
    budget.reserve = lambda: 4
    spent = "the budget of 10 requests is spent"
    assert [budget.admit(OWN_KEYS) for _ in range(7)] == [""] * 6 + [spent]
    assert budget.spent == spent
    budget.begin_clean_up(60)
    assert not any(budget.admit(OWN_KEYS) for _ in range(9))


def test_a_429_that_comes_all_the_same_breaks_no_clause(live: LiveRuns) -> None:
    class Crowded(Sandbox):
        """Others use the same limit up."""

        turn = 0

        def count(self, org: Org, period_s: float) -> tuple[int, int]:
            self.turn += 1
            return (11, 3) if self.turn % 8 == 0 else (1, 3)

    stage = live.on(Crowded(rate_limit=(10, 3), clock=live.clock.now))
    verdict = live.check(stage, max_requests=300)
    assert verdict.breaches == ()
    assert sum(request.status == 429 for request in stage.requests) > 25
    assert verdict.judged_total["S-RATE"] > 10


def test_a_limit_that_never_ends_is_unknown(live: LiveRuns) -> None:
    class Limited(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            raise Refusal(429, "later", headers=(("X-RateLimit-Reset", "3600"),))

    stage = live.on(Limited())
    verdict = live.check(stage)
    assert verdict.verdict == "unknown"
    assert "rate limit" in verdict.interrupted
    assert stage.app.rows == {}


# -- recordings ------------------------------------------------------------------------


def test_every_exchange_is_recorded_redacted_and_compared_with_the_run_before(
    live: LiveRuns, tmp_path: Path
) -> None:
    class Extended(Sandbox):
        extra: dict[str, int] = {}  # noqa: RUF012

        def render(self, row: StoredSnapshot) -> dict[str, Any]:
            snapshot = super().render(row)
            snapshot["attributes"] |= self.extra
            return snapshot

    root, stage = tmp_path / "recordings", live.on(Extended())
    first = live.check(stage, max_requests=90, recordings=root)
    live.monkeypatch.setattr(Extended, "extra", {"new": 1})
    second = live.check(stage, max_requests=90, recordings=root)
    one, two = sorted(root.iterdir())
    text = "".join(path.read_text() for path in (*one.iterdir(), *two.iterdir()))
    assert (first.breaches, first.changes, second.breaches) == ((), (), ())
    assert second.changes != ()
    assert len(recordings_in(one)) == first.exchanges
    assert not any(key in text for key in (*OWN_KEYS, *OTHER_KEYS))
    assert not any(str(org.org_id) in text or org.handle in text for org in ORGS)
    assert "contract-test 20" not in text
    assert "made_from: live" in text


def test_a_key_in_a_written_file_fails_the_run_and_removes_the_file(
    live: LiveRuns, tmp_path: Path
) -> None:
    stage = live.on()
    live.journals.mkdir()
    (live.journals / "log.txt").write_text(f"key {OWN_KEYS[1]}")
    with pytest.raises(LeakError, match="log"):
        live.check(stage, max_requests=60, recordings=tmp_path / "recordings")
    assert live.journal_files() == []
