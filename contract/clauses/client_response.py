"""Clauses about what a client makes of a response."""

import json

from contract.clauses.base import (
    CHANGE_RULES,
    FALSE_SUCCESS,
    LOSS,
    SHOULD,
    Findings,
    date_pointers,
    mistakes,
    place_of,
    unchecked_rules,
)
from contract.clauses.context import ClientFacts, client_clause
from contract.jsondiff import differences
from contract.model import ROOT, OutcomeKind, Rule

SUCCESS_LOST = Rule("success-lost", "A valid 200 is reported as something else.")
OTHER_ALTERED = Rule(
    "undocumented-member-altered",
    "An undocumented member of a 200 is lost or altered.",
    LOSS,
    SHOULD,
)


@client_clause(
    "C-SNAPSHOT",
    "A valid 200 reaches the caller losslessly: "
    "nothing documented is added, lost or altered.",
    "page: 200 model",
    (SUCCESS_LOST, OTHER_ALTERED, *CHANGE_RULES.values()),
    lambda facts: (
        facts.is_documented_success
        and facts.is_reported
        and not facts.has_refused
        and facts.response.header("Content-Type") == facts.spec.json_media_type
    ),
)
def SNAPSHOT(facts: ClientFacts) -> Findings:
    if not facts.has_succeeded:
        message = f"A valid 200 was reported as {facts.reported}."
        places = facts.label_places
        yield SUCCESS_LOST.at_any(places, message, is_timed=facts.has_failed)
        return
    served, snapshot = facts.body.value, facts.outcome.snapshot
    schema = facts.spec.success_schema
    for difference in differences(served, snapshot, date_pointers(schema)):
        place = place_of(schema, difference.pointer)
        is_documented = "{any}" not in place.split("/")
        rule = CHANGE_RULES[difference.change] if is_documented else OTHER_ALTERED
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
    (*ERROR_ODD.rules, TEXT_LOST),
    lambda facts: is_error(facts) and facts.error_texts is not None,
)
def ERROR(facts: ClientFacts) -> Findings:
    if findings := list(ERROR_ODD.check(facts)):
        yield from findings
        return
    for text in facts.error_texts or ():
        # A caller who gets the text as a raw JSON body has it, has it too.
        forms = text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
        if not any(form in error for form in forms for error in facts.outcome.errors):
            message = f"{facts.excerpt(text, 80)!r} did not reach the caller."
            yield TEXT_LOST.at("/errors/{item}", message)
            return


ANSWER_CLAUSES = (SNAPSHOT, ANSWER, ERROR, ERROR_ODD)
