"""A minimal client for “Update replay heatmap snapshot”, written to be read and copied.

    with SnapshotClient(site="datadoghq.eu") as client:         # keys: DD_API_KEY, DD_APP_KEY
        update = SnapshotUpdate(event_id="…", start=1200, is_device_type_selected_by_user=False)
        snapshot = client.update("00000000-0000-0000-0000-000000000001", update)

It is a reading of the documentation page in plain Python. What it raises, and nothing else:

    SnapshotError
    ├── Refused            the input; nothing was sent (a ValueError too)
    ├── ApiError           the service said no: status, errors, body
    │   └── RateLimited    429: reset, in seconds
    ├── BrokenAnswer       the service said yes, but not in the way that it documents
    └── NoAnswer           no whole answer: refused, cut, too late, TLS, a redirect (never followed)
"""

import json
import math
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple, Self, SupportsIndex
from urllib.parse import quote

import requests
import urllib3

__all__ = [
    "SITES", "ApiError", "BrokenAnswer", "NoAnswer", "RateLimited", "Refused", "Snapshot", "SnapshotAttributes",
    "SnapshotClient", "SnapshotData", "SnapshotError", "SnapshotUpdate", "Timestamp",
]  # fmt: skip

SITES = (
    "datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "datadoghq.eu",
    "ap1.datadoghq.com", "ap2.datadoghq.com", "ddog-gov.com", "us2.ddog-gov.com",
)  # fmt: skip
_URL = "https://api.{site}/api/v2/replay/heatmap/snapshots/{snapshot_id}"

_LONGEST_BODY = 16 * 2**20  # bytes, the rest is not read; a snapshot has about 700
_LONGEST_WAIT = 3600  # seconds between two attempts


class SnapshotError(Exception):
    """Whatever this client raises."""


class Refused(SnapshotError, ValueError):
    """The input was refused; nothing was sent."""


class ApiError(SnapshotError):
    """An error answer: its status, every error text in it, and its body as text."""

    def __init__(self, status: int, errors: tuple[str, ...] = (), body: str = "") -> None:
        super().__init__(status, errors)
        self.status, self.errors, self.body = status, errors, body

    def __str__(self) -> str:
        return f"{self.status}: {_excerpt('; '.join(self.errors)) or '(no text)'}"


class RateLimited(ApiError):
    """Too many requests; `reset` is the seconds until the limit resets, None where the answer does not say."""

    reset: int | None = None


class BrokenAnswer(SnapshotError):
    """The answer is no error, and not what the page documents; a JSON pointer says where."""


class NoAnswer(SnapshotError):
    """No whole answer came. The update may have been made all the same."""


