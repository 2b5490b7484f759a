"""Faults in what a client sends, by the clause that must catch them."""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import requests

from contract.client import SITES
from contract.faults.client_harness import (
    Careless,
    CasePredicate,
    ClientMutation,
    Mutations,
    first_response,
)
from contract.faults.client_responses import change_outcome
from contract.model import ClientCase, Json, OutcomeKind

FLAG = "is_device_type_selected_by_user"
REMOVED = object()
"""Value of an attribute that is to be removed."""


# -- input --


def change_input(name: str, change: Callable[[Any], Json]) -> ClientMutation:
    """Change an attribute of a valid body before it reaches the client."""

    def mutate(case: ClientCase) -> ClientCase:
        body = json.loads(json.dumps(case.body))
        if case.violation is not None or name not in body["data"].get("attributes", {}):
            return case
        attributes = body["data"]["attributes"]
        attributes[name] = change(attributes[name])
        if attributes[name] is REMOVED:
            del attributes[name]
        return replace(case, body=body)

    return ClientMutation(case=mutate)


def without_nulls(case: ClientCase) -> ClientCase:
    data = case.body.get("data") if isinstance(case.body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict) or None not in attributes.values():
        return case
    present = {name: value for name, value in attributes.items() if value is not None}
    return replace(case, body={"data": {**case.body["data"], "attributes": present}})


def refuse_unknown(case: ClientCase) -> ClientCase:
    """Make a valid body invalid if it has an unknown member."""
    is_refused = case.violation is None and set(case.body) - {"data"}
    return replace(case, body=[]) if is_refused else case


def unchecked(keyword: str, how: str = "") -> ClientMutation:
    """Send bodies that break a keyword, always or if they do it in one way."""

    def is_used(case: ClientCase, _: str) -> bool:
        violation = case.violation
        return (
            violation is not None
            and violation.is_in_body
            and violation.keyword == keyword
            and how in ("", violation.how)
        )

    return ClientMutation(careless=Careless(is_used))


# -- requests --


def set_method(method: str) -> ClientMutation:
    def mutate(request: requests.PreparedRequest, *_: Any) -> None:
        request.method = method

    return ClientMutation(request=mutate)


def set_header(
    name: str, value: str | None, is_used: CasePredicate = lambda *_: True
) -> ClientMutation:
    """Send another value of a header, in some cases or in all. None removes it."""

    def mutate(request: requests.PreparedRequest, case: ClientCase, site: str) -> None:
        if is_used(case, site):
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value

    return ClientMutation(request=mutate)


def swap_keys(request: requests.PreparedRequest, *_: Any) -> None:
    names = "DD-API-KEY", "DD-APPLICATION-KEY"
    api_key, app_key = (request.headers[name] for name in names)
    request.headers.update(zip(names, (app_key, api_key), strict=True))


def change_url(change: Callable[[str], str]) -> ClientMutation:
    def mutate(request: requests.PreparedRequest, *_: Any) -> None:
        request.url = change(str(request.url))

    return ClientMutation(request=mutate)


def replace_in_url(old: str, new: str) -> ClientMutation:
    return change_url(lambda url: url.replace(old, new))


def add_key_to_url(request: requests.PreparedRequest, *_: Any) -> None:
    request.url = f"{request.url}?api_key={request.headers['DD-API-KEY']}"


def send_elsewhere(site: str) -> ClientMutation:
    """Send the requests of one site to another one."""
    other = SITES[0] if site != SITES[0] else SITES[3]
    return replace_in_url(f"https://api.{site}/", f"https://api.{other}/")


def change_body(change: Callable[[Json], Json]) -> ClientMutation:
    def mutate(request: requests.PreparedRequest, *_: Any) -> None:
        request.body = json.dumps(change(json.loads(request.body or b""))).encode()
        request.headers["Content-Length"] = str(len(request.body))

    return ClientMutation(request=mutate)


def without_id(body: Json) -> Json:
    body["data"].pop("id", None)
    return body


def change_sent(name: str, change: Callable[[Any], Json]) -> ClientMutation:
    def mutate(body: Json) -> Json:
        attributes = body["data"].get("attributes", {})
        if name in attributes:
            attributes[name] = change(attributes[name])
        return body

    return change_body(mutate)


def drop_sent(name: str) -> ClientMutation:
    def mutate(body: Json) -> Json:
        body["data"].get("attributes", {}).pop(name, None)
        return body

    return change_body(mutate)


# -- tables --

REQUEST_MUTATIONS: Mutations = {
    "C-METHOD": {
        "method-put": set_method("PUT"),
        "method-post": set_method("POST"),
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
        "path-lower-case": change_url(str.lower),
        "path-trailing-slash": change_url(lambda url: url + "/"),
        "path-empty-id-sent": ClientMutation(
            careless=Careless(lambda case, _: not case.snapshot_id)
        ),
    },
    "C-AUTH": {
        "auth-no-app-key": set_header("DD-APPLICATION-KEY", None),
        "auth-swapped": ClientMutation(request=swap_keys),
        "auth-key-in-url": ClientMutation(request=add_key_to_url),
    },
    "C-MEDIA": {
        "media-text": set_header("Content-Type", "text/plain"),
        "media-none": set_header("Content-Type", None),
        "media-accept-xml": set_header("Accept", "application/xml"),
        "media-decides": change_outcome(
            OutcomeKind.SNAPSHOT,
            lambda case, _: "vnd" in first_response(case).media_type,
            kind=OutcomeKind.BROKEN_ANSWER,
        ),
    },
    "C-BODY": {
        "body-event-id-dropped": drop_sent("event_id"),
        "body-session-id-dropped": drop_sent("session_id"),
        "body-view-id-dropped": drop_sent("view_id"),
        "body-id-dropped": change_body(without_id),
        "body-unknown-dropped": change_body(lambda body: {"data": body["data"]}),
        "body-start-as-double": change_sent("start", lambda n: int(float(n))),
        "body-start-as-text": change_sent("start", str),
        "body-start-32-bits": change_sent("start", lambda n: min(n, 2**31 - 1)),
        "body-text-trimmed": change_input("event_id", str.strip),
        "body-text-normalised": change_input(
            "view_id", partial(unicodedata.normalize, "NFC")
        ),
        "body-empty-text-absent": change_input("session_id", lambda s: s or REMOVED),
        "body-false-nulled": change_sent(FLAG, lambda flag: flag or None),
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
    "C-PARITY": {
        "parity-gov-told-otherwise": change_outcome(
            OutcomeKind.SNAPSHOT, lambda case, site: "gov" in site, snapshot={}
        ),
        "parity-eu-media": set_header(
            "Accept", "*/*", lambda case, site: site == "datadoghq.eu"
        ),
    },
}
