"""Secrets of a run: where they come from, and what cannot be kept one."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from contract import check_service
from contract.cli import main
from contract.cli.base import LAST_VERDICT
from contract.errors import UsageError
from contract.live.journal import Journal
from contract.model import Owner, Request, Response
from contract.redaction import (
    Redactor,
    redacted,
    refuse_weak_keys,
    secrets_from_environment,
    secrets_of_headers,
)
from contract.runs.services import read_header, secrets_in
from contract.sandbox import ORGS, Sandbox, serving
from contract.subjects.creations import Event
from contract.subjects.http import HttpConnection
from contract.subjects.proxy import Proxy, proxy_for
from tests.unit.echoing import KEYS, leaks_in, texts_of
from tests.unit.live_runs import SITE, LiveRuns

pytestmark = pytest.mark.usefixtures("elsewhere")

PASSWORD = "p4ss/word:with@all"
LOGIN = f"user:{PASSWORD.replace('@', '%40').replace('/', '%2F')}"


# -- proxies ---------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["https", "socks5h", "SOCKS4", "quic+x"])
def test_a_proxy_of_another_scheme_is_refused_before_any_connection(
    variable: str,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def connect(*arguments: Any, **options: Any) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setenv(variable, f"{scheme}://{LOGIN}@127.0.0.1:9")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    assert main(["service", "https://service.example"]) == 2
    error = capsys.readouterr().err
    name = variable.upper()
    assert error == (
        f"contract: {name}: {scheme}:// is not supported; accepted: "
        "http://[user:password@]host[:port]\n"
    )


def test_a_live_run_refuses_such_a_proxy_too(live: LiveRuns) -> None:
    stage = live.on()
    live.monkeypatch.setenv("HTTPS_PROXY", f"socks5://{LOGIN}@127.0.0.1:9")
    live.monkeypatch.delenv("https_proxy")
    with pytest.raises(UsageError, match="HTTPS_PROXY: socks5:// is not supported"):
        live.check(stage)
    with pytest.raises(UsageError, match="HTTPS_PROXY: socks5:// is not supported"):
        HttpConnection(f"https://api.{SITE}")


@pytest.mark.parametrize(
    ("address", "proxy"),
    [
        ("http://proxy.example:3128", Proxy("proxy.example", 3128)),
        ("HTTP://proxy.example", Proxy("proxy.example", 80)),
        ("proxy.example:3128", Proxy("proxy.example", 3128)),
        (f"http://{'a:b%40'}@proxy.example", Proxy("proxy.example", 80, "YTpiQA==")),
    ],
)
def test_a_proxy_by_http_is_accepted(
    address: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert proxy_for("https", "service.example") == proxy
    assert "YTpiQA" not in repr(proxy)
    monkeypatch.setenv("NO_PROXY", "service.example")
    assert proxy_for("https", "service.example") is None


@pytest.mark.parametrize("address", ["http://", "http://a:99999", "http://[", "a:b"])
def test_an_ill_formed_proxy_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(UsageError, match="HTTPS_PROXY: is no address of a proxy"):
        proxy_for("https", "service.example")


def test_the_password_of_a_proxy_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@proxy.example:3128")
    assert secrets_from_environment() == {"password of the https proxy": PASSWORD}
    text = Redactor.of_environment().text(f"{PASSWORD} {LOGIN}")
    assert text == "{0} user:{0}".format("[password of the https proxy]")


# -- headers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        ((("Authorization", "Bearer abc"),), {"header Authorization": "abc"}),
        ((("Proxy-Authorization", "abc"),), {"header Proxy-Authorization": "abc"}),
        ((("X-Auth", "Bearer abc"),), {"header X-Auth": "Bearer abc"}),
        ((("x-KEY-1", "a"),), {"header x-KEY-1": "a"}),
        (
            (("my_secret", "a"), ("Token", "b")),
            {"header my_secret": "a", "header Token": "b"},
        ),
        (
            (("Cookie", "a=1; b=2"),),
            {
                "header Cookie": "a=1; b=2",
                "header Cookie 1": "1",
                "header Cookie 2": "2",
            },
        ),
        ((("X-Trace", "abc"), ("Accept", "*/*")), {}),
    ],
    ids=lambda value: next(iter(value))[0] if isinstance(value, tuple) else "",
)
def test_headers_whose_names_speak_of_secrets(
    headers: Any, secrets: dict[str, str]
) -> None:
    assert secrets_of_headers(headers) == secrets


def test_a_value_may_come_from_a_file_or_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("value").write_text("of a file\n")
    monkeypatch.setenv("VALUE", "of a variable")
    lines = "A:@value", "B: $VALUE", "C: $ 1", "D:d"
    items = [read_header(line) for line in lines]
    values = "of a file", "of a variable", "$ 1", "d"
    assert [item[:2] for item in items] == list(zip("ABCD", values, strict=True))
    assert secrets_in(items) == {"header A": "of a file", "header B": "of a variable"}
    sources = "@value", "$VALUE", " …", " …"
    assert [item.word for item in items] == [
        f"--header '{name}:{source}'"
        for name, source in zip("ABCD", sources, strict=True)
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A:@missing", "--header A:@missing: cannot be read: No such file"),
        ("A:@.", "--header A:@.: cannot be read: Is a directory"),
        ("A:@empty", "--header A:@empty: must hold one line of text"),
        ("A:@two", "--header A:@two: must hold one line of text"),
        ("A:@bytes", "--header A:@bytes: must hold one line of text"),
        ("A:$MISSING_VALUE", "--header A:$MISSING_VALUE: the variable is not set"),
    ],
)
def test_a_bad_source_of_a_header_is_one_line(line: str, message: str) -> None:
    Path("empty").touch()
    Path("two").write_text("a\nb")
    Path("bytes").write_bytes(b"\xff")
    with pytest.raises(UsageError) as error:
        read_header(line)
    assert str(error.value).startswith(message)


class EchoingHeaders(Sandbox):
    """The sandbox, whose responses repeat two headers."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        text = f"{environ.get('HTTP_X_HIDDEN')} {environ.get('HTTP_AUTHORIZATION')}"

        if environ["REQUEST_METHOD"] != "PATCH":
            return super().__call__(environ, start_response)
        body = text.encode()
        fields = [("Content-Length", str(len(body))), ("X-Token", text)]
        start_response("500 Internal Server Error", fields)
        return [body]


