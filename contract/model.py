"""The words of the suite as frozen data: what is asked, what happened, what is wrong.

A `Case` is played on a subject and becomes an `Exchange`; clauses judge exchanges and name `Finding`s;
a run gathers equal problems into one `Breach`. Nothing here knows how a case is made, played or judged.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

__all__ = [
    "DRIP_S",
    "Breach",
    "Case",
    "Delivery",
    "Exchange",
    "Finding",
    "Headers",
    "Json",
    "Level",
    "Outcome",
    "OutcomeKind",
    "Request",
    "RequestOverride",
    "Response",
    "Rows",
    "Tls",
    "Violation",
]

Json: TypeAlias = Any
"""A JSON value as Python's `json` reads it: None, bool, int, float, str, list or dict."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields in the order of the wire; names as they were written."""

Rows: TypeAlias = Mapping[str, Json]
"""Stored snapshots as a service lists them, by id."""

Level = Literal["must", "should", "note"]
"""How much a clause asks; a note is seen, counted, and breaks nothing."""

Delivery = Literal["whole", "cut", "drip", "stall", "stall-body", "reset"]
"""How an answer travels.

`cut`: announced whole, the connection closes half-way through the body. `drip`: the body comes one byte
every `DRIP_S`. `stall`: nothing comes, the connection stays open. `stall-body`: the head comes,
the body never does. `reset`: the connection is reset instead of an answer.
"""

DRIP_S = 0.05
"""Seconds between two bytes of a dripping answer: far below any time-out of a single read."""

Tls = Literal["trusted", "unknown authority", "wrong name", "expired", "plain http"]
"""What a client meets before it has sent a request: the certificate of the host, or none at all."""

OutcomeKind = Literal[
    "snapshot",
    "refused",
    "api_error",
    "broken_answer",
    "failed",
    "crashed",
    "unsupported",
]
"""What a client told its caller, in the words of the driver protocol."""


@dataclass(frozen=True)
class Violation:
    """What is invalid in a case: one keyword of the contract at one place, and how it is broken."""

    pointer: str
    keyword: str
    how: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'} {self.keyword}: {self.how}"


@dataclass(frozen=True)
class Response:
    """An answer on the wire; for a client under test it is scripted, for a service it is what came."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delivery: Delivery = "whole"

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, whatever the case of its name (RFC 9110, 5.1)."""
        return first(self.headers, name)


@dataclass(frozen=True)
class RequestOverride:
    """How a request to a service differs from the documented one; `None` leaves a part as it is documented.

    `body` are the bytes that are sent in place of the case's body, `content_type` None is no such header,
    `path` is a whole request target. It is sent `times` times. `open`: the RFCs leave open what the answer is, so
    that any but a 5xx is right.
    """

    body: bytes | None = None
    content_type: str | None = "application/json"
    headers: Headers = ()
    method: str = "PATCH"
    path: str | None = None
    times: int = 1
    open: bool = False


_WRITTEN = {"responses": "answers", "override": "wire"}
"""What a case is called in a file where it has another name here."""


@dataclass(frozen=True)
class Case:
    """What is asked, and for a client under test the answers that it will get.

    `kinds` names what is special about the case, the main thing first; it is stable over seeds, since
    fingerprints are made of it. An empty `site` means: any; a case that names one is played only there.
    `keys` names a pair of keys, never holds them: real ones must not reach a file. `timeout_s` is seconds.
    `responses` are given to the requests of one call in order; to one more request nothing is answered.
    For a service, whose ids are known at run time alone, `snapshot_id` may be a stand-in (`contract.cases.placeholders`)
    and `override` says what is not as documented.
    """

    scenario: str
    kinds: tuple[str, ...]
    snapshot_id: str
    body: Json
    site: str = ""
    keys: str = "plain"
    violation: Violation | None = None
    responses: tuple[Response, ...] = ()
    retry: bool = False
    timeout_s: float = 5.0
    tls: Tls = "trusted"
    override: RequestOverride | None = None

    @cached_property
    def id(self) -> str:
        """A name for what is asked, the same on every site and in every run."""
        asked = (
            self.snapshot_id,
            self.body,
            self.keys,
            self.violation,
            self.responses,
            self.retry,
            self.timeout_s,
        )
        known = json.dumps(
            [*asked, self.tls, self.override], default=_plain, sort_keys=True
        )
        return hashlib.sha256(known.encode()).hexdigest()[:12]

    def on(self, site: str) -> "Case":
        """Return the same case, placed on a site."""
        return replace(self, site=site)

    def to_json(self) -> dict[str, Json]:
        """Return the case as JSON; bytes become `{"$base64": …}`."""
        known = {
            _WRITTEN.get(f.name, f.name): _plain(getattr(self, f.name))
            for f in fields(self)
        }
        if self.override is None:
            del known["wire"]
        return known

    @classmethod
    def from_json(cls, known: dict[str, Json]) -> "Case":
        """Read what `to_json` wrote; raises ValueError, KeyError or TypeError on anything else."""
        known = dict(known)
        violation, wire = known.get("violation"), known.pop("wire", None)
        answers = tuple(
            Response(
                status=answer["status"],
                headers=_headers(answer["headers"]),
                body=_bytes(answer["body"]),
                delivery=answer["delivery"],
            )
            for answer in known.pop("answers", ())
        )
        return cls(
            **{
                **known,
                "kinds": tuple(known["kinds"]),
                "violation": Violation(**violation) if violation else None,
                "responses": answers,
                "override": _wire(wire) if wire else None,
            }
        )


