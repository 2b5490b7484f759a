"""Exchanges of somebody else: a request and its response, read as a case.

A case says what is special in its request. Here that is read off the request. Where the
RFCs leave the response open, or where nothing is known of the snapshot, the case says
so, and fewer clauses speak of it.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any, TypeAlias
from urllib.parse import unquote

from contract.cases.payloads import other_media
from contract.cases.placeholders import DELETED, OWN, KeyPair
from contract.clauses.base import parse
from contract.clauses.service_facts import REMOVED
from contract.jsondiff import MISSING, value_at, walk
from contract.model import (
    ROOT,
    Json,
    KeyVariant,
    Operation,
    Outcome,
    OutcomeKind,
    Placeholder,
    Request,
    RequestOverride,
    Response,
    ServiceCase,
    ServiceCredential,
    ServiceExchange,
    Violation,
)
from contract.spec import Spec
from contract.subjects.playing import without_keys
from contract.subjects.resource import SIBLINGS
from contract.subjects.transfer import json_of

Snapshot: TypeAlias = tuple[str, KeyPair]
"""URL of a snapshot, and the keys that opened it."""

OPEN: Mapping[str, Any] = {"override": RequestOverride(is_open=True)}
KNOWN_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods that an application sees. A server may refuse others by itself."""

OTHER_MEDIA = {name.partition(";")[0] for name, _ in other_media({})}
JSON_MEDIA = re.compile(r'application/json(\s*;\s*charset="?utf-8"?)?\s*', re.I)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LARGEST_BODY = 1 << 16
"""Bytes of a body up to which no service may refuse it for its size."""

DEEPEST = 100
LARGEST_DOUBLE = 2**1024


