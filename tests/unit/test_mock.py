"""The mocked sites: what a client meets there, what is recorded, and that nothing leaves the process."""

import json
import logging
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
import urllib3

from contract.cases.parameters import keys
from contract.client import SITES, SnapshotClient
from contract.model import DRIP_S, Case, Outcome, Response
from contract.servers.mock import MockedSites
from contract.subjects.in_process import ClientSubject, MinimalClientAdapter

KEYS = keys["plain"]
ATTRIBUTES = {"event_id": "e", "start": 1, "is_device_type_selected_by_user": True}
BODY = {"data": {"type": "snapshots", "attributes": ATTRIBUTES}}
SNAPSHOT = {"data": {"type": "snapshots", "id": "x"}}
OK = Response(
    200, (("Content-Type", "application/json"),), json.dumps(SNAPSHOT).encode()
)
SITE = "https://api.datadoghq.eu"
URL = f"{SITE}/api/v2/replay/heatmap/snapshots/an-id"
CASE = Case("test", ("test",), "an-id", BODY, site="datadoghq.eu")


@dataclass
class Calling:
    """A client that is one function."""

    call: Callable[[], Any]

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        return Outcome("snapshot", snapshot=self.call())


def case(*answers: Response, **more: Any) -> Case:
    return replace(CASE, responses=answers, **more)


@pytest.fixture
def mock() -> Iterator[MockedSites]:
    with MockedSites(SITES) as mock:
        yield mock


@pytest.fixture
def minimal(mock: MockedSites) -> ClientSubject:
    return ClientSubject(MinimalClientAdapter(), mock)


@pytest.mark.parametrize("site", SITES)
def test_a_site_answers(minimal: ClientSubject, site: str) -> None:
    asked = case(OK).on(site)
    exchange = minimal.play(asked)
    assert exchange.outcome == Outcome(
        "snapshot", snapshot=SNAPSHOT, seconds=exchange.outcome.seconds
    )
    assert (exchange.case, exchange.responses, exchange.keys, exchange.reference) == (
        asked,
        (OK,),
        KEYS,
        None,
    )
    (request,) = exchange.requests
    assert (request.method, request.url) == ("PATCH", URL.replace("datadoghq.eu", site))
    assert (json.loads(request.body), request.header("dd-api-key")) == (BODY, KEYS[0])
    assert 0 < request.at_s <= request.answered_s
    assert minimal.play(asked, exchange).reference is exchange


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            Response(429, (), b'{"errors": ["one", "two"]}'),
            Outcome(
                "api_error", status=429, errors=("one", "two"), message="429: one; two"
            ),
        ),
        (
            Response(302, (("Location", "/"),)),
            Outcome(
                "failed",
                message="datadoghq.eu: status 302 leads elsewhere, and redirects are not followed",
            ),
        ),
    ],
)
def test_the_minimal_client_tells_what_came(
    minimal: ClientSubject, answer: Response, outcome: Outcome
) -> None:
    exchange = minimal.play(case(answer))
    assert replace(exchange.outcome, seconds=0) == outcome
    assert exchange.responses == (answer,)


@pytest.mark.parametrize(
    ("delivery", "message"),
    [
        ("cut", "IncompleteRead"),
        ("drip", "no whole answer within 0.25 s"),
        ("stall-body", "no whole answer within 0.25 s"),
        ("reset", "Connection reset by peer"),
    ],
)
def test_an_answer_that_does_not_come_whole(
    minimal: ClientSubject, delivery: Any, message: str
) -> None:
    exchange = minimal.play(case(replace(OK, delivery=delivery), timeout_s=0.25))
    assert exchange.outcome.kind == "failed"
    assert message in exchange.outcome.message
    assert exchange.responses == (replace(OK, delivery=delivery),)
    assert minimal.play(case(OK)).outcome.kind == "snapshot"


