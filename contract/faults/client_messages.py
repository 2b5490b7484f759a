"""Faults of a client in its requests and in its use of a response."""

import json
import re
import unicodedata
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import requests
from requests import PreparedRequest

from contract.cases.payloads import NEW_ATTRIBUTE
from contract.client import SITES
from contract.faults.harness import (
    ATTRIBUTES,
    FLAG,
    CasePredicate,
    ClientMutation,
    Edit,
    alters,
    as_double,
    edited,
    false_success,
    first,
    remove,
    remove_empty,
    send_raw,
)
from contract.model import ClientCase, Delivery, Outcome, OutcomeKind
from contract.sandbox import attributes_of

# -- input --


@alters("case")
def change_input(name: str, edit: Edit, case: ClientCase) -> ClientCase:
    """Change an attribute of a valid body before it reaches the client."""
    if case.violation is not None:
        return case
    return replace(case, body=edited(deepcopy(case.body), name, edit))


def without_nulls(case: ClientCase) -> ClientCase:
    attributes = attributes_of(case.body)
    if None not in attributes.values():
        return case
    present = {name: value for name, value in attributes.items() if value is not None}
    return replace(case, body={"data": {**case.body["data"], "attributes": present}})


def refuse_unknown(case: ClientCase) -> ClientCase:
    """Make a valid body invalid if it has an unknown member."""
    is_refused = case.violation is None and set(case.body) - {"data"}
    return replace(case, body=[]) if is_refused else case


def unchecked(keyword: str, how: str = "") -> ClientMutation:
    """Send bodies that break a keyword, always or if they do it in one way."""

    def is_used(case: ClientCase) -> object:
        item = case.violation
        return (
            item
            and item.is_in_body
            and item.keyword == keyword
            and how in ("", item.how)
        )

    return send_raw(is_used)


# -- requests --


@alters("request")
def change_request(request: PreparedRequest, **edits: Edit) -> None:
    for name, edit in edits.items():
        setattr(request, name, edit(getattr(request, name)))


def replace_in_url(old: str, new: str) -> ClientMutation:
    return change_request(url=lambda url: url.replace(old, new))


def send_elsewhere(site: str) -> ClientMutation:
    other = SITES[0] if site != SITES[0] else SITES[3]
    return replace_in_url(f"https://api.{site}/", f"https://api.{other}/")


class EmptyQuery(PreparedRequest):
    """A request with an empty query, which `requests` would drop from its URL."""

    @property
    def path_url(self) -> str:
        return f"{super().path_url}?"


def add_empty_query(request: PreparedRequest) -> None:
    request.__class__ = EmptyQuery


@alters("request")
def set_header(name: str, value: str | None, request: PreparedRequest) -> None:
    request.headers.pop(name, None)
    if value is not None:
        request.headers[name] = value


def swap_keys(request: PreparedRequest) -> None:
    headers = request.headers
    api, app = "DD-API-KEY", "DD-APPLICATION-KEY"
    headers[api], headers[app] = headers[app], headers[api]


def add_key_to_url(request: PreparedRequest) -> None:
    request.url = f"{request.url}?api_key={request.headers['DD-API-KEY']}"


@alters("request")
def send(place: str, edit: Edit, request: PreparedRequest) -> None:
    body = edited(json.loads(request.body or b""), place, edit)
    request.prepare_body(None, None, body)


def ask_for_gzip(request: PreparedRequest) -> None:
    request.headers["Accept-Encoding"] = "gzip"


def leave_packed(response: requests.Response) -> None:
    response.raw.headers.pop("Content-Encoding", None)


@alters("response")
def fail_on_header(name: str, value: str, response: requests.Response) -> None:
    if value in response.headers.get(name, ""):
        response.close()
        raise requests.ConnectionError(f"{name}: {value} is not supported")


def fail_on_old_version(response: requests.Response) -> None:
    if response.raw.version == 10:
        response.close()
        raise requests.ConnectionError("HTTP/1.0 is not supported")


# -- outcomes --


