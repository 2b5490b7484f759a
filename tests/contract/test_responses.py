"""A documented success reaches the caller losslessly. Nothing else is a success.

The errors reach the caller too: with their status, and with their texts where the shape
is not the documented one.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import EXAMPLE_ID, SITES, ApiError, BrokenAnswer, same_json
from contract.strategies import (
    error_responses,
    invalid_snapshots,
    snapshots,
    with_examples,
)

BODY = {"data": {"type": "snapshots"}}


@pytest.mark.proven_by("client/snapshot-user-as-text", "client/snapshot-date-cut")
@pytest.mark.parametrize("site", SITES)
@with_examples(snapshot=snapshots)
@settings(max_examples=25, deadline=None)
@given(snapshot=snapshots())
def test_a_snapshot_reaches_the_caller_losslessly(
    contract_mock, contract_client, site, snapshot
):
    contract_mock.respond(200, json=snapshot)
    received = contract_client(site).update(EXAMPLE_ID, BODY)
    assert same_json(received.to_json(), snapshot)


@pytest.mark.proven_by("client/answer-unchecked")
@pytest.mark.parametrize("site", SITES)
@with_examples(invalid=invalid_snapshots)
@settings(max_examples=25, deadline=None)
@given(invalid=invalid_snapshots())
def test_an_invalid_snapshot_is_no_success(
    contract_mock, contract_client, site, invalid
):
    contract_mock.respond(200, json=invalid.document)
    with pytest.raises(BrokenAnswer):
        contract_client(site).update(EXAMPLE_ID, BODY)


@pytest.mark.proven_by("client/answer-any-2xx")
@pytest.mark.parametrize("site", SITES)
@settings(max_examples=25, deadline=None)
@given(snapshot=snapshots(), status=st.sampled_from([201, 202, 206]))
def test_another_2xx_is_no_success(
    contract_mock, contract_client, site, snapshot, status
):
    contract_mock.respond(status, json=snapshot)
    with pytest.raises(BrokenAnswer):
        contract_client(site).update(EXAMPLE_ID, BODY)


@pytest.mark.proven_by("client/error-first-text-only", "client/error-status-lost")
@pytest.mark.parametrize("site", SITES)
@with_examples(error=error_responses)
@settings(max_examples=25, deadline=None)
@given(error=error_responses())
def test_an_error_reaches_the_caller_with_status_and_texts(
    contract_mock, contract_client, site, error
):
    contract_mock.respond(error.status, body=error.body, media_type=error.media_type)
    with pytest.raises(ApiError) as raised:
        contract_client(site).update(EXAMPLE_ID, BODY)
    assert raised.value.status == error.status
    assert set(error.texts) <= set(raised.value.errors)
