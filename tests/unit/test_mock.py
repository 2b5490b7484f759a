"""The mocked sites: what a client meets there, what is recorded, and no way out."""

import socket
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
import urllib3

from contract.client import SITES
from contract.model import Delivery, FirstCall, OutcomeKind, Response, Tls
from contract.servers.mock import MockedSites
from contract.subjects.in_process import ClientSubject, MinimalClientAdapter
from tests.unit.client_cases import CREDENTIAL, client_case

EU = "datadoghq.eu"
ORIGIN = f"https://api.{EU}"
URL = f"{ORIGIN}/api/v2/replay/heatmap/snapshots/an-id"
OK = Response(
    200,
    (("Content-Type", "application/json"),),
    b'{"data": {"type": "snapshots", "id": "x"}}',
)
CHUNKED = (("Transfer-Encoding", "chunked"),)
CLOSE = (("Connection", "close"),)
LATE = FirstCall(replace(OK, delivery=Delivery.LATE))
CLOSED = FirstCall(OK, is_closed=True)
PATCHED = (time, socket, socket.socket, requests.adapters.HTTPAdapter)


@pytest.fixture
def minimal(mocked_sites: MockedSites) -> ClientSubject:
    adapter = MinimalClientAdapter(clock=mocked_sites.clock)
    return ClientSubject(adapter, mocked_sites)


def get(url: str = URL, timeout: Any = 5) -> bytes:
    return requests.get(url, timeout=timeout).content


# -- responses -------------------------------------------------------------------------


@pytest.mark.parametrize("site", SITES)
def test_a_site_answers(minimal: ClientSubject, site: str) -> None:
    exchange = minimal.play(client_case(OK), site)
    assert exchange.outcome.kind is OutcomeKind.SNAPSHOT
    assert (exchange.site, exchange.responses) == (site, (OK,))
    (request,) = exchange.requests
    assert (request.method, request.url) == ("PATCH", URL.replace(EU, site))
    assert request.header("dd-api-key") == CREDENTIAL.api_key
    assert 0 < request.sent_at_s <= request.answered_at_s


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (replace(OK, delivery=Delivery.CUT), "IncompleteRead"),
        (replace(OK, delivery=Delivery.RESET), "Connection reset by peer"),
        (replace(OK, body=b"", delivery=Delivery.CUT), "Connection reset by peer"),
    ],
    ids=["cut", "reset", "cut without a body"],
)
def test_a_response_that_is_not_whole_fails(
    minimal: ClientSubject, response: Response, message: str
) -> None:
    exchange = minimal.play(client_case(response), EU)
    assert exchange.outcome.kind is OutcomeKind.FAILED
    assert message in exchange.outcome.message
    assert exchange.responses == (response,)
    assert minimal.play(client_case(OK), EU).outcome.kind is OutcomeKind.SNAPSHOT


def test_a_cut_is_that_of_urllib3_to_any_client(mocked_sites: MockedSites) -> None:
    mocked_sites.script(client_case(replace(OK, delivery=Delivery.CUT)), EU)
    with pytest.raises(requests.exceptions.ChunkedEncodingError) as raised:
        get()
    assert isinstance(raised.value.args[0].args[1], urllib3.exceptions.IncompleteRead)


