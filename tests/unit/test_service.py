"""The sender and the subject: any bytes on the wire, and services that are none, in bounded time."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from contract.cases.placeholders import DELETED, KEYS, NEIGHBOUR, OTHER, OWN, UNKNOWN
from contract.cases.service import service_scenarios
from contract.clauses.service_response import SERVICE
from contract.engine.runner import PROFILES, run
from contract.engine.verdict import Verdict
from contract.errors import SubjectError, UsageError
from contract.model import Case, Exchange, RequestOverride
from contract.sandbox import ORGS, Environ, Org, Refusal, Reply, Sandbox, serving
from contract.spec import load
from contract.subjects.http import HttpConnection, NoResponseError
from contract.subjects.service import ServiceUnderTest, service_under_test

SPEC = load()
ONE, TWO = ((org.api_key, org.app_key) for org in ORGS)
ALL_KEYS = (*ONE, *TWO)
BODY = {
    "data": {
        "type": "snapshots",
        "attributes": {
            "event_id": "e",
            "is_device_type_selected_by_user": True,
            "start": 7,
        },
    }
}


@contextmanager
def answering(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """Listen on loopback; each connection is handed to `talk` once it has sent something."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                talk(connection)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)


def said(text: bytes) -> Callable[[socket.socket], None]:
    """Answer whatever comes with these bytes, and close."""

    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(text)

    return talk


def page(
    body: bytes,
    *,
    length: int | None = None,
    status: str = "200 OK",
    media: str = "text/html",
) -> bytes:
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {size}\r\n\r\n".encode()
        + body
    )


def asked(text: bytes, method: str = "GET") -> Any:
    with answering(said(text)) as url, HttpConnection(url, timeout_s=2) as sender:
        return sender.send(method, "/", (), b"")


@contextmanager
def sandbox(app: Sandbox | None = None, **settings: Any) -> Iterator[ServiceUnderTest]:
    settings = {"keys": ONE, "other_keys": TWO, **settings}
    with (
        serving(app or Sandbox()) as url,
        service_under_test(url, **settings) as subject,
    ):
        yield subject


def case(**more: Any) -> Case:
    return Case(
        "", ("test",), **{"snapshot_id": OWN, "body": BODY, "keys": "own", **more}
    )


def judged(subject: ServiceUnderTest, *names: str, profile: str = "quick") -> Verdict:
    scenarios = [
        each for each in service_scenarios(SPEC) if not names or each.name in names
    ]
    return run(
        subject,
        scenarios,
        SERVICE,
        SPEC,
        profile=PROFILES[profile],
        sites=(subject.site,),
    )


# -- the sender --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        (page(b"abc"), 200, b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 404 Not Found\nContent-Length: 1\n\nx", 404, b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + page(b"abc"), 200, b"abc"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"abcd",
        ),
    ],
    ids=["length", "no body", "until the end", "bare line feeds", "continue", "chunks"],
)
def test_an_answer_is_read_as_it_came(text: bytes, status: int, body: bytes) -> None:
    answer = asked(text)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (b"", "closed"),
        (b"220 smtp ready\r\n", "not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x28\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not HTTP"),
        (page(b"", length=-1), "not HTTP"),
        (page(b"", length=10**30), "not HTTP"),
        (page(b"abc", length=9), "closed mid-answer"),
        (b"HTTP/1.1 200 OK\r\nContent-", "closed mid-answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "not HTTP"),
        (b"x" * (1 << 19), "not HTTP"),
    ],
)
def test_what_is_no_answer_is_named(text: bytes, how: str) -> None:
    with pytest.raises(NoResponseError) as caught:
        asked(text)
    assert caught.value.reason == how


def test_a_dripping_answer_ends_in_time() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(page(b"", length=1_000))
        pause = threading.Event()
        for _ in range(1_000):
            connection.sendall(b"x")
            pause.wait(0.05)

    with (
        answering(drip) as url,
        pytest.raises(
            NoResponseError, match=r"time-out: no whole answer within 0\.3 s"
        ),
    ):
        HttpConnection(url, timeout_s=0.3).send("GET", "/", (), b"")


def test_the_connection_is_kept_and_made_again() -> None:
    connections: list[int] = []

    def twice(connection: socket.socket) -> None:
        connections.append(1)
        for _ in range(2):
            connection.recv(1 << 16)
            connection.sendall(page(b"abc"))

    with answering(twice) as url, HttpConnection(url, timeout_s=2) as sender:
        assert [sender.send("GET", "/", (), b"").status for _ in range(5)] == [200] * 5
    assert len(connections) == 3


def test_bytes_go_out_as_they_are_given() -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))
        connection.sendall(page(b""))

    with answering(listen) as url, HttpConnection(url) as sender:
        sender.send("BREW", "/a%2F?b", (("X", "1"), ("x", "2")), b"\xff\0")
        host = url.removeprefix("http://")
    expected = (
        f"BREW /a%2F?b HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nX: 1\r\nx: 2\r\n\r\n".encode()
        + b"\xff\0"
    )
    assert heard == [expected]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "ftp://a",
        "http://",
        "http://u:pw@a",
        "http://a:x",
        "http://a?b",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="accepted: http") as caught:
        HttpConnection(url)
    assert "secret" not in str(caught.value)


