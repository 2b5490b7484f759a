"""The official Python SDK (datadog-api-client) under driver protocol 1.

It is written as a user writes it from the SDK's README and docstrings: a
`Configuration`, an `ApiClient`, typed models. It runs where `requirements.txt` is
installed. JSON becomes models in one way. If the documented type is a model, its
constructor is called with the members of an object as named arguments. Everything else
is passed as it is. What is refused, the SDK refuses.

The errors that its documentation names are those of `datadog_api_client.exceptions`.
Every other exception is a crash.
"""

# mypy: disable-error-code="import-not-found"

import json
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import datadog_api_client
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException, OpenApiException
from datadog_api_client.v2.api.rum_replay_heatmaps_api import RumReplayHeatmapsApi
from datadog_api_client.v2.model.snapshot_update_request import SnapshotUpdateRequest
from datadog_api_client.v2.model.snapshot_update_request_data import (
    SnapshotUpdateRequestData,
)
from datadog_api_client.v2.model.snapshot_update_request_data_attributes import (
    SnapshotUpdateRequestDataAttributes,
)
from datadog_api_client.v2.model.snapshot_update_request_data_type import (
    SnapshotUpdateRequestDataType,
)
from datadog_api_client.version import __version__

HELLO = {
    "protocol": 1,
    "client": "datadog-api-client",
    "version": __version__,
    "language": "python",
    "features": ["retry", "timeout"],
}
PACKAGE = Path(datadog_api_client.__file__).parent
TRACE_LENGTH = 5


@lru_cache(maxsize=32)
def api_of(site: str, api_key: str, app_key: str, retry: bool) -> RumReplayHeatmapsApi:
    """Return the API for one site and one key pair, with its own connections."""
    configuration = Configuration(
        ssl_ca_cert=os.environ["CONTRACT_CA_FILE"], enable_retry=retry
    )
    configuration.proxy = os.environ["CONTRACT_PROXY_URL"]
    configuration.server_variables["site"] = site
    configuration.api_key["apiKeyAuth"] = api_key
    configuration.api_key["appKeyAuth"] = app_key
    return RumReplayHeatmapsApi(ApiClient(configuration))


def model(
    build: Callable[..., Any], members: Any, **models: Callable[[Any], Any]
) -> Any:
    """Build a model from the members of an object. Return other values as they are."""
    if not isinstance(members, dict):
        return members
    arguments = {
        name: models[name](value) if name in models else value
        for name, value in members.items()
    }
    return build(**arguments)


data_of = partial(
    model,
    SnapshotUpdateRequestData,
    attributes=partial(model, SnapshotUpdateRequestDataAttributes),
    type=SnapshotUpdateRequestDataType,
)


def is_unbound(error: TypeError) -> bool:
    """Return whether a constructor refused its arguments by its signature."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return innermost.f_code is model.__code__ and type(error) is TypeError


def outcome_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Make the call; return the outcome as the protocol names it."""
    try:
        body = model(SnapshotUpdateRequest, asked["body"], data=data_of)
        api = api_of(asked["site"], asked["api_key"], asked["app_key"], asked["retry"])
        api.api_client.configuration.request_timeout = asked["timeout_s"]
        snapshot = api.update_replay_heatmap_snapshot(asked["snapshot_id"], body)
        return {"outcome": "snapshot", "snapshot": snapshot.to_dict()}
    except ApiException as error:
        if not error.status:  # no answer: rest.py gives 0
            return {"outcome": "failed", "message": str(error)}
        errors = error.body.get("errors") if isinstance(error.body, dict) else None
        errors = errors if isinstance(errors, list) else []
        texts = [text if isinstance(text, str) else json.dumps(text) for text in errors]
        return {
            "outcome": "api_error",
            "status": error.status,
            "errors": texts,
            "message": str(error),
        }
    except OpenApiException as error:
        path = getattr(error, "path_to_item", None) or [""]
        # As their docstrings have it.
        kind = "broken_answer" if path[0] == "received_data" else "refused"
        return {"outcome": kind, "message": str(error)}
    except Exception as error:
        if isinstance(error, TypeError) and is_unbound(error):
            return {"outcome": "refused", "message": str(error)}
        return {
            "outcome": "crashed",
            "type": type(error).__name__,
            "message": str(error),
            "trace": trace_of(error),
        }


def trace_of(error: Exception) -> list[str]:
    """Return the last frames in the SDK's own code, innermost first."""
    frames = [
        f"{Path(code.co_filename).relative_to(PACKAGE.parent)}:{line} in {code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if PACKAGE in Path((code := frame.f_code).co_filename).parents
    ]
    return frames[: -TRACE_LENGTH - 1 : -1]


def written(value: Any) -> str:
    """Write a date. The SDK reads texts of unknown members as dates, too."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def main() -> None:
    """Answer line by line, until bye or the end of the input."""
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["cmd"] == "bye":
            break
        reply = HELLO
        if asked["cmd"] == "echo":
            reply = {"seq": asked["seq"], "value": asked["value"]}
        elif asked["cmd"] == "update":
            reply = {"seq": asked["seq"], **outcome_of(asked)}
        sys.stdout.write(json.dumps(reply, default=written) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
