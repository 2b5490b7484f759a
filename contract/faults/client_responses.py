"""Faults in what a client makes of responses, by the clause that must catch them."""

import sys
import time
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from contract.client import SITES
from contract.faults import transports
from contract.faults.client_harness import (
    CasePredicate,
    ClientMutation,
    alters,
    careless,
)
from contract.faults.edits import ATTRIBUTES, Edit, as_double, edited
from contract.model import ClientCase, Delivery, Outcome, OutcomeKind

LATE_S = 1.5
"""Seconds that exceed the time-out of a slow case and the tolerance."""


# -- outcomes --


@alters("outcome")
def change_outcome(
    old_kind: OutcomeKind,
    outcome: Outcome,
    case: ClientCase,
    _: str,
    *,
    is_used: CasePredicate = bool,
    **changes: Any,
) -> Outcome:
    """Report outcomes of a kind with other fields, in some cases or in all."""
    is_changed = outcome.kind is old_kind and is_used(case)
    return replace(outcome, **changes) if is_changed else outcome


@alters("outcome")
def false_success(
    is_used: CasePredicate, outcome: Outcome, case: ClientCase, _: str
) -> Outcome:
    empty = Outcome(OutcomeKind.SNAPSHOT, snapshot={})
    return empty if is_used(case) else outcome


@alters("outcome")
def report(place: str, edit: Edit, outcome: Outcome, *_: Any) -> Outcome:
    snapshot = edited(deepcopy(outcome.snapshot), place, edit)
    return replace(outcome, snapshot=snapshot)


def without_fraction(text: str) -> str:
    return f"{text[:19]}Z" if text[19:20] == "." else text


def first_text_only(outcome: Outcome, *_: Any) -> Outcome:
    return replace(outcome, errors=outcome.errors[:1])


def print_outcome(outcome: Outcome, *_: Any) -> Outcome:
    sys.stdout.write("updated\n")
    return outcome


def raise_without_texts(outcome: Outcome, *_: Any) -> Outcome:
    if outcome.status and not outcome.errors:
        raise KeyError("errors")
    return outcome


def return_late(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    if case.responses[0].delivery is Delivery.DRIP:
        time.sleep(LATE_S)
    return outcome


def reveal_in_message(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    message = f"with {case.credential.app_key}" if outcome.status else outcome.message
    return replace(outcome, message=message)


def reveal_in_log(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    return replace(outcome, logged=f"DEBUG: DD-API-KEY: {case.credential.api_key}")


# -- cases --


def first_status(case: ClientCase) -> int:
    return case.responses[0].status


def first_body(case: ClientCase) -> bytes:
    return case.responses[0].body


def violates(case: ClientCase, *places: str) -> bool:
    return case.violation is not None and case.violation.place in places


# -- tables --

certificates = partial(ClientMutation, scenarios=("certificates",))

OUTCOME_MUTATIONS = {
    "C-SNAPSHOT": {
        "snapshot-id-lost": report("session_id", lambda _: None),
        "snapshot-start-rounded": report("start", as_double),
        "snapshot-user-as-text": report("created_by_user_id", str),
        "snapshot-date-cut": report("modified_at", without_fraction),
        "snapshot-default-added": report(
            ATTRIBUTES, lambda item: {"device_type": ""} | item
        ),
        "snapshot-name-trimmed": report("snapshot_name", str.strip),
    },
    "C-ANSWER": {
        "answer-errors-as-success": careless(
            lambda case: first_status(case) == 200 and b'"errors"' in first_body(case)
        ),
        "answer-any-2xx": careless(lambda case: 200 < first_status(case) < 300),
        "answer-unchecked": careless(lambda case: case.scenario == "broken-snapshots"),
        "answer-empty-as-success": false_success(
            lambda case: first_status(case) == 200 and not first_body(case)
        ),
    },
    "C-ERROR": {
        "error-status-lost": change_outcome(OutcomeKind.API_ERROR, status=None),
        "error-as-broken-answer": change_outcome(
            OutcomeKind.API_ERROR, kind=OutcomeKind.BROKEN_ANSWER
        ),
        "error-first-text-only": ClientMutation(outcome=first_text_only),
    },
    "C-ERROR-ODD": {
        "error-odd-lost": change_outcome(
            OutcomeKind.API_ERROR,
            is_used=lambda case: not first_body(case).startswith(b"{"),
            kind=OutcomeKind.BROKEN_ANSWER,
            status=None,
        ),
        "error-odd-as-success": false_success(
            lambda case: first_body(case).startswith(b"<html")
        ),
    },
    "C-ALIVE": {
        "alive-prints": ClientMutation(outcome=print_outcome),
        "alive-raises": ClientMutation(outcome=raise_without_texts),
    },
    "C-RETRY": {
        "retry-unasked": careless(
            lambda case: not case.retry and len(case.responses) > 1, retried=(429,)
        ),
        "retry-at-once": careless(lambda case: case.retry, retried=(429,)),
        "retry-400": careless(lambda case: case.retry, retried=(400, 409)),
    },
    "C-REDIRECT": {
        "redirect-followed": careless(
            lambda case: 300 <= first_status(case) < 400, follows_redirects=True
        ),
        "redirect-as-success": false_success(lambda case: first_status(case) == 307),
    },
    "C-SITE": {
        "site-unchecked": careless(lambda case: violates(case, "site")),
        "site-suffix-only": careless(
            lambda case: violates(case, "site") and SITES[0] in case.sites[0]
        ),
    },
    "C-TIME": {
        "time-drip-unbounded": ClientMutation(
            outcome=return_late, scenarios=("slow-answers",)
        ),
        "time-cut-as-success": false_success(
            lambda case: case.responses[0].delivery is Delivery.CUT
        ),
    },
    "C-TLS": {
        "tls-any-authority": certificates(transport=transports.AnyAuthority),
        "tls-any-name": certificates(transport=transports.any_name),
        "tls-any-date": certificates(transport=transports.any_date),
        "tls-plain-instead": certificates(transport=transports.PlainInstead),
    },
    "C-SECRET": {
        "secret-in-message": ClientMutation(outcome=reveal_in_message),
        "secret-in-log": ClientMutation(outcome=reveal_in_log),
        "secret-mended": careless(lambda case: violates(case, "api_key", "app_key")),
    },
}
