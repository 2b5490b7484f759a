"""A minimal client for “Update replay heatmap snapshot”, written to be read and copied.

    with SnapshotClient(site="datadoghq.eu") as client:         # keys: DD_API_KEY, DD_APP_KEY
        update = SnapshotUpdate(event_id="…", start=1200, is_device_type_selected_by_user=False)
        snapshot = client.update("00000000-0000-0000-0000-000000000001", update)

It is a reading of the documentation page in plain Python: here is how a call is made, in `model` what it carries.
What it raises, and nothing else:

    SnapshotError
    ├── Refused            the input; nothing was sent (a ValueError too)
    ├── ApiError           the service said no: status, errors, body
    │   └── RateLimited    429: reset, in seconds
    ├── BrokenAnswer       the service said yes, but not in the way that it documents
    └── NoAnswer           no whole answer: refused, cut, too late, TLS, a redirect (never followed)
"""

import os
import re
import time
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

import requests
import urllib3

from contract.client import deadline, model
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
_URL = "https://api.{site}/api/v2/replay/heatmap/snapshots/{snapshot_id}"

_LONGEST_BODY = 16 * 2**20  # bytes, the rest is not read; a snapshot has about 700
_LONGEST_WAIT = 3600  # seconds between two attempts


class SnapshotError(Exception):
    """Whatever this client raises."""


class Refused(SnapshotError, ValueError):
    """The input was refused; nothing was sent."""


class ApiError(SnapshotError):
    """An error answer: its status, every error text in it, and its body as text."""

    def __init__(
        self, status: int, errors: tuple[str, ...] = (), body: str = ""
    ) -> None:
        super().__init__(status, errors)
        self.status, self.errors, self.body = status, errors, body

    def __str__(self) -> str:
        return f"{self.status}: {model.excerpt('; '.join(self.errors)) or '(no text)'}"


class RateLimited(ApiError):
    """Too many requests; `reset` is the seconds until the limit resets, None where the answer does not say."""

    reset: int | None = None


class BrokenAnswer(SnapshotError):
    """The answer is no error, and not what the page documents; a JSON pointer says where."""


class NoAnswer(SnapshotError):
    """No whole answer came. The update may have been made all the same."""


