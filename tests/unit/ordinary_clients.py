"""Clients as people write them: on the defaults of a library, or with a mistake."""

import http.client
import json
import os
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3

from contract.model import Call, Outcome, OutcomeKind


class OrdinaryClient:
    """Client around a function that sends a request and returns status and body."""

    def __init__(self, send: Callable[[str, bytes, Any, float], Any]) -> None:
        self._send = send

    def update(self, call: Call) -> Outcome:
        headers = {
            "DD-API-KEY": call.api_key,
            "DD-APPLICATION-KEY": call.app_key,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        segment = quote(call.snapshot_id, safe="")
        url = f"https://api.{call.site}/api/v2/replay/heatmap/snapshots/{segment}"
        body = json.dumps(call.body).encode()
        try:
            status, content = self._send(url, body, headers, call.timeout_s)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            return Outcome(OutcomeKind.FAILED, message=type(error).__name__)
        return outcome_of(status, content)


def outcome_of(status: int, content: bytes) -> Outcome:
    """Return what a caller gets of a response."""
    try:
        document: Any = json.loads(content)
    except ValueError:
        document = None
    members = document if isinstance(document, dict) else {}
    if status == 200 and "errors" not in members and members.get("data"):
        return Outcome(OutcomeKind.SNAPSHOT, snapshot=document)
    if status < 300:
        return Outcome(OutcomeKind.BROKEN_ANSWER)
    errors = [text for text in members.get("errors", []) if isinstance(text, str)]
    return Outcome(OutcomeKind.API_ERROR, None, status, tuple(errors))


Send = Callable[[str, bytes, Any, float], tuple[int, bytes]]


def requests_session() -> Send:
    """Send on a session of requests."""
    session = requests.Session()

    def send(
        url: str, body: bytes, headers: Any, timeout_s: float
    ) -> tuple[int, bytes]:
        response = session.patch(url, data=body, headers=headers, timeout=timeout_s)
        return response.status_code, response.content

    return send


def urllib3_pool() -> Send:
    """Send on a pool of urllib3, behind the proxy of the environment."""

    @cache
    def pool() -> urllib3.ProxyManager:
        proxy, ca_file = os.environ["HTTPS_PROXY"], os.environ["SSL_CERT_FILE"]
        return urllib3.ProxyManager(proxy, ca_certs=ca_file)

    def send(
        url: str, body: bytes, headers: Any, timeout_s: float
    ) -> tuple[int, bytes]:
        response = pool().request(
            "PATCH", url, body=body, headers=headers, timeout=timeout_s
        )
        return response.status, response.data

    return send


def packed_requests() -> Send:
    """Send with requests, and leave the gzip packed that it asks for."""
    session = requests.Session()

    def send(
        url: str, body: bytes, headers: Any, timeout_s: float
    ) -> tuple[int, bytes]:
        response = session.patch(
            url, data=body, headers=headers, timeout=timeout_s, stream=True
        )
        with response:
            return response.status_code, response.raw.read(decode_content=False)

    return send


class LateReader:
    """Keeps a connection to a host after a time-out, and reads what comes next on it."""

    def __init__(self) -> None:
        self._connections: dict[str, http.client.HTTPSConnection] = {}

    def __call__(
        self, url: str, body: bytes, headers: Any, timeout_s: float
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        host = str(parts.hostname)
        if host not in self._connections:
            self._connections[host] = connected(host)
        connection = self._connections[host]
        connection.sock.settimeout(timeout_s)
        # A request that waits for its response cannot be followed by another one.
        connection._HTTPConnection__state = "Idle"  # type: ignore[attr-defined]
        connection.request("PATCH", parts.path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


def connected(host: str) -> http.client.HTTPSConnection:
    """Return a connection to a host, through the proxy of the environment."""
    proxy = urlsplit(os.environ["HTTPS_PROXY"])
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    connection = http.client.HTTPSConnection(
        str(proxy.hostname), proxy.port, context=context
    )
    connection.set_tunnel(host, 443)
    connection.connect()
    return connection
