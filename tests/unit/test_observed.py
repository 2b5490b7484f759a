"""Exchanges of somebody else: what a request and its response say, and what is open."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contract.clauses import SERVICE_CLAUSES
from contract.clauses.base import Clause
from contract.clauses.service_facts import Role, ServiceFacts
from contract.clauses.service_response import REJECT
from contract.model import Finding, Request, Response
from contract.sandbox import ORGS, PATH
from contract.spec import load
from contract.subjects.observed import SnapshotLog, observed
from tests.unit.sandbox_support import REQUIRED, change

SPEC = load()
ORIGIN = "http://127.0.0.1:1"
ONE = f"{PATH}/one"
KEYS = ORGS[0].keys
VALID = json.dumps(change()).encode()
OTHER_ID = VALID.replace(b'"type"', b'"id":"two","type"', 1)
JSON = {"Content-Type": "application/json"}


def request(
    method: str = "PATCH",
    target: str = ONE,
    body: bytes = VALID,
    keys: tuple[str, str] = KEYS,
    headers: Mapping[str, str] = JSON,
) -> Request:
    named = dict(zip(SPEC.auth_headers, keys, strict=True))
    pairs = tuple({**{k: v for k, v in named.items() if v}, **headers}.items())
    return Request(method, ORIGIN + target, pairs, body)


def response(status: int, value: Any = None) -> Response:
    headers = (("Content-Type", "application/json"),)
    return Response(status, headers, json.dumps(value).encode())


CREATED = response(201, {"data": {"id": "one", "type": "snapshots"}})
REFUSED = response(400, {"errors": ["no"]})
DENIED = response(401, {"errors": ["no"]})
NOT_THERE = response(404, {"errors": ["no"]})
ANSWER = {"data": {"id": "one", "type": "snapshots", "attributes": REQUIRED}}


def log_of(*notes: tuple[Request, Response]) -> SnapshotLog:
    log = SnapshotLog()
    for sent, answer in notes:
        log.note_sending(sent, SPEC)
        log.note(sent, answer, SPEC)
    return log


CREATION = request("POST", PATH), CREATED
DELETION = request("DELETE", ONE, b""), Response(204)


def facts_of(sent: Request, answer: Response, log: SnapshotLog, **details: Any) -> Any:
    exchange = observed(sent, answer, SPEC, log, **{"right_keys": KEYS} | details)
    return ServiceFacts(exchange, SPEC)


def broken(facts: ServiceFacts) -> set[str]:
    return {
        f"{clause.id}/{item.rule.name}"
        for clause in SERVICE_CLAUSES
        if isinstance(clause, Clause) and clause.concerns(facts)
        for item in clause.check(facts)
        if isinstance(item, Finding)
    }


@pytest.mark.parametrize(
    ("sent", "answer", "role", "rules"),
    [
        (request(), response(200, ANSWER), Role.VALID, set()),
        (request(), REFUSED, Role.VALID, {"S-ACCEPT/valid-body-refused"}),
        (
            request(),
            NOT_THERE,
            Role.VALID,
            {"S-ID/new-id-unknown", "S-ACCEPT/valid-body-refused"},
        ),
        (request(body=b"{}"), REFUSED, Role.INVALID, set()),
        (
            request(body=b"{}"),
            response(200, ANSWER),
            Role.INVALID,
            {"S-REJECT/required-unchecked"},
        ),
        (
            request(body=VALID[:-1]),
            response(200, ANSWER),
            Role.INVALID,
            {"S-REJECT/malformed-json-accepted"},
        ),
        (
            request(headers={"Content-Type": "text/plain"}),
            response(200, ANSWER),
            Role.INVALID,
            {"S-REJECT/media-type-accepted"},
        ),
        (
            request(keys=("", "")),
            REFUSED,
            Role.WRONG_KEYS,
            {"S-AUTH/wrong-key-status"},
        ),
        (request(keys=("", "")), DENIED, Role.WRONG_KEYS, set()),
        (
            request(keys=("", "\t")),
            REFUSED,
            Role.WRONG_KEYS,
            {"S-AUTH/wrong-key-status"},
        ),
        (request(keys=("\x01", KEYS[1])), REFUSED, Role.OPEN, set()),
        (request(keys=("", ""), body=b"{}"), REFUSED, Role.OPEN, set()),
        (request(keys=("", ""), body=OTHER_ID), REFUSED, Role.OPEN, set()),
        (request("DELETE", ONE, b"", ("", "")), REFUSED, Role.OPEN, set()),
        (
            request(keys=(KEYS[0], "")),
            response(200, ANSWER),
            Role.WRONG_KEYS,
            {"S-AUTH/key-unchecked"},
        ),
        (request(), response(500), Role.VALID, {"S-NO-5XX/server-error"}),
        (request("PUT"), response(405, {"errors": ["no"]}), Role.NOT_UPDATE, set()),
        (request("TRACE"), Response(405), Role.OPEN, set()),
        (request("OPTIONS", keys=("", "")), Response(204), Role.OPEN, set()),
        (request(target=f"{ONE}?a=b"), REFUSED, Role.OPEN, set()),
        (request("DELETE", body=b""), Response(204), Role.NOT_UPDATE, set()),
    ],
    ids=lambda value: value.method if isinstance(value, Request) else "",
)
def test_a_request_for_a_snapshot_that_was_created(
    sent: Request, answer: Response, role: Role, rules: set[str]
) -> None:
    facts = facts_of(sent, answer, log_of(CREATION))
    assert facts.role is role
    assert broken(facts) - {"S-ACCEPT/valid-body-failed"} == rules


def raw(name: str, text: bytes) -> bytes:
    value = json.dumps(change({**REQUIRED, name: "X"})).encode()
    return value.replace(b'"X"', text)


OPEN_BODIES = {
    "an integer with a point": raw("start", b"1.0"),
    "an integer with an exponent": raw("start", b"1e3"),
    "a number beyond a double": raw("new", b"1e400"),
    "an integer beyond a double": raw("new", b"9" * 400),
    "5,000 digits": raw("start", b"9" * 5_000),
    "a lone surrogate": raw("event_id", b'"\\ud800"'),
    "a lone surrogate in a name": VALID[:-1] + b',"\\ud800":1}',
    "a byte order mark": b"\xef\xbb\xbf" + VALID,
    "a name twice": VALID[:-1] + b"," + VALID[1:],
    "nested deep": raw("new", b"[" * 200 + b"]" * 200),
    "nested to the limit of Python": raw("new", b"[" * 900 + b"]" * 900),
    "nested too deep": raw("new", b"[" * 20_000 + b"]" * 20_000),
    "large": raw("event_id", b'"%s"' % (b"x" * 70_000)),
}


@pytest.mark.parametrize("body", OPEN_BODIES.values(), ids=OPEN_BODIES)
@pytest.mark.parametrize("answer", [REFUSED, response(200, ANSWER)], ids=["400", "200"])
def test_what_the_rfcs_leave_open_accuses_nobody(body: bytes, answer: Response) -> None:
    facts = facts_of(request(body=body), answer, log_of(CREATION))
    assert facts.role is Role.OPEN
    assert broken(facts) == set()


@pytest.mark.parametrize(
    "content_type",
    ["", "json", "application/json; charset=utf-16", "application/vnd.api+json", ";;"],
)
def test_media_types_that_may_be_json_accuse_nobody(content_type: str) -> None:
    sent = request(headers={"Content-Type": content_type})
    assert facts_of(sent, REFUSED, log_of(CREATION)).role is Role.OPEN


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
    ],
)
def test_json_in_utf_8_is_judged(content_type: str) -> None:
    sent = request(headers={"Content-Type": content_type})
    assert facts_of(sent, REFUSED, log_of(CREATION)).role is Role.VALID


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (change({**REQUIRED, "start": "x"}), "/data/attributes/start"),
        (change({**REQUIRED, "start": 2**63}), "/data/attributes/start"),
        ([], "$"),
    ],
)
def test_a_place_has_no_value_class(body: Any, place: str) -> None:
    """The classes of the catalogue are not known of a body of somebody else."""
    sent = request(body=json.dumps(body).encode())
    facts = facts_of(sent, response(200, ANSWER), log_of(CREATION))
    (finding,) = (item for item in REJECT.check(facts) if isinstance(item, Finding))
    assert finding.place == place


def test_an_odd_header_accuses_nobody() -> None:
    facts = facts_of(request(), REFUSED, log_of(CREATION), is_odd=True)
    assert facts.role is Role.OPEN


# -- what is known of a snapshot --


def test_an_unknown_id_may_be_refused_and_may_exist() -> None:
    for answer in (NOT_THERE, REFUSED, response(410)):
        facts = facts_of(request(), answer, SnapshotLog())
        assert facts.role is Role.MALFORMED
        assert not {rule for rule in broken(facts) if "S-ERROR" not in rule}
    accepted = facts_of(request(), response(200, ANSWER), SnapshotLog())
    assert accepted.role is Role.VALID


def test_a_snapshot_that_was_updated_once_may_go_but_not_refuse() -> None:
    log = log_of((request(), response(200, ANSWER)))
    assert broken(facts_of(request(), NOT_THERE, log)) == set()
    assert broken(facts_of(request(), REFUSED, log)) == {"S-ACCEPT/valid-body-refused"}


def test_a_deleted_snapshot_is_not_updated() -> None:
    log = log_of(CREATION, DELETION)
    assert log.note_sending(request(), SPEC)
    facts = facts_of(request(), response(200, ANSWER), log, is_gone=True)
    assert facts.role is Role.DELETED
    assert broken(facts) == {"S-GONE/deleted-id-accepted"}
    for answer in (NOT_THERE, response(410, {"errors": []})):
        assert not broken(facts_of(request(), answer, log, is_gone=True))
    facts = facts_of(request(), REFUSED, log, is_gone=True)
    assert broken(facts) == {"S-GONE/deleted-id-status"}
    for body in (b"{}", b"{", OTHER_ID):  # refused for what they are
        facts = facts_of(request(body=body), REFUSED, log, is_gone=True)
        assert not broken(facts)


def test_an_update_beside_a_deletion_may_find_nothing() -> None:
    """Workers of Schemathesis run at the same time."""
    log = log_of(CREATION)
    assert not log.note_sending(request(), SPEC)
    log.note_sending(DELETION[0], SPEC)
    assert broken(facts_of(request(), NOT_THERE, log)) == set()
    assert broken(facts_of(request(), response(200, ANSWER), log)) == set()


def test_the_keys_of_another_organization_know_nothing() -> None:
    other = request(keys=ORGS[1].keys)
    facts = facts_of(other, NOT_THERE, log_of(CREATION), right_keys=None)
    assert facts.role is Role.MALFORMED


def test_without_configured_keys_a_refusal_accuses_nobody() -> None:
    log = log_of(CREATION)
    assert facts_of(request(), DENIED, log, right_keys=None).role is Role.OPEN
    facts = facts_of(request(), response(200, ANSWER), log, right_keys=None)
    assert facts.role is Role.VALID


def test_requests_hold_no_keys() -> None:
    facts = facts_of(request(), response(200, ANSWER), log_of(CREATION))
    assert not set(KEYS) & {value for _, value in facts.exchange.requests[0].headers}
    assert facts.exchange.keys == KEYS
