"""A service as the subject of a run: set-up, cases between listings, clean-up."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import Any, Self, Unpack

from contract.cases.placeholders import (
    DELETED,
    DOOMED,
    OTHER,
    OWN,
    SIBLING,
    UNKNOWN,
    KeyPair,
    similar_id,
)
from contract.cases.plain import candidates
from contract.errors import SubjectError
from contract.model import (
    CODINGS,
    Headers,
    Operation,
    Owner,
    Placeholder,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.redaction import (
    refuse_weak_keys,
    secrets_of_headers,
    secrets_of_keys,
)
from contract.servers import REAL_TIME, Clock
from contract.subjects import hosts
from contract.subjects.creations import CreationLog
from contract.subjects.heartbeat import Watcher, own_watcher
from contract.subjects.http import ONLY_HTTP_1, HttpConnection, TlsFiles
from contract.subjects.playing import CasePlayer
from contract.subjects.reach import (
    FOREIGN_NUMBER,
    OTHER_PATH,
    SHORT_IDS,
    has_derived_id,
    leaves_snapshot,
    names_number,
    owners_of,
)
from contract.subjects.resource import INVALID, member, resource_at
from contract.subjects.session import ResourceSession, answered_id, org_of
from contract.subjects.settling import settling_reader
from contract.subjects.transfer import Transfer, json_of

NO_OTHER_KEYS = "no keys of a second organization were given"
ID_GIVEN = "a snapshot id was given, so that nothing is created or listed"

ONLY_LISTED = (
    "away from loopback a new snapshot is used once it is listed; accepted: a snapshot "
    "that exists, by --snapshot-id ID"
)

NEWER_HTTP = (426, 505)
"""Statuses of a service that speaks another version of HTTP (RFC 9110, 15)."""

TIMEOUT_S = 5.0
"""Seconds after which a request counts as unanswered."""


class ServiceSubject:
    """A service behind a session.

    `site` names it. `has_collection` means that a case may change its collection.
    `reasons` says why a clause cannot be judged, by its id. `leftovers` are the ids of
    snapshots that `clean_up` could not remove. `org_sources` names what says which
    organization the first snapshots must show.
    """

    def __init__(
        self,
        session: ResourceSession,
        site: str,
        *,
        has_collection: bool = False,
    ) -> None:
        self.session = session
        self.site = site
        self.has_collection = has_collection
        self.player = CasePlayer(session, site, self.disable_list)
        self._notes: Counter[tuple[str, str]] = Counter()
        self.reasons = {
            "S-RATE": "no 429 was seen",
            "S-PARITY": "one site was asked, nothing to compare it with",
        }
        self.leftovers: tuple[str, ...] = ()
        self.org_sources: Mapping[Owner, str] = {}
        resource = session.resource
        self._collection = resource.prefix + resource.spec.collection_path
        self._has_other_keys = Owner.OTHER in resource.keys
        self._missing: dict[Placeholder | Operation, str] = {}
        if not self._has_other_keys:
            self.reasons["S-ORG"] = NO_OTHER_KEYS

    @property
    def secrets(self) -> dict[str, str]:
        resource = self.session.resource
        keys = resource.keys[Owner.OWN], resource.keys.get(Owner.OTHER)
        return secrets_of_keys(*keys) | secrets_of_headers(resource.headers)

    def skip_reason(self, case: ServiceCase) -> str:
        if not self._has_other_keys and Owner.OTHER in owners_of(case):
            return NO_OTHER_KEYS
        needed: list[Placeholder | Operation] = [case.operation]
        if case.operation is not Operation.CREATE:
            needed += case.placeholders
        reasons = filter(None, map(self._missing.get, needed))
        return next(reasons, "") or self._danger(case)

    def _danger(self, case: ServiceCase) -> str:
        """Return why a case might touch snapshots of others, or an empty string."""
        is_deletion = "DELETE" in dict(case.override.headers).values()
        if is_deletion and Operation.DELETE in self._missing:
            return self._missing[Operation.DELETE]
        if not self.has_collection and leaves_snapshot(case):
            return OTHER_PATH
        if not self.is_loopback and names_number(case):
            return FOREIGN_NUMBER
        reason = self._missing.get(UNKNOWN, "")
        return reason if reason and has_derived_id(case) else ""

    @property
    def notes(self) -> Counter[tuple[str, str]]:
        unread = self.player.notes.items()
        return self._notes + Counter({("S-STORED", text): n for text, n in unread})

    @property
    def is_loopback(self) -> bool:
        return self.session.resource.is_loopback

    def play(self, case: ServiceCase, *, is_read: bool = True) -> ServiceExchange:
        """Play a case, between two listings if `is_read`. Raise SubjectError."""
        session = self.session
        if problem := session.danger or session.resource.transport.loss:
            raise SubjectError(f"{self.site}: {problem}")
        return self.player.play(case, is_read=is_read)

    def replayed(self, *, is_end: bool = False) -> list[ServiceExchange]:
        if is_end:
            self.player.check_batch()
        return self.player.take_replays()

    def set_up(self) -> None:
        """Create the snapshots that cases name. Raise SubjectError."""
        session, ids = self.session, self.session.ids
        if not self.is_loopback and session.listing(session.resource.keys) is None:
            raise SubjectError(f"{self._no_list()}; {ONLY_LISTED}")
        self._check_organization(Owner.OWN, self.create_or_fail(OWN))
        self.create_or_fail(SIBLING)
        self._choose_unknown()
        if self._has_other_keys:
            self._check_organization(Owner.OTHER, self.create_or_fail(OTHER))
        self._probe_list()
        self.create_or_fail(DOOMED)
        self._choose_update(DOOMED)
        transfer = session.resource.perform(Operation.DELETE, Owner.OWN, ids[DOOMED])
        session.forget_listings()
        if transfer.is_success:
            session.mark_deleted(DOOMED)
            return
        reason = f"nothing can be deleted: DELETE is answered with {transfer.ending}"
        self._missing[DELETED] = self.reasons["S-GONE"] = reason

    def _choose_unknown(self) -> None:
        ids = self.session.ids
        if unknown := similar_id(ids[OWN], self.session.created):
            ids[UNKNOWN] = unknown
        else:
            self._missing[UNKNOWN] = SHORT_IDS

    def _choose_update(self, placeholder: Placeholder) -> Transfer:
        """Find the plainest update that the service takes. Return the last answer."""
        session = self.session
        snapshot_id, spec = session.ids[placeholder], session.resource.spec
        refusal = 0
        for plain in candidates():
            body = plain.body(spec, placeholder)
            transfer = session.resource.perform(
                Operation.UPDATE, Owner.OWN, snapshot_id, body
            )
            status = transfer.outcome.status
            if status not in INVALID:
                break
            refusal = refusal or status
        if transfer.is_success and refusal:
            session.plain = plain
            text = f"the plain update is refused with {refusal}"
            sent = f"cases about other things are sent with {plain.difference}"
            self._notes["S-ACCEPT", f"{text}; {sent}"] += 1
        return transfer

    def create_or_fail(self, placeholder: Placeholder) -> Transfer:
        ids = self.session.ids
        if self.session.danger:
            raise SubjectError(f"{self.site}: {self.session.danger}")
        ids.pop(placeholder, None)
        transfer = self.session.create(placeholder)
        if placeholder in ids:
            return transfer
        is_other = placeholder.owner is Owner.OTHER
        keys = "the keys of the second organization" if is_other else "the keys"
        answer = self._answer(f"POST {self._collection}", transfer, keys)
        self._check_organization(placeholder.owner, transfer)
        problem = "no id"
        if name := answered_id(transfer):
            problem = f"the id {name[:80]!r}, which "
            is_again = name in self.session.created or self.is_loopback
            problem += "it answered before" if is_again else "no list shows as new"
        raise SubjectError(
            f"{self.site} cannot create a snapshot: {answer}, and {problem}; accepted: "
            "a service that has create, or a snapshot that exists, by --snapshot-id ID"
        )

    def _check_organization(self, owner: Owner, transfer: Transfer) -> None:
        """Raise SubjectError if a new snapshot does not show its organization."""
        if owner not in self.org_sources or not (name := answered_id(transfer)):
            return
        listing = self.session.listing([owner]) or {}
        rows = member(json_of(transfer.response), "data"), listing.get(name)
        if {*map(org_of, rows)} - {""} != {self.session.log.org_ids[owner]}:
            raise SubjectError(
                "these keys open another organization than "
                f"{self.org_sources[owner]} says: a snapshot that was created to find "
                "out does not have that org_id; nothing was updated"
            )

    def _answer(self, request: str, transfer: Transfer, keys: str = "the keys") -> str:
        """Describe a response. Raise SubjectError if there is none, or a 401 or 403."""
        response = transfer.response
        if response is None:
            ending = transfer.ending
            if transfer.outcome.type == "closed":  # as HTTP/2 servers may do
                ending = f"{request}: closed without an answer; {ONLY_HTTP_1}"
            raise SubjectError(f"{self.site}: {ending}")
        answer = f"{request} is answered with {response.status}"
        if response.status in (401, 403):
            raise SubjectError(f"{self.site} refuses {keys}: {answer}")
        if response.status in NEWER_HTTP:
            raise SubjectError(f"{self.site}: {answer}; {ONLY_HTTP_1}")
        answer += f", {response.header('Content-Type') or 'no media type'}"
        if response.coding not in ("", *CODINGS):
            answer += f" in the coding {response.coding[:40]!r}"
        return answer

    def _probe_list(self) -> None:
        """Read the list once. No clause about state is judged without it."""
        session = self.session
        listing = session.listing([Owner.OWN])
        if listing is None:
            self.disable_list(self._no_list())
        elif session.ids[OWN] not in listing and session.has_others:
            self.disable_list("the list has others, but not the new snapshots")

    def _no_list(self) -> str:
        ending = ""
        if failure := self.session.list_failure:
            ending = failure.ending + (" without rows" if failure.response else "")
        problem = f"GET {self._collection} ends as {ending}"
        return f"the service has no list that can be read: {problem}"

    def disable_list(self, reason: str) -> None:
        self.session.list_problem = reason
        self._missing[Operation.LIST] = reason
        self.reasons |= {"S-STORED": reason, "S-UNTOUCHED": reason}

    def use_existing(self, snapshot_id: str) -> None:
        """Use an existing snapshot and verify it with one update."""
        self.session.ids[OWN] = snapshot_id
        self._choose_unknown()
        self.disable_list(ID_GIVEN)
        for item in (Operation.CREATE, Operation.DELETE, SIBLING, OTHER, DELETED):
            self._missing[item] = ID_GIVEN
        self.reasons["S-GONE"] = ID_GIVEN
        transfer = self._choose_update(OWN)
        answer = self._answer("PATCH", transfer)
        status = transfer.outcome.status or 0
        if status in (404, 405, 410, 501):
            raise SubjectError(
                f"{self.site} has no snapshot {snapshot_id[:80]!r}: {answer}; "
                "an update of what does not exist proves nothing"
            )
        if json_of(transfer.response) is None and status < 500:
            raise SubjectError(f"{self.site}: {answer}, and no JSON")

    def clean_up(self) -> None:
        """Delete what was created, the last first. A lost service is left alone."""
        session = self.session
        for snapshot_id in reversed(list(session.created)):
            if not session.resource.transport.loss:
                session.delete(snapshot_id)
        self.leftovers = (*reversed(session.created), *session.log.answered)


class MultiSiteService:
    """Services that must behave alike. `sites` are their hosts, in order."""

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = True
    overlaps = False
    is_repeatable = True

    def __init__(
        self,
        services: Sequence[ServiceSubject],
        timeout_s: float = TIMEOUT_S,
        watcher: Watcher | None = None,
        connections: Sequence[Any] = (),
    ) -> None:
        self.timeout_s, self.watcher = timeout_s, watcher
        self._connections = connections
        self.services = {service.site: service for service in services}
        self.sites = tuple(self.services)
        self.name = ", ".join(self.sites)
        self.secrets: Mapping[str, str] = dict(
            item for service in services for item in service.secrets.items()
        )

    @property
    def reasons(self) -> dict[str, str]:
        reasons: dict[str, str] = {}
        for service in self.services.values():
            reasons |= service.reasons
        if len(self.sites) > 1:
            del reasons["S-PARITY"]
        return reasons

    @property
    def notes(self) -> Counter[tuple[str, str]]:
        total: Counter[tuple[str, str]] = Counter()
        for service in self.services.values():
            total += service.notes
            for text, count in service.session.resource.transport.notes.items():
                total["S-NO-5XX", text] += count
        return total

    @property
    def leftovers(self) -> tuple[str, ...]:
        services = self.services.values()
        return tuple(name for service in services for name in service.leftovers)

    def skip_reason(self, case: ServiceCase) -> str:
        reasons = (service.skip_reason(case) for service in self.services.values())
        return next(filter(None, reasons), "")

    def play(self, case: ServiceCase, site: str) -> ServiceExchange:
        gaps = self.gaps()
        exchange = self.services[site].play(case)
        return exchange.changed(is_disturbed=True) if self.gaps() > gaps else exchange

    def gaps(self) -> float:
        return self.watcher.gaps() if self.watcher else 0.0

    def while_waiting(self, work: Callable[[], object]) -> bool:
        def prepare_and_work() -> None:
            for service in self.services.values():
                service.player.prepare()
            work()

        for connection in self._connections:
            connection.while_waiting = prepare_and_work
        return {connection.waits for connection in self._connections} == {True}

    def renewed(self) -> Self:
        for service in self.services.values():
            transport = service.session.resource.transport
            transport.loss, transport.silences = "", 0
        return self

    def replayed(self, *, is_end: bool = False) -> list[ServiceExchange]:
        services = self.services.values()
        return [e for service in services for e in service.replayed(is_end=is_end)]

    def waiting_cost_s(self, exchange: ServiceExchange) -> float:
        """Return the time-outs of an exchange, not the time that the machine took."""
        is_timeout = exchange.outcome.type == "time-out"
        return self.timeout_s * exchange.responses.count(None) if is_timeout else 0.0


@contextmanager
def service_under_test(
    *urls: str,
    keys: KeyPair,
    other_keys: KeyPair | None = None,
    snapshot_id: str | None = None,
    headers: Headers = (),
    timeout_s: float = TIMEOUT_S,
    names: Sequence[str] = (),
    collection: bool = True,
    max_lag_s: float | None = None,
    is_loopback: bool | None = None,
    clock: Clock = REAL_TIME,
    max_rate: float | None = None,
    connect: Callable[..., Any] = HttpConnection,
    **tls: Unpack[TlsFiles],
) -> Iterator[MultiSiteService]:
    """Set up a service at some URLs, and clean up at the end.

    With `snapshot_id` nothing is created or listed. `timeout_s` bounds each request.
    `names` are those of the sites, by default their hosts. With `collection`, cases may
    change the collection of a service on loopback. `max_lag_s` is the longest lag of a
    list. `max_rate` bounds the requests in a second to each service. By default
    `is_loopback` depends on the address. `connect` makes a connection of a URL. Raise
    SubjectError.
    """
    pairs = {Owner.OWN: keys} | ({Owner.OTHER: other_keys} if other_keys else {})
    services, connections = [], []
    with ExitStack() as stack:
        for url, name in zip_longest(urls, names):
            connection = stack.enter_context(connect(url, timeout_s=timeout_s, **tls))
            connections.append(connection)
            is_here = hosts.is_loopback(connection.host)
            is_near = is_here if is_loopback is None else is_loopback
            if not is_near:
                refuse_weak_keys(keys, other_keys)
            resource = resource_at(connection, pairs, headers, is_near, clock, max_rate)
            reader = settling_reader(max_lag_s, clock, is_loopback=is_near)
            session = ResourceSession(resource, CreationLog(), reader)
            site, has_collection = name or connection.authority, is_near and collection
            service = ServiceSubject(session, site, has_collection=has_collection)
            stack.callback(service.clean_up)
            if snapshot_id is None:
                service.set_up()
            else:
                service.use_existing(snapshot_id)
            services.append(service)
        watcher = stack.enter_context(own_watcher())
        yield MultiSiteService(services, timeout_s, watcher, connections)
