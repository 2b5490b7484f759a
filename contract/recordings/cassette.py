"""VCR cassettes (format 1): redacted exchanges with a service, one file a scenario.

Our cassettes have one more member, `x-contract`, for what a clause needs and VCR has no
place for: `exchanges` are the cases in order, `values` the snapshots and ids that
they refer to by number. Both are JSON texts, which are short and quick to read.
"""

import base64
import datetime
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from http.client import responses as phrases
from pathlib import Path
from typing import Any, Literal

import yaml

from contract.cases.codec import decode_fields, encode, untag
from contract.clauses import context_of
from contract.clauses.base import Clause
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.model import (
    Breach,
    Finding,
    Headers,
    Json,
    Label,
    Placeholder,
    Request,
    Response,
    ServiceExchange,
    Violation,
)
from contract.recordings.writing import write
from contract.redaction import Redactor
from contract.spec import Spec
from contract.spec.text import LARGEST_FILE, read_yaml
from contract.subjects.resource import json_of

Interaction = tuple[Request, Response]

FORMAT = 2
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
WRONG_TYPES = AttributeError, LookupError, StopIteration, TypeError, ValueError
MALFORMED = (*WRONG_TYPES, RecursionError, UsageError)

HEAD_TEXTS = ("made_from", "recorded", "subject", "scenario")

ENCODING = "content-encoding"

OWN_WORDS = (Enum, Label, Placeholder, Violation)
"""Types with words of the suite only."""

TEXTS = ("name", "version", "interrupted", "skipped", "reasons", "leftovers")
"""Fields of a verdict with texts of others."""


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
    overwrite: bool = False,
) -> list[Path]:
    """Write exchanges to DIRECTORY/SCENARIO.yaml, redacted, and return the paths.

    The redactor learns the keys that were sent, and the persons that responses and
    listings name. `at` is the time of the recording, by default now. Raises UsageError
    if a file cannot be written, or exists and `overwrite` is not set.
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
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in scenario)
        path = directory / f"{name}.yaml"
        paths.append(write(path, text, replace=overwrite))
    return paths


def teach(redactor: Redactor, exchange: ServiceExchange) -> None:
    for key in exchange.keys:
        redactor.hide(f"a key of the credential {exchange.case.credential}", key)
    for listing in (exchange.before, exchange.after):
        redactor.learn_from(list((listing or {}).values()))
    for response in exchange.responses:
        redactor.learn_from(json_of(response))


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
            "status": {"code": status, "message": phrases.get(status, "")},
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
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    return values


def compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


def cassettes(directory: Path) -> list[Path]:
    """Return all files of recordings. Raises UsageError if there is none."""
    suffixes = (".yaml", ".yml", ".json")
    paths = [path for path in directory.rglob("*") if path.suffix in suffixes]
    if not paths:
        raise UsageError(f"{directory}: holds no recordings (*.yaml, *.yml, *.json)")
    return sorted(paths)


def interactions(path: Path) -> Iterator[Interaction]:
    """Yield requests and responses of any VCR cassette. Raises UsageError."""
    for item in read_document(path)["interactions"]:
        try:
            yield interaction_of(item)
        except MALFORMED as error:
            raise malformed(path, "not a VCR cassette", error) from None


def read_cassette(path: Path) -> tuple[dict[str, Json], list[ServiceExchange]]:
    """Return the head and the exchanges of a recording of this suite.

    Snapshots that were saved once are the same objects, so that they compare quickly.
    Raises UsageError if it is none.
    """
    document = read_document(path)
    try:
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
    except MALFORMED as error:
        raise malformed(path, "not a recording of this suite", error) from None
    raise UsageError(f"{path}: format must be {FORMAT}, it is {number!r}")


def malformed(path: Path, message: str, error: Exception) -> UsageError:
    is_ours = isinstance(error, UsageError)
    reason = str(error) if is_ours else "a member is missing, or has another type"
    return UsageError(f"{path}: {message}: {reason}"[:300])


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
        if coding in ("", "identity") or is_text(body):
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


def is_text(body: bytes) -> bool:
    """Return whether a body is text in UTF-8, which a packed one is not."""
    return isinstance(readable(body), str)


def body_of(body: Json) -> bytes:
    """VCR writes that of a response as an object with one member."""
    if isinstance(body, dict):
        if "base64_string" in body:
            packed = b"".join(text_body(body["base64_string"]).split())
            try:
                return base64.b64decode(packed, validate=True)
            except ValueError:
                raise UsageError("a body is no Base64") from None
        body = body["string"]
    return text_body(body)


def text_body(body: Json) -> bytes:
    if not isinstance(body, str | bytes | None):
        raise UsageError("a body is no text")
    return body.encode() if isinstance(body, str) else body or b""


def redacted_verdict(verdict: Verdict, redactor: Redactor, spec: Spec) -> Verdict:
    """Return the verdict of a service with stand-ins for secrets and persons.

    No report of it can show a secret, even if it cuts texts.
    """
    texts = {name: redacted(getattr(verdict, name), redactor) for name in TEXTS}
    notes = {
        (clause_id, redactor.text(note)): count
        for (clause_id, note), count in verdict.notes.items()
    }
    breaches = [redacted_breach(b, verdict, redactor, spec) for b in verdict.breaches]
    parts = [redacted_verdict(part, redactor, spec) for part in verdict.parts]
    return replace(
        verdict, **texts, notes=notes, breaches=tuple(breaches), parts=tuple(parts)
    )


def redacted_breach(
    breach: Breach, verdict: Verdict, redactor: Redactor, spec: Spec
) -> Breach:
    """Return a breach with a redacted example, and the message for that.

    A message may hold a part of a secret, which the redactor would not find.
    """
    example = redacted(breach.example, redactor)
    messages = (
        finding.message
        for clause in verdict.clauses
        if clause.id == breach.clause_id and isinstance(clause, Clause)
        for finding in clause.check(context_of(example, spec))
        if isinstance(finding, Finding)
        if (finding.rule.name, finding.place) == (breach.rule.name, breach.place)
    )
    message = next(messages, redactor.text(breach.message))
    return replace(breach, example=example, message=message)


def redacted(value: Any, redactor: Redactor) -> Any:
    """Return an exchange, or a part of one, with the same stand-ins throughout.

    Clauses find in it what they find in the original. The names that the suite itself
    has for a case stay.
    """
    match value:
        case str() if not isinstance(value, Enum):
            return redactor.text(value)
        case bytes():
            return redactor.bytes(value)
        case tuple():
            return tuple(redacted(item, redactor) for item in value)
        case Mapping() if any(isinstance(key, Placeholder) for key in value):
            return {key: redacted(value[key], redactor) for key in value}
        case list() | Mapping():
            return redactor.json(value)
    if not is_dataclass(value) or isinstance(value, (type, *OWN_WORDS)):
        return value
    members = {
        f.name: redacted(getattr(value, f.name), redactor) for f in fields(value)
    }
    match value:
        case Request() | Response():
            headers = tuple((name, redactor.value(v)) for name, v in value.headers)
            members["headers"] = resized(headers, value.body, members["body"])
        case ServiceExchange():
            members["keys"] = tuple(map(redactor.value, value.keys))
    return replace(value, **members)


def resized(headers: Headers, old: bytes, new: bytes) -> Headers:
    """Return headers in which a Content-Length that was right is right again."""
    was = "content-length", str(len(old))
    return tuple(
        (name, str(len(new)) if (name.lower(), value) == was else value)
        for name, value in headers
    )