def test_a_drip_comes_byte_by_byte_and_whole(minimal: ClientSubject) -> None:
    exchange = minimal.play(case(replace(OK, body=b"{}", delivery="drip")))
    assert exchange.outcome.snapshot == {}
    assert exchange.requests[0].answered_s - exchange.requests[0].at_s >= 2 * DRIP_S


def get(url: str = URL, timeout: Any = 5) -> bytes:
    return requests.get(url, timeout=timeout).content


def test_the_deliveries_are_those_of_urllib3_to_any_client(mock: MockedSites) -> None:
    mock.script(
        case(
            *(
                replace(OK, delivery=delivery)
                for delivery in ("cut", "stall-body", "stall-body")
            )
        )
    )
    with pytest.raises(requests.exceptions.ChunkedEncodingError) as raised:
        get()
    assert isinstance(raised.value.args[0].args[1], urllib3.exceptions.IncompleteRead)
    for timeout in (0.05, (1, 0.05)):
        with pytest.raises(requests.ConnectionError, match="Read timed out"):
            get(timeout=timeout)


def test_a_client_that_would_wait_for_ever_is_cut_off(mock: MockedSites) -> None:
    mock.script(
        case(replace(OK, delivery="stall-body"), timeout_s=-0.45)
    )  # the mock waits twice that, and a second
    with pytest.raises(
        requests.exceptions.ChunkedEncodingError, match="the mock has closed"
    ):
        get(timeout=None)


@pytest.mark.parametrize("delivery", ["drip", "stall-body"])
def test_the_next_case_ends_what_is_still_open(
    mock: MockedSites, delivery: Any
) -> None:
    mock.script(case(replace(OK, delivery=delivery), timeout_s=1e6))
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(get, timeout=None)
        while not mock.recorded()[0]:
            pass
        mock.script(case())
    assert "the mock has closed" in str(asking.exception())
    assert mock.recorded() == ((), ())


def test_headers_come_as_they_were_written(mock: MockedSites) -> None:
    mock.script(
        case(
            Response(
                200,
                (
                    ("X-a", "1"),
                    ("x-A", "2"),
                    ("Set-Cookie", "a=1"),
                    ("Set-Cookie", "b=2"),
                ),
                b"body",
            ),
            Response(204),
            Response(200, (("content-length", "3"),), b"abc"),
        )
    )
    answer = requests.get(URL, timeout=5)
    assert answer.raw.headers.getlist("X-A") == ["1", "2"]
    assert answer.headers["Content-Length"] == "4"
    assert "Content-Type" not in answer.headers
    assert answer.cookies.get_dict() == {"a": "1", "b": "2"}
    assert "Content-Length" not in requests.get(URL, timeout=5).headers
    assert requests.get(URL, timeout=5).raw.headers.getlist("Content-Length") == ["3"]


def test_one_request_more_than_scripted_is_refused(mock: MockedSites) -> None:
    mock.script(case(OK))
    assert get(f"{URL}?q=%2F#fragment") == OK.body
    with pytest.raises(
        requests.ConnectionError,
        match=r"request 2 is unscripted; expected: 1 \(.*200\)",
    ):
        requests.post(URL, data="é", timeout=5)
    asked, answers = mock.recorded()
    assert answers == (OK, None)
    assert [request.url for request in asked] == [f"{URL}?q=%2F", URL]
    assert (asked[1].method, asked[1].body, asked[1].answered_s) == (
        "POST",
        "é".encode(),
        0.0,
    )


@pytest.mark.parametrize(
    "origin", ["http://api.datadoghq.eu", "https://app.datadoghq.eu", f"{SITE}:444"]
)
def test_another_origin_is_refused_and_told_what_was_expected(
    mock: MockedSites, origin: str
) -> None:
    mock.script(case(OK))
    with pytest.raises(requests.ConnectionError) as raised:
        get(origin)
    assert f"{origin} is not mocked; expected: https://api.datadoghq.com, " in str(
        raised.value
    )
    assert (mock.recorded()[0][0].url, mock.recorded()[1]) == (f"{origin}/", (None,))
    assert get(f"{SITE}:443/") == OK.body