def test_no_secret_header_gets_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hidden, token = "value-0f-a-file", "0123abcd4567efab0123"
    Path("hidden").write_text(hidden)
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    words = ["--profile", "quick", "--scenario", "repeats", "--verbose"]
    words += ["--header", "X-Hidden:@hidden", "--header", f"Authorization: x {token}"]
    with serving(EchoingHeaders()) as url:
        assert main(["service", url, *words, "--report", "report"]) == 1
    Path("hidden").unlink()
    output = capsys.readouterr()
    outputs = texts_of(tmp_path) | {"stdout": output.out, "stderr": output.err}
    assert leaks_in(outputs, [hidden, token]) == set()
    assert (
        "x-token: [header x-hidden] x [header auth"
        in outputs["report/index.html"].lower()
    )
    assert "--header 'X-Hidden:@hidden'" in output.out


def test_in_headers_a_weak_secret_is_replaced_by_structure() -> None:
    redactor = Redactor({"a": "hush", "b": "word"}, labelling=True)
    headers = (("X-Token", "Bearer hush"), ("X-Debug", "word"), ("X-Words", "a word"))
    for message in (Request("GET", "/hush", headers), Response(200, headers)):
        assert redacted(message, redactor).headers == (
            ("X-Token", "Bearer [a]"),
            ("X-Debug", "[b]"),
            ("X-Words", "a word"),
        )
    assert redactor.text("/hush/word") == "/hush/word"


# -- strength --------------------------------------------------------------------------

WEAK = ["12345678901", "abcdefghijklmnop", "1" * 40, "password"]


@pytest.mark.parametrize("key", WEAK)
def test_a_remote_run_refuses_a_weak_key(key: str, live: LiveRuns) -> None:
    strong = KEYS["DD_API_KEY"]
    for keys in ((key, strong), (strong, key)):
        with pytest.raises(UsageError, match="is too weak for a remote run") as error:
            check_service("https://service.example", keys=keys)
        assert key not in str(error.value)
        with pytest.raises(UsageError, match=r"the other ap. key is too weak"):
            refuse_weak_keys((strong, strong), keys)
    stage = live.on()
    live.monkeypatch.setenv("DD_APP_KEY", key)
    with pytest.raises(UsageError, match="the own app key is too weak"):
        live.check(stage)
    assert stage.requests == []


# -- modes -----------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_journals_and_cases_are_for_their_owner_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    LAST_VERDICT.parent.mkdir()
    LAST_VERDICT.touch(0o644)
    assert main(["client", "--profile", "quick", "--scenario", "keys"]) == 0
    assert mode(LAST_VERDICT) == 0o600
    journal = Journal.begin(Path("j"), "run", SITE, {Owner.OWN: ("a", "b")})
    journal.record(Event.ANSWERED, org=Owner.OWN, id="id\n1")
    assert mode(journal.path) == 0o600
    journal.close(is_needed=True)
    assert '"id": "id\\n1"' in journal.path.read_text()