class SnapshotClient:
    """Updates heatmap snapshots on one Datadog site; may be shared by threads.

    `site`, `api_key` and `app_key` come from DD_SITE, DD_API_KEY and DD_APP_KEY where they are not given; proxies
    and certificate authorities are those of the environment when the client is made.
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
        self._keys = (
            _key("api_key", api_key, "DD_API_KEY"),
            _key("app_key", app_key, "DD_APP_KEY"),
        )
        if (
            isinstance(timeout, bool)
            or not isinstance(timeout, int | float)
            or not 0 < timeout <= 86400
        ):
            raise Refused(
                "timeout: must be a number of seconds, above 0 and at most 86400"
            )
        if (
            isinstance(retries, bool)
            or not isinstance(retries, int)
            or not 0 <= retries <= 10
        ):
            raise Refused("retries: must be an integer from 0 to 10")
        self.timeout, self.retries = timeout, retries
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "DD-API-KEY": self._keys[0],
            "DD-APPLICATION-KEY": self._keys[1],
        }
        url = _URL.format(site=self.site, snapshot_id="")
        self._request = requests.Request("PATCH", url, headers=headers).prepare()
        self._session = requests.Session()
        self._session.verify = (
            os.environ.get("SSL_CERT_FILE") or True
        )  # REQUESTS_CA_BUNDLE goes before it
        self._settings: dict[str, Any] = {
            **self._session.merge_environment_settings(url, {}, True, None, None)
        }

    def __repr__(self) -> str:
        return f"SnapshotClient(site={self.site!r}, timeout={self.timeout!r}, retries={self.retries!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept for the next call."""
        self._session.close()

    def update(
        self, snapshot_id: str, body: Mapping[str, Any] | SnapshotUpdate
    ) -> Snapshot:
        """Update a snapshot and return it as it is now; raises SnapshotError."""
        request = self._request.copy()
        request.url = _URL.format(site=self.site, snapshot_id=_segment(snapshot_id))
        try:
            request.prepare_body(model.encode(body), None)
        except model.Wrong as wrong:
            raise Refused(str(wrong)) from None
        left = self.retries
        while True:
            try:
                return self._attempt(request)
            except RateLimited as limited:
                if not left or limited.reset is None or limited.reset > _LONGEST_WAIT:
                    raise
                time.sleep(limited.reset)
            left -= 1

    def _attempt(self, request: requests.PreparedRequest) -> Snapshot:
        end_s = time.monotonic() + self.timeout
        try:
            response, content = deadline.within(
                self.timeout, lambda: self._exchange(request, end_s)
            )
        except (
            TimeoutError,
            requests.Timeout,
            urllib3.exceptions.TimeoutError,
        ) as error:
            raise NoAnswer(
                f"{self.site}: no whole answer within {self.timeout} s"
            ) from error
        except (
            Exception
        ) as error:  # requests lets those of urllib3, ssl and http.client through
            raise NoAnswer(
                self._hide(
                    f"{self.site}: {type(error).__name__}: {model.excerpt(str(error))}"
                )
            ) from error
        if response.status_code >= 300:
            raise self._error(response, content)
        if response.status_code != 200:
            raise BrokenAnswer(f"status {response.status_code} is not documented")
        try:
            return model.decode(content)
        except model.Wrong as wrong:
            raise BrokenAnswer(self._hide(model.excerpt(str(wrong)))) from None

    def _exchange(
        self, request: requests.PreparedRequest, end_s: float
    ) -> tuple[requests.Response, bytes]:
        """Send one request and read its answer, to the end or for as long as it may take.

        The adapter is used without the session around it, which would add what nobody asked for: credentials
        of ~/.netrc, cookies of earlier answers, a look at where a redirect leads.
        """
        adapter = self._session.get_adapter(str(request.url))
        if (
            time.monotonic() > end_s
        ):  # on a busy machine: what the caller has given up is not sent
            raise TimeoutError
        response = adapter.send(request, timeout=self.timeout, **self._settings)
        content, piece = bytearray(), b"-"
        with (
            response
        ):  # whose connection is not used again where it was not read to its end
            while piece and len(content) <= _LONGEST_BODY:
                piece = response.raw.read1(2**20, decode_content=True)
                content += piece
                if time.monotonic() > end_s:
                    raise TimeoutError
        return response, bytes(content)

    def _error(self, response: requests.Response, content: bytes) -> SnapshotError:
        status, headers = response.status_code, response.headers
        if status < 400 and "Location" in headers:
            return NoAnswer(
                f"{self.site}: status {status} leads elsewhere, and redirects are not followed"
            )
        text = content.decode(errors="replace")
        details = (
            status,
            tuple(map(self._hide, model.error_texts(text))),
            self._hide(text),
        )
        if status != 429:
            return ApiError(*details)
        limited, reset = RateLimited(*details), headers.get("X-RateLimit-Reset", "")
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
        raise Refused(
            f"site: {given} is where people log in; the site is {given.removeprefix('app.')}"
        )
    raise Refused(f"site: must be one of {', '.join(SITES)}; is {given[:80]!r}")


def _key(name: str, key: str | None, variable: str) -> str:
    """Return a key as it is, never mended; no message holds it."""
    key = os.environ.get(variable) if key is None else key
    if key is None or key == "":
        raise Refused(f"{name}: is missing; give it, or set {variable}")
    if not isinstance(key, str) or not re.fullmatch("[!-~]+", key):
        raise Refused(f"{name}: must be visible ASCII, without white space")
    return key


def _segment(snapshot_id: str) -> str:
    """Return the id as one path segment (RFC 3986, 3.3); `.` and `..` would be taken for directions."""
    known = isinstance(snapshot_id, str) and snapshot_id not in ("", ".", "..")
    if not known or re.search("[\ud800-\udfff]", snapshot_id):  # lone surrogates
        raise Refused("snapshot_id: must be Unicode text, and not empty, '.' or '..'")
    return quote(snapshot_id, safe="")
