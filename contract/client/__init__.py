"""A minimal client for “Update replay heatmap snapshot”, written to be copied.

    with SnapshotClient(site="datadoghq.eu") as client:
        update = SnapshotUpdate(
            event_id="…", start=1200, is_device_type_selected_by_user=False
        )
        snapshot = client.update("00000000-0000-0000-0000-000000000001", update)

The keys come from DD_API_KEY and DD_APP_KEY. Only these errors are raised:

    SnapshotError
    ├── Refused            also a ValueError
    ├── ApiError           status, errors, body
    │   └── RateLimited    429, and reset in seconds
    ├── BrokenAnswer
    └── NoAnswer           refused, cut, late, TLS, a redirect
"""

import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self
from urllib.parse import quote

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from contract.client import connection, model
from contract.client.model import (
    Snapshot,
    SnapshotAttributes,
    SnapshotData,
    SnapshotUpdate,
    Timestamp,
)

__all__ = [
    "SITES",
    "ApiError",
    "BrokenAnswer",
    "NoAnswer",
    "RateLimited",
    "Refused",
    "Snapshot",
    "SnapshotAttributes",
    "SnapshotClient",
    "SnapshotData",
    "SnapshotError",
    "SnapshotUpdate",
    "Timestamp",
]

SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)

LOGIN_PAGES = ("app.datadoghq.com", "app.datadoghq.eu", "app.ddog-gov.com")

URL = "https://api.{site}/api/v2/replay/heatmap/snapshots/{snapshot_id}"

LATE = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
MAX_TIMEOUT_S = 86_400
MAX_WAIT_S = 3600
MAX_RETRIES = 10
MAX_BODY = 16 * 2**20  # a snapshot has about 700 bytes
MIN_KEY_LENGTH = 8  # shorter texts are not hidden in messages: no key is that short


class SnapshotError(Exception):
    """Base class."""


class Refused(SnapshotError, ValueError):
    """The input is invalid. Nothing was sent."""


class ApiError(SnapshotError):
    """Error response: its status, every error text in it, and its body."""

    def __init__(
        self, status: int, errors: tuple[str, ...] = (), body: str = ""
    ) -> None:
        super().__init__(status, errors)
        self.status, self.errors, self.body = status, errors, body

    def __str__(self) -> str:
        text = model.excerpt("; ".join(self.errors)) or "(no text)"
        return f"{self.status}: {text}"


class RateLimited(ApiError):
    """Too many requests. `reset` is the seconds until the limit resets, or None."""

    reset: int | None = None


class BrokenAnswer(SnapshotError):
    """The response is no error, and not as documented."""


class NoAnswer(SnapshotError):
    """No whole response came. The update may have been made."""


