"""Clauses about the requests of a client."""

import re
import string
from collections.abc import Iterator
from urllib.parse import quote, unquote, unquote_to_bytes, urljoin

from contract.clauses.base import (
    ALTERED_RULES,
    CHANGE_RULES,
    FALSE_SUCCESS,
    LOSS,
    RISK,
    SHOULD,
    Findings,
    Mistake,
    mistakes,
    place_of,
    unchecked_rules,
)
from contract.clauses.client_facts import SHORTEST_TIMEOUT_S, ClientFacts, client_clause
from contract.jsondiff import MISSING, differences, value_at
from contract.model import Danger, Rule, Tls

NOTHING_SENT = Rule("nothing-sent", "A valid call sends no request.", FALSE_SUCCESS)
METHOD_WRONG = Rule("method-wrong", "The request has another method.", LOSS)
SENT_TWICE = Rule("sent-twice", "A request is sent again without being allowed.")


def concerns_method(facts: ClientFacts) -> bool:
    is_due = facts.is_sendable and facts.case.timeout_s >= SHORTEST_TIMEOUT_S
    is_due = is_due and not (facts.may_fail and facts.has_failed)
    is_missing = is_due and facts.has_outcome and not facts.has_refused
    return not facts.is_invalid("site") and (facts.has_sent or is_missing)


@client_clause(
    "C-METHOD",
    "One call is one PATCH; more requests only where a retry is allowed.",
    "page: the operation's method",
    (NOTHING_SENT, METHOD_WRONG, SENT_TWICE),
    concerns_method,
)
def METHOD(facts: ClientFacts) -> Findings:
    requests = facts.own_requests
    if not requests:
        message = f"No request was sent. The client reported {facts.reported}."
        yield NOTHING_SENT.at(message=message, is_timed=facts.has_failed)
    for request in requests:
        if request.method != facts.spec.method:
            yield METHOD_WRONG.at(request.method)
    if len(requests) > 1 and not facts.case.retry:
        first = next(iter(facts.exchange.responses), None)
        yield SENT_TWICE.at(first.status if first else "none")


WITHOUT_TLS = Rule("sent-without-tls", "The call goes to plain HTTP.", RISK)
HOST_WRONG = Rule("host-wrong", "The call goes to another host.", RISK)


@client_clause(
    "C-HOST",
    "A call goes to https://api.{site}, for each of the eight, and to nothing else.",
    "page: the site table",
    (WITHOUT_TLS, HOST_WRONG),
    lambda facts: facts.has_sent and facts.site in facts.spec.sites,
    names_site=True,
)
def HOST(facts: ClientFacts) -> Findings:
    expected = facts.spec.url(facts.site)
    for origin in (request.origin for request in facts.own_requests):
        if origin != expected:
            is_plain = origin == expected.replace("https:", "http:")
            rule = WITHOUT_TLS if is_plain else HOST_WRONG
            message = f"{facts.excerpt(origin)} got the call, not {expected}."
            yield rule.at(facts.site, message)


PATH_ALTERED = Rule("path-altered", "The request target is not the documented path.")
QUERY_EMPTY = Rule("query-empty", "An empty query follows the path.", level=SHOULD)
ID_INVALID = Rule("invalid-id-sent", "An id that no path can hold was sent.", LOSS)
ID_RAW = Rule("id-not-encoded", "A character of the id is sent raw.", LOSS)
ID_TWICE = Rule("id-encoded-twice", "The id is percent-encoded twice.", LOSS)
ID_PLUS = Rule("space-as-plus", "A space is sent as a plus sign.", LOSS)
ID_CUT = Rule("id-cut", "The end of the id is missing.", LOSS)
ID_CASE = Rule("id-case-changed", "Letters of the id change their case.", LOSS)
ID_ALTERED = Rule("id-altered", "The path names another id than the caller's.", LOSS)

SEGMENT = {*string.ascii_letters, *string.digits, *"-._~!$&'()*+,;=:@%"}
"""The characters that a path segment may have (RFC 3986, sections 2.1 and 3.3)."""

INVALID_IDS = {"": "empty", ".": "dot-segment", "..": "dot-segment"}
LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


@client_clause(
    "C-PATH",
    "The path is the documented one, its id one percent-encoded segment "
    "that decodes once to the caller's.",
    "page: path parameter snapshot_id; RFC 3986, 2.1 and 3.3",
    (
        *(PATH_ALTERED, QUERY_EMPTY, ID_INVALID, ID_RAW),
        *(ID_TWICE, ID_PLUS, ID_CUT, ID_CASE, ID_ALTERED),
    ),
    lambda facts: (
        facts.has_outcome or facts.has_sent
        if facts.is_invalid("snapshot_id")
        else facts.case.violation is None and facts.has_sent
    ),
)
def PATH(facts: ClientFacts) -> Findings:
    """Judge the first request only where no path can hold the id."""
    expected = facts.case.snapshot_id
    if facts.is_invalid("snapshot_id"):
        for request in facts.exchange.requests[:1]:
            message = f"{expected!r} was sent as {facts.excerpt(request.target)!r}."
            yield ID_INVALID.at(INVALID_IDS.get(expected, "surrogate"), message)
        return
    base = facts.spec.collection_path + "/"
    for request in facts.own_requests:
        for rule, place in path_mistakes(request.target, base, expected):
            sent = facts.excerpt(request.target)
            message = f"The id {facts.excerpt(expected, 80)!r} was sent as {sent!r}."
            yield rule.at(place, message)


