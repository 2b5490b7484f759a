"""The documents of the API, typed and checked: the update, the snapshot, the error."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from math import isinf
from typing import Any, Self, SupportsIndex

MAX_EXCERPT = 1000

TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
RFC_3339 = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{TIME}:[0-5][0-9](\.[0-9]+)?(Z|[+-]{TIME})"
)


class InvalidDocument(Exception):
    """A JSON pointer, and what is wrong there."""


class Timestamp(datetime):
    """Aware datetime with its RFC 3339 text, so that nanoseconds are not lost."""

    _text = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a date-time of RFC 3339, section 5.6. Raises ValueError."""
        if not RFC_3339.fullmatch(text):
            raise ValueError("not in the form of RFC 3339")
        stamp = cls.fromisoformat(text)
        stamp._text = text
        return stamp

    @property
    def text(self) -> str:
        """The original text. The result of a calculation has its ISO 8601 form."""
        return self._text or self.isoformat()

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # The third item is the state: a copy has the text too.
        return (*super().__reduce_ex__(protocol)[:2], self.__dict__)


@dataclass(frozen=True)
class ResponseObject:
    """Response object. None means absent. `extra` has undocumented members."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object as it came."""
        document = {name: v for name, v in vars(self).items() if v is not None}
        for name, value in document.items():
            if isinstance(value, Timestamp):
                document[name] = value.text
            elif isinstance(value, ResponseObject):
                document[name] = value.to_json()
        extra: dict[str, Any] = document.pop("extra")
        return document | extra


@dataclass(frozen=True)
class SnapshotAttributes(ResponseObject):
    """Attributes of a snapshot. `start` is milliseconds into the session."""

    application_id: str | None = None
    created_at: Timestamp | None = None
    created_by: str | None = None
    created_by_handle: str | None = None
    created_by_user_id: int | None = None
    device_type: str | None = None
    event_id: str | None = None
    is_device_type_selected_by_user: bool | None = None
    modified_at: Timestamp | None = None
    org_id: int | None = None
    session_id: str | None = None
    snapshot_name: str | None = None
    start: int | None = None
    view_id: str | None = None
    view_name: str | None = None


@dataclass(frozen=True)
class SnapshotData(ResponseObject):
    """Type, id and attributes of a snapshot."""

    type: str = "snapshots"
    id: str | None = None
    attributes: SnapshotAttributes | None = None


@dataclass(frozen=True)
class Snapshot(ResponseObject):
    """Body of a 200 (page: Response). The page does not promise `data`."""

    data: SnapshotData | None = None


