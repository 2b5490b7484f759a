"""The minimal client: site, keys, options, environment, exports."""

import ast
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from contract import client as module
from contract.client import (
    SITES,
    ApiError,
    BrokenAnswer,
    NoAnswer,
    RateLimited,
    Refused,
    SnapshotClient,
    SnapshotError,
)
from tests.unit.client_support import (
    API_KEY,
    APP_KEY,
    SMALLEST,
    URL,
    Wire,
    answer,
    client,
)

pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.mark.parametrize("site", SITES)
def test_each_site_has_its_own_host(mocked: responses.RequestsMock, site: str) -> None:
    mocked.add(
        "PATCH", f"https://api.{site}/api/v2/replay/heatmap/snapshots/s-1", body=b"{}"
    )
    client(site=site).update("s-1", SMALLEST)
    assert len(mocked.calls) == 1


def test_no_site_is_lost_or_stands_twice() -> None:
    assert len(SITES) == len(set(SITES)) >= 8


@pytest.mark.parametrize(
    ("login_page", "right"),
    [
        ("app.datadoghq.com", "datadoghq.com"),
        ("app.datadoghq.eu", "datadoghq.eu"),
        ("app.ddog-gov.com", "ddog-gov.com"),
    ],
)
def test_the_address_of_the_web_page_is_refused_with_the_right_value(
    login_page: str, right: str
) -> None:
    with pytest.raises(Refused) as refused:
        client(site=login_page)
    assert (
        str(refused.value)
        == f"site: {login_page} is where people log in; the site is {right}"
    )


