"""Services that are stricter than the plain bodies: one defect, one cause."""

import re
from collections import Counter
from typing import Any

import pytest

from contract import check_service
from contract.cases.plain import PlainUpdate, candidates
from contract.cases.service import service_scenarios
from contract.endpoint import create_body
from contract.faults import service_fault
from contract.jsondiff import value_at
from contract.model import Json, ServiceCase, Violation
from contract.sandbox import ORGS, Environ, Org, Refusal, Reply, Sandbox, serving
from contract.sandbox import attributes_of as attributes_of_body
from contract.spec import load

SPEC = load()
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
REFUSED = "S-ACCEPT/valid-body-refused"
START = "/data/attributes/start"
NAMES = ["valid-bodies", "spellings", "deleted", "snapshot-ids", "keys", "repeats"]
SCENARIOS = {scenario.name: scenario for scenario in service_scenarios(SPEC)}


class StrictCreate(Sandbox):
    """Create takes required attributes only, UUIDs, and integers below 2^31."""

    def create(self, org: Org, path: str, environ: Environ) -> Reply:
        reply = super().create(org, path, environ)
        attributes = reply.value["data"]["attributes"]
        ids = attributes["event_id"], attributes["application_id"]
        is_right = all(re.fullmatch(UUID4, text) for text in ids)
        is_right &= 0 <= attributes["start"] < 2**31
        is_right &= not {"session_id", "view_id"} & attributes.keys()
        if not is_right:
            del self.rows[reply.value["data"]["id"]]
            raise Refusal(400, "This is not possible.")
        return reply


class NeedsId(Sandbox):
    def validate(self, value: Json) -> list[Violation]:
        violations = super().validate(value)
        if not violations and not isinstance(value_at(value, "/data/id"), str):
            raise Refusal(400, "/data/id: is missing")
        return violations


class NeedsUuid(Sandbox):
    def validate(self, value: Json) -> list[Violation]:
        violations = super().validate(value)
        text = attributes_of_body(value).get("view_id")
        if not violations and text and not re.fullmatch(UUID4, text):
            raise Refusal(422, "view_id: is no UUID")
        return violations


def check(app: Sandbox, **options: Any) -> Any:
    own, other = ORGS
    options = {"profile": "quick", "seed": 2, "scenarios": NAMES, **options}
    with serving(app) as url:
        return check_service(url, keys=own.keys, other_keys=other.keys, **options)


def places(verdict: Any) -> list[str]:
    assert {breach.cause_id for breach in verdict.breaches} <= {REFUSED}
    return sorted(breach.place for breach in verdict.breaches)


def plain_notes(verdict: Any) -> list[str]:
    return [text for name, text in verdict.notes if name == "S-ACCEPT"]


def test_create_falls_back_to_its_required_attributes() -> None:
    verdict = check(StrictCreate())
    assert verdict.verdict == "holds"
    assert {name for name, _ in verdict.judged} >= {"S-STORED", "S-UNKNOWN", "S-GONE"}
    assert plain_notes(verdict) == []


def test_a_service_that_needs_the_id_in_the_body_is_accused_once() -> None:
    verdict = check(NeedsId())
    assert places(verdict) == ["/data/id:absent"]
    assert plain_notes(verdict) == [
        "the plain update is refused with 400; cases about other things are sent with "
        "data.id"
    ]


def test_a_service_that_needs_uuids_is_accused_at_their_attribute_alone() -> None:
    verdict = check(NeedsUuid())
    assert {place.partition(":")[0] for place in places(verdict)} == {
        "/data/attributes/view_id"
    }
    (note,) = plain_notes(verdict)
    assert note.endswith("UUIDs as ids and a small integer")


@pytest.mark.parametrize(
    ("fault", "places_of_it"),
    [
        ("rejects-zero-start", [f"{START}:zero", "body:negative-zero"]),
        ("rejects-no-attributes", ["/data/attributes:absent", "minimal"]),
        (
            "rejects-false-flag",
            ["/data/attributes/is_device_type_selected_by_user:false"],
        ),
        ("rejects-empty-text", ["/data/attributes/event_id:empty"]),
    ],
)
def test_one_defect_has_few_places(fault: str, places_of_it: list[str]) -> None:
    verdict = check(service_fault(fault).make_sandbox())
    assert places(verdict) == places_of_it


