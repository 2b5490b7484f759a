import contract
from tests.examples.httpx_client import ApiError, BrokenAnswer, Client, NoAnswer


@contract.outcomes(api_error=ApiError, broken_answer=BrokenAnswer, failed=NoAnswer)
def update(call):
    with Client(call.site, call.api_key, call.app_key, call.timeout_s) as client:
        return client.update(call.snapshot_id, call.body)
