"""Faults of a client in its behavior: crashes, retries, sites, time, TLS, secrets."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from requests import PreparedRequest

from contract.client import SITES
from contract.endpoint import RETRY_AFTER
from contract.faults.harness import (
    AnyAuthority,
    CasePredicate,
    ClientMutation,
    Lenient,
    PlainInstead,
    alters,
    any_date,
    false_success,
    first,
    send_raw,
)
from contract.model import ClientCase, Delivery, Outcome, OutcomeKind

LATE_S = 1.5
"""Seconds that exceed the time-out of a slow case and the tolerance."""


def accept_any_in_eu(request: PreparedRequest) -> None:
    if "//api.datadoghq.eu/" in str(request.url):
        request.headers["Accept"] = "*/*"


def forget_in_gov(outcome: Outcome, _: ClientCase, site: str) -> Outcome:
    is_forgotten = outcome.kind is OutcomeKind.SNAPSHOT and "gov" in site
    return replace(outcome, snapshot={}) if is_forgotten else outcome


def raise_on_closed(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    if case.first_call is not None and case.first_call.is_closed:
        raise BrokenPipeError("the connection was closed")
    return outcome


@alters("outcome")
def parse_retry_after(
    parse: Callable[[str], object], outcome: Outcome, case: ClientCase, _: str
) -> Outcome:
    if value := first(case).header(RETRY_AFTER):
        parse(value)
    return outcome


def print_outcome(outcome: Outcome, *_: Any) -> Outcome:
    sys.stdout.write("updated\n")
    return outcome


def raise_without_texts(outcome: Outcome, *_: Any) -> Outcome:
    if outcome.status and not outcome.errors:
        raise KeyError("errors")
    return outcome


def return_late(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    if first(case).delivery is Delivery.DRIP:
        time.sleep(LATE_S)
    return outcome


def reveal_in_message(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    message = f"with {case.credential.app_key}" if outcome.status else outcome.message
    return replace(outcome, message=message)


def reveal_in_log(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    return replace(outcome, logged=f"DEBUG: DD-API-KEY: {case.credential.api_key}")


def violates(case: ClientCase, *places: str) -> bool:
    return case.violation is not None and case.violation.place in places


def is_reset_later(case: ClientCase) -> bool:
    """Return whether a connection is reset that an earlier call opened."""
    return case.first_call is not None and first(case).delivery is Delivery.RESET


@alters("careless")
def send_twice(is_used: CasePredicate, case: ClientCase, site: str) -> Outcome | None:
    send = send_raw(is_used).careless
    return send(case, site) and send(case, site)


# -- the table --

certificates = partial(ClientMutation, scenarios=("certificates",))

BEHAVIOR_MUTATIONS = {
    "C-ALIVE": {
        "alive-prints": ClientMutation(outcome=print_outcome),
        "alive-raises": ClientMutation(outcome=raise_without_texts),
        "alive-retry-after-number": parse_retry_after(parsedate_to_datetime),
        "alive-retry-after-date": parse_retry_after(int),
        "alive-closed-raises": ClientMutation(
            outcome=raise_on_closed, scenarios=("kept-connections",)
        ),
    },
    "C-RETRY": {
        "retry-unasked": send_raw(
            lambda case: not case.retry and len(case.responses) > 1, retried=(429,)
        ),
        "retry-at-once": send_raw(lambda case: case.retry, retried=(429,)),
        "retry-400": send_raw(lambda case: case.retry, retried=(400, 409)),
        "retry-after-reset": send_twice(is_reset_later),
    },
    "C-REDIRECT": {
        "redirect-followed": send_raw(
            lambda case: 300 <= first(case).status < 400, follows_redirects=True
        ),
        "redirect-as-success": false_success(lambda case: first(case).status == 307),
    },
    "C-SITE": {
        "site-unchecked": send_raw(lambda case: violates(case, "site")),
        "site-suffix-only": send_raw(
            lambda case: violates(case, "site") and SITES[0] in case.sites[0]
        ),
    },
    "C-PARITY": {
        "parity-gov-answers-otherwise": ClientMutation(outcome=forget_in_gov),
        "parity-eu-media": ClientMutation(request=accept_any_in_eu),
    },
    "C-TIME": {
        "time-drip-unbounded": ClientMutation(
            outcome=return_late, scenarios=("slow-answers",)
        ),
        "time-cut-as-success": false_success(
            lambda case: first(case).delivery is Delivery.CUT
        ),
    },
    "C-TLS": {
        "tls-any-authority": certificates(transport=AnyAuthority),
        "tls-any-name": certificates(transport=partial(Lenient, assert_hostname=False)),
        "tls-any-date": certificates(transport=any_date),
        "tls-plain-instead": certificates(transport=PlainInstead),
    },
    "C-SECRET": {
        "secret-in-message": ClientMutation(outcome=reveal_in_message),
        "secret-in-log": ClientMutation(outcome=reveal_in_log),
        "secret-mended": send_raw(lambda case: violates(case, "api_key", "app_key")),
    },
}
