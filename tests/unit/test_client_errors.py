"""The minimal client: error responses, redirects, rate limits."""

import json
import pickle
from typing import Any

import pytest
import requests
import responses

from contract.client import ApiError, NoAnswer, RateLimited, Snapshot
from tests.unit.client_support import (
    API_KEY,
    APP_KEY,
    SMALLEST,
    URL,
    Wire,
    attributes,
    body,
    client,
    outcome,
)

pytestmark = pytest.mark.usefixtures("bare_environment")


ERRORS = [
    ('{"errors": ["Bad Request"]}', ("Bad Request",)),
    ('{"errors": ["a", "", "b"]}', ("a", "", "b")),
    ('{"errors": []}', ()),
    ('{"errors": [{"title": "T", "detail": "D"}]}', ("T", "D")),
    (
        '{"errors": [{"status": "400", "id": null, "code": "C", "title": "T", "source": {"pointer": "/data"}, '
        '"meta": {"a": [1, "x"]}}, "other"]}',
        (
            "status: 400",
            "code: C",
            "T",
            "source.pointer: /data",
            "meta.a: 1",
            "meta.a: x",
            "other",
        ),
    ),
    (
        '{"error": {"code": "C", "message": "M", "details": []}}',
        ("code: C", "M", "details: []"),
    ),
    ('{"error": "text"}', ("text",)),
    ('{"errors": "text"}', ("text",)),
    ('{"errors": [null, 1, {}]}', ("null", "1", "{}")),
    ('{"errors": null}', ("null",)),
    ('{"errors": {"a": {"b": true}}}', ("a.b: true",)),
    ('{"message": "No"}', ('{"message": "No"}',)),
    ("null", ("null",)),
    ('["No"]', ('["No"]',)),
    ("  plain text\n", ("plain text",)),
    ("<html><body>Forbidden</body></html>", ("<html><body>Forbidden</body></html>",)),
    ("x" * 5_000_000, ("x" * 1000 + "…",)),
    ("", ()),
    (" \r\n", ()),
    (b"caf\xe9", ("caf\ufffd",)),
    (b'{"errors": ["caf\xe9"]}', ("caf\ufffd",)),
    ('{"errors": ["' + "x" * 5_000_000 + '"]}', ("x" * 5_000_000,)),
    ("[" * 100_000, ("[" * 1000 + "…",)),
    ('{"errors": ' + "[" * 900 + "]" * 900 + "}", None),
    ('{"errors": [' + "9" * 5000 + "]}", None),
    ('{"errors": [NaN]}', ("NaN",)),
    ('{"errors": ["cut', ('{"errors": ["cut',)),
]


@pytest.mark.parametrize(
    ("text", "errors"), ERRORS, ids=[f"{text[:60]!r}" for text, _ in ERRORS]
)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_error_reaches_the_caller_with_its_status_and_texts(
    mocked: responses.RequestsMock,
    status: int,
    text: str | bytes,
    errors: tuple[str, ...] | None,
) -> None:
    error = outcome(mocked, status, text)
    assert isinstance(error, ApiError)
    assert error.status == status
    assert errors is None or error.errors == errors
    assert error.body == (
        text if isinstance(text, str) else text.decode(errors="replace")
    )
    assert str(error).startswith(f"{status}: ")
    assert len(str(error)) < 1100


@pytest.mark.parametrize(
    "status",
    [
        300,
        304,
        305,
        400,
        401,
        404,
        408,
        409,
        410,
        418,
        422,
        451,
        500,
        502,
        503,
        599,
        799,
    ],
)
def test_every_error_status_is_an_api_error_and_sent_once(
    mocked: responses.RequestsMock, status: int
) -> None:
    error = outcome(mocked, status, "")
    assert type(error) is ApiError
    assert (error.status, error.errors, str(error)) == (
        status,
        (),
        f"{status}: (no text)",
    )
    assert len(mocked.calls) == 1


def test_an_error_that_echoes_a_key_does_not_show_it(
    mocked: responses.RequestsMock,
) -> None:
    error = outcome(
        mocked,
        403,
        json.dumps({"errors": [f"bad key {API_KEY}", {"meta": {APP_KEY: 1}}]}),
    )
    assert isinstance(error, ApiError)
    assert error.errors == ("bad key [key]", "meta.[key]: 1")
    assert API_KEY not in error.body


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"type": API_KEY}},
        {"errors": [APP_KEY]},
        attributes(created_at=API_KEY),
    ],
    ids=["type", "errors", "date"],
)
def test_a_broken_answer_that_echoes_a_key_does_not_show_it(
    mocked: responses.RequestsMock, document: Any
) -> None:
    assert "[key]" in str(outcome(mocked, 200, json.dumps(document)))


