"""A service as the subject of a run: set-up, cases between listings, clean-up."""

import re
import secrets
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import zip_longest

from contract.cases.placeholders import (
    DELETED,
    DOOMED,
    OTHER,
    OWN,
    SIBLING,
    UNKNOWN,
    KeyPair,
)
from contract.endpoint import UPDATE_BODY
from contract.errors import SubjectError
from contract.jsondiff import walk
from contract.model import (
    Headers,
    KeyVariant,
    Operation,
    Owner,
    Placeholder,
    Request,
    Response,
    ServiceCase,
    ServiceExchange,
    SubjectKind,
)
from contract.redaction import (
    refuse_weak_keys,
    secrets_of_headers,
    secrets_of_keys,
)
from contract.spec import load
from contract.subjects.http import HttpConnection, Transfer, Transport
from contract.subjects.resource import CreationLog, Resource, ResourceSession, json_of

NO_OTHER_KEYS = "no keys of a second organization were given"
ID_GIVEN = "a snapshot id was given, so that nothing is created or listed"

LISTED_WITHIN_S = 2.0
LIST_INTERVAL_S = 0.1

PATIENCE_S = 90.0
"""Seconds that a request may wait for a rate limit."""

FOREIGN_KEYS = (KeyVariant.FOREIGN_API_KEY, KeyVariant.FOREIGN_APP_KEY)

Verify = Callable[[Owner, Response | None, str], None]
"""Check of the first snapshot in an organization: owner, response, id."""


