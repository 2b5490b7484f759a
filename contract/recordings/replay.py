"""Recorded responses, played to clients in place of catalogue ones."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from contract.cases.documents import Documents
from contract.cases.parameters import CREDENTIALS, EXAMPLE_ID
from contract.cases.scenario import Scenario
from contract.model import ClientCase, Label, Response
from contract.recordings.cassette import cassettes, interactions
from contract.spec import load

CONNECTION_HEADERS = re.compile(
    "connection|content-encoding|content-length|date|keep-alive|server|trailer"
    "|transfer-encoding",
    re.IGNORECASE,
)
"""Headers that the server of the client makes anew. Cassettes have decoded bodies."""


def recorded_responses(
    directory: Path, method: str
) -> Iterator[tuple[str, Label, Response]]:
    """Yield each different response to a method, with file name and label.

    The cassettes under the directory may be of this suite or of any other program.
    Raises UsageError if there is none.
    """
    seen = set()
    for path in cassettes(directory):
        for request, recorded in interactions(path):
            headers = tuple(
                (name, value)
                for name, value in recorded.headers
                if not CONNECTION_HEADERS.fullmatch(name)
            )
            response = Response(recorded.status, headers, recorded.body)
            if request.method == method and response not in seen:
                seen.add(response)
                media_type = response.media_type or "no media type"
                label = Label(str(response.status), f"recorded, {media_type}")
                yield path.stem, label, response


def recorded_updates(directory: Path | str) -> list[Response]:
    """Return each different response to an update that cassettes hold.

    Raises UsageError if a file cannot be read.
    """
    recorded = recorded_responses(Path(directory), load().method)
    return [response for _, _, response in recorded]


def recorded_scenarios(directory: Path) -> tuple[Scenario, ...]:
    """Return a scenario for each file name: a valid call with a recorded response.

    Raises UsageError if a file cannot be read.
    """
    spec = load()
    body = Documents(spec.request.raw).full()
    cases: dict[str, list[ClientCase]] = {}
    for name, label, response in recorded_responses(directory, spec.method):
        case = ClientCase(
            labels=(label,),
            snapshot_id=EXAMPLE_ID,
            credential=CREDENTIALS["plain"],
            body=body,
            responses=(response,),
        )
        cases.setdefault(name, []).append(case)
    return tuple(
        Scenario(f"recorded-{name}", partial(iter, c))
        for name, c in sorted(cases.items())
    )
