"""Enumerations, and names of things in cases and reports."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any, TypeAlias

ROOT = "$"
"""The place of a whole document. An empty place does not matter."""


class Level(StrEnum):
    """Weight of a clause. Only a MUST makes a verdict `broken`."""

    MUST = "must"
    SHOULD = "should"


class Danger(IntEnum):
    """Harm to the caller. Causes are shown in this order."""

    KEYS_AT_RISK = 1
    SILENT_DATA_LOSS = 2
    FALSE_SUCCESS = 3
    CRASH = 4
    OTHER = 5


class SubjectKind(StrEnum):
    """Sort of subject under test."""

    CLIENT = "client"
    SERVICE = "service"


class Delivery(StrEnum):
    """Way in which a response travels.

    GZIP packs the body where the request admits it, HTTP_1_0 has the older version and
    ends the connection. Both come whole. CUT announces the whole body and closes the
    connection in its middle. DRIP sends a byte every `DRIP_INTERVAL_S`. STALL sends
    nothing and keeps the connection open, STALL_BODY sends the head only. LATE sends
    nothing before the next request comes on the connection. RESET resets it.
    """

    WHOLE = "whole"
    GZIP = "gzip"
    HTTP_1_0 = "HTTP/1.0"
    CUT = "cut"
    DRIP = "drip"
    STALL = "stall"
    STALL_BODY = "stall-body"
    LATE = "late"
    RESET = "reset"

    @property
    def is_whole(self) -> bool:
        return self in (Delivery.WHOLE, Delivery.GZIP, Delivery.HTTP_1_0)


class Tls(StrEnum):
    """Certificate that a client meets."""

    TRUSTED = "trusted"
    UNKNOWN_AUTHORITY = "unknown authority"
    WRONG_NAME = "wrong name"
    EXPIRED = "expired"
    PLAIN_HTTP = "plain http"


class OutcomeKind(StrEnum):
    """Result that a client reported, in words of the driver protocol."""

    SNAPSHOT = "snapshot"
    REFUSED = "refused"
    API_ERROR = "api_error"
    BROKEN_ANSWER = "broken_answer"
    FAILED = "failed"
    CRASHED = "crashed"
    UNSUPPORTED = "unsupported"


class Operation(StrEnum):
    """Operation of the API that a service case calls."""

    UPDATE = "update"
    CREATE = "create"
    LIST = "list"
    DELETE = "delete"


class Owner(StrEnum):
    """Organization that owns a snapshot or a key pair."""

    OWN = "own"
    OTHER = "other"


class SnapshotState(StrEnum):
    """State of the snapshot of a placeholder.

    An unknown id has the form of the service's ids. RANDOM is a UUID, the next three
    are texts of lower-case letters and digits, of upper-case ones, and of digits. CUT
    is the id of a snapshot without its last character.
    """

    PRESENT = "present"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    RANDOM = "random"
    RANDOM_TEXT = "random text"
    RANDOM_UPPER = "random upper"
    RANDOM_DIGITS = "random digits"
    CUT = "cut"

    @property
    def is_random(self) -> bool:
        """True for a value that a session makes up, of 96 random bits at least."""
        return self.startswith("random")


class KeyVariant(StrEnum):
    """Way in which a key pair is sent to a service."""

    PLAIN = "plain"
    LOWER_CASE_NAMES = "header names in lower case"
    MISSING = "missing"
    MISSING_API_KEY = "missing api key"
    MISSING_APP_KEY = "missing app key"
    EMPTY = "empty"
    EMPTY_API_KEY = "empty api key"
    EMPTY_APP_KEY = "empty app key"
    WRONG = "wrong"
    WRONG_API_KEY = "wrong api key"
    WRONG_APP_KEY = "wrong app key"
    SWAPPED = "swapped"
    API_KEY_TWICE = "api key twice"
    APP_KEY_TWICE = "app key twice"
    CUT_API_KEY = "cut api key"
    CUT_APP_KEY = "cut app key"
    LENGTHENED_APP_KEY = "lengthened app key"
    OTHER_CASE = "other case"
    FOREIGN_API_KEY = "api key of the other org"
    FOREIGN_APP_KEY = "app key of the other org"
    DOUBLED_SAME = "doubled, the same"
    DOUBLED_OWN_FIRST = "doubled, own first"
    DOUBLED_WRONG_FIRST = "doubled, wrong first"

    @property
    def is_valid(self) -> bool:
        return self in (KeyVariant.PLAIN, KeyVariant.LOWER_CASE_NAMES)

    @property
    def is_doubled(self) -> bool:
        """True if a header is sent twice: RFC 9110 leaves the result open."""
        return self.startswith("doubled")


# -- names of things --


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """Value class at a place of a case: `empty` at `/data/id`.

    `place` is a JSON pointer or a parameter, and empty for the whole case.
    """

    place: str
    value_class: str

    def __str__(self) -> str:
        return f"{self.place.lstrip('/')} {self.value_class}".strip()


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """Catalogue entry of a case. It is stable over seeds."""

    scenario: str
    label: str

    def __str__(self) -> str:
        return f"{self.scenario}/{self.label}"


@dataclass(frozen=True, slots=True)
class Violation:
    """The keyword of the contract that a case breaks, and where.

    `place` is a JSON pointer into the body (the root is empty), or a parameter:
    `snapshot_id`, `site`, `api_key`, `app_key`, `Content-Type`.
    """

    place: str
    keyword: str
    how: str

    def __str__(self) -> str:
        return f"{self.place or ROOT} {self.keyword}: {self.how}"

    @property
    def is_in_body(self) -> bool:
        return self.place[:1] in ("", "/")


@dataclass(frozen=True, slots=True)
class Credential:
    """Key pair of a client case, all made up. Reports show its name only."""

    name: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceCredential:
    """Key pair of a service case. Only the session knows the values."""

    owner: Owner = Owner.OWN
    variant: KeyVariant = KeyVariant.PLAIN

    def __str__(self) -> str:
        return f"{self.owner}, {self.variant}"


@dataclass(frozen=True, slots=True, order=True)
class Placeholder:
    """Snapshot id, or random text, that only a session knows."""

    owner: Owner
    number: int = 0
    state: SnapshotState = SnapshotState.PRESENT

    def deleted(self) -> "Placeholder":
        return replace(self, state=SnapshotState.DELETED)

    def __str__(self) -> str:
        return f"<{self.state} {self.owner} {self.number}>"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class ViewName:
    """Placeholder for the view name of a session."""


VIEW_NAME = ViewName()

SnapshotRef: TypeAlias = tuple[str | Placeholder, ...]
"""Parts of a snapshot id, to be joined once placeholders are replaced."""


@dataclass(frozen=True, slots=True)
class Composite:
    """Text in a body with placeholders in it."""

    parts: SnapshotRef

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


Template: TypeAlias = tuple[bytes | Placeholder, ...]
"""Parts of a raw request body, likewise."""


def placeholders_in(value: Any) -> Iterator[Placeholder]:
    """Yield the placeholders in an object, a list or a composite, in order."""
    items = value.parts if isinstance(value, Composite) else value
    for item in items.values() if isinstance(items, dict) else items:
        if isinstance(item, Placeholder):
            yield item
        elif isinstance(item, dict | list | tuple | Composite):
            yield from placeholders_in(item)
