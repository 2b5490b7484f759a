"""Clauses about the responses of a service: to one update, to many, on all sites."""

import hashlib
import re
from collections.abc import Sequence

from contract.clauses.base import (
    CHANGED_REFUSED,
    CRASH,
    FALSE_SUCCESS,
    SHOULD,
    Defect,
    Findings,
    Mistake,
    SiteFindings,
    SitesClause,
    mistakes,
    outliers,
    parse,
    slug,
    unchecked_rules,
)
from contract.clauses.service_facts import REMOVED, Role, ServiceFacts, service_clause
from contract.endpoint import RateLimitHeader
from contract.jsondiff import TIMESTAMP, canonical
from contract.model import (
    ROOT,
    Finding,
    Json,
    Note,
    Operation,
    OutcomeKind,
    Response,
    Rule,
)
from contract.spec import Schema

REFUSED = Rule("valid-body-refused", "A valid update is refused with a 4xx.")
FAILED = Rule("valid-body-failed", "A valid update gets a 5xx.", CRASH)
NOT_OK = Rule("status-not-200", "A valid update gets another success or a redirect.")
UNANSWERED = Rule("valid-body-unanswered", "A valid update gets no response.", CRASH)


def concerns_accept(facts: ServiceFacts) -> bool:
    status, before = facts.response.status, facts.exchange.before
    if facts.role is not Role.VALID or status == 429:
        return False
    # S-ID judges a snapshot that is not there at all.
    return before is None or facts.snapshot_id in before or status not in REMOVED


@service_clause(
    "S-ACCEPT",
    "Every valid body on an existing snapshot gets 200.",
    "page: request model, 200",
    (REFUSED, FAILED, NOT_OK, UNANSWERED),
    concerns_accept,
)
def ACCEPT(facts: ServiceFacts) -> Findings:
    places, status = facts.label_places, facts.status
    message = f"A valid update ends with {facts.ending}."
    if status == 0:
        yield UNANSWERED.at_any(places, message, is_timed=True)
    elif status >= 400:
        yield (FAILED if status >= 500 else REFUSED).at_any(places, message)
    elif status != 200:
        yield NOT_OK.at(status, message)


UNCHECKED = unchecked_rules("accepted", FALSE_SUCCESS)
del UNCHECKED[Mistake.DATE]  # no request has a date-time
CLASSIFIED = (Mistake.TYPE, Mistake.ENUM, Mistake.RANGE)
"""Mistakes whose place has a value class, since validators check only some classes."""

NO_JSON = Rule(
    "malformed-json-accepted", "A body that is no JSON is accepted.", FALSE_SUCCESS
)
OTHER_MEDIA = Rule(
    "media-type-accepted", "Another media type is accepted.", FALSE_SUCCESS
)


def concerns_reject(facts: ServiceFacts) -> bool:
    """A redirect accepts nothing. S-STATUS judges it."""
    is_answered = facts.is_decided and not 300 <= facts.status < 400
    return facts.role is Role.INVALID and is_answered


@service_clause(
    "S-REJECT",
    "Every invalid body (by schema, by JSON, by media type) gets a 4xx "
    "and changes nothing.",
    "page: request model, body data; RFC 8259; RFC 9110, 15.5",
    (*UNCHECKED.values(), NO_JSON, OTHER_MEDIA, CHANGED_REFUSED),
    concerns_reject,
    compares_reads=True,
)
def REJECT(facts: ServiceFacts) -> Findings:
    violation, schema = facts.case.violation, facts.spec.request
    if facts.is_refused:
        yield from facts.forbidden_change(CHANGED_REFUSED)
    if facts.status >= 400 or violation is None:
        return
    message = f"A body that breaks {violation} gets {facts.ending}."
    if not violation.is_in_body:
        yield OTHER_MEDIA.at(violation.how.partition(";")[0], message)
    elif facts.case.override.body is not None:
        yield NO_JSON.at(slug(violation.how), message)
    else:
        for mistake, pointer, place, _ in mistakes(schema, facts.sent_body):
            if mistake in CLASSIFIED and pointer == violation.place:
                place += ":" + slug(violation.how)
            yield UNCHECKED[mistake].at(place, message)


CLOSED_WHILE_SENDING = "closed while sending"
"""Type of the outcome if a client may have no response (RFC 9112, section 9.5)."""

SERVER_ERROR = Rule("server-error", "A request gets a 5xx.", CRASH)
NO_RESPONSE = Rule("no-response", "A request gets no response.", CRASH)


