"""Live runs and outages: which is one, what is a breach, how breaches are confirmed."""

import random

import pytest

from contract.errors import SubjectError
from contract.faults import service_fault
from contract.sandbox import Environ, Org, Refusal, Replicas, Reply, Sandbox
from tests.tls_sandbox import TROUBLES, FakeClock, Stage, foreign
from tests.unit.live_runs import LiveRuns


def during(
    stage: Stage, clock: FakeClock, kind: str, first: int, lasts_s: float
) -> None:
    """Let there be trouble from the nth request on."""
    begin_s: list[float] = []

    def trouble() -> str:
        if len(stage.requests) >= first and not begin_s:
            begin_s.append(clock.now_s)
        return kind if begin_s and clock.now_s <= begin_s[0] + lasts_s else ""

    stage.trouble = trouble


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("first", [30, 31], ids=["at a case", "at a read"])
def test_an_outage_that_ends_is_no_breach(
    live: LiveRuns, kind: str, first: int
) -> None:
    stage = live.on()
    during(stage, live.clock, kind, first, 5)
    timeout_s = 0.5 if kind == "stall" else 10.0
    verdict = live.check(stage, max_requests=120, timeout_s=timeout_s)
    assert (verdict.breaches, verdict.interrupted, verdict.leftovers) == ((), "", ())
    assert [text for name, text in verdict.notes if name == "S-NO-5XX"] != []
    assert stage.app.rows == {}


@pytest.mark.parametrize("kind", TROUBLES)
def test_an_outage_that_lasts_is_unknown_and_the_sweep_finishes(
    live: LiveRuns, kind: str
) -> None:
    stage = live.on()
    during(stage, live.clock, kind, 40, 1e9)
    verdict = live.check(stage, timeout_s=0.2)
    assert (verdict.verdict, verdict.breaches) == ("unknown", ())
    assert "the service is unavailable" in verdict.interrupted
    assert set(verdict.leftovers) == set(stage.app.rows) != set()
    stage.trouble = lambda: ""
    untouched = set(foreign(stage.app))
    assert live.sweep(stage) == ()
    assert (set(stage.app.rows), live.journal_files()) == (untouched, [])


@pytest.mark.parametrize("first", [1, 2, 5])
def test_an_outage_during_the_set_up_is_no_verdict(live: LiveRuns, first: int) -> None:
    stage = live.on()
    during(stage, live.clock, "503", first, 1e9)
    with pytest.raises(SubjectError, match="503"):
        live.check(stage)
    stage.trouble = lambda: ""
    assert live.sweep(stage) == ()
    assert (stage.app.rows, live.journal_files()) == ({}, [])


def test_a_response_lost_in_a_sequence_breaks_it_off(live: LiveRuns) -> None:
    stage = live.on()
    chance = random.Random(1)  # noqa: S311
    stage.trouble = lambda: (
        "lost" if len(stage.requests) > 20 and chance.random() < 0.02 else ""
    )
    verdict = live.check(stage, scenarios=["sequences"], profile="ci", max_requests=500)
    assert (verdict.breaches, verdict.leftovers, stage.app.rows) == ((), (), {})
    assert any("in a sequence" in text for _, text in verdict.notes)


@pytest.mark.parametrize(
    ("fault", "clause", "scenario", "reproducibility"),
    [
        ("fails-on-nul", "S-NO-5XX", "valid-bodies", "always"),
        ("accepts-null-session", "S-REJECT", "invalid-bodies", "always"),
        ("untouched-name-lost", "S-UNTOUCHED", "repeats", "always"),
        ("org-refused-yet-changed", "S-ORG", "organizations", "always"),
        ("rate-no-reset", "S-RATE", "valid-bodies", "sometimes|never again"),
    ],
)
def test_a_breach_is_confirmed(
    live: LiveRuns, fault: str, clause: str, scenario: str, reproducibility: str
) -> None:
    app = service_fault(fault).make_sandbox(clock=live.clock.now)
    stage = live.on(app)
    verdict = live.check(stage, clauses=[clause], scenarios=[scenario])
    assert verdict.breaches[0].reproducibility in reproducibility.split("|")
    assert stage.app.rows == {}


def test_a_response_that_is_lost_twice_and_then_comes_is_not_confirmed(
    live: LiveRuns,
) -> None:
    stage = live.on()

    def trouble() -> str:
        updates = len(stage.called("PATCH"))
        is_update = bool(stage.requests) and stage.requests[-1].method == "PATCH"
        return "lost" if is_update and updates in (5, 6) else ""

    stage.trouble = trouble
    verdict = live.check(stage, scenarios=["valid-bodies"])
    assert (verdict.verdict, verdict.breaches) == ("holds", ())
    ids = {breach.cause_id for breach in verdict.not_confirmed}
    assert ids == {"S-ACCEPT/valid-body-unanswered", "S-NO-5XX/no-response"}


def test_a_5xx_that_comes_once_is_only_noted(live: LiveRuns) -> None:
    class Hiccup(Sandbox):
        turn = 0

        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            self.turn += 1
            if self.turn % 9 == 0:
                raise Refusal(500, "hiccup")
            return super().update(org, snapshot_id, environ)

    verdict = live.check(live.on(Hiccup()), max_requests=200)
    assert verdict.breaches == ()
    note = "answered with 500, but not when played again at once"
    assert verdict.notes["S-NO-5XX", note] > 3


def test_a_list_that_breaks_during_the_run_ends_nothing(live: LiveRuns) -> None:
    class ListBreaks(Sandbox):
        turn = 0

        def list_(self, org: Org, path: str, environ: Environ) -> Reply:
            self.turn += 1
            if self.turn > 20:
                raise Refusal(500, "no list")
            return super().list_(org, path, environ)

    stage = live.on(ListBreaks())
    verdict = live.check(stage, max_requests=200)
    assert verdict.interrupted == ""
    assert "list no longer answers" in verdict.reasons["S-STORED"]
    assert verdict.judged_total["S-REJECT"] > 0
    assert stage.app.rows == {}


# -- lists that lag --------------------------------------------------------------------


def test_a_list_that_lags_is_read_within_the_budget(live: LiveRuns) -> None:
    app = Sandbox(replicas=Replicas(1.0), clock=live.clock.now)
    stage = live.on(app)
    verdict = live.check(stage, scenarios=["repeats", "keys", "organizations"])
    assert verdict.verdict == "holds"
    assert {breach.id for breach in verdict.breaches} == {"S-STORED/listed-late@"}
    assert not app.rows
    sent = len(stage.requests)
    verdict = live.check(stage, max_requests=100)
    assert 0 < verdict.share < 1
    assert all(breach.level == "should" for breach in verdict.breaches)
    assert len(stage.called("GET")) > 30
    assert len(stage.requests) - sent <= 100
