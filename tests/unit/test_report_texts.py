"""Texts of a report: examples of breaches, command lines, texts of others."""

from dataclasses import replace
from typing import Any

import pytest

from contract.model import (
    Breach,
    Danger,
    Outcome,
    OutcomeKind,
    Owner,
    Placeholder,
    Response,
    Violation,
)
from contract.report.example import curl_line, example_lines, replay_line
from contract.report.format import around, clean, code_span, cut, keys_of, ranges
from tests.unit.verdicts import (
    API_KEY,
    APP_KEY,
    NULL_BODY,
    NULL_SENT,
    SPEC,
    breach,
    client_exchange,
    rule,
    service_exchange,
    verdict_of,
)


def example_of(item: Breach) -> dict[str, str]:
    return dict(example_lines(item, SPEC))


# -- examples --------------------------------------------------------------------------


def test_the_value_at_the_place_is_marked() -> None:
    item = breach(
        place="/data/attributes/event_id",
        example=client_exchange(body=NULL_BODY),
    )
    lines = example_of(item)
    assert lines["request"] == (
        "PATCH https://api.datadoghq.com/… "
        '{"event_id": »null«, "start": 0, "session_id": "s"}'
    )
    assert '{"event_id": »"a"«, "start": 0' in lines["outcome"]


def test_a_lost_member_is_marked_where_it_is_missing() -> None:
    sent = {"data": {"id": "a", "type": "snapshots", "attributes": {"start": 0}}}
    item = breach(
        rule("member-lost"),
        "/data/attributes/event_id",
        example=client_exchange(sent=sent),
    )
    request = example_of(item)["request"]
    assert request.endswith('{»no "event_id"«, "start": 0}')


@pytest.mark.parametrize(
    ("document", "place", "expected"),
    [
        ({"a": [{"b": 1}, 2]}, "/a/{item}/b", '{"b": »1«}'),
        ({"a": {"x/y": 1}}, "/a/x~1y", '{"x/y": »1«}'),
        ({"a": {"é": 1}}, "/a/%C3%A9", '{"é": »1«}'),
        ({"a": 1, "b": {"c": 1}}, "/a", '{"a": »1«, "b": {"c": 1}}'),
        ({"a": {"b": 1}}, "/c/d", '{"a": {"b": 1}}'),
        ([1], "$", "[1]"),
        ("text", "/a", '"text"'),
        ({"a": 1}, "/", '{"a": 1}'),
        ({"a": 1}, "status", '{"a": 1}'),
    ],
    ids=[
        "item",
        "escape",
        "percent",
        "top",
        "nothing",
        "root",
        "text",
        "slash",
        "no place",
    ],
)
def test_places_in_documents(document: Any, place: str, expected: str) -> None:
    item = breach(place=place, example=client_exchange(body=document))
    assert example_of(item)["request"].partition("/… ")[2] == expected


def test_a_leaked_key_is_marked_where_it_stands() -> None:
    long = "x" * 300
    outcome = Outcome(OutcomeKind.CRASHED, message=f"{long} {API_KEY} {long}")
    item = breach(
        rule("key-in-words", Danger.KEYS_AT_RISK),
        "message",
        example=client_exchange(outcome=outcome),
    )
    line = example_of(item)["outcome"]
    assert "x »[api key]« x" in line
    assert len(line) <= 109


def test_a_key_that_follows_a_redirect_is_shown_in_its_header() -> None:
    exchange = client_exchange()
    redirected = replace(exchange.requests[0], url="https://collector.example/")
    exchange = replace(exchange, requests=(*exchange.requests, redirected))
    item = breach(
        rule("keys-follow", Danger.KEYS_AT_RISK), "other-host", example=exchange
    )
    assert example_of(item)["request"].startswith(
        "2 requests, the last: PATCH https://collector.example/ DD-API-KEY: »[api key]«"
    )


def test_the_path_is_shown_where_the_breach_is_about_it() -> None:
    exchange = client_exchange(snapshot_id="a/b")
    target = "/api/v2/replay/heatmap/snapshots/a/b"
    request = replace(exchange.requests[0], url=f"https://api.datadoghq.eu{target}")
    exchange = replace(exchange, requests=(request,))
    item = breach(rule("id-not-encoded"), "/", clause="C-PATH", example=exchange)
    start = "PATCH https://api.datadoghq.eu/…/»a/b« "
    assert example_of(item)["request"].startswith(start)
    request = replace(request, url="https://api.datadoghq.eu/other")
    exchange = replace(exchange, requests=(request,))
    item = breach(rule("path-altered"), "/", clause="C-PATH", example=exchange)
    start = "PATCH »https://api.datadoghq.eu/other« "
    assert example_of(item)["request"].startswith(start)


