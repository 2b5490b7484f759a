"""Answers for clients: documented ones, broken ones, observed errors, and what else comes over a wire."""

import json
from collections.abc import Iterator

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from contract.model import Delivery, Headers, Json, Response
from contract.spec import Spec

__all__ = [
    "FOREIGN",
    "answer",
    "deliveries",
    "garbage",
    "not_json",
    "observed",
    "redirects",
    "retries",
    "texts",
]

FOREIGN = "https://collector.contract.example"
"""An origin that is no Datadog site; redirects lead there."""

JSON = "application/json"


def answer(
    value: Json,
    status: int = 200,
    media: str | None = JSON,
    extra: Headers = (),
    delivery: Delivery = "whole",
) -> Response:
    """Return an answer with a JSON body."""
    return texts(json.dumps(value).encode(), status, media, extra, delivery)


def texts(
    body: bytes,
    status: int = 200,
    media: str | None = JSON,
    extra: Headers = (),
    delivery: Delivery = "whole",
) -> Response:
    """Return an answer with any body."""
    headers = (("Content-Type", media), *extra) if media is not None else extra
    return Response(status, headers, body, delivery)


def not_json(snapshot: Json) -> Iterator[tuple[str, Response]]:
    """Yield (kind, answer): what is no documented success although its status starts with a 2."""
    whole = json.dumps(snapshot).encode()
    yield "empty body", texts(b"")
    yield "white space only", texts(b" \n")
    yield "HTML", texts(b"<!doctype html><title>Welcome</title>", media="text/html")
    yield "plain text", texts(b"OK", media="text/plain")
    yield "truncated", texts(whole[:-1])
    yield "truncated", texts(whole[: len(whole) // 2])
    yield "trailing text", texts(whole + b"}")
    yield "two documents", texts(whole + whole)
    yield "single quotes", texts(whole.replace(b'"', b"'"))
    yield "trailing comma", texts(whole[:-1] + b",}")
    yield "NaN", texts(whole[:-1] + b', "unknown_property": NaN}')
    yield "not UTF-8", texts(whole.replace(b"snapshots", b"snap\xff\xfeshots"))
    yield "UTF-16", texts(whole.decode().encode("utf-16"))
    yield "nested too deep", texts(b"[" * 100_000)
    for errors in ([], ["Internal error"], [{"title": "Internal error"}]):
        yield "error document", answer({"errors": errors})
        yield "error document beside data", answer({**snapshot, "errors": errors})
    for status in (201, 202, 203, 206, 207, 226):
        yield f"status {status}", answer(snapshot, status)
    yield "status 204", Response(204)


def observed(spec: Spec) -> Iterator[tuple[str, Response]]:
    """Yield (kind, answer) for every error that the overlay has an example of, and its statuses without one."""
    plain = answer({"errors": ["text"]}).body
    for status, response in spec.observed.items():
        if status < 400:
            continue
        for media, examples in response.examples.items():
            for example in examples:
                yield (
                    f"observed {status} {media} {_shape(example)}",
                    answer(example, status, media),
                )
        yield (
            f"documented errors as {status}",
            Response(status, (("Content-Type", JSON),), plain),
        )


def _shape(document: Json) -> str:
    """Name which members an error document has."""
    ((name, content), *_) = document.items()
    items = content if isinstance(content, list) else [content]
    members = sorted({key for item in items if isinstance(item, dict) for key in item})
    return f"{name}: {', '.join(members) or 'texts'}"


def garbage() -> Iterator[tuple[str, Response]]:
    """Yield (kind, answer): errors that nothing documents, of every status class."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    bodies: tuple[tuple[str, bytes, str | None], ...] = (
        ("HTML", page, "text/html"),
        ("HTML as JSON", page, JSON),
        ("plain text", b"upstream connect error", "text/plain; charset=utf-8"),
        ("no content type", b"error", None),
        ("empty", b"", JSON),
        ("empty, no content type", b"", None),
        ("not UTF-8", b'{"errors": ["\xff\xfe\x80"]}', JSON),
        ("UTF-16", '{"errors": ["a"]}'.encode("utf-16"), JSON),
        ("truncated", b'{"errors": ["a', JSON),
        ("nested", b"[" * 100_000, JSON),
        ("huge", b'{"errors": {"a": "' + b"x" * 1_000_000 + b'"}}', JSON),
        ("null", b"null", JSON),
        ("number", b"17", JSON),
        ("text", b'"error"', JSON),
        ("list", b'["error"]', JSON),
        ("empty object", b"{}", JSON),
        ("errors null", b'{"errors": null}', JSON),
        ("errors text", b'{"errors": "error"}', JSON),
        ("errors object", b'{"errors": {"title": "error"}}', JSON),
        ("errors of odd items", b'{"errors": [null, 1, true, [], {}, "a"]}', JSON),
        ("errors of nested lists", b'{"errors": [["a"], [["b"]]]}', JSON),
        (
            "object members of odd types",
            b'{"errors": [{"title": 1, "detail": null, "status": 400}]}',
            JSON,
        ),
        ("error text", b'{"error": "error"}', JSON),
        ("message", b'{"message": "error"}', JSON),
        ("a snapshot", b'{"data": {"type": "snapshots", "id": "a"}}', JSON),
        ("unknown charset", b"error", "text/plain; charset=x-unknown"),
        ("senseless content type", b'{"error": 1}', ";;;"),
    )
    for how, body, media in bodies:
        for status in (400, 429, 500):
            yield f"{how} as {status}", texts(body, status, media)
    for status in (
        401,
        402,
        403,
        404,
        405,
        408,
        409,
        410,
        413,
        414,
        415,
        418,
        422,
        431,
        451,
        499,
        501,
        502,
        503,
        504,
        599,
    ):
        yield f"HTML as {status}", texts(page, status, "text/html")


anything: SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        (
            b'{"errors":',
            b"{",
            b"[[[",
            b"<html>",
            b"null",
            b'{"error": {}}',
            b'{"errors": [{"a": "b"}]}',
        )
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(("errors", "error")), inner)
        ),
        max_leaves=5,
    ).map(lambda value: json.dumps(value).encode()),
)
"""A strategy for bodies of errors: garbage, and JSON of any shape."""


def redirects() -> Iterator[tuple[str, Response]]:
    """Yield (kind, answer) for redirects to another origin."""
    path = "/api/v2/replay/heatmap/snapshots/a"
    host = FOREIGN.removeprefix("https://")
    places = {
        "https": f"{FOREIGN}{path}",
        "http": f"http://{host}{path}",
        "no scheme": f"//{host}{path}",
        "user information": f"https://api.datadoghq.com@{host}{path}",
    }
    for status in (301, 302, 303, 307, 308):
        for how, place in places.items():
            yield (
                f"{status} to another origin, {how}",
                Response(status, (("Location", place),)),
            )


def retries(snapshot: Json) -> Iterator[tuple[str, bool, tuple[Response, ...]]]:
    """Yield (kind, whether a retry is asked for, answers)."""
    good = answer(snapshot)

    def limited(
        reset: str | None, status: int = 429, name: str = "X-RateLimit-Reset"
    ) -> Response:
        extra = ((name, reset),) if reset is not None else ()
        return answer({"errors": ["Too many requests"]}, status, extra=extra)

    for status in (408, 429, 500, 502, 503, 504):
        yield f"{status}, no retry asked for", False, (limited("1", status), good)
    yield "429 with a Reset", True, (limited("1"), good)
    yield "429 with a longer Reset", True, (limited("4"), good)
    yield (
        "429 with a longer Reset, its name in lower case",
        True,
        (limited("4", name="x-ratelimit-reset"), good),
    )
    yield "429 twice", True, (limited("1"), limited("1"), good)
    yield "429 for ever", True, tuple([limited("1")] * 15)
    for reset in (None, "0", "-1", "soon", "", "0.5", "1e3", "99999999999999999999"):
        yield f"429 with the Reset {reset!r}", True, (limited(reset), good)
    for status in (400, 401, 403, 404, 409, 413, 422):
        yield f"{status} with a Reset", True, (limited("1", status), good)


def deliveries(snapshot: Json) -> Iterator[tuple[str, Response]]:
    """Yield (kind, answer) for answers that don't arrive as they should."""
    error = {"errors": ["Too many requests"]}
    yield "a success, cut", answer(snapshot, delivery="cut")
    yield "an error, cut", answer(error, 429, delivery="cut")
    yield "a success, dripping", answer(snapshot, delivery="drip")
    yield "the head only", answer(snapshot, delivery="stall-body")
    yield "nothing", answer(snapshot, delivery="stall")
    yield "a reset", answer(snapshot, delivery="reset")
