"""VCR cassettes (format 1): redacted exchanges with a service, one file a scenario.

Our cassettes have one more member, `x-contract`, for what a clause needs and VCR has no
place for: `exchanges` are the cases in order, `values` the snapshots and ids that
they refer to by number. Both are JSON texts, which are short and quick to read.
"""

import base64
import datetime
import json
import os
import re
import secrets
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import yaml

from contract.cases.codec import decode_fields, encode, untag
from contract.clauses.base import parse
from contract.errors import UsageError
from contract.model import (
    Headers,
    Json,
    Request,
    Response,
    ServiceExchange,
)
from contract.redaction import Redactor, redacted
from contract.spec.text import LARGEST_FILE, read_yaml

open_private = partial(os.open, mode=0o600)

Interaction = tuple[Request, Response]

FORMAT = 2

PHRASES = {status.value: status.phrase for status in HTTPStatus}
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MALFORMED = (
    *(AttributeError, LookupError, StopIteration, TypeError, ValueError),
    *(RecursionError, UsageError),
)

HEAD_TEXTS = ("made_from", "recorded", "subject", "scenario")

ENCODING = "content-encoding"


def new_directory(root: Path, day: datetime.date, number: int = 1) -> Path:
    """Make the directory of a run, ROOT/YYYY-MM-DD, with -02, -03 after the first."""
    directory = root / (f"{day}" if number == 1 else f"{day}-{number:02}")
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        return new_directory(root, day, number + 1)
    except OSError as error:
        raise UsageError(f"{directory}: cannot be made: {error.strerror}") from None
    return directory


def previous_directory(directory: Path) -> Path | None:
    """Return the last directory before this one that holds recordings, or None."""
    earlier = (
        sibling
        for sibling in directory.parent.iterdir()
        if sibling.name < directory.name and any(sibling.glob("*.yaml"))
    )
    return max(earlier, default=None)


def save(
    exchanges: Iterable[ServiceExchange],
    directory: Path,
    source: Literal["live", "sandbox"],
    redactor: Redactor,
    *,
    subject: str = "",
    at: datetime.datetime | None = None,
) -> list[Path]:
    """Write exchanges to DIRECTORY/SCENARIO.yaml, redacted, and return the paths.

    The redactor learns the keys that were sent, and the persons that responses and
    listings name. `at` is the time of the recording, by default now. Raises UsageError
    if a file cannot be written, or exists.
    """
    by_scenario: dict[str, list[ServiceExchange]] = defaultdict(list)
    for exchange in exchanges:
        teach(redactor, exchange)
        by_scenario[exchange.case.scenario or "exchanges"].append(exchange)
    time = at or datetime.datetime.now(datetime.UTC)
    head = {
        "format": FORMAT,
        "made_from": source,
        "recorded": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "subject": redactor.text(subject),
    }
    paths = []
    for scenario, members in by_scenario.items():
        document = document_of(
            [redacted(member, redactor) for member in members],
            {**head, "scenario": scenario},
        )
        text = yaml.dump(document, Dumper=DUMPER, sort_keys=False, width=1 << 30)
        name = re.sub(r"[^\w-]", "-", scenario)
        paths.append(write(directory / f"{name}.yaml", text))
    return paths