def test_https_through_a_proxy_is_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))
        connection.sendall(b"HTTP/1.1 407 No\r\n\r\n")

    with answering(refuse) as url:
        monkeypatch.setenv("HTTPS_PROXY", url.replace("http://", "http://user:pass@"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(
            NoResponseError, match="no connection: the proxy answers CONNECT with 407"
        ):
            HttpConnection("https://service.example").send(
                "GET", "/", (("DD-API-KEY", "secret"),), b""
            )
    assert heard[0].startswith(b"CONNECT service.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in heard[0]
    assert b"secret" not in heard[0]


def test_a_ca_file_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no file of certificate authorities"):
        HttpConnection("https://a", ca_file="/nowhere")


# -- services that cannot be judged ------------------------------------------------------------------------


class Refusing(Sandbox):
    def authenticate(self, environ: Environ) -> Org:
        raise Refusal(403, "no")


class NoCreate(Sandbox):
    def create(self, org: Org, _: str, environ: Environ) -> Reply:
        raise Refusal(405, "no")


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (said(b""), "closed"),
        (said(b"220 smtp ready\r\n"), "not HTTP"),
        (
            said(page(b"<html>")),
            "cannot create a snapshot: .* 200, text/html, and no id",
        ),
        (
            said(page(b'{"data":', length=99, media="application/json")),
            "closed mid-answer",
        ),
        (lambda connection: threading.Event().wait(2), "time-out"),
    ],
    ids=["closes", "not HTTP", "HTML", "closes mid-answer", "hangs"],
)
def test_what_is_no_service_ends_with_one_line(
    talk: Callable[[socket.socket], object], words: str
) -> None:
    with (
        answering(talk) as url,
        pytest.raises(SubjectError, match=words) as caught,
        service_under_test(url, keys=ONE, timeout_s=0.3),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_where_nothing_listens_the_error_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (
        pytest.raises(SubjectError, match="no connection: Connection refused"),
        service_under_test(url, keys=ONE),
    ):
        pass


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (Refusing, "refuses the keys: .* 403"),
        (NoCreate, "cannot create a snapshot: .* 405"),
    ],
)
def test_refused_keys_and_a_missing_create_are_told_apart(
    app: type[Sandbox], words: str
) -> None:
    with pytest.raises(SubjectError, match=words) as caught, sandbox(app()):
        pass
    assert not any(key in str(caught.value) for key in ALL_KEYS)


