"""What goes over the wire, checked and typed: the body that is sent, the snapshot that comes back, or the error."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Self, SupportsIndex

__all__ = [
    "Snapshot",
    "SnapshotAttributes",
    "SnapshotData",
    "SnapshotUpdate",
    "Timestamp",
    "Wrong",
    "decode",
    "encode",
    "error_texts",
    "excerpt",
]

_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_RFC_3339 = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}:[0-5][0-9](\.[0-9]+)?(Z|[+-]{_CLOCK})"
)


class Timestamp(datetime):
    """An aware datetime that keeps, as `text`, the RFC 3339 text it was read from: nanoseconds are not lost."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a date-time of RFC 3339, section 5.6; raises ValueError on anything else."""
        if not _RFC_3339.fullmatch(text):
            raise ValueError("not in the form of RFC 3339")
        stamp = cls.fromisoformat(text)
        stamp.__dict__["_text"] = text
        return stamp

    @property
    def text(self) -> str:
        """The text as it came; for the result of a calculation, its ISO 8601 form."""
        return str(self.__dict__.get("_text") or self.isoformat())

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return (
            *super().__reduce_ex__(protocol)[:2],
            self.__dict__,
        )  # a copy keeps the text


@dataclass(frozen=True)
class _Part:
    """A JSON object of an answer. None is: not there (nothing documented is nullable); `extra` has the undocumented."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object as it came."""
        known = {
            name: value
            for name, value in vars(self).items()
            if name != "extra" and value is not None
        }
        for name, value in known.items():
            if isinstance(value, Timestamp | _Part):
                known[name] = (
                    value.text if isinstance(value, Timestamp) else value.to_json()
                )
        return known | dict(self.extra)


@dataclass(frozen=True)
class SnapshotAttributes(_Part):
    """Page, “Response”, “200”, attributes. `start` is milliseconds from the start of the session."""

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
class SnapshotData(_Part):
    """Page, “Response”, “200”, data."""

    type: str = "snapshots"
    id: str | None = None
    attributes: SnapshotAttributes | None = None


@dataclass(frozen=True)
class Snapshot(_Part):
    """Page, “Response”, “200”; it does not promise `data`."""

    data: SnapshotData | None = None


