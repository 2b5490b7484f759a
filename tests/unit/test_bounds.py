"""Messages of any size and framing: read up to a bound, judged, stored abridged."""

import gzip
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from contract.clauses.base import Defect, parse, parse_request
from contract.clauses.client_behavior import request_digest
from contract.clauses.client_facts import ClientFacts
from contract.clauses.service_response import ERROR, SCHEMA
from contract.clauses.service_state import ECHO, ID, REPEAT, SECRET
from contract.engine.subject import Recorder, abridged
from contract.engine.traits import request_changes
from contract.model import (
    ABRIDGED,
    MAX_BODY,
    ClientExchange,
    CutBody,
    Delivery,
    Note,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    SubjectKind,
)
from contract.servers.fake_sites import FakeSites
from contract.servers.framing import LENGTH_IGNORED, MAX_HEAD
from contract.spec import load
from contract.subjects.http import (
    LEFT_OVER,
    TOO_LONG,
    HttpConnection,
    NoResponseError,
)
from tests.unit.client_cases import client_case
from tests.unit.engine_support import StubSubject, exchange_of
from tests.unit.raw_servers import listening, page
from tests.unit.service_examples import (
    KEYS,
    NOT_CONCERNED,
    context_with,
    findings,
    raw_findings,
)
from tests.unit.wire_support import OK, SITE, exchange, only, tls

HEAD = b"HTTP/1.1 200 OK\r\n"
IN_CHUNKS = b"Transfer-Encoding: chunked\r\n"
MEGABYTE = b"x" * (1 << 20)


def length(*values: object) -> bytes:
    return b"".join(f"Content-Length: {value}\r\n".encode() for value in values)


@contextmanager
def answering(*answers: bytes) -> Iterator[HttpConnection]:
    """Connect to a server that sends one answer after another, on any connection."""
    left = iter(answers)

    def respond(connection: socket.socket) -> None:
        while connection.recv(1 << 16):
            for part in next(left).split(b"\0", 1):
                connection.sendall(part)

    with listening(respond) as url, HttpConnection(url, timeout_s=5) as connection:
        yield connection


# -- responses of services --


@pytest.mark.parametrize(
    ("text", "body", "notes"),
    [
        (HEAD + length(2, 2) + b"\r\nab", b"ab", []),
        (HEAD + length("2, 2") + b"\r\nab", b"ab", []),
        (HEAD + length("02", 2) + b"\r\nab", b"ab", []),
        (
            HEAD + length(9) + IN_CHUNKS + b"\r\n2\r\nab\r\n0\r\n\r\n",
            b"ab",
            [LENGTH_IGNORED],
        ),
        (HEAD + length(2) + b"\r\nabc", b"ab", [LEFT_OVER]),
        (HEAD + IN_CHUNKS + b"\r\n1\r\na\r\n0\r\n\r\nb", b"a", [LEFT_OVER]),
        (b"HTTP/1.1 204 No Content\r\n\r\nab", b"", [LEFT_OVER]),
    ],
    ids=["twice", "list", "zeros", "both", "left over", "after chunks", "after a 204"],
)
def test_a_length_is_read_as_the_rfc_says(
    text: bytes, body: bytes, notes: list[str]
) -> None:
    with answering(text, page(b"next")) as connection:
        assert connection.send("GET", "/", (), b"").body == body
        assert list(connection.notes) == notes
        assert connection.send("GET", "/", (), b"").body == b"next"


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        (length(2, 3), "several values of Content-Length"),
        (length("2, 3"), "several values of Content-Length"),
        (length(-2), "Content-Length is no number"),
        (length("+2"), "Content-Length is no number"),
        (length("²"), "Content-Length is no number"),
        (length(""), "Content-Length is no number"),
        (length("2,"), "Content-Length is no number"),
        (length(3, 2) + IN_CHUNKS, "several values of Content-Length"),
    ],
)
def test_a_length_that_cannot_be_read_ends_the_connection(
    headers: bytes, problem: str
) -> None:
    with answering(HEAD + headers + b"\r\n{}", page(b"next")) as connection:
        with pytest.raises(NoResponseError, match=f"not HTTP: {problem}"):
            connection.send("GET", "/", (), b"")
        assert connection.send("GET", "/", (), b"").body == b"next"


