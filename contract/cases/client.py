"""Scenarios for clients, and the responses that they get.

Enumerated cases come first, generated cases second. The place of an error response is
its status, so that the same body has the same value class under every status.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import starmap
from typing import Any

from contract.cases import parameters, payloads
from contract.cases.documents import Documents
from contract.cases.scenario import (
    Mark,
    Scenario,
    drawing,
    generated,
    marked,
    scenario_of,
)
from contract.endpoint import (
    RESOURCE_TYPE,
    RETRY_AFTER,
    VIEW_ATTRIBUTE,
    RateLimitHeader,
)
from contract.model import (
    ClientCase,
    Delivery,
    FirstCall,
    Headers,
    Json,
    Label,
    Response,
    Tls,
)
from contract.spec import Spec, load

Cases = Iterator[ClientCase]

Responses = Iterator[tuple[str | int, str, Response]]
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
        ("two documents, a comma between", whole + b", " + whole),
        ("comment after", whole + b" // comment"),
        ("comment after", whole + b" /* comment */"),
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

PAGE_STATUSES = (
    *(401, 402, 403, 404, 405, 408, 409, 410, 413, 414, 415, 418, 422, 431, 451),
    *(499, 501, 502, 503, 504, 599),
)


def undocumented_errors() -> Responses:
    bodies = {name: (body, JSON) for name, body in ERROR_BODIES.items()}
    for name, (body, media_type) in (OTHER_ERROR_BODIES | bodies).items():
        for status in (400, 429, 500):
            yield status, name, raw_response(body, status, media_type)
    for status in PAGE_STATUSES:
        yield status, "HTML", raw_response(PAGE, status, "text/html")


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


def limited(reset: str | None, status: int = 429) -> Response:
    headers = () if reset is None else ((RESET, reset),)
    return json_response(TOO_MANY, status, headers=headers)


RETRY_AFTERS = {
    "Retry-After number": "1",
    "Retry-After date": "Fri, 31 Dec 1999 23:59:59 GMT",
}


RAW_TEXT = "Größe – 日本 𝄞"
"""Characters of two, three and four bytes in UTF-8."""


def transfers(snapshot: Json) -> Responses:
    """Yield a success and an error, sent in each way that HTTP has."""
    for place, name, parts in TRANSFERS:
        yield place, name, json_response(snapshot, **parts)
        yield place, f"{name}, error", json_response(TOO_MANY, 429, **parts)
    named = payloads.with_attribute(snapshot, VIEW_ATTRIBUTE, RAW_TEXT)
    yield "charset", "raw UTF-8", raw_response(payloads.compact(named))
    for status in (400, 429, 500):
        body = payloads.compact({"errors": [f"{RAW_TEXT}: too many"]})
        yield "charset", f"raw UTF-8, {status}", raw_response(body, status)


CHUNKED = ("Transfer-Encoding", "chunked"), ("Trailer", "X-Contract-Trailer")
TRANSFERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Content-Encoding", "gzip", {"delivery": Delivery.GZIP}),
    ("Transfer-Encoding", "chunked", {"headers": CHUNKED}),
    ("Connection", "close", {"headers": (("Connection", "close"),)}),
    ("version", "HTTP/1.0", {"delivery": Delivery.HTTP_1_0}),
)


DELIVERIES = {
    "success cut": Delivery.CUT,
    "success dripping": Delivery.DRIP,
    "head only": Delivery.STALL_BODY,
    "nothing": Delivery.STALL,
    "reset": Delivery.RESET,
}


ERROR_STATUSES = (429, 400, 403, 404, 500, 503)


class ClientCatalogue:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.bodies = Documents(spec.request.raw)
        # A document with errors is no success.
        self.snapshots = Documents(spec.success_schema.raw, reserved=("errors",))
        self.errors = Documents(spec.error_schema.raw)
        self.snapshot = self.snapshots.full()
        self.earlier_snapshot = payloads.with_attribute(
            self.snapshot, VIEW_ATTRIBUTE, "earlier"
        )
        self.members = {
            "snapshot_id": parameters.EXAMPLE_ID,
            "credential": parameters.CREDENTIALS["plain"],
            "body": self.bodies.full(),
            "responses": (json_response(self.snapshot),),
        }
        self.plain = ClientCase(**self.members)

    def case(self, mark: Mark, **changes: Any) -> ClientCase:
        return ClientCase(**(self.members | marked(mark) | changes))

    def about(self, place: str | int, name: str, **changes: Any) -> ClientCase:
        return self.case(Label(str(place), name), **changes)

    def answered(
        self, place: str | int, name: str, *responses: Response, **changes: Any
    ) -> ClientCase:
        return self.about(place, name, responses=responses, **changes)

    def with_json(self, mark: Mark, value: Json, status: int = 200) -> ClientCase:
        """Return a case with a response. Its violation is none of the call."""
        scripted = (json_response(value, status),)
        return self.case(mark, responses=scripted, violation=None)

    def with_error(self, mark: Mark, error: Json, status: int = 429) -> ClientCase:
        return self.with_json(mark, error, status)

    def with_garbage(self, body: bytes, status: int) -> ClientCase:
        return self.answered(status, "garbage", raw_response(body, status))

    def successes(self) -> Iterator[tuple[Label, Json]]:
        yield from self.snapshots.valid()
        label = Label("/data/attributes/{any}", "unknown integer beyond 2^53")
        for number in (2**53 + 1, 1 - 2**63, 2**63 - 1):
            name = payloads.NEW_ATTRIBUTE
            yield label, payloads.with_attribute(self.snapshot, name, number)

    def sites(self) -> Cases:
        own = self.spec.own_sites
        for site in self.spec.sites:
            name = "not of the page" if site in own else "documented"
            yield self.about("site", name, sites=(site,))
        documented = self.spec.sites[: len(self.spec.sites) - len(own)]
        for violation, site in parameters.other_sites(documented):
            if site not in own:
                yield self.case(violation, sites=(site,))

    def odd_errors(self) -> Cases:
        yield from starmap(self.with_error, self.errors.invalid())
        yield from starmap(self.answered, undocumented_errors())

    def media_types(self) -> Cases:
        for media_type in (
            *("application/vnd.api+json", "application/json; charset=utf-8"),
            *("text/plain", "text/html", None),
        ):
            response = json_response(self.snapshot, media_type=media_type)
            yield self.answered("Content-Type", media_type or "none", response)

    def retries(self) -> Cases:
        success = json_response(self.snapshot)
        for status in (408, 429, 500, 502, 503, 504):
            first = limited("1", status)
            yield self.answered(status, "no retry wanted", first, success)
        retry = partial(self.answered, retry=True)
        lower_case = json_response(TOO_MANY, 429, headers=((RESET.lower(), "4"),))
        yield retry(429, "reset", limited("1"), success)
        yield retry(429, "longer reset", limited("4"), success)
        yield retry(429, "longer reset in lower case", lower_case, success)
        yield retry(429, "twice", limited("1"), limited("1"), success)
        yield retry(429, "forever", *[limited("1")] * 15)
        for name, reset in ODD_RESETS.items():
            yield retry(429, name, limited(reset), success)
        for name, value in RETRY_AFTERS.items():
            headers = (RESET, "1"), (RETRY_AFTER, value)
            after = json_response(TOO_MANY, 429, headers=headers)
            yield retry(429, name, after, success)
            yield self.answered(429, f"{name}, no retry wanted", after, success)
        for status in (400, 401, 403, 404, 409, 413, 422):
            yield retry(status, "reset", limited("1", status), success)

    def redirects(self) -> Cases:
        path, sites = self.spec.path_of("a"), self.spec.sites
        starts = {
            "https": "https://",
            "http": "http://",
            "no scheme": "//",
            "user information": f"https://api.{sites[0]}@",
        }
        for status in (301, 302, 303, 307, 308):
            for name, start in starts.items():
                url = f"{start}{FOREIGN_HOST}{path}"
                yield self.redirect(status, f"other-host, {name}", url)
        origins = {"plain-http": "http://api.{}", "other-port": "https://api.{}:8443"}
        for site in sites:
            for name, origin in origins.items():
                yield self.redirect(307, name, origin.format(site) + path, site)

    def redirect(self, status: int, name: str, url: str, *sites: str) -> ClientCase:
        responses = Response(status, (("Location", url),)), *self.plain.responses
        return self.answered("redirect", f"{status} {name}", *responses, sites=sites)

    def slow_answers(self) -> Cases:
        slow = partial(self.answered, "delivery", timeout_s=0.2)
        yield slow("error cut", json_response(TOO_MANY, 429, delivery=Delivery.CUT))
        for name, delivery in DELIVERIES.items():
            yield slow(name, json_response(self.snapshot, delivery=delivery))
        late = json_response(self.earlier_snapshot, delivery=Delivery.LATE)
        first_call = FirstCall(late, timeout_s=0.5)
        yield self.about("delivery", "late, then another call", first_call=first_call)

    def kept_connections(self) -> Cases:
        opened = FirstCall(json_response(self.earlier_snapshot))
        closed = replace(opened, is_closed=True)
        yield self.about("connection", "closed while idle", first_call=closed)
        reset = json_response(self.snapshot, delivery=Delivery.RESET)
        name = "reset after the request"
        yield self.answered("connection", name, reset, first_call=opened)

    def certificates(self) -> Cases:
        untrusted = (tls for tls in Tls if tls is not Tls.TRUSTED)
        return (self.about("tls", tls, tls=tls) for tls in untrusted)

    def calls(self, name: str, field: str, *rows: Any) -> Scenario:
        return scenario_of(
            name, lambda mark, value: self.case(mark, **{field: value}), *rows
        )

    def scenarios(self) -> Iterator[Scenario]:
        bodies, snapshots, errors = self.bodies, self.snapshots, self.errors
        yield self.calls("valid-bodies", "body", bodies.valid, bodies.labeled_strategy)
        invalid = bodies.invalid, lambda: bodies.invalid_strategy
        yield self.calls("invalid-bodies", "body", *invalid)
        ids = parameters.all_ids, lambda: drawing().snapshot_ids
        yield self.calls("snapshot-ids", "snapshot_id", *ids)
        yield self.calls("keys", "credential", parameters.credentials)
        yield Scenario("sites", self.sites)
        valid = self.successes, snapshots.labeled_strategy
        yield scenario_of("snapshots", self.with_json, *valid)
        yield Scenario("media-types", self.media_types)
        invalid = snapshots.invalid, lambda: snapshots.invalid_strategy
        yield scenario_of("broken-snapshots", self.with_json, *invalid)
        successes = partial(invalid_successes, self.snapshot)
        yield scenario_of("false-successes", self.answered, successes)
        drawn = errors.valid, lambda: drawing().with_status(errors, ERROR_STATUSES)
        yield scenario_of("documented-errors", self.with_error, *drawn)
        observed = partial(observed_errors, self.spec)
        yield scenario_of("observed-errors", self.answered, observed)
        odd = generated(self.with_garbage, lambda: drawing().garbage)
        yield Scenario("odd-errors", self.odd_errors, odd)
        yield Scenario("retries", self.retries, waits=True)
        yield Scenario("redirects", self.redirects)
        sent = partial(transfers, self.snapshot)
        yield scenario_of("transfers", self.answered, sent)
        yield Scenario("kept-connections", self.kept_connections)
        yield Scenario("slow-answers", self.slow_answers, waits=True)
        yield Scenario("certificates", self.certificates)


def client_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for clients, in the order of a run."""
    return tuple(ClientCatalogue(spec).scenarios())


@cache
def catalogue() -> ClientCatalogue:
    """Return the cases for clients, made once."""
    return ClientCatalogue(load())
