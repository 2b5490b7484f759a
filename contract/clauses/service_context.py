"""What several clauses ask of an exchange with a service: what was asked of it, what decided, what changed."""

from collections.abc import Iterator
from typing import Literal

from contract.cases.placeholders import UNKNOWN
from contract.clauses.base import Difference, differences
from contract.clauses.client_context import read_body
from contract.model import Exchange, Finding, Json, RequestOverride, Response

__all__ = [
    "Role",
    "attributes_of",
    "change",
    "changes",
    "decisive",
    "is_success",
    "member",
    "real_id",
    "role_of",
    "sent_attributes",
    "status_of",
    "wire_of",
    "without",
]

Role = Literal[
    "valid",
    "invalid",
    "other id",
    "foreign",
    "unknown",
    "odd",
    "gone",
    "keys",
    "operation",
    "open",
]
"""What an exchange is about.

`valid`: a valid body for a snapshot that exists. `invalid`: an invalid one. `other id`: the body names another
snapshot than the path. `foreign`: the snapshot is another organization's. `unknown`, `odd`, `gone`: the id names
nothing, in a good form or in none, or what is deleted. `keys`: they are not right. `operation`: no update.
`open`: the RFCs leave open what the answer is.
"""

_DOCUMENTED = RequestOverride()
_RIGHT_KEYS = {
    "own": "own",
    "own, header names in lower case": "own",
    "other org": "other",
}


def wire_of(exchange: Exchange) -> RequestOverride:
    """Return what is not as documented in the request."""
    return exchange.case.override or _DOCUMENTED


def role_of(exchange: Exchange) -> Role:
    """Return what an exchange is about, the first thing that is special."""
    wire, name = wire_of(exchange), exchange.case.snapshot_id
    org = _RIGHT_KEYS.get(exchange.case.keys)
    if wire.open:
        return "open"
    if org is None:
        return "keys"
    if wire.method != "PATCH" or wire.path is not None:
        return "operation"
    if name == UNKNOWN:
        return "unknown"
    if name not in exchange.ids:
        return "odd"
    if org != ("other" if "other" in name else "own"):
        return "foreign"
    if name.startswith("<deleted"):
        return "gone"
    if exchange.case.violation is not None:
        return "invalid"
    named = member(exchange.case.body, "data", "id")
    return (
        "other id"
        if isinstance(named, str)
        and exchange.ids.get(named, named) != exchange.ids[name]
        else "valid"
    )


def real_id(exchange: Exchange) -> str:
    """Return the id that the path names."""
    return exchange.ids.get(exchange.case.snapshot_id, exchange.case.snapshot_id)


def decisive(exchange: Exchange) -> Response | None:
    """Return the answer that decides: the last one, unless none came or it is a 429."""
    answer = exchange.responses[-1] if exchange.responses else None
    return None if answer is None or answer.status == 429 else answer


def is_success(answer: Response) -> bool:
    """Tell whether the status is a 2xx."""
    return 200 <= answer.status < 300


def status_of(exchange: Exchange) -> str:
    """Return how an exchange ended, for a message: the status, or why there is none."""
    answer = exchange.responses[-1] if exchange.responses else None
    return (
        f"status {answer.status}"
        if answer is not None
        else f"no answer ({exchange.outcome.type})"
    )


def member(value: Json, *names: str) -> Json:
    """Return a member of a member …, or None."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def sent_attributes(exchange: Exchange) -> dict[str, Json]:
    """Return the attributes of the body that was sent."""
    known = member(exchange.case.body, "data", "attributes")
    return known if isinstance(known, dict) else {}


def attributes_of(answer: Response) -> dict[str, Json]:
    """Return the attributes of the snapshot in an answer."""
    known = member(read_body(answer.body).value, "data", "attributes")
    return known if isinstance(known, dict) else {}


def without(known: dict[str, Json], *names: str) -> dict[str, Json]:
    """Return a dict without some of its members."""
    return {name: value for name, value in known.items() if name not in names}


def changes(exchange: Exchange, spared: str = "") -> Iterator[Difference]:
    """Yield how the rows after differ from the rows before, the spared one aside; nothing where they were not read."""
    if exchange.before is None or exchange.after is None:
        return
    for name in exchange.before.keys() | exchange.after.keys():
        if name == spared:
            continue
        before, after = exchange.before.get(name), exchange.after.get(name)
        if before is after:
            continue
        if before is None:
            yield Difference("/data", "row added", None, after)
        elif after is None:
            yield Difference("/data", "row lost", before, None)
        else:
            yield from differences(before, after)


def change(
    exchange: Exchange, what: str, spared: str = "", kind: str | None = ""
) -> list[Finding]:
    """Return the problem that rows were changed that must not be, or nothing."""
    for each in sorted(
        changes(exchange, spared), key=lambda each: each.pointer.endswith("modified_at")
    ):
        pointer = "/".join(each.pointer.split("/")[:3])
        return [
            Finding(f"{what} changed what is stored: {each}", pointer, each.how, kind)
        ]
    return []