def test_bytes_after_an_answer_are_no_answer_to_the_next_request() -> None:
    deleted = b"HTTP/1.1 204 No Content\r\n\r\n"
    with answering(page(b"a") + deleted, page(b"b")) as connection:
        connection.send("PATCH", "/", (), b"")
        assert connection.send("DELETE", "/", (), b"").status == 200
    assert connection.notes == {LEFT_OVER: 1}


def test_bytes_that_come_later_are_no_answer_to_the_next_request() -> None:
    is_over = threading.Event()

    def respond(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(page(b"a"))
        is_over.wait(9)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with listening(respond) as url, HttpConnection(url, timeout_s=5) as connection:
        connection.send("PATCH", "/", (), b"")
        is_over.set()
        connection._socket.settimeout(9)
        connection._socket.recv(1, socket.MSG_PEEK)
        assert connection.send("DELETE", "/", (), b"").body == b"a"
    assert list(connection.notes) == [LEFT_OVER]


def endless(begin: bytes, part: bytes) -> Callable[[socket.socket], None]:
    def respond(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(begin)
        while True:
            connection.sendall(part)

    return respond


BOMB = gzip.compress(bytes(64 << 20), 1)
PACKED = HEAD + b"Content-Encoding: gzip\r\n"

ENDLESS = {
    "by length": (HEAD + length(10**12) + b"\r\n", MEGABYTE),
    "up to the end": (HEAD + b"\r\n", MEGABYTE),
    "chunks": (HEAD + IN_CHUNKS + b"\r\n", b"100000\r\n" + MEGABYTE + b"\r\n"),
    "one chunk": (HEAD + IN_CHUNKS + b"\r\nffffffffff\r\n", MEGABYTE),
    "gzip": (PACKED + length(len(BOMB)) + b"\r\n" + BOMB, b""),
    "members": (PACKED + b"\r\n", gzip.compress(MEGABYTE)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_long_body_is_cut_and_noted(name: str) -> None:
    begin, part = ENDLESS[name]
    with (
        listening(endless(begin, part or b" ")) as url,
        HttpConnection(url, timeout_s=9) as connection,
    ):
        body = connection.send("GET", "/", (), b"").body
    assert isinstance(body, CutBody)
    assert len(body) == MAX_BODY
    assert connection.notes == {TOO_LONG: 1}


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (b"HTTP/1.1 200 ", b"x"),
        (HEAD + b"X: ", b"x"),
        (HEAD, b"X: y\r\n"),
        (HEAD, b"X: " + b"y" * 9_000 + b"\r\n"),
        (HEAD + IN_CHUNKS + b"\r\n0\r\n", b"X: y\r\n"),
        (HEAD + IN_CHUNKS + b"\r\n1;", b"x"),
    ],
    ids=["phrase", "header", "headers", "long headers", "trailers", "extension"],
)
def test_a_head_that_does_not_end_is_no_http(begin: bytes, part: bytes) -> None:
    many = part * (8_192 // len(part) + 1)
    with (
        listening(endless(begin, many)) as url,
        pytest.raises(NoResponseError, match="not HTTP: a head of more than"),
    ):
        HttpConnection(url, timeout_s=9).send("GET", "/", (), b"")


def test_a_head_of_many_kilobytes_is_read() -> None:
    value = b"y" * (MAX_HEAD // 2)
    with answering(HEAD + b"X: " + value + b"\r\n" + length(0) + b"\r\n") as connection:
        assert connection.send("GET", "/", (), b"").header("X") == value.decode()


def test_opening_and_exchange_share_the_time() -> None:
    with listening(endless(b"", b"HTTP/1.1 102 \r\n\r\n")) as url:
        connection = HttpConnection(url, timeout_s=0.3)
        with pytest.raises(NoResponseError, match=r"no whole answer within 0\.3 s"):
            connection.send("GET", "/", (), b"")


# -- requests of clients --


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (length(-5), "Content-Length is no number"),
        (length(2, 3), "several values of Content-Length"),
        (IN_CHUNKS, "a chunk has no size"),
    ],
)
def test_a_request_that_cannot_be_read_is_noted(
    fake_sites: FakeSites, head: bytes, problem: str
) -> None:
    fake_sites.script(client_case(OK), SITE)
    text = b"PATCH /x HTTP/1.1\r\n" + head + b"\r\n-1\r\n{}"
    assert exchange(tls(fake_sites), text) == b""
    assert only(fake_sites).remark == f"a request that cannot be read: {problem}"


def test_a_length_beside_chunks_is_ignored_and_ends_the_connection(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(client_case(OK, OK), SITE)
    head = b"PATCH /x HTTP/1.1\r\n" + length(0) + IN_CHUNKS
    assert b"200 OK" in exchange(tls(fake_sites), head + b"\r\n2\r\n{}\r\n0\r\n\r\n")
    assert (only(fake_sites).body, only(fake_sites).remark) == (b"{}", LENGTH_IGNORED)


def test_bytes_after_a_request_are_recorded_and_end_the_connection(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(client_case(OK), SITE)
    received = exchange(
        tls(fake_sites), b"PATCH /x HTTP/1.1\r\n" + length(2) + b"\r\n{}}\r\n\r\n"
    )
    assert b"200 OK" in received
    requests, _ = fake_sites.recorded()
    assert [(r.method, r.body) for r in requests] == [
        ("PATCH", b"{}"),
        ("", b"}\r\n\r\n"),
    ]


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (length(10**12) + b"\r\n", MEGABYTE),
        (IN_CHUNKS + b"\r\n", b"100000\r\n" + MEGABYTE + b"\r\n"),
        (b"X: ", MEGABYTE),
        (b"", b"X: y\r\n" * 9_999),
    ],
    ids=["by length", "chunks", "header", "headers"],
)
def test_a_long_request_is_cut_and_not_answered(
    fake_sites: FakeSites, head: bytes, part: bytes
) -> None:
    fake_sites.script(client_case(OK), SITE)
    with tls(fake_sites) as connection, suppress(OSError, ssl.SSLError):
        connection.sendall(b"PATCH /x HTTP/1.1\r\n" + head)
        while True:
            connection.sendall(part)
    request = only(fake_sites)
    assert len(request.body) in (MAX_HEAD, MAX_BODY)
    assert parse_request(request).defect is (
        Defect.CUT if request.method else Defect.SYNTAX
    )


def test_what_a_client_sends_during_a_stall_is_not_stored(
    fake_sites: FakeSites,
) -> None:
    fake_sites.script(client_case(Response(200, delivery=Delivery.STALL)), SITE)
    with tls(fake_sites) as connection:
        connection.sendall(b"PATCH /x HTTP/1.1\r\n" + length(0) + b"\r\n" + MEGABYTE)
        fake_sites.recorded()
        (open_connection,) = fake_sites.shared.open
        assert len(open_connection.stream.buffer) <= 1 << 16


def test_endless_requests_are_recorded_up_to_a_number() -> None:
    script = FakeSites(["s"]).shared.current
    for _ in range(1_500):
        script.record(Request("PATCH", "/", body=b"x" * (ABRIDGED + 1)))
    bodies = [record.request.body for record in script.records]
    assert len(bodies) == 1_000
    assert [isinstance(body, CutBody) for body in bodies[7:9]] == [False, True]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_packed_request_is_unpacked_up_to_the_bound(coding: str) -> None:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    headers = (("Content-Encoding", coding),)
    bomb = Request("PATCH", "/", headers, pack(bytes(MAX_BODY + 1)))
    assert parse_request(bomb).defect is Defect.CUT
    assert parse_request(Request("PATCH", "/", headers, pack(b"[1]"))).value == [1]
    damaged = Request("PATCH", "/", headers, pack(b"[1]")[:-1])
    assert parse_request(damaged).error == f"not {coding}"


# -- what is judged, and what is stored --

CUT = CutBody.of(b'{"data": "' + MEGABYTE * 4, MAX_BODY)


def test_a_cut_body_is_judged_by_what_does_not_need_its_end() -> None:
    parts = {"raw": CUT}
    (note,) = raw_findings(SCHEMA, parts) or ()
    assert note == Note("A 200 is longer than 4 MiB, and was cut.")
    assert [findings(clause, parts) for clause in (ID, ECHO)] == [NOT_CONCERNED] * 2
    assert findings(REPEAT, {**parts, "statuses": (200, 200)}) == []
    (note,) = raw_findings(ERROR, {**parts, "status": 404}) or ()
    assert isinstance(note, Note)
    echo = CutBody.of(KEYS[0].encode() + CUT, MAX_BODY)
    assert findings(SECRET, {"raw": echo}) == ["key-in-body@200"]


def test_of_a_judged_exchange_the_beginning_is_stored() -> None:
    raw = b'{"data": "' + MEGABYTE + b'"}'
    whole = context_with(raw=raw, outcome=Outcome(OutcomeKind.SNAPSHOT)).exchange
    stored = abridged(whole)
    (response,) = stored.responses
    assert (len(response.body), response.body.length) == (ABRIDGED, len(raw))
    assert response.body == CutBody.of(raw) != CutBody.of(raw + b" ")
    assert parse(response.body).defect is Defect.CUT
    assert abridged(stored) == stored
    small = context_with().exchange
    assert abridged(small) == small


def test_texts_of_an_outcome_are_stored_abridged() -> None:
    snapshot = {"data": "x" * (1 << 20)}
    other = {"data": "x" * (1 << 20) + "y"}
    outcomes = [
        abridged(
            exchange_of(
                client_case(),
                outcome=Outcome(OutcomeKind.SNAPSHOT, value, logged="z" * (1 << 20)),
            )
        ).outcome
        for value in (snapshot, other)
    ]
    assert all(len(o.snapshot) + len(o.logged) < 3 * ABRIDGED for o in outcomes)
    assert outcomes[0].snapshot != outcomes[1].snapshot


def test_bodies_that_differ_beyond_their_stored_part_differ() -> None:
    first, second = (
        Request("PATCH", "/", body=CutBody.of(MEGABYTE + end)) for end in (b"a", b"b")
    )
    assert list(request_changes(first, second, ()))
    assert not list(request_changes(first, first, ()))
    digests = [
        request_digest(
            ClientFacts(
                ClientExchange(
                    case=client_case(OK),
                    site=SITE,
                    requests=(request,),
                    outcome=Outcome(OutcomeKind.SNAPSHOT),
                ),
                load(),
            )
        )
        for request in (first, second)
    ]
    assert digests[0] != digests[1]


@pytest.mark.parametrize(("size", "stored"), [(10, 1), (ABRIDGED + 1, 0)])
def test_an_exchange_that_is_stored_abridged_is_no_recording(
    size: int, stored: int
) -> None:
    result = context_with(raw=b" " * size).exchange
    subject = StubSubject(lambda case, site: result, kind=SubjectKind.SERVICE)
    recorder = Recorder(subject)
    assert recorder.play(result.case, result.site) is result
    assert len(recorder.exchanges) == stored


def test_violations_without_an_end_are_reported_up_to_a_number() -> None:
    schema = load().error_schema
    assert len(schema.errors({"errors": [{}] * 50_000})) == 1_000
    assert not schema.is_valid({"errors": ["a"] * 2_000 + [{}]})
