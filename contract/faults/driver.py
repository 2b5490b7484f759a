"""The minimal client with one fault under driver protocol 1: `python -m contract.faults.driver FAULT`.

A fault may depend on more of a case than a client is told; this driver says so by the feature `case`.
"""

import sys
from typing import Any

from contract.drivers.loop import serve
from contract.drivers.minimal import reply_of
from contract.engine.selection import our_version
from contract.faults import CLIENT_FAULTS
from contract.faults.client_harness import Faulty
from contract.model import Case

__all__: list[str] = []


def main(name: str) -> None:
    """Serve the client with this fault, until bye or the end of the input."""
    client = Faulty(next(fault for fault in CLIENT_FAULTS if fault.id == name))
    hello = {
        "protocol": 1,
        "client": name,
        "version": our_version(),
        "language": "python",
    }

    def outcome_of(asked: dict[str, Any]) -> dict[str, Any]:
        try:
            outcome = client.update(
                Case.from_json(asked["case"]), (asked["api_key"], asked["app_key"])
            )
        except Exception as error:
            return {
                "outcome": "crashed",
                "type": type(error).__name__,
                "message": str(error),
            }
        sys.stderr.write(outcome.output)
        return reply_of(outcome)

    serve(lambda: {**hello, "features": ["retry", "timeout", "case"]}, outcome_of)


if __name__ == "__main__":
    main(sys.argv[1])
