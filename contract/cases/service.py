"""The scenarios for services.

What a service calls a snapshot is known at run time alone, so that cases name snapshots by stand-ins, which
the subject replaces: in `snapshot_id`, in `wire.path`, and where `data.id` or the `view_name` of a body is one.
"""

import json
import string
from collections.abc import Iterator

from hypothesis import strategies as st

from contract.cases.client import Scenario
from contract.cases.documents import Documents
from contract.cases.parameters import IDS, id_traits, ids
from contract.cases.placeholders import (
    DELETED,
    KEYS,
    NEIGHBOUR,
    OTHER,
    OWN,
    UNKNOWN,
    VIEW,
)
from contract.cases.stateful import sequences
from contract.cases.values import value_classes
from contract.model import Case, Headers, Json, RequestOverride, Violation
from contract.spec import Spec

__all__ = ["service_scenarios"]

_DEEP = 100_000
_MEGABYTE = 1 << 20
_READ_ONLY = {
    "created_at": "2001-01-01T00:00:00Z",
    "created_by": "another",
    "created_by_handle": "another@example.com",
    "created_by_user_id": 1,
}


def service_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for services, in the order in which they are played."""
    bodies = Documents(spec.request.raw)
    minimal, full = bodies.full(), _named(bodies.full())
    del minimal["data"]["id"]

    def case(kind: str, *traits: str, body: Json = minimal, **more: object) -> Case:
        asked = {"snapshot_id": OWN, "keys": "own", **more}
        return Case("", (kind, *traits), body=body, **asked)  # type: ignore[arg-type]

    def raw(
        kind: str, text: bytes, media: str | None = "application/json", **more: object
    ) -> Case:
        return case(kind, override=RequestOverride(text, media), **more)

    def valid_bodies() -> Iterator[Case]:
        for kind, each in bodies.valid():
            if not kind.startswith("/data/id "):
                yield case(f"body {kind}", body=_named(each))
        yield case("body /data/id is the path's", body=full)
        for name, value in _READ_ONLY.items():
            yield case(
                f"body /data/attributes/{name}, which no request has",
                body=_with(minimal, name, value),
            )

    def invalid_bodies() -> Iterator[Case]:
        for wrong, each in bodies.invalid():
            own = each if wrong.pointer == "/data/id" else _named(each)
            yield case(f"body {wrong}", body=own, violation=wrong)

    def spellings() -> Iterator[Case]:
        for kind, text in _spellings(full):
            yield raw(f"JSON with {kind}", text, body=json.loads(text))
        for media in (
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/json;charset=UTF-8;a=b",
        ):
            yield raw(f"media type {media}", _text(full), media, body=full)
        yield case("header names in lower case", keys="own, header names in lower case")

    def malformed() -> Iterator[Case]:
        for kind, text in _malformed(minimal):
            yield raw(f"JSON: {kind}", text, violation=Violation("", "JSON", kind))

    def media_types() -> Iterator[Case]:
        for media, text in _other_media(minimal):
            wrong = Violation("Content-Type", "media type", media)
            yield raw(f"media type {media}", text, media, violation=wrong)

    def left_open() -> Iterator[Case]:
        for kind, text, media, headers in _left_open(minimal):
            yield case(
                f"open: {kind}",
                override=RequestOverride(text, media, headers, open=True),
            )
        for name in KEYS:
            if name.startswith("doubled"):
                yield case(
                    f"open: {name}", keys=name, override=RequestOverride(open=True)
                )

    def snapshot_ids() -> Iterator[Case]:
        yield case(
            "id: unknown", snapshot_id=UNKNOWN, override=RequestOverride(times=2)
        )
        yield case(
            "id: unknown, named in the body",
            snapshot_id=UNKNOWN,
            body=_named(full, UNKNOWN),
        )
        yield case("id: drawn out", snapshot_id=f"{OWN}x")
        yield case("id: two in one", snapshot_id=f"{OWN}{NEIGHBOUR}")
        yield case("id: another one in front", snapshot_id=f"{NEIGHBOUR}/{OWN}")
        yield case("id: a wildcard", snapshot_id="*")
        for form in IDS:
            for sample in form.samples:
                yield case(f"id: {form.how}", snapshot_id=sample)

    def deleted() -> Iterator[Case]:
        yield case(
            "a deleted snapshot", snapshot_id=DELETED, override=RequestOverride(times=2)
        )
        yield case(
            "a deleted snapshot, named in the body",
            snapshot_id=DELETED,
            body=_named(full, DELETED),
        )
        yield case(
            "a deleted snapshot, deleted again",
            snapshot_id=DELETED,
            override=RequestOverride(method="DELETE"),
        )

    def other_ids() -> Iterator[Case]:
        for how, name in {
            "a neighbour": NEIGHBOUR,
            "a deleted one": DELETED,
            "an unknown one": UNKNOWN,
        }.items():
            yield case(f"data.id is {how}", body=_named(full, name))
        yield case("data.id is another organization's", body=_named(full, OTHER))
        place = next(place for place in bodies.places if place.pointer == "/data/id")
        for form in value_classes(place.schema):
            yield case(f"data.id: {form.how}", body=_named(full, form.samples[0]))

    def wrong_keys() -> Iterator[Case]:
        for name in KEYS:
            if not name.startswith(("own, ", "doubled")) and name not in (
                "own",
                "other org",
            ):
                yield case(f"keys: {name}", keys=name)

    def organizations() -> Iterator[Case]:
        yield case("another organization's keys", keys="other org")
        yield case("another organization's keys, data.id", keys="other org", body=full)
        yield case("another organization's snapshot", snapshot_id=OTHER)
        yield case("a snapshot of its own", snapshot_id=OTHER, keys="other org")
        yield case(
            "another organization lists",
            keys="other org",
            override=RequestOverride(method="GET"),
            body=None,
        )
        yield case(
            "another organization deletes",
            keys="other org",
            override=RequestOverride(method="DELETE"),
            body=None,
        )

    def methods() -> Iterator[Case]:
        for method in ("PUT", "HEAD", "OPTIONS"):
            yield case(f"method {method}", override=RequestOverride(method=method))
        for path in (
            "",
            "/",
            f"/{OWN}/",
            f"/{OWN}/x",
            f"/{OWN}?a=b",
            f"/{OWN}?data[id]={NEIGHBOUR}",
        ):
            whole = spec.path.rpartition("/")[0] + path
            yield case(
                f"path …{path}",
                override=RequestOverride(
                    path=whole, open="?" in path or path.endswith("/")
                ),
            )

    def repeats() -> Iterator[Case]:
        twice = RequestOverride(times=2)
        for how, each in {
            "minimal": minimal,
            "full": full,
            "no attributes": _named(bodies.minimal()),
        }.items():
            yield case(f"twice: {how}", body=each, override=twice)
        for kind, each in bodies.valid():
            if kind.startswith("/data/attributes/start"):
                yield case(f"twice: body {kind}", body=_named(each), override=twice)

    def none() -> Iterator[Case]:
        return iter(())

    some_bodies = bodies.strategy.map(_named).map(
        lambda each: case(
            "body, generated",
            *(f"body {trait}" for trait in bodies.traits(each)),
            body=each,
        )
    )
    wrong_bodies = bodies.invalid_strategy.map(
        lambda each: case(
            f"body {each[0]}",
            body=each[1] if each[0].pointer == "/data/id" else _named(each[1]),
            violation=each[0],
        )
    )
    some_cuts = st.builds(
        lambda each, share: raw(
            "JSON: truncated",
            (text := _text(_named(each)))[: int(share * len(text))],
            violation=Violation("", "JSON", "truncated"),
        ),
        bodies.strategy,
        st.floats(0, 1, exclude_max=True),
    )
    some_ids = ids.map(
        lambda each: case("id, generated", *id_traits(each), snapshot_id=each)
    )
    steps = sequences(bodies, VIEW)
    return (
        Scenario(
            "valid-bodies",
            "every way to satisfy the request model",
            valid_bodies,
            some_bodies,
        ),
        Scenario(
            "invalid-bodies",
            "every way to break the request model",
            invalid_bodies,
            wrong_bodies,
        ),
        Scenario(
            "spellings",
            "the same JSON and the same headers, spelled otherwise",
            spellings,
        ),
        Scenario("malformed-json", "what is no JSON", malformed, some_cuts),
        Scenario("media-types", "bodies that say that they are no JSON", media_types),
        Scenario(
            "left-open",
            "what the RFCs leave open: anything but a 5xx is right",
            left_open,
        ),
        Scenario("snapshot-ids", "unknown and odd ids", snapshot_ids, some_ids),
        Scenario("deleted", "snapshots that are gone", deleted),
        Scenario(
            "body-ids", "a body that names another snapshot than the path", other_ids
        ),
        Scenario("keys", "missing, empty, wrong and swapped keys", wrong_keys),
        Scenario(
            "organizations",
            "the keys and the snapshots of a second organization",
            organizations,
        ),
        Scenario("methods", "other methods and other paths", methods),
        Scenario("repeats", "the same update twice", repeats),
        Scenario(
            "sequences",
            "create, update, list and delete by two organizations",
            none,
            machine=steps,
        ),
    )


def _named(document: Json, name: str = OWN) -> Json:
    """Return a body whose `data.id`, where it has one that is a text, is this one."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        return document
    return {**document, "data": {**data, "id": name}}


