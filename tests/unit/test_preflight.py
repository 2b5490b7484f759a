"""The first update of a run: clients that speak no protocol or reach no wire."""

import asyncio
import http.client
import os
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.api import client_under_test
from contract.cases.client import catalogue
from contract.cli.entry import main
from contract.errors import SubjectError
from contract.model import Call, Outcome
from contract.spec import load
from tests.unit.wire_support import HOST

Update = Callable[[Call], Any]

CLIENTS = """
import asyncio, socket, sys

class Client:
    def update(self, call):
        return {"outcome": "failed", "message": f"no network for {call.api_key}"}

class Asynchronous:
    async def update(self, call):
        return {"outcome": "failed"}

class Forgetful:
    def update(self, call):
        return {"outcome": "snapshot", "snapshot": None}

def exit_with_0():
    sys.exit(0)

def interrupt():
    raise KeyboardInterrupt

def cancel():
    raise asyncio.CancelledError
"""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class FunctionClient:
    """A client that is one function."""

    def __init__(self, update: Update) -> None:
        self.update = update


def start(update: Update) -> None:
    """Start a client of this process, for no run."""
    with client_under_test(lambda: FunctionClient(update), load()):
        pass


def refusal(update: Update) -> str:
    with pytest.raises(SubjectError) as raised:
        start(update)
    message = str(raised.value)
    assert "\n" not in message
    return message


# -- clients that reach no wire --------------------------------------------------------


def by_http_client(call: Call) -> dict[str, Any]:
    connection = http.client.HTTPSConnection(f"api.{call.site}", timeout=5)
    try:
        connection.request("PATCH", "/", b"{}")
    except OSError as error:
        return {"outcome": "failed", "message": str(error)}
    return {"outcome": "snapshot", "snapshot": {}}


def by_asyncio(call: Call) -> dict[str, Any]:
    try:
        asyncio.run(asyncio.open_connection(f"api.{call.site}", 443, ssl=True))
    except OSError as error:
        return {"outcome": "failed", "message": str(error)}
    return {"outcome": "snapshot", "snapshot": {}}


def by_address(call: Call) -> dict[str, Any]:
    with socket.socket() as raw:
        status = raw.connect_ex(("192.0.2.1", 443))
    return {"outcome": "failed", "message": str(status)}


def without_handler(call: Call) -> None:
    socket.create_connection((HOST, 443))


@pytest.mark.parametrize(
    ("update", "target"),
    [
        (by_http_client, f"{HOST}:443"),
        (by_asyncio, f"{HOST}:443"),
        (by_address, "192.0.2.1:443"),
        (without_handler, f"{HOST}:443"),
    ],
)
def test_a_client_past_the_proxy_stays_on_the_machine(
    update: Update, target: str
) -> None:
    lookup, connect = socket.getaddrinfo, socket.socket.connect
    message = refusal(update)
    assert f"it tried to reach {target}, past the proxy" in message
    assert (socket.getaddrinfo, socket.socket.connect) == (lookup, connect)


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome": "failed", "message": "no\nnetwork"},
        {"outcome": "snapshot", "snapshot": {}},
        {"outcome": "api_error", "status": 403, "errors": ["Forbidden"]},
        {"outcome": "broken_answer"},
    ],
    ids=lambda outcome: outcome["outcome"],
)
def test_a_client_without_a_byte_is_not_judged(outcome: dict[str, Any]) -> None:
    message = refusal(lambda call: outcome)
    assert "no byte reached the sites" in message
    assert f"It reported {outcome['outcome']}" in message
    assert "Either it sends nothing, or it talks past the proxy." in message
    for remedy in ("trust_env=True", "NODE_USE_ENV_PROXY=1", "set_tunnel"):
        assert remedy in message


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome": "refused", "message": "not today"},
        {"outcome": "crashed", "type": "KeyError", "message": "'data'"},
        {"outcome": "unsupported", "message": "not yet"},
    ],
    ids=lambda outcome: outcome["outcome"],
)
def test_a_client_that_refuses_or_crashes_is_judged(outcome: dict[str, Any]) -> None:
    start(lambda call: outcome)


def test_a_client_that_sends_something_wrong_is_judged() -> None:
    def update(call: Call) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", proxy_port())
        connection.request("GET", f"http://api.{call.site}/")
        connection.getresponse().read()
        connection.close()
        return {"outcome": "failed"}

    start(update)


def proxy_port() -> int:
    return int(os.environ["HTTPS_PROXY"].rpartition(":")[2])


def tunnel(host: str, *, alpn: str = "", ca_file: str | None = None) -> ssl.SSLSocket:
    """Connect to a site through the proxy of the environment."""
    raw = socket.create_connection(("127.0.0.1", proxy_port()), timeout=5)
    raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
    assert b" 200 " in raw.recv(1000)
    context = ssl.create_default_context(cafile=ca_file)
    if alpn:
        context.set_alpn_protocols([alpn])
    return context.wrap_socket(raw, server_hostname=host)


@pytest.mark.parametrize("alpn", ["h2", ""], ids=["alpn", "prior knowledge"])
def test_a_client_of_http_2_is_named(alpn: str) -> None:
    def update(call: Call) -> dict[str, str]:
        ca_file = os.environ["CONTRACT_CA_FILE"]
        with tunnel(f"api.{call.site}", alpn=alpn, ca_file=ca_file) as connection:
            assert connection.selected_alpn_protocol() == (alpn or None)
            connection.sendall(PREFACE)
            connection.recv(1000)
        return {"outcome": "failed", "message": "connection closed"}

    message = "it speaks HTTP/2 only, HTTP/1.1 is what is supported here"
    assert message in refusal(update)


