"""A valid call reaches the wire unchanged. An invalid one is refused, nothing is sent.

`contract_mock` plays the sites and shows the requests. `contract_client` makes the
client under test for a site: override that fixture, and these tests judge your own.
"""

import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings

from contract import EXAMPLE_ID, SITES, Refused, same_json
from contract.strategies import (
    invalid_bodies,
    snapshot_ids,
    valid_bodies,
    with_examples,
)

BODY = {"data": {"type": "snapshots"}}


@pytest.mark.proven_by("client/body-start-as-double", "client/body-start-32-bits")
@pytest.mark.parametrize("site", SITES)
@with_examples(body=valid_bodies)
@settings(max_examples=25, deadline=None)
@given(body=valid_bodies())
def test_a_valid_body_reaches_the_wire_unchanged(
    contract_mock, contract_client, site, body
):
    contract_client(site).update(EXAMPLE_ID, body)
    (request,) = contract_mock.requests
    assert same_json(json.loads(request.body), body)


@pytest.mark.proven_by("client/valid-enum-unchecked")
@pytest.mark.parametrize("site", SITES)
@with_examples(invalid=invalid_bodies)
@settings(max_examples=25, deadline=None)
@given(invalid=invalid_bodies())
def test_an_invalid_body_is_refused_and_nothing_is_sent(
    contract_mock, contract_client, site, invalid
):
    with pytest.raises(Refused):
        contract_client(site).update(EXAMPLE_ID, invalid.document)
    assert contract_mock.requests == ()


@pytest.mark.proven_by("client/path-slash-kept")
@pytest.mark.parametrize("site", SITES)
@with_examples(snapshot_id=snapshot_ids)
@settings(max_examples=25, deadline=None)
@given(snapshot_id=snapshot_ids())
def test_the_id_is_one_segment_of_the_documented_path(
    contract_mock, contract_client, site, snapshot_id
):
    contract_client(site).update(snapshot_id, BODY)
    (request,) = contract_mock.requests
    segment = quote(snapshot_id, safe="")
    assert (request.method, request.url) == (
        "PATCH",
        f"https://api.{site}/api/v2/replay/heatmap/snapshots/{segment}",
    )


@pytest.mark.proven_by("client/auth-no-app-key")
@pytest.mark.parametrize("site", SITES)
def test_both_keys_go_in_their_headers(contract_mock, contract_client, site):
    contract_client(site).update(EXAMPLE_ID, BODY)
    request = contract_mock.last_request
    assert request.header("DD-API-KEY") == contract_mock.api_key
    assert request.header("DD-APPLICATION-KEY") == contract_mock.app_key
    assert contract_mock.app_key not in request.url
