"""The reply loop of driver protocol 1, for drivers that may import the suite."""

import json
import sys
from collections.abc import Callable
from typing import Any


def serve(
    hello: Callable[[], dict[str, Any]],
    update: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Answer line by line, until bye or the end of the input."""
    for line in sys.stdin:
        request = json.loads(line)
        match request["cmd"]:
            case "bye":
                break
            case "hello":
                reply = hello()
            case "echo":
                reply = {"seq": request["seq"], "value": request["value"]}
            case _:
                reply = {"seq": request["seq"], **update(request)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
