"""The minimal client (`contract.client`) under driver protocol 1: `python -m contract.drivers.minimal`.

It is also the shortest example of a driver. Proxy and authority are those of the environment.
"""

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from contract.exchange import Case
from contract.subjects import Minimal

_TOLD = ("snapshot", "status", "errors", "message", "type")


def outcome_of(minimal: Minimal, asked: dict[str, Any]) -> dict[str, Any]:
    """Make the call; return the outcome as the protocol names it."""
    settings = {name: asked[name] for name in ("site", "timeout_s", "retry")}
    case = Case("", (), asked["snapshot_id"], asked["body"], **settings)
    outcome = minimal.update(case, (asked["api_key"], asked["app_key"]))
    told = {name: getattr(outcome, name) for name in _TOLD}
    return {"outcome": outcome.kind} | {name: value for name, value in told.items() if value not in (None, "", ())}


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
    minimal = Minimal()
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["cmd"] == "bye":
            break
        if asked["cmd"] == "hello":
            reply = hello()
        elif asked["cmd"] == "echo":
            reply = {"seq": asked["seq"], "value": asked["value"]}
        else:
            reply = {"seq": asked["seq"], **outcome_of(minimal, asked)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