@service_clause(
    "S-NO-5XX",
    "No request makes a 5xx, and each gets an answer; what the RFCs leave "
    "open is judged by this alone.",
    "page: 200, 429; RFC 9110, 15.6; RFC 8259, 9",
    (SERVER_ERROR, NO_RESPONSE),
)
def NO_5XX(facts: ServiceFacts) -> Findings:
    outcome = facts.exchange.outcome
    errors = [r.status for r in facts.responses if r.status >= 500]
    if errors:
        yield SERVER_ERROR.at_any(facts.label_places, f"A request gets {errors[0]}.")
    elif outcome.kind is OutcomeKind.FAILED and outcome.type != CLOSED_WHILE_SENDING:
        message = f"A request gets no response: {outcome.message}."
        yield NO_RESPONSE.at_any(facts.label_places, message, is_timed=True)


NEW_STATUS = Rule("status-unknown", "A status is neither documented nor observed.")


def is_bodiless(facts: ServiceFacts) -> bool:
    return facts.role is Role.OPEN or facts.case.override.method in ("HEAD", "OPTIONS")


@service_clause(
    "S-STATUS",
    "The status is 200 or 429, or one that is observed or that RFC 9110 "
    "gives, or redirects an id with /, . or % to another form of its path; "
    "all but 200 and 429 are reported.",
    "page: 200, 429; observed statuses (overlay); RFC 9110, 15; RFC 3986, 6.2.2",
    (NEW_STATUS,),
    lambda facts: (
        facts.case.operation is Operation.UPDATE
        and not is_bodiless(facts)
        and any(response.status < 500 for response in facts.responses)
    ),
)
def STATUS(facts: ServiceFacts) -> Findings:
    for response in facts.rewrites:
        yield Note(f"{response.status}: an id goes to another form of its path")
    for status in sorted({*facts.statuses} - facts.spec.documented.keys()):
        if observed := facts.spec.observed.get(status):
            yield Note(f"undocumented status {status} ({observed.source})")
        elif status < 500:
            yield NEW_STATUS.at(status)


UNREADABLE = Rule("unreadable", "The body of a 200 is no JSON.")
TYPE_WRONG = Rule("type-wrong", "A value of a 200 has another type.")
RETURNED = {
    Mistake.REQUIRED: Rule("member-missing", "A 200 lacks a required member."),
    Mistake.NULL: Rule("null-returned", "A 200 has null where nothing is nullable."),
    Mistake.ENUM: Rule("enum-unknown", "A 200 has a value that the enum lacks."),
    Mistake.RANGE: Rule("range-exceeded", "A 200 has an integer out of its range."),
}
MALFORMED = Rule("date-malformed", "A date-time is not in the form of RFC 3339.")
WITHOUT_ZONE = Rule("date-without-zone", "A date-time has no zone.")
IMPOSSIBLE = Rule("date-impossible", "A date-time names no day or no hour.")


@service_clause(
    "S-SCHEMA",
    "A 200 satisfies the Snapshot schema.",
    "page: 200 model",
    (UNREADABLE, TYPE_WRONG, *RETURNED.values(), MALFORMED, WITHOUT_ZONE, IMPOSSIBLE),
    lambda facts: facts.is_updated,
)
def SCHEMA(facts: ServiceFacts) -> Findings:
    body, schema = facts.body, facts.spec.success_schema
    if body.defect is Defect.CUT:
        yield Note(f"A 200 is {body.error}, and was cut.")
    elif body.defect:
        coding = facts.response.coding
        problem = f"{body.error}, in the coding {coding}" if coding else body.error
        yield UNREADABLE.at(body.defect, f"A 200 is {problem}.")
    if body.defect:
        return
    for mistake, _, place, value in mistakes(schema, body.value):
        rule = RETURNED.get(mistake, TYPE_WRONG)
        if mistake is Mistake.DATE:
            rule = WITHOUT_ZONE if TIMESTAMP.fullmatch(value + "Z") else MALFORMED
            rule = IMPOSSIBLE if TIMESTAMP.fullmatch(value) else rule
        yield rule.at(place, f"{rule.meaning[:-1]}: {value!r}"[:200])


NO_MEDIA = Rule("media-type-missing", "A 200 has no Content-Type.")
MEDIA_WRONG = Rule("media-type-wrong", "A 200 says that it is no JSON.")
SUFFIXED = Rule(
    "media-type-suffixed", "A 200 has another JSON media type.", level=SHOULD
)


