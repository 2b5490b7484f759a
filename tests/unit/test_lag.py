"""Services that are read from replicas: nobody right is accused, nothing is missed."""

from typing import Any

import pytest

from contract.cases.placeholders import OWN, SIBLING
from contract.clauses import READING_CLAUSES, SERVICE_CLAUSES
from contract.clauses.base import Clause
from contract.errors import UsageError
from contract.model import Finding, ServiceCase, Violation
from contract.sandbox import Environ, Org, Reply, Sandbox, StoredSnapshot
from contract.subjects.playing import BATCH_SIZE
from tests.unit import test_clauses_service_access as access
from tests.unit import test_clauses_service_response as response
from tests.unit import test_clauses_service_state as state
from tests.unit.client_cases import UPDATE
from tests.unit.lagging import case, ids, staged
from tests.unit.service_examples import raw_findings

SMALL = ("deleted", "body-ids", "keys", "organizations", "repeats", "sequences")
LATE = "S-STORED/listed-late@"
NOTHING: Any = {"data": {"type": "snapshots"}}


VIOLATION = Violation("/data/attributes", "required", "absent")


def refused(**details: Any) -> ServiceCase:
    return case(**{"body": {"data": {}}, "violation": VIOLATION, **details})


# -- the clauses that compare reads ----------------------------------------------------

TABLES = {**state.TABLES, **access.TABLES, **response.TABLES}


def has_read_finding(clause: Any) -> bool:
    rows = TABLES[clause].values()
    results = (raw_findings(clause, parts) or () for parts, _ in rows)
    return any(getattr(item, "is_read", False) for found in results for item in found)


def test_these_clauses_compare_reads() -> None:
    clauses = [item for item in SERVICE_CLAUSES if isinstance(item, Clause)]
    comparing = {clause.id for clause in clauses if has_read_finding(clause)}
    assert comparing == {clause.id for clause in READING_CLAUSES}
    assert comparing == {
        "S-STORED",
        "S-UNTOUCHED",
        "S-REJECT",
        "S-UNKNOWN",
        "S-GONE",
        "S-PATH-ID",
        "S-AUTH",
        "S-ORG",
    }


# -- services that lag and are right ---------------------------------------------------


@pytest.mark.parametrize("is_loopback", [True, False], ids=["loopback", "remote"])
@pytest.mark.parametrize("lag_s", [0.05, 1.0])
def test_a_service_behind_replicas_is_not_accused(
    lag_s: float, is_loopback: bool
) -> None:
    with staged(lag_s=lag_s, is_loopback=is_loopback) as stage:
        verdict = stage.judge(*SMALL)
    assert verdict.verdict == "holds"
    assert ids(verdict) == set()
    assert ids(verdict, "should") == {LATE}
    assert {"S-STORED", "S-UNTOUCHED", "S-GONE", "S-ORG"} <= set(verdict.judged_total)
    assert stage.subject.leftovers == ()


class WholeSeconds(Sandbox):
    """Timestamps of whole seconds, as most SQL columns have them."""

    def touch(self, row: StoredSnapshot) -> None:
        row.modified_ms = self.now_ms()
        row.attributes["modified_at"] = self.timestamp(row.modified_ms)

    def timestamp(self, ms: int) -> str:
        return super().timestamp(ms - ms % 1000).replace(".000Z", "Z")


class PaddedSeconds(WholeSeconds):
    def timestamp(self, ms: int) -> str:
        return Sandbox.timestamp(self, ms - ms % 1000)


@pytest.mark.parametrize("make", [WholeSeconds, PaddedSeconds])
@pytest.mark.parametrize("lag_s", [0, 0.3])
def test_two_updates_within_one_tick_are_not_compared(
    make: type[Sandbox], lag_s: float
) -> None:
    with staged(make, lag_s=lag_s) as stage:
        verdict = stage.judge("repeats", "spellings")
    assert verdict.verdict == "holds"
    assert ids(verdict, "should") <= {LATE}


class SecondsStill(WholeSeconds):
    def touch(self, row: StoredSnapshot) -> None: ...


@pytest.mark.parametrize("make", ["untouched-modified-still", SecondsStill])
def test_a_time_that_never_moves_is_found_by_one_wait(make: Any) -> None:
    with staged(make) as stage:
        verdict = stage.judge("repeats")
    assert ids(verdict, "should") == {"S-UNTOUCHED/modified-still@"}


