"""Clauses about a client's behavior: alive, patient, discreet, alike on every site."""

import re
from collections.abc import Hashable, Sequence
from enum import Enum

from contract.clauses.base import (
    CRASH,
    FALSE_SUCCESS,
    RISK,
    SHOULD,
    Findings,
    SiteFindings,
    SitesClause,
    outliers,
    parse,
    secrets_of,
    slug,
)
from contract.clauses.client_facts import SHORTEST_TIMEOUT_S, ClientFacts, client_clause
from contract.endpoint import RETRY_AFTER, reset_seconds
from contract.jsondiff import canonical, shorten
from contract.model import Delivery, Finding, Note, OutcomeKind, Response, Rule, Tls


class Trigger(Enum):
    """Part of a case that makes a client crash: a name, and words for it."""

    INPUT = "input", "A body"
    ID = "id", "A snapshot id"
    KEY = "key", "A key"
    SITE = "site", "A site"
    VALID_RESPONSE = "valid-response", "A valid response"
    UNREADABLE = "unreadable-response", "A response that is no JSON"
    WRONG_SHAPE = "wrong-shape", "A response of another shape"
    ERROR_STATUS = "error-status", "A documented error"
    UNDOCUMENTED_2XX = "undocumented-2xx", "An undocumented 2xx"
    REDIRECT = "redirect", "A redirect"
    RATE_LIMIT = "rate-limit-header", "A rate-limit header"
    TRANSPORT = "transport", "A failure of the connection"


PARAMETERS = {
    "snapshot_id": Trigger.ID,
    "api_key": Trigger.KEY,
    "app_key": Trigger.KEY,
    "site": Trigger.SITE,
}


EXCEPTIONS = {
    trigger: Rule(f"exception-on-{name}", f"{words} makes the client crash.", CRASH)
    for trigger in Trigger
    for name, words in (trigger.value,)
}
PRINTED = Rule("unexpected-output", "The client writes to standard output.")
DRIVER_RULES = {
    "hang": Rule("hang", "The call does not end.", CRASH),
    "process-died": Rule("process-died", "The client's process ends.", CRASH),
    "garbled": Rule("reply-garbled", "A driver's reply is not one of the protocol."),
    "wrong seq": Rule("reply-out-of-order", "A driver's reply has another `seq`."),
}
"""The rule for each outcome type that a subject reports of a client itself."""


@client_clause(
    "C-ALIVE",
    "No input and no answer makes the client crash, hang, "
    "or write where it should not.",
    "safety",
    (*EXCEPTIONS.values(), *DRIVER_RULES.values(), PRINTED),
)
def ALIVE(facts: ClientFacts) -> Findings:
    outcome = facts.outcome
    if outcome.kind is OutcomeKind.CRASHED:
        yield crash(facts)
    if outcome.printed:
        printed = facts.excerpt(outcome.printed, 80)
        yield PRINTED.at(message=f"{printed!r} was written to standard output.")


def crash(facts: ClientFacts) -> Finding:
    outcome, trigger = facts.outcome, trigger_of(facts)
    detail = facts.excerpt(outcome.message)
    if rule := DRIVER_RULES.get(outcome.type):
        place = trigger.value[0] if rule.danger is CRASH else ""
        message = f"{rule.meaning} {detail}"
        return rule.at(place, message, is_timed=rule.name == "hang")
    exception = re.split(r"[.:$]+", outcome.type)[-1] or "panic"
    message = f"The client raised {outcome.type or 'nothing but a panic'}: {detail}"
    labels = facts.case.labels if trigger is Trigger.VALID_RESPONSE else ()
    places = [
        f"{exception}/{slug(label.value_class)}"
        for label in labels
        if label.place not in ("", *PARAMETERS)
    ]
    # A class that an ordinary response provokes too is one mistake, not many.
    return EXCEPTIONS[trigger].at_any((*places, exception), message)