@service_clause(
    "S-MEDIA",
    "A 200 says application/json; another JSON type (+json) is a should.",
    "page: 200, application/json; observed: JSON:API (overlay); RFC 9110, 8.3",
    (NO_MEDIA, MEDIA_WRONG, SUFFIXED),
    lambda facts: facts.is_updated and bool(facts.response.body),
)
def MEDIA(facts: ServiceFacts) -> Findings:
    media_type, documented = facts.response.media_type, facts.spec.json_media_type
    message = f"A 200 is {media_type}, not {documented}."
    if not media_type:
        yield NO_MEDIA.at()
    elif not facts.is_json(media_type):
        yield MEDIA_WRONG.at(media_type, message)
    elif media_type != documented:
        yield SUFFIXED.at(media_type, message)


ERROR_UNREADABLE = Rule("error-unreadable", "The body of an error is no JSON.")
ERROR_MEDIA = Rule("error-media-type", "An error in JSON says that it is no JSON.")
ERROR_MEMBER = Rule("error-member-missing", "An error document lacks its texts.")
ERROR_NULL = Rule("error-null", "An error document has null where a value is due.")
ERROR_TYPE = Rule("error-type-wrong", "A value of an error document has another type.")
ERROR_RULES = {Mistake.REQUIRED: ERROR_MEMBER, Mistake.NULL: ERROR_NULL}
ERROR_MEMBERS = {"errors", "error"}
"""Members of which an error document has at least one (page: 429; overlay)."""

BELOW_APPLICATION = (400, 408, 411, 413, 414, 417, 431, 501, 505)
"""Statuses that an HTTP server sends by itself, before its application."""

LARGE_BODY = 1 << 20
"""Bytes of a request body that an HTTP server may refuse by itself."""


def judged_errors(facts: ServiceFacts) -> list[Response]:
    override, requests = facts.case.override, facts.exchange.requests
    is_odd = facts.role is Role.MALFORMED or override.path is not None
    is_large = any(len(request.body) >= LARGE_BODY for request in requests[-1:])
    below = BELOW_APPLICATION if is_odd or override.headers or is_large else ()
    return [
        response
        for response in facts.responses
        if 400 <= response.status < 500 and not is_bodiless(facts)
        if response.status not in below or facts.is_json(response.media_type)
    ]


@service_clause(
    "S-ERROR",
    "A 429 has the documented body; another 4xx has it or a known other "
    "shape, which is reported.",
    "page: 429 model; observed: errors of other shapes (overlay)",
    (ERROR_UNREADABLE, ERROR_MEDIA, ERROR_MEMBER, ERROR_NULL, ERROR_TYPE),
    lambda facts: bool(judged_errors(facts)),
)
def ERROR(facts: ServiceFacts) -> Findings:
    for response in judged_errors(facts):
        yield from check_error(facts, response)


def check_error(facts: ServiceFacts, response: Response) -> Findings:
    spec, status = facts.spec, response.status
    body, media_type = parse(response.body), response.media_type
    name = f"An error {status} ({media_type or 'no media type'})"
    if body.defect is Defect.CUT:
        yield Note(f"{name} is {body.error}, and was cut.")
    elif body.defect:
        yield ERROR_UNREADABLE.at(status, f"{name} is {body.error}.")
    if body.defect:
        return
    is_documented = spec.error_schema.is_valid(body.value)
    if is_documented and media_type == spec.json_media_type:
        return
    schemas = observed_schemas(facts, response)
    if not schemas or (status == 429 and is_documented):
        yield ERROR_MEDIA.at(media_type or "none", f"{name} has a JSON body.")
        return
    if finding := shape_finding(schemas, body.value, name):
        yield finding
    elif "error" in body.value:
        yield Note(f"{name} has one error.")
    else:
        shape = "texts" if is_documented else "objects"
        yield Note(f"{name} has errors that are {shape}.")


def observed_schemas(facts: ServiceFacts, response: Response) -> list[Schema]:
    observed, media_type = facts.spec.observed, response.media_type
    is_json = facts.is_json(media_type)
    if response.status == 429:
        return [facts.spec.error_schema] if is_json else []
    fallback = observed[400].media
    media = observed.get(response.status, observed[400]).media or fallback
    schemas = [media[media_type]] if media_type in media else []
    return [*schemas, *(fallback.values() if is_json else ())]


def shape_finding(schemas: list[Schema], document: Json, name: str) -> Finding | None:
    is_object = isinstance(document, dict)
    if is_object and not ERROR_MEMBERS & document.keys():
        return ERROR_MEMBER.at("/errors", f"{name} has no errors.")
    if is_object and any(schema.is_valid(document) for schema in schemas):
        return None
    for mistake, pointer, place, value in mistakes(schemas[0], document):
        message = f"{name} has {value!r} at {pointer or 'its root'}."
        return ERROR_RULES.get(mistake, ERROR_TYPE).at(place, message[:200])
    return ERROR_TYPE.at(ROOT, f"{name} is no object.")


