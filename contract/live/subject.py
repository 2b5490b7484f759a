"""A live site as the subject of a run: proves where it is, keeps a journal, tells an outage from a breach.

An exchange with a 5xx or without an answer is never judged as it is. A list at that moment says whether the
service is there: where it is, the case is played again, and twice out of at most three is the service's own
doing; where it is not, the case waits until it is, and is played anew. So nothing that an outage has touched is judged.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.cases.scenarios import Scenario
from contract.cases.targets import DELETED, NEIGHBOUR, OTHER, OWN, Pair, gone
from contract.errors import SubjectError
from contract.exchange import Answer, Case, Exchange, Json, Outcome, Request, Rows, Wire
from contract.live.journal import JOURNALS, Journal, new_run_id, stamp
from contract.live.meter import Clock, Meter, PacedSender
from contract.run import RunOver, UnplayedError
from contract.service import ServiceUnderTest
from contract.service.talk import json_of, member
from contract.spec import Spec, load

__all__ = ["LOOKS_S", "PAUSES_S", "LiveService", "live_service"]

PAUSES_S = (1.0, 2.0, 4.0)
"""What did not work is tried again after so many seconds, and then no more."""

LOOKS_S = (0.1, 0.4, 1.5)
"""What list shows too early or too late is looked at again after so many seconds."""

_TURNS = 6
_FOR_THE_END = 10
_BROKEN_OFF = "an outage has broken the sequence off"
_GOOD = {"event_id": "event", "is_device_type_selected_by_user": False, "start": 2**53 + 1}


class LiveService(ServiceUnderTest):
    """The subject; `live_service` makes one and cleans up after it.

    `seen` counts what was answered with a 5xx, or not at all, and is no breach. `turns` counts what was played, a
    sequence once. `kept_back` requests of the budget are for what comes after the cases.
    """

    def __init__(
        self,
        site: str,
        sender: PacedSender,
        spec: Spec,
        meter: Meter,
        journal: Journal,
        keys: Pair,
        other_keys: Pair | None,
        org_ids: dict[str, int],
    ) -> None:
        super().__init__(sender, spec, keys, other_keys, None, (), patience_s=600.0)
        self.name, self.site, self.meter = f"live {site}", site, meter
        self.seen: Counter[str] = Counter()
        self.turns, self.kept_back = 0, 0
        self._journal, self._view, self._org_ids = journal, journal.run, org_ids
        self._ids = {name: journal.run for name in self._ids}
        self._sleep = meter.clock.sleep
        self._phase = "set-up"  # then "asked", "read" by turns, "clean-up"
        self._unproven = set(org_ids)
        self._unsure = False  # a snapshot may have been made of which no id is known
        self._broken_off = self._unread = self._is_gone = False

    # -- the run asks ---------------------------------------------------------------------------------

    def unplayable(self, case: Case) -> str | None:
        """Return why a case cannot be played, or None; raises RunOver once the service is silent for good."""
        if self._dead:
            raise RunOver(f"{self.site}: {self._dead}")
        if self._broken_off and _of_sequence(case):
            return _BROKEN_OFF
        return super().unplayable(case)

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case, and again where the answer may have been an outage's.

        Raises RunOver where the budget is spent or the service is gone, UnplayedError where a sequence was broken off.
        """
        self.turns += not _of_sequence(case)
        self.meter.reserve = len(self._made) + _FOR_THE_END + self.kept_back
        try:
            return self._settled(case, reference)
        finally:
            self.meter.reserve = None

    def _settled(self, case: Case, reference: Exchange | None) -> Exchange:
        failed: list[str] = []  # one for each time in a row that it failed while the service was there
        for _ in range(_TURNS):
            exchange = self._once(case, reference)
            trouble = _trouble(exchange)
            if not trouble:
                self.seen.update(f"{each}, but not when asked again at once" for each in failed)
                return exchange
            if self._is_there():
                failed.append(trouble)
            else:
                failed.clear()
                self._wait_for_it(trouble)
            if len(failed) > 1:
                return exchange
            self._rows.clear()
            if _of_sequence(case):
                self._broken_off = True
                self.seen[f"{trouble}, in a sequence, which ended there"] += 1
                raise UnplayedError(_BROKEN_OFF)
        raise self._over("the service comes and goes")

    def _once(self, case: Case, reference: Exchange | None) -> Exchange:
        self._phase, self._unread = "asked", case.wire is not None and case.wire.open
        try:
            return super().play(case, reference)
        finally:
            self._phase = "read"

    def _state(self, orgs: tuple[str, ...], *, again: bool) -> Rows | None:
        """Return the rows; none for a case of which no clause asks what is stored: reads are half of a budget."""
        if not self._unread:
            return super()._state(orgs, again=again)
        self._rows.clear()
        return None

    def renew(self) -> None:
        """Make the snapshots that cases speak of anew; raises SubjectError, and RunOver where the budget is spent."""
        self._phase, self.meter.reserve = "set-up", len(self._made) + _FOR_THE_END
        try:
            for name, org in ((OWN, "own"), (NEIGHBOUR, "own"), (OTHER, "other")):
                if name in self._ids:
                    self._must_make(name, org)
            self._rows.clear()
        finally:
            self._phase, self.meter.reserve = "read", None

    def sequence(self, scenario: Scenario) -> Scenario:
        """Return a scenario of sequences whose snapshots are named with the run id, and that outages break off."""
        make = scenario.machine
        if make is None:
            return scenario

        def machine(play: Any) -> type[Any]:
            subject = self
            base = make(lambda case: play(replace(case, body=subject._renamed(case.body))))

            class Fresh(base):  # type: ignore[valid-type, misc]
                def __init__(self) -> None:
                    super().__init__()
                    subject._broken_off = False
                    subject.turns += 1

            return Fresh

        return replace(scenario, machine=machine)

    # -- outages --------------------------------------------------------------------------------------

    def _is_there(self) -> bool:
        """Tell whether the service answers a plain request at this moment."""
        how = Wire(method="PATCH" if self._no_list else "GET")
        body = {"data": {"type": "snapshots", "attributes": _GOOD}} if self._no_list else None
        case = Case("", ("control",), NEIGHBOUR, body, keys="own", wire=how)
        answers: list[Answer | None] = []
        super()._ask(self._request(case, how, self._pair("own")), [], answers)
        self._silent = 0
        return answers[-1] is not None and answers[-1].status < 500

    def _wait_for_it(self, trouble: str) -> None:
        self.seen[f"{trouble}, while the service was not there"] += 1
        for pause_s in PAUSES_S:
            self._sleep(pause_s)
            if self._is_there():
                return
        raise self._over(f"the service is not there ({trouble}); it was asked again after 1, 2 and 4 s")

    def _over(self, reason: str) -> RunOver:
        self._dead, self._is_gone = reason, True
        return RunOver(f"{self.site}: {reason}")

    def _ask(self, request: Request, requests: list[Request], answers: list[Answer | None]) -> Outcome:
        """Send it; what is no part of a case is tried again by the rule."""
        pauses_s = () if self._phase == "asked" or self._dead else PAUSES_S
        for pause_s in (*pauses_s, None):
            if request.method == "POST":
                self._journal.creating("other" if self._other_keys and self._other_keys[0] in dict(
                    request.headers).values() else "own")  # fmt: skip
                self._unsure = True
            outcome = super()._ask(request, requests, answers)
            self._silent = 0
            trouble = _ended(outcome)
            if not trouble or pause_s is None:
                break
            self.seen[f"{trouble} while nothing was judged"] += 1
            self._sleep(pause_s)
        if request.method == "POST" and answers[-1] is not None and 400 <= answers[-1].status < 500:
            self._unsure = False
        if trouble and self._phase == "read":
            self._read_failed(trouble)
        elif trouble and self._phase == "clean-up":
            self._dead = f"the service is not there ({trouble})"
        return outcome

    def _read_failed(self, trouble: str) -> None:
        """Tell a list that is broken from a service that is not there, by a good update."""
        self._without_list(f"list no longer answers ({trouble})")
        if not self._is_there():
            raise self._over(f"the service is not there ({trouble}); it was asked again after 1, 2 and 4 s")

    def _set_up(self, case: Case) -> Answer | None:
        phase, self._phase = self._phase, "read" if self._phase == "asked" else self._phase
        try:
            return super()._set_up(case)
        finally:
            self._phase = phase

    # -- what is made, and where ----------------------------------------------------------------------

    def open(self) -> None:
        """Make what the cases speak of, the first to prove where it is; raises SubjectError."""
        super().open()
        if DELETED in self._ids:
            self._forget(self._ids[DELETED])
        self._phase = "read"

    def _note(self, case: Case, wire: Wire, answer: Answer) -> None:
        super()._note(case, wire, answer)
        if wire.method == "DELETE" and (name := gone(case.snapshot_id)) in self._ids:
            self._forget(self._ids[name])

    def _forget(self, name: str) -> None:
        """Take a snapshot for removed, as a DELETE was answered; the last look at the list will show if it is not."""
        self._made.pop(name, None)
        self._journal.removed(name)

    def _made_id(self, answer: Answer, org: str) -> str:
        made = super()._made_id(answer, org)
        if made:
            self._journal.created(org, made)
            self._unsure = False
            if self.meter.reserve is not None:
                self.meter.reserve += 1  # it will have to be removed
            if org in self._unproven:
                self._prove(answer, org, made)
        return made

    def _prove(self, answer: Answer, org: str, made: str) -> None:
        """Stop where the organization is not the one that was named; nothing has been updated yet."""
        shown = member(member(member(json_of(answer), "data"), "attributes"), "org_id")
        if shown is None:
            shown = member(member((self._list(org) or {}).get(made), "attributes"), "org_id")
        if str(shown) != str(self._org_ids[org]):
            name = "CONTRACT_SANDBOX_ORG_ID" if org == "own" else "CONTRACT_OTHER_ORG_ID"
            raise SubjectError(
                f"{self.site}: these keys open another organization than {name} says: a snapshot that was made to "
                "find out does not have that org_id; nothing was updated"
            )
        self._unproven.discard(org)

    def _remove(self, name: str) -> bool:
        is_gone = super()._remove(name)
        if is_gone:
            self._forget(name)
        return is_gone

    def _substituted(self, body: Json) -> Json:
        return self._renamed(super()._substituted(body))

    def _renamed(self, body: Json) -> Json:
        """Put the run id into the snapshot names of a body to create, or of the rows of a sequence."""
        if not isinstance(body, dict):
            return body
        name = body.get("snapshot_name")
        if isinstance(name, str) and name.startswith("<"):
            body = {**body, "snapshot_name": f"{self._view} {name}"}
        inner = {key: self._renamed(value) for key, value in body.items() if key != "view_name"}
        return body if all(value is body[key] for key, value in inner.items()) else {**body, **inner}

    # -- the end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Remove what was made, the last first, then what list shows under the run id; say what is left."""
        self._phase, self.meter.reserve = "clean-up", None
        if not self._is_gone:
            self._dead = ""  # a rate limit is no reason not to try
        asked = bool(self._made) or self._unsure
        if asked:
            self._find_more()
        super().close()
        if asked and not self._dead:
            self._look_after()
        more = (f"what has the view name {self._view!r}",) if self._unsure else ()
        self.left = tuple(dict.fromkeys((*self.left, *self._made, *more)))
        self._journal.close(keep=bool(self.left))
        self._sender.close()

    def _look_after(self) -> None:
        """See whether list still shows anything; that it does may take a moment to pass."""
        for pause_s in (*LOOKS_S, None):
            self._made.clear()
            self._find_more()
            if not self._made or pause_s is None:
                break
            self._sleep(pause_s)

    def _find_more(self) -> None:
        """Take over what list shows under the run id, whoever has made it."""
        for org in self._org_ids:
            rows = None if self._dead or self._no_list else self._list(org)
            for name, row in (rows or {}).items():
                if member(member(row, "attributes"), "view_name") == self._view:
                    self._made.setdefault(name, org)
            if org == "own" and rows is not None:
                self._unsure = False