@dataclass(frozen=True)
class SnapshotUpdate:
    """Body of an update. `start` is milliseconds into the session."""

    event_id: str
    start: int
    is_device_type_selected_by_user: bool
    session_id: str | None = None
    view_id: str | None = None
    id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the request body."""
        attributes = {name: v for name, v in vars(self).items() if v is not None}
        data: dict[str, Any] = {"type": "snapshots"}
        if self.id is not None:
            data["id"] = attributes.pop("id")
        return {"data": data | {"attributes": attributes}}


# Shapes of the documents: members by name, required ones with `*`. A text stands for
# itself, `int` for an int64, a tuple for an object and the class that holds it.

UPDATE_ATTRIBUTES = {
    "event_id*": str,
    "start*": int,
    "is_device_type_selected_by_user*": bool,
    "session_id": str,
    "view_id": str,
}
SNAPSHOT_ATTRIBUTES = {
    attribute.name: kind
    for attribute in fields(SnapshotAttributes)
    for kind in (str, int, bool, Timestamp)
    if attribute.type == kind | None
}


def data_shape(attributes: Any) -> dict[str, Any]:
    return {"type*": "snapshots", "id": str, "attributes": attributes}


REQUEST = {"data*": data_shape(UPDATE_ATTRIBUTES)}
DATA = data_shape((SnapshotAttributes, SNAPSHOT_ATTRIBUTES))
RESPONSE = (Snapshot, {"data": (SnapshotData, DATA)})

TYPE_NAMES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


def read(value: Any, shape: Any, pointer: str = "") -> Any:
    """Return a JSON value in the types of a shape. Raises InvalidDocument."""
    make, shape = shape if isinstance(shape, tuple) else (dict, shape)
    kind: Any = type(shape) if isinstance(shape, dict | str) else shape
    kind = str if kind is Timestamp else kind
    problem = ""
    if type(value) is not kind:
        expected = "an int64" if kind is int else TYPE_NAMES[kind]
        problem = f"must be {expected}, is {TYPE_NAMES.get(type(value), 'null')}"
    elif kind is dict:
        return make(**members(value, shape, pointer))
    elif shape is Timestamp:
        try:
            return Timestamp.parse(value)
        except ValueError as error:
            problem = f"must be a date-time, is {value[:60]!r} ({error})"
    elif shape is int and not -(2**63) <= value < 2**63:
        problem = "must be an int64, is beyond 64 bits"
    elif isinstance(shape, str) and value != shape:
        problem = f"must be {shape!r}, is {value[:60]!r}"
    if problem:
        raise InvalidDocument(f"{pointer or 'the body'}: {problem}")
    return value


def members(value: Any, shape: dict[str, Any], pointer: str) -> dict[str, Any]:
    documented, extra = {}, dict(value)
    for member, kind in shape.items():
        name = member.rstrip("*")
        if name in extra:
            item = extra.pop(name)
            if type(item) is not kind or kind is int:
                item = read(item, kind, f"{pointer}/{name}")
            documented[name] = item
        elif name != member:
            raise InvalidDocument(f"{pointer}/{name}: is required")
    return {**documented, "extra": extra}


def finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text} is out of range")
    return number


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
DECODER = json.JSONDecoder(parse_float=finite, parse_constant=refuse)


def encode(body: Mapping[str, Any] | SnapshotUpdate) -> bytes:
    """Return the body of a request as JSON. Raises InvalidDocument."""
    try:
        document = plain(body.to_json() if isinstance(body, SnapshotUpdate) else body)
        text = ENCODER.encode(document)
        content = text.encode()
        read(json.loads(text), REQUEST)
    except (TypeError, ValueError, RecursionError) as error:
        # No JSON type, NaN, a lone surrogate, nested too deep.
        problem = f"cannot be written as JSON ({error})"
        raise InvalidDocument(f"the body: {problem}") from None
    return content


def plain(value: Any) -> Any:
    """Return a copy with dicts. JSON would turn names into texts."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise InvalidDocument("the body: has a property name that is no text")
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def decode(content: bytes) -> Snapshot:
    """Return the snapshot in the body of a 200. Raises InvalidDocument."""
    try:
        text = content.decode()
        document = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"the body: is not JSON ({error})") from None
    if isinstance(document, dict) and "errors" in document:
        errors = "; ".join(error_texts(text))
        raise InvalidDocument(f"/errors: errors under status 200: {errors}")
    snapshot: Snapshot = read(document, RESPONSE)
    return snapshot


def error_texts(body: str) -> tuple[str, ...]:
    """Return every text in `errors` or `error`, else the beginning of the body."""
    try:
        document = json.loads(body)
        for name in ("errors", "error"):
            if isinstance(document, dict) and name in document:
                return tuple(texts_in(document[name]))
    except (ValueError, RecursionError):
        pass  # not JSON: the excerpt is all there is
    return (excerpt(body),) if body.strip() else ()


def texts_in(value: Any, name: str = "") -> list[str]:
    """Return the texts in an error, most with their names."""
    if isinstance(value, dict) and value:
        return [
            text
            for key, member in value.items()
            if member is not None
            for text in texts_in(member, f"{name}.{key}".lstrip("."))
        ]
    if isinstance(value, list) and (value or not name):
        return [text for item in value for text in texts_in(item, name)]
    text = value if isinstance(value, str) else json.dumps(value)
    is_plain = name in ("", "title", "detail", "message")
    return [text] if is_plain else [f"{name}: {text}"]


def excerpt(text: str) -> str:
    """Return the beginning of a text."""
    text = text.strip()
    return text if len(text) <= MAX_EXCERPT else text[:MAX_EXCERPT] + "…"
