"""What the sandbox speaks of: organizations, stored rows, replies, refusals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from contract.model import Json

__all__ = ["ORGS", "Environ", "Org", "Refusal", "Reply", "Row"]

Environ: TypeAlias = Mapping[str, Any]
"""One request, as PEP 3333 hands it to an application."""


@dataclass(frozen=True)
class Org:
    """A pair of keys, the organization that it opens, and the user whom it names."""

    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    org_id: int
    user: str
    handle: str
    user_id: int


ORGS = (
    Org(
        "sandbox-api-key-of-org-1",
        "sandbox-app-key-of-org-1",
        1000001,
        "Ada",
        "ada@one.example",
        2**53 + 1,
    ),
    Org(
        "sandbox-api-key-of-org-2",
        "sandbox-app-key-of-org-2",
        1000002,
        "Bob",
        "bob@two.example",
        2**53 + 3,
    ),
)
"""Two organizations; the numbers of their users are beyond what a double holds."""


@dataclass(slots=True)
class Row:
    """One stored snapshot; `modified_ms` is milliseconds since 1970."""

    id: str
    org_id: int
    attributes: dict[str, Json]
    modified_ms: int


@dataclass(slots=True)
class Reply:
    """An answer before it is encoded; where the value is None it has no body."""

    status: int
    value: Json
    headers: list[tuple[str, str]]


class Refusal(Exception):
    """The request ends here, with this status and these error texts."""

    def __init__(
        self, status: int, *errors: str, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(status, *errors)
        self.status, self.errors, self.headers = status, errors, headers
