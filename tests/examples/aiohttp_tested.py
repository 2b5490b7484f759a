import contract
from tests.examples.aiohttp_client import ApiError, BrokenAnswer, Client, NoAnswer


@contract.outcomes(api_error=ApiError, broken_answer=BrokenAnswer, failed=NoAnswer)
async def update(call):
    async with Client(call.site, call.api_key, call.app_key, call.timeout_s) as client:
        return await client.update(call.snapshot_id, call.body)
