"""The reference service keeps the contract, as Schemathesis reads the document.

`contract_sandbox` holds one snapshot, whose id is the page's example.
"""

import pytest
import schemathesis
from hypothesis import given, settings

from contract import EXAMPLE_ID, overlaid_document
from contract.strategies import invalid_bodies, valid_bodies, with_examples

UPDATE = "UpdateReplayHeatmapSnapshot"
PATH = "/api/v2/replay/heatmap/snapshots/{snapshot_id}"

schema = schemathesis.openapi.from_dict(overlaid_document())
calls = schemathesis.openapi.from_dict(overlaid_document())
# The contract says nothing of invalid calls to the other operations.
calls.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])


@schema.hook.apply_to(operation_id=UPDATE)
def map_path_parameters(context, parameters):
    """Name the snapshot that exists: an invented id meets nothing but 404."""
    return {**parameters, "snapshot_id": EXAMPLE_ID}


def update(body):
    """Return the update of the snapshot that exists, as a case of Schemathesis."""
    return schema[PATH]["PATCH"].Case(
        path_parameters={"snapshot_id": EXAMPLE_ID}, body=body
    )


def access(contract_sandbox):
    return {"base_url": contract_sandbox.url, "headers": contract_sandbox.headers}


@pytest.mark.proven_by("service/answer-user-as-text")
@schema.include(operation_id=UPDATE).parametrize()
def test_the_service_keeps_the_contract(case, contract_sandbox):
    case.call_and_validate(**access(contract_sandbox))


@pytest.mark.proven_by("service/echo-old-start")
@with_examples(body=valid_bodies)
@settings(deadline=None)
@given(body=valid_bodies())
def test_a_valid_update_succeeds_and_is_echoed(contract_sandbox, body):
    if "id" in body["data"]:
        body = {"data": {**body["data"], "id": contract_sandbox.snapshot_id}}
    response = update(body).call_and_validate(**access(contract_sandbox))
    assert response.status_code == 200
    stored = response.json()["data"]["attributes"]
    sent = body["data"].get("attributes", {})
    documented = sent.keys() & stored.keys()
    assert {name: stored[name] for name in documented} == {
        name: sent[name] for name in documented
    }


@pytest.mark.proven_by("service/accepts-null-attributes")
@with_examples(invalid=invalid_bodies)
@settings(deadline=None)
@given(invalid=invalid_bodies())
def test_an_invalid_update_is_refused(contract_sandbox, invalid):
    response = update(invalid.document).call(**access(contract_sandbox))
    assert 400 <= response.status_code < 500


@pytest.mark.proven_by("service/gone-not-at-all")
def test_the_service_keeps_the_contract_in_any_order(contract_sandbox):
    class Calls(calls.as_state_machine()):
        def setup(self):
            contract_sandbox.renew()

        def get_call_kwargs(self, case):
            return access(contract_sandbox)

    # Schemathesis 4.32 finds its own strategies flaky under some random seeds.
    steady = settings(max_examples=20, stateful_step_count=10, derandomize=True)
    Calls.run(settings=steady)
