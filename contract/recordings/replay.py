"""Recorded answers, played to clients in place of generated ones."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from contract.cases.client import Scenario
from contract.cases.documents import Documents
from contract.cases.parameters import SNAPSHOT_ID
from contract.model import Case, Response
from contract.recordings.load import files, interactions
from contract.spec import load

__all__ = ["recorded_answers", "recorded_scenarios"]

_OF_THE_CONNECTION = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "trailer",
        "transfer-encoding",
    )
)
"""Headers that whoever plays the answer makes anew; a cassette holds bodies unpacked."""


def recorded_answers(directory: Path) -> Iterator[tuple[str, Response]]:
    """Yield (kind, answer) for each different answer to an update under a directory of cassettes, ours or not.

    A kind is stable: status, media type and the file's name. Raises UsageError where there is none.
    """
    seen = set()
    for path in files(directory):
        for request, answer in interactions(path):
            headers = tuple(
                (name, value)
                for name, value in answer.headers
                if name.lower() not in _OF_THE_CONNECTION
            )
            played = Response(answer.status, headers, answer.body)
            if request.method == "PATCH" and played not in seen:
                seen.add(played)
                media = (
                    (answer.header("Content-Type") or "no media type")
                    .partition(";")[0]
                    .strip()
                    .lower()
                )
                yield f"recorded {answer.status} {media}: {path.stem}", played


def recorded_scenarios(directory: Path) -> tuple[Scenario, ...]:
    """Return a scenario for clients for each file name under a directory: a valid call, answered as recorded.

    Raises UsageError where nothing can be read, or no update was recorded.
    """
    body = Documents(load().request.raw).full()
    cases: dict[str, list[Case]] = {}
    for kind, answer in recorded_answers(directory):
        case = Case("", (kind,), SNAPSHOT_ID, body, responses=(answer,))
        cases.setdefault(kind.rpartition(": ")[2], []).append(case)
    return tuple(
        Scenario(
            f"recorded-{name}", f"answers as {name} recorded them", partial(iter, some)
        )
        for name, some in sorted(cases.items())
    )