def has_empty_query(target: str, expected: str) -> bool:
    """Return whether a target ends with an empty query.

    It is another URL (RFC 3986, section 6.2.3), which servers answer alike. A mark that
    belongs to the id is none.
    """
    return target.endswith("?") and unquote(target).count("?") > expected.count("?")


def path_mistakes(target: str, base: str, expected: str) -> Iterator[tuple[Rule, str]]:
    if has_empty_query(target, expected):
        target = target[:-1]
        yield QUERY_EMPTY, ""
    # Order matters: a raw "/" of the id ends the segment like a query does.
    segment = target.removeprefix(base)
    head = re.split("[/?#]", segment)[0]
    raw_places = places_not_encoded(segment, expected)
    path = base + quote(expected, safe="/")
    resolved = urljoin(base, path)
    if resolved != path and unquote(resolved) == unquote(target):
        yield ID_RAW, "/"
    elif not target.startswith(base):
        yield PATH_ALTERED, "before-id"
    elif segment != head and unquote(head) == expected:
        yield PATH_ALTERED, "after-id"
    elif raw_places:
        yield from ((ID_RAW, place) for place in raw_places)
    elif segment != head:
        yield PATH_ALTERED, "after-id"
    elif unquote_to_bytes(segment) != expected.encode():
        yield id_mistake(unquote(segment), segment, expected)


def places_not_encoded(segment: str, expected: str) -> list[str]:
    raw = {*segment} & {*expected} - SEGMENT
    is_percent_raw = unquote(segment) == unquote(expected) != expected
    if "%" in expected and (is_percent_raw or LONE_PERCENT.search(segment)):
        raw.add("%")
    places = {character_place(character) for character in raw}
    return sorted(places if segment.isascii() else places | {"non-ascii"})


def id_mistake(sent: str, segment: str, expected: str) -> tuple[Rule, str]:
    if unquote(sent) == expected:
        return ID_TWICE, ""
    if unquote(segment.replace("+", "%20")) == expected:
        return ID_PLUS, ""
    for place in ("control", "non-ascii"):
        if sent == "".join(c for c in expected if character_place(c) != place):
            return ID_ALTERED, place
    if expected.startswith(sent):
        return ID_CUT, character_place(expected[len(sent)])
    if expected.lower() == sent.lower():
        return ID_CASE, ""
    differing = (a for a, b in zip(expected, sent, strict=False) if a != b)
    return ID_ALTERED, character_place(next(differing, ""))


def character_place(character: str) -> str:
    """Return a character as a place: itself, its class, empty if alphanumeric."""
    if not character.isascii():
        return "non-ascii"
    if character.isalnum():
        return ""
    return character if character.isprintable() else "control"


KEY_MISSING = Rule("key-missing", "A key header is missing.")
KEY_REPEATED = Rule("key-repeated", "A key header is sent more than once.")
KEY_ALTERED = Rule("key-altered", "A key header carries another value than the key.")
KEY_ELSEWHERE = Rule("key-elsewhere", "A key stands outside its own header.", RISK)
TOKEN_MISSING = Rule("token-missing", "A Bearer is sent without a token.", level=SHOULD)

AUTHORIZATION = "Authorization"


@client_clause(
    "C-AUTH",
    "Both keys are sent, each in its own header, once, and nowhere else.",
    "page: authentication headers; RFC 9110, 5.1; RFC 6750, 2.1",
    (KEY_MISSING, KEY_REPEATED, KEY_ALTERED, KEY_ELSEWHERE, TOKEN_MISSING),
    lambda facts: facts.is_sendable and facts.has_sent,
)
def AUTH(facts: ClientFacts) -> Findings:
    documented = {header.lower() for header in facts.spec.auth_headers}
    for request in facts.own_requests:
        for header, key in zip(facts.spec.auth_headers, facts.keys, strict=True):
            values = request.all_headers(header)
            if len(values) > 1:
                yield KEY_REPEATED.at(header)
            elif values != [key]:
                rule = KEY_ALTERED if values else KEY_MISSING
                yield rule.at(header, "" if values else f"{header} is missing.")
        credentials = request.all_headers(AUTHORIZATION)
        if any(value.strip().lower() == "bearer" for value in credentials):
            yield TOKEN_MISSING.at(AUTHORIZATION)
        for part in facts.parts_with_a_key(request):
            if part.lower() not in documented:
                yield KEY_ELSEWHERE.at(part, f"A key stands in {part}.")


