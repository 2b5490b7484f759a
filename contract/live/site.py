"""A live site as the subject of a run: it proves where it is, keeps a budget, and a journal of what it makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from contract.cases.client import Scenario
from contract.cases.placeholders import DELETED, NEIGHBOUR, OTHER, OWN, Pair, gone
from contract.errors import SubjectError
from contract.live.budget import Budget, Clock, PacedConnection
from contract.live.journal import JOURNALS, Journal, new_run_id, stamp
from contract.live.retry import RetryingService, ended
from contract.model import (
    Case,
    Exchange,
    Json,
    Outcome,
    Request,
    RequestOverride,
    Response,
)
from contract.spec import Spec, load
from contract.subjects.resource import json_of, member

__all__ = ["LOOKS_S", "LiveService", "live_service"]

LOOKS_S = (0.1, 0.4, 1.5)
"""What list shows too early or too late is looked at again after so many seconds."""

_FOR_THE_END = 10


class LiveService(RetryingService):
    """The subject; `live_service` makes one and cleans up after it.

    `kept_back` requests of the budget are for what comes after the cases. `run_id` names all that is made.
    """

    def __init__(
        self,
        site: str,
        sender: PacedConnection,
        spec: Spec,
        meter: Budget,
        journal: Journal,
        keys: Pair,
        other_keys: Pair | None,
        org_ids: dict[str, int],
    ) -> None:
        super().__init__(sender, spec, keys, other_keys)
        self.name, self.site, self.meter, self.kept_back = (
            f"live {site}",
            site,
            meter,
            0,
        )
        self.run_id = journal.run
        self._journal, self._view, self._org_ids = journal, journal.run, org_ids
        self._ids = {name: journal.run for name in self._ids}
        self._sleep = meter.clock.sleep
        self._unproven = set(org_ids)
        self._unsure = 0  # so many snapshots may have been made of which no id is known

    # -- the run asks ---------------------------------------------------------------------------------

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case; raises StopRun where the budget is spent too."""
        self.meter.reserve = len(self._made) + _FOR_THE_END + self.kept_back
        try:
            return super().play(case, reference)
        finally:
            self.meter.reserve = None

    def renew(self) -> None:
        """Make the snapshots that cases speak of anew; raises SubjectError, and StopRun where the budget is spent."""
        self.phase, self.meter.reserve = "set-up", len(self._made) + _FOR_THE_END
        try:
            for name, org in ((OWN, "own"), (NEIGHBOUR, "own"), (OTHER, "other")):
                if name in self._ids:
                    self._must_make(name, org)
            self._rows.clear()
        finally:
            self.phase, self.meter.reserve = "read", None

    def prepared(self, scenario: Scenario) -> Scenario:
        """Return a scenario as it can be played here: what sequences make is named with the run id."""
        return self.sequence(
            scenario, lambda case: replace(case, body=self._renamed(case.body))
        )

    # -- where it is ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Make what the cases speak of, the first to prove where it is; raises SubjectError."""
        super().open()
        if DELETED in self._ids:
            self._forget(self._ids[DELETED])
        self.phase = "read"

    def _prove(self, answer: Response, org: str, made: str) -> None:
        """Stop where the organization is not the one that was named; nothing has been updated yet."""
        shown = member(member(member(json_of(answer), "data"), "attributes"), "org_id")
        if shown is None:
            shown = member(
                member((self._list(org) or {}).get(made), "attributes"), "org_id"
            )
        if str(shown) != str(self._org_ids[org]):
            name = (
                "CONTRACT_SANDBOX_ORG_ID" if org == "own" else "CONTRACT_OTHER_ORG_ID"
            )
            raise SubjectError(
                f"{self.site}: these keys open another organization than {name} says: a snapshot that was made to "
                "find out does not have that org_id; nothing was updated"
            )
        self._unproven.discard(org)

    # -- what is made ---------------------------------------------------------------------------------

    def _try(
        self, request: Request, requests: list[Request], answers: list[Response | None]
    ) -> Outcome:
        if request.method != "POST":
            return super()._try(request, requests, answers)
        is_own = self._keys[0] in (value for _, value in request.headers)
        self._journal.creating("own" if is_own else "other")
        self._unsure += 1
        outcome = super()._try(request, requests, answers)
        self._unsure -= not ended(outcome) or outcome.type == "no connection"
        return outcome

    def _made_id(self, answer: Response, org: str) -> str:
        made = super()._made_id(answer, org)
        if made:
            self._journal.created(org, made)
            if self.meter.reserve is not None:
                self.meter.reserve += 1  # it will have to be removed
            if org in self._unproven:
                self._prove(answer, org, made)
        return made

    def _note(self, case: Case, wire: RequestOverride, answer: Response) -> None:
        super()._note(case, wire, answer)
        if wire.method == "DELETE" and (name := gone(case.snapshot_id)) in self._ids:
            self._forget(self._ids[name])

    def _remove(self, name: str) -> bool:
        is_gone = super()._remove(name)
        if is_gone:
            self._forget(name)
        return is_gone

    def _forget(self, name: str) -> None:
        """Take a snapshot for removed, as DELETE was answered; the last look at the list shows it where it is not."""
        self._made.pop(name, None)
        self._journal.removed(name)

    def _substituted(self, body: Json) -> Json:
        return self._renamed(super()._substituted(body))

    def _renamed(self, body: Json) -> Json:
        """Put the run id into the snapshot names of a body to create, or of the rows of a sequence."""
        if not isinstance(body, dict):
            return body
        name = body.get("snapshot_name")
        if isinstance(name, str) and name.startswith("<"):
            return {**body, "snapshot_name": f"{self._view} {name}"}
        inner = {
            key: self._renamed(value)
            for key, value in body.items()
            if isinstance(value, dict)
        }
        return (
            {**body, **inner}
            if any(value is not body[key] for key, value in inner.items())
            else body
        )

    # -- the end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Remove what was made, the last first, then what list shows under the run id; say what is left."""
        self.phase, self.meter.reserve = "clean-up", None
        if not self.is_lost:
            self._dead = ""  # a rate limit is no reason not to try
        if self._made or self._unsure:
            self._find_more()
            super().close()
            left = self.left
            removed = self._look_after()
            failed = [name for name in left if name not in removed]
            more = (f"what has the view name {self._view!r}",) if self._unsure else ()
            self.left = tuple(dict.fromkeys((*failed, *self._made, *more)))
        self._journal.close(keep=bool(self.left))
        self._sender.close()

    def _look_after(self) -> set[str]:
        """See whether list still shows anything; that may take a moment to pass, or a second DELETE, which is tried.

        Return what that removed.
        """
        removed: set[str] = set()
        for pause_s in (*LOOKS_S, None):
            self._made.clear()
            if not self._find_more() or not self._made or pause_s is None:
                break
            if pause_s == LOOKS_S[0]:
                removed = {
                    name
                    for name in reversed(tuple(self._made))
                    if not self._dead and self._remove(name)
                }
            self._sleep(pause_s)
        return removed

    def _find_more(self) -> bool:
        """Take over what list shows under the run id, whoever has made it; tell whether list could be read."""
        shown = {org: None if self._dead else self._list(org) for org in self._org_ids}
        for org, rows in shown.items():
            for name, row in (rows or {}).items():
                if member(member(row, "attributes"), "view_name") == self._view:
                    self._made.setdefault(name, org)
        is_read = None not in shown.values()
        self._unsure = 0 if is_read else self._unsure
        return is_read


