"""The tables of built-in faults, and how a fault gets into a client or a sandbox."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from contract.cases.parameters import CREDENTIALS
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.errors import UsageError
from contract.faults import (
    CLIENT_FAULTS,
    FAULTS,
    SERVICE_FAULTS,
    Fault,
    client_fault,
    service_fault,
)
from contract.faults.harness import ClientMutation, MutableSandbox, send_raw
from contract.model import ClientCase, Outcome, OutcomeKind, Response, SubjectKind
from contract.sandbox import PATH
from contract.servers.mock import MockedSites
from contract.subjects.in_process import ClientSubject
from tests.unit.sandbox_support import (
    CREATED,
    FLAG,
    REQUIRED,
    Caller,
    SandboxCall,
    change,
)

SITE = "datadoghq.eu"
UPDATE = {"data": {"type": "snapshots"}}


def test_a_fault_id_names_one_fault_of_both_sides() -> None:
    ids = Counter(fault.id for fault in FAULTS)
    assert [id_ for id_, count in ids.items() if count > 1] == []
    assert (*CLIENT_FAULTS, *SERVICE_FAULTS) == FAULTS


def test_no_fault_is_lost() -> None:
    assert len(CLIENT_FAULTS) >= 83
    assert len(SERVICE_FAULTS) >= 133


@pytest.mark.parametrize(
    ("faults", "clauses", "side"),
    [
        (CLIENT_FAULTS, CLIENT_CLAUSES, SubjectKind.CLIENT),
        (SERVICE_FAULTS, SERVICE_CLAUSES, SubjectKind.SERVICE),
    ],
    ids=["client", "service"],
)
def test_every_clause_has_a_fault(
    faults: tuple[Fault, ...], clauses: Any, side: SubjectKind
) -> None:
    assert {fault.clause for fault in faults} == {clause.id for clause in clauses}
    assert {fault.side for fault in faults} == {side}


@pytest.mark.parametrize(
    ("select", "first"),
    [(client_fault, "method-put"), (service_fault, "accepts-no-type")],
    ids=["client", "service"],
)
def test_an_unknown_fault_is_refused_with_all_ids(
    select: Callable[[str], Fault], first: str
) -> None:
    assert select(first).id == first
    with pytest.raises(UsageError, match=rf"^unknown fault 'x' \(one of: {first}, "):
        select("x")


def test_a_fault_belongs_to_one_side() -> None:
    with pytest.raises(TypeError, match="method-put is a fault of clients"):
        client_fault("method-put").make_sandbox()
    with pytest.raises(TypeError, match="accepts-nan is a fault of services"):
        service_fault("accepts-nan").make_client()


# -- sandboxes --


def test_a_faulty_sandbox_takes_the_settings_of_a_sandbox() -> None:
    sandboxes = [fault.make_sandbox(rate_limit=(1, 2)) for fault in SERVICE_FAULTS]
    assert {sandbox.rate_limit for sandbox in sandboxes} == {(1, 2)}
    assert service_fault("rate-no-reset").make_sandbox().rate_limit == (100, 60.0)
    assert service_fault("status-201").make_sandbox().rate_limit is None


def test_a_replaced_method_gets_the_original_and_its_arguments() -> None:
    sandbox = MutableSandbox(
        {
            "parse": lambda step: step.proceed(step.args[0].replace(b"'", b'"')),
            "reply": lambda step: step.proceed(418, step.args[1]),
        }
    )
    assert sandbox.parse(b"{'a': 1}") == {"a": 1}
    assert Caller(sandbox)("PATCH", "/elsewhere", b"").status == 418


def test_the_memory_of_a_mutation_belongs_to_one_sandbox() -> None:
    def counting(step: Any) -> Any:
        step.memory["updates"] = step.memory.get("updates", 0) + 1
        return step.proceed()

    one, other = (MutableSandbox({"update": counting}) for _ in range(2))
    Caller(one).patch(Caller(one).create(), change())
    Caller(one).patch("x", change())
    assert (one.memory, other.memory) == ({"updates": 2}, {})


def test_a_reply_may_be_no_json() -> None:
    sandbox = MutableSandbox({"render": lambda step: b"{"})
    assert sandbox.encode(b"{") == b"{"
    assert sandbox.encode({"a": 1}) == b'{"a":1}'


def test_an_unknown_method_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError, match="updated"):
        MutableSandbox({"updated": lambda step: None})


@pytest.mark.parametrize(
    ("fault_id", "attributes", "status"),
    [
        ("accepts-text-as-start", {"start": "2"}, 200),
        ("accepts-text-as-start", {"start": "two"}, 400),
        ("accepts-null-session", {"session_id": None}, 200),
        ("accepts-null-session", {"view_id": None}, 400),
        ("accepts-number-as-flag", {"is_device_type_selected_by_user": 1}, 200),
        ("accepts-number-as-flag", {"is_device_type_selected_by_user": 2}, 400),
        ("rejects-long-text", {"event_id": "\n" * 255}, 200),
        ("rejects-long-text", {"event_id": "\n" * 256}, 400),
    ],
)
def test_a_fault_is_wrong_in_one_way_only(
    fault_id: str, attributes: dict[str, Any], status: int
) -> None:
    call = Caller(service_fault(fault_id).make_sandbox())
    response = call.patch(call.create(), change({**REQUIRED, **attributes}))
    assert response.status == status


@pytest.mark.parametrize("fault", SERVICE_FAULTS, ids=lambda fault: fault.id)
def test_no_fault_crashes_by_accident(fault: Fault) -> None:
    """A row may lack every attribute that create does not require."""
    send = SandboxCall(fault.make_sandbox())
    statuses = []
    for creation in (UPDATE, change({**CREATED, "view_name": ""})):
        created = json.loads(send("POST", PATH, creation).body)
        path = f"{PATH}/{created['data']['id']}"
        for body in (UPDATE, change(), change(), change({**REQUIRED, FLAG: False})):
            statuses += [send("PATCH", path, body).status for _ in range(3)]
        statuses += [send(*call).status for call in (("GET", PATH), ("DELETE", path))]
        statuses.append(send("PATCH", path, change()).status)
    assert max(statuses) < 500 or fault.clause == "S-NO-5XX"


# -- clients --


def client_case(**special: Any) -> ClientCase:
    """Return a small case with a success as its response."""
    headers = (("Content-Type", "application/json"),)
    responses = (Response(200, headers, b'{"data": {"type": "snapshots"}}'),)
    defaults = {"snapshot_id": "a", "body": UPDATE, "responses": responses}
    return ClientCase(credential=CREDENTIALS["plain"], **(defaults | special))


@pytest.fixture
def play(mocked_sites: MockedSites) -> Callable[..., Any]:
    """Play a case with a mutation of the minimal client."""

    def play(mutation: ClientMutation, **special: Any) -> Any:
        client = Fault("x", "C-BODY", mutation).make_client(mocked_sites.clock)
        subject = ClientSubject(client, mocked_sites)
        return subject.play(client_case(**special), SITE)

    return play


def test_a_case_is_altered_before_the_client_sees_it(play: Callable[..., Any]) -> None:
    exchange = play(ClientMutation(case=lambda case: client_case(snapshot_id="b")))
    assert exchange.requests[0].url.endswith("/b")
    assert exchange.case.snapshot_id == "a"


def test_a_request_is_altered_before_it_is_sent(play: Callable[..., Any]) -> None:
    def mutate(request: Any) -> None:
        request.headers["X-Added"] = "1"

    exchange = play(ClientMutation(request=mutate))
    assert exchange.requests[0].header("X-Added") == "1"


def test_an_outcome_is_altered_before_the_caller_gets_it(
    play: Callable[..., Any],
) -> None:
    refused = Outcome(OutcomeKind.REFUSED)
    exchange = play(ClientMutation(outcome=lambda outcome, case, site: refused))
    assert exchange.outcome.kind is OutcomeKind.REFUSED
    assert len(exchange.requests) == 1


def test_an_unchecked_call_sends_an_invalid_body(play: Callable[..., Any]) -> None:
    mutation = send_raw(lambda case: case.body == 7)
    assert len(play(mutation, body=7).requests) == 1
    assert play(mutation, body=8).outcome.kind is OutcomeKind.REFUSED


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"[]", "snapshot"),
        (299, b"{", "broken_answer"),
        (404, b'{"errors": ["a", 1]}', "api_error 404"),
        (500, b"[]", "api_error 500"),
    ],
)
def test_an_unchecked_call_reports_the_response(
    play: Callable[..., Any], status: int, body: bytes, outcome: str
) -> None:
    mutation = send_raw(lambda case: True)
    exchange = play(mutation, responses=(Response(status, (), body),))
    assert exchange.outcome.summary == outcome
