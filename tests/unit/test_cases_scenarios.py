"""Scenarios: labels that are stable and readable, and cases that say what they are."""

import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.cases.client import client_scenarios
from contract.cases.placeholders import OTHER, OWN
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.engine.schedule import waits
from contract.model import (
    ClientCase,
    Delivery,
    KeyVariant,
    Label,
    Operation,
    Placeholder,
    RequestOverride,
    ServiceCase,
    Tls,
)
from contract.spec import load

SPEC = load()
CLIENT = {scenario.name: scenario for scenario in client_scenarios(SPEC)}
SERVICE = {scenario.name: scenario for scenario in service_scenarios(SPEC)}
SCENARIOS = [
    *(pytest.param(item, id=f"client-{item.name}") for item in CLIENT.values()),
    *(pytest.param(item, id=f"service-{item.name}") for item in SERVICE.values()),
]
PLACE = re.compile(r"\$?[A-Za-z0-9_/{}-]*")


def kinds(scenario: Scenario) -> set[str]:
    return {
        str(case.in_scenario(scenario.name).kind)
        for case in scenario.cases()
        if not case.is_generated
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_labels_are_short_and_have_places_without_spaces(scenario: Scenario) -> None:
    for case in scenario.cases():
        for label in case.labels:
            assert PLACE.fullmatch(label.place), label
            assert label.place or " " not in label.value_class, label
            assert 0 < len(label.value_class) <= 100, label
            assert label.value_class.isprintable(), label


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cases_with_a_violation_are_labeled_with_it(scenario: Scenario) -> None:
    for case in scenario.cases():
        if case.violation is not None and not case.is_generated:
            place = case.violation.place or "$"
            assert case.labels == (Label(place, case.violation.how),)


@pytest.mark.parametrize("scenario", SCENARIOS)
@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_generated_cases_have_no_kind(scenario: Scenario, data: st.DataObject) -> None:
    if scenario.strategy is not None:
        case = data.draw(scenario.strategy()).in_scenario(scenario.name)
        assert case.is_generated
        assert case.kind is None


@pytest.mark.parametrize(
    "kind",
    [
        "valid-bodies/data/attributes/start negative",
        "invalid-bodies/$ null",
        "broken-snapshots/data/type null",
        "snapshot-ids/snapshot_id slash",
        "keys/api_key CR at the start",
        "sites/site other domain",
        "media-types/Content-Type none",
        "false-successes/status 204",
        "observed-errors/404 application/vnd.api+json errors: code, title",
        "odd-errors/502 HTML",
        "odd-errors/errors/{item} null",
        "retries/429 reset negative",
        "redirects/redirect 301 other-host, no scheme",
        "redirects/redirect 307 other-port",
        "redirects/redirect 307 plain-http",
        "transfers/Transfer-Encoding chunked, error",
        "transfers/charset raw UTF-8",
        "kept-connections/connection closed while idle",
        "slow-answers/delivery head only",
        "slow-answers/delivery late, then another call",
        "certificates/tls wrong name",
    ],
)
def test_kinds_of_clients_read_well(kind: str) -> None:
    assert kind in kinds(CLIENT[kind.partition("/")[0]])


@pytest.mark.parametrize(
    "kind",
    [
        "valid-bodies/full",
        "valid-bodies/data/attributes/created_at read-only member",
        "spellings/body negative zero",
        "malformed-json/$ trailing comma",
        "media-types/Content-Type text/plain",
        "left-open/body a megabyte of text",
        "snapshot-ids/snapshot_id unknown",
        "deleted/snapshot_id deleted again",
        "body-ids/data/id sibling",
        "keys/keys swapped",
        "organizations/keys other organization lists",
        "methods/path trailing slash",
        "repeats/data/attributes/start zero",
    ],
)
def test_kinds_of_services_read_well(kind: str) -> None:
    assert kind in kinds(SERVICE[kind.partition("/")[0]])


def test_scenarios_that_wait() -> None:
    waiting = [name for name, scenario in CLIENT.items() if scenario.waits]
    assert waiting == ["retries", "slow-answers"]


def test_kinds_that_end_at_once_do_not_wait() -> None:
    slow = CLIENT["slow-answers"]
    waiting = {case.title for case in slow.cases() if waits(slow, case)}
    at_once = {case.title for case in slow.cases()} - waiting
    assert at_once == {"delivery error cut", "delivery success cut", "delivery reset"}
    retries = CLIENT["retries"]
    assert {waits(retries, case) == case.retry for case in retries.cases()} == {True}


def test_openings_and_early_kinds_exist() -> None:
    for scenario in SERVICE.values():
        titles = [case.title for case in scenario.cases()]
        assert not scenario.opening or scenario.opening in titles


def test_client_cases_have_every_delivery_and_certificate() -> None:
    cases = [case for item in CLIENT.values() for case in item.cases()]
    clients = [case for case in cases if isinstance(case, ClientCase)]
    deliveries = {item.delivery for case in clients for item in case.responses}
    openings = [case.opening for case in clients if case.opening is not None]
    deliveries |= {item.delivery for case in openings for item in case.responses}
    assert deliveries == set(Delivery)
    assert {case.tls for case in clients} == set(Tls)
    assert all(case.responses for case in clients)


def test_redirects_of_a_site_are_played_on_that_site() -> None:
    for case in CLIENT["redirects"].cases():
        assert isinstance(case, ClientCase)
        location = case.responses[0].header("Location") or ""
        own_host = location.partition("://")[2].partition("/")[0].partition(":")[0]
        is_own_site = own_host.removeprefix("api.") in SPEC.sites
        assert bool(case.sites) == is_own_site
        if case.sites:
            assert own_host == f"api.{case.sites[0]}"
            assert not location.startswith(f"https://{own_host}/")


def test_service_cases_have_every_key_variant() -> None:
    counts = Counter(
        case.credential.variant
        for scenario in SERVICE.values()
        for case in scenario.cases()
        if isinstance(case, ServiceCase)
    )
    assert set(counts) == set(KeyVariant)


def test_bodies_of_services_name_the_snapshot_of_the_path() -> None:
    for case in SERVICE["valid-bodies"].cases():
        snapshot_id = case.body["data"].get("id", OWN)
        assert snapshot_id == OWN


def test_joint_cases_have_all_their_labels_and_values() -> None:
    joint = [case for case in SERVICE["valid-bodies"].cases() if case.is_generated]
    assert len(joint) > 30
    case = next(c for c in joint if c.labels[0].value_class == "empty")
    assert case.labels == (
        Label("/data/attributes/event_id", "empty"),
        Label("/data/attributes/session_id", "empty"),
        Label("/data/attributes/view_id", "empty"),
    )
    attributes = case.body["data"]["attributes"]
    assert [attributes[label.place.split("/")[-1]] for label in case.labels] == [""] * 3
    assert case.kind is None


def test_raw_bodies_hold_the_placeholder_of_the_id() -> None:
    case = next(iter(SERVICE["spellings"].cases()))
    assert isinstance(case, ServiceCase)
    assert case.override.body is not None
    assert OWN in case.override.body
    assert case.body["data"]["id"] == OWN


def test_every_placeholder_of_a_catalogue_case_is_a_placeholder_object() -> None:
    for scenario in SERVICE.values():
        for case in scenario.cases():
            assert isinstance(case, ServiceCase)
            texts = [part for part in case.snapshot_id if isinstance(part, str)]
            assert not any("<present" in text for text in texts)


def test_operations_of_another_organization() -> None:
    cases = list(SERVICE["organizations"].cases())
    operations = [case.operation for case in cases if isinstance(case, ServiceCase)]
    assert operations.count(Operation.LIST) == 1
    assert operations.count(Operation.DELETE) == 1
    targets = [case.target for case in cases if isinstance(case, ServiceCase)]
    assert targets.count(OTHER) == 2


def test_paths_are_below_the_collection() -> None:
    overrides: list[RequestOverride] = [
        case.override
        for case in SERVICE["methods"].cases()
        if isinstance(case, ServiceCase) and case.override.path is not None
    ]
    assert len(overrides) == 6
    for override in overrides:
        assert override.path is not None
        assert override.path[0] == SPEC.collection_path
        assert all(isinstance(part, str | Placeholder) for part in override.path)