class SnapshotLog:
    """Snapshots that a process saw created, updated and deleted. Threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_created: dict[Snapshot, bool] = {}
        self._is_gone: dict[str, bool] = {}

    def is_gone(self, url: str) -> bool:
        """Return whether a deletion was acknowledged."""
        return self._is_gone.get(url, False)

    def may_be_gone(self, url: str) -> bool:
        """Return whether a deletion was sent."""
        return url in self._is_gone

    def note_sending(self, request: Request, spec: Spec) -> bool:
        """Note a request that is sent now. Return if its snapshot is gone already."""
        operation, url = target_of(request, spec)
        with self._lock:
            if operation is Operation.DELETE:
                self._is_gone.setdefault(url, False)
            return self.is_gone(url)

    def note(self, request: Request, response: Response, spec: Spec) -> None:
        if not response.is_success:
            return
        operation, url = target_of(request, spec)
        keys = keys_of(request, spec)
        with self._lock:
            if operation is Operation.CREATE:
                name = value_at(json_of(response), "/data/id")
                if isinstance(name, str):
                    base = url.removesuffix(spec.collection_path)
                    self._is_created[base + spec.path_of(name), keys] = True
            elif operation is Operation.UPDATE:
                self._is_created.setdefault((url, keys), False)
            elif operation is Operation.DELETE:
                self._is_gone[url] = True

    def exists(self, snapshot: Snapshot, status: int) -> bool:
        """Return whether an answer must be that for a snapshot which exists."""
        if status < 300:
            return True
        is_created = self._is_created.get(snapshot)
        if is_created is None or self.may_be_gone(snapshot[0]):
            return False
        return is_created or status not in REMOVED


def target_of(request: Request, spec: Spec) -> tuple[Operation | None, str]:
    """Return the operation of a request, and the URL of its snapshot or collection."""
    path = request.target.partition("?")[0]
    prefix, collection, rest = path.partition(spec.collection_path)
    methods = {SIBLINGS.get(item, spec).method: item for item in Operation}
    operation = methods.get(request.method)
    is_one = operation in (Operation.UPDATE, Operation.DELETE)
    if not collection or not re.fullmatch("/[^/]+" if is_one else "", rest):
        operation = None
    path = spec.path_of(unquote(rest[1:])) if is_one else collection
    return operation, f"{request.origin}{prefix}{path}"


def keys_of(request: Request, spec: Spec) -> KeyPair:
    """Return the keys of a request. A missing one is empty."""
    api_key, app_key = (
        (request.header(name) or "").strip() for name in spec.auth_headers
    )
    return api_key, app_key


def observed(
    request: Request,
    response: Response,
    spec: Spec,
    log: SnapshotLog,
    *,
    right_keys: KeyPair | None = None,
    is_gone: bool = False,
    is_odd: bool = False,
) -> ServiceExchange:
    """Return the exchange of a request and its response.

    `right_keys` open the organization, if that is known. `is_gone` means that the
    snapshot was deleted before, `is_odd` that a header leaves the response open.
    """
    operation, url = target_of(request, spec)
    keys = keys_of(request, spec)
    variant = variant_of(keys, right_keys, response.status)
    ids: dict[Placeholder, str] = {}
    is_plain = False
    has_query = operation is not Operation.LIST and "?" in request.target
    details: Mapping[str, Any] = {}
    if is_odd or has_query or request.method not in KNOWN_METHODS:
        details = OPEN
    elif operation is None:
        override = RequestOverride(method=request.method, path=(request.target,))
        details = {"override": override}
    elif operation in (Operation.UPDATE, Operation.DELETE):
        placeholder, name = DELETED if is_gone else OWN, unquote(url.rpartition("/")[2])
        if is_gone or log.exists((url, right_keys or keys), response.status):
            ids[placeholder] = name
        if operation is Operation.UPDATE:
            details = content_of(request, spec)
            is_plain = must_be_accepted(details, name)
        details = {**details, "snapshot_id": (placeholder if ids else name,)}
    if not variant.is_valid and (response.status >= 300 or operation is None):
        # Only keys of an ordinary form must be what such an update is refused for.
        is_usual = {*keys} <= {*(right_keys or ()), ""}
        details = details if is_plain and is_usual and OWN in ids else OPEN
    case = ServiceCase(
        operation=operation or Operation.UPDATE,
        credential=ServiceCredential(variant=variant),
        is_generated=True,
        is_step=not is_plain,  # it may be refused though the snapshot is deleted
        **details,
    )
    exchange = unanswered(case, request.origin, ids, keys)
    return answered(exchange, request, response, spec)


def must_be_accepted(details: Mapping[str, Any], name: str) -> bool:
    is_valid = "body" in details and details["violation"] is None
    return is_valid and value_at(details["body"], "/data/id") in (MISSING, name)


def unanswered(
    case: ServiceCase, site: str, ids: dict[Placeholder, str], keys: Iterable[str]
) -> ServiceExchange:
    """Return an exchange without a message so far."""
    return ServiceExchange(
        case=case,
        site=site,
        outcome=Outcome(OutcomeKind.FAILED),
        ids=ids,
        keys=tuple(filter(None, keys)),
    )


def answered(
    exchange: ServiceExchange, request: Request, response: Response, spec: Spec
) -> ServiceExchange:
    """Return an exchange with its messages. The request has no keys."""
    kind = OutcomeKind.SNAPSHOT if response.is_success else OutcomeKind.API_ERROR
    return replace(
        exchange,
        requests=(without_keys(exchange.case, request, spec),),
        responses=(response,),
        outcome=Outcome(kind, status=response.status),
    )


MISSING_KEYS = {
    (False, False): KeyVariant.MISSING,
    (False, True): KeyVariant.MISSING_API_KEY,
    (True, False): KeyVariant.MISSING_APP_KEY,
}
"""Variants by whether a request has an API key and an application key."""


def variant_of(keys: KeyPair, right_keys: KeyPair | None, status: int) -> KeyVariant:
    if not all(keys):
        return MISSING_KEYS[bool(keys[0]), bool(keys[1])]
    is_right = status not in (401, 403) if right_keys is None else keys == right_keys
    return KeyVariant.PLAIN if is_right else KeyVariant.WRONG


def content_of(request: Request, spec: Spec) -> Mapping[str, Any]:
    content_type, body = request.header("Content-Type") or "", request.body
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in OTHER_MEDIA:
        return {"violation": Violation("Content-Type", "media type", media_type)}
    is_large = len(body) > LARGEST_BODY or len(re.findall(rb"[\[{]", body)) > 500
    if is_large or not JSON_MEDIA.fullmatch(content_type):
        return OPEN
    parsed = parse(body)
    if parsed.defect and is_malformed(body):
        override = RequestOverride(body=(body,))
        return {"violation": Violation("", "JSON", parsed.defect), "override": override}
    if parsed.defect or any(is_left_open(*item) for item in walk(parsed.value)):
        return OPEN
    violation: Violation | None = next(iter(spec.request.errors(parsed.value)), None)
    if violation is not None:
        # No value class is known, so that none may stand in the place of a finding.
        how = f"{violation.place or ROOT} {violation.how}"
        violation = Violation("/", violation.keyword, how)
    return {"body": parsed.value, "violation": violation}


def is_malformed(body: bytes) -> bool:
    """Return whether no parser of JSON may read a body."""
    if body.startswith(BYTE_ORDER_MARK):
        return False
    try:
        json.loads(body.decode())
    except (UnicodeDecodeError, json.JSONDecodeError):
        return True
    except (ValueError, RecursionError):
        pass  # too long a number, too deep
    return False  # a name twice


def is_left_open(pointer: str, value: Json) -> bool:
    """Return whether a service may accept or refuse a value (RFC 8259, 6 to 9)."""
    text = pointer + value if isinstance(value, str) else pointer
    is_odd = any("\ud800" <= character <= "\udfff" for character in text)
    if isinstance(value, float):
        is_odd |= value.is_integer() or math.isinf(value)
    elif isinstance(value, int):
        is_odd |= abs(value) >= LARGEST_DOUBLE
    return is_odd or pointer.count("/") > DEEPEST