def trigger_of(facts: ClientFacts) -> Trigger:
    """Return the part of the case that made the client crash.

    The order decides: an HTML page under 400 is unreadable, and an error status.
    """
    case, response = facts.case, facts.exchange.final_response
    if case.violation is not None:
        return PARAMETERS.get(case.violation.place, Trigger.INPUT)
    if case.tls is not Tls.TRUSTED:
        return Trigger.TRANSPORT
    if any(r and r.location for r in facts.exchange.responses):
        return Trigger.REDIRECT
    if not facts.has_sent:
        if facts.may_fail or not all(r.delivery.is_whole for r in case.responses):
            return Trigger.TRANSPORT
        named = (PARAMETERS[p] for p in facts.label_places if p in PARAMETERS)
        return next(named, Trigger.INPUT)
    if response is None or not response.delivery.is_whole:
        return Trigger.TRANSPORT
    return trigger_by_response(facts, response)


def trigger_by_response(facts: ClientFacts, response: Response) -> Trigger:
    spec, body, is_success = facts.spec, parse(response.body), response.is_success
    schema = spec.success_schema if is_success else spec.error_schema
    if body.defect:
        return Trigger.UNREADABLE
    if not schema.is_valid(body.value) or (is_success and "errors" in body.value):
        return Trigger.WRONG_SHAPE
    if is_success:
        is_valid = response.status == 200
        return Trigger.VALID_RESPONSE if is_valid else Trigger.UNDOCUMENTED_2XX
    is_limited = response.status == 429 and facts.case.retry
    return Trigger.RATE_LIMIT if is_limited else Trigger.ERROR_STATUS


TIMEOUT_TOLERANCE_S = 1.0
RESET_TOLERANCE_S = 0.05
MOST_RETRIES = 10


TOO_OFTEN = Rule("retried-too-often", "A request is sent again more than 10 times.")
UNASKED = Rule("retried-unasked", "A request is sent again without being allowed.")
AFTER_STATUS = Rule("retried-after-status", "A response that is final is retried.")
OTHER_BYTES = Rule("retried-differently", "What is sent again differs.")
TOO_EARLY = Rule("retried-before-reset", "A request is sent again before the Reset.")
REPEATED_NOTE = Note("A request was sent again after a reset, through a proxy.")


@client_clause(
    "C-RETRY",
    "Only a 429, 408 or 5xx is sent again, asked for, at most 10 times, "
    "the same bytes, after the Reset.",
    "observed: X-RateLimit-Reset (overlay); RFC 9110, 9.2.2: PATCH is not idempotent",
    (TOO_OFTEN, UNASKED, AFTER_STATUS, OTHER_BYTES, TOO_EARLY),
    lambda facts: (
        facts.has_sent and facts.is_supported and any(facts.exchange.responses)
    ),
)
def RETRY(facts: ClientFacts) -> Findings:
    requests, responses = facts.own_requests, facts.exchange.responses
    if len(requests) - 1 > MOST_RETRIES:
        yield TOO_OFTEN.at()
    for before, after, response in zip(requests, requests[1:], responses, strict=False):
        status = response.status if response else 0
        if not facts.case.retry:
            yield UNASKED.at(status or "none")
        elif 0 < status < 500 and status not in (408, 429):
            yield AFTER_STATUS.at(status)
        for part in ("method", "url", "body"):
            if getattr(before, part) != getattr(after, part):
                yield OTHER_BYTES.at(part)
        headers = response.headers if response and status == 429 else ()
        # Which of the two headers counts is left open (RFC 9110, section 10.2.3).
        is_open = response is not None and response.header(RETRY_AFTER) is not None
        reset_s = None if is_open else reset_seconds(headers)
        waited_s = after.sent_at_s - before.answered_at_s
        if reset_s and waited_s < reset_s - RESET_TOLERANCE_S:
            header = next(field[0] for field in headers if reset_seconds((field,)))
            times = f"after {waited_s:.2f} s. {header} was {reset_s} s."
            yield TOO_EARLY.at(header, f"It was sent again {times}", is_timed=True)
    for request in facts.requests_after_reset:
        # urllib3 takes a reset behind a proxy for one of the proxy, and sends again.
        yield REPEATED_NOTE if request.is_proxied else UNASKED.at("reset")


KEYS_FOLLOW = Rule("keys-follow-redirect", "Keys are sent to another origin.", RISK)
FOLLOWED = Rule(
    "redirect-as-success",
    "A redirect to another origin is reported as a success.",
    FALSE_SUCCESS,
)