def test_an_update_that_hangs_breaks_what_it_should_in_bounded_time() -> None:
    class Hanging(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            threading.Event().wait(0.5)
            return super().update(org, snapshot_id, environ)

    with sandbox(Hanging(), timeout_s=0.1) as subject:
        verdict = judged(subject)
    assert verdict.verdict == "broken"
    assert {"S-ACCEPT", "S-NO-5XX"} <= {
        breach.clause for breach in verdict.breaches.values()
    }
    assert "no longer answers" in verdict.interrupted
    assert verdict.exchanges <= 4


def test_an_endless_rate_limit_is_unknown() -> None:
    class Limited(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            raise Refusal(429, "later", headers=[("X-RateLimit-Reset", "3600")])

    with sandbox(Limited()) as subject:
        verdict = judged(subject, "valid-bodies")
    assert verdict.verdict == "unknown"
    assert "rate limit" in verdict.interrupted


# -- the subject -------------------------------------------------------------------------------------------


def test_an_exchange_has_the_rows_before_and_after() -> None:
    with sandbox() as subject:
        first = subject.play(case())
        second = subject.play(case(body={"data": {"type": "snapshots"}}))
    own = first.ids[OWN]
    assert first.outcome.kind == "snapshot"
    assert first.before is not None
    assert first.after is not None
    assert first.before[own]["attributes"]["start"] == 2**53 + 1
    assert first.after[own]["attributes"]["start"] == 7
    assert first.after == second.before
    assert set(first.after) == {own, first.ids[NEIGHBOUR]}


def test_what_was_made_is_removed() -> None:
    app = Sandbox()
    with sandbox(app) as subject:
        assert len(app.rows) == 3
    assert not app.rows
    assert subject.left == ()


def test_what_cannot_be_removed_is_named() -> None:
    class Keeping(Sandbox):
        def delete(self, org: Org, snapshot_id: str, _: Environ) -> Reply:
            raise Refusal(403, "no")

    with sandbox(app := Keeping()) as subject:
        assert "DELETE is answered with 403" in str(
            subject.skip_reason(case(snapshot_id=DELETED))
        )
    assert set(subject.left) == set(app.rows)


def test_stand_ins_are_replaced() -> None:
    named = {"data": {**BODY["data"], "id": OWN}}
    with sandbox() as subject:
        statuses = {
            name: subject.play(case(snapshot_id=name, body=named)).outcome.status
            for name in (OWN, NEIGHBOUR, OTHER, UNKNOWN, DELETED)
        }
        raw = subject.play(case(override=RequestOverride(json.dumps(named).encode())))
        zipped = RequestOverride(
            gzip.compress(json.dumps(BODY).encode()),
            headers=(("Content-Encoding", "gzip"),),
        )
        assert subject.play(case(override=zipped)).outcome.status == 200
    assert statuses == {
        OWN: 200,
        NEIGHBOUR: 409,
        OTHER: 404,
        UNKNOWN: 404,
        DELETED: 404,
    }
    assert raw.outcome.status == 200


@pytest.mark.parametrize(
    "name", [name for name in KEYS if name not in ("own", "other org")]
)
def test_no_key_is_in_an_exchange_that_is_shown(name: str) -> None:
    with sandbox() as subject:
        exchange = subject.play(case(keys=name))
        assert not any(key in repr(subject) for key in ALL_KEYS)
    assert exchange.outcome.status in ((200,) if name.startswith("own") else (401, 403))
    assert not any(key in repr(exchange) for key in ALL_KEYS)
    assert not any(key in json.dumps(exchange.case.to_json()) for key in ALL_KEYS)


def test_a_case_for_a_service_survives_json() -> None:
    for scenario in service_scenarios(SPEC):
        for each in scenario.boundary():
            if each.override is None or len(each.override.body or b"") < 10_000:
                assert Case.from_json(json.loads(json.dumps(each.to_json()))) == each


def test_without_a_second_organization_its_clause_is_not_judged() -> None:
    with sandbox(other_keys=None) as subject:
        verdict = judged(subject)
        assert subject.reasons["S-ORG"] == "no keys of a second organization were given"
    assert verdict.verdict == "holds"
    assert set(verdict.not_judged) == {"S-ORG", "S-RATE", "S-PARITY"}


def given(app: Sandbox) -> str:
    """Make a snapshot that a run is then told of."""
    attributes = {**BODY["data"]["attributes"], "view_name": "v", "device_type": "d"}  # type: ignore[dict-item]
    return app.insert(ORGS[0], attributes).id


def test_with_a_snapshot_id_nothing_is_created() -> None:
    app = NoCreate()
    known = given(app)
    with sandbox(app, snapshot_id=known) as subject:
        verdict = judged(subject)
        reasons = dict(subject.reasons)
    assert verdict.verdict == "holds"
    assert set(verdict.not_judged) == {
        "S-STORED",
        "S-UNTOUCHED",
        "S-GONE",
        "S-RATE",
        "S-PARITY",
    }
    assert set(verdict.not_judged) <= set(reasons)
    assert list(app.rows) == [known]


def test_a_snapshot_id_that_does_not_exist_proves_nothing() -> None:
    with (
        pytest.raises(
            SubjectError, match="has no snapshot 'nothing': PATCH is answered with 404"
        ),
        sandbox(snapshot_id="nothing"),
    ):
        pass


def test_without_a_list_the_state_is_not_judged() -> None:
    class NoList(Sandbox):
        def list_(self, org: Org, _: str, environ: Environ) -> Reply:
            raise Refusal(404, "no")

    with sandbox(NoList()) as subject:
        verdict = judged(subject)
        reason = subject.reasons["S-STORED"]
    assert verdict.verdict == "holds"
    assert {"S-STORED", "S-UNTOUCHED"} <= set(verdict.not_judged)
    assert reason.startswith("the service has no list that can be read")


def test_an_id_that_create_returned_and_nobody_knows_breaks_s_id() -> None:
    class Forgetful(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            raise Refusal(404, "no")

    with sandbox(Forgetful()) as subject:
        verdict = judged(subject, "valid-bodies")
    assert "S-ID" in {breach.clause for breach in verdict.breaches.values()}


def test_a_rate_limit_is_waited_out_and_judged() -> None:
    with sandbox(Sandbox(rate_limit=(6, 1))) as subject:
        verdict = judged(subject, "spellings")
    assert verdict.verdict == "holds"
    assert not verdict.breaches
    assert verdict.judged["S-RATE"]
    assert verdict.judged["S-ACCEPT"] == 10


def test_sites_that_differ_break_parity() -> None:
    clause = next(each for each in SERVICE if each.id == "S-PARITY")

    class Otherwise(Sandbox):
        media_type = "application/vnd.api+json"

    def played(app: Sandbox, reference: Exchange | None = None) -> Exchange:
        with sandbox(app) as subject:
            return subject.play(case(site=subject.site), reference)

    first = played(Sandbox())
    assert clause.judge(first, SPEC) is None
    assert clause.judge(played(Sandbox(), first), SPEC) == []
    assert [
        each.keyword for each in clause.judge(played(Otherwise(), first), SPEC) or ()
    ] == ["media type"]
    refused = replace(first, responses=(None,))
    assert clause.judge(replace(first, reference=refused), SPEC) is None