@pytest.mark.parametrize("app", [Sandbox(), NeedsId()], ids=["plain", "id needed"])
def test_an_existing_snapshot_is_updated_and_never_deleted(app: Sandbox) -> None:
    row = app.insert(ORGS[0], create_body("view", "name")["data"]["attributes"])
    names = ["organizations", "left-open", "deleted", "snapshot-ids"]
    methods = []

    class Watched(type(app)):  # type: ignore[misc]
        def answer(self, environ: Environ) -> Reply:
            environ = dict(environ)
            methods.append(environ["REQUEST_METHOD"])
            methods.append(environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", ""))
            return super().answer(environ)

    app.__class__ = Watched
    verdict = check(app, scenarios=names, snapshot_id=row.id)
    assert verdict.verdict == "holds"
    assert bool(plain_notes(verdict)) is isinstance(app, NeedsId)
    assert {"PATCH", ""} == set(methods)
    assert any("DELETE" in name for name in verdict.skipped)


def test_a_service_that_takes_no_update_is_judged() -> None:
    class Refusing(Sandbox):
        def validate(self, value: Json) -> list[Violation]:
            raise Refusal(400, "no")

    verdict = check(Refusing(), scenarios=["valid-bodies"])
    assert verdict.verdict == "broken"
    assert {breach.cause_id for breach in verdict.breaches} == {REFUSED}


# -- cases with other plain values --


def by_title(scenario: str, title: str) -> ServiceCase:
    cases = SCENARIOS[scenario].cases()
    case = next(case for case in cases if case.title == title)
    assert isinstance(case, ServiceCase)
    return case


def test_the_plainest_update_changes_no_case() -> None:
    first, *others = candidates()
    assert first == PlainUpdate()
    for scenario in SCENARIOS.values():
        for case in scenario.cases():
            assert isinstance(case, ServiceCase)
            assert first.adapted(case, SPEC) is case
    assert all(other.difference for other in others)


def test_what_a_case_is_about_stays() -> None:
    *_, strictest = candidates()
    zero = by_title("valid-bodies", "data/attributes/start zero")
    attributes = strictest.adapted(zero, SPEC).body["data"]["attributes"]
    assert attributes["start"] == 0
    assert attributes["event_id"] == strictest.values["event_id"]
    absent = by_title("repeats", "data/id absent")
    assert "id" not in strictest.adapted(absent, SPEC).body["data"]
    null = by_title("invalid-bodies", "data/attributes/start null")
    adapted = strictest.adapted(null, SPEC).body["data"]
    assert adapted["attributes"]["start"] is None
    assert "id" in adapted


def test_raw_bodies_are_adapted_too() -> None:
    *_, strictest = candidates()
    for title in ("body white space", "body escapes in names"):
        case = by_title("spellings", title)
        adapted = strictest.adapted(case, SPEC)
        assert adapted.body["data"]["attributes"]["start"] == 1
        raw = adapted.override.body or ()
        assert strictest.values["view_id"] in raw
        text = b"".join(part for part in raw if isinstance(part, bytes))
        assert re.search(rb":\s*1[\s,}]", text)
    zero = strictest.adapted(by_title("spellings", "body negative zero"), SPEC)
    assert zero.body["data"]["attributes"]["start"] == 0
    broken = by_title("malformed-json", "$ start is NaN")
    raw = strictest.adapted(broken, SPEC).override.body or ()
    assert any(b"NaN" in part for part in raw if isinstance(part, bytes))


def test_the_table_of_plain_updates_has_each_pair_once() -> None:
    pairs = Counter((bool(item.values), item.has_id) for item in candidates())
    assert set(pairs.values()) == {1}
    assert len(pairs) == 4
