"""The minimal client under driver protocol 1: `python -m contract.drivers.minimal`.

Its arguments are sites that the page does not have.
"""

import sys
from functools import partial
from typing import Any

from contract.client import SnapshotClient
from contract.drivers.loop import serve
from contract.model import ClientCase, Credential, Outcome
from contract.subjects.in_process import MinimalClientAdapter
from contract.version import suite_version

FIELDS = ("snapshot", "status", "errors", "message", "type", "trace")

adapter = MinimalClientAdapter(partial(SnapshotClient, own_sites=sys.argv[1:]))


def update(request: dict[str, Any]) -> dict[str, Any]:
    case = ClientCase(
        snapshot_id=request["snapshot_id"],
        credential=Credential("", request["api_key"], request["app_key"]),
        body=request["body"],
        timeout_s=request["timeout_s"],
        retry=request["retry"],
    )
    return reply_of(adapter.update(case, request["site"]))


def reply_of(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome in words of the protocol."""
    reply = {"outcome": outcome.kind}
    for name in FIELDS:
        if (value := getattr(outcome, name)) not in (None, "", ()):
            reply[name] = value
    return reply


def hello() -> dict[str, Any]:
    return {
        "protocol": 1,
        "client": "minimal",
        "version": suite_version(),
        "language": "python",
        "features": ["retry", "timeout"],
    }


if __name__ == "__main__":
    serve(hello, update)
