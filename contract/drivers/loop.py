"""The reply loop of driver protocol 1, for the drivers that may import the suite."""

import json
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["serve"]


def serve(
    hello: Callable[[], dict[str, Any]],
    outcome_of: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Answer line by line, until bye or the end of the input; `outcome_of` makes the call of an `update`."""
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