@client_clause(
    "C-REDIRECT",
    "Keys never reach another origin; a redirect to one is not a success.",
    "safety; RFC 9110, 15.4",
    (KEYS_FOLLOW, FOLLOWED),
    lambda facts: facts.redirect is not None,
    names_site=True,
)
def REDIRECT(facts: ClientFacts) -> Findings:
    for request in facts.exchange.requests[len(facts.own_requests) :]:
        target = facts.other_origin(request.url)
        if target and facts.parts_with_a_key(request):
            place, origin = target
            message = f"Keys were sent to {facts.excerpt(origin)}."
            yield KEYS_FOLLOW.at(place, message)
    if facts.has_succeeded and facts.redirect:
        place, origin = facts.redirect
        message = f"A redirect to {origin} ended as a success."
        yield FOLLOWED.at(place, message)


BAD_SITE = Rule("invalid-site-sent", "A request goes to an invalid site.", RISK)
OTHER_SITE = Rule(
    "undocumented-site-sent",
    "A request goes to a site that the page does not list.",
    RISK,
    SHOULD,
)
NOT_REFUSED = Rule(
    "site-not-refused",
    "A site is reported as another mistake than the caller's.",
    level=SHOULD,
)


@client_clause(
    "C-SITE",
    "A site that cannot be a Datadog host is refused and nothing is sent; "
    "so should be every other one.",
    "page: the site table; safety",
    (BAD_SITE, OTHER_SITE, NOT_REFUSED),
    lambda facts: facts.is_invalid("site") and facts.is_supported,
    names_site=True,
)
def SITE(facts: ClientFacts) -> Findings:
    violation = facts.case.violation
    if violation is None:
        return
    place, site = slug(violation.how), f"The site {shorten(facts.site)!r}"
    if facts.has_sent:
        rule = OTHER_SITE if violation.keyword == "enum" else BAD_SITE
        yield rule.at(place, f"{site} was sent a request.")
    elif facts.has_outcome and not facts.has_refused:
        message = f"{site} was reported as {facts.reported}."
        yield NOT_REFUSED.at(place, message, is_timed=facts.has_failed)


REQUEST_DIFFERS = Rule("request-differs", "A site gets another request than the rest.")
OUTCOME_DIFFERS = Rule("outcome-differs", "A site has another outcome than the rest.")


def concerns_parity(all_facts: Sequence[ClientFacts]) -> bool:
    if len(all_facts) < 2 or not any(c.is_supported for c in all_facts):
        return False
    # The machine chooses the moment at which a client notices a closed connection.
    if not all(facts.has_succeeded or not facts.may_fail for facts in all_facts):
        return False
    # So short a time-out ends a call at a moment that the machine chooses.
    is_short = all_facts[0].case.timeout_s < SHORTEST_TIMEOUT_S
    if is_short and any(facts.has_failed for facts in all_facts):
        return False
    return all(facts.site in facts.spec.sites for facts in all_facts)


@SitesClause[ClientFacts](
    "C-PARITY",
    "The eight sites get the same request, host aside, "
    "and the same answer gives the same outcome.",
    "page: the site table",
    (REQUEST_DIFFERS, OUTCOME_DIFFERS),
    concerns_parity,
)
def PARITY(all_facts: Sequence[ClientFacts]) -> SiteFindings:
    for rule, digest_of in DIGESTS.items():
        digests = [digest_of(facts) for facts in all_facts]
        usual, others, is_tie = outliers(digests)
        reference = all_facts[usual]
        for index in others:
            facts = all_facts[index]
            sides = zip(digests[index], digests[usual], strict=True)
            parts = [part for (part, own), (_, other) in sides if own != other]
            message = (
                f"{facts.site} differs in {', '.join(parts)}. It ended as "
                f"{facts.reported}, {reference.site} as {reference.reported}."
            )
            place = "" if is_tie else facts.site
            is_timed = facts.outcome.lacks_answer or reference.outcome.lacks_answer
            yield index, rule.at(place, message, is_timed=is_timed)


