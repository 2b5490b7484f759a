"""Reading cassettes: ours, with all that a clause needs, and those of anyone, for their requests and answers."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from contract.errors import SpecError, UsageError
from contract.model import (
    Case,
    Exchange,
    Headers,
    Json,
    Outcome,
    Request,
    Response,
    Rows,
)
from contract.recordings.save import FORMAT, USUAL_CASE
from contract.spec.text import parsed

__all__ = ["files", "interactions", "load", "read_file"]


def load(directory: Path) -> list[Exchange]:
    """Read every recorded exchange under a directory, file by file in the order of their names; raises UsageError."""
    return [exchange for path in files(directory) for exchange in read_file(path)[1]]


def files(directory: Path) -> list[Path]:
    """Return the cassettes under a directory; raises UsageError where there is none."""
    found = sorted(directory.rglob("*.yaml"))
    if not found:
        raise UsageError(f"{directory}: holds no recordings (*.yaml)")
    return found


def interactions(path: Path) -> Iterator[tuple[Request, Response]]:
    """Yield what any VCR cassette of format v1 holds; raises UsageError where it is none."""
    for each in _document(path)["interactions"]:
        try:
            yield _pair(each)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{path}: is no VCR cassette: {type(error).__name__}: {error}"[:300]
            ) from None


def read_file(path: Path) -> tuple[dict[str, Json], list[Exchange]]:
    """Read a recording: what its head says of it, and its exchanges. Raises UsageError where it is none of ours."""
    document = _document(path)
    try:
        head = document["x-contract"]
        if head["format"] != FORMAT:
            raise UsageError(
                f"{path}: is of format {head['format']!r}; known: {FORMAT}"
            )
        return head, list(_exchanges(document, head))
    except (
        AttributeError,
        KeyError,
        IndexError,
        StopIteration,
        TypeError,
        ValueError,
    ) as error:
        raise UsageError(
            f"{path}: is no recording of ours: {type(error).__name__}: {error}"[:300]
        ) from None


def _document(path: Path) -> dict[str, Json]:
    try:
        document = parsed(str(path), path.read_bytes(), by_pyyaml=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except SpecError as error:
        raise UsageError(str(error)) from None
    if not isinstance(document, dict) or not isinstance(
        document.get("interactions"), list
    ):
        raise UsageError(f"{path}: is no VCR cassette: it has no interactions")
    return document


def _exchanges(document: dict[str, Json], head: dict[str, Json]) -> Iterator[Exchange]:
    known = [json.loads(text) for text in head["known"]]
    before: Exchange | None = None
    pairs = iter(document["interactions"])
    for first in pairs:
        exchange = _exchange(
            json.loads(first["x-contract"]),
            first,
            pairs,
            known,
            head["scenario"],
            before,
        )
        yield exchange
        before = exchange
    for text in head["unanswered"]:
        yield _exchange(json.loads(text), None, pairs, known, head["scenario"], None)


def _exchange(
    about: dict[str, Json],
    first: Json,
    pairs: Iterator[Json],
    known: list[Json],
    scenario: str,
    before: Exchange | None,
) -> Exchange:
    case = Case.from_json({**USUAL_CASE, **about["case"], "scenario": scenario})
    requests: list[Request] = []
    answers: list[Response | None] = []
    for sent in about["sent"]:
        if sent is not None:
            requests.append(
                Request(
                    sent["method"],
                    sent["url"],
                    _flat_pairs(sent["headers"]),
                    _sent_body(sent["body"]),
                )
            )
            answers.append(None)
            continue
        request, answer = _pair(first if first is not None else next(pairs))
        first = None
        requests.append(request)
        answers.append(answer)

    def rows(numbers: list[int] | None) -> Rows | None:
        return (
            None
            if numbers is None
            else {known[number][0]: known[number][1] for number in numbers}
        )

    told = about["told"]
    outcome = Outcome(**{**told, "errors": tuple(told.get("errors", ()))})
    api_key, app_key = known[about["keys"]]
    reference = None
    if (
        before is not None
        and before.case.id == case.id
        and before.case.site != case.site
    ):
        reference = before.reference or before
    return Exchange(
        case,
        tuple(requests),
        tuple(answers),
        outcome,
        (api_key, app_key),
        reference,
        rows(about["before"]),
        rows(about["after"]),
        known[about["ids"]],
    )


def _pair(known: Json) -> tuple[Request, Response]:
    request, response = known["request"], known["response"]
    sent = Request(
        request["method"],
        request["uri"],
        _flat(request["headers"]),
        _bytes(request["body"]),
    )
    body = response["body"]
    came = body["base64_string"] if "base64_string" in body else body["string"]
    return sent, Response(
        response["status"]["code"], _flat(response["headers"]), _bytes(came)
    )


def _bytes(body: str | bytes | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _sent_body(body: Json) -> bytes:
    return body.encode() if isinstance(body, str) else base64.b64decode(body["$base64"])


def _flat(headers: dict[str, Json]) -> Headers:
    return tuple(
        (name, each)
        for name, some in headers.items()
        for each in ([some] if isinstance(some, str) else some)
    )


def _flat_pairs(headers: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in headers)