def test_an_error_survives_pickling(mocked: responses.RequestsMock) -> None:
    error = outcome(mocked, 429, '{"errors": ["Slow"]}', X_RateLimit_Reset="7")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(again, RateLimited)
    assert (again.status, again.errors, again.body, again.reset) == (
        429,
        ("Slow",),
        '{"errors": ["Slow"]}',
        7,
    )


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/elsewhere", "http://[", "\xff\xfe", ""], ids=repr
)
def test_a_redirect_is_never_followed(wire: Wire, status: int, location: str) -> None:
    target = location.replace("/elsewhere", f"http://127.0.0.1:{wire.port}/elsewhere")
    head = f"HTTP/1.1 {status} Moved\r\nContent-Length: 2\r\nLocation: {target}\r\n\r\n{{}}"
    wire.behave = lambda connection, _: connection.sendall(head.encode("latin-1"))
    with pytest.raises(NoAnswer) as error:
        client().update("s-1", SMALLEST)
    assert (
        str(error.value)
        == f"datadoghq.eu: status {status} leads elsewhere, and redirects are not followed"
    )
    assert len(wire.heads) == 1


@pytest.fixture
def slept() -> list[float]:
    """Seconds that the client slept. Nobody waits."""
    return []


def limited(mocked: responses.RequestsMock, reset: str | None) -> None:
    mocked.add(
        "PATCH",
        URL,
        status=429,
        body='{"errors": ["Slow"]}',
        headers={"X-RateLimit-Reset": reset} if reset else {},
    )


def test_a_429_is_never_retried_unasked(
    mocked: responses.RequestsMock, slept: list[float]
) -> None:
    limited(mocked, "5")
    with pytest.raises(RateLimited) as error:
        client(sleep=slept.append).update("s-1", SMALLEST)
    assert (error.value.status, error.value.errors, error.value.reset) == (
        429,
        ("Slow",),
        5,
    )
    assert (len(mocked.calls), slept) == (1, [])


def test_a_retry_waits_for_the_reset_and_sends_the_same_bytes(
    mocked: responses.RequestsMock, slept: list[float]
) -> None:
    limited(mocked, "5")
    limited(mocked, "07")
    mocked.add("PATCH", URL, body=b"{}")
    assert client(retries=2, sleep=slept.append).update("s-1", body()) == Snapshot()
    assert slept == [5, 7]
    assert len({call.request.body for call in mocked.calls}) == 1


def test_retries_are_bounded(
    mocked: responses.RequestsMock, slept: list[float]
) -> None:
    limited(mocked, "1")
    with pytest.raises(RateLimited):
        client(retries=10, sleep=slept.append).update("s-1", SMALLEST)
    assert (len(mocked.calls), len(slept)) == (11, 10)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (None, None),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("5, 5", None),
        ("9" * 5000, None),
        ("3601", 3601),
        ("999999999", 999999999),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_senseless_reset_is_not_waited_for(
    mocked: responses.RequestsMock,
    slept: list[float],
    reset: str | None,
    seconds: int | None,
) -> None:
    limited(mocked, reset)
    with pytest.raises(RateLimited) as error:
        client(retries=3, sleep=slept.append).update("s-1", SMALLEST)
    assert (error.value.reset, len(mocked.calls), slept) == (seconds, 1, [])


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_nothing_but_a_429_is_retried(
    mocked: responses.RequestsMock, slept: list[float], status: int
) -> None:
    mocked.add(
        "PATCH",
        URL,
        status=status,
        headers={"X-RateLimit-Reset": "1", "Retry-After": "1"},
    )
    with pytest.raises(ApiError):
        client(retries=3, sleep=slept.append).update("s-1", SMALLEST)
    assert (len(mocked.calls), slept) == (1, [])


@pytest.mark.parametrize(
    "failure",
    [requests.ConnectionError("cut"), requests.ReadTimeout("late")],
    ids=["cut", "late"],
)
def test_no_answer_is_not_retried(
    mocked: responses.RequestsMock, slept: list[float], failure: Exception
) -> None:
    mocked.add("PATCH", URL, body=failure)
    with pytest.raises(NoAnswer):
        client(retries=3, sleep=slept.append).update("s-1", SMALLEST)
    assert (len(mocked.calls), slept) == (1, [])
