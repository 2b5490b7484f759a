"""A service as the subject of a run: it is set up, read before and after, asked, and cleaned up."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Literal

from contract.cases.placeholders import (
    DELETED,
    NEIGHBOUR,
    OTHER,
    OWN,
    UNKNOWN,
    VIEW,
    Pair,
    gone,
)
from contract.errors import SubjectError
from contract.model import (
    Case,
    Exchange,
    Headers,
    Outcome,
    Request,
    RequestOverride,
    Response,
)
from contract.spec import Spec, load
from contract.subjects.http import HttpConnection
from contract.subjects.resource import ResourceSession, json_of, member

__all__ = ["ServiceUnderTest", "service_under_test"]

_REFUSED = (401, 403)
_DOCUMENTED = RequestOverride()
_VISIBLE_S = 2.0
_LISTS = {"own": "own", "other org": "other"}


class ServiceUnderTest(ResourceSession):
    """The subject; `service_under_test` makes one and cleans up after it.

    `site` is host and port. `reasons` says, by clause id, why a clause cannot be judged. After `close`, `left`
    holds the ids of the snapshots that could not be removed.
    """

    kind: Literal["service"] = "service"

    def __init__(
        self,
        sender: HttpConnection,
        spec: Spec,
        keys: Pair,
        other_keys: Pair | None,
        snapshot_id: str | None,
        headers: Headers,
        patience_s: float,
    ) -> None:
        super().__init__(sender, spec, keys, other_keys, headers, patience_s)
        self.name, self.version, self.site = sender.authority, "", sender.authority
        self.reasons: dict[str, str] = {
            "S-RATE": "no 429 was seen",
            "S-PARITY": "one site was asked, nothing to compare it with",
        }
        self.left: tuple[str, ...] = ()
        self._snapshot_id = snapshot_id
        self._missing: dict[str, str] = {}  # stand-in or method → why there is none

    # -- the run asks ---------------------------------------------------------------------------------

    def skip_reason(self, case: Case) -> str | None:
        """Return why a case cannot be played, or None; raises SubjectError once the service is silent for good."""
        if self._dead:
            raise SubjectError(f"{self.site}: {self._dead}")
        wire = case.override or _DOCUMENTED
        if self._other_keys is None and "other" in case.keys + case.snapshot_id:
            return "no keys of a second organization were given"
        if wire.method == "POST" or (wire.method == "GET" and self._no_list):
            return self._missing.get(wire.method)
        named = member(member(case.body, "data"), "id")
        for name in (case.snapshot_id, named, wire.path or ""):
            for known, reason in self._missing.items():
                if isinstance(name, str) and known in name:
                    return reason
        return None

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case: read, ask as often as it says, read again. Never raises for what a service does."""
        wire = case.override or _DOCUMENTED
        pair = self._pair(case.keys)
        orgs = ("own", "other") if "other" in case.keys + case.snapshot_id else ("own",)
        if wire.method == "POST" and case.snapshot_id in self._ids:
            self._remove(
                self._ids.pop(case.snapshot_id)
            )  # what a sequence that broke off has left
        before = self._state(orgs, again=False)
        ids = MappingProxyType(dict(self._ids))
        request = self._request(case, wire, pair)
        requests: list[Request] = []
        answers: list[Response | None] = []
        outcome = Outcome("failed", message="nothing was asked")
        for _ in range(wire.times):
            outcome = self._ask(request, requests, answers)
        answer = answers[-1] if answers else None
        if answer is not None and 200 <= answer.status < 300:
            self._note(case, wire, answer)
        org = (
            _LISTS.get(case.keys)
            if wire.method == "GET" and wire.path is None
            else None
        )
        if (
            org is not None
        ):  # the answer itself is a reading; what comes of it later shows at the next case
            self._rows[org] = self._shown(org, answer)
        after = self._state(orgs, again=True, but=org)
        if (
            answer is not None
            and wire.method == "POST"
            and case.snapshot_id in self._ids
        ):
            ids = MappingProxyType(dict(self._ids))
        shown = (pair[0][0] if pair[0] else "", pair[1][0] if pair[1] else "")
        redacted = tuple(
            _redacted(each, case.keys, self._spec.auth_headers) for each in requests
        )
        return Exchange(
            case,
            redacted,
            tuple(answers),
            outcome,
            shown,
            reference,
            before,
            after,
            ids,
        )

    # -- one request ----------------------------------------------------------------------------------

    def _note(self, case: Case, wire: RequestOverride, answer: Response) -> None:
        """Take note of what was made and of what was removed."""
        if wire.method == "POST":
            made = self._made_id(answer, "own" if case.keys == "own" else "other")
            if made:
                self._ids[case.snapshot_id] = made
        elif wire.method == "DELETE" and case.snapshot_id in self._ids:
            owner = "other" if case.snapshot_id.startswith("<other") else "own"
            if (case.keys == "own") == (
                owner == "own"
            ) and not case.snapshot_id.startswith("<deleted"):
                self._ids[gone(case.snapshot_id)] = self._ids.pop(case.snapshot_id)

    # -- state ----------------------------------------------------------------------------------------

    # -- beginning and end ----------------------------------------------------------------------------

    def open(self) -> None:
        """Make what the cases speak of; raises SubjectError where nothing could be judged."""
        if self._snapshot_id is not None:
            self._adopt(self._snapshot_id)
            return
        self._must_make(OWN, "own")
        self._must_make(NEIGHBOUR, "own")
        self._ids[UNKNOWN] = _another(self._ids[OWN], set(self._made))
        if self._other_keys is None:
            self.reasons["S-ORG"] = "no keys of a second organization were given"
        else:
            self._must_make(OTHER, "other")
        self._try_list()
        self._must_make(name := "<own doomed>", "own")
        answer = self._set_up(
            Case(
                "",
                ("delete",),
                name,
                None,
                keys="own",
                override=RequestOverride(method="DELETE"),
            )
        )
        if answer is not None and 200 <= answer.status < 300:
            self._ids[DELETED] = self._ids.pop(name)
        else:
            how = str(answer.status) if answer is not None else self._last.message
            self._missing[DELETED] = self.reasons["S-GONE"] = (
                f"nothing can be deleted: DELETE is answered with {how}"
            )

    def _must_make(self, name: str, org: str) -> None:
        attributes = {
            "application_id": "contract",
            "device_type": "desktop",
            "event_id": "event",
            "is_device_type_selected_by_user": False,
            "session_id": "session",
            "snapshot_name": name,
            "start": 2**53 + 1,
            "view_id": "view",
            "view_name": VIEW,
        }
        body = {"data": {"type": "snapshots", "attributes": attributes}}
        keys = "own" if org == "own" else "other org"
        answer = self._set_up(
            Case(
                "",
                ("create",),
                name,
                body,
                keys=keys,
                override=RequestOverride(method="POST"),
            )
        )
        whose = "the keys" if org == "own" else "the keys of the second organization"
        if answer is None:
            raise SubjectError(f"{self.site}: {self._last.message}")
        if answer.status in _REFUSED:
            raise SubjectError(
                f"{self.site} refuses {whose}: POST {self._all} is answered with {answer.status}"
            )
        made = self._made_id(answer, org) if 200 <= answer.status < 300 else ""
        if not made:
            media = answer.header("Content-Type") or "no media type"
            raise SubjectError(
                f"{self.site} cannot create a snapshot: POST {self._all} is answered with {answer.status}, {media}, "
                "and no id; accepted: a service that has create, or the id of a snapshot that exists"
            )
        self._ids[name] = made

    def _try_list(self) -> None:
        """Find out whether list shows what was made; it may take a moment."""
        begin_s = time.monotonic()
        while True:
            rows = self._list("own")
            if (
                rows is None
                or self._ids[OWN] in rows
                or time.monotonic() - begin_s > _VISIBLE_S
            ):
                break
            time.sleep(0.1)
        if rows is None:
            self._without_list(
                f"the service has no list that can be read: GET {self._all} ends as {self._ended()}"
            )

    def _without_list(self, reason: str) -> None:
        self._no_list = self._missing["GET"] = reason
        self.reasons |= {"S-STORED": reason, "S-UNTOUCHED": reason}

    def _adopt(self, snapshot_id: str) -> None:
        """Do with a snapshot that exists; a first update shows that it does."""
        self._ids[OWN], self._ids[UNKNOWN] = snapshot_id, _another(snapshot_id, set())
        reason = "a snapshot id was given, so that nothing is created or listed"
        self._without_list(reason)
        for name in ("POST", NEIGHBOUR, OTHER, DELETED):
            self._missing[name] = reason
        self.reasons["S-GONE"] = reason
        if self._other_keys is None:
            self.reasons["S-ORG"] = "no keys of a second organization were given"
        attributes = {
            "event_id": "event",
            "is_device_type_selected_by_user": False,
            "start": 0,
        }
        body = {"data": {"type": "snapshots", "attributes": attributes}}
        answer = self._set_up(Case("", ("update",), OWN, body, keys="own"))
        if answer is None:
            raise SubjectError(f"{self.site}: {self._last.message}")
        if answer.status in _REFUSED:
            raise SubjectError(
                f"{self.site} refuses the keys: PATCH is answered with {answer.status}"
            )
        if answer.status in (404, 405, 410, 501):
            raise SubjectError(
                f"{self.site} has no snapshot {snapshot_id[:80]!r}: PATCH is answered with {answer.status}; "
                "an update of what does not exist proves nothing"
            )
        if json_of(answer) is None and answer.status < 500:
            media = answer.header("Content-Type") or "no media type"
            raise SubjectError(
                f"{self.site} answers PATCH with {answer.status}, {media}, and no JSON"
            )

    def _ended(self) -> str:
        return (
            f"{self._last.status} without rows"
            if self._last.status is not None
            else self._last.message
        )

    def close(self) -> None:
        """Remove what was made, the last first, and close the connection; a service that is silent is left alone."""
        left = []
        for name in reversed(tuple(self._made)):
            if self._dead or not self._remove(name):
                left.append(name)
        self.left = tuple(left)
        self._sender.close()

    def _remove(self, name: str) -> bool:
        """Delete a snapshot by its real id; tell whether it is gone."""
        keys = "own" if self._made.get(name) != "other" else "other org"
        answer = self._set_up(
            Case(
                "",
                ("delete",),
                name,
                None,
                keys=keys,
                override=RequestOverride(method="DELETE"),
            )
        )
        self._rows.clear()
        if answer is None or not (
            200 <= answer.status < 300 or answer.status in (404, 410)
        ):
            return False
        self._made.pop(name, None)
        return True