MISSING = Rule("header-missing", "A 429 lacks a rate-limit header.")
NO_NUMBER = Rule("header-no-number", "A rate-limit header is no number.")
TOO_SMALL = Rule("header-too-small", "A rate-limit header is too small.")
TOO_LARGE = Rule("header-too-large", "A rate-limit header is too large.")
LIMIT, PERIOD, REMAINING, _ = RateLimitHeader
LARGEST = {LIMIT: 10**19, PERIOD: 366 * 86_400, REMAINING: 0}
"""The largest number that makes sense in a header. The period bounds the reset."""


@service_clause(
    "S-RATE",
    "A 429 has rate-limit headers that make sense.",
    "observed: X-RateLimit headers (overlay)",
    (MISSING, NO_NUMBER, TOO_SMALL, TOO_LARGE),
    lambda facts: any(response.status == 429 for response in facts.responses),
    level=SHOULD,
)
def RATE(facts: ServiceFacts) -> Findings:
    for response in (r for r in facts.responses if r.status == 429):
        period_s = LARGEST[PERIOD]
        for name in RateLimitHeader:
            text = response.header(name)
            if text is None:
                yield MISSING.at(name)
                continue
            if not re.fullmatch(r"[0-9]{1,19}", text):
                yield NO_NUMBER.at(name, f"{name} is {text[:40]!r}.")
                continue
            number, largest = int(text), LARGEST.get(name, period_s)
            if name is PERIOD:
                period_s = max(number, 1)
            if number < min(largest, 1):
                yield TOO_SMALL.at(name, f"{name} is {number}.")
            elif number > largest:
                yield TOO_LARGE.at(name, f"{name} is {number}, over {largest}.")


def shape_of(value: Json) -> Json:
    """Return the members and types of a value. The items of a list are one.

    JSON has one type of number (RFC 8259, section 6).
    """
    match value:
        case dict():
            return {name: shape_of(member) for name, member in value.items()}
        case list():
            return [shape_of(item) for item in value[:1]]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


PARITY_RULES = (
    Rule("status-differs", "A site answers with another status."),
    Rule("media-type-differs", "A site answers with another media type."),
    Rule("shape-differs", "A site answers with other members or types."),
)
NO_SHAPE = "0" * 8


def outcome_of(facts: ServiceFacts) -> tuple[str, str, str]:
    """Return status, media type and shape. A body that cannot be read has none."""
    response, body = facts.response, facts.body
    shape = "" if body.defect else canonical(shape_of(body.value))
    return str(response.status), response.media_type or "no media type", shape


def outcome_digest(facts: ServiceFacts) -> str:
    """Return four digits of the status, four of the media type, eight of the shape.

    Empty if nothing is decided.
    """
    if not facts.is_decided or facts.role is Role.OPEN:
        return ""
    status, media, shape = outcome_of(facts)
    return f"{status:0>4}{digest(media)[:4]}{digest(shape)[:8] if shape else NO_SHAPE}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def differences_of(
    sites: Sequence[str], outcomes: Sequence[Sequence[str]]
) -> SiteFindings:
    """Compare the outcomes of a case. Each site has one finding at most."""
    indices = list(range(len(sites)))
    for number, rule in enumerate(PARITY_RULES):
        # Others judge a body that cannot be read.
        indices = [index for index in indices if outcomes[index][number]]
        if len(indices) < 2:
            return
        facts = [outcomes[index][number] for index in indices]
        usual, others, is_tie = outliers(facts)
        for other in others:
            site = sites[indices[other]]
            message = f"{site} answers with {facts[other]}, not {facts[usual]}."
            yield indices[other], rule.at("" if is_tie else site, message[:300])
        if is_tie:
            return
        indices = [index for i, index in enumerate(indices) if i not in others]


@SitesClause[ServiceFacts](
    "S-PARITY",
    "The sites that are reachable behave alike.",
    "page: the site table",
    PARITY_RULES,
    lambda all_facts: (
        sum(facts.is_decided for facts in all_facts) > 1
        and all_facts[0].role is not Role.OPEN
    ),
)
def PARITY(all_facts: Sequence[ServiceFacts]) -> SiteFindings:
    decided = [i for i, facts in enumerate(all_facts) if facts.is_decided]
    sites = [all_facts[index].exchange.site for index in decided]
    outcomes = [outcome_of(all_facts[index]) for index in decided]
    for index, finding in differences_of(sites, outcomes):
        yield decided[index], finding


RESPONSE_CLAUSES = (ACCEPT, REJECT, NO_5XX, STATUS, SCHEMA, MEDIA, ERROR)
LIMIT_CLAUSES = (RATE, PARITY)
