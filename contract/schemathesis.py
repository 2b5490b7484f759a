"""The service clauses as checks of Schemathesis, the boundary cases as its examples.

    SCHEMATHESIS_HOOKS=contract.schemathesis schemathesis run spec/openapi.yaml --url …

An import registers them for the whole process, as Schemathesis does. They do nothing
for another document. A check judges a request with its response alone: `NOT_JUDGED`
has the clauses for which that is not enough.
"""

import atexit
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from threading import Lock
from typing import Any

import schemathesis
from requests import PreparedRequest
from requests.auth import HTTPBasicAuth
from schemathesis.core.failures import Failure, FailureGroup

from contract.cases.placeholders import OWN, SIBLING, KeyPair
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE_CLAUSES
from contract.clauses.base import Clause
from contract.clauses.service_facts import ServiceFacts
from contract.engine.conclusion import redacted_breach
from contract.errors import ContractError
from contract.model import (
    Breach,
    Finding,
    Label,
    Level,
    Owner,
    Request,
    Response,
    ServiceCase,
    ServiceExchange,
)
from contract.redaction import Redactor
from contract.report.example import curl_line
from contract.spec import load
from contract.subjects.observed import (
    SnapshotLog,
    answered,
    keys_of,
    observed,
    unanswered,
)
from contract.subjects.reach import (
    has_derived_id,
    leaves_snapshot,
    names_number,
    owners_of,
)
from contract.subjects.service import ServiceSubject, service_under_test

SPEC = load()
LOG = SnapshotLog()

NOT_JUDGED = {
    "S-STORED": "needs the list before and after",
    "S-UNTOUCHED": "needs the list before and after",
    "S-REPEAT": "needs two responses to the same update",
    "S-ORG": "needs the keys of two organizations",
    "S-PARITY": "needs two sites",
}
"""Clauses that one request with its response does not decide, each with the reason."""

CLAUSES = tuple(
    clause
    for clause in SERVICE_CLAUSES
    if isinstance(clause, Clause) and clause.id not in NOT_JUDGED
)
"""Clauses that are checks, by their ids: `--checks S-ECHO,S-ID`."""

USUAL_HEADERS = {
    *("accept", "accept-encoding", "connection", "content-length", "content-type"),
    *("host", "user-agent", schemathesis.core.SCHEMATHESIS_TEST_CASE_HEADER.lower()),
    *(name.lower() for name in SPEC.auth_headers),
}


# -- the document --


def is_own(document: Any) -> bool:
    """Return whether a document is that of the contract, with its overlay or not."""
    info, paths = document.get("info") or {}, document.get("paths") or {}
    return info.get("title") == SPEC.document["info"]["title"] and SPEC.path in paths


@cache
def name_others() -> None:
    names = ", ".join(NOT_JUDGED)
    sys.stderr.write(f"contract: judged by `contract service` alone: {names}\n")


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    if is_own(raw_schema):
        name_others()
    if raw_schema == SPEC.document:
        raw_schema.update(deepcopy(SPEC.overlaid))


# -- boundary cases --


@cache
def boundary_cases() -> tuple[ServiceCase, ...]:
    """Return the cases that one request shows and that reach no other snapshot."""
    return tuple(
        replace(case.in_scenario(scenario.name), repeat=1)
        for scenario in service_scenarios(SPEC)
        for case in scenario.cases()
        if isinstance(case, ServiceCase) and is_fed(case)
    )


def is_fed(case: ServiceCase) -> bool:
    is_far = leaves_snapshot(case) or names_number(case) or has_derived_id(case)
    is_doubled = case.credential.variant.is_doubled  # no dictionary holds a name twice
    return not is_far and not is_doubled and owners_of(case) == (Owner.OWN,)


