"""The minimal client: responses that are not whole, and time."""

import io
import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses

from contract import client as module
from contract.client import BrokenAnswer, NoAnswer, Snapshot
from tests.unit.client_support import (
    API_KEY,
    FULL,
    SMALLEST,
    URL,
    Wire,
    answer,
    client,
    dripping,
)

pytestmark = pytest.mark.usefixtures("bare_environment")


WHOLE = answer(json.dumps(FULL).encode())
UNFINISHED = {
    "nothing": b"",
    "half a status line": b"HTTP/1.",
    "no HTTP": b"\x00\x01\x02\r\n\r\n",
    "head only": WHOLE[: WHOLE.index(b"\r\n\r\n") + 4],
    "half a body": WHOLE[:-20],
    "all but one byte": WHOLE[:-1],
    "a cut error": answer(b'{"errors": ["No"]}', "400 Bad Request")[:-3],
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n5\r\nab",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "no chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 200 + b"\r\n{}",
    "a header too long": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n{}",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n{}",
    "not gzip": answer(b"{}", "200 OK", "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_an_answer_that_is_not_whole_is_no_answer(wire: Wire, sent: bytes) -> None:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_RDWR)

    wire.behave = behave
    with pytest.raises(NoAnswer), client(timeout=5) as one:
        one.update("s-1", SMALLEST)
    assert len(wire.heads) == 1


def test_a_head_that_is_cut_is_no_success(wire: Wire) -> None:
    def behave(connection: socket.socket, number: int) -> None:
        connection.sendall(WHOLE[: 5 * number])
        connection.shutdown(socket.SHUT_RDWR)

    wire.behave = behave
    for _ in range(WHOLE.index(b"{") // 5):
        with pytest.raises((NoAnswer, BrokenAnswer)):
            client().update("s-1", SMALLEST)


def test_a_reset_connection_is_no_answer(wire: Wire) -> None:
    def behave(connection: socket.socket, _: int) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    wire.behave = behave
    with pytest.raises(NoAnswer):
        client().update("s-1", SMALLEST)


def test_a_refused_connection_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setattr(module, "URL", f"http://127.0.0.1:{port}/" + "{snapshot_id}")
    with pytest.raises(NoAnswer, match="refused"):
        client().update("s-1", SMALLEST)


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(WHOLE, id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", id="until closed"),
    ],
)
def test_a_whole_answer_is_read_however_it_is_framed(wire: Wire, whole: bytes) -> None:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(whole[:-1])
        time.sleep(0.05)
        connection.sendall(whole[-1:])
        connection.shutdown(socket.SHUT_RDWR)

    wire.behave = behave
    assert isinstance(client().update("s-1", SMALLEST), Snapshot)


def stalling(wire: Wire, begun: bytes) -> Callable[[socket.socket, int], None]:
    def behave(connection: socket.socket, _: int) -> None:
        connection.sendall(begun)
        wire.stop.wait(5)

    return behave


LONG, CHUNKS = (
    answer(b" " * 5000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 99,
)
SLOW: dict[str, Callable[[Wire], Callable[[socket.socket, int], None]]] = {
    "nothing comes": lambda wire: stalling(wire, b""),
    "the body does not come": lambda wire: stalling(wire, LONG[:50]),
    "the head drips": lambda wire: dripping(wire, LONG),
    "the body drips": lambda wire: dripping(wire, LONG, 50),
    "chunks drip": lambda wire: dripping(wire, CHUNKS, 50),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW.keys())
def test_the_time_out_bounds_the_whole_attempt(
    wire: Wire, slow: Callable[[Wire], Any]
) -> None:
    wire.behave = slow(wire)
    with pytest.raises(NoAnswer) as error, client(timeout=0.2) as one:
        one.update("s-1", SMALLEST)
    assert str(error.value) == "datadoghq.eu: no whole answer within 0.2 s"
    assert wire.left


def test_a_proxy_that_drips_is_too_late(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.behave = dripping(wire, b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n")
    monkeypatch.setattr(module, "URL", URL.replace("s-1", "{snapshot_id}"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{wire.port}")
    with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
        client(timeout=0.2).update("s-1", SMALLEST)
    assert wire.left


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_is_not_found_in_time_is_too_late(
    bare_environment: None, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    is_over = threading.Event()
    with monkeypatch.context() as patches:
        patches.setattr(socket, "getaddrinfo", lambda *_, **__: is_over.wait(5) and [])
        patches.setattr(module, "URL", URL.replace("https", scheme))
        with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
            client(timeout=0.1).update("s-1", SMALLEST)
    is_over.set()


def test_a_connection_that_opens_too_late_is_closed(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over, look_up = threading.Event(), socket.getaddrinfo
    before = threading.active_count()
    with monkeypatch.context() as patches:
        found = look_up("127.0.0.1", wire.port, type=socket.SOCK_STREAM)
        patches.setattr(
            socket, "getaddrinfo", lambda *_, **__: is_over.wait(5) and found
        )
        with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
            client(timeout=0.1).update("s-1", SMALLEST)
        assert not wire.connections
        is_over.set()
        while not wire.connections or threading.active_count() > before:
            time.sleep(0.01)
    assert wire.heads == []


def test_no_thread_is_started_without_a_new_connection(
    mocked: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocked.add("PATCH", URL, body=b"{}")
    with monkeypatch.context() as patches, client() as one:
        patches.setattr(threading.Thread, "start", lambda _: pytest.fail("started"))
        one.update("s-1", SMALLEST)


def test_a_connection_is_used_again_unless_it_was_left_in_the_middle(
    wire: Wire,
) -> None:
    with client(timeout=0.3) as one:
        one.update("s-1", SMALLEST)
        one.update("s-1", SMALLEST)
        assert len(wire.connections) == 1
        usual, wire.behave = wire.behave, stalling(wire, LONG[:50])
        with pytest.raises(NoAnswer):
            one.update("s-1", SMALLEST)
        wire.behave = usual
        one.update("s-1", SMALLEST)
        assert len(wire.connections) == 2


def test_a_body_that_drips_through_the_mock_is_too_late(
    mocked: responses.RequestsMock,
) -> None:
    class Drip(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            time.sleep(0.02)
            buffer[:1] = b" "
            return 1

    with io.BufferedReader(Drip()) as slow:
        mocked.add("PATCH", URL, body=slow)
        with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
            client(timeout=0.2).update("s-1", SMALLEST)
        time.sleep(0.1)  # until nobody reads it


def test_the_clock_is_the_one_of_the_caller(mocked: responses.RequestsMock) -> None:
    now_s = [0.0]

    def late(_: Any) -> tuple[int, dict[str, str], bytes]:
        now_s[0] += 11
        return 200, {}, b"{}"

    mocked.add_callback("PATCH", URL, late)
    with pytest.raises(NoAnswer, match=r"within 10\.0 s"):
        client(clock=lambda: now_s[0]).update("s-1", SMALLEST)


def test_a_call_can_be_interrupted(wire: Wire) -> None:
    wire.behave = stalling(wire, LONG[:50])
    main = threading.main_thread().ident
    assert main is not None
    if threading.get_ident() != main:
        pytest.skip("signals reach the main thread only")
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            client(timeout=30).update("s-1", SMALLEST)
    finally:
        timer.join()


def test_one_client_may_be_shared_by_threads(wire: Wire) -> None:
    results: list[Snapshot] = []
    with client() as one:
        threads = [
            threading.Thread(
                target=lambda n=n: results.append(one.update(f"s-{n}", SMALLEST))
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [Snapshot()] * 8


@pytest.mark.parametrize(
    "failure",
    [
        ValueError("x"),
        UnicodeError("x"),
        OSError("x"),
        RecursionError("x"),
        RuntimeError("x"),
        KeyError("x"),
        MemoryError(),
        requests.exceptions.InvalidURL("x"),
        requests.exceptions.InvalidHeader(f"x {API_KEY}"),
        requests.exceptions.SSLError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_whatever_the_libraries_raise_is_no_answer(
    mocked: responses.RequestsMock, failure: Exception
) -> None:
    mocked.add("PATCH", URL, body=failure)
    with pytest.raises(NoAnswer) as error:
        client().update("s-1", SMALLEST)
    assert type(failure).__name__ in str(error.value)
    assert API_KEY not in str(error.value)


def test_a_test_that_fails_inside_the_mock_is_not_swallowed(
    mocked: responses.RequestsMock,
) -> None:
    mocked.add_callback("PATCH", URL, lambda _: pytest.fail("not this one"))
    with pytest.raises(pytest.fail.Exception, match="not this one"):
        client().update("s-1", SMALLEST)
