"""Lists of a service, page by page (JSON:API, pagination)."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from contract.clauses.base import parse
from contract.endpoint import LIST
from contract.jsondiff import MISSING, value_at
from contract.model import Json, Response
from contract.subjects.http import Transfer

MOST_PAGES = 50
"""Pages of one list that are read."""


class Pages(NamedTuple):
    """The rows of a list, or None. `transfer` is that of the last page.

    `has_more` means that there is a page that was not read.
    """

    transfer: Transfer
    rows: list[Json] | None
    has_more: bool = False


def read_pages(send: Callable[[str], Transfer], target: str, origin: str) -> Pages:
    """Read the pages of a list, from a target on.

    A next page is read only at the same origin and path, so that keys go nowhere else.
    """
    targets, rows = [target], list[Json]()
    while True:
        transfer = send(targets[-1])
        page = rows_in(transfer.response)
        if page is None:
            return Pages(transfer, None)
        rows += page
        link = next_link(transfer.response)
        target = next_target(origin, targets[-1], link)
        if not target or target in targets or len(targets) == MOST_PAGES:
            return Pages(transfer, rows, has_more=bool(link))
        targets.append(target)


def rows_in(response: Response | None) -> list[Json] | None:
    """Return the rows of a response to list, or None."""
    if response is None or response.status != LIST.success_status:
        return None
    rows = value_at(parse(response.body).value, "/data")
    return rows if isinstance(rows, list) else None


def next_link(response: Response | None) -> Json:
    """Return the link to the next page, or None (an object has it as `href`)."""
    document = parse(response.body).value if response else None
    link = value_at(document, "/links/next")
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
