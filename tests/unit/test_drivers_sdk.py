"""The drivers of the SDKs: what each reports of its client."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contract.drivers.building import driver_command
from contract.errors import SubjectError
from contract.model import (
    ClientCase,
    Delivery,
    Outcome,
    OutcomeKind,
    Response,
    Tls,
)
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import Driver
from tests.unit.client_cases import CREDENTIAL, client_case
from tests.unit.driver_support import processes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BODY = {
    "data": {
        "type": "snapshots",
        "id": "i",
        "more": {"event_id": [1.5]},
        "attributes": {
            "event_id": "\U0001f600",
            "start": -(2**53),
            "is_device_type_selected_by_user": True,
            "other": None,
        },
    }
}
SNAPSHOT = {
    "data": {
        "type": "snapshots",
        "id": "x",
        "attributes": {
            "created_by_user_id": 2**53,
            "event_id": "\U0001f600",
            "is_device_type_selected_by_user": False,
            "more": {"a_b": 1},
        },
    }
}
SITE = "us5.datadoghq.com"
CASE = client_case(snapshot_id="a/b", body=BODY, timeout_s=5.0)
JSON = (("Content-Type", "application/json"),)


@pytest.mark.parametrize("name", ["minimal", "curl", "python", "typescript"])
def test_each_driver_reports_what_its_client_did(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    success = Response(200, JSON, json.dumps(SNAPSHOT).encode())
    limited = Response(429, JSON, b'{"errors": ["one", "two"]}')
    with running(name) as play:
        good, requests = play(replace(CASE, responses=(success,)))
        error, _ = play(replace(CASE, responses=(limited,)))
        stalled, _ = play(
            replace(
                CASE,
                responses=(replace(success, delivery=Delivery.STALL),),
                timeout_s=0.3,
            )
        )
        untrusted, none = play(
            replace(CASE, responses=(success,), tls=Tls.UNKNOWN_AUTHORITY)
        )
    assert (good.kind, good.snapshot, good.printed) == ("snapshot", SNAPSHOT, "")
    assert [json.loads(body) for body in requests] == [BODY]
    assert (error.kind, error.status, error.errors) == (
        "api_error",
        429,
        ("one", "two"),
    )
    no_answer = (
        "crashed" if name == "python" else "failed"
    )  # it lets the errors of urllib3 through
    assert (stalled.kind, untrusted.kind, none) == (no_answer, no_answer, [])


def test_a_version_without_the_operation_is_no_driver() -> None:
    environment = {"CONTRACT_PROXY_URL": "http://127.0.0.1:9"}
    driver = Driver(driver_command("typescript", "2.0.0-beta.2"), environment)
    with pytest.raises(SubjectError, match=r"has no v2\.RumReplayHeatmapsApi"):
        driver.__enter__()


Play = Callable[[ClientCase], tuple[Outcome, list[bytes]]]


@contextmanager
def running(name: str) -> Iterator[Play]:
    """Run a driver. Yield a function that plays a case and returns outcome and bodies.

    It is built in the cache of the user who runs the tests.
    """
    with (
        FakeSites([SITE]) as server,
        Driver(driver_command(name), server.environment()) as driver,
    ):
        assert driver.lost_probes == ()

        def play(case: ClientCase) -> tuple[Outcome, list[bytes]]:
            server.script(case, SITE)
            outcome = driver.update(case, SITE)
            return outcome, [request.body for request in server.recorded()[0]]

        yield play


@pytest.fixture(scope="module")
def typescript() -> Iterator[Play]:
    """Keep one driver for the tests of this module: Node takes seconds to load the SDK."""
    with running("typescript") as play:
        yield play


def answered(attributes: dict[str, object]) -> ClientCase:
    document = {"data": {"type": "snapshots", "attributes": attributes}}
    return replace(
        CASE, responses=(Response(200, JSON, json.dumps(document).encode()),)
    )


@pytest.mark.parametrize(
    ("start", "kind", "sent"),
    [
        (0, "snapshot", b"0"),
        (2**53, "snapshot", b"9007199254740992"),
        (2**53 + 1, "unsupported", None),
        (2**63 - 1, "unsupported", None),
        (
            -(2**63),
            "snapshot",
            b"-9223372036854776000",
        ),  # a number, handed over exactly; the rest is the SDK's
    ],
)
def test_typescript_does_not_get_a_number_that_it_cannot_express(
    typescript: Play, start: int, kind: str, sent: bytes | None
) -> None:
    attributes = {
        "event_id": "",
        "start": start,
        "is_device_type_selected_by_user": True,
    }
    body = {"data": {"type": "snapshots", "attributes": attributes}}
    outcome, bodies = typescript(replace(answered({}), body=body))
    assert (outcome.kind, outcome.message) == (
        kind,
        "" if sent else f"no number is {start}",
    )
    assert [re.findall(rb'"start":([^,}]+)', body) for body in bodies] == (
        [[sent]] if sent else []
    )


def test_typescript_numbers_come_back_digit_by_digit(typescript: Play) -> None:
    outcome, _ = typescript(
        answered({"org_id": -(2**63), "created_by_user_id": 2**53 + 1})
    )
    # the SDK's JSON.parse has rounded the second
    assert outcome.snapshot["data"]["attributes"] == {
        "org_id": -(2**63),
        "created_by_user_id": 2**53,
    }


def test_a_typescript_error_other_than_429_is_one_text(typescript: Play) -> None:
    outcome, _ = typescript(
        replace(CASE, responses=(Response(404, JSON, b'{"errors": ["none such"]}'),))
    )
    assert (outcome.kind, outcome.status) == ("api_error", 404)
    [text] = outcome.errors  # the SDK's own words around the body of the answer
    assert '{"errors": ["none such"]}' in text


def test_typescript_dates_are_what_a_date_holds(typescript: Play) -> None:
    outcome, _ = typescript(
        answered(
            {"created_at": "2024-05-06T07:08:09.123456+02:00", "modified_at": "soon"}
        )
    )
    assert outcome.snapshot["data"]["attributes"] == {
        "created_at": "2024-05-06T05:08:09.123Z",
        "modified_at": None,
    }


@pytest.mark.parametrize(
    ("body", "answer", "kind", "type_"),
    [
        ({}, b"{}", "refused", ""),
        (None, b"{}", "refused", ""),
        ({"data": {"type": "others"}}, b"{}", "crashed", "TypeError"),
        (BODY, b'{"data": {}}', "broken_answer", ""),
        (BODY, b'{"data": {"type": "snapshots", "id": 1}}', "crashed", "TypeError"),
    ],
    ids=["required", "null", "enum", "answer required", "answer type"],
)
def test_typescript_errors_are_told_apart_by_class_and_time(
    typescript: Play, body: object, answer: bytes, kind: str, type_: str
) -> None:
    outcome, _ = typescript(
        replace(CASE, body=body, responses=(Response(200, JSON, answer),))
    )
    assert (outcome.kind, outcome.type) == (kind, type_)


@pytest.mark.parametrize("name", ["minimal", "curl"])
def test_a_driver_reports_each_kind_of_response(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    success = Response(200, (), json.dumps(SNAPSHOT).encode())
    table = [
        ({"responses": (success,)}, "snapshot"),
        (
            {"responses": (Response(429, (), b'{"errors": ["one", "two"]}'),)},
            "api_error",
        ),
        ({"responses": (Response(200, (), b"<html>"),)}, "broken_answer"),
        ({"responses": (replace(success, delivery=Delivery.CUT),)}, "failed"),
        ({"responses": (Response(302, (("Location", "/"),)),)}, "failed"),
        ({"responses": (success,), "tls": Tls.EXPIRED}, "failed"),
    ]
    with running(name) as play:
        for details, kind in table:
            outcome, _ = play(replace(CASE, **details))
            assert (outcome.kind, outcome.logged, outcome.printed) == (kind, "", "")


def test_curl_shows_no_key_to_the_process_list() -> None:
    lines: list[str] = []
    look = threading.Timer(0.7, lambda: lines.extend(processes(["", "", "--max-time"])))
    with running("curl") as play:
        look.start()
        stalled = Response(200, delivery=Delivery.STALL)
        outcome, _ = play(replace(CASE, responses=(stalled,), timeout_s=1.5))
        look.join()
    assert outcome.kind is OutcomeKind.FAILED
    assert any("snapshots/a%2Fb" in line for line in lines)
    keys = CREDENTIAL.api_key, CREDENTIAL.app_key
    assert not any(key in line for line in lines for key in keys)
