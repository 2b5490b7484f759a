"""`contract serve` as a process of its own: what it says, what it answers, how it ends."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from contract.cli.serve import serve
from contract.errors import UsageError
from contract.sandbox import ORGS, PATH

HELLO = """\
listening on URL, snapshots are at /api/v2/replay/heatmap/snapshots
organization 1000001: DD-API-KEY: sandbox-api-key-of-org-1, DD-APPLICATION-KEY: sandbox-app-key-of-org-1
organization 1000002: DD-API-KEY: sandbox-api-key-of-org-2, DD-APPLICATION-KEY: sandbox-app-key-of-org-2
{more}stops on Ctrl-C
"""


@contextmanager
def served(
    *arguments: object, lines: int = 4
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start it; yield the process, its URL and what it has said, the URL in it replaced."""
    code = f"from contract.cli.serve import serve; serve(*{arguments!r})"
    command, pipe = [sys.executable, "-c", code], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as it:  # noqa: S603
        try:
            said = (
                "".join(it.stdout.readline() for _ in range(lines)) if it.stdout else ""
            )
            match = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert match, it.stderr.read() if it.stderr else ""
            yield it, match[0], said.replace(match[0], "URL")
        finally:
            it.kill()


def listed(url: str) -> tuple[int, str | None, object]:
    """Return status, rate limit and body of a list."""
    conn = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    keys = {"DD-API-KEY": ORGS[1].api_key, "DD-APPLICATION-KEY": ORGS[1].app_key}
    conn.request("GET", f"{PATH}?filter[view_name]=x", headers=keys)
    answer = conn.getresponse()
    told = answer.status, answer.headers["X-RateLimit-Limit"], json.loads(answer.read())
    conn.close()
    return told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_answers_and_stops_cleanly(
    number: signal.Signals,
) -> None:
    with served() as (process, url, said):
        assert said == HELLO.format(more="")
        assert listed(url) == (200, None, {"data": []})
        process.send_signal(number)
        rest = process.communicate(timeout=10)
        assert (process.returncode, *rest) == (0, "", "")
    with pytest.raises(ConnectionRefusedError):
        listed(url)


def test_a_port_a_fault_and_a_rate_limit_can_be_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served(port, "answer-empty", "2/3600", lines=6) as (process, url, said):
        assert url == f"http://127.0.0.1:{port}"
        more = "wrong on purpose: answer-empty\nrate limit: 2/3600 s for each organization\n"
        assert said == HELLO.format(more=more)
        answers = [listed(url) for _ in range(3)]
        assert [status for status, _, _ in answers] in (
            [200, 200, 429],
            [200, 200, 200],
        )  # on the hour
        assert {limit for _, limit, _ in answers} == {"2"}
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as error:
            serve(port)
    assert re.fullmatch(
        rf"--port {port}: cannot listen on 127\.0\.0\.1:{port}: .*in use.*; accepted: a free port, or 0",
        str(error.value),
    )


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(
        UsageError, match=rf"^--port {port}: .*; accepted: a free port, or 0$"
    ):
        serve(port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5/",
        "/5",
        "5/0",
        "-1/5",
        "5/-1",
        "1.5/2",
        "a/b",
        "5/1/2",
        "٥/1",
        "5/1e3",
    ],
)
def test_a_rate_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        serve(0, None, text)
    assert (
        str(error.value)
        == f"--rate-limit {text!r}: must be N/SECONDS, such as 100/60 (seconds above 0)"
    )


def test_an_unknown_fault_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        UsageError,
        match=r"^unknown fault 'x' \(one of: accepts-no-type, .*parity-no-maker\)$",
    ):
        serve(0, "x")


def test_the_signals_are_as_before_afterwards() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(UsageError):
        serve(-1)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