class ServiceSubject:
    """A service behind a session.

    `site` names it. `reasons` says why a clause cannot be judged, by its id.
    `leftovers` are the ids of snapshots that `clean_up` could not remove.
    """

    def __init__(self, session: ResourceSession, site: str) -> None:
        self.session = session
        self.site = site
        self.reasons = {
            "S-RATE": "no 429 was seen",
            "S-PARITY": "one site was asked, nothing to compare it with",
        }
        self.leftovers: tuple[str, ...] = ()
        resource = session.resource
        self._collection = resource.prefix + resource.spec.collection_path
        self._has_other_keys = Owner.OTHER in resource.keys
        self._missing: dict[Placeholder | Operation, str] = {}
        if not self._has_other_keys:
            self.reasons["S-ORG"] = NO_OTHER_KEYS

    @property
    def secrets(self) -> dict[str, str]:
        """The keys and the secret headers of all requests."""
        resource = self.session.resource
        keys = resource.keys[Owner.OWN], resource.keys.get(Owner.OTHER)
        return secrets_of_keys(*keys) | secrets_of_headers(resource.headers)

    def skip_reason(self, case: ServiceCase) -> str:
        if not self._has_other_keys and Owner.OTHER in owners_of(case):
            return NO_OTHER_KEYS
        needed: list[Placeholder | Operation] = [case.operation]
        if case.operation is not Operation.CREATE:
            needed += placeholders_of(case)
        reasons = (self._missing.get(item, "") for item in needed)
        return next(filter(None, reasons), "")

    def play(self, case: ServiceCase, *, is_read: bool = True) -> ServiceExchange:
        """Play a case, between two listings if `is_read`. Raise SubjectError."""
        session, resource = self.session, self.session.resource
        if loss := resource.transport.loss:
            raise SubjectError(f"{self.site}: {loss}")
        owners = owners_of(case)
        before = session.read_listings(owners, remembered=owners) if is_read else None
        ids = dict(session.ids)
        transfer = session.send(case)
        credential, listed_owner = case.credential, None
        is_documented = credential.variant.is_valid and case.override.path is None
        if case.operation is Operation.LIST and is_documented:
            listed_owner = credential.owner
            session.note_listing(listed_owner, transfer.response)
        after = None
        if is_read:
            after = session.read_listings(owners, remembered=[listed_owner])
        else:
            session.forget_listings()
        api_keys, app_keys = resource.key_values(credential)
        return ServiceExchange(
            case=case,
            site=self.site,
            requests=tuple(self._without_keys(case, r) for r, _, _ in transfer),
            responses=tuple(response for _, response, _ in transfer),
            outcome=transfer.outcome,
            before=before,
            after=after,
            ids=dict(session.ids) if case.operation is Operation.CREATE else ids,
            view=resource.view,
            keys=tuple(dict.fromkeys(filter(None, (*api_keys, *app_keys)))),
        )

    def _without_keys(self, case: ServiceCase, request: Request) -> Request:
        names = {name.lower() for name in self.session.resource.spec.auth_headers}
        key = f"[{case.credential}]"
        headers = (
            (name, key if name.lower() in names else value)
            for name, value in request.headers
        )
        return replace(request, headers=tuple(headers))

    def set_up(self, verify: Verify = lambda *_: None) -> None:
        """Create the snapshots that cases name. Raise SubjectError."""
        session, ids = self.session, self.session.ids
        transfer = self.create_or_fail(OWN)
        verify(Owner.OWN, transfer.response, ids[OWN])
        self.create_or_fail(SIBLING)
        ids[UNKNOWN] = similar_id(ids[OWN], session.created)
        if self._has_other_keys:
            transfer = self.create_or_fail(OTHER)
            verify(Owner.OTHER, transfer.response, ids[OTHER])
        self._probe_list()
        self.create_or_fail(DOOMED)
        transfer = session.resource.perform(Operation.DELETE, Owner.OWN, ids[DOOMED])
        if transfer.is_success:
            session.mark_deleted(DOOMED)
            return
        reason = f"nothing can be deleted: DELETE is answered with {transfer.ending}"
        self._missing[DELETED] = self.reasons["S-GONE"] = reason

    def create_or_fail(self, placeholder: Placeholder) -> Transfer:
        ids = self.session.ids
        ids.pop(placeholder, None)
        transfer = self.session.create(placeholder)
        if placeholder in ids:
            return transfer
        is_other = placeholder.owner is Owner.OTHER
        keys = "the keys of the second organization" if is_other else "the keys"
        answer = self._answer(f"POST {self._collection}", transfer, keys)
        raise SubjectError(
            f"{self.site} cannot create a snapshot: {answer}, and no id; accepted: a "
            "service that has create, or the id of a snapshot that exists"
        )

    def _answer(self, request: str, transfer: Transfer, keys: str = "the keys") -> str:
        """Describe a response. Raise SubjectError if there is none, or a 401 or 403."""
        response = transfer.response
        if response is None:
            raise SubjectError(f"{self.site}: {transfer.ending}")
        answer = f"{request} is answered with {response.status}"
        if response.status in (401, 403):
            raise SubjectError(f"{self.site} refuses {keys}: {answer}")
        return f"{answer}, {response.header('Content-Type') or 'no media type'}"

    def _probe_list(self) -> None:
        session = self.session
        end_s = time.monotonic() + LISTED_WITHIN_S
        while (listing := session.read_listing(Owner.OWN)) is not None:
            if session.ids[OWN] in listing or time.monotonic() > end_s:
                return
            time.sleep(LIST_INTERVAL_S)
        ending = ""
        if failure := session.list_failure:
            ending = failure.ending + (" without rows" if failure.response else "")
        problem = f"GET {self._collection} ends as {ending}"
        self.disable_list(f"the service has no list that can be read: {problem}")

    def disable_list(self, reason: str) -> None:
        """Stop reading the list. No clause about state is judged."""
        self.session.list_problem = reason
        self._missing[Operation.LIST] = reason
        self.reasons |= {"S-STORED": reason, "S-UNTOUCHED": reason}

    def use_existing(self, snapshot_id: str) -> None:
        """Use an existing snapshot and verify it with one update."""
        ids = self.session.ids
        ids[OWN] = snapshot_id
        ids[UNKNOWN] = similar_id(snapshot_id, ())
        self.disable_list(ID_GIVEN)
        for item in (Operation.CREATE, SIBLING, OTHER, DELETED):
            self._missing[item] = ID_GIVEN
        self.reasons["S-GONE"] = ID_GIVEN
        transfer = self.session.resource.perform(
            Operation.UPDATE, Owner.OWN, snapshot_id, UPDATE_BODY
        )
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
        self.leftovers = tuple(reversed(session.created))


