"""Cases for a service, each between two readings of its list.

A reading counts once it agrees with the responses. What agrees is said by the clauses
that compare readings, and by `unseen`: it finds older states that break no clause.

What must be refused changes nothing, so that one reading serves many such cases. Only
if a snapshot did change is each of them played again, between readings of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import TypeAlias

from contract.clauses import READING_CLAUSES
from contract.clauses.service_facts import Role, ServiceFacts
from contract.jsondiff import exact_timestamp, resolution_of
from contract.model import (
    ABRIDGED,
    Finding,
    Listing,
    Operation,
    Outcome,
    OutcomeKind,
    Request,
    ServiceCase,
    ServiceExchange,
)
from contract.spec import Spec
from contract.subjects.reach import is_changing, owners_of
from contract.subjects.resource import member
from contract.subjects.session import ResourceSession, modified_at
from contract.subjects.settling import PATIENCE, Doubt, Reading

BATCH_SIZE = 50
"""Refused cases that share one reading."""

TICK_MARGIN_S = 0.01

REFUSAL_DUE = (
    Role.WRONG_KEYS,
    Role.UNKNOWN,
    Role.MALFORMED,
    Role.FOREIGN,
    Role.DELETED,
    Role.INVALID,
)

Sent: TypeAlias = Callable[[], ServiceExchange]
"""Returns the exchange of a case that was sent. The first call notes its change."""

NO_OUTCOME = Outcome(OutcomeKind.FAILED)


class CasePlayer:
    """Plays cases in a session.

    `notes` counts readings that could not be judged. After some of them `disable_list`
    is called with the reason. `batch_size` 1 gives each case a reading of its own.
    """

    def __init__(
        self,
        session: ResourceSession,
        site: str,
        disable_list: Callable[[str], object],
    ) -> None:
        self.session = session
        self._spec = session.resource.spec
        self.site = site
        self._disable_list = disable_list
        self.batch_size = BATCH_SIZE
        self.notes: Counter[str] = Counter()
        self._batch: list[ServiceExchange] = []
        self._replays: list[ServiceExchange] = []
        self._changed_s: dict[str, float] = {}
        self._has_waited_for_tick = False
        self._seen: ServiceExchange | None = None
        self._awaiting: Sent | None = None

    def play(self, case: ServiceCase, *, is_read: bool = True) -> ServiceExchange:
        """Play a case, between two readings if `is_read`."""
        exchange = self._prepared(self.session.adapted(case))
        if not is_read:
            self.check_batch()
            self.session.forget_listings()
            return self._send(exchange)()
        is_refusal_due = self._facts(exchange).role in REFUSAL_DUE
        if not is_refusal_due:
            self.check_batch()
        sent = self._send(exchange, self._read_before(exchange.case))
        if self.session.danger:
            self._batch.clear()
            return sent().changed(before=None)
        if is_refusal_due and self.batch_size > 1 and is_refused(exchange := sent()):
            self._batch.append(exchange)
            if len(self._batch) >= self.batch_size:
                self.check_batch()
            return exchange.changed(after=exchange.before)
        judged = self._read_after(exchange.case, sent)
        self._set_back(judged)
        if self._batch and judged.before is not None and judged.after is not None:
            # This case was not refused, and may have changed its target.
            facts = self._facts(judged)
            target, before = facts.snapshot_id, judged.before
            after = {k: row for k, row in judged.after.items() if k != target}
            after |= {k: row for k, row in before.items() if k == target}
            example = self._batch[-1].changed(before=before, after=after)
            self._end_batch(bool(facts.first_change(target)), example)
        return judged

    def _set_back(self, exchange: ServiceExchange) -> None:
        """Replace a long text that a case stored by the plain one."""
        session, target = self.session, exchange.case.target
        is_long = any(len(request.body) > ABRIDGED for request in exchange.requests)
        if not is_long or target is None or exchange.outcome.status != 200:
            return
        snapshot_id = session.ids[target]
        transfer = session.resource.perform(
            Operation.UPDATE,
            target.owner,
            snapshot_id,
            session.plain.body(self._spec, target),
        )
        if transfer.is_success:
            self._changed_s[snapshot_id] = session.reader.clock.now()
            session.reader.note_acknowledged()
            session.note_change(snapshot_id, transfer.response)
        session.forget_listings()

    def _facts(self, exchange: ServiceExchange) -> ServiceFacts:
        return ServiceFacts.of(exchange, self._spec)

    def _prepared(self, case: ServiceCase) -> ServiceExchange:
        session = self.session
        return ServiceExchange(
            case=case,
            site=self.site,
            outcome=NO_OUTCOME,
            ids=session.ids_of(case.placeholders),
            view=session.resource.view,
        )

    def _read_before(self, case: ServiceCase) -> Listing | None:
        owners, listing = owners_of(case), None
        for _ in range(2):  # a read may fail once
            if listing is None:
                listing = self.session.listing(owners)
        return listing

    def _send(self, exchange: ServiceExchange, before: Listing | None = None) -> Sent:
        """Send the requests of a case. Return what makes the exchange of them."""
        case, session, clock = exchange.case, self.session, self.session.reader.clock
        resource, since_s = session.resource, 0.0
        target = resource.resolved(case.snapshot_id)
        if not self._has_waited_for_tick:
            self._wait_for_tick(exchange, before, target)
        if target in self._changed_s:
            since_s = clock.now() - self._changed_s[target]
        transfer = session.send(case)
        is_changed = transfer.is_success and case.operation is not Operation.LIST
        if is_changed:
            target = resource.resolved(case.snapshot_id)
            self._changed_s[target] = clock.now()
            session.reader.note_acknowledged()

        @cache
        def sent() -> ServiceExchange:
            if is_changed:
                session.note_change(target, transfer.response)
            is_create = case.operation is Operation.CREATE
            api_keys, app_keys = resource.key_values(case.credential)
            return exchange.changed(
                requests=tuple(
                    without_keys(case, r, self._spec) for r, _, _ in transfer
                ),
                responses=tuple(response for _, response, _ in transfer),
                outcome=transfer.outcome,
                since_update_s=since_s,
                before=before,
                ids=session.ids_of(case.placeholders) if is_create else exchange.ids,
                keys=tuple(dict.fromkeys(filter(None, (*api_keys, *app_keys)))),
            )

        return sent

    def prepare(self) -> None:
        """Prepare, while a list is awaited, what is compared with it."""
        if self._awaiting:
            facts = self._facts(self._awaiting())
            _ = facts.role, facts.body, facts.status, facts.sent_updates

    def _wait_for_tick(
        self, exchange: ServiceExchange, before: Listing | None, target: str
    ) -> None:
        """Wait once a run until the clock of the service must show another time."""
        text = modified_at((before or {}).get(target))
        is_valid = self._facts(exchange).role is Role.VALID
        is_known = target in self._changed_s and exact_timestamp(text) is not None
        if not (is_valid and is_known):
            return
        self._has_waited_for_tick = True
        clock = self.session.reader.clock
        left_s = self._changed_s[target] + resolution_of(text) - clock.now()
        if left_s > 0:
            clock.sleep(float(left_s) + TICK_MARGIN_S)

    def _read_after(self, case: ServiceCase, sent: Sent) -> ServiceExchange:
        reader = self.session.reader
        if reader.longest_lag_s and not is_traceable(self._facts(sent())):
            reader.wait()
        self._awaiting = sent
        try:
            reading = self._settled(case, sent)
        finally:
            self._awaiting = None
        return self._judged(sent(), reading)

    def _settled(self, case: ServiceCase, sent: Sent) -> Reading:
        session, owners = self.session, owners_of(case)

        def doubts_of(rows: Listing) -> set[Doubt]:
            self._seen = sent().changed(after=rows)
            return doubts_in(self._seen, self._spec)

        is_plain = case.credential.variant.is_valid and case.override.path is None
        listing = None
        if case.operation is Operation.LIST and is_plain:
            owner, response = case.credential.owner, sent().final_response
            listing = session.note_listing(owner, response, owners)
        return session.settle(owners, doubts_of, listing)

    def _judged(self, exchange: ServiceExchange, reading: Reading) -> ServiceExchange:
        if reading.is_current:
            seen, listing = self._seen, reading.listing
            if seen is None or seen.after is not listing:
                seen = exchange.changed(after=listing)
            lag_s = round(reading.lag_s, 3) if is_change(exchange) else 0.0
            return seen.changed(lag_s=lag_s) if lag_s else seen
        self.note_unjudged(reading)
        return exchange.changed(before=None)

    def note_unjudged(self, reading: Reading) -> None:
        text = f"not judged: the list showed nothing newer for {reading.waited_s:.0f} s"
        self.notes[text] += 1
        self.session.forget_listings()
        if sum(self.notes.values()) >= PATIENCE:
            self._disable_list(text)

    # -- batches --

    def check_batch(self) -> None:
        if not self._batch or self.session.danger:
            return
        owners = {o: None for e in self._batch for o in owners_of(e.case)}
        self.session.reader.wait()
        last = self._batch[-1].changed(before=self.session.listing(owners))
        reading = self.session.settle(
            owners, lambda rows: doubts_in(last.changed(after=rows), self._spec)
        )
        if not reading.is_current:
            self.note_unjudged(reading)
        is_changed = reading.is_wrong and reading.is_current
        self._end_batch(is_changed, last.changed(after=reading.listing))

    def _end_batch(self, is_changed: bool, example: ServiceExchange) -> None:
        """Play each case of the batch again if a snapshot changed.

        A request may do its damage only once. One that is not refused again did it, and
        stands in `example`. So does the last one if none does it again.
        """
        batch, self._batch = self._batch, []
        if not is_changed:
            return
        replays = []
        for item in batch:
            if self.session.danger:
                break
            before = self._read_before(item.case)
            sent = self._send(self._prepared(item.case), before)
            replay = self._read_after(item.case, sent)
            if not is_refused(replay):
                replay = item.changed(before=example.before, after=example.after)
            replays.append(replay)
        self._replays += replays
        is_found = any(
            doubt.is_breach for item in replays for doubt in doubts_in(item, self._spec)
        )
        if not is_found:
            self._replays.append(example)

    def take_replays(self) -> list[ServiceExchange]:
        replays, self._replays = self._replays, []
        return replays


def without_keys(case: ServiceCase, request: Request, spec: Spec) -> Request:
    """Name the keys in a request."""
    names = [name.lower() for name in spec.auth_headers]
    key = f"[{case.credential}]"
    headers = [
        (name, key if name.lower() in names else value)
        for name, value in request.headers
    ]
    return replace(request, headers=tuple(headers))


# -- what a reading must show --


def doubts_in(exchange: ServiceExchange, spec: Spec) -> set[Doubt]:
    """Return what in the reading after a case does not agree with the responses."""
    facts = ServiceFacts.of(exchange, spec)
    doubts = {
        Doubt(f"{clause.id}/{finding.rule.name}", finding.place, is_breach=True)
        for clause in READING_CLAUSES
        for finding in clause.results(facts) or ()
        if isinstance(finding, Finding) and finding.is_read
    }
    return doubts | {Doubt(text) for text in unseen(facts)}


def unseen(facts: ServiceFacts) -> Iterator[str]:
    """Describe what an up-to-date list would not show, though it breaks no clause.

    The session adds what it knows of all snapshots.
    """
    exchange, target = facts.exchange, facts.snapshot_id
    if not facts.was_listed:
        return
    if facts.first_change(target if is_change(exchange) else ""):
        yield "another snapshot differs"
    is_success = facts.role is Role.VALID and facts.is_success
    if is_success and facts.status != 200:
        _, after = facts.listed(target)
        if any(facts.missing_values(facts.sent_updates, after)):
            yield "an update is not listed"


def is_traceable(facts: ServiceFacts) -> bool:
    """Return whether a list shows if it is up to date.

    A snapshot comes or goes, or it has the time of its change as the response does.
    """
    operation = facts.case.operation
    if not is_change(facts.exchange):
        return operation is Operation.LIST
    is_listed = facts.snapshot_id in (facts.exchange.before or {})
    text = modified_at(member(facts.body.value, "data"))
    is_dated = exact_timestamp(text) is not None
    return operation is not Operation.UPDATE or (is_listed and is_dated)


def is_change(exchange: ServiceExchange) -> bool:
    last = exchange.responses[-1:]
    return is_changing(exchange.case) and any(r and r.is_success for r in last)


def is_refused(exchange: ServiceExchange) -> bool:
    return all(r and 400 <= r.status < 500 for r in exchange.responses)
