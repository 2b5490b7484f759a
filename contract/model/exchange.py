"""Messages, cases and exchanges."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cache, cached_property
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

from contract.model.names import (
    Credential,
    Delivery,
    Kind,
    Label,
    Operation,
    OutcomeKind,
    Placeholder,
    ServiceCredential,
    SnapshotRef,
    Template,
    Tls,
    Violation,
    placeholders_in,
)

Json: TypeAlias = Any

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields in the order of the wire, with names as they were written."""

Listing: TypeAlias = Mapping[str, Json]
"""Stored snapshots as a service lists them, by id."""

OWN_KEYS = ServiceCredential()

DRIP_INTERVAL_S = 0.05
"""Seconds between two bytes of a dripping response, below any read time-out."""


class Message:
    """A message with header fields."""

    __slots__ = ()
    headers: Headers

    def header(self, name: str) -> str | None:
        """Return the first value of a header field (RFC 9110, section 5.1)."""
        return next(iter(self.all_headers(name)), None)

    def all_headers(self, name: str) -> list[str]:
        """Return every value of a header field, in order."""
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Request(Message):
    """A request as it reached the wire. Times are seconds on a monotonic clock.

    `answered_at_s` is the moment before the last byte of its response was sent, 0.0 if
    none was. `is_proxied` means that the client reached the site through a proxy.
    `remark` says what is odd in its framing.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    sent_at_s: float = 0.0
    answered_at_s: float = 0.0
    is_proxied: bool = False
    remark: str = ""

    @property
    def target(self) -> str:
        """The URL without scheme and authority."""
        return "/" + self.url.split("://", 1)[-1].partition("/")[2]

    @property
    def origin(self) -> str:
        """Scheme, host and port, but for that of https."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}".removesuffix(":443")


@dataclass(frozen=True, slots=True)
class Response(Message):
    """A response: scripted for a client under test, received from a service."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delivery: Delivery = Delivery.WHOLE

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        value = self.header("Content-Type") or ""
        return value.partition(";")[0].strip().lower()

    @property
    def coding(self) -> str:
        """The content codings of the body in lower case."""
        names = (v for name, v in self.headers if name.lower() == "content-encoding")
        coding = ", ".join(names).strip().lower()
        return "" if coding == "identity" else coding

    @property
    def location(self) -> str | None:
        """The Location of a redirect, or None for any other response."""
        return self.header("Location") if 300 <= self.status < 400 else None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class RequestOverride:
    """Difference of a request to a service from the documented one.

    None is as documented, but `content_type` None sends no such header. `path` is a
    whole request target. `is_open` means that the RFCs leave the result open: every
    response but a 5xx is right.
    """

    method: str | None = None
    path: SnapshotRef | None = None
    body: Template | None = None
    content_type: str | None = "application/json"
    headers: Headers = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """An update as its caller asks for it, with a time-out in seconds.

    `retry` asks for the client's own retries after a 429.
    """

    site: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    snapshot_id: str
    body: Json
    timeout_s: float = 5.0
    retry: bool = False


# -- cases and exchanges --


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call to make, its labels, and its one violation if it has any.

    The first label names the kind. Generated cases have none: their labels only say
    what is special. The schedule chooses the sites if `sites` is empty.
    """

    scenario: str = ""
    labels: tuple[Label, ...] = ()
    body: Json = None
    violation: Violation | None = None
    sites: tuple[str, ...] = ()
    is_generated: bool = False

    @cached_property
    def id(self) -> str:
        """12 hex digits that name a case by its content, without its labels."""
        return hashlib.sha256(CONTENT.encode(self).encode()).hexdigest()[:12]

    @cached_property
    def kind(self) -> Kind | None:
        if self.is_generated or not self.labels:
            return None
        return Kind(self.scenario, str(self.labels[0]))

    @property
    def title(self) -> str:
        return str(self.labels[0]) if self.labels else "generated"

    def in_scenario(self, scenario: str) -> Self:
        return self if self.scenario == scenario else replace(self, scenario=scenario)