class Timestamp(datetime):
    """An aware datetime that keeps, as `text`, the RFC 3339 text it was read from: nanoseconds are not lost."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a date-time of RFC 3339, section 5.6; raises ValueError on anything else."""
        clock = "([01][0-9]|2[0-3]):[0-5][0-9]"
        if not re.fullmatch(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{clock}:[0-5][0-9](\.[0-9]+)?(Z|[+-]{clock})", text):
            raise ValueError("not in the form of RFC 3339")
        stamp = cls.fromisoformat(text)
        stamp.__dict__["_text"] = text
        return stamp

    @property
    def text(self) -> str:
        """The text as it came; for the result of a calculation, its ISO 8601 form."""
        return str(self.__dict__.get("_text", self.isoformat()))

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return (*super().__reduce_ex__(protocol)[:2], self.__dict__)  # a copy keeps the text


@dataclass(frozen=True)
class _Part:
    """A JSON object of an answer. None is: not there (nothing documented is nullable); `extra` has the undocumented."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object as it came."""
        known = {name: value for name, value in vars(self).items() if name != "extra" and value is not None}
        for name, value in known.items():
            if isinstance(value, Timestamp | _Part):
                known[name] = value.text if isinstance(value, Timestamp) else value.to_json()
        return known | dict(self.extra)

    @classmethod
    def _of(cls, document: dict[str, Any]) -> Self:
        names = {f.name for f in fields(cls)} - {"extra"}
        known = {n: _TYPED[n](value) if n in _TYPED else value for n, value in document.items() if n in names}
        return cls(**known, extra={n: value for n, value in document.items() if n not in names})


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


_TYPED: dict[str, Callable[[Any], Any]] = {
    "data": SnapshotData._of,
    "attributes": SnapshotAttributes._of,
    "created_at": Timestamp.parse,
    "modified_at": Timestamp.parse,
}


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
        attributes = {name: value for name, value in asdict(self).items() if value is not None}
        top = {"id": attributes.pop("id")} if self.id is not None else {}
        return {"data": {"type": "snapshots", **top, "attributes": attributes}}


# The page's two models: what is in an object, required where marked *. `int` is an int64.
_REQUEST = {"data*": {"type*": "snapshots", "id": str, "attributes": {
    "event_id*": str, "start*": int, "is_device_type_selected_by_user*": bool, "session_id": str, "view_id": str,
}}}  # fmt: skip
_ANSWER = {"data": {"type*": "snapshots", "id": str, "attributes": {
    f.name: t for f in fields(SnapshotAttributes) for t in (str, int, bool, Timestamp) if f.type == t | None
}}}  # fmt: skip
_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an int64", type(None): "null"}


class _Wrong(Exception):
    """What a value breaks, and its JSON pointer."""


def _check(value: Any, model: Any, at: str = "") -> None:
    kind: Any = model if model in (str, int, bool) else dict if isinstance(model, dict) else str
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        given = "a number" if isinstance(value, int | float) and not isinstance(value, bool) else _NAMES[type(value)]
        raise _Wrong(f"{at or 'the body'}: must be {_NAMES[kind]}, is {given}")
    if kind is int and not -(2**63) <= value < 2**63:
        raise _Wrong(f"{at}: must be an int64, is beyond 64 bits")
    if model == "snapshots" and value != model:
        raise _Wrong(f"{at}: must be 'snapshots', is {value[:60]!r}")
    if model is Timestamp:
        try:
            Timestamp.parse(value)
        except ValueError as error:
            raise _Wrong(f"{at}: must be a date-time, is {value[:60]!r} ({error})") from None
    for name, part in model.items() if kind is dict else ():
        key = name.rstrip("*")
        if key in value:
            _check(value[key], part, f"{at}/{key}")
        elif key != name:
            raise _Wrong(f"{at}/{key}: is required")


def _plain(value: Any) -> Any:
    """Copy what the caller gave, any Mapping as a dict; json would make texts of names that are none."""
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise _Wrong("the body: has a property name that is no text")
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _encode(body: Mapping[str, Any] | SnapshotUpdate) -> bytes:
    try:
        plain = _plain(body.to_json() if isinstance(body, SnapshotUpdate) else body)
        content = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode()
        _check(json.loads(content), _REQUEST)
        return content
    except _Wrong as wrong:
        raise Refused(str(wrong)) from None
    except (TypeError, ValueError, RecursionError) as error:  # no JSON type, NaN, a lone surrogate, too deep
        raise Refused(f"the body: cannot be written as JSON ({error})") from None


def _segment(snapshot_id: str) -> str:
    """Return the id as one path segment (RFC 3986, 3.3); `.` and `..` would be taken for directions."""
    try:
        if isinstance(snapshot_id, str) and snapshot_id not in ("", ".", ".."):
            return quote(snapshot_id, safe="")
    except UnicodeEncodeError:
        pass  # a lone surrogate
    raise Refused("snapshot_id: must be Unicode text, and not empty, '.' or '..'")


def _error_texts(body: str) -> tuple[str, ...]:
    """Return every text in `errors` or `error`, the beginning of any other body: nobody promises its shape."""
    try:
        document = json.loads(body)
        if isinstance(document, dict) and ("errors" in document or "error" in document):
            found = document.get("errors", document.get("error"))
            return tuple(text for item in (found if isinstance(found, list) else [found]) for text in _texts(item))
    except (ValueError, RecursionError):
        pass  # not JSON, or not for us
    return (_excerpt(body),) if body.strip() else ()


def _texts(value: Any, name: str = "") -> list[str]:
    """Return the texts in one error; all but titles and details with the names that lead to them."""
    if isinstance(value, dict) and value:
        members = [(f"{name}.{key}".lstrip("."), member) for key, member in value.items() if member is not None]
        return [text for path, member in members for text in _texts(member, path)]
    if isinstance(value, list) and value:
        return [text for item in value for text in _texts(item, name)]
    text = value if isinstance(value, str) else json.dumps(value)
    return [text] if name in ("", "title", "detail", "message") else [f"{name}: {text}"]


def _excerpt(text: str) -> str:
    return text if len(text := text.strip()) <= 1000 else text[:1000] + "…"


def _finite(literal: str) -> float:
    if not math.isfinite(number := float(literal)):
        raise ValueError(f"{literal[:60]} is not a number, or too large for one")
    return number


class _Received(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


_idle: list[queue.SimpleQueue[Any]] = []  # what threads without work wait for
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # no thread survives a fork


def _within(seconds: float, work: Callable[[], _Received]) -> _Received:
    """Do the work in another thread, wait no longer than this: a socket's time-out starts again with every byte."""
    try:
        todo = _idle.pop()
    except IndexError:
        todo = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(todo,), name="snapshot-client", daemon=True).start()
    done: queue.SimpleQueue[_Received | BaseException] = queue.SimpleQueue()
    todo.put((work, done))
    try:
        result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, BaseException):
        raise result
    return result


