"""C-ALIVE: a client neither crashes nor hangs, and writes where it should."""

import re
from enum import Enum

from contract.clauses.base import CRASH, Findings, slug
from contract.clauses.bodies import parse
from contract.clauses.client_context import (
    ClientContext,
    client_clause,
    redirect_location,
)
from contract.model import Delivery, Finding, OutcomeKind, Response, Rule, Tls


class Provocation(Enum):
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
    "snapshot_id": Provocation.ID,
    "api_key": Provocation.KEY,
    "app_key": Provocation.KEY,
    "site": Provocation.SITE,
}


EXCEPTIONS = {
    item: Rule(f"exception-on-{name}", f"{words} makes the client crash.", CRASH)
    for item in Provocation
    for name, words in (item.value,)
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
def ALIVE(facts: ClientContext) -> Findings:
    outcome = facts.outcome
    if outcome.kind is OutcomeKind.CRASHED:
        yield crash(facts)
    if outcome.printed:
        printed = facts.excerpt(outcome.printed, 80)
        yield PRINTED.at(message=f"{printed!r} was written to standard output.")


def crash(facts: ClientContext) -> Finding:
    outcome, provocation = facts.outcome, provocation_of(facts)
    detail = facts.excerpt(outcome.message)
    if rule := DRIVER_RULES.get(outcome.type):
        place = provocation.value[0] if rule.danger is CRASH else ""
        is_hang = rule.name == "hang"
        return rule.at(place, f"{rule.meaning} {detail}", is_timed=is_hang)
    exception = re.split(r"[.:$]+", outcome.type)[-1] or "panic"
    message = f"The client raised {outcome.type or 'nothing but a panic'}: {detail}"
    places: list[str] = []
    if provocation is Provocation.VALID_RESPONSE:
        places = [
            f"{exception}/{slug(label.value_class)}"
            for label in facts.case.labels
            if label.place and label.place not in PARAMETERS
        ]
    # A class that an ordinary response provokes too is one mistake, not many.
    return EXCEPTIONS[provocation].at_any((*places, exception), message)


def provocation_of(facts: ClientContext) -> Provocation:
    """Return the part of the case that made the client crash.

    The order decides: an HTML page under 400 is unreadable, has a wrong shape, and an
    error status.
    """
    case, response = facts.case, facts.exchange.final_response
    if case.violation is not None:
        return PARAMETERS.get(case.violation.place, Provocation.INPUT)
    if case.tls is not Tls.TRUSTED:
        return Provocation.TRANSPORT
    if any(map(redirect_location, facts.exchange.responses)):
        return Provocation.REDIRECT
    if not facts.has_sent:
        if any(r.delivery is not Delivery.WHOLE for r in case.responses):
            return Provocation.TRANSPORT
        places = [place for place in facts.label_places if place in PARAMETERS]
        return PARAMETERS[places[0]] if places else Provocation.INPUT
    if response is None or response.delivery is not Delivery.WHOLE:
        return Provocation.TRANSPORT
    return provocation_by_response(facts, response)


def provocation_by_response(facts: ClientContext, response: Response) -> Provocation:
    """Return the provocation by a whole response: shape before status."""
    spec, body, is_success = facts.spec, parse(response.body), response.is_success
    schema = spec.success_schema if is_success else spec.error_schema
    if body.defect:
        return Provocation.UNREADABLE
    if not schema.is_valid(body.value) or (is_success and "errors" in body.value):
        return Provocation.WRONG_SHAPE
    if is_success:
        is_valid = response.status == 200
        return Provocation.VALID_RESPONSE if is_valid else Provocation.UNDOCUMENTED_2XX
    is_limited = response.status == 429 and facts.case.retry
    return Provocation.RATE_LIMIT if is_limited else Provocation.ERROR_STATUS