def write(path: Path, text: str) -> Path:
    """Write a file for its owner only, whole or not at all. Return its path.

    Raises UsageError if it cannot be written, or exists.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "x", encoding="utf-8", opener=open_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise UsageError(f"{path}: exists, and is not written over") from None
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return path


def teach(redactor: Redactor, exchange: ServiceExchange) -> None:
    for key in exchange.keys:
        redactor.hide(f"a key of the credential {exchange.case.credential}", key)
    for listing in (exchange.before, exchange.after):
        redactor.learn_from(list((listing or {}).values()))
    for response in filter(None, exchange.responses):
        redactor.learn_from(parse(response.body).value)


def document_of(
    exchanges: Sequence[ServiceExchange], head: dict[str, Json]
) -> dict[str, Json]:
    numbers: dict[str, int] = {}
    texts = [compact(details_of(exchange, numbers)) for exchange in exchanges]
    return {
        "version": 1,
        "recorded_with": "replay-heatmap-contract",
        "x-contract": {**head, "values": list(numbers), "exchanges": texts},
        "interactions": [
            vcr_interaction(request, response)
            for exchange in exchanges
            for request, response in zip(
                exchange.requests, exchange.responses, strict=True
            )
            if response is not None
        ],
    }


def details_of(exchange: ServiceExchange, numbers: dict[str, int]) -> dict[str, Json]:
    """`sent` has null for an interaction. A request without response stands whole."""

    def number(value: Any) -> int:
        return numbers.setdefault(compact(encode(value)), len(numbers))

    before, after = (
        None if listing is None else list(map(number, listing.items()))
        for listing in (exchange.before, exchange.after)
    )
    rest = replace(
        exchange,
        case=replace(exchange.case, scenario=""),
        requests=(),
        responses=(),
        outcome=replace(exchange.outcome, seconds=0.0),
        since_update_s=0.0,
        is_disturbed=False,
        before=None,
        after=None,
        ids={},
    )
    sent = zip(exchange.requests, exchange.responses, strict=True)
    return {
        "sent": [None if response else encode(request) for request, response in sent],
        "before": before,
        "after": after,
        "ids": number(exchange.ids),
        "exchange": encode(rest),
    }


def vcr_interaction(request: Request, response: Response) -> dict[str, Json]:
    status = response.status
    return {
        "request": {
            "method": request.method,
            "uri": request.url,
            "body": readable(request.body) if request.body else None,
            "headers": by_name(request.headers),
        },
        "response": {
            "status": {"code": status, "message": PHRASES.get(status, "")},
            "headers": by_name(response.headers),
            "body": {"string": readable(response.body)},
        },
    }


def readable(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def by_name(headers: Headers) -> dict[str, list[str]]:
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        values[name].append(value)
    return dict(values)


def compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


def cassettes(directory: Path) -> list[Path]:
    """Return all files of recordings. Raises UsageError if there is none."""
    suffixes = (".yaml", ".yml", ".json")
    paths = [path for path in directory.rglob("*") if path.suffix in suffixes]
    if not paths:
        raise UsageError(f"{directory}: holds no recordings (*.yaml, *.yml, *.json)")
    return sorted(paths)


def interactions(path: Path) -> list[Interaction]:
    """Return requests and responses of any VCR cassette. Raises UsageError."""
    document = read_document(path)
    with well_formed(path, "a VCR cassette"):
        return list(map(interaction_of, document["interactions"]))


def read_cassette(path: Path) -> tuple[dict[str, Json], list[ServiceExchange]]:
    """Return the head and the exchanges of a recording of this suite.

    Snapshots that were saved once are the same objects, so that they compare quickly.
    Raises UsageError if it is none.
    """
    document = read_document(path)
    with well_formed(path, "a recording of this suite"):
        head = document["x-contract"]
        number = head["format"]
        if number == FORMAT:
            if not all(isinstance(head[name], str) for name in HEAD_TEXTS):
                raise UsageError(f"{', '.join(HEAD_TEXTS)} must be texts")
            values = list(map(json.loads, head["values"]))
            answered = map(interaction_of, document["interactions"])
            return head, [
                exchange_of(details, head["scenario"], values, answered)
                for details in map(json.loads, head["exchanges"])
            ]
    raise UsageError(f"{path}: format must be {FORMAT}, it is {number!r}")


@contextmanager
def well_formed(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except MALFORMED as error:
        is_ours = isinstance(error, UsageError)
        reason = str(error) if is_ours else "a member is missing, or has another type"
        raise UsageError(f"{path}: not {kind}: {reason}"[:300]) from None


def read_document(path: Path) -> dict[str, Json]:
    document = read_yaml(path)
    if isinstance(document, dict) and isinstance(document.get("interactions"), list):
        return document
    raise UsageError(f"{path}: not a VCR cassette: it has no interactions")


def exchange_of(
    details: Json, scenario: str, values: list[Json], answered: Iterator[Interaction]
) -> ServiceExchange:
    before, after = (
        None if numbers is None else dict(values[number] for number in numbers)
        for numbers in (details["before"], details["after"])
    )
    sent = [
        (decode_fields(Request, untag(request), ""), None)
        if request
        else next(answered)
        for request in details["sent"]
    ]
    rest: ServiceExchange = decode_fields(
        ServiceExchange, untag(details["exchange"]), ""
    )
    return replace(
        rest,
        case=replace(rest.case, scenario=scenario),
        requests=tuple(request for request, _ in sent),
        responses=tuple(response for _, response in sent),
        before=before,
        after=after,
        ids=untag(values[details["ids"]]),
    )


def interaction_of(item: Json) -> Interaction:
    request, response = item["request"], item["response"]
    method, url, status = request["method"], request["uri"], response["status"]["code"]
    if type(status) is not int or not 200 <= status <= 999:
        raise UsageError(f"the status {status!r} is no number from 200 to 999")
    if not (isinstance(method, str) and isinstance(url, str)):
        raise UsageError("the method or the uri of a request is no text")
    return (
        Request(method.upper(), url, *content_of(request)),
        Response(status, *content_of(response)),
    )


def content_of(message: Json) -> tuple[Headers, bytes]:
    """VCR writes one value of a header, or a list of values."""
    headers = tuple(
        (name, value)
        for name, values in message["headers"].items()
        for value in (values if isinstance(values, list) else [values])
    )
    for name, value in headers:
        if not isinstance(value, str):
            raise UsageError(f"the header {name} has {value!r}, which is no text")
    return headers, unpacked(headers, body_of(message["body"]))


def unpacked(headers: Headers, body: bytes) -> bytes:
    """Return a body without its content coding. Most recorders have removed it."""
    values = ",".join(value for name, value in headers if name.lower() == ENCODING)
    codings = [coding.strip() for coding in values.lower().split(",")]
    for coding in reversed(codings):
        is_text = isinstance(readable(body), str)  # a packed one is none
        if is_text or coding in ("", "identity"):
            continue
        windows = (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS)  # some send a bare stream
        for window in windows if coding in ("gzip", "x-gzip", "deflate") else ():
            unpacker = zlib.decompressobj(window)
            with suppress(zlib.error):
                plain = unpacker.decompress(body, LARGEST_FILE)
                if unpacker.eof:
                    body = plain
                    break
        else:
            raise UsageError(f"a body is packed with {coding} and cannot be unpacked")
    return body


def body_of(body: Json) -> bytes:
    """VCR writes that of a response as an object with one member."""
    if isinstance(body, dict):
        if "base64_string" in body:
            packed = text_body(body["base64_string"])
            try:
                return base64.b64decode(b"".join(packed.split()), validate=True)
            except ValueError:
                raise UsageError("a body is no Base64") from None
        body = body["string"]
    return text_body(body)


def text_body(body: Json) -> bytes:
    if not isinstance(body, str | bytes | None):
        raise UsageError("a body is no text")
    return body.encode() if isinstance(body, str) else body or b""