@pytest.mark.parametrize(
    "site",
    [
        "",
        " datadoghq.com",
        "DATADOGHQ.COM",
        "datadoghq.com.",
        "us1.datadoghq.com",
        "app.us3.datadoghq.com",
        "us9.datadoghq.com",
        "datadoghq.com/",
        "datadoghq.com:443",
        "a@datadoghq.com",
        "datadoghq.com\r\n",
        "example.com",
        "é" * 1000,
        5,
        ["datadoghq.com"],
    ],
)
def test_any_other_site_is_refused_with_the_list(site: Any) -> None:
    with pytest.raises(Refused) as refused:
        client(site=site)
    assert all(name in str(refused.value) for name in SITES)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "key",
    [
        "\r\nX: y",
        "abc\n",
        "abc\r",
        "a\0b",
        " abc",
        "abc ",
        "a\tb",
        "a b",
        "é",
        "\ud800",
        "𝄞",
        "a\x7f",
        b"bytes",
        5,
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["api_key", "app_key"])
def test_a_key_that_is_no_header_value_is_refused_and_not_shown(
    name: str, key: Any
) -> None:
    with pytest.raises(Refused, match=f"^{name}: must be visible ASCII") as refused:
        client(**{name: key})
    assert str(key) not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "variable"), [("api_key", "DD_API_KEY"), ("app_key", "DD_APP_KEY")]
)
@pytest.mark.parametrize("key", [None, ""])
def test_a_missing_key_is_refused_with_its_variable(
    name: str, variable: str, key: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client(**{name: key})
    assert str(refused.value) == f"{name}: is missing; give it, or set {variable}"


def test_an_empty_key_is_not_replaced_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DD_API_KEY", API_KEY)
    with pytest.raises(Refused):
        client(api_key="")


def test_site_and_keys_come_from_the_environment(
    mocked: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocked.add("PATCH", URL, body=b"{}")
    for name, value in (
        ("DD_SITE", "datadoghq.eu"),
        ("DD_API_KEY", API_KEY),
        ("DD_APP_KEY", APP_KEY),
    ):
        monkeypatch.setenv(name, value)
    SnapshotClient().update("s-1", SMALLEST)
    sent = mocked.calls[0].request.headers
    assert (sent["DD-API-KEY"], sent["DD-APPLICATION-KEY"]) == (API_KEY, APP_KEY)


def test_the_default_site_is_us1() -> None:
    assert client(site=None).site == "datadoghq.com"


@pytest.mark.parametrize(
    "timeout", [0, -1, float("nan"), float("inf"), 1e9, "1", None, True]
)
def test_a_senseless_time_out_is_refused(timeout: Any) -> None:
    with pytest.raises(Refused, match=r"^timeout: "):
        client(timeout=timeout)


@pytest.mark.parametrize("retries", [-1, 11, 1.0, "1", None, True])
def test_a_senseless_number_of_retries_is_refused(retries: Any) -> None:
    with pytest.raises(Refused, match=r"^retries: "):
        client(retries=retries)


def test_the_repr_has_no_key() -> None:
    assert API_KEY not in repr(client())


def test_netrc_adds_nothing(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    requests.get(f"http://127.0.0.1:{wire.port}/", timeout=5)  # would say so
    client().update("s-1", SMALLEST)
    assert b"authorization" in wire.heads[0].lower()
    assert b"authorization" not in wire.heads[1].lower()


def test_a_cookie_is_not_sent_back(wire: Wire) -> None:
    wire.behave = lambda connection, _: connection.sendall(
        answer(b"{}", "200 OK", "Set-Cookie: a=b; Path=/")
    )
    with client() as one:
        one.update("s-1", SMALLEST)
        one.update("s-1", SMALLEST)
    assert b"cookie" not in wire.heads[1].lower()


def test_the_proxy_of_the_environment_is_used_and_sees_no_key(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "URL", URL)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{wire.port}")
    wire.behave = lambda connection, _: connection.sendall(answer(b"", "403 Forbidden"))
    with pytest.raises(NoAnswer):
        client().update("s-1", SMALLEST)
    assert wire.heads[0].startswith(b"CONNECT api.datadoghq.eu:443 ")
    assert API_KEY.encode() not in wire.heads[0]


@pytest.mark.parametrize(
    "proxy", ["http://[", "http://", "nonsense://x", "http://127.0.0.1:99999"]
)
def test_a_proxy_that_cannot_be_one_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(NoAnswer):
        client(timeout=2).update("s-1", SMALLEST)


@pytest.mark.parametrize(
    ("environment", "verify"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/s.pem"}, "/s.pem"),
        ({"REQUESTS_CA_BUNDLE": "/r.pem"}, "/r.pem"),
        ({"REQUESTS_CA_BUNDLE": "/r.pem", "SSL_CERT_FILE": "/s.pem"}, "/r.pem"),
    ],
    ids=str,
)
def test_certificates_are_verified_against_the_environment(
    mocked: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    verify: bool | str,
) -> None:
    mocked.add("PATCH", URL, body=b"{}")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client().update("s-1", SMALLEST)
    assert mocked.calls[0].request.req_kwargs["verify"] == verify


def test_a_missing_file_of_authorities_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    with pytest.raises(NoAnswer, match=r"/no/such/file\.pem"):
        client().update("s-1", SMALLEST)


def test_a_server_without_tls_sees_no_key(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "URL", f"https://127.0.0.1:{wire.port}/" + "{snapshot_id}"
    )
    seen: list[bytes] = []

    def greet(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the client may be gone already
            seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 400 no\r\n\r\n")

    monkeypatch.setattr(wire, "_serve", greet)
    with pytest.raises(NoAnswer, match="SSLError"):
        client().update("s-1", SMALLEST)
    assert API_KEY.encode() not in seen[0]


def test_every_public_class_is_exported() -> None:
    classes = {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__.startswith(module.__name__)
    }
    assert set(module.__all__) == classes | {"SITES"}


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    for error in (Refused, ApiError, RateLimited, BrokenAnswer, NoAnswer):
        assert issubclass(error, SnapshotError)
        assert error.__name__ in (module.__doc__ or "")


def test_the_client_knows_nothing_of_the_suite() -> None:
    parts = Path(module.__file__).parent.glob("*.py")
    nodes = [
        node
        for part in parts
        for node in ast.walk(ast.parse(part.read_text(encoding="utf-8")))
    ]
    names = {
        alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {
        name for name in names if name.startswith(("contract", "jsonschema", "None"))
    } == {
        "contract.client",
        "contract.client.model",
    }