TYPE_MISSING = Rule("content-type-missing", "A body is sent without Content-Type.")
TYPE_WRONG = Rule("content-type-wrong", "Content-Type is not application/json.")
ACCEPT_WRONG = Rule("accept-excludes-json", "Accept does not admit application/json.")
TYPE_DECIDES = Rule("content-type-decides", "A success fails by its Content-Type.")


@client_clause(
    "C-MEDIA",
    "Content-Type is application/json; Accept admits it; "
    "the answer's Content-Type never decides about success.",
    "page: request headers and media types; RFC 9110, 8.3 and 12.5.1",
    (TYPE_MISSING, TYPE_WRONG, ACCEPT_WRONG, TYPE_DECIDES),
    lambda facts: facts.is_sendable and facts.has_sent,
)
def MEDIA(facts: ClientFacts) -> Findings:
    json_type = facts.spec.json_media_type
    for request in facts.own_requests:
        types = request.all_headers("Content-Type")
        accept = ",".join(request.all_headers("Accept"))
        if not types:
            yield TYPE_MISSING.at("Content-Type")
        elif [t.partition(";")[0].strip().lower() for t in types] != [json_type]:
            message = f"Content-Type is {facts.excerpt(', '.join(types))!r}."
            yield TYPE_WRONG.at("Content-Type", message)
        if accept and not admits(accept, json_type):
            yield ACCEPT_WRONG.at("Accept", f"Accept is {facts.excerpt(accept)!r}.")
    media = facts.response.header("Content-Type")
    is_lost = facts.has_outcome and not facts.has_succeeded
    if is_lost and media != json_type and facts.is_documented_success:
        place = facts.response.media_type or "none"
        message = f"A valid 200 as {media!r} was reported as {facts.reported}."
        yield TYPE_DECIDES.at(place, message, is_timed=facts.has_failed)


def admits(accept: str, media_type: str) -> bool:
    ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
    parts = (part.split(";") for part in accept.lower().replace(" ", "").split(","))
    return any(
        media in ranges and not {"q=0", "q=0.0", "q=0.000"} & {*parameters}
        for media, *parameters in parts
    )


NO_JSON = Rule("body-unreadable", "The body that was sent is no JSON.", LOSS)
MENDED = Rule("invalid-body-mended", "An invalid body is sent as a valid one.", LOSS)


@client_clause(
    "C-BODY",
    "The body on the wire equals the caller's as JSON: "
    "every number, character and absence.",
    "page: request body; RFC 8259",
    (NO_JSON, MENDED, *ALTERED_RULES),
    lambda facts: (
        facts.has_sent
        and facts.case.tls is Tls.TRUSTED
        and (facts.case.violation is None or facts.has_invalid_body)
    ),
)
def BODY(facts: ClientFacts) -> Findings:
    schema, is_invalid = facts.spec.request, facts.has_invalid_body
    for body in facts.sent_bodies:
        if is_invalid and (body.defect or not schema.is_valid(body.value)):
            continue  # C-VALID checks it
        if body.defect:
            yield NO_JSON.at(body.defect, f"The body is {body.error}.")
            continue
        for difference in differences(facts.case.body, body.value):
            rule = MENDED if is_invalid else CHANGE_RULES[difference.change]
            place = place_of(schema, difference.pointer)
            yield rule.at(place, f"The body differs: {facts.describe(difference)}")


UNCHECKED = unchecked_rules("sent", Danger.OTHER)
FILLED = Rule("absent-as-null", "A missing required member is sent as null.")
NO_JSON_SENT = Rule("no-json-sent", "An invalid body is sent as no JSON.")


@client_clause(
    "C-VALID",
    "No body that breaks the request schema reaches the wire.",
    "page: request model",
    (NO_JSON_SENT, FILLED, *UNCHECKED.values()),
    lambda facts: facts.has_invalid_body and (facts.has_sent or facts.is_supported),
)
def VALID(facts: ClientFacts) -> Findings:
    message = f"The caller's body is invalid ({facts.case.violation}). It was sent"
    for body in facts.sent_bodies:
        if body.defect:
            yield NO_JSON_SENT.at(body.defect, f"{message} and is {body.error}.")
            continue
        for mistake, pointer, place, _ in mistakes(facts.spec.request, body.value):
            is_absent = value_at(facts.case.body, pointer) is MISSING
            is_filled = mistake is Mistake.NULL and is_absent
            rule = FILLED if is_filled else UNCHECKED[mistake]
            yield rule.at(place, f"{message} with an invalid {place}.")


REFUSED = Rule("valid-input-refused", "A valid input is refused.")


@client_clause(
    "C-ACCEPT",
    "No valid input is refused.",
    "page: request model",
    (REFUSED,),
    lambda facts: (
        facts.is_sendable and facts.has_outcome and facts.site in facts.spec.sites
    ),
)
def ACCEPT(facts: ClientFacts) -> Findings:
    if facts.has_refused:
        message = f"A valid call ended as {facts.reported}."
        yield REFUSED.at_any(facts.label_places, message)


REQUEST_CLAUSES = (METHOD, HOST, PATH, AUTH, MEDIA, BODY, VALID, ACCEPT)