def _of_sequence(case: Case) -> bool:
    return case.kinds[0].startswith("in a sequence")


def _ended(outcome: Outcome) -> str:
    """Return what may be an outage: a 5xx, no answer; else nothing."""
    if outcome.kind == "failed" and outcome.type != "closed while sending":
        return f"no answer: {outcome.message}"
    return f"answered with {outcome.status}" if outcome.status is not None and outcome.status >= 500 else ""


def _trouble(x: Exchange) -> str:
    worse = [f"answered with {each.status}" for each in x.answers if each is not None and each.status >= 500]
    return worse[0] if worse else _ended(x.outcome)


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
    meter = Meter(clock or Clock(), max_requests, max_minutes)
    sender = PacedSender(spec.url(site), meter, spec.auth_headers, timeout_s=timeout_s, ca_file=ca_file)
    pairs = {"own": keys} | ({"other": other_keys} if other_keys else {})
    orgs = {"own": org_id} | ({"other": other_org_id} if other_org_id is not None and other_keys else {})
    journal = Journal(journals, run, site, {org: stamp(run, pair) for org, pair in pairs.items()})
    subject = LiveService(site, sender, spec, meter, journal, keys, other_keys, orgs)
    try:
        subject.open()
        yield subject
    finally:
        subject.close()