def content_of(value: Any) -> Json:
    """Return what JSON does not have as something that no other value is."""
    if isinstance(value, bytes):
        return {"$sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, Enum):
        return value.value
    members = {
        name: member
        for name, default in content_fields(value.__class__)
        if (member := getattr(value, name)) is not default and member != default
    }
    if members.get("expected"):  # its keys are placeholders
        members["expected"] = [*members["expected"].items()]
    return {f"${type(value).__name__}": members}


@cache
def content_fields(type_: type) -> tuple[tuple[str, Any], ...]:
    """Return the names of the fields that are content, with their defaults."""
    names = ((field.name, field.default) for field in fields(type_))
    return tuple(item for item in names if item[0] not in NO_CONTENT)


NO_CONTENT = ("scenario", "labels", "is_generated")
CONTENT = json.JSONEncoder(sort_keys=True, default=content_of)


@dataclass(frozen=True, slots=True)
class FirstCall:
    """A call, the same one, that opens the connection and is not judged.

    `is_closed` means that the site then closes the connection.
    """

    response: Response
    timeout_s: float = 5.0
    is_closed: bool = False


@dataclass(frozen=True, kw_only=True)
class ClientCase(Case):
    """Case for a client. `timeout_s` is in seconds.

    `responses` answer the requests of the call in order. One beyond them is refused.
    """

    snapshot_id: str
    credential: Credential
    responses: tuple[Response, ...] = ()
    retry: bool = False
    timeout_s: float = 5.0
    tls: Tls = Tls.TRUSTED
    first_call: FirstCall | None = None

    @cached_property
    def opening(self) -> "ClientCase | None":
        """The first call as a case of its own, or None."""
        first = self.first_call
        if first is None:
            return None
        scripted, timeout_s = (first.response,), first.timeout_s
        return replace(self, responses=scripted, timeout_s=timeout_s, first_call=None)

    def call(self, site: str) -> Call:
        return Call(
            site,
            self.credential.api_key,
            self.credential.app_key,
            self.snapshot_id,
            self.body,
            self.timeout_s,
            self.retry,
        )


@dataclass(frozen=True, kw_only=True)
class ServiceCase(Case):
    """Case for a service, sent `repeat` times.

    `snapshot_id`, `body` and `override` may hold placeholders. `is_step` marks a step
    of a sequence, `expected` has the attributes by snapshot that it knows.
    """

    snapshot_id: SnapshotRef = ()
    credential: ServiceCredential = OWN_KEYS
    operation: Operation = Operation.UPDATE
    override: RequestOverride = RequestOverride()
    repeat: int = 1
    is_step: bool = False
    expected: Mapping[Placeholder, Json] | None = None

    @cached_property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders of all fields."""
        override, expected = self.override, self.expected or {}
        parts = self.snapshot_id, self.body, override.path, override.body
        return tuple(placeholders_in((*parts, *expected.values())))

    @property
    def target(self) -> Placeholder | None:
        """The snapshot of the path, or None if the id is not one placeholder."""
        match self.snapshot_id:
            case (Placeholder() as placeholder,):
                return placeholder
        return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result that a client reported, with the fields of the driver protocol.

    `printed` is unexpected standard output, `logged` standard error and log records.
    `trace` has the last frames in the client's own code, innermost first. `seconds` is
    the time that the caller waited.
    """

    kind: OutcomeKind
    snapshot: Json = None
    status: int | None = None
    errors: tuple[str, ...] = ()
    message: str = ""
    type: str = ""
    trace: tuple[str, ...] = ()
    printed: str = ""
    logged: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Take the kind as a text, too. Raise ValueError for an unknown one."""
        if type(self.kind) is not OutcomeKind:
            object.__setattr__(self, "kind", OutcomeKind(self.kind))

    @property
    def summary(self) -> str:
        """Kind and status: `api_error 429`."""
        return self.kind if self.status is None else f"{self.kind} {self.status}"

    @property
    def is_hang(self) -> bool:
        return self.kind is OutcomeKind.CRASHED and self.type == "hang"

    @property
    def lacks_answer(self) -> bool:
        """True if the caller got nothing: the call failed or hung."""
        return self.kind is OutcomeKind.FAILED or self.is_hang


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A case played on a site: requests, their responses if any, and the outcome.

    `is_disturbed` means that the suite itself stood still meanwhile.
    """

    site: str
    requests: tuple[Request, ...] = ()
    responses: tuple[Response | None, ...] = ()
    outcome: Outcome
    is_disturbed: bool = field(repr=False, default=False)

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values: `replace` without checks is fast."""
        copy = object.__new__(self.__class__)
        vars(copy).update(vars(self), **values)
        return copy

    @property
    def final_response(self) -> Response | None:
        """The last response that came, or None."""
        return next(filter(None, reversed(self.responses)), None)


@dataclass(frozen=True, kw_only=True)
class ClientExchange(Exchange):
    """A client case played on one site.

    `late_requests` came after the call had ended without an answer.
    """

    case: ClientCase
    late_requests: int = field(repr=False, default=0)


@dataclass(frozen=True, kw_only=True)
class ServiceExchange(Exchange):
    """A service case played on one site.

    `before` and `after` are the listings around it, or None. What was acknowledged was
    listed after `lag_s`. `since_update_s` is the time since the snapshot was changed
    last. `ids` are the real ids of the placeholders. `keys` are the values that were
    sent.
    """

    case: ServiceCase
    before: Listing | None = field(repr=False, default=None)
    after: Listing | None = field(repr=False, default=None)
    lag_s: float = 0.0
    since_update_s: float = 0.0
    ids: Mapping[Placeholder, str] = field(repr=False, default_factory=dict)
    view: str = ""
    keys: tuple[str, ...] = field(repr=False, default=())


AnyCase: TypeAlias = ClientCase | ServiceCase
AnyExchange: TypeAlias = ClientExchange | ServiceExchange