@pytest.mark.parametrize("status", [202, 204])
@pytest.mark.parametrize("lag_s", [0, 0.3])
def test_the_model_follows_another_success(status: int, lag_s: float) -> None:
    class Other(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            reply = super().update(org, snapshot_id, environ)
            is_empty = status == 204
            return Reply(status, None if is_empty else reply.value, reply.headers)

    with staged(Other, lag_s=lag_s) as stage:
        verdict = stage.judge("sequences", "repeats", "keys")
    causes = {f"S-ACCEPT/status-not-200@{status}", f"S-STATUS/status-unknown@{status}"}
    assert ids(verdict) == causes


def test_nulls_in_the_answer_are_one_defect() -> None:
    class Nulls(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            reply = super().update(org, snapshot_id, environ)
            for name in ("session_id", "view_id", "other"):
                reply.value["data"]["attributes"].setdefault(name, None)
            return reply

        def render(self, row: StoredSnapshot) -> dict[str, Any]:
            snapshot = super().render(row)
            snapshot["attributes"].pop("view_id", None)
            return snapshot

    with staged(Nulls) as stage:
        verdict = stage.judge("repeats", "sequences")
    assert {name.partition("/")[0] for name in ids(verdict)} <= {
        "S-SCHEMA",
        "S-ECHO",  # a text that was sent is null
        "S-STORED",  # and is not listed
    }


# -- services that lag and are wrong ---------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "scenario", "cause"),
    [
        ("stored-nothing", "repeats", "S-STORED/old-value-listed"),
        ("stored-start-rounded", "repeats", "S-STORED/number-altered"),
        ("untouched-neighbour-changed", "repeats", "S-UNTOUCHED/other-snapshot"),
        ("org-refused-yet-changed", "organizations", "S-ORG/changed-by-other-tenant"),
        ("auth-after-the-work", "keys", "S-AUTH/changed-without-key"),
        ("gone-not-at-all", "deleted", "S-GONE/deleted-id-accepted"),
        ("path-id-other-changed", "body-ids", "S-PATH-ID/changed-although-refused"),
        ("unknown-made-unseen", "snapshot-ids", "S-UNKNOWN/"),
    ],
)
@pytest.mark.parametrize("is_loopback", [True, False], ids=["loopback", "remote"])
def test_a_service_that_lags_and_is_wrong_is_broken(
    fault: str, scenario: str, cause: str, is_loopback: bool
) -> None:
    with staged(fault, lag_s=0.3, is_loopback=is_loopback) as stage:
        verdict = stage.judge(scenario)
    assert verdict.verdict == "broken"
    assert any(name.startswith(cause) for name in ids(verdict))


def test_a_stale_list_is_a_finding_of_its_own_with_its_lag() -> None:
    with staged("stored-list-stale") as stage:
        verdict = stage.judge("repeats")
    (late,) = verdict.breaches
    assert (late.id, late.level) == (LATE, "should")
    assert late.message.startswith("The list shows an update 0.0")


def test_an_update_is_never_repeated_to_read_it() -> None:
    with staged(lag_s=0.3) as stage:
        sent = stage.methods["PATCH"]
        assert stage.subject.play(case()).lag_s > 0
        assert stage.methods["PATCH"] == sent + 1


def test_a_right_list_is_read_once_and_without_a_wait() -> None:
    with staged() as stage:
        subject = stage.subject
        subject.play(case())
        read, slept_s = stage.methods["GET"], stage.clock.slept_s
        for number in range(5):
            subject.play(case(repeat=1 + number % 2))
        assert stage.methods["GET"] == read + 5
        requests = 5 + 5 + 2
        assert stage.clock.slept_s == pytest.approx(slept_s + requests * 0.004)


# -- what must not change --------------------------------------------------------------


def test_refused_requests_share_one_reading() -> None:
    with staged(lag_s=0.3) as stage:
        subject = stage.subject
        subject.play(case())
        read, begin_s = stage.methods["GET"], stage.seconds
        for _ in range(BATCH_SIZE):
            exchange = subject.play(refused())
            assert exchange.after is exchange.before is not None
        assert stage.methods["GET"] <= read + 6
        waited_s = stage.seconds - begin_s
        assert waited_s >= subject.session.reader.longest_lag_s > 0
        assert subject.replayed() == []


class ChangedOnce(Sandbox):
    """Refuses an invalid body, and stores it if it is the third one."""

    refusals = 0
    damages = (3,)

    def validate(self, value: Any) -> Any:
        errors = super().validate(value)
        self.refusals += bool(errors)
        if errors and self.refusals in self.damages:
            for row in self.visible(next(iter(self.orgs.values()))):
                row.attributes["event_id"] = f"damaged {self.refusals}"
        return errors


class ChangedByOne(ChangedOnce):
    damages = (3, 13)  # the same request, when it is played again


@pytest.mark.parametrize("make", [ChangedOnce, ChangedByOne])
def test_a_change_plays_each_refused_request_again_alone(make: type[Sandbox]) -> None:
    with staged(make) as stage:
        subject = stage.subject
        subject.play(case())
        exchanges = [subject.play(refused()) for _ in range(10)]
        assert all(exchange.after is exchange.before for exchange in exchanges)
        replays = subject.replayed(is_end=True)
        changed = [e for e in replays if e.before != e.after]
    assert len(replays) == (11 if make is ChangedOnce else 10)
    assert len(changed) == 1
    assert replays.index(changed[0]) == (10 if make is ChangedOnce else 2)


def test_a_change_by_a_refused_request_is_a_breach_of_the_run() -> None:
    with staged("org-refused-yet-changed") as stage:
        verdict = stage.judge("organizations", "keys")
    assert ids(verdict) == {
        "S-ORG/changed-by-other-tenant@update",
        "S-STORED/changed-although-refused@",
    }


def test_an_accepted_body_ends_a_batch_without_a_false_accusation() -> None:
    class Lax(Sandbox):
        def validate(self, value: Any) -> Any:
            is_sibling = value.get("data", {}).get("id") == "lax"
            return [] if is_sibling else super().validate(value)

        def identify(self, row: StoredSnapshot, body: Any) -> None: ...

    lax = {"data": {**UPDATE["data"], "id": "lax"}}
    with staged(Lax, lag_s=0.3) as stage:
        subject = stage.subject
        subject.play(refused())
        exchange = subject.play(refused(snapshot_id=(SIBLING,), body=lax))
        assert exchange.after is not None
        accepted = subject.play(case(violation=VIOLATION))
        assert accepted.outcome.status == 200
        assert accepted.before != accepted.after
        assert subject.replayed(is_end=True) == []


# -- details --------------------------------------------------------------------------


def test_a_lost_row_is_a_breach_that_a_late_one_is_not() -> None:
    class Lost(Sandbox):
        def touch(self, row: StoredSnapshot) -> None:
            super().touch(row)
            self.rows.pop(row.id)

    with staged(Lost, lag_s=0.3) as stage:
        subject = stage.subject
        exchange = subject.play(case())
        assert exchange.before.keys() - exchange.after.keys() == {exchange.ids[OWN]}


def test_a_create_without_an_id_waits_for_the_list() -> None:
    class NoId(Sandbox):
        def create(self, org: Org, path: str, environ: Environ) -> Reply:
            reply = super().create(org, path, environ)
            return self.reply(201, {"data": {"type": "snapshots"}}) if reply else reply

    with staged(NoId, lag_s=1.0) as stage:
        assert set(stage.subject.session.created) == set(stage.app.rows)


def test_the_limit_is_an_option() -> None:
    with staged("stored-nothing", max_lag_s=0.1) as stage:
        stage.judge("repeats")
        assert stage.seconds < 10
    assert stage.subject.session.reader.limit_s == 0.1


@pytest.mark.parametrize("limit_s", [-1, 301, float("nan"), float("inf")])
def test_a_limit_out_of_range_is_refused(limit_s: float) -> None:
    with (
        pytest.raises(UsageError, match="--max-lag: must be from 0 to 300 seconds, is"),
        staged(max_lag_s=limit_s),
    ):
        pass


@pytest.mark.parametrize(
    ("is_loopback", "limit_s"), [(True, 3.0), (False, 5.0)], ids=["loopback", "remote"]
)
def test_loopback_is_a_property_of_the_service(
    is_loopback: bool, limit_s: float
) -> None:
    with staged(is_loopback=is_loopback) as stage:
        assert stage.subject.is_loopback is is_loopback
        assert stage.subject.session.reader.limit_s == limit_s


def test_a_finding_of_a_reading_is_marked() -> None:
    (finding,) = raw_findings(state.STORED, {"after": {}}) or []
    assert isinstance(finding, Finding)
    assert finding.is_read
