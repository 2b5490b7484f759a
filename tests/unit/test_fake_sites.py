"""The fake sites: requests as they are recorded, responses as they are sent."""

import errno
import gzip
import select
import socket
import threading
import time

import pytest
import urllib3

from contract.client import SITES
from contract.model import Delivery, Request, Response
from contract.servers.fake_sites import FakeSites
from tests.unit.client_cases import client_case as case
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
    patch,
    tls,
)


@pytest.mark.parametrize("site", SITES)
def test_each_site_is_answered_over_trusted_tls(
    fake_sites: FakeSites, site: str
) -> None:
    fake_sites.script(case(OK), SITE)
    response = patch(fake_sites, f"https://api.{site}/x")
    assert (response.status, response.data) == (200, BODY)
    assert only(fake_sites).url == f"https://api.{site}/x"


def test_the_request_is_recorded_as_it_was_written(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    head = (
        b"PATCH /a%2Fb/../\xe9?q=%20#f HTTP/1.1\r\nhOsT: other\r\nDD-API-KEY: one\r\nX-Two:\t two words \r\n"
        b"dd-api-key: two\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
    )
    before = time.monotonic()
    exchange(tls(fake_sites), head + b"\x00\xff\n")
    assert only(fake_sites) == Request(
        "PATCH",
        f"https://{HOST}/a%2Fb/../\xe9?q=%20#f",
        (
            ("hOsT", "other"),
            ("DD-API-KEY", "one"),
            ("X-Two", "two words"),
            ("dd-api-key", "two"),
            ("Content-Length", "3"),
            ("Connection", "close"),
        ),
        b"\x00\xff\n",
        only(fake_sites).sent_at_s,
        only(fake_sites).answered_at_s,
        is_proxied=True,
    )
    assert (
        before
        < only(fake_sites).sent_at_s
        < only(fake_sites).answered_at_s
        < time.monotonic()
    )


def test_a_chunked_body_is_recorded_whole(fake_sites: FakeSites) -> None:
    fake_sites.script(case(OK), SITE)
    request = (
        b"PATCH /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b'3;a=b\r\n{"a\r\n4\r\n": 1\r\n1\r\n}\r\n0\r\nX-Trailer: t\r\n\r\n'
    )
    assert b"200 OK" in exchange(tls(fake_sites), request)
    assert only(fake_sites).body == b'{"a": 1}'


def test_a_client_that_expects_to_be_told_to_continue_is_told(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(case(OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(
            b"PATCH /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert b"200 OK" in connection.recv(1000)
    assert only(fake_sites).body == b"{}"


def test_answers_come_in_order_and_one_more_request_gets_none(
    fake_sites: FakeSites,
) -> None:
    scripted = (Response(429, (("X-RateLimit-Reset", "1"),), b"{}"), OK)
    fake_sites.script(case(*scripted), SITE)
    with client(fake_sites) as pool:
        statuses = [
            pool.request("PATCH", f"https://{HOST}/{number}").status
            for number in range(2)
        ]
        with pytest.raises(urllib3.exceptions.HTTPError):
            pool.request("PATCH", f"https://{HOST}/2")
    requests, responses = fake_sites.recorded()
    assert statuses == [429, 200]
    assert [request.url[-1] for request in requests] == ["0", "1", "2"]
    assert responses == (*scripted, None)
    assert requests[2].answered_at_s == 0.0


def test_a_connection_is_kept_across_cases(fake_sites: FakeSites) -> None:
    with client(fake_sites) as pool:
        for _ in range(3):
            fake_sites.script(case(OK), SITE)
            assert pool.request("PATCH", f"https://{HOST}/x", body=b"{}").status == 200
            assert len(fake_sites.recorded()[0]) == 1
        assert pool.connection_from_url(f"https://{HOST}").num_connections == 1


def test_headers_are_sent_verbatim_and_a_length_is_added(fake_sites: FakeSites) -> None:
    fake_sites.script(
        case(Response(418, (("x-B", "1"), ("X-a", "caf\xe9"), ("x-B", "2")), b"tea")),
        SITE,
    )
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        received = connection.recv(1000)
    assert received == (
        b"HTTP/1.1 418 I'm a Teapot\r\nx-B: 1\r\nX-a: caf\xe9\r\nx-B: 2\r\nContent-Length: 3\r\n\r\ntea"
    )


@pytest.mark.parametrize(
    "headers", [(("Content-Length", "100"),), (("Content-Length", "1"),)]
)
def test_a_false_length_ends_the_connection(
    fake_sites: FakeSites, headers: tuple[tuple[str, str], ...]
) -> None:
    fake_sites.script(case(Response(200, headers, b"{}")), SITE)
    assert exchange(tls(fake_sites)).endswith(b"\r\n\r\n{}")


def test_a_204_has_no_length_and_no_body(fake_sites: FakeSites) -> None:
    fake_sites.script(case(Response(204), OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(1000) == b"HTTP/1.1 204 No Content\r\n\r\n"
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)


def test_a_body_is_framed_in_chunks_where_the_answer_says_so(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(
        case(Response(200, (*JSON, ("Transfer-Encoding", "chunked")), BODY), OK), SITE
    )
    with client(fake_sites) as pool:
        response = pool.request("PATCH", f"https://{HOST}/x")
        assert (response.headers["Transfer-Encoding"], response.data) == (
            "chunked",
            BODY,
        )
        assert pool.request("PATCH", f"https://{HOST}/x").data == BODY


def test_a_gzipped_body_is_sent_as_it_is(fake_sites: FakeSites) -> None:
    fake_sites.script(
        case(Response(200, (("Content-Encoding", "gzip"),), gzip.compress(BODY))), SITE
    )
    assert patch(fake_sites).data == BODY


@pytest.mark.parametrize("framing", [(), (("Transfer-Encoding", "chunked"),)])
def test_an_answer_that_is_cut_ends_half_way(
    fake_sites: FakeSites, framing: tuple[tuple[str, str], ...]
) -> None:
    fake_sites.script(case(Response(200, JSON + framing, BODY, Delivery.CUT)), SITE)
    with pytest.raises(
        urllib3.exceptions.ProtocolError, match=r"IncompleteRead|Connection broken"
    ):
        patch(fake_sites)
    assert only(fake_sites).answered_at_s > 0


def test_an_empty_answer_that_is_cut_ends_in_its_head(fake_sites: FakeSites) -> None:
    fake_sites.script(case(Response(200, JSON, b"", Delivery.CUT)), SITE)
    received = exchange(tls(fake_sites))
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"\r\n\r\n")


def test_an_answer_that_drips_comes_byte_by_byte(
    fake_sites: FakeSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "contract.servers.connection.DRIP_INTERVAL_S", 0.3
    )  # what a busy machine may be late by
    fake_sites.script(case(Response(200, JSON, b"1234", Delivery.DRIP), OK), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(1000).endswith(b"\r\n\r\n")
        assert [connection.recv(1000) for _ in range(4)] == [b"1", b"2", b"3", b"4"]
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(1000)


def test_an_answer_that_stalls_never_comes(fake_sites: FakeSites) -> None:
    fake_sites.script(case(Response(200, JSON, BODY, Delivery.STALL)), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1000)
        assert fake_sites.recorded()[1] == (Response(200, JSON, BODY, Delivery.STALL),)
    assert only(fake_sites).answered_at_s == 0.0


@pytest.mark.parametrize("body", [BODY, b""])
def test_an_answer_whose_body_stalls_comes_up_to_its_head(
    fake_sites: FakeSites, body: bytes
) -> None:
    fake_sites.script(case(Response(200, JSON, body, Delivery.STALL_BODY)), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        received = connection.recv(1000)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1000)
    assert received.endswith(b"Content-Length: %d\r\n\r\n" % max(len(body), 1))


def test_a_reset_is_a_reset(fake_sites: FakeSites) -> None:
    fake_sites.script(case(Response(200, JSON, BODY, Delivery.RESET)), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        assert fake_sites.recorded()[1] == (Response(200, JSON, BODY, Delivery.RESET),)
        select.select(
            [connection], [], [], 5
        )  # Python's own TLS reads a reset as an end: ask the kernel
        assert (
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            == errno.ECONNRESET
        )


@pytest.mark.parametrize(
    "delivery", [Delivery.STALL, Delivery.STALL_BODY, Delivery.DRIP]
)
def test_what_a_case_left_open_ends_with_the_next(
    fake_sites: FakeSites, delivery: Delivery
) -> None:
    fake_sites.script(case(Response(200, JSON, BODY * 50, delivery)), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(REQUEST)
        fake_sites.recorded()
        fake_sites.script(case(OK), SITE)
        all_from(connection)
    assert patch(fake_sites).status == 200
    assert len(fake_sites.recorded()[0]) == 1


@pytest.mark.parametrize(
    "delivery", [Delivery.STALL, Delivery.STALL_BODY, Delivery.DRIP]
)
def test_a_delay_ends_when_the_client_goes_away(delivery: Delivery) -> None:
    threads = set(threading.enumerate())
    with FakeSites(SITES) as fake_sites:
        fake_sites.script(case(Response(200, JSON, BODY * 50, delivery)), SITE)
        with tls(fake_sites) as connection:
            connection.sendall(REQUEST)
            fake_sites.recorded()
        end = time.monotonic() + 2
        while (
            alive := len(set(threading.enumerate()) - threads)
        ) > 1 and time.monotonic() < end:
            time.sleep(0.01)
        assert alive == 1  # the one that accepts
