"""The public strategies: what they generate, how they shrink, what they are called."""

import json
from collections.abc import Callable
from inspect import get_annotations, getdoc
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis.strategies import SearchStrategy

from contract import strategies
from contract.client import SITES
from contract.model import Json
from contract.spec import Schema, load
from contract.strategies import (
    ErrorResponse,
    Invalid,
    error_responses,
    invalid_bodies,
    invalid_snapshots,
    sites,
    snapshot_ids,
    snapshots,
    valid_bodies,
    with_examples,
)

PUBLIC = (
    valid_bodies,
    invalid_bodies,
    snapshots,
    invalid_snapshots,
    error_responses,
    snapshot_ids,
    sites,
)
SPEC = load()


def is_valid(schema: Schema, document: Json) -> bool:
    return not list(schema.errors(document))


@pytest.mark.parametrize("strategy", PUBLIC, ids=lambda strategy: strategy.__name__)
def test_each_strategy_is_typed_and_documented(strategy: Callable[..., Any]) -> None:
    result = get_annotations(strategy)["return"]
    assert getattr(result, "__origin__", None) is SearchStrategy
    assert (getdoc(strategy) or "").startswith("Return ")


@given(body=valid_bodies())
def test_valid_bodies_satisfy_the_model(body: Json) -> None:
    assert is_valid(SPEC.request, body)


@given(invalid=invalid_bodies())
def test_invalid_bodies_break_one_keyword_and_say_which(invalid: Invalid) -> None:
    broken = {error.keyword for error in SPEC.request.errors(invalid.document)}
    assert invalid.violation.keyword in broken


@given(snapshot=snapshots())
def test_snapshots_satisfy_the_model(snapshot: Json) -> None:
    assert is_valid(SPEC.success_schema, snapshot)


@given(invalid=invalid_snapshots())
def test_invalid_snapshots_break_the_model(invalid: Invalid) -> None:
    assert not is_valid(SPEC.success_schema, invalid.document)


@given(error=error_responses())
def test_errors_are_documented_or_observed(error: ErrorResponse) -> None:
    document = json.loads(error.body)
    assert 400 <= error.status < 600
    assert error.media_type
    assert is_valid(SPEC.error_schema, document) or error.texts


@given(snapshot_id=snapshot_ids())
def test_ids_can_be_one_segment(snapshot_id: str) -> None:
    assert snapshot_id not in ("", ".", "..")
    snapshot_id.encode()


@given(site=sites())
def test_sites_are_the_documented_ones(site: str) -> None:
    assert site in SITES


def test_bodies_shrink_to_the_smallest_one() -> None:
    assert find(valid_bodies(), lambda body: True) == {"data": {"type": "snapshots"}}
    start = 2**53
    body = find(valid_bodies(), lambda body: start_of(body) > start)
    assert body["data"]["attributes"] == {
        "event_id": "",
        "is_device_type_selected_by_user": False,
        "start": start + 1,
    }


def start_of(body: Json) -> int:
    start = body["data"].get("attributes", {}).get("start", 0)
    return start if isinstance(start, int) else 0


def test_examples_are_added_to_given() -> None:
    seen = []

    @with_examples(site=sites)
    @given(site=sites())
    def collect(site: str) -> None:
        seen.append(site)

    collect()
    assert tuple(seen[: len(SITES)]) == SITES


def test_every_strategy_has_boundary_cases() -> None:
    assert set(strategies.BOUNDARIES) == set(PUBLIC)
    for values in strategies.BOUNDARIES.values():
        assert list(values())