def test_a_redirect_may_be_followed_anywhere(mock: MockedSites) -> None:
    led = Response(307, (("Location", "https://collector.example/a"),))
    mock.script(case(led, OK))
    assert (
        requests.get(URL, headers={"DD-API-KEY": "key"}, timeout=5).content == OK.body
    )
    asked, answers = mock.recorded()
    assert answers == (led, OK)
    assert (asked[1].url, asked[1].header("DD-API-KEY")) == (
        "https://collector.example/a",
        "key",
    )


def test_sleeping_takes_no_time_and_is_counted(minimal: ClientSubject) -> None:
    limited = Response(429, (("X-RateLimit-Reset", "3000"),), b"{}")
    exchange = minimal.play(case(limited, OK, retry=True))
    assert (exchange.outcome.kind, exchange.responses) == ("snapshot", (limited, OK))
    assert 3000 <= exchange.requests[1].at_s - exchange.requests[0].answered_s < 3600
    assert 3000 <= exchange.outcome.seconds < 3600


@pytest.mark.parametrize(
    ("connect", "target"),
    [
        (lambda: urllib.request.urlopen("http://192.0.2.1:81/"), "192.0.2.1:81"),
        (
            lambda: urllib3.PoolManager(retries=False).request(
                "GET", "https://example.com/"
            ),
            "example.com:443",
        ),
        (lambda: socket.socket().connect(("127.0.0.1", 9)), "127.0.0.1:9"),
        (lambda: socket.socket().connect_ex(("127.0.0.1", 9)), "127.0.0.1:9"),
        (lambda: socket.socket(socket.AF_UNIX).connect("/a/path"), "/a/path"),
        (lambda: socket.getaddrinfo("example.com", None), "example.com:None"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
def test_a_real_connection_fails_and_is_recorded(
    mock: MockedSites, connect: Callable[[], Any], target: str
) -> None:
    exchange = ClientSubject(Calling(connect), mock).play(case(OK))
    assert exchange.outcome.kind == "crashed"
    assert "no real connection while the sites are mocked" in exchange.outcome.message
    assert [(request.method, request.url) for request in exchange.requests] == [
        ("CONNECT", target)
    ]
    assert exchange.responses == (None,)
    mock.script(case())
    assert mock.recorded() == ((), ())


def test_what_a_client_prints_and_logs_is_kept(mock: MockedSites) -> None:
    def call() -> None:
        sys.stdout.write("printed")
        sys.stderr.write("told\n")
        logging.getLogger("some.client").debug("key %s", "k")

    root = logging.getLogger()
    before = root.level, root.handlers, sys.stdout
    outcome = ClientSubject(Calling(call), mock).play(case()).outcome
    assert outcome.stray == "printed"
    assert outcome.output == "told\nDEBUG:some.client:key k\n"
    assert (root.level, root.handlers, sys.stdout) == before


def test_an_exception_is_a_crash(mock: MockedSites) -> None:
    class Wrong(SnapshotClient):
        def update(self, *_: Any) -> Any:
            raise KeyError("data")

    crash = Outcome("crashed", type="KeyError", message="'data'")
    for client in (MinimalClientAdapter(make=Wrong), Calling(lambda: {}["data"])):
        outcome = ClientSubject(client, mock, "a name", "1").play(case(OK)).outcome
        assert replace(outcome, seconds=0) == crash


def test_what_only_a_real_socket_can_do_is_named() -> None:
    assert MockedSites.skip_reason(case(OK, replace(OK, delivery="drip"))) is None
    for asked in (case(OK, tls="expired"), case(OK, Response(200, delivery="stall"))):
        assert str(MockedSites.skip_reason(asked)).startswith("only a real socket can")


def test_nothing_stays_patched() -> None:
    def patched() -> list[Any]:
        return [
            dict(vars(owner))
            for owner in (time, socket, socket.socket, requests.adapters.HTTPAdapter)
        ]

    before = patched()
    with MockedSites(SITES):
        assert patched() != before
    assert patched() == before