class Feed:
    """Boundary cases in the place of examples, at a service with snapshots for them.

    The snapshots are created with the first request, and again if one was deleted. They
    are deleted at the end of the process.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._subject: ServiceSubject | None = None
        self._url = ""
        self._error: ContractError | None = None

    def prepare(self, case: ServiceCase, request: PreparedRequest) -> ServiceExchange:
        """Turn a request into that of a case. Return its exchange so far."""
        sent = request_of(request)
        others = tuple(
            item for item in sent.headers if item[0].lower() not in USUAL_HEADERS
        )
        with self._lock:
            subject = self._subject_at(base_of(sent), keys_of(sent, SPEC), others)
            session = subject.session
            if subject.skip_reason(case):
                body = session.plain.body(SPEC, OWN)
                case = ServiceCase(
                    labels=(Label("", "plain"),), snapshot_id=(OWN,), body=body
                )
            case = session.adapted(case)
            planned = session.resource.request(case)
            api_keys, app_keys = session.resource.key_values(case.credential)
            ids = session.ids_of(case.placeholders)
            exchange = unanswered(case, sent.origin, ids, (*api_keys, *app_keys))
        request.method, request.body = planned.method, planned.body
        request.url = sent.origin + planned.url
        for name in USUAL_HEADERS - {"host", "connection", "user-agent"}:
            request.headers.pop(name, None)
        request.headers.update(planned.headers)
        return exchange

    def _subject_at(
        self, url: str, keys: KeyPair, headers: tuple[tuple[str, str], ...]
    ) -> ServiceSubject:
        """Return the service with its snapshots. Raise ContractError."""
        if self._error is not None and url == self._url:
            raise self._error.with_traceback(None)  # one attempt is enough
        if self._subject is not None and url == self._url:
            ids = self._subject.session.ids
            if not any(map(LOG.may_be_gone, urls_of(url, ids))):
                return self._subject
        stack = ExitStack()
        atexit.register(stack.close)
        service = service_under_test(url, keys=keys, headers=headers, collection=False)
        self._url, self._error = url, None
        try:
            (self._subject,) = stack.enter_context(service).services.values()
        except ContractError as error:
            self._error = error
            raise
        return self._subject


def urls_of(base: str, ids: Any) -> Iterator[str]:
    return (base + SPEC.path_of(ids[item]) for item in (OWN, SIBLING) if item in ids)


EXAMPLES: dict[str, tuple[ServiceCase, Feed]] = {}
"""Boundary cases and their feeds, by the id of a case of Schemathesis."""


@schemathesis.hook
def before_add_examples(context: Any, examples: list[Any]) -> None:
    """Add the boundary cases to the examples of the update.

    Schemathesis plays the last example first, and stops after one that fails. So its
    own examples come last in the list.
    """
    operation = context.operation
    is_update = (operation.path, operation.method.upper()) == (SPEC.path, SPEC.method)
    if not is_update or not is_own(operation.schema.raw_schema) or operation.app:
        return
    feed, added = Feed(), []
    for case in reversed(boundary_cases()):
        shown_id = "".join(map(str, case.snapshot_id))
        example = operation.Case(
            path_parameters={"snapshot_id": shown_id},
            headers=operation.schema.config.headers_for(operation=operation),
            body=json.loads(json.dumps(case.body, default=str)),
            media_type=SPEC.json_media_type,
        )
        EXAMPLES[example.id] = case, feed
        added.append(example)
    examples[:0] = added


# -- requests --


@dataclass
class Sending:
    """Facts about a request that are known when it is sent.

    `exchange` is that of a boundary case, or `error` the reason why there is none.
    `is_gone` says that the snapshot was deleted.
    """

    exchange: ServiceExchange | None = None
    error: str = ""
    is_gone: bool = False


def request_of(request: PreparedRequest) -> Request:
    body = request.body or b""
    headers = (
        (name, value.decode("latin-1") if isinstance(value, bytes) else value)
        for name, value in request.headers.items()
    )
    return Request(
        request.method or "",
        request.url or "",
        tuple(headers),
        body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body),
    )


def base_of(request: Request) -> str:
    """Return the URL of the service."""
    return request.origin + request.target.partition(SPEC.collection_path)[0]


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Let each request pass `prepare`, which sees it whole: by way of its auth."""
    operation = case.operation
    if not is_own(operation.schema.raw_schema) or operation.app or "app" in kwargs:
        return
    config = operation.schema.config
    auth = kwargs.get("auth") or getattr(case, "_auth", None)
    auth = auth or config.auth_for(operation=operation)
    if isinstance(auth, tuple):
        auth = HTTPBasicAuth(*auth)
    kwargs["auth"] = partial(prepare, EXAMPLES.get(case.id), auth)


