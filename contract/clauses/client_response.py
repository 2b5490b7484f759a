"""Clauses about what a client makes of a response."""

import json
import re

from contract.clauses.base import (
    CHANGE_RULES,
    FALSE_SUCCESS,
    LOSS,
    SHOULD,
    Findings,
    date_pointers,
    mistakes,
    parse,
    place_of,
    unchecked_rules,
)
from contract.clauses.client_facts import ClientFacts, client_clause
from contract.jsondiff import differences, walk
from contract.model import ROOT, Json, OutcomeKind, Rule
from contract.spec.schema import Schema

SUCCESS_LOST = Rule("success-lost", "A valid 200 is reported as something else.")
OTHER_RETURNED = Rule(
    "earlier-response-returned", "The response to an earlier call is returned.", LOSS
)
OTHER_ALTERED = Rule(
    "undocumented-member-altered",
    "An undocumented member of a 200 is lost or altered.",
    LOSS,
    SHOULD,
)

INTEGER_ALTERED = Rule(
    "undocumented-integer-altered",
    "An undocumented integer beyond 2^53 is altered, or a 200 fails by it.",
    LOSS,
    SHOULD,
)


def is_large(value: Json) -> bool:  # RFC 8259, section 6
    return type(value) is int and abs(value) > 2**53


def is_documented(place: str) -> bool:
    return "{any}" not in place.split("/")


def has_large_unknown(schema: Schema, document: Json) -> bool:
    return any(
        is_large(value) and not is_documented(place_of(schema, pointer))
        for pointer, value in walk(document)
    )


@client_clause(
    "C-SNAPSHOT",
    "A valid 200 reaches the caller losslessly: "
    "nothing documented is added, lost or altered.",
    "page: 200 model",
    (
        *(SUCCESS_LOST, OTHER_RETURNED, OTHER_ALTERED, INTEGER_ALTERED),
        *CHANGE_RULES.values(),
    ),
    lambda facts: (
        facts.is_documented_success
        and facts.is_reported
        and not facts.has_refused
        and facts.response.header("Content-Type") == facts.spec.json_media_type
    ),
)
def SNAPSHOT(facts: ClientFacts) -> Findings:
    served, snapshot = facts.body.value, facts.outcome.snapshot
    schema = facts.spec.success_schema
    if not facts.has_succeeded:
        message = f"A valid 200 was reported as {facts.reported}."
        places, is_timed = facts.label_places, facts.has_failed
        is_mild = has_large_unknown(schema, served)
        rule = INTEGER_ALTERED if is_mild else SUCCESS_LOST
        yield rule.at_any(places, message, is_timed=is_timed)
        return
    changes = list(differences(served, snapshot, date_pointers(schema)))
    first = facts.case.first_call
    if changes and first and parse(first.response.body).value == snapshot:
        yield OTHER_RETURNED.at()
        return
    for difference in changes:
        place = place_of(schema, difference.pointer)
        if is_documented(place):
            rule = CHANGE_RULES[difference.change]
        else:
            rule = INTEGER_ALTERED if is_large(difference.expected) else OTHER_ALTERED
        message = f"The caller's snapshot differs: {facts.describe(difference)}"
        yield rule.at(place, message)


OTHER_2XX = Rule("undocumented-2xx", "An undocumented 2xx is a success.", FALSE_SUCCESS)
UNREADABLE = Rule(
    "unreadable-response", "A 200 that is no JSON is a success.", FALSE_SUCCESS
)
HAS_ERRORS = Rule(
    "errors-in-200", "A 200 with an error document is a success.", FALSE_SUCCESS
)
ACCEPTED = unchecked_rules("accepted", FALSE_SUCCESS)


@client_clause(
    "C-ANSWER",
    "A 2xx that is not a documented success is never reported as one.",
    "page: responses; safety",
    (OTHER_2XX, UNREADABLE, HAS_ERRORS, *ACCEPTED.values()),
    lambda facts: (
        facts.is_reported
        and facts.response.is_success
        and not facts.is_documented_success
    ),
)
def ANSWER(facts: ClientFacts) -> Findings:
    if not facts.has_succeeded:
        return
    status, body = facts.response.status, facts.body
    message = f"A broken {status} was reported as a success"
    if status != 200:
        yield OTHER_2XX.at(status, f"{message}: 200 is documented.")
    elif body.defect:
        yield UNREADABLE.at(body.defect, f"{message}: it is {body.error}.")
    elif isinstance(body.value, dict) and "errors" in body.value:
        place = "/data" if "data" in body.value else ROOT
        yield HAS_ERRORS.at(place, f"{message}: it has errors.")
    else:
        for mistake, _, place, _ in mistakes(facts.spec.success_schema, body.value):
            yield ACCEPTED[mistake].at(place, f"{message}: {place} is invalid.")


ERROR_AS_SUCCESS = Rule(
    "error-as-success", "An error is reported as a success.", FALSE_SUCCESS
)
ERROR_AS_OTHER = Rule("error-as-other-outcome", "An error has another outcome.")
STATUS_LOST = Rule("status-lost", "The status of an error does not reach the caller.")
TEXT_LOST = Rule("error-text-lost", "An error text does not reach the caller.")
TEXT_ALTERED = Rule(
    "error-text-altered", "An error text reaches the caller in other characters.", LOSS
)


def is_error(facts: ClientFacts) -> bool:
    return facts.is_reported and facts.response.status >= 400


@client_clause(
    "C-ERROR-ODD",
    "An error of any other shape reaches the caller as an error with its status.",
    "observed: errors of other shapes (overlay); RFC 9110, 15",
    (ERROR_AS_SUCCESS, ERROR_AS_OTHER, STATUS_LOST),
    lambda facts: is_error(facts) and facts.error_texts is None,
)
def ERROR_ODD(facts: ClientFacts) -> Findings:
    outcome, status = facts.outcome, facts.response.status
    message = f"An error {status} was reported as {facts.reported}."
    if facts.has_succeeded:
        yield ERROR_AS_SUCCESS.at(message=message)
    elif outcome.kind is not OutcomeKind.API_ERROR:
        yield ERROR_AS_OTHER.at(outcome.kind, message, is_timed=facts.has_failed)
    elif outcome.status != status:
        yield STATUS_LOST.at(message=message)


@client_clause(
    "C-ERROR",
    "An error answer reaches the caller as an error with its status "
    "and every documented error text.",
    "page: 429 model",
    (*ERROR_ODD.rules, TEXT_LOST, TEXT_ALTERED),
    lambda facts: is_error(facts) and facts.error_texts is not None,
)
def ERROR(facts: ClientFacts) -> Findings:
    if findings := list(ERROR_ODD.check(facts)):
        yield from findings
        return
    for text in facts.error_texts or ():
        # A caller who gets the text as a raw JSON body has it, has it too.
        forms = text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
        errors = facts.outcome.errors
        if not any(form in error for form in forms for error in errors):
            is_altered = any(has_ascii_parts(error, text) for error in errors)
            rule = TEXT_ALTERED if is_altered else TEXT_LOST
            message = f"{facts.excerpt(text, 80)!r} did not reach the caller."
            yield rule.at("/errors/{item}", message)
            return


def has_ascii_parts(error: str, text: str) -> bool:
    """Return whether an error has everything of a text but its other characters."""
    parts = re.findall("[ -~]+", text)
    position = 0
    for part in parts:
        position = error.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return bool(parts)


ANSWER_CLAUSES = (SNAPSHOT, ANSWER, ERROR, ERROR_ODD)
