"""`contract serve` as a process of its own: its lines, its responses, its end."""

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

from contract.cli.tools import serve
from contract.endpoint import create_body
from contract.errors import UsageError
from contract.sandbox import ORGS, PATH

BANNER = """\
listening on URL, snapshots are at /api/v2/replay/heatmap/snapshots
organization 1000001: DD-API-KEY: sandbox-api-key-of-org-1, DD-APPLICATION-KEY: sandbox-app-key-of-org-1
organization 1000002: DD-API-KEY: sandbox-api-key-of-org-2, DD-APPLICATION-KEY: sandbox-app-key-of-org-2
{more}stops on Ctrl-C
"""


@contextmanager
def started(
    *arguments: object, lines: int = 4
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start it. Yield the process, its URL and its lines with URL for the address."""
    words = map(str, arguments)
    command, pipe = [sys.executable, "-m", "contract", "serve", *words], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            output = "".join(process.stdout.readline() for _ in range(lines))
            match = re.search(r"http://127\.0\.0\.1:\d+", output)
            assert match, process.stderr.read() if process.stderr else ""
            yield process, match[0], output.replace(match[0], "URL")
        finally:
            process.kill()


def serve_sandbox(
    port: int = 0, fault: str | None = None, rate_limit: str | None = None
) -> None:
    assert serve.callback is not None
    serve.callback(port, fault, rate_limit)


def list_snapshots(url: str) -> tuple[int, str | None, object]:
    """Return status, rate limit and body of a list."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    keys = {"DD-API-KEY": ORGS[1].api_key, "DD-APPLICATION-KEY": ORGS[1].app_key}
    connection.request("GET", f"{PATH}?filter[view_name]=x", headers=keys)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, response.headers["X-RateLimit-Limit"], body


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_its_address_serves_and_stops_cleanly(number: signal.Signals) -> None:
    with started() as (process, url, output):
        assert output == BANNER.format(more="")
        assert list_snapshots(url) == (200, None, {"data": []})
        process.send_signal(number)
        rest = process.communicate(timeout=10)
        assert (process.returncode, *rest) == (0, "", "")
    with pytest.raises(ConnectionRefusedError):
        list_snapshots(url)


def test_a_port_a_fault_and_a_rate_limit_can_be_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    options = "--port", port, "--fault", "answer-empty", "--rate-limit", "2/3600"
    with started(*options, lines=6) as (process, url, output):
        assert url == f"http://127.0.0.1:{port}"
        more = (
            "wrong on purpose: answer-empty\n"
            "rate limit: 2/3600 s for each organization\n"
        )
        assert output == BANNER.format(more=more)
        results = [list_snapshots(url) for _ in range(3)]
        statuses = [status for status, _, _ in results]
        assert statuses in ([200, 200, 429], [200, 200, 200]), "or on the hour"
        assert {limit for _, limit, _ in results} == {"2"}
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_lists_are_late_if_they_are_to_be() -> None:
    with started("--lag", "3600") as (_, url, _):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        keys = {"DD-API-KEY": ORGS[1].api_key, "DD-APPLICATION-KEY": ORGS[1].app_key}
        body = json.dumps(create_body("x", "x"))
        headers = {**keys, "Content-Type": "application/json"}
        connection.request("POST", PATH, body, headers)
        assert connection.getresponse().status == 201
        connection.close()
        status, _, listed = list_snapshots(url)
    assert (status, listed) == (200, {"data": []})


def test_a_port_that_is_taken_is_named_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UsageError) as error:
            serve_sandbox(port)
    message = str(error.value)
    assert message.startswith(f"--port {port}: cannot listen on 127.0.0.1:{port}: ")
    assert message.endswith("accepted: a free port, or 0")


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"^--port {port}: .*a free port, or 0$"):
        serve_sandbox(port)


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
def test_a_text_that_is_no_rate_limit_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        serve_sandbox(0, None, text)
    assert str(error.value).startswith(
        f"--rate-limit {text!r}: must be N/SECONDS, such as 100/60."
    )


def test_an_unknown_fault_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"^unknown fault 'x' \(one of: accepts-no-"):
        serve_sandbox(0, "x")


def test_the_signals_are_as_before_afterwards() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(UsageError):
        serve_sandbox(-1)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
