"""The clauses that judge services, those about their answers first."""

import base64

from contract.clauses.base import Clause, clause
from contract.clauses.client_context import read_body
from contract.clauses.service_context import (
    change,
    decisive,
    member,
    real_id,
    role_of,
    status_of,
    wire_of,
)
from contract.clauses.service_state import STORED, known_attributes, lost
from contract.model import Exchange, Finding, Json, Response
from contract.spec import DocumentedResponse, Spec

__all__ = ["SERVICE"]

_JSON = "application/json"
_BELOW = (400, 408, 411, 413, 414, 417, 431, 501, 505)
"""What an HTTP server answers by itself, before the application has seen anything."""

_LARGE = 1 << 20
_LONG = 4_096
_LONGEST_PERIOD_S = 366 * 86_400


def _media_type(answer: Response) -> str:
    return (answer.header("Content-Type") or "").partition(";")[0].strip().lower()


def _is_json(media: str) -> bool:
    return media == _JSON or (
        media.startswith("application/") and media.endswith("+json")
    )


@clause("page: request model, 200")
def s_accept(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Every valid body on an existing snapshot gets 200."""
    if role_of(exchange) != "valid" or _limited(exchange):
        return None
    answer = decisive(exchange)
    if answer is not None and answer.status == 200:
        return []
    if (
        answer is not None
        and answer.status in (404, 410)
        and exchange.before is not None
        and real_id(exchange) not in exchange.before
    ):
        return None  # that it is not there at all is for S-ID to say
    how = f"status {answer.status}" if answer is not None else "no answer"
    return [
        Finding(f"a valid update is answered with {status_of(exchange)}", keyword=how)
    ]


def _limited(exchange: Exchange) -> bool:
    last = exchange.responses[-1] if exchange.responses else None
    return last is not None and last.status == 429


@clause("page: request model, body data; RFC 8259; RFC 9110, 15.5")
def s_reject(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Every invalid body (by schema, by JSON, by media type) gets a 4xx and changes nothing."""
    answer, wrong = decisive(exchange), exchange.case.violation
    if role_of(exchange) != "invalid" or answer is None or wrong is None:
        return None
    found = []
    if answer.status < 400:
        message = f"a body that breaks {wrong} is answered with {answer.status}"
        found.append(Finding(message, wrong.pointer, wrong.keyword))
    elif answer.status < 500:
        found += change(
            exchange, f"a body that breaks {wrong}, refused with {answer.status},"
        )
    return found


@clause("page: 200, 429; RFC 9110, 15.6; RFC 8259, 9")
def s_no_5xx(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """No request makes a 5xx, and each gets an answer; what the RFCs leave open is judged by this alone."""
    found = [
        Finding(f"answered with {answer.status}", keyword="5xx")
        for answer in exchange.responses
        if answer is not None and answer.status >= 500
    ]
    if (
        exchange.outcome.kind == "failed"
        and exchange.outcome.type != "closed while sending"
    ):
        found.append(
            Finding(f"no answer: {exchange.outcome.message}", keyword="no answer")
        )
    return found[:1]


@clause("page: 200, 429; observed statuses (overlay); RFC 9110, 15")
def s_status(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The status is 200 or 429, or one that is observed or that RFC 9110 gives; the latter are reported."""
    if role_of(exchange) == "open" or wire_of(exchange).method in (
        "GET",
        "POST",
        "DELETE",
        "OPTIONS",
        "HEAD",
    ):
        return None
    statuses = {
        answer.status
        for answer in exchange.responses
        if answer is not None and answer.status < 500
    }
    if not statuses:
        return None
    found = []
    for status in sorted(statuses - set(spec.documented)):
        if status in spec.observed:
            message = f"undocumented status {status} ({spec.observed[status].source})"
            found.append(Finding(message, keyword=f"status {status}", level="note"))
        else:
            message = f"status {status} is neither documented nor observed"
            found.append(Finding(message, keyword=f"status {status}", kind=""))
    return found


@clause("page: 200 model")
def s_schema(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A 200 satisfies the Snapshot schema."""
    answer = _success(exchange)
    if answer is None:
        return None
    reading = read_body(answer.body)
    if reading.trouble:
        return [Finding(f"a 200 is {reading.trouble}", "", "JSON", "")]
    schema = spec.documented[200].media[_JSON]
    if schema.is_valid(reading.value):
        return []
    return [
        Finding(f"a 200 breaks the model: {each}", each.pointer, each.keyword, "")
        for each in schema.errors(reading.value)
    ]


def _success(exchange: Exchange) -> Response | None:
    """Return the 200 to an update whose answer is not left open."""
    answer = decisive(exchange)
    if (
        answer is None
        or answer.status != 200
        or role_of(exchange) in ("open", "operation")
    ):
        return None
    return answer


@clause("page: 200, application/json; observed: JSON:API (overlay); RFC 9110, 8.3")
def s_media(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A 200 says application/json; another JSON type (+json) is a should."""
    answer = _success(exchange)
    if answer is None:
        return None
    media = _media_type(answer)
    if media == _JSON:
        return []
    message = f"a 200 is {media or 'of no media type'}, not {_JSON}"
    return [
        Finding(
            message,
            "Content-Type",
            "media type",
            "",
            "should" if _is_json(media) else None,
        )
    ]


@clause("page: 429 model; observed: errors of other shapes (overlay)")
def s_error(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A 429 has the documented body; another 4xx has it or a known other shape, which is reported."""
    if role_of(exchange) == "open" or wire_of(exchange).method in ("HEAD", "OPTIONS"):
        return None
    errors = [
        each
        for each in exchange.responses
        if each is not None and 400 <= each.status < 500 and not _below(exchange, each)
    ]
    if not errors:
        return None
    found = []
    for answer in errors:
        trouble = _error_trouble(answer, spec)
        if trouble is not None:
            found.append(trouble)
    return list(dict.fromkeys(found))


def _below(exchange: Exchange, answer: Response) -> bool:
    """Tell whether an HTTP server may have refused the request below the application."""
    wire = wire_of(exchange)
    odd = role_of(exchange) == "odd" or wire.path is not None or bool(wire.headers)
    size = len(exchange.requests[-1].body) if exchange.requests else 0
    return (
        answer.status in _BELOW
        and not _is_json(_media_type(answer))
        and (odd or size >= _LARGE)
    )


def _error_trouble(answer: Response, spec: Spec) -> Finding | None:
    media, reading, status = _media_type(answer), read_body(answer.body), answer.status
    documented = spec.documented[429].media[_JSON]
    if not reading.trouble and media == _JSON and documented.is_valid(reading.value):
        return None
    if reading.trouble:
        return Finding(
            f"an error {status} ({media}) is {reading.trouble}", "", "JSON", ""
        )
    value = reading.value
    known = (
        status != 429
        and isinstance(value, dict)
        and ("errors" in value or "error" in value)
    )
    if known and _observed(value, media, spec.observed.get(status), spec.observed[400]):
        shape = (
            "error"
            if "error" in value
            else "errors of objects"
            if not documented.is_valid(value)
            else "errors"
        )
        return Finding(
            f"an error {status} of a known other shape ({media}, {shape})", level="note"
        )
    return Finding(
        f"an error {status} ({media or 'no media type'}) has no known shape",
        "",
        "shape",
        "",
    )


def _observed(
    value: Json,
    media: str,
    response: DocumentedResponse | None,
    fallback: DocumentedResponse,
) -> bool:
    known = (response.media if response is not None else {}) or fallback.media
    schemas = [known[media]] if media in known else []
    if _is_json(media):
        schemas += [*fallback.media.values()]
    return any(schema.is_valid(value) for schema in schemas)


@clause("page: 200 model, data.id")
def s_id(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The answer names the path's snapshot; an id that create just returned is known."""
    answer, role = decisive(exchange), role_of(exchange)
    if answer is None or role not in ("valid", "other id"):
        return None
    if answer.status in (404, 410):
        return [
            Finding(
                f"an id that create returned is answered with {answer.status}",
                "snapshot_id",
                "unknown",
                "",
            )
        ]
    if answer.status != 200:
        return None
    shown = member(read_body(answer.body).value, "data", "id")
    if shown == real_id(exchange):
        return []
    how = "lost" if shown is None else "another id"
    return [
        Finding(
            f"the path names {real_id(exchange)}, the answer {shown!r}"[:300],
            "/data/id",
            how,
            "",
        )
    ]


@clause("page: request and 200 models")
def s_echo(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The answer carries the values sent, exactly."""
    answer = decisive(exchange)
    if answer is None or answer.status != 200 or role_of(exchange) != "valid":
        return None
    data = member(read_body(answer.body).value, "data")
    return lost(
        known_attributes(exchange, spec),
        member(data, "attributes"),
        "the answer differs from what was sent",
    )


@clause("safety")
def s_secret(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """No key is echoed."""
    answers = [answer for answer in exchange.responses if answer is not None]
    keys = [key for key in exchange.keys if len(key) >= 8]
    if not answers or not keys:
        return None
    encoded = [
        text for key in keys for text in (key.encode(), base64.b64encode(key.encode()))
    ]
    for answer in answers:
        heads = "\n".join(value for _, value in answer.headers).encode()
        for place, text in (("body", answer.body), ("headers", heads)):
            if any(key in text for key in encoded):
                return [
                    Finding(
                        f"a key is in the {place} of a {answer.status}",
                        place,
                        "echoed",
                        "",
                    )
                ]
    return []


@clause("observed: X-RateLimit headers (overlay)", level="should")
def s_rate(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A 429 has rate-limit headers that make sense."""
    limited = [
        answer
        for answer in exchange.responses
        if answer is not None and answer.status == 429
    ]
    if not limited:
        return None
    return list(
        dict.fromkeys(problem for answer in limited for problem in _senseless(answer))
    )


def _senseless(answer: Response) -> list[Finding]:
    known: dict[str, int] = {}
    found = []
    for part in ("Limit", "Period", "Remaining", "Reset"):
        name = f"X-RateLimit-{part}"
        text = answer.header(name)
        if text is None:
            found.append(Finding(f"a 429 has no {name}", name, "lost", ""))
        elif not (text.isascii() and text.isdecimal() and len(text) < 20):
            found.append(
                Finding(f"{name} is {text[:40]!r}, no number", name, "type", "")
            )
        else:
            known[part] = int(text)
    period = known.get("Period", _LONGEST_PERIOD_S)
    if not 1 <= known.get("Reset", 1) <= period:
        message = f"X-RateLimit-Reset is {known['Reset']}, the period {period}"
        found.append(Finding(message, "X-RateLimit-Reset", "range", ""))
    if not 1 <= period <= _LONGEST_PERIOD_S:
        found.append(
            Finding(
                f"X-RateLimit-Period is {period}", "X-RateLimit-Period", "range", ""
            )
        )
    if known.get("Remaining", 0) != 0:
        found.append(
            Finding(
                f"X-RateLimit-Remaining is {known['Remaining']}",
                "X-RateLimit-Remaining",
                "range",
                "",
            )
        )
    if known.get("Limit", 1) < 1:
        found.append(
            Finding("X-RateLimit-Limit is 0", "X-RateLimit-Limit", "range", "")
        )
    return found


@clause("page: the site table", per_site=True)
def s_parity(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The sites that are reachable behave alike."""
    other = exchange.reference
    if other is None or role_of(exchange) == "open":
        return None
    ours, theirs = decisive(exchange), decisive(other)
    if ours is None or theirs is None:
        return None
    where = f"{exchange.case.site}, unlike {other.case.site},"
    if ours.status != theirs.status:
        return [
            Finding(
                f"{where} answers with {ours.status}, not {theirs.status}",
                keyword="status",
            )
        ]
    if _media_type(ours) != _media_type(theirs):
        return [
            Finding(
                f"{where} says {_media_type(ours)}", "Content-Type", "media type", ""
            )
        ]
    if _shape(read_body(ours.body).value) != _shape(read_body(theirs.body).value):
        return [
            Finding(
                f"{where} answers {ours.status} in another shape",
                keyword="shape",
                kind="",
            )
        ]
    return []


def _shape(value: Json) -> Json:
    """Return a value with types in place of what it holds; the items of a list are one."""
    if isinstance(value, dict):
        return {name: _shape(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__


SERVICE: tuple[Clause, ...] = (
    s_accept,
    s_reject,
    s_no_5xx,
    s_status,
    s_schema,
    s_media,
    s_error,
    s_id,
    s_echo,
    *STORED,
    s_secret,
    s_rate,
    s_parity,
)