def _serve(todo: queue.SimpleQueue[Any]) -> None:
    while True:
        work, done = todo.get()
        try:
            result = work()
        except BaseException as error:
            result = error
        _idle.append(todo)
        done.put(result)
        del work, done, result  # while idle, hold nothing


class SnapshotClient:
    """Updates heatmap snapshots on one Datadog site; may be shared by threads.

    `site`, `api_key` and `app_key` come from DD_SITE, DD_API_KEY and DD_APP_KEY where they are not given.
    `timeout`, in seconds, bounds one whole attempt, however slowly its answer drips. `retries` (at most 10)
    is how often a 429 is asked again, each time after the X-RateLimit-Reset seconds of the answer, which
    `timeout` does not bound; without a Reset of 1 to 3600 there is no retry. Raises Refused.
    """

    def __init__(
        self,
        *,
        site: str | None = None,
        api_key: str | None = None,
        app_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 0,
    ) -> None:
        self.site = _site(os.environ.get("DD_SITE", SITES[0]) if site is None else site)
        self._keys = _key("api_key", api_key, "DD_API_KEY"), _key("app_key", app_key, "DD_APP_KEY")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 86400:
            raise Refused("timeout: must be a number of seconds, above 0 and at most 86400")
        if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 10:
            raise Refused("retries: must be an integer from 0 to 10")
        self.timeout, self.retries = timeout, retries
        self._session = requests.Session()
        self._session.verify = os.environ.get("SSL_CERT_FILE") or True  # REQUESTS_CA_BUNDLE goes before it

    def __repr__(self) -> str:
        return f"SnapshotClient(site={self.site!r}, timeout={self.timeout!r}, retries={self.retries!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept for the next call."""
        self._session.close()

    def update(self, snapshot_id: str, body: Mapping[str, Any] | SnapshotUpdate) -> Snapshot:
        """Update a snapshot and return it as it is now; raises SnapshotError."""
        url, content = _URL.format(site=self.site, snapshot_id=_segment(snapshot_id)), _encode(body)
        left = self.retries
        while True:
            try:
                return self._read(self._attempt(url, content))
            except RateLimited as limited:
                if not left or limited.reset is None or limited.reset > _LONGEST_WAIT:
                    raise
                reset = limited.reset
            time.sleep(reset)
            left -= 1

    def _attempt(self, url: str, content: bytes) -> _Received:
        deadline = time.monotonic() + self.timeout
        try:
            return _within(self.timeout, lambda: self._exchange(url, content, deadline))
        except (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise NoAnswer(f"{self.site}: no whole answer within {self.timeout} s") from error
        except Exception as error:  # requests lets those of urllib3, ssl and http.client through
            raise NoAnswer(self._hide(f"{self.site}: {type(error).__name__}: {_excerpt(str(error))}")) from error

    def _exchange(self, url: str, content: bytes, deadline: float) -> _Received:
        """Send one request and read its answer.

        The adapter is used without the session around it, which would add what nobody asked for: credentials
        of ~/.netrc, cookies of earlier answers, a look at where a redirect leads. Proxies and certificate
        authorities of the environment stay.
        """
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "DD-API-KEY": self._keys[0],
            "DD-APPLICATION-KEY": self._keys[1],
        }
        request = requests.Request("PATCH", url, headers=headers, data=content).prepare()
        settings: dict[str, Any] = {**self._session.merge_environment_settings(url, {}, True, None, None)}
        response = self._session.get_adapter(url).send(request, timeout=self.timeout, **settings)
        body, piece = bytearray(), b"-"
        with response:  # whose connection is not used again where it was not read to its end
            while piece and len(body) <= _LONGEST_BODY:
                piece = response.raw.read1(2**20, decode_content=True)
                body += piece
                if time.monotonic() > deadline:
                    raise TimeoutError
        return _Received(response.status_code, response.headers, bytes(body))

    def _read(self, answer: _Received) -> Snapshot:
        if answer.status >= 300:
            raise self._error(answer)
        try:
            if answer.status != 200:
                raise _Wrong(f"status {answer.status} is not documented")
            document = json.loads(answer.body.decode(), parse_constant=_finite, parse_float=_finite)
            if isinstance(document, dict) and "errors" in document:
                raise _Wrong(f"/errors: errors under status 200: {'; '.join(_error_texts(answer.body.decode()))}")
            _check(document, _ANSWER)
            return Snapshot._of(document)
        except _Wrong as wrong:
            raise BrokenAnswer(self._hide(_excerpt(str(wrong)))) from None
        except (ValueError, RecursionError) as error:
            raise BrokenAnswer(f"the body: is not JSON ({_excerpt(str(error))})") from None

    def _error(self, answer: _Received) -> SnapshotError:
        if answer.status < 400 and "Location" in answer.headers:
            return NoAnswer(f"{self.site}: status {answer.status} leads elsewhere, and redirects are not followed")
        text = answer.body.decode(errors="replace")
        details = answer.status, tuple(map(self._hide, _error_texts(text))), self._hide(text)
        if answer.status != 429:
            return ApiError(*details)
        limited, reset = RateLimited(*details), answer.headers.get("X-RateLimit-Reset", "")
        limited.reset = int(reset) if re.fullmatch("0*[1-9][0-9]{0,8}", reset) else None
        return limited

    def _hide(self, text: str) -> str:
        """Take the keys out of what a service or a library says; one of under 8 characters is no real key."""
        for key in self._keys:
            text = text.replace(key, "[key]") if len(key) >= 8 else text
        return text


def _site(site: str) -> str:
    if isinstance(site, str) and site in SITES:
        return site
    given = site if isinstance(site, str) else type(site).__name__
    if given in ("app.datadoghq.com", "app.datadoghq.eu", "app.ddog-gov.com"):
        raise Refused(f"site: {given} is where people log in; the site is {given.removeprefix('app.')}")
    raise Refused(f"site: must be one of {', '.join(SITES)}; is {given[:80]!r}")


def _key(name: str, key: str | None, variable: str) -> str:
    """Return a key as it is, never mended; no message holds it."""
    key = os.environ.get(variable) if key is None else key
    if key is None or key == "":
        raise Refused(f"{name}: is missing; give it, or set {variable}")
    if not isinstance(key, str) or not re.fullmatch("[!-~]+", key):
        raise Refused(f"{name}: must be visible ASCII, without white space")
    return key