@dataclass(frozen=True)
class Request:
    """A request as it reached the wire; times are seconds on a monotonic clock.

    `answered_s` is when the last byte of its answer was sent; 0.0 where nothing was answered.
    """

    method: str
    url: str
    headers: Headers
    body: bytes
    at_s: float = 0.0
    answered_s: float = 0.0

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, whatever the case of its name (RFC 9110, 5.1)."""
        return first(self.headers, name)

    def all_headers(self, name: str) -> list[str]:
        """Return every value of a header field, in order."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


@dataclass(frozen=True)
class Outcome:
    """What a client told its caller; the fields are those of the driver protocol.

    `output` is all that it wrote or logged meanwhile, `stray` what it wrote where it should not.
    `seconds` is how long the caller waited.
    """

    kind: OutcomeKind
    snapshot: Json = None
    status: int | None = None
    errors: tuple[str, ...] = ()
    message: str = ""
    type: str = ""
    output: str = ""
    stray: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """What happened: the case, what reached the wire, what was answered, what the caller was told.

    `responses` pairs with `requests`; None is a request that nothing was scripted for. `keys` are the two
    that were really used (API key, application key). `reference` is the same case on another site,
    or None for the first. For a service, `before` and `after` are the rows that list showed, None where it was
    not read, and `ids` are the real ones of the stand-ins.
    """

    case: Case
    requests: tuple[Request, ...]
    responses: tuple[Response | None, ...]
    outcome: Outcome
    keys: tuple[str, str] = field(repr=False, default=("", ""))
    reference: "Exchange | None" = field(repr=False, compare=False, default=None)
    before: Rows | None = field(repr=False, default=None)
    after: Rows | None = field(repr=False, default=None)
    ids: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def response(self) -> Response | None:
        """The last answer that the client got, or None where it got none."""
        return next(
            (answer for answer in reversed(self.responses) if answer is not None), None
        )


@dataclass(frozen=True)
class Finding:
    """One clause broken by one exchange.

    `pointer` and `keyword` say where and how; `kind` says in what circumstances, and is part of the
    fingerprint: None stands for the kinds of the case, "" for: they do not matter.
    """

    message: str
    pointer: str = ""
    keyword: str = ""
    kind: str | None = None
    level: Level | None = None


@dataclass
class Breach:
    """One clause broken in one way: every exchange with the same fingerprint, and the smallest of them.

    `confirmed` says what came of playing the smallest case three times more: `always`, `sometimes`, `never again`,
    or `not tried`; empty where nobody tries.
    """

    clause: str
    level: Level
    fingerprint: str
    message: str
    pointer: str
    exchange: Exchange
    count: int = 0
    sites: list[str] = field(default_factory=list)
    accepted: bool = False
    confirmed: str = ""


def first(headers: Headers, name: str) -> str | None:
    """Return the first value of a header field, or None."""
    return next(
        (value for known, value in headers if known.lower() == name.lower()), None
    )


def _plain(value: Any) -> Json:
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, Response | Violation | RequestOverride):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _bytes(value: Json) -> bytes:
    return base64.b64decode(value["$base64"], validate=True)


def _headers(value: Json) -> Headers:
    return tuple((name, text) for name, text in value)


def _wire(known: Json) -> RequestOverride:
    body = None if known["body"] is None else _bytes(known["body"])
    return RequestOverride(
        **{**known, "body": body, "headers": _headers(known["headers"])}
    )
