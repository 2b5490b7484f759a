"""A client of the standard library as a driver, which starts quickly: for tests.

It does what the body says under `do`: sleep, drop a member, end its process. With a
second word it starts once only.
"""

import http.client
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from contract.drivers.loop import serve

HELLO = {"protocol": 1, "client": "quick", "version": "1", "language": "python"}


def update(asked: dict[str, Any]) -> dict[str, Any]:
    """Make the call."""
    body = dict(asked["body"]) if isinstance(asked["body"], dict) else asked["body"]
    todo = body.get("do", {}) if isinstance(body, dict) else {}
    time.sleep(todo.get("sleep", 0))
    if todo.get("drop"):
        del body["do"]
    _, _, proxy = os.environ["CONTRACT_PROXY_URL"].rpartition("/")
    context = ssl.create_default_context(cafile=os.environ["CONTRACT_CA_FILE"])
    connection = http.client.HTTPSConnection(
        proxy, context=context, timeout=asked["timeout_s"]
    )
    connection.set_tunnel(f"api.{asked['site']}", 443)
    headers = {"DD-API-KEY": asked["api_key"], "DD-APPLICATION-KEY": asked["app_key"]}
    path = f"/api/v2/replay/heatmap/snapshots/{asked['snapshot_id']}"
    try:
        connection.request("PATCH", path, json.dumps(body), headers)
        response = connection.getresponse()
        value = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        return {"outcome": "failed", "message": type(error).__name__}
    finally:
        connection.close()
    if response.status < 300:
        return {"outcome": "snapshot", "snapshot": value}
    return {"outcome": "api_error", "status": response.status}


if __name__ == "__main__":
    if len(sys.argv) > 2:
        Path(sys.argv[2]).touch(exist_ok=False)
    serve(lambda: HELLO, update)