@contextmanager
def service_under_test(
    url: str,
    *,
    keys: Pair,
    other_keys: Pair | None = None,
    snapshot_id: str | None = None,
    headers: Headers = (),
    ca_file: str | None = None,
    timeout_s: float = 5.0,
    patience_s: float = 90.0,
    spec: Spec | None = None,
) -> Iterator[ServiceUnderTest]:
    """Set up a service at a URL as a subject, and remove what was made there at the end.

    `keys` are API key and application key, `other_keys` those of a second organization. With `snapshot_id`
    nothing is created or listed. `timeout_s` bounds each request, `patience_s` the waiting for a rate limit.
    Raises SubjectError where nothing could be judged, UsageError where an argument cannot be used.
    """
    sender = HttpConnection(url, timeout_s=timeout_s, ca_file=ca_file)
    subject = ServiceUnderTest(
        sender, spec or load(), keys, other_keys, snapshot_id, headers, patience_s
    )
    try:
        subject.open()
        yield subject
    finally:
        subject.close()


def _another(known: str, taken: set[str]) -> str:
    """Return an id of the same form that names nothing."""
    digits = "0123456789abcdef"
    while True:
        made = "".join(
            secrets.choice(digits[:10] if c.isdecimal() else digits)
            if c in digits
            else c
            for c in known
        )
        if made != known and made not in taken:
            return made
        if not set(known) & set(digits):
            known += secrets.token_hex(1)


def _redacted(request: Request, keys: str, names: tuple[str, str]) -> Request:
    hidden = {name.lower() for name in names}
    headers = tuple(
        (name, f"[{keys}]" if name.lower() in hidden else value)
        for name, value in request.headers
    )
    return Request(
        request.method,
        request.url,
        headers,
        request.body,
        request.at_s,
        request.answered_s,
    )
