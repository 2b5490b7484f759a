"""Responses of the fake sites: packed, framed, of an old version, too late."""

import gzip

import pytest

from contract.model import Delivery, FirstCall, Request, Response
from contract.servers.answers import admits_gzip, packed
from contract.servers.fake_sites import FakeSites
from tests.unit.client_cases import client_case
from tests.unit.wire_support import (
    BODY,
    HOST,
    JSON,
    OK,
    REQUEST,
    SITE,
    all_from,
    client,
    exchange,
    only,
    tls,
)

PACKED = Response(200, JSON, BODY, Delivery.GZIP)
CHUNKED = Response(200, (*JSON, ("Transfer-Encoding", "chunked")), BODY)
LATE = Response(200, JSON, b"late", Delivery.LATE)


def asking(*accepted: str) -> Request:
    """Return a request with some fields Accept-Encoding."""
    headers = tuple(("accept-encoding", value) for value in accepted)
    return Request("PATCH", f"https://{HOST}/x", headers)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ((), False),
        (("identity",), False),
        (("*",), False),
        (("gzip",), True),
        (("br, GZIP ; q=0.5",), True),
        (("deflate", "gzip"), True),
        (("gzip;q=0",), False),
        (("gzip;q=0.000, br",), False),
        (("gzip;q=1.0.0",), False),
        (("x-gzip",), False),
        (("gzipped",), False),
    ],
)
def test_gzip_is_sent_only_to_those_who_name_it(
    accepted: tuple[str, ...], expected: bool
) -> None:
    assert admits_gzip(asking(*accepted)) is expected
    response = packed(PACKED, asking(*accepted))
    assert (response.header("Content-Encoding") == "gzip") is expected
    assert (gzip.decompress(response.body) if expected else response.body) == BODY


def test_another_response_is_never_packed() -> None:
    assert packed(OK, asking("gzip")) is OK


def test_a_packed_response_is_recorded_as_it_was_scripted(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(client_case(PACKED), SITE)
    with client(fake_sites) as pool:
        headers = {"Accept-Encoding": "gzip"}
        response = pool.request("PATCH", f"https://{HOST}/x", headers=headers)
    assert (response.headers["Content-Encoding"], response.data) == ("gzip", BODY)
    assert fake_sites.recorded()[1] == (PACKED,)


def test_chunks_have_an_extension_and_a_trailer(fake_sites: FakeSites) -> None:
    fake_sites.script(client_case(CHUNKED, OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        body = connection.recv(1000).partition(b"\r\n\r\n")[2]
        assert body.startswith(b"10;part=1\r\n")
        assert body.endswith(b"\r\n0\r\nX-Contract-Trailer: end\r\n\r\n")
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)


def test_an_old_version_ends_the_connection(fake_sites: FakeSites) -> None:
    fake_sites.script(client_case(Response(200, JSON, BODY, Delivery.HTTP_1_0)), SITE)
    received = exchange(tls(fake_sites))
    assert received.startswith(b"HTTP/1.0 200 OK\r\n")
    assert received.endswith(b"\r\nContent-Length: 31\r\n\r\n" + BODY)


def test_a_late_response_meets_the_next_request(fake_sites: FakeSites) -> None:
    case = client_case(OK, first_call=FirstCall(LATE))
    fake_sites.script(case, SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        assert fake_sites.recorded()[1] == (LATE,)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1000)
        fake_sites.follow(case)
        connection.settimeout(5)
        connection.sendall(REQUEST)
        received = connection.recv(1000)
        while BODY not in received:
            received += connection.recv(1000)
    assert received.index(b"late") < received.index(BODY)
    assert fake_sites.recorded()[1] == (OK,)
    assert only(fake_sites).is_proxied


@pytest.mark.parametrize("is_closed", [True, False])
def test_an_idle_connection_is_closed_between_two_calls(
    fake_sites: FakeSites, is_closed: bool
) -> None:
    case = client_case(OK, first_call=FirstCall(OK, is_closed=is_closed))
    fake_sites.script(case, SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)
        fake_sites.follow(case)
        assert fake_sites.recorded() == ((), ())
        if is_closed:
            assert all_from(connection) == b""
        else:
            connection.sendall(REQUEST)
            assert b"200 OK" in connection.recv(1000)
