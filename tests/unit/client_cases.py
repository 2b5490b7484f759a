"""Client cases for tests."""

from typing import Any

from contract.model import ClientCase, Credential, Response

CREDENTIAL = Credential("plain", "api-key-of-a-test", "app-key-of-a-test")
UPDATE = {
    "data": {
        "type": "snapshots",
        "attributes": {
            "event_id": "e",
            "start": 1,
            "is_device_type_selected_by_user": True,
        },
    }
}


def client_case(*responses: Response, **details: Any) -> ClientCase:
    """Return a plain case with these responses and other details."""
    settings = {"snapshot_id": "an-id", "credential": CREDENTIAL, "body": UPDATE}
    return ClientCase(responses=responses, **(settings | details))