def test_a_client_that_offers_both_versions_gets_http_1() -> None:
    def update(call: Call) -> dict[str, str]:
        raw = socket.create_connection(("127.0.0.1", proxy_port()), timeout=5)
        raw.sendall(f"CONNECT api.{call.site}:443 HTTP/1.1\r\n\r\n".encode())
        raw.recv(1000)
        context = ssl.create_default_context(cafile=os.environ["CONTRACT_CA_FILE"])
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(raw, server_hostname=f"api.{call.site}") as secure:
            return {
                "outcome": "refused",
                "message": str(secure.selected_alpn_protocol()),
            }

    with client_under_test(lambda: FunctionClient(update), load()) as subject:
        exchange = subject.play(catalogue().plain, "datadoghq.eu")
    assert exchange.outcome.message == "http/1.1"


def test_a_client_without_the_authority_is_named() -> None:
    def update(call: Call) -> dict[str, str]:
        try:
            tunnel(f"api.{call.site}", ca_file=None).close()
        except ssl.SSLError as error:
            return {"outcome": "failed", "message": str(error)}
        return {"outcome": "refused"}

    # The default authorities of Python come from this variable.
    def trusting_nobody(call: Call) -> dict[str, str]:
        before = os.environ.pop("SSL_CERT_FILE")
        try:
            return update(call)
        finally:
            os.environ["SSL_CERT_FILE"] = before

    message = refusal(trusting_nobody)
    assert "Let it trust the authority in CONTRACT_CA_FILE" in message
    assert "certificate verify failed" in message


# -- clients that speak no protocol ----------------------------------------------------


@pytest.mark.parametrize(
    ("update", "problem"),
    [
        (
            lambda call: None,
            "the reply is no outcome of protocol 1: null; expected: an",
        ),
        (lambda call: {"outcome": "fine"}, 'no outcome of protocol 1: {"outcome": "fi'),
        (lambda call: {"outcome": "refused", "message": {1}}, "the reply is no JSON: "),
        (lambda call: Outcome("failed", errors=("a", 1)), "the reply is no outcome of"),
        (lambda call: Outcome("snapshot", snapshot={1}), "the reply is no JSON: "),
        (lambda: None, "update must take one argument, the call: too many positional"),
        (lambda site, body: None, "update must take one argument, the call: missing a"),
    ],
    ids=[
        "nothing",
        "unknown outcome",
        "no JSON",
        "errors",
        "snapshot",
        "no argument",
        "two arguments",
    ],
)
def test_a_client_without_the_protocol_is_named(update: Any, problem: str) -> None:
    assert problem in refusal(update)


DRIVER = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    seq = {"seq": request.get("seq")}
    match request["cmd"]:
        case "hello":
            reply = {"protocol": 1, "client": "c", "version": "1", "language": "x"}
        case "echo":
            reply = seq | {"value": request["value"]}
        case "update":
            reply = UPDATE
        case _:
            break
    print(json.dumps(reply), flush=True)
"""


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ('seq | {"outcome": "ok"}', "the reply is no outcome of protocol 1: "),
        (
            '{"outcome": "failed"}',
            "its first update: asked 15, answered null; expected",
        ),
        (
            'seq | {"outcome": "failed"}',
            "no byte reached the sites. It reported failed",
        ),
        ('print("debug") or seq', "the reply is no JSON object: debug; expected: "),
    ],
    ids=["outcome", "no seq", "failed", "printed"],
)
def test_a_driver_without_wire_or_protocol_is_named(
    tmp_path: Path, reply: str, problem: str
) -> None:
    program = tmp_path / "driver.py"
    program.write_text(DRIVER.replace("UPDATE", reply))
    with (
        pytest.raises(SubjectError) as raised,
        client_under_test([sys.executable, str(program)], load()),
    ):
        pass
    assert str(raised.value).startswith("c cannot be tested: ")
    assert problem in str(raised.value)


# -- the command line ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (
            "clients:Client",
            "clients:Client cannot be tested: no byte reached the sites",
        ),
        (
            "clients:Asynchronous",
            "clients:Asynchronous cannot be tested: no byte reached the sites",
        ),
        (
            "clients:Forgetful",
            "clients:Forgetful cannot be tested: its first update returned no snapshot",
        ),
        ("clients:exit_with_0", "no client: its factory raised SystemExit: 0"),
        ("clients:interrupt", "no client: its factory raised KeyboardInterrupt"),
        ("clients:cancel", "no client: its factory raised CancelledError"),
        ("exits:x", "--python exits:x: SystemExit: 0"),
        ("cancels:x", "--python cancels:x: CancelledError"),
        ("clients:none", "--python clients:none: AttributeError: "),
    ],
)
def test_a_client_that_cannot_be_tested_is_one_line_with_status_2(
    path: str,
    problem: str,
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (elsewhere / "clients.py").write_text(CLIENTS)
    (elsewhere / "exits.py").write_text("import sys; sys.exit(0)")
    cancels = "import asyncio; raise asyncio.CancelledError"
    (elsewhere / "cancels.py").write_text(cancels)
    for name in ("clients", "exits", "cancels"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    status = main(["client", "--python", path, "--profile", "quick"])
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    (line,) = captured.err.splitlines()
    assert line.startswith(f"contract: {problem}")
    assert "contract-api-key" not in line
    for name in ("clients", "exits", "cancels"):
        sys.modules.pop(name, None)
