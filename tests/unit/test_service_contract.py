"""The sandbox holds every clause for services; every clause can fail; the same seed plays the same cases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.cases.client import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE
from contract.engine.runner import PROFILES, run
from contract.engine.verdict import Verdict
from contract.model import Json
from contract.sandbox import ORGS, Environ, Org, Refusal, Reply, Row, Sandbox, serving
from contract.spec import Schema, load
from contract.subjects.service import ServiceUnderTest, service_under_test

SPEC = load()
SCENARIOS = service_scenarios(SPEC)
KEYS = {
    "keys": (ORGS[0].api_key, ORGS[0].app_key),
    "other_keys": (ORGS[1].api_key, ORGS[1].app_key),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServiceUnderTest]:
    with serving(Sandbox()) as url, service_under_test(url, **KEYS) as subject:
        yield subject


def judged(
    subject: ServiceUnderTest, *scenarios: Scenario, profile: str = "ci", seed: int = 1
) -> Verdict:
    return run(
        subject,
        scenarios,
        SERVICE,
        SPEC,
        profile=PROFILES[profile],
        seed=seed,
        sites=(subject.site,),
    )


def test_service(
    service_scenario: Scenario, hold_service: Callable[[Scenario], None]
) -> None:
    hold_service(service_scenario)


def test_the_sandbox_breaks_not_even_a_should(sandbox: ServiceUnderTest) -> None:
    assert not judged(sandbox, *SCENARIOS, profile="quick").breaches


def test_every_clause_but_two_is_judged_at_the_quick_profile(
    sandbox: ServiceUnderTest,
) -> None:
    verdict = judged(sandbox, *SCENARIOS, profile="quick")
    assert set(verdict.not_judged) == {"S-RATE", "S-PARITY"} <= set(sandbox.reasons)


def test_undocumented_statuses_are_reported_and_break_nothing(
    sandbox: ServiceUnderTest,
) -> None:
    verdict = judged(sandbox, *SCENARIOS, profile="quick")
    noted = {
        message.split(" (")[0]
        for clause, message in verdict.notes
        if clause == "S-STATUS"
    }
    assert noted == {
        f"undocumented status {status}"
        for status in (400, 401, 403, 404, 405, 409, 415)
    }


def test_the_same_seed_plays_the_same_cases(sandbox: ServiceUnderTest) -> None:
    chosen = [each for each in SCENARIOS if each.name in ("valid-bodies", "sequences")]
    played = [
        judged(sandbox, *chosen, profile="quick", seed=seed).cases for seed in (7, 7, 8)
    ]
    assert played[0] == played[1] != played[2]


def test_nothing_is_left_after_a_run() -> None:
    app = Sandbox()
    with serving(app) as url, service_under_test(url, **KEYS) as subject:
        judged(subject, *SCENARIOS, profile="quick")
    assert not app.rows


def test_every_clause_has_a_statement_and_a_source() -> None:
    assert len({clause.id for clause in SERVICE}) == len(SERVICE) == 20
    assert all(clause.statement.endswith(".") and clause.source for clause in SERVICE)
    assert [clause.id for clause in SERVICE if clause.level == "should"] == ["S-RATE"]


# -- every clause can fail ---------------------------------------------------------------------------------


def faulty(step: str, change: Callable[..., Any], **settings: Any) -> Sandbox:
    """Return a sandbox with one step changed; the change gets the sandbox, the true step and its arguments."""

    def changed(self: Sandbox, *args: Any) -> Any:
        return change(self, lambda *given: getattr(Sandbox, step)(self, *given), *args)

    return type("Faulty", (Sandbox,), {step: changed})(**settings)


def answered(**members: Json) -> Callable[..., Reply]:
    def update(self: Sandbox, then: Callable[..., Reply], *args: Any) -> Reply:
        reply = then(*args)
        reply.value["data"] |= members
        return reply

    return update


def texts(change: Callable[[dict[str, Json]], object]) -> Callable[..., None]:
    def apply(
        self: Sandbox, then: Callable[..., None], row: Row, attributes: dict[str, Json]
    ) -> None:
        then(row, attributes)
        change(row.attributes)

    return apply


def refusing(status: int) -> Callable[..., Any]:
    def validate(
        self: Sandbox, then: Callable[..., Any], value: Json, schema: Schema
    ) -> Any:
        if schema is self.update_schema:
            raise Refusal(status, "no")
        return then(value, schema)

    return validate


def reply_of(
    status: int, value: Json = None, media: str = "application/json"
) -> Callable[..., Reply]:
    def update(self: Sandbox, then: Callable[..., Reply], *args: Any) -> Reply:
        reply = then(*args)
        return Reply(status, value or reply.value, [("Content-Type", media)])

    return update


def upserted(
    self: Sandbox, then: Callable[..., Row], org: Org, snapshot_id: str
) -> Row:
    try:
        return then(org, snapshot_id)
    except Refusal:
        return self.rows.setdefault(snapshot_id, Row(snapshot_id, org.org_id, {}, 0))


def of_any_org(
    self: Sandbox, then: Callable[..., Row], org: Org, snapshot_id: str
) -> Row:
    return (
        self.rows[snapshot_id] if snapshot_id in self.rows else then(org, snapshot_id)
    )


def by_api_key(self: Sandbox, then: Callable[..., Org], environ: Environ) -> Org:
    for org in ORGS:
        if environ.get("HTTP_DD_API_KEY") == org.api_key:
            return org
    return then(environ)


def telling_keys(self: Sandbox, then: Callable[..., Reply], refusal: Refusal) -> Reply:
    reply = then(refusal)
    reply.headers.append(("X-Debug", ORGS[0].app_key))
    return reply


def no_error_shape(
    self: Sandbox, then: Callable[..., Reply], refusal: Refusal
) -> Reply:
    reply = then(refusal)
    reply.value = {}
    return reply


FAULTS: dict[str, tuple[str, Sandbox]] = {
    "valid refused": ("S-ACCEPT", faulty("validate", refusing(422))),
    "invalid accepted": (
        "S-REJECT",
        faulty("validate", lambda self, then, value, schema: []),
    ),
    "5xx": ("S-NO-5XX", faulty("validate", refusing(500))),
    "status 202": ("S-STATUS", faulty("update", reply_of(202))),
    "other type": ("S-SCHEMA", faulty("update", answered(type="snapshot"))),
    "HTML": ("S-MEDIA", faulty("update", reply_of(200, media="text/html"))),
    "empty error": ("S-ERROR", faulty("error", no_error_shape)),
    "other id": ("S-ID", faulty("update", answered(id="x"))),
    "no attributes": ("S-ECHO", faulty("update", answered(attributes={}))),
    "not stored": (
        "S-STORED",
        faulty("apply", lambda self, then, row, attributes: None),
    ),
    "clobbered": (
        "S-UNTOUCHED",
        faulty("apply", texts(lambda row: row.update(snapshot_name="x"))),
    ),
    "not repeatable": (
        "S-REPEAT",
        faulty(
            "apply", texts(lambda row: row.update(device_type=str(id(object())) * 2))
        ),
    ),
    "upsert": ("S-UNKNOWN", faulty("find", upserted)),
    "not deleted": ("S-GONE", faulty("remove", lambda self, then, row: None)),
    "both changed": (
        "S-PATH-ID",
        faulty(
            "identify",
            lambda self, then, row, body: self.touch(
                next(iter(each for each in self.rows.values() if each is not row))
            ),
        ),
    ),
    "one key": ("S-AUTH", faulty("authenticate", by_api_key)),
    "any organization": ("S-ORG", faulty("find", of_any_org)),
    "keys told": ("S-SECRET", faulty("error", telling_keys)),
    "no limits": (
        "S-RATE",
        faulty("limits", lambda self, then, *args: [], rate_limit=(8, 1)),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_clause_can_fail(name: str) -> None:
    clause, app = FAULTS[name]
    scenarios = [
        each for each in SCENARIOS if clause != "S-RATE" or each.name == "spellings"
    ]
    with serving(app) as url, service_under_test(url, **KEYS) as subject:
        verdict = judged(subject, *scenarios, profile="quick")
    assert clause in {breach.clause for breach in verdict.breaches.values()}


def test_a_breach_has_the_same_fingerprint_for_every_seed() -> None:
    found = []
    for seed in (1, 2):
        app = faulty("apply", texts(lambda row: row.update(session_id="x")))
        with serving(app) as url, service_under_test(url, **KEYS) as subject:
            chosen = [
                each for each in SCENARIOS if each.name in ("valid-bodies", "repeats")
            ]
            verdict = judged(subject, *chosen, profile="quick", seed=seed)
        found.append(
            {
                breach.fingerprint
                for breach in verdict.breaches.values()
                if breach.clause == "S-UNTOUCHED"
            }
        )
    assert found[0] == found[1] != set()
