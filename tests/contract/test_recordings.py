"""Recorded responses keep the model or the error schema, and reach the caller.

A night's redacted recordings are put into spec/recordings/, and are played here.
"""

import json
from pathlib import Path

import pytest
import requests
import schemathesis

from contract import (
    EXAMPLE_ID,
    SITES,
    ApiError,
    overlaid_document,
    recorded_updates,
    same_json,
)

PATH = "/api/v2/replay/heatmap/snapshots/{snapshot_id}"
BODY = {"data": {"type": "snapshots"}}
DOCUMENT = overlaid_document()
OPERATION = schemathesis.openapi.from_dict(DOCUMENT)[PATH]["PATCH"]

RECORDINGS = Path(__file__).parents[2] / "spec" / "recordings"
RESPONSES = recorded_updates(RECORDINGS)
SNAPSHOTS = [response for response in RESPONSES if response.status == 200]
ERRORS = [response for response in RESPONSES if response.status >= 400]


def has_schema(response):
    """Return whether the document has a schema for a response."""
    documented = DOCUMENT["paths"][PATH]["patch"]["responses"]
    content = documented.get(str(response.status), {}).get("content", {})
    return response.header("Content-Type") in content


DOCUMENTED_ERRORS = [response for response in ERRORS if has_schema(response)]


def ids(response):
    return f"{response.status}, {response.body.decode()[:40]}"


def documented_texts(response):
    """Return the texts of an error of the documented shape, none of another."""
    try:
        errors = json.loads(response.body)["errors"]
    except (ValueError, TypeError, KeyError):
        return set()
    return {text for text in errors if isinstance(text, str)}


def script(contract_mock, response):
    contract_mock.renew()
    media_type = response.header("Content-Type")
    contract_mock.respond(response.status, body=response.body, media_type=media_type)


def validated(contract_mock, response):
    """Return whether Schemathesis accepts a response, raise what it finds."""
    script(contract_mock, response)
    url = f"https://api.datadoghq.eu{PATH.format(snapshot_id=EXAMPLE_ID)}"
    OPERATION.validate_response(requests.patch(url, timeout=5))


@pytest.mark.proven_by("recording/numbers-as-texts")
@pytest.mark.parametrize("response", SNAPSHOTS, ids=ids)
def test_a_recorded_snapshot_keeps_the_model(contract_mock, response):
    validated(contract_mock, response)


@pytest.mark.proven_by("recording/lists-as-texts")
@pytest.mark.parametrize("response", DOCUMENTED_ERRORS, ids=ids)
def test_a_recorded_error_keeps_the_error_schema(contract_mock, response):
    validated(contract_mock, response)


@pytest.mark.proven_by("client/snapshot-date-cut", "recording/numbers-as-texts")
@pytest.mark.parametrize("site", SITES)
def test_a_recorded_snapshot_reaches_the_caller(contract_mock, contract_client, site):
    assert SNAPSHOTS
    for response in SNAPSHOTS:
        script(contract_mock, response)
        received = contract_client(site).update(EXAMPLE_ID, BODY)
        assert same_json(received.to_json(), json.loads(response.body))


@pytest.mark.proven_by("client/error-status-lost", "recording/lists-as-texts")
@pytest.mark.parametrize("site", SITES)
def test_a_recorded_error_reaches_the_caller(contract_mock, contract_client, site):
    assert ERRORS
    for response in ERRORS:
        script(contract_mock, response)
        with pytest.raises(ApiError) as raised:
            contract_client(site).update(EXAMPLE_ID, BODY)
        assert raised.value.status == response.status
        assert documented_texts(response) <= set(raised.value.errors)