@dataclass(frozen=True)
class SnapshotUpdate:
    """A typed way to build the body; None leaves out. `start` is milliseconds from the start of the session."""

    event_id: str
    start: int
    is_device_type_selected_by_user: bool
    session_id: str | None = None
    view_id: str | None = None
    id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the request body."""
        attributes = {
            name: value for name, value in asdict(self).items() if value is not None
        }
        top = {"id": attributes.pop("id")} if self.id is not None else {}
        return {"data": {"type": "snapshots", **top, "attributes": attributes}}


# What is in an object, required where marked *, and its class. `int` is an int64, a text stands for itself.
_REQUEST = {
    "data*": {
        "type*": "snapshots",
        "id": str,
        "attributes": {
            "event_id*": str,
            "start*": int,
            "is_device_type_selected_by_user*": bool,
            "session_id": str,
            "view_id": str,
        },
    }
}
_ANSWER = (
    Snapshot,
    {
        "data": (
            SnapshotData,
            {
                "type*": "snapshots",
                "id": str,
                "attributes": (
                    SnapshotAttributes,
                    {
                        f.name: kind
                        for f in fields(SnapshotAttributes)
                        for kind in (str, int, bool, Timestamp)
                        if f.type == kind | None
                    },
                ),
            },
        )
    },
)
_NAMES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


class Wrong(Exception):
    """What a value breaks, and its JSON pointer."""


def _read(value: Any, model: Any, at: str = "") -> Any:
    """Return a JSON value, at this pointer, in the types of the model; raises Wrong."""
    make, model = model if isinstance(model, tuple) else (dict, model)
    kind: Any = (
        str if model is Timestamp else model if isinstance(model, type) else type(model)
    )
    if type(value) is not kind:
        expected = "an int64" if kind is int else _NAMES[kind]
        raise Wrong(
            f"{at or 'the body'}: must be {expected}, is {_NAMES.get(type(value), 'null')}"
        )
    if kind is int and not -(2**63) <= value < 2**63:
        raise Wrong(f"{at}: must be an int64, is beyond 64 bits")
    if model == "snapshots" != value:
        raise Wrong(f"{at}: must be 'snapshots', is {value[:60]!r}")
    if model is Timestamp:
        try:
            return Timestamp.parse(value)
        except ValueError as error:
            raise Wrong(
                f"{at}: must be a date-time, is {value[:60]!r} ({error})"
            ) from None
    if kind is not dict:
        return value
    known = {}
    for name, part in model.items():
        key = name.rstrip("*")
        if key in value:
            known[key] = _read(value[key], part, f"{at}/{key}")
        elif key != name:
            raise Wrong(f"{at}/{key}: is required")
    return make(
        **known, extra={name: item for name, item in value.items() if name not in known}
    )


def encode(body: Mapping[str, Any] | SnapshotUpdate) -> bytes:
    """Write the body of a request; raises Wrong."""
    try:
        plain = _plain(body.to_json() if isinstance(body, SnapshotUpdate) else body)
        content = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()
        _read(json.loads(content), _REQUEST)
    except (
        TypeError,
        ValueError,
        RecursionError,
    ) as error:  # no JSON type, NaN, a lone surrogate, too deep
        raise Wrong(f"the body: cannot be written as JSON ({error})") from None
    return content


def _plain(value: Any) -> Any:
    """Copy what the caller gave, any Mapping as a dict; json would make texts of names that are none."""
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise Wrong("the body: has a property name that is no text")
        return {name: _plain(item) for name, item in value.items()}
    return (
        [_plain(item) for item in value] if isinstance(value, list | tuple) else value
    )


def decode(content: bytes) -> Snapshot:
    """Read the body of a 200; raises Wrong."""
    try:
        document = json.loads(
            content.decode(), parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise Wrong(f"the body: is not JSON ({error})") from None
    if isinstance(document, dict) and "errors" in document:
        raise Wrong(
            f"/errors: errors under status 200: {'; '.join(error_texts(content.decode()))}"
        )
    snapshot: Snapshot = _read(document, _ANSWER)
    return snapshot


def _finite(literal: str) -> float:
    if not math.isfinite(number := float(literal)):
        raise ValueError(f"{literal[:60]} is not a number, or too large for one")
    return number


def error_texts(body: str) -> tuple[str, ...]:
    """Return every text in `errors` or `error`, the beginning of any other body: nobody promises its shape."""
    try:
        document = json.loads(body)
        if isinstance(document, dict) and ("errors" in document or "error" in document):
            found = document.get("errors", document.get("error"))
            return tuple(
                text
                for item in (found if isinstance(found, list) else [found])
                for text in _texts(item)
            )
    except (ValueError, RecursionError):
        pass  # not JSON, or not for us
    return (excerpt(body),) if body.strip() else ()


def _texts(value: Any, name: str = "") -> list[str]:
    """Return the texts in one error; all but titles and details with the names that lead to them."""
    if isinstance(value, dict) and value:
        members = [
            (f"{name}.{key}".lstrip("."), member)
            for key, member in value.items()
            if member is not None
        ]
        return [text for path, member in members for text in _texts(member, path)]
    if isinstance(value, list) and value:
        return [text for item in value for text in _texts(item, name)]
    text = value if isinstance(value, str) else json.dumps(value)
    return [text] if name in ("", "title", "detail", "message") else [f"{name}: {text}"]


def excerpt(text: str) -> str:
    """Return at most 1,000 characters, enough for a message."""
    return text if len(text := text.strip()) <= 1000 else text[:1000] + "…"
