"""The minimal client with a fault as a driver: `python -m contract.faults.driver ID`.

A fault may depend on more of a case than a call has. So the driver asks for the feature
`case`.
"""

import sys
from typing import Any

from contract.cases.codec import case_from_json
from contract.drivers import minimal
from contract.drivers.loop import serve
from contract.faults import client_fault
from contract.subjects.in_process import crash_of


def main(name: str) -> None:
    """Serve the client until `bye` or the end of the input."""
    client = client_fault(name).make_client()
    hello = minimal.hello() | {
        "client": name,
        "features": ["retry", "timeout", "case"],
    }

    def update(request: dict[str, Any]) -> dict[str, Any]:
        case: Any = case_from_json(request["case"])
        try:
            outcome = client.update(case, request["site"])
        except Exception as error:
            outcome = crash_of(error)
        sys.stderr.write(outcome.logged)
        return minimal.reply_of(outcome)

    serve(lambda: hello, update)


if __name__ == "__main__":
    main(sys.argv[1])