@pytest.mark.parametrize("clause", ["C-HOST", "C-SITE"])
def test_the_host_is_marked_where_the_breach_is_about_it(clause: str) -> None:
    exchange = client_exchange()
    url = exchange.requests[0].url.replace("datadoghq.com", "example.com")
    request = replace(exchange.requests[0], url=url)
    exchange = replace(exchange, requests=(request,))
    item = breach(rule("host-wrong"), "", clause=clause, example=exchange)
    start = "PATCH »https://api.example.com«/… "
    assert example_of(item)["request"].startswith(start)


def test_the_other_key_is_not_shown_for_a_bad_key() -> None:
    exchange = client_exchange(violation=Violation("api_key", "format", "CR"))
    kind = rule("unsendable-key-sent", Danger.KEYS_AT_RISK)
    text = example_of(breach(kind, "CR", example=exchange))["request"]
    assert " DD-API-KEY: »[api key]«" in text
    headers = tuple(h for h in exchange.requests[0].headers if h[0] != "DD-API-KEY")
    request = replace(exchange.requests[0], headers=headers)
    exchange = replace(exchange, requests=(request,))
    text = example_of(breach(kind, "CR", example=exchange))["request"]
    assert "[app key]" not in text


def test_the_header_that_the_place_names_is_shown() -> None:
    response = Response(429, (("X-RateLimit-Reset", "soon"),), b"")
    item = breach(place="X-RateLimit-Reset", example=client_exchange(response=response))
    assert example_of(item)["response"] == "429 no Content-Type X-RateLimit-Reset: soon"


def test_a_crash_shows_its_last_frames() -> None:
    outcome = Outcome(
        OutcomeKind.CRASHED,
        type="ValueError",
        message="bad",
        trace=("a.py:1", "b.py:2"),
    )
    exchange = client_exchange(outcome=outcome)
    assert list(example_of(breach(example=exchange))) == [
        *("example", "response", "outcome", "trace")
    ]
    sent_nothing = replace(exchange, requests=(), responses=())
    lines = example_of(breach(example=sent_nothing))
    assert list(lines) == ["example", "call", "outcome", "trace"]
    assert lines["trace"] == "a.py:1 < b.py:2"
    assert lines["outcome"] == "crashed ValueError: bad"


def test_a_service_shows_its_request_and_response() -> None:
    item = breach(clause="S-ALIVE", example=service_exchange())
    assert list(example_of(item)) == ["example", "request", "response"]
    silent = service_exchange(
        responses=(None,), outcome=Outcome(OutcomeKind.FAILED, message="closed")
    )
    assert example_of(breach(clause="S-ALIVE", example=silent))["outcome"] == (
        "failed: closed"
    )


# -- command lines ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "is_step", "expected"),
    [
        ("", False, "contract replay 'S-X/null-sent@/data/id'"),
        (
            " --service http://a --service http://b",
            False,
            "contract replay 'S-X/null-sent@/data/id' --service http://a"
            " --service http://b",
        ),
        (
            " --live datadoghq.eu",
            False,
            "contract service --clause S-X --scenario updates --profile ci --seed 1"
            " --live datadoghq.eu",
        ),
        (
            " --service http://a",
            True,
            "contract service --clause S-X --scenario updates --profile ci --seed 1"
            " http://a",
        ),
    ],
    ids=["sandbox", "urls", "live", "sequence"],
)
def test_the_line_that_replays_a_service(
    arguments: str, is_step: bool, expected: str
) -> None:
    example = service_exchange(case={"is_step": is_step})
    item = breach(clause="S-X", example=example)
    assert replay_line(item, verdict_of(item, arguments=arguments)) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            " -- driver --x",
            "contract replay 'C-VALID/null-sent@/data/id' -- driver --x",
        ),
        (" --example curl", "contract client --clause C-VALID --example curl"),
    ],
    ids=["command", "example"],
)
def test_the_line_that_replays_a_client(arguments: str, expected: str) -> None:
    item = breach()
    assert replay_line(item, verdict_of(item, arguments=arguments)) == expected


