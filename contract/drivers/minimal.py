"""The minimal client (`contract.client`) under driver protocol 1: `python -m contract.drivers.minimal`.

It is also the shortest example of a driver. Proxy and authority are those of the environment.
"""

import json
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from contract.client import ApiError, BrokenAnswer, NoAnswer, Refused, SnapshotClient


@lru_cache(maxsize=32)
def client_of(site: str, api_key: str, app_key: str, timeout_s: float, retry: bool) -> SnapshotClient:
    """Return a client, the same one for the same settings, so that its connections are kept."""
    return SnapshotClient(site=site, api_key=api_key, app_key=app_key, timeout=timeout_s, retries=3 if retry else 0)


def outcome_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Make the call; return the outcome as the protocol names it."""
    try:
        client = client_of(*(asked[name] for name in ("site", "api_key", "app_key", "timeout_s", "retry")))
        return {"outcome": "snapshot", "snapshot": client.update(asked["snapshot_id"], asked["body"]).to_json()}
    except Refused as error:
        return {"outcome": "refused", "message": str(error)}
    except ApiError as error:
        return {"outcome": "api_error", "status": error.status, "errors": error.errors, "message": str(error)}
    except BrokenAnswer as error:
        return {"outcome": "broken_answer", "message": str(error)}
    except NoAnswer as error:
        return {"outcome": "failed", "message": str(error)}
    except Exception as error:
        return {"outcome": "crashed", "type": type(error).__name__, "message": str(error)}


def hello() -> dict[str, Any]:
    """Return who this is."""
    try:
        ours = version("replay-heatmap-contract")
    except PackageNotFoundError:  # a checkout that is not installed
        ours = "0"
    return {
        "protocol": 1, "client": "minimal", "version": ours, "language": "python", "features": ["retry", "timeout"],
    }  # fmt: skip


def main() -> None:
    """Answer line by line, until bye or the end of the input."""
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["cmd"] == "bye":
            break
        if asked["cmd"] == "hello":
            reply = hello()
        elif asked["cmd"] == "echo":
            reply = {"seq": asked["seq"], "value": asked["value"]}
        else:
            reply = {"seq": asked["seq"], **outcome_of(asked)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