def test_headers_come_as_they_were_written(mocked_sites: MockedSites) -> None:
    headers = (
        ("X-a", "1"),
        ("x-A", "2"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    )
    mocked_sites.script(
        client_case(
            Response(200, headers, b"body"),
            Response(204),
            Response(200, (("content-length", "3"),), b"abc"),
        ),
        EU,
    )
    response = requests.get(URL, timeout=5)
    assert response.raw.headers.getlist("X-A") == ["1", "2"]
    assert response.headers["Content-Length"] == "4"
    assert "Content-Type" not in response.headers
    assert response.cookies.get_dict() == {"a": "1", "b": "2"}
    assert "Content-Length" not in requests.get(URL, timeout=5).headers
    assert requests.get(URL, timeout=5).raw.headers.getlist("Content-Length") == ["3"]


# -- refusals --------------------------------------------------------------------------


def test_one_request_more_than_scripted_is_refused(mocked_sites: MockedSites) -> None:
    mocked_sites.script(client_case(OK), EU)
    assert get(f"{URL}?q=%2F#fragment") == OK.body
    with pytest.raises(
        requests.ConnectionError,
        match="request 2 is unscripted; expected: 200",
    ):
        requests.post(URL, data="é", timeout=5)
    recorded, responses = mocked_sites.recorded()
    assert responses == (OK, None)
    assert [request.url for request in recorded] == [f"{URL}?q=%2F", URL]
    assert (recorded[1].method, recorded[1].body) == ("POST", "é".encode())
    assert recorded[1].answered_at_s == 0.0


@pytest.mark.parametrize(
    "origin", ["http://api.datadoghq.eu", "https://app.datadoghq.eu", f"{ORIGIN}:444"]
)
def test_another_origin_is_refused_with_the_expected_ones(
    mocked_sites: MockedSites, origin: str
) -> None:
    mocked_sites.script(client_case(OK), EU)
    with pytest.raises(requests.ConnectionError) as raised:
        get(origin)
    message = f"{origin} is not mocked; expected: https://api.datadoghq.com, "
    assert message in str(raised.value)
    (request,), responses = mocked_sites.recorded()
    assert (request.url, responses) == (f"{origin}/", (None,))
    assert get(f"{ORIGIN}:443/") == OK.body


def test_a_redirect_may_be_followed_anywhere(mocked_sites: MockedSites) -> None:
    redirect = Response(307, (("Location", "https://collector.example/a"),))
    mocked_sites.script(client_case(redirect, OK), EU)
    response = requests.get(URL, headers={"DD-API-KEY": "key"}, timeout=5)
    assert response.content == OK.body
    recorded, responses = mocked_sites.recorded()
    assert responses == (redirect, OK)
    assert recorded[1].url == "https://collector.example/a"
    assert recorded[1].header("DD-API-KEY") == "key"


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
    mocked_sites: MockedSites, connect: Callable[[], Any], target: str
) -> None:
    mocked_sites.script(client_case(OK), EU)
    with pytest.raises(
        Exception, match="no real connection while the sites are mocked"
    ):
        connect()
    recorded, responses = mocked_sites.recorded()
    assert [(request.method, request.url) for request in recorded] == [
        ("CONNECT", target)
    ]
    assert responses == (None,)
    mocked_sites.script(client_case(), EU)
    assert mocked_sites.recorded() == ((), ())


# -- time and scope --------------------------------------------------------------------


def test_sleeping_takes_no_time_and_is_counted(minimal: ClientSubject) -> None:
    limited = Response(429, (("X-RateLimit-Reset", "3000"),), b"{}")
    exchange = minimal.play(client_case(limited, OK, retry=True), EU)
    assert exchange.outcome.kind is OutcomeKind.SNAPSHOT
    assert exchange.responses == (limited, OK)
    first, second = exchange.requests
    assert 3000 <= second.sent_at_s - first.answered_at_s < 3600
    assert 3000 <= exchange.outcome.seconds < 3600
    assert minimal.waiting_cost_s(exchange) == 0.0


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"tls": Tls.EXPIRED}, "only a real socket has another certificate"),
        ({"delivery": Delivery.STALL}, "only a real socket has this delivery"),
        ({"delivery": Delivery.STALL_BODY}, "only a real socket has this delivery"),
        ({"delivery": Delivery.DRIP}, "only a real socket has this delivery"),
        ({"delivery": Delivery.LATE}, "only a real socket has this delivery"),
        ({"delivery": Delivery.HTTP_1_0}, "only a real socket has this delivery"),
        ({"headers": CHUNKED}, "only a real socket has a framing"),
        ({"headers": CLOSE}, "only a real socket has a framing"),
        ({"first_call": LATE}, "only a real socket has this delivery"),
        ({"first_call": CLOSED}, "only a real connection can be closed"),
        ({"first_call": FirstCall(OK)}, ""),
        ({"delivery": Delivery.GZIP}, ""),
        ({"delivery": Delivery.CUT}, ""),
        ({"delivery": Delivery.RESET}, ""),
    ],
    ids=str,
)
def test_a_case_for_real_sockets_is_named(details: dict[str, Any], reason: str) -> None:
    parts = {n: details.pop(n) for n in ("delivery", "headers") if n in details}
    response = replace(OK, **parts)
    case = client_case(OK, response, **details)
    assert MockedSites(SITES).skip_reason(case) == reason


def test_nothing_stays_patched_and_time_is_never_patched() -> None:
    before = [dict(vars(owner)) for owner in PATCHED]
    with MockedSites(SITES):
        assert dict(vars(time)) == before[0]
        assert [dict(vars(owner)) for owner in PATCHED] != before
    assert [dict(vars(owner)) for owner in PATCHED] == before