def test_curl_sends_what_was_sent_to_a_service() -> None:
    exchange = service_exchange()
    line = curl_line(breach(clause="S-X", example=exchange), SPEC)
    assert line.startswith("curl -X PATCH http://127.0.0.1:8080/api/v2/")
    assert '-H "DD-API-KEY: $DD_API_KEY" -H "DD-APPLICATION-KEY: $DD_APP_KEY"' in line
    odd = replace(exchange.requests[0], body=b"\xff", headers=(("X-Odd", "it's"),))
    line = curl_line(breach(example=replace(exchange, requests=(odd,))), SPEC)
    assert line.startswith("echo /w== | base64 -d | curl ")
    assert "-H 'X-Odd: it'\"'\"'s' -H Content-Type:" in line
    assert line.endswith(" --data-binary @-")


def test_curl_asks_what_the_case_asks_of_a_client() -> None:
    line = curl_line(breach(example=client_exchange(snapshot_id="a/b")), SPEC)
    assert line.startswith(
        "curl -X PATCH https://api.datadoghq.com/api/v2/replay/heatmap/snapshots/a%2Fb "
    )


# -- texts of others -------------------------------------------------------------------


def test_keys_are_replaced_in_every_form() -> None:
    keys = (
        ("first piece+\r\nsecond piece", "[api key]"),
        ("0123456789ab#x", "[app key]"),
    )
    text = (
        "first piece+\\r\\nsecond piece, first%20piece%2B%0D%0Asecond%20piece, "
        "Zmlyc3QgcGllY2UrDQpzZWNvbmQgcGllY2U, xpiece+\\r\\nsecond piece, "
        "?key=0123456789AB#X"
    )
    assert clean(text, keys) == (
        "[api key], [api key], [api key], x[api key], ?key=[app key]"
    )


def test_names_of_keys_stay() -> None:
    keys = tuple((name, name) for name in ("[CONTRACT_OTHER_API_KEY]", "[DD_API_KEY]"))
    text = "[CONTRACT_OTHER_APP_KEY] [CONTRACT_OTHER_API_KEY] [DD_API_KEY]"
    assert clean(text, keys) == text


@pytest.mark.parametrize("key", ["api", "snapshots", "01234567890123", "k3y"])
def test_a_key_that_may_be_an_ordinary_word_garbles_no_text(key: str) -> None:
    text = f"/api/v2/replay/heatmap/snapshots/{key}"
    assert clean(text, ((key, "[api key]"),)) == text


def test_a_key_is_replaced_before_a_text_is_cut() -> None:
    keys = keys_of(client_exchange())
    assert cut(clean("x" * 90 + APP_KEY, keys), 100) == "x" * 90 + "[app key]"
    assert cut(clean("x" * 95 + APP_KEY, keys), 100) == "x" * 95 + "[app…"


def test_control_characters_are_escaped() -> None:
    assert clean("a\0\x1b[31m\u202e\n\ud800𝄞") == r"a\x00\x1b[31m\u202e\n\ud800𝄞"
    assert clean("a\nb\r", keeps_lines=True) == "a\nb\\r"


def test_text_around_a_mark() -> None:
    assert around("a" * 50 + "»x«" + "b" * 50, 21) == "…aaaaaaaa»x«bbbbbbbb…"
    assert around("»x«" + "b" * 50, 10) == "»x«bbbbbb…"
    assert around("a" * 50 + "»x«", 10) == "…aaaaaa»x«"
    assert around("short »x«", 20) == "short »x«"
    assert around("a" * 20, 10) == "aaaaaaaaa…"


@pytest.mark.parametrize(
    ("indices", "expected"),
    [((), ""), ((3,), "3"), ((0, 1, 2, 4, 6, 7), "0-2,4,6-7")],
    ids=["none", "one", "several"],
)
def test_ranges(indices: tuple[int, ...], expected: str) -> None:
    assert ranges(indices) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", "`a`"), ("", "`   `"), ("`a", "`` `a ``"), ("a``b", "```a``b```")],
    ids=["plain", "empty", "back-tick", "two back-ticks"],
)
def test_code_spans(text: str, expected: str) -> None:
    assert code_span(text) == expected


def test_names_of_placeholders_are_texts() -> None:
    body = {"data": {"id": Placeholder(Owner.OWN)}}
    exchange = service_exchange(case={"body": body}, requests=())
    item = breach(NULL_SENT, "/data/id", clause="S-X", example=exchange)
    assert example_of(item)["call"].endswith('{"id": »"<present own 0>"«}')
    assert curl_line(item, SPEC) == "nothing was sent"