def _text(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _with(document: Json, name: str, value: Json) -> Json:
    """Return a body with one attribute more, or another value of it."""
    data = document["data"]
    return {
        **document,
        "data": {**data, "attributes": {**data["attributes"], name: value}},
    }


def _spellings(document: Json) -> Iterator[tuple[str, bytes]]:
    """Yield (kind, text): one JSON value, written as RFC 8259 allows."""
    value = _with(document, "event_id", "é𝄞\t/日")
    data = value["data"]
    yield "white space", b" \t\r\n" + json.dumps(value, indent=3).encode() + b"\r\n \t"
    yield "no white space", _text(value)
    yield "escapes", json.dumps(value).replace("/", "\\/").encode()
    yield "escapes in names", _text(value).replace(b'"start"', b'"\\u0073tart"')
    yield "other order", _text({"data": dict(reversed([*data.items()]))})
    yield (
        "a negative zero",
        _text(_with(document, "start", 0)).replace(b'"start":0', b'"start":-0'),
    )


def _malformed(document: Json) -> Iterator[tuple[str, bytes]]:
    """Yield (kind, text): what no reading of RFC 8259 takes."""
    whole = _text(document)
    inner = whole[:-1]
    yield "empty", b""
    yield "white space only", b" \r\n"
    for end in (1, 8, len(whole) // 2, len(whole) - 1):
        yield "truncated", whole[:end]
    yield "trailing comma", inner + b",}"
    yield "trailing comma in attributes", inner[:-2] + b",}}}"
    yield "leading comma", b"{," + whole[1:]
    yield "missing comma", whole.replace(b',"', b' "', 1)
    yield "missing colon", whole.replace(b":", b" ", 1)
    yield "trailing text", whole + b"}"
    yield "trailing text", whole + b" x"
    yield "two documents", whole + whole
    yield "line comment", b"// comment\n" + whole
    yield "block comment", b"/* comment */" + whole
    yield "hash comment", whole + b"\n# comment"
    for name in (b"NaN", b"Infinity", b"-Infinity", b"undefined", b"True", b"None"):
        yield (
            f"the literal {name.decode()}",
            inner + b',"unknown_property":' + name + b"}",
        )
        yield (
            f"start is {name.decode()}",
            _text(_with(document, "start", "X")).replace(b'"X"', name),
        )
    yield "single quotes", whole.replace(b'"', b"'")
    yield "names without quotes", whole.replace(b'"data"', b"data")
    for number in (b"01", b"+1", b"1.", b".5", b"0x10", b"1e", b"1_000"):
        yield (
            f"the number {number.decode()}",
            _text(_with(document, "start", "X")).replace(b'"X"', number),
        )
    for text in (b"a\nb", b"a\tb", b"a\0b", b"\\x41", b"\\u12", b"\\", b"a\\'b"):
        yield (
            f"the text {text!r}",
            _text(_with(document, "event_id", "X")).replace(b'"X"', b'"' + text + b'"'),
        )
    for bad in (
        b"\xff",
        b"\xfe",
        b"\xc3",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
    ):
        yield (
            "not UTF-8",
            _text(_with(document, "event_id", "X")).replace(
                b'"X"', b'"a' + bad + b'b"'
            ),
        )
    yield "UTF-16", whole.decode().encode("utf-16-le")
    yield "XML", b"<data/>"
    yield "a form", b"data=1"
    yield "random bytes", bytes(range(256))


def _other_media(document: Json) -> Iterator[tuple[str, bytes]]:
    """Yield (media type, body): what is not said to be JSON."""
    for media in (
        "text/plain",
        "text/plain; charset=utf-8",
        "text/html",
        "application/octet-stream",
        "image/png",
    ):
        yield media, _text(document)
    for media in ("application/xml", "text/xml"):
        yield media, b"<data><type>snapshots</type></data>"
    yield "application/x-www-form-urlencoded", b"data[type]=snapshots"
    yield "application/x-www-form-urlencoded", _text(document)
    form = b'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n{}\r\n--b--\r\n'
    yield "multipart/form-data; boundary=b", form


def _left_open(document: Json) -> Iterator[tuple[str, bytes, str | None, Headers]]:
    """Yield (kind, body, media type, more headers): where RFC 8259 or RFC 9110 lets accept and refuse."""
    whole, media = _text(document), "application/json"

    def put(name: str, text: bytes) -> bytes:
        return _text(_with(document, name, "X")).replace(b'"X"', text)

    bodies = {
        "a byte order mark": b"\xef\xbb\xbf" + whole,
        "duplicate names": whole[:-1] + b"," + whole[1:],
        "duplicate names in attributes": put("event_id", b'"a","event_id":"b"'),
        "a lone surrogate": put("event_id", b'"\\ud800"'),
        "a lone low surrogate": put("event_id", b'"a\\udc00b"'),
        "a lone surrogate in a name": put("unknown_property", b'1,"\\ud800":1'),
        "a lone surrogate in data.id": whole.replace(
            b'"type"', b'"id":"\\ud800","type"'
        ),
        "an integer with a point": put("start", b"1.0"),
        "an integer with an exponent": put("start", b"1e3"),
        "a huge number": put("unknown_property", b"1e400"),
        "a huge negative number": put("unknown_property", b"-1e400"),
        "a number of 5,000 digits": put("unknown_property", b"1" + b"0" * 5_000),
        "a huge number as start": put("start", b"1e400"),
        "a number of 5,000 digits as start": put("start", b"9" * 5_000),
        "arrays 10^5 deep": b"[" * _DEEP + b"]" * _DEEP,
        "arrays 10^5 deep, never closed": b"[" * _DEEP,
        "objects 10^5 deep": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
        "arrays 10^5 deep in a property": put(
            "unknown_property", b"[" * _DEEP + b"]" * _DEEP
        ),
        "a megabyte of text": put("event_id", b'"' + b"x" * _MEGABYTE + b'"'),
        "a megabyte of escapes": put(
            "view_id", b'"' + b"\\u0000" * (_MEGABYTE // 6) + b'"'
        ),
        "a megabyte of white space": b" " * _MEGABYTE + whole,
        "10^5 properties": whole[:-1]
        + (b',"p%d":0' * _DEEP) % tuple(range(_DEEP))
        + b"}",
    }
    yield from ((kind, body, media, ()) for kind, body in bodies.items())
    yield "no media type", whole, None, ()
    for odd in (
        "",
        "json",
        "application/json; charset=utf-16",
        "application/vnd.api+json",
        "application/*",
        ";;;",
    ):
        yield f"media type {odd!r}", whole, odd, ()
    for coding in ("gzip", "x-unknown"):
        yield (
            f"content coding {coding}, which it is not",
            whole,
            media,
            (("Content-Encoding", coding),),
        )
    for accept in ("text/html", "*/*;q=0", "application/xml, text/plain"):
        yield f"Accept: {accept}", whole, media, (("Accept", accept),)
    yield "a doubled media type", whole, media, (("Content-Type", "text/plain"),)
    yield "an expectation", whole, media, (("Expect", "something"),)
    yield "a precondition", whole, media, (("If-Match", '"none"'),)
    yield (
        "another method in a header",
        whole,
        media,
        (("X-HTTP-Method-Override", "DELETE"),),
    )
    yield "a long header", whole, media, (("X-Long", string.ascii_letters * 1_000),)