def request_digest(facts: ClientFacts) -> tuple[tuple[str, Hashable], ...]:
    requests = facts.own_requests
    documented = (*facts.spec.auth_headers, "Content-Type", "Accept")
    headers = [tuple(r.all_headers(name)) for r in requests for name in documented]
    pairs = zip(requests, facts.sent_bodies, strict=True)
    bodies = (r.body if b.defect else canonical(b.value) for r, b in pairs)
    return (
        ("number of requests", len(requests)),
        ("method", tuple(request.method for request in requests)),
        ("target", tuple(request.target for request in requests)),
        ("headers", tuple(headers)),
        ("body", tuple(bodies)),
    )


def outcome_digest(facts: ClientFacts) -> tuple[tuple[str, Hashable], ...]:
    """Return the outcome without messages, which may name the host."""
    return (
        ("outcome", facts.outcome.kind),
        ("status", facts.outcome.status),
        ("error texts", facts.outcome.errors),
        ("snapshot", canonical(facts.outcome.snapshot)),
    )


DIGESTS = {REQUEST_DIFFERS: request_digest, OUTCOME_DIFFERS: outcome_digest}


TOO_SLOW = Rule("too-slow", "A call takes longer than its time-out and 1 s.")
INCOMPLETE = Rule(
    "incomplete-as-success",
    "A response that did not come whole is a success.",
    FALSE_SUCCESS,
)


def slow_delivery(facts: ClientFacts) -> Delivery | None:
    deliveries = (r.delivery for r in facts.exchange.responses if r is not None)
    return next((d for d in deliveries if not d.is_whole), None)


@client_clause(
    "C-TIME",
    "A stalled or dripping answer ends within the caller's time-out and 1 s; "
    "one cut short is no success.",
    "safety",
    (TOO_SLOW, INCOMPLETE),
    lambda facts: facts.is_supported and bool(slow_delivery(facts)),
)
def TIME(facts: ClientFacts) -> Findings:
    delivery = slow_delivery(facts) or Delivery.WHOLE
    seconds, timeout_s = facts.outcome.seconds, facts.case.timeout_s
    if seconds > timeout_s + TIMEOUT_TOLERANCE_S:
        message = f"The call took {seconds:.1f} s. Its time-out: {timeout_s} s."
        yield TOO_SLOW.at(delivery, message, is_timed=True)
    if facts.has_succeeded and delivery is not Delivery.DRIP:
        message = f"A success was reported. The response did not come whole: {delivery}"
        yield INCOMPLETE.at(delivery, message)


UNTRUSTED = Rule(
    "keys-sent-untrusted", "Keys are sent to a host that is not trusted.", RISK
)


@client_clause(
    "C-TLS",
    "Over plain http, or to a host whose certificate is not trusted, no key is sent.",
    "safety; RFC 9110, 4.3.4",
    (UNTRUSTED,),
    lambda facts: facts.case.tls is not Tls.TRUSTED and facts.is_supported,
)
def TLS(facts: ClientFacts) -> Findings:
    if any(map(facts.parts_with_a_key, facts.exchange.requests)):
        yield UNTRUSTED.at(slug(facts.case.tls))


KEY_REVEALED = Rule("key-in-output", "A key is in what the client says.", RISK)
BAD_KEY = Rule(
    "unsendable-key-sent", "A call is sent with a key that no header can hold.", RISK
)
CONTROLS = {"\r\n": "CRLF", "\r": "CR", "\n": "LF", "\0": "NUL"}


@client_clause(
    "C-SECRET",
    "No key is in any message, log line or output; "
    "with a key that holds CR, LF or NUL nothing is sent.",
    "safety; RFC 9110, 5.5",
    (KEY_REVEALED, BAD_KEY),
)
def SECRET(facts: ClientFacts) -> Findings:
    outcome, keys = facts.outcome, "".join(facts.keys)
    if facts.is_invalid("api_key", "app_key") and facts.has_sent:
        names = (name for characters, name in CONTROLS.items() if characters in keys)
        yield BAD_KEY.at(next(names, "control"))
    texts = {
        "message": outcome.message,
        "logs": outcome.logged,
        "stdout": outcome.printed,
        "error-text": "\n".join(outcome.errors),
        "trace": "\n".join(outcome.trace),
    }
    for place, text in texts.items():
        if any(secret in text for secret in secrets_of(*facts.keys)):
            yield KEY_REVEALED.at(place)


BEHAVIOR_CLAUSES = (ALIVE, RETRY, REDIRECT, SITE, PARITY, TIME, TLS, SECRET)
