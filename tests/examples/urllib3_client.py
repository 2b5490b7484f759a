"""An ordinary client on urllib3."""

import json
import os
import ssl
from typing import Any
from urllib.parse import quote

import urllib3


class ApiError(Exception):
    """An answer with errors."""

    def __init__(self, status: int, errors: list[str]) -> None:
        super().__init__(f"{status}: {'; '.join(errors)}")
        self.status = status
        self.errors = errors


class BrokenAnswer(Exception):
    """An answer without the snapshot."""


class NoAnswer(Exception):
    """The site was not reached, or did not answer in time."""


class Client:
    """Updates replay heatmap snapshots on one site."""

    def __init__(
        self, site: str, api_key: str, app_key: str, timeout: float = 5.0
    ) -> None:
        self.url = f"https://api.{site}/api/v2/replay/heatmap/snapshots/"
        self.headers = {
            "DD-API-KEY": api_key,
            "DD-APPLICATION-KEY": app_key,
            "Accept": "application/json",
        }
        self.timeout = timeout
        tls = ssl.create_default_context()
        if proxy := os.environ.get("HTTPS_PROXY"):
            self.pool = urllib3.ProxyManager(proxy, ssl_context=tls)
        else:
            self.pool = urllib3.PoolManager(ssl_context=tls)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.clear()

    def update(self, snapshot_id: str, body: Any) -> dict[str, Any]:
        """Return the snapshot after its update."""
        try:
            response = self.pool.request(
                "PATCH",
                self.url + quote(snapshot_id, safe=""),
                json=body,
                headers={**self.headers, "Content-Type": "application/json"},
                timeout=self.timeout,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(str(error)) from error
        return snapshot_of(response.status, response.data)


def snapshot_of(status: int, content: bytes) -> dict[str, Any]:
    """Return the snapshot in an answer."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    members = document if isinstance(document, dict) else {}
    if status >= 300:
        errors = members.get("errors")
        texts = errors if isinstance(errors, list) else [repr(content)]
        raise ApiError(status, [str(text) for text in texts])
    if status != 200 or "errors" in members or not isinstance(document, dict):
        raise BrokenAnswer(f"no snapshot in an answer {status}")
    return document