class MultiSiteService:
    """Services that must behave alike. `sites` are their hosts, in order."""

    kind = SubjectKind.SERVICE
    version = ""
    is_real_time = True

    def __init__(self, services: Sequence[ServiceSubject]) -> None:
        self.services = {service.site: service for service in services}
        self.sites = tuple(self.services)
        self.name = ", ".join(self.sites)
        self.secrets: Mapping[str, str] = {
            name: secret
            for service in services
            for name, secret in service.secrets.items()
        }

    @property
    def reasons(self) -> dict[str, str]:
        reasons: dict[str, str] = {}
        for service in self.services.values():
            reasons |= service.reasons
        if len(self.sites) > 1:
            del reasons["S-PARITY"]
        return reasons

    @property
    def leftovers(self) -> tuple[str, ...]:
        services = self.services.values()
        return tuple(name for service in services for name in service.leftovers)

    def skip_reason(self, case: ServiceCase) -> str:
        reasons = (service.skip_reason(case) for service in self.services.values())
        return next(filter(None, reasons), "")

    def play(self, case: ServiceCase, site: str) -> ServiceExchange:
        return self.services[site].play(case)

    def waiting_cost_s(self, exchange: ServiceExchange) -> float:
        outcome = exchange.outcome
        return outcome.seconds if outcome.type == "time-out" else 0.0


@contextmanager
def service_under_test(
    *urls: str,
    keys: KeyPair,
    other_keys: KeyPair | None = None,
    snapshot_id: str | None = None,
    headers: Headers = (),
    ca_file: str | None = None,
    timeout_s: float = 5.0,
    names: Sequence[str] = (),
) -> Iterator[MultiSiteService]:
    """Set up a service at some URLs, and clean up at the end.

    `other_keys` are those of a second organization. With `snapshot_id` nothing is
    created or listed. `timeout_s` bounds each request. `names` are those of the sites,
    by default their hosts. Raise SubjectError if nothing could be judged, UsageError.
    """
    pairs = {Owner.OWN: keys} | ({Owner.OTHER: other_keys} if other_keys else {})
    services = []
    with ExitStack() as stack:
        for url, name in zip_longest(urls, names):
            connection = HttpConnection(url, timeout_s=timeout_s, ca_file=ca_file)
            stack.enter_context(connection)
            if not connection.is_loopback:
                refuse_weak_keys(keys, other_keys)
            transport = Transport(connection.origin, connection.send, PATIENCE_S)
            view, prefix = f"contract-{secrets.token_hex(6)}", connection.prefix
            resource = Resource(transport, load(), pairs, view, prefix, headers)
            session = ResourceSession(resource, CreationLog())
            service = ServiceSubject(session, name or connection.authority)
            stack.callback(service.clean_up)
            if snapshot_id is None:
                service.set_up()
            else:
                service.use_existing(snapshot_id)
            services.append(service)
        yield MultiSiteService(services)


def placeholders_of(case: ServiceCase) -> list[Placeholder]:
    path, body = case.override.path or (), case.override.body or ()
    parts = [*case.snapshot_id, case.body, *path, *body]
    return [part for _, part in walk(parts) if isinstance(part, Placeholder)]


def owners_of(case: ServiceCase) -> tuple[Owner, ...]:
    """Return the organizations that a case touches. The own one is always read."""
    owners = {case.credential.owner, *(item.owner for item in placeholders_of(case))}
    is_other = Owner.OTHER in owners or case.credential.variant in FOREIGN_KEYS
    return (Owner.OWN, Owner.OTHER) if is_other else (Owner.OWN,)


def similar_id(snapshot_id: str, taken: Container[str]) -> str:
    """Return an id of the same form that names nothing."""
    if not re.search("[0-9a-f]", snapshot_id):
        snapshot_id += secrets.token_hex(1)
    candidate = snapshot_id
    while candidate == snapshot_id or candidate in taken:
        candidate = re.sub("[0-9a-f]", other_digit, snapshot_id)
    return candidate


def other_digit(digit: re.Match[str]) -> str:
    digits = "0123456789" if digit[0].isdecimal() else "0123456789abcdef"
    return secrets.choice(digits)
