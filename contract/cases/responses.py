"""Responses for clients: documented, broken and observed ones, and other garbage.

The place of an error response is its status, so that the same body has the same value
class under every status.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st

from contract.cases.values import CHARACTERS
from contract.endpoint import RESOURCE_TYPE, RateLimitHeader
from contract.model import Delivery, Headers, Json, Response
from contract.spec import Spec

Responses: TypeAlias = Iterator[tuple[str | int, str, Response]]
"""Responses, each after the place and the value class of its label."""

FOREIGN_HOST = "collector.contract.example"
"""A host that is no Datadog site. Redirects lead to it."""

JSON = "application/json"


def raw_response(
    body: bytes,
    status: int = 200,
    media_type: str | None = JSON,
    headers: Headers = (),
    delivery: Delivery = Delivery.WHOLE,
) -> Response:
    """Return a response with any body. Its media type may be none."""
    if media_type is not None:
        headers = (("Content-Type", media_type), *headers)
    return Response(status, headers, body, delivery)


def json_response(value: Json, status: int = 200, **parts: Any) -> Response:
    """Return a response with a JSON body. The parts are those of `raw_response`."""
    return raw_response(json.dumps(value).encode(), status, **parts)


SUCCESS_MEDIA_TYPES = (
    *("application/vnd.api+json", "application/json; charset=utf-8"),
    *("text/plain", "text/html", None),
)


def media_types(snapshot: Json) -> Responses:
    for media_type in SUCCESS_MEDIA_TYPES:
        response = json_response(snapshot, media_type=media_type)
        yield "Content-Type", media_type or "none", response


def invalid_successes(snapshot: Json) -> Responses:
    whole = json.dumps(snapshot).encode()
    end = RESOURCE_TYPE[4:].encode()
    for name, body in (
        ("empty", b""),
        ("white space only", b" \n"),
        ("truncated", whole[:-1]),
        ("truncated", whole[: len(whole) // 2]),
        ("trailing text", whole + b"}"),
        ("two documents", whole + whole),
        ("single quotes", whole.replace(b'"', b"'")),
        ("trailing comma", whole[:-1] + b",}"),
        ("NaN", whole[:-1] + b', "unknown_property": NaN}'),
        ("not UTF-8", whole.replace(end, b"\xff\xfe" + end)),
        ("UTF-16", whole.decode().encode("utf-16")),
        ("nested too deep", b"[" * 100_000),
    ):
        yield "body", name, raw_response(body)
    page = b"<!doctype html><title>Welcome</title>"
    yield "body", "HTML", raw_response(page, 200, "text/html")
    yield "body", "plain text", raw_response(b"OK", 200, "text/plain")
    for errors in ([], ["Internal error"], [{"title": "Internal error"}]):
        yield "body", "error document", json_response({"errors": errors})
        both = {**snapshot, "errors": errors}
        yield "body", "error document beside data", json_response(both)
    for status in (201, 202, 203, 206, 207, 226):
        yield "status", str(status), json_response(snapshot, status)
    yield "status", "204", Response(204)


# -- errors --


def observed_errors(spec: Spec) -> Responses:
    """Yield the errors of the overlay, and a plain one for each of its statuses."""
    for status, response in spec.observed.items():
        if status < 400:
            continue
        for media_type, examples in response.examples.items():
            for example in examples:
                error = json_response(example, status, media_type=media_type)
                yield status, f"{media_type} {shape(example)}", error
        yield status, "documented errors", json_response({"errors": ["text"]}, status)


def shape(document: Json) -> str:
    ((name, content), *_) = document.items()
    items = content if isinstance(content, list) else [content]
    members = sorted({key for item in items if isinstance(item, dict) for key in item})
    return f"{name}: {', '.join(members) or 'texts'}"


PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
ERROR_BODIES = {
    "HTML as JSON": PAGE,
    "empty": b"",
    "not UTF-8": b'{"errors": ["\xff\xfe\x80"]}',
    "UTF-16": '{"errors": ["a"]}'.encode("utf-16"),
    "truncated": b'{"errors": ["a',
    "nested": b"[" * 100_000,
    "huge": b'{"errors": {"a": "' + b"x" * 1_000_000 + b'"}}',
    "null": b"null",
    "number": b"17",
    "text": b'"error"',
    "list": b'["error"]',
    "empty object": b"{}",
    "errors null": b'{"errors": null}',
    "errors text": b'{"errors": "error"}',
    "errors object": b'{"errors": {"title": "error"}}',
    "errors of odd items": b'{"errors": [null, 1, true, [], {}, "a"]}',
    "errors of nested lists": b'{"errors": [["a"], [["b"]]]}',
    "object members of odd types": (
        b'{"errors": [{"title": 1, "detail": null, "status": 400}]}'
    ),
    "error text": b'{"error": "error"}',
    "message": b'{"message": "error"}',
    "a snapshot": b'{"data": {"type": "%s", "id": "a"}}' % RESOURCE_TYPE.encode(),
}
OTHER_ERROR_BODIES = {
    "HTML": (PAGE, "text/html"),
    "plain text": (b"upstream connect error", "text/plain; charset=utf-8"),
    "no content type": (b"error", None),
    "empty, no content type": (b"", None),
    "unknown charset": (b"error", "text/plain; charset=x-unknown"),
    "senseless content type": (b'{"error": 1}', ";;;"),
}
"""Bodies of errors that do not say that they are JSON, with what they say."""

ERROR_STATUSES = (
    *(401, 402, 403, 404, 405, 408, 409, 410, 413, 414, 415, 418, 422, 431, 451),
    *(499, 501, 502, 503, 504, 599),
)


def undocumented_errors() -> Responses:
    bodies = {name: (body, JSON) for name, body in ERROR_BODIES.items()}
    for name, (body, media_type) in (OTHER_ERROR_BODIES | bodies).items():
        for status in (400, 429, 500):
            yield status, name, raw_response(body, status, media_type)
    for status in ERROR_STATUSES:
        yield status, "HTML", raw_response(PAGE, status, "text/html")


ERROR_FRAGMENTS = (
    *(b'{"errors":', b"{", b"[[[", b"<html>", b"null"),
    *(b'{"error": {}}', b'{"errors": [{"a": "b"}]}'),
)


ERROR_NAMES = st.sampled_from(("errors", "error"))
ERROR_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(CHARACTERS, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ERROR_NAMES, inner),
    max_leaves=5,
)
generated_error_bodies = (
    st.binary(max_size=40)
    | st.sampled_from(ERROR_FRAGMENTS)
    | ERROR_VALUES.map(lambda value: json.dumps(value).encode())
)
"""Strategy for bodies of errors: garbage, and JSON of any shape."""


# -- redirects, retries, deliveries --


def redirects(
    path: str, sites: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], Response]]:
    """Yield redirects to another origin, each with the sites to play it on."""
    starts = {
        "https": "https://",
        "http": "http://",
        "no scheme": "//",
        "user information": f"https://api.{sites[0]}@",
    }
    for status in (301, 302, 303, 307, 308):
        for name, start in starts.items():
            headers = (("Location", f"{start}{FOREIGN_HOST}{path}"),)
            yield f"{status} other-host, {name}", (), Response(status, headers)
    origins = {"plain-http": "http://api.{}", "other-port": "https://api.{}:8443"}
    for site in sites:
        for name, origin in origins.items():
            headers = (("Location", origin.format(site) + path),)
            yield f"307 {name}", (site,), Response(307, headers)


RESET = RateLimitHeader.RESET.value
TOO_MANY = {"errors": ["Too many requests"]}
ODD_RESETS = {
    "no reset": None,
    "reset zero": "0",
    "reset negative": "-1",
    "reset of words": "soon",
    "reset empty": "",
    "reset with a fraction": "0.5",
    "reset with an exponent": "1e3",
    "reset huge": "99999999999999999999",
}


def limited(reset: str | None, status: int = 429, name: str = RESET) -> Response:
    headers = () if reset is None else ((name, reset),)
    return json_response(TOO_MANY, status, headers=headers)


def retries(snapshot: Json) -> Iterator[tuple[int, str, bool, tuple[Response, ...]]]:
    """Yield responses in order, each with whether the caller asks for retries."""
    success = json_response(snapshot)
    for status in (408, 429, 500, 502, 503, 504):
        yield status, "no retry wanted", False, (limited("1", status), success)
    lower_case = limited("4", name=RESET.lower())
    yield 429, "reset", True, (limited("1"), success)
    yield 429, "longer reset", True, (limited("4"), success)
    yield 429, "longer reset in lower case", True, (lower_case, success)
    yield 429, "twice", True, (limited("1"), limited("1"), success)
    yield 429, "forever", True, (limited("1"),) * 15
    for name, reset in ODD_RESETS.items():
        yield 429, name, True, (limited(reset), success)
    for status in (400, 401, 403, 404, 409, 413, 422):
        yield status, "reset", True, (limited("1", status), success)


DELIVERIES = {
    "success cut": Delivery.CUT,
    "success dripping": Delivery.DRIP,
    "head only": Delivery.STALL_BODY,
    "nothing": Delivery.STALL,
    "reset": Delivery.RESET,
}


def slow_responses(snapshot: Json) -> Iterator[tuple[str, Response]]:
    yield "error cut", json_response(TOO_MANY, 429, delivery=Delivery.CUT)
    for name, delivery in DELIVERIES.items():
        yield name, json_response(snapshot, delivery=delivery)