def prepare(
    example: tuple[ServiceCase, Feed] | None, auth: Any, request: PreparedRequest
) -> PreparedRequest:
    """Authenticate a request, and turn it into that of an example."""
    if auth is not None:
        request = auth(request)
    sending = Sending()
    if example is not None:
        boundary_case, feed = example
        try:
            sending.exchange = feed.prepare(boundary_case, request)
        except ContractError as error:
            sending.error = str(error)
    sending.is_gone = LOG.note_sending(request_of(request), SPEC)
    request.contract_sending = sending  # type: ignore[attr-defined]
    return request


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    if is_own(case.operation.schema.raw_schema):
        LOG.note(request_of(response.request), response_of(response), SPEC)


def response_of(response: Any) -> Response:
    fields = response.headers.items()
    headers = tuple((name, text) for name, texts in fields for text in texts)
    return Response(response.status_code, headers, response.content or b"")


# -- checks --


class BrokenClause(Failure):
    """A clause that a response breaks. Its title is the id of the breach."""

    kind_title = "Clause broken"

    @property
    def _unique_key(self) -> str:
        return self.title


def exchange_of(case: Any, answer: Any) -> ServiceExchange | None:
    """Return the exchange of a response, or None if it decides nothing."""
    request, response = request_of(answer.request), response_of(answer)
    sending = getattr(answer.request, "contract_sending", Sending())
    exchange = sending.exchange
    if exchange is not None:
        if any(map(LOG.may_be_gone, urls_of(base_of(request), exchange.ids))):
            return None
        return answered(exchange, request, response, SPEC)
    if request.method != case.method:
        return None  # the request of a redirect
    headers = case.operation.schema.config.headers_for(operation=case.operation)
    usual = USUAL_HEADERS | {name.lower() for name in headers}
    right_keys = keys_of(Request("", "", tuple(headers.items())), SPEC)
    return observed(
        request,
        response,
        SPEC,
        LOG,
        right_keys=right_keys if all(right_keys) else None,
        is_gone=sending.is_gone,
        is_odd=any(name.lower() not in usual for name, _ in request.headers),
    )


def breaches_of(
    clause: Clause[ServiceFacts], exchange: ServiceExchange
) -> Iterator[Breach]:
    names = ("own api key", "own app key", *map(str, range(len(exchange.keys))))
    redactor = Redactor.of_environment(dict(zip(names, exchange.keys, strict=False)))
    for finding in clause.check(ServiceFacts(exchange, SPEC)):
        # A clause that is a `should` can be left out, a rule of another cannot.
        if isinstance(finding, Finding) and finding.rule.level is not Level.SHOULD:
            breach = Breach(
                clause.id,
                finding.rule,
                finding.place,
                clause.level,
                finding.message,
                exchange,
                count=1,
                kinds=(),
                sites=(exchange.site,),
            )
            yield redacted_breach(breach, SERVICE_CLAUSES, redactor, SPEC)


def judge(
    clause: Clause[ServiceFacts], context: Any, response: Any, case: Any
) -> bool | None:
    """Check a response by a clause. Return True if it does not speak of that."""
    if not is_own(case.operation.schema.raw_schema):
        return True
    sending = getattr(response.request, "contract_sending", Sending())
    if sending.error:
        raise BrokenClause(
            operation=case.operation.label,
            title="No boundary case is played",
            message=f"They need snapshots. {sending.error}",
        )
    exchange = exchange_of(case, response)
    if exchange is None or not clause.concerns(ServiceFacts(exchange, SPEC)):
        return True
    failures = [
        BrokenClause(
            operation=case.operation.label,
            title=breach.id,
            message=f"{breach.message}\n\n{curl_line(breach, SPEC)}",
        )
        for breach in breaches_of(clause, exchange)
    ]
    if failures:
        raise FailureGroup(failures)
    return None


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Let clauses alone judge boundary cases.

    Other checks know neither their keys nor their raw bodies.
    """
    return case.id not in EXAMPLES or isinstance(failure, BrokenClause)


def register(clause: Clause[ServiceFacts]) -> None:

    def check(context: Any, response: Any, case: Any) -> bool | None:
        return judge(clause, context, response, case)

    check.__name__ = clause.id
    check.__doc__ = clause.statement
    schemathesis.check(check)


for judged_clause in CLAUSES:
    register(judged_clause)
