"""Helpers of the tests of the sandbox."""

import http.client
import io
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from contract.model import Response
from contract.sandbox import ORGS, PATH, Sandbox

ONE, TWO = ORGS
UNKNOWN = "00000000-0000-0000-0000-00000000ffff"
FLAG = "is_device_type_selected_by_user"
CREATED = {
    "application_id": "app",
    "device_type": "desktop",
    "event_id": "first event",
    FLAG: False,
    "session_id": "first session",
    "snapshot_name": "A name",
    "start": 1,
    "view_id": "first view",
    "view_name": "/basket",
}
REQUIRED = {"event_id": "second event", FLAG: True, "start": 2}
SET_BY_SERVICE = {
    "created_at",
    "created_by",
    "created_by_handle",
    "created_by_user_id",
    "modified_at",
    "org_id",
}
DOCUMENTED = {*CREATED} | SET_BY_SERVICE
DEFAULT_HEADERS = {
    "DD-API-KEY": ONE.api_key,
    "DD-APPLICATION-KEY": ONE.app_key,
    "Content-Type": "application/json",
}
OF_TWO = {"DD-API-KEY": TWO.api_key, "DD-APPLICATION-KEY": TWO.app_key}

RequestHeaders = Mapping[str, str | None]
"""Headers beside the default ones. None leaves one out."""

NO_HEADERS: RequestHeaders = {}


class Clock:
    """A clock that stands until it is set."""

    now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


class SandboxResponse:
    """A response, with checks of what every response of the sandbox must hold."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body
        assert status < 500
        for key in (*ONE.keys, *TWO.keys):
            assert key not in str(headers)
            assert key.encode() not in body or status == 200
        if status == 204:
            assert body == b""
        elif body:
            assert headers["Content-Type"] == "application/json"
            assert headers["Content-Length"] == str(len(body))
            self.value = json.loads(body)
        if status >= 400 and body:
            assert list(self.value) == ["errors"]
            assert self.value["errors"]
            assert all(isinstance(text, str) for text in self.value["errors"])

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.value["data"]["attributes"])

    @property
    def errors(self) -> list[str]:
        return list(self.value["errors"])


def change(attributes: object = None, **data: object) -> dict[str, Any]:
    """Return a body of an update, by default with the required attributes."""
    attributes = REQUIRED if attributes is None else attributes
    return {"data": {"type": "snapshots", "attributes": attributes, **data}}


VALID = json.dumps(change()).encode()


class SandboxCall:
    """Calls a sandbox in the process."""

    def __init__(self, app: Sandbox) -> None:
        self.app = app

    def __call__(
        self,
        method: str,
        path: str,
        body: object = b"",
        headers: RequestHeaders = NO_HEADERS,
    ) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "REQUEST_URI": path,
            "QUERY_STRING": path.partition("?")[2],
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.input": io.BytesIO(raw),
        }
        for name, value in {**DEFAULT_HEADERS, **headers}.items():
            if value is not None:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        if "HTTP_CONTENT_TYPE" in environ:
            environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
        head: list[Any] = []
        content = b"".join(self.app(environ, lambda *args: head.extend(args)))
        status, response_headers = head
        assert re.fullmatch(r"\d{3} [A-Z][\w '-]+", status)
        return Response(int(status[:3]), tuple(response_headers), content)


class Caller:
    """Calls a sandbox in the process and checks each response."""

    def __init__(self, app: Sandbox) -> None:
        self.send = SandboxCall(app)

    def __call__(
        self,
        method: str,
        path: str,
        body: object = b"",
        headers: RequestHeaders = NO_HEADERS,
    ) -> SandboxResponse:
        response = self.send(method, path, body, headers)
        return SandboxResponse(response.status, dict(response.headers), response.body)

    def create(self, headers: RequestHeaders = NO_HEADERS, **attributes: object) -> str:
        response = self("POST", PATH, change(CREATED | attributes), headers)
        assert response.status == 201
        return str(response.value["data"]["id"])

    def patch(
        self, snapshot_id: str, body: object, headers: RequestHeaders = NO_HEADERS
    ) -> SandboxResponse:
        return self("PATCH", f"{PATH}/{quote(snapshot_id, safe='')}", body, headers)

    def listed(
        self, headers: RequestHeaders = NO_HEADERS, **filters: object
    ) -> list[dict[str, Any]]:
        filters = {"view_name": "/basket"} | filters
        query = urlencode({f"filter[{name}]": text for name, text in filters.items()})
        response = self("GET", f"{PATH}?{query}", b"", headers)
        assert response.status == 200
        return list(response.value["data"])


def connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


def send(
    conn: http.client.HTTPConnection, method: str, path: str, body: object = b""
) -> SandboxResponse:
    """Send a request over a connection and return its response."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    conn.request(method, path, raw, DEFAULT_HEADERS)
    response = conn.getresponse()
    return SandboxResponse(response.status, dict(response.headers), response.read())


def create_at(url: str) -> str:
    """Create a snapshot at a URL and return its id."""
    conn = connection(url)
    response = send(conn, "POST", PATH, change(CREATED))
    conn.close()
    return str(response.value["data"]["id"])
