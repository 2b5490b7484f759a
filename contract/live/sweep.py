"""The sweep: what killed runs have left is found by their journals and removed.

A snapshot is removed only where list shows it under the run id of a journal of ours, and with that run id as its view
name; nobody else's has that.
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from contract.cases.placeholders import Pair
from contract.live.budget import Budget, Clock, PacedConnection
from contract.live.journal import JOURNALS, Entries, read_journals, stamp
from contract.live.retry import PAUSES_S
from contract.live.site import LOOKS_S
from contract.model import Json, Response
from contract.spec import Spec, load
from contract.subjects.http import NoResponseError
from contract.subjects.resource import id_of, json_of, member

__all__ = ["sweep_journals"]


def sweep_journals(
    directory: Path = JOURNALS,
    *,
    keys: Pair,
    other_keys: Pair | None = None,
    ca_file: str | None = None,
    timeout_s: float = 5.0,
    clock: Clock | None = None,
) -> tuple[str, ...]:
    """Remove what interrupted live runs have left; return what could not be removed, a line each.

    A journal goes once nothing of its run is left; runs that are under way are left alone. Never raises for what a
    service does.
    """
    spec, left = load(), []
    with read_journals(directory) as journals:
        for entries in journals:
            found: list[str] = []
            for org, pair in {"own": keys, "other": other_keys}.items():
                if org in entries.keys:
                    found += _swept(
                        entries, org, pair, spec, ca_file, timeout_s, clock or Clock()
                    )
            if not found:
                entries.path.unlink(missing_ok=True)
            left += [f"{entries.site}, {entries.run}: {what}" for what in found]
    return tuple(left)


def _swept(
    entries: Entries,
    org: str,
    keys: Pair | None,
    spec: Spec,
    ca_file: str | None,
    timeout_s: float,
    clock: Clock,
) -> list[str]:
    """Remove what one run has left in one organization; return what is left, or may be."""
    pending = [name for name, owner in entries.pending.items() if owner == org]
    if keys is None:
        return [
            f"{name}: needs the keys of the second organization" for name in pending
        ]
    if entries.site not in spec.sites:
        return [f"{name}: {entries.site!r} is no documented site" for name in pending]
    meter = Budget(clock, None, None)
    sender = PacedConnection(
        spec.url(entries.site),
        meter,
        spec.auth_headers,
        timeout_s=timeout_s,
        ca_file=ca_file,
    )
    with sender:
        ask = _asking(sender, keys, spec, clock)
        rows = _rows(ask, entries.run, lambda shown: shown >= set(pending), spec, clock)
        if rows is None:
            return [
                f"{name}: list does not answer" for name in pending or ["what it made"]
            ]
        left = {
            name: how for name in reversed(rows) if (how := _removed(ask, spec, name))
        }
        listed = _rows(ask, entries.run, lambda shown: not shown, spec, clock)
        left = dict.fromkeys(listed or (), "is still listed") | left
        if stamp(entries.run, keys) != entries.keys[org]:
            other = "is not seen with these keys, which are not those of the run"
            left |= {name: other for name in pending if name not in rows}
        return [f"{name}: {how}" for name, how in left.items()]


Ask = Callable[[str, str], Response | None]


def _asking(sender: PacedConnection, keys: Pair, spec: Spec, clock: Clock) -> Ask:
    headers = (
        *zip(spec.auth_headers, keys, strict=True),
        ("Accept", "application/json"),
    )

    def ask(method: str, target: str) -> Response | None:
        """Ask, and again by the rule after a 429, a 5xx or silence."""
        answer: Response | None = None
        for pause_s in (0.0, *PAUSES_S):
            clock.sleep(pause_s)
            try:
                answer = sender.send(method, target, headers, b"")
            except NoResponseError:
                answer = None
            if answer is not None and answer.status != 429 and answer.status < 500:
                break
        return answer

    return ask


def _rows(
    ask: Ask, run: str, is_done: Callable[[set[str]], bool], spec: Spec, clock: Clock
) -> list[str] | None:
    """Return the ids that list shows with this run id; it may take a moment until they are what is expected."""
    target = (
        f"{spec.path.rpartition('/')[0]}?filter%5Bview_name%5D={quote(run, safe='')}"
    )
    ours: list[str] = []
    for pause_s in (0.0, *LOOKS_S):
        clock.sleep(pause_s)
        answer = ask("GET", target)
        rows: Json = (
            member(json_of(answer), "data")
            if answer is not None and answer.status == 200
            else None
        )
        if not isinstance(rows, list):
            return None
        ours = [
            id_of(row)
            for row in rows
            if member(member(row, "attributes"), "view_name") == run and id_of(row)
        ]
        if is_done(set(ours)):
            break
    return ours


def _removed(ask: Ask, spec: Spec, name: str) -> str:
    """Delete a snapshot; return why it is not gone, or nothing."""
    answer = ask("DELETE", spec.path.replace("{snapshot_id}", quote(name, safe="")))
    if answer is None:
        return "DELETE is not answered"
    gone = 200 <= answer.status < 300 or answer.status in (404, 410)
    return "" if gone else f"DELETE is answered with {answer.status}"
