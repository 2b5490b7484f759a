"""Lists of a service, page by page (JSON:API, pagination)."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from contract.endpoint import LIST
from contract.jsondiff import MISSING, value_at
from contract.model import Json, Listing, Response
from contract.subjects.transfer import Transfer, json_of

MOST_PAGES = 50
"""Pages of one list that are read."""

MAX_LISTING = 32 << 20
"""Bytes of all pages of one list."""


class Pages(NamedTuple):
    """The own rows of a list, or None. `transfer` is that of the last page.

    `has_others` means that there are other rows, or a page that was not read.
    `is_whole` says that all pages were read.
    """

    transfer: Transfer
    listing: Listing | None
    has_others: bool = False
    is_whole: bool = True


def read_pages(
    send: Callable[[str], Transfer],
    target: str,
    origin: str,
    own_rows: Callable[[list[Json]], Listing],
) -> Pages:
    """Read the pages of a list. Of each page its own rows stay.

    A next page is read only at the same origin and path, so that keys go nowhere else.
    """
    targets, listing, count, size = [target], dict[str, Json](), 0, 0
    while True:
        transfer = send(targets[-1])
        page = rows_in(transfer.response)
        if page is None:
            return Pages(transfer, None)
        listing |= own_rows(page)
        count += len(page)
        size += len(transfer.response.body) if transfer.response else 0
        link = next_link(transfer.response)
        target = next_target(origin, targets[-1], link)
        is_long = len(targets) == MOST_PAGES or size > MAX_LISTING
        if not target or target in targets or is_long:
            has_others = bool(link) or len(listing) < count
            return Pages(transfer, listing, has_others, not link)
        targets.append(target)


def rows_in(response: Response | None) -> list[Json] | None:
    """Return the rows of a response to list, or None."""
    if response is None or response.status != LIST.success_status:
        return None
    rows = value_at(json_of(response), "/data")
    return rows if isinstance(rows, list) else None


def next_link(response: Response | None) -> Json:
    """Return the link to the next page, or None (an object has it as `href`)."""
    link = value_at(json_of(response), "/links/next")
    link = value_at(link, "/href") if isinstance(link, dict) else link
    return None if link is MISSING else link


def next_target(origin: str, target: str, link: Json) -> str:
    """Return the target of a next page, or an empty string."""
    if not isinstance(link, str):
        return ""
    try:
        url = urlsplit(urljoin(origin + target, link))
    except ValueError:
        return ""
    if url[:3] != urlsplit(origin + target)[:3] or not url.query.isprintable():
        return ""
    return f"{url.path}?{url.query}".replace(" ", "%20")