@contextmanager
def live_service(
    site: str,
    *,
    keys: Pair,
    org_id: int,
    other_keys: Pair | None = None,
    other_org_id: int | None = None,
    ca_file: str | None = None,
    max_requests: int | None = None,
    max_minutes: float | None = None,
    timeout_s: float = 5.0,
    journals: Path = JOURNALS,
    clock: Clock | None = None,
    spec: Spec | None = None,
) -> Iterator[LiveService]:
    """Set up a live site as a subject, and remove what was made there at the end.

    `org_id` is the organization of `keys`: the first snapshot that is made must say so, else it is removed and
    SubjectError raised; for `other_keys`, of a second organization, `other_org_id` is the same. A journal is kept in
    `journals`. Raises SubjectError too where nothing could be judged, UsageError where an argument cannot be used.
    """
    spec = spec or load()
    run = new_run_id()
    meter = Budget(clock or Clock(), max_requests, max_minutes)
    sender = PacedConnection(
        spec.url(site), meter, spec.auth_headers, timeout_s=timeout_s, ca_file=ca_file
    )
    pairs = {"own": keys} | ({"other": other_keys} if other_keys else {})
    orgs = {"own": org_id} | (
        {"other": other_org_id} if other_org_id is not None and other_keys else {}
    )
    journal = Journal(
        journals, run, site, {org: stamp(run, pair) for org, pair in pairs.items()}
    )
    subject = LiveService(site, sender, spec, meter, journal, keys, other_keys, orgs)
    try:
        subject.open()
        yield subject
    finally:
        subject.close()
