"""Data of the sandbox: organizations, stored rows, replies and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from contract.model import Headers, Json

Environ: TypeAlias = Mapping[str, Any]
"""One request as a WSGI server passes it on (PEP 3333)."""


@dataclass(frozen=True)
class Org:
    """An organization: its keys, and the user that creates its snapshots."""

    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    org_id: int
    user: str
    handle: str
    user_id: int

    @property
    def keys(self) -> tuple[str, str]:
        return self.api_key, self.app_key


ORGS = tuple(
    Org(
        api_key=f"sandbox-api-key-of-org-{number}",
        app_key=f"sandbox-app-key-of-org-{number}",
        org_id=1_000_000 + number,
        user=user,
        handle=handle,
        user_id=2**53 + 2 * number - 1,  # which a double cannot hold
    )
    for number, user, handle in (
        (1, "Ada", "ada@one.example"),
        (2, "Bob", "bob@two.example"),
    )
)


@dataclass(slots=True)
class StoredSnapshot:
    """A row of the sandbox. `modified_ms` is milliseconds since 1970."""

    id: str
    org_id: int
    attributes: dict[str, Json]
    modified_ms: int


@dataclass(slots=True)
class Reply:
    """A response before it is encoded. None is no body."""

    status: int
    value: Json
    headers: Headers = ()


class Refusal(Exception):
    """End of a request with an error response: status and error texts."""

    def __init__(self, status: int, *errors: str, headers: Headers = ()) -> None:
        super().__init__(status, *errors)
        self.status, self.errors, self.headers = status, errors, headers


def keys_in(environ: Environ) -> tuple[str, str]:
    """Return API key and application key of a request. A missing one is empty."""
    api_key: str = environ.get("HTTP_DD_API_KEY") or ""
    app_key: str = environ.get("HTTP_DD_APPLICATION_KEY") or ""
    return api_key, app_key
