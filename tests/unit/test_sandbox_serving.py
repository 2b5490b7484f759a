"""The sandbox on loopback: connections, strange requests, threads."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from contract.errors import SubjectError
from contract.sandbox import PATH, Sandbox, serving
from tests.sockets import accepted, undelayed
from tests.unit.sandbox_support import (
    CREATED,
    DEFAULT_HEADERS,
    REQUIRED,
    UNKNOWN,
    VALID,
    Clock,
    change,
    connection,
    create_at,
    send,
)


def raw_exchange(url: str, sent: bytes) -> bytes:
    """Send bytes on a new connection. Return all bytes until it is closed."""
    target = urlsplit(url)
    address = target.hostname or "", target.port or 0
    with socket.create_connection(address, timeout=10) as sock:
        sock.sendall(sent)
        with suppress(OSError):  # the server may have closed by now
            sock.shutdown(socket.SHUT_WR)
        parts = iter(lambda: sock.recv(65536), b"")
        return b"".join(parts)


def test_one_connection_serves_the_whole_life_of_a_snapshot(sandbox_url: str) -> None:
    conn = connection(sandbox_url)
    snapshot_id = send(conn, "POST", PATH, change(CREATED)).value["data"]["id"]
    sock = conn.sock
    assert send(conn, "PATCH", f"{PATH}/{snapshot_id}", b"{").status == 400
    assert (
        send(
            conn,
            "PATCH",
            f"{PATH}/{snapshot_id}",
            change({**REQUIRED, "view_id": "é\0😀"}),
        ).attributes["view_id"]
        == "é\0😀"
    )
    assert (
        len(send(conn, "GET", f"{PATH}?filter%5Bview_name%5D=%2Fbasket").value["data"])
        == 1
    )
    assert send(conn, "HEAD", f"{PATH}/{snapshot_id}").status == 405
    assert (
        send(
            conn,
            "PATCH",
            f"{PATH}/{snapshot_id}",
            change({**REQUIRED, "view_id": "x" * (1 << 20)}),
        ).status
        == 200
    )
    assert conn.sock is sock is not None
    assert (
        send(conn, "DELETE", f"{PATH}/{snapshot_id}").status == 204
    )  # waitress says `Connection: close` to every 204
    assert send(conn, "PATCH", f"{PATH}/{snapshot_id}", change()).status == 404
    conn.close()


@pytest.mark.parametrize(
    "snapshot_id", ["a/b", "a%2Fb", "é", "..", "100%", "a b", "a" * 8000]
)
def test_any_id_reaches_the_service_as_it_was_sent(snapshot_id: str) -> None:
    with serving(Sandbox(new_id=lambda: snapshot_id)) as url:
        create_at(url)
        conn = connection(url)
        assert (
            send(
                conn, "PATCH", f"{PATH}/{quote(snapshot_id, safe='')}", change()
            ).value["data"]["id"]
            == snapshot_id
        )
        conn.close()


def request_bytes(
    *,
    line: bytes = b"PATCH %s HTTP/1.1",
    more: bytes = b"",
    body: bytes = VALID,
    length: bool = True,
) -> bytes:
    head = [
        line.replace(b"%s", f"{PATH}/{UNKNOWN}".encode()),
        b"Host: x",
        b"Connection: close",
    ]
    head += [f"{name}: {text}".encode() for name, text in DEFAULT_HEADERS.items()]
    head += [b"Content-Length: %d" % len(body)] if length else []
    return b"\r\n".join(head) + b"\r\n" + more + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return request_bytes(
        more=b"Transfer-Encoding: chunked\r\n", body=body, length=False
    )


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (request_bytes(), {404}),
        (request_bytes(line=b"PATCH"), {400}),
        (request_bytes(line=b"\0\0 \xff"), {400}),
        (request_bytes(line=b"PATCH /\xff HTTP/1.1"), {400, 404}),
        (request_bytes(line=b"PATCH //[ HTTP/1.1"), {400, 404}),
        (request_bytes(line=b"PATCH /%zz%00%ff HTTP/1.1"), {400, 404}),
        (
            request_bytes(line=b"PATCH /" + b"a" * 300_000 + b" HTTP/1.1"),
            {400, 414, 431},
        ),
        (request_bytes(line=b"F@@ %s HTTP/1.1"), {400, 405}),
        (request_bytes(more=b"no colon\r\n"), {400}),
        (request_bytes(more=b"X: a\0b\r\n"), {400}),
        (request_bytes(more=b"X: " + b"a" * 300_000 + b"\r\n"), {431}),
        (request_bytes(more=b"Content-Type: text/plain\r\n"), {415}),
        (request_bytes(more=b"DD-API-KEY: other\r\n"), {403}),
        (request_bytes(more=b"DD_API_KEY: other\r\n"), {404}),
        (request_bytes(more=b"Content-Length: -1\r\n", length=False), {400}),
        (request_bytes(more=b"Content-Length: x\r\n", length=False), {400}),
        (request_bytes(more=b"Content-Length: 3\r\n"), {400}),
        (request_bytes(length=False, body=b""), {400}),
        (chunked(b"2\r\n{}\r\n0\r\n\r\n"), {400}),
        (chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(VALID), VALID)), {404}),
        (chunked(b"zz\r\n"), {400}),
        (request_bytes(body=b" " * (9 << 20)), {413}),
    ],
    ids=lambda part: ascii(part[:30]) if isinstance(part, bytes) else None,
)
def test_strange_requests_never_make_a_5xx(
    sandbox_url: str, sent: bytes, statuses: set[int]
) -> None:
    try:
        answer = raw_exchange(sandbox_url, sent)
    except ConnectionError:  # refused before all of it was read
        assert len(sent) > 100_000
    else:
        assert int(answer.split()[1]) in statuses
    assert create_at(sandbox_url)


def test_no_answer_waits_for_an_acknowledgement(sandbox_url: str) -> None:
    """The duration of a call is measured in `tests/benchmarks/latency.py`."""
    snapshot_id, conn = create_at(sandbox_url), connection(sandbox_url)
    assert send(conn, "PATCH", f"{PATH}/{snapshot_id}", change()).status == 200
    servers = accepted(urlsplit(sandbox_url).port or 0)
    assert servers
    assert all(undelayed(server, "TCP_NODELAY") == [True] for server in servers)
    conn.close()


def in_threads(number: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(worker: int) -> None:
        try:
            work(worker)
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=guarded, args=(worker,)) for worker in range(number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_eight_connections_lose_no_update(sandbox_url: str) -> None:
    shared = create_at(sandbox_url)
    own = [create_at(sandbox_url) for _ in range(8)]
    moments: list[str] = []

    def work(worker: int) -> None:
        conn = connection(sandbox_url)
        for turn in range(50):
            attributes = {
                **REQUIRED,
                "start": worker * 1000 + turn,
                "view_id": f"{worker}.{turn}",
            }
            own_response = send(
                conn, "PATCH", f"{PATH}/{own[worker]}", change(attributes)
            )
            assert (own_response.status, own_response.attributes["start"]) == (
                200,
                worker * 1000 + turn,
            )
            shared_response = send(
                conn, "PATCH", f"{PATH}/{shared}", change(attributes)
            )
            assert (
                shared_response.attributes["start"],
                shared_response.attributes["view_id"],
            ) == (
                worker * 1000 + turn,
                f"{worker}.{turn}",
            )
            moments.append(shared_response.attributes["modified_at"])
        conn.close()

    in_threads(8, work)
    assert len(moments) == len(set(moments)) == 400
    conn = connection(sandbox_url)
    rows = {
        row["id"]: row["attributes"]
        for row in send(conn, "GET", f"{PATH}?filter[view_name]=/basket").value["data"]
    }
    conn.close()
    assert [rows[id_]["start"] for id_ in own] == [
        worker * 1000 + 49 for worker in range(8)
    ]
    assert rows[shared]["modified_at"] == max(moments)


def test_a_rate_limit_is_exact_under_eight_connections(sandbox_clock: Clock) -> None:
    statuses: list[int] = []
    with serving(Sandbox(rate_limit=(60, 10), clock=sandbox_clock)) as limited:

        def work(_: int) -> None:
            conn = connection(limited)
            statuses.extend(
                send(conn, "GET", f"{PATH}?filter[view_name]=x").status
                for _ in range(25)
            )
            conn.close()

        in_threads(8, work)
    assert (statuses.count(200), statuses.count(429)) == (60, 140)


def test_serving_leaves_no_port_and_no_thread() -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        with serving(Sandbox()) as url:
            conn = connection(url)
            assert send(conn, "GET", f"{PATH}?filter[view_name]=x").status == 200
        conn.close()
        with pytest.raises(ConnectionRefusedError):
            create_at(url)
        deadline = time.monotonic() + 2
        while set(threading.enumerate()) - before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert set(threading.enumerate()) == before


def test_a_request_under_way_is_finished() -> None:
    begun = threading.Event()

    class Slow(Sandbox):
        def touch(self, row: Any) -> None:
            begun.set()
            time.sleep(0.3)
            super().touch(row)

    statuses: list[int] = []
    with serving(Slow()) as url:
        snapshot_id, conn = create_at(url), connection(url)
        thread = threading.Thread(
            target=lambda: statuses.append(
                send(conn, "PATCH", f"{PATH}/{snapshot_id}", change()).status
            )
        )
        thread.start()
        assert begun.wait(5)
    thread.join()
    conn.close()
    assert statuses == [200]


def test_the_port_can_be_chosen_and_a_taken_one_is_told() -> None:
    before = threading.active_count()
    with serving(Sandbox()) as url:
        port = urlsplit(url).port or 0
        with pytest.raises(
            SubjectError,
            match=rf"cannot listen on 127\.0\.0\.1:{port}: .*; accepted: a free port, or 0",
        ):
            serving(Sandbox(), port).__enter__()
    with serving(Sandbox(), port) as again:
        assert again == url
    with pytest.raises(SubjectError, match="accepted: a free port"):
        serving(Sandbox(), 70_000).__enter__()
    assert threading.active_count() <= before + 1


def test_what_the_application_raises_reaches_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Sandbox):
        def operate(self, *_: Any) -> Any:
            raise ZeroDivisionError("a bug")

    def session(own: type[Exception] | None) -> None:
        with serving(Broken()) as url:
            assert b" 500 " in raw_exchange(url, request_bytes())
            if own:
                raise own

    with pytest.raises(ZeroDivisionError, match="a bug"):
        session(None)
    with pytest.raises(KeyError):
        session(KeyError)
    assert "a bug" in caplog.text


def test_what_the_server_thread_raises_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("the loop broke")

    monkeypatch.setattr("waitress.server.BaseWSGIServer.run", dies)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="the loop broke"), serving(Sandbox()):
        pass
    assert threading.active_count() <= before + 1