@alters("outcome")
def change_outcome(
    old_kind: OutcomeKind,
    outcome: Outcome,
    case: ClientCase,
    *_: Any,
    is_used: CasePredicate = bool,
    **changes: Any,
) -> Outcome:
    """Report outcomes of a kind with other fields, in some cases or in all."""
    is_changed = outcome.kind is old_kind and is_used(case)
    return replace(outcome, **changes) if is_changed else outcome


@alters("outcome")
def report(place: str, edit: Edit, outcome: Outcome, *_: Any) -> Outcome:
    return replace(outcome, snapshot=edited(deepcopy(outcome.snapshot), place, edit))


def without_fraction(text: str) -> str:
    return f"{text[:19]}Z" if text[19:20] == "." else text


def first_text_only(outcome: Outcome, *_: Any) -> Outcome:
    return replace(outcome, errors=outcome.errors[:1])


def decode_as_latin_1(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    body = first(case).body
    if outcome.kind is OutcomeKind.SNAPSHOT and not body.isascii():
        return replace(outcome, snapshot=json.loads(body.decode("latin-1")))
    return outcome


def decode_errors_as_latin_1(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    if first(case).body.isascii():
        return outcome
    texts = (text.encode().decode("latin-1") for text in outcome.errors)
    return replace(outcome, errors=tuple(texts))


def return_earlier(outcome: Outcome, case: ClientCase, _: str) -> Outcome:
    earlier = case.first_call
    if earlier is None or earlier.response.delivery is not Delivery.LATE:
        return outcome
    return replace(outcome, snapshot=json.loads(earlier.response.body))


def documents_in(body: bytes) -> int:
    """Return the number of JSON documents with commas between them."""
    try:
        return len(json.loads(b"[%s]" % body))
    except (ValueError, RecursionError):
        return 0


# -- the table --

TRANSFERS = ("transfers",)

MESSAGE_MUTATIONS = {
    "C-METHOD": {
        "method-put": change_request(method=lambda _: "PUT"),
        "method-post": change_request(method=lambda _: "POST"),
    },
    "C-HOST": {
        **{f"host-of-{site}": send_elsewhere(site) for site in SITES},
        "host-without-tls": replace_in_url("https:", "http:"),
    },
    "C-PATH": {
        "path-v1": replace_in_url("/api/v2/", "/api/v1/"),
        "path-slash-kept": replace_in_url("%2F", "/"),
        "path-encoded-twice": replace_in_url("%", "%25"),
        "path-space-as-plus": replace_in_url("%20", "+"),
        "path-lower-case": change_request(url=str.lower),
        "path-trailing-slash": change_request(url=lambda url: url + "/"),
        "path-empty-query": ClientMutation(request=add_empty_query),
        "path-empty-id-sent": send_raw(lambda case: not case.snapshot_id),
    },
    "C-AUTH": {
        "auth-no-app-key": set_header("DD-APPLICATION-KEY", None),
        "auth-swapped": ClientMutation(request=swap_keys),
        "auth-key-in-url": ClientMutation(request=add_key_to_url),
        "auth-empty-bearer": set_header("Authorization", "Bearer"),
    },
    "C-MEDIA": {
        "media-text": set_header("Content-Type", "text/plain"),
        "media-none": set_header("Content-Type", None),
        "media-accept-xml": set_header("Accept", "application/xml"),
        "media-decides": change_outcome(
            OutcomeKind.SNAPSHOT,
            is_used=lambda case: "vnd" in first(case).media_type,
            kind=OutcomeKind.BROKEN_ANSWER,
        ),
    },
    "C-BODY": {
        "body-event-id-dropped": send("event_id", remove),
        "body-session-id-dropped": send("session_id", remove),
        "body-view-id-dropped": send("view_id", remove),
        "body-id-dropped": send("/data/id", remove),
        "body-unknown-dropped": send("", lambda body: {"data": body["data"]}),
        "body-start-as-double": send("start", as_double),
        "body-start-as-text": send("start", str),
        "body-start-32-bits": send("start", lambda n: min(n, 2**31 - 1)),
        "body-text-trimmed": change_input("event_id", str.strip),
        "body-text-normalised": change_input(
            "view_id", partial(unicodedata.normalize, "NFC")
        ),
        "body-empty-text-absent": change_input("session_id", remove_empty),
        "body-false-nulled": send(FLAG, lambda flag: flag or None),
        "body-null-mended": ClientMutation(case=without_nulls),
    },
    "C-VALID": {
        "valid-required-unchecked": unchecked("required"),
        "valid-null-unchecked": unchecked("type", "null"),
        "valid-boolean-as-integer": unchecked("type", "boolean"),
        "valid-numeric-text-unchecked": unchecked("type", "numeric text"),
        "valid-enum-unchecked": unchecked("enum"),
        "valid-enum-any-case": unchecked("enum", "other case"),
        "valid-int64-off-by-one": unchecked("format", "just above"),
    },
    "C-ACCEPT": {
        "strict-unknown-property": ClientMutation(case=refuse_unknown),
        "strict-negative-start": change_input(
            "start", lambda n: n if n >= 0 else "negative"
        ),
        "strict-empty-event-id": change_input("event_id", lambda s: s or None),
    },
    "C-SNAPSHOT": {
        "snapshot-id-lost": report("session_id", lambda _: None),
        "snapshot-start-rounded": report("start", as_double),
        "snapshot-unknown-rounded": report(
            NEW_ATTRIBUTE, lambda item: as_double(item) if type(item) is int else item
        ),
        "snapshot-user-as-text": report("created_by_user_id", str),
        "snapshot-date-cut": report("modified_at", without_fraction),
        "snapshot-default-added": report(
            ATTRIBUTES, lambda item: {"device_type": ""} | item
        ),
        "snapshot-name-trimmed": report("snapshot_name", str.strip),
        "snapshot-latin-1": ClientMutation(outcome=decode_as_latin_1),
        "snapshot-gzip-lost": ClientMutation(
            request=ask_for_gzip, response=leave_packed
        ),
        "snapshot-chunked-lost": replace(
            fail_on_header("Transfer-Encoding", "chunked"), scenarios=TRANSFERS
        ),
        "snapshot-last-lost": replace(
            fail_on_header("Connection", "close"), scenarios=TRANSFERS
        ),
        "snapshot-old-version-lost": ClientMutation(
            response=fail_on_old_version, scenarios=TRANSFERS
        ),
        "snapshot-of-earlier-call": ClientMutation(
            outcome=return_earlier, scenarios=("slow-answers",)
        ),
    },
    "C-ANSWER": {
        "answer-errors-as-success": send_raw(
            lambda case: first(case).status == 200 and b'"errors"' in first(case).body
        ),
        "answer-any-2xx": send_raw(lambda case: 200 < first(case).status < 300),
        "answer-unchecked": send_raw(lambda case: case.scenario == "broken-snapshots"),
        "answer-empty-as-success": false_success(
            lambda case: first(case).status == 200 and not first(case).body
        ),
        "answer-first-of-several": false_success(
            lambda case: documents_in(first(case).body) > 1
        ),
        "answer-comment-skipped": false_success(
            lambda case: re.search(rb"\} (//|/\*)", first(case).body)
        ),
    },
    "C-ERROR": {
        "error-status-lost": change_outcome(OutcomeKind.API_ERROR, status=None),
        "error-as-broken-answer": change_outcome(
            OutcomeKind.API_ERROR, kind=OutcomeKind.BROKEN_ANSWER
        ),
        "error-first-text-only": ClientMutation(outcome=first_text_only),
        "error-latin-1": ClientMutation(outcome=decode_errors_as_latin_1),
    },
    "C-ERROR-ODD": {
        "error-odd-lost": change_outcome(
            OutcomeKind.API_ERROR,
            is_used=lambda case: not first(case).body.startswith(b"{"),
            kind=OutcomeKind.BROKEN_ANSWER,
            status=None,
        ),
        "error-odd-as-success": false_success(
            lambda case: first(case).body.startswith(b"<html")
        ),
    },
}