class SnapshotClient:
    """Client for heatmap snapshots on one Datadog site. Threads may share it.

    `site` and the keys default to DD_SITE, DD_API_KEY and DD_APP_KEY. Proxies and
    authorities are those of the environment. `timeout` bounds an attempt, in seconds.
    `retries` (at most 10) is the number of attempts after a 429. Each waits for the
    seconds of X-RateLimit-Reset, if they are from 1 to 3600. `own_sites` are sites
    that the page does not have. `clock` and `sleep` are for tests. Raises Refused.
    """

    def __init__(
        self,
        *,
        site: str | None = None,
        api_key: str | None = None,
        app_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 0,
        own_sites: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        site = os.environ.get("DD_SITE", SITES[0]) if site is None else site
        self.site = checked_site(site, own_sites)
        self._keys = (
            checked_key("api_key", api_key, "DD_API_KEY"),
            checked_key("app_key", app_key, "DD_APP_KEY"),
        )
        if type(timeout) not in (int, float) or not 0 < timeout <= MAX_TIMEOUT_S:
            raise Refused(f"timeout: must be seconds, above 0, up to {MAX_TIMEOUT_S}")
        if type(retries) is not int or not 0 <= retries <= MAX_RETRIES:
            raise Refused(f"retries: must be an integer from 0 to {MAX_RETRIES}")
        self.timeout, self.retries = timeout, retries
        self._clock, self._sleep = clock, sleep
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "DD-API-KEY": self._keys[0],
            "DD-APPLICATION-KEY": self._keys[1],
        }
        url = URL.format(site=self.site, snapshot_id="")
        session = requests.Session()
        # REQUESTS_CA_BUNDLE takes precedence, see merge_environment_settings.
        session.verify = os.environ.get("SSL_CERT_FILE") or True
        settings = session.merge_environment_settings(url, {}, True, None, None)
        self._settings: dict[str, Any] = {**settings}
        self._adapter: requests.adapters.HTTPAdapter = connection.TimedAdapter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the open connections."""
        self._adapter.close()

    def update(
        self, snapshot_id: str, body: Mapping[str, Any] | SnapshotUpdate
    ) -> Snapshot:
        """Update a snapshot and return it. Raises SnapshotError."""
        request = requests.PreparedRequest()
        request.method = "PATCH"
        request.url = URL.format(site=self.site, snapshot_id=path_segment(snapshot_id))
        try:
            request.body = content = model.encode(body)
        except model.InvalidDocument as error:
            raise Refused(str(error)) from None
        headers = {**self._headers, "Content-Length": str(len(content))}
        request.headers = CaseInsensitiveDict(headers)
        for _ in range(self.retries):
            try:
                return self._attempt(request)
            except RateLimited as error:
                if error.reset is None or error.reset > MAX_WAIT_S:
                    raise
                self._sleep(error.reset)
        return self._attempt(request)

    def _attempt(self, request: requests.PreparedRequest) -> Snapshot:
        try:
            response, content = self._exchange(request)
        except Exception as error:  # requests lets those of urllib3 and ssl through
            text = f"{type(error).__name__}: {model.excerpt(str(error))}"
            if isinstance(error, LATE) or connection.call.is_late:
                text = f"no whole answer within {self.timeout} s"
            raise NoAnswer(self._without_keys(f"{self.site}: {text}")) from error
        if response.status_code >= 300:
            raise self._error(response, content)
        if response.status_code != 200:
            raise BrokenAnswer(f"status {response.status_code} is not documented")
        try:
            return model.decode(content)
        except model.InvalidDocument as error:
            text = model.excerpt(str(error))
            raise BrokenAnswer(self._without_keys(text)) from None

    def _exchange(
        self, request: requests.PreparedRequest
    ) -> tuple[requests.Response, bytes]:
        connection.call.end_s = time.monotonic() + self.timeout
        end_s = self._clock() + self.timeout
        # A session would add cookies and a ~/.netrc, and follow redirects.
        response = self._adapter.send(request, timeout=self.timeout, **self._settings)
        content = bytearray()
        with response:  # an unread rest closes the connection
            while len(content) <= MAX_BODY:
                piece = response.raw.read1(2**20, decode_content=True)
                content += piece
                if self._clock() > end_s:
                    raise TimeoutError
                if not piece:
                    break
        return response, bytes(content)

    def _error(self, response: requests.Response, content: bytes) -> SnapshotError:
        status = response.status_code
        if status < 400 and "Location" in response.headers:
            message = f"status {status} leads elsewhere, and redirects are not followed"
            return NoAnswer(f"{self.site}: {message}")
        body = content.decode(errors="replace")
        errors = tuple(map(self._without_keys, model.error_texts(body)))
        body = self._without_keys(body)
        if status != 429:
            return ApiError(status, errors, body)
        error = RateLimited(status, errors, body)
        reset = response.headers.get("X-RateLimit-Reset", "")
        if re.fullmatch("0*[1-9][0-9]{0,8}", reset):
            error.reset = int(reset)
        return error

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            if len(key) >= MIN_KEY_LENGTH:
                text = text.replace(key, "[key]")
        return text


def checked_site(site: str, own_sites: Collection[str]) -> str:
    if site in SITES or site in own_sites:
        return site
    name = site if isinstance(site, str) else type(site).__name__
    if name in LOGIN_PAGES:
        right = name.removeprefix("app.")
        raise Refused(f"site: {name} is where people log in; the site is {right}")
    raise Refused(f"site: must be one of {', '.join(SITES)}; is {name[:80]!r}")


def checked_key(name: str, key: str | None, variable: str) -> str:
    key = os.environ.get(variable, "") if key is None else key
    if key == "":
        raise Refused(f"{name}: is missing; give it, or set {variable}")
    if not isinstance(key, str) or not re.fullmatch("[!-~]+", key):
        raise Refused(f"{name}: must be visible ASCII, without white space")
    return key


def path_segment(snapshot_id: str) -> str:
    """Return an id as a path segment. `.` and `..` would be removed (RFC 3986)."""
    is_text = isinstance(snapshot_id, str) and snapshot_id not in ("", ".", "..")
    if not is_text or re.search("[\ud800-\udfff]", snapshot_id):
        raise Refused("snapshot_id: must be Unicode text, and not empty, '.' or '..'")
    return quote(snapshot_id, safe="")
