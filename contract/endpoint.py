"""The endpoint as data: facts that its OpenAPI document does not state.

Path, method, authentication headers and schemas come from `contract.spec`. Here are the
names and values to set up, read and remove snapshots, and to respect a rate limit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from contract.model import Headers, Json, ViewName

# -- the rate limit (overlay) --


class RateLimitHeader(StrEnum):
    """Headers of every response. Period and reset are in seconds."""

    LIMIT = "X-RateLimit-Limit"
    PERIOD = "X-RateLimit-Period"
    REMAINING = "X-RateLimit-Remaining"
    RESET = "X-RateLimit-Reset"


RETRY_AFTER = "Retry-After"
"""Header with seconds or a date (RFC 9110, section 10.2.3)."""

LARGEST_NUMBER = 86_400
"""A day in seconds: any larger reset or number of requests is not sensible."""


def reset_seconds(headers: Headers) -> int | None:
    """Return the seconds until the limit resets, from 1 to a day, else None."""
    return number_in(headers, RateLimitHeader.RESET) or None


def remaining_requests(headers: Headers) -> int | None:
    """Return the number of requests that the limit still allows, or None."""
    return number_in(headers, RateLimitHeader.REMAINING)


def number_in(headers: Headers, name: str) -> int | None:
    values = (text for key, text in headers if key.lower() == name.lower())
    match = re.fullmatch("0*([0-9]{1,9})", next(values, ""))
    return int(match[1]) if match and int(match[1]) <= LARGEST_NUMBER else None


# -- attributes --

ID_ATTRIBUTES = ("application_id", "event_id", "session_id", "view_id")
"""Attributes by which a service may find snapshots. A run makes up their values."""

OPTIONAL_ATTRIBUTES = ("session_id", "view_id")
"""Attributes that create does not require."""

TEXT_ATTRIBUTE = "event_id"
OPTIONAL_TEXT_ATTRIBUTE = "view_id"
INTEGER_ATTRIBUTE = "start"
"""Attributes of an update that can take any text, any integer."""

VIEW_ATTRIBUTE = "view_name"
"""The attribute that list filters by. A run finds its own snapshots by it."""

ORG_ATTRIBUTE = "org_id"
"""The number of the organization that owns a snapshot."""

MODIFIED_ATTRIBUTE = "modified_at"
"""The only attribute that an update changes by itself. It never goes back."""

CREATED_ATTRIBUTES: Mapping[str, Json] = {
    "created_at": "2001-01-01T00:00:00Z",
    "created_by": "another",
    "created_by_handle": "another@example.com",
    "created_by_user_id": 1,
}
"""Attributes that never change, each with a value that no service has set."""

PERSONAL_ATTRIBUTES = (
    "created_by",
    "created_by_handle",
    "created_by_user_id",
    ORG_ATTRIBUTE,
)
"""Attributes that name a person or an organization."""

# -- operations and bodies (official SDKs) --


@dataclass(frozen=True)
class Sibling:
    """An operation that serves the one under contract."""

    method: str
    success_status: int


CREATE = Sibling("POST", 201)
LIST = Sibling("GET", 200)
DELETE = Sibling("DELETE", 204)
"""Create and list have the path of the collection, delete that of a snapshot."""

RESOURCE_TYPE = "snapshots"


PAGE_LIMIT = 100
"""Snapshots to ask for in one page of a list."""


def list_query(view_name: str) -> str:
    """Return the query that lists the snapshots of a view, percent-encoded."""
    view = f"filter%5B{VIEW_ATTRIBUTE}%5D={quote(view_name, safe='')}"
    return f"{view}&page%5Blimit%5D={PAGE_LIMIT}"


def create_body(
    view_name: str | ViewName,
    snapshot_name: str | ViewName,
    **attributes: Json,
) -> dict[str, Json]:
    """Return a valid body for create, with other or more attributes."""
    defaults: dict[str, Json] = {
        TEXT_ATTRIBUTE: "event",
        "is_device_type_selected_by_user": False,
        INTEGER_ATTRIBUTE: 2**53 + 1,
        "application_id": "contract",
        "device_type": "desktop",
        "session_id": "session",
        "snapshot_name": snapshot_name,
        OPTIONAL_TEXT_ATTRIBUTE: "view",
        VIEW_ATTRIBUTE: view_name,
    }
    return {"data": {"type": RESOURCE_TYPE, "attributes": {**defaults, **attributes}}}
