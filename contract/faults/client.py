"""Known ways for a client to be wrong, each named with the clause that must catch it.

A fault changes the minimal client at one of three places: what it is asked, what it sends, what it tells. Where
the minimal client would refuse, a fault may be `careless`: the call is then made without any check.
"""

import json
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests

from contract.client import SITES
from contract.faults.client_harness import Fault, OutcomeMutator, RequestMutator
from contract.faults.tls import AnyAuthority, AnyDate, AnyName, PlainInstead
from contract.model import Case, Json, Outcome

__all__ = ["CLIENT_FAULTS"]

# -- what is asked ------------------------------------------------------------------------------------------


def _attribute(name: str, change: Callable[[Any], Json]) -> Callable[[Case], Case]:
    """Change one attribute of a valid body."""

    def ask(case: Case) -> Case:
        if case.violation is not None or name not in case.body["data"].get(
            "attributes", {}
        ):
            return case
        body = json.loads(json.dumps(case.body))
        attributes = body["data"]["attributes"]
        attributes[name] = change(attributes[name])
        if attributes[name] is ...:
            del attributes[name]
        return replace(case, body=body)

    return ask


def _without_nulls(case: Case) -> Case:
    """Mend what is wrong: null, where a text is documented, becomes absent."""
    data = case.body.get("data") if isinstance(case.body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict) or None not in attributes.values():
        return case
    kept = {name: value for name, value in attributes.items() if value is not None}
    return replace(
        case, body={**case.body, "data": {**case.body["data"], "attributes": kept}}
    )


# -- what is sent -------------------------------------------------------------------------------------------


def _header(name: str, value: str | None) -> RequestMutator:
    def wire(request: requests.PreparedRequest, case: Case) -> None:
        request.headers.pop(name, None)
        if value is not None:
            request.headers[name] = value

    return wire


def _url(
    change: Callable[[str], str], when: Callable[[Case], bool] = lambda case: True
) -> RequestMutator:
    def wire(request: requests.PreparedRequest, case: Case) -> None:
        if when(case):
            request.url = change(request.url or "")

    return wire


def _sent_body(change: Callable[[Any], Json]) -> RequestMutator:
    def wire(request: requests.PreparedRequest, case: Case) -> None:
        request.body = json.dumps(change(json.loads(request.body or b""))).encode()
        request.headers["Content-Length"] = str(len(request.body))

    return wire


def _drop(*path: str) -> RequestMutator:
    def change(body: Any) -> Json:
        here = body
        for name in path[:-1]:
            here = here.get(name, {})
        here.pop(path[-1], None)
        return body

    return _sent_body(change)


def _set(path: tuple[str, ...], value: Callable[[Any], Json]) -> RequestMutator:
    def change(body: Any) -> Json:
        here = body
        for name in path[:-1]:
            here = here.get(name, {})
        if path[-1] in here:
            here[path[-1]] = value(here[path[-1]])
        return body

    return _sent_body(change)


def _method(name: str) -> RequestMutator:
    def wire(request: requests.PreparedRequest, case: Case) -> None:
        request.method = name

    return wire


def _key_in_url(request: requests.PreparedRequest, case: Case) -> None:
    request.url = f"{request.url}?api_key={request.headers['DD-API-KEY']}"


def _swapped(request: requests.PreparedRequest, case: Case) -> None:
    api, app = request.headers["DD-API-KEY"], request.headers["DD-APPLICATION-KEY"]
    request.headers["DD-API-KEY"], request.headers["DD-APPLICATION-KEY"] = app, api


def _unknown_dropped(body: Any) -> Json:
    return {"data": body["data"]}


# -- what is told -------------------------------------------------------------------------------------------


def _snapshot(change: Callable[[Any], None]) -> OutcomeMutator:
    def tell(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
        if outcome.kind != "snapshot" or "attributes" not in outcome.snapshot.get(
            "data", {}
        ):
            return outcome
        snapshot = json.loads(json.dumps(outcome.snapshot))
        change(snapshot["data"]["attributes"])
        return replace(outcome, snapshot=snapshot)

    return tell


def _told(attribute: str, change: Callable[[Any], Json]) -> OutcomeMutator:
    def alter(attributes: Any) -> None:
        if attribute in attributes:
            attributes[attribute] = change(attributes[attribute])

    return _snapshot(alter)


def _instead(kind: Any, new: Any, **more: Any) -> OutcomeMutator:
    return lambda outcome, case, keys: (
        replace(outcome, kind=new, **more) if outcome.kind == kind else outcome
    )


def _printed(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    print("updated")  # noqa: T201 (that is the fault)
    return outcome


def _raised(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    if outcome.kind == "api_error" and not outcome.errors:
        raise KeyError("errors")
    return outcome


def _no_text(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    return replace(outcome, errors=outcome.errors[:1])


def _odd_lost(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    odd = outcome.kind == "api_error" and case.responses[0].body[:1] != b"{"
    return replace(outcome, kind="broken_answer", status=None) if odd else outcome


def _key_said(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    return (
        replace(outcome, message=f"with {keys[1]}")
        if outcome.kind == "api_error"
        else outcome
    )


def _key_logged(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    return replace(outcome, output=f"DEBUG: DD-API-KEY: {keys[0]}")


def _late(outcome: Outcome, case: Case, keys: tuple[str, str]) -> Outcome:
    if case.responses[0].delivery == "drip":
        time.sleep(30)
    return outcome


def _is(pointer: str) -> Callable[[Case], bool]:
    """Tell whether a case breaks this place."""
    return lambda case: case.violation is not None and case.violation.pointer == pointer


def _breaks(keyword: str, *hows: str) -> Callable[[Case], bool]:
    def matches(case: Case) -> bool:
        wrong = case.violation
        return (
            wrong is not None
            and wrong.pointer[:1] in ("", "/")
            and wrong.keyword == keyword
            and (not hows or wrong.how in hows)
        )

    return matches


def _answered(kind: str) -> Callable[[Case], bool]:
    return lambda case: case.kinds[0].startswith(kind)


_EU = "https://api.datadoghq.eu"
_ATTRIBUTES = ("data", "attributes")


def _host_faults() -> tuple[Fault, ...]:
    """One fault for each site: its calls go to another host."""

    def wrong(site: str) -> Fault:
        other = "https://api.datadoghq.com" if site != "datadoghq.com" else _EU
        wire = _url(
            lambda url: url.replace(f"https://api.{site}/", f"{other}/"),
            lambda case: case.site == site,
        )
        return Fault(f"host-of-{site}", "C-HOST", wire=wire)

    return tuple(wrong(site) for site in SITES)


CLIENT_FAULTS: tuple[Fault, ...] = (
    Fault("method-put", "C-METHOD", wire=_method("PUT")),
    Fault("method-post", "C-METHOD", wire=_method("POST")),
    *_host_faults(),
    Fault(
        "host-without-tls",
        "C-HOST",
        wire=_url(lambda url: url.replace("https:", "http:")),
    ),
    Fault(
        "path-v1", "C-PATH", wire=_url(lambda url: url.replace("/api/v2/", "/api/v1/"))
    ),
    Fault("path-slash-kept", "C-PATH", wire=_url(lambda url: url.replace("%2F", "/"))),
    Fault(
        "path-encoded-twice", "C-PATH", wire=_url(lambda url: url.replace("%", "%25"))
    ),
    Fault(
        "path-space-as-plus", "C-PATH", wire=_url(lambda url: url.replace("%20", "+"))
    ),
    Fault("path-lower-case", "C-PATH", wire=_url(lambda url: url.lower())),
    Fault("path-trailing-slash", "C-PATH", wire=_url(lambda url: url + "/")),
    Fault("path-empty-id-sent", "C-PATH", careless=lambda case: case.snapshot_id == ""),
    Fault("auth-no-app-key", "C-AUTH", wire=_header("DD-APPLICATION-KEY", None)),
    Fault("auth-swapped", "C-AUTH", wire=_swapped),
    Fault("auth-key-in-url", "C-AUTH", wire=_key_in_url),
    Fault("media-text", "C-MEDIA", wire=_header("Content-Type", "text/plain")),
    Fault("media-none", "C-MEDIA", wire=_header("Content-Type", None)),
    Fault("media-accept-xml", "C-MEDIA", wire=_header("Accept", "application/xml")),
    Fault(
        "media-decides",
        "C-MEDIA",
        tell=lambda outcome, case, keys: (
            replace(outcome, kind="broken_answer")
            if "vnd" in (case.responses[0].header("Content-Type") or "")
            and outcome.kind == "snapshot"
            else outcome
        ),
    ),
    Fault("body-event-id-dropped", "C-BODY", wire=_drop(*_ATTRIBUTES, "event_id")),
    Fault("body-session-id-dropped", "C-BODY", wire=_drop(*_ATTRIBUTES, "session_id")),
    Fault("body-view-id-dropped", "C-BODY", wire=_drop(*_ATTRIBUTES, "view_id")),
    Fault("body-id-dropped", "C-BODY", wire=_drop("data", "id")),
    Fault("body-unknown-dropped", "C-BODY", wire=_sent_body(_unknown_dropped)),
    Fault(
        "body-start-as-double",
        "C-BODY",
        wire=_set((*_ATTRIBUTES, "start"), lambda n: int(float(n))),
    ),
    Fault("body-start-as-text", "C-BODY", wire=_set((*_ATTRIBUTES, "start"), str)),
    Fault(
        "body-start-32-bits",
        "C-BODY",
        wire=_set((*_ATTRIBUTES, "start"), lambda n: min(n, 2**31 - 1)),
    ),
    Fault("body-text-trimmed", "C-BODY", ask=_attribute("event_id", str.strip)),
    Fault(
        "body-text-normalised",
        "C-BODY",
        ask=_attribute("view_id", lambda s: unicodedata.normalize("NFC", s)),
    ),
    Fault(
        "body-empty-text-absent",
        "C-BODY",
        ask=_attribute("session_id", lambda s: s or ...),
    ),
    Fault(
        "body-false-nulled",
        "C-BODY",
        wire=_set(
            (*_ATTRIBUTES, "is_device_type_selected_by_user"), lambda b: b or None
        ),
    ),
    Fault("body-null-mended", "C-BODY", ask=_without_nulls),
    Fault("valid-required-unchecked", "C-VALID", careless=_breaks("required")),
    Fault("valid-null-unchecked", "C-VALID", careless=_breaks("type", "null")),
    Fault("valid-boolean-as-integer", "C-VALID", careless=_breaks("type", "boolean")),
    Fault(
        "valid-numeric-text-unchecked",
        "C-VALID",
        careless=_breaks("type", "numeric text"),
    ),
    Fault("valid-enum-unchecked", "C-VALID", careless=_breaks("enum")),
    Fault("valid-enum-any-case", "C-VALID", careless=_breaks("enum", "other case")),
    Fault(
        "valid-int64-off-by-one", "C-VALID", careless=_breaks("format", "just above")
    ),
    Fault(
        "strict-unknown-property",
        "C-ACCEPT",
        ask=lambda case: (
            replace(case, body=[])
            if case.violation is None and set(case.body) - {"data"}
            else case
        ),
    ),
    Fault(
        "strict-negative-start",
        "C-ACCEPT",
        ask=_attribute("start", lambda n: n if n >= 0 else "negative"),
    ),
    Fault(
        "strict-empty-event-id",
        "C-ACCEPT",
        ask=_attribute("event_id", lambda s: s or None),
    ),
    Fault("snapshot-id-lost", "C-SNAPSHOT", tell=_told("session_id", lambda s: None)),
    Fault(
        "snapshot-start-rounded",
        "C-SNAPSHOT",
        tell=_told("start", lambda n: int(float(n))),
    ),
    Fault("snapshot-user-as-text", "C-SNAPSHOT", tell=_told("created_by_user_id", str)),
    Fault(
        "snapshot-date-cut",
        "C-SNAPSHOT",
        tell=_told("modified_at", lambda s: s[:19] + "Z" if s[19:20] == "." else s),
    ),
    Fault(
        "snapshot-default-added",
        "C-SNAPSHOT",
        tell=_snapshot(lambda a: a.setdefault("device_type", "")),
    ),
    Fault(
        "snapshot-name-trimmed", "C-SNAPSHOT", tell=_told("snapshot_name", str.strip)
    ),
    Fault(
        "answer-errors-as-success",
        "C-ANSWER",
        careless=_answered("2xx: error document"),
    ),
    Fault("answer-any-2xx", "C-ANSWER", careless=_answered("2xx: status 2")),
    Fault("answer-unchecked", "C-ANSWER", careless=_answered("snapshot /")),
    Fault(
        "answer-empty-as-success",
        "C-ANSWER",
        tell=lambda outcome, case, keys: (
            Outcome("snapshot", snapshot={})
            if case.kinds[0] == "2xx: empty body"
            else outcome
        ),
    ),
    Fault(
        "error-status-lost",
        "C-ERROR",
        tell=_instead("api_error", "api_error", status=None),
    ),
    Fault(
        "error-as-broken-answer", "C-ERROR", tell=_instead("api_error", "broken_answer")
    ),
    Fault("error-first-text-only", "C-ERROR", tell=_no_text),
    Fault("error-odd-lost", "C-ERROR-ODD", tell=_odd_lost),
    Fault(
        "error-odd-as-success",
        "C-ERROR-ODD",
        tell=lambda outcome, case, keys: (
            Outcome("snapshot", snapshot={})
            if outcome.kind == "api_error" and "HTML" in case.kinds[0]
            else outcome
        ),
    ),
    Fault("alive-prints", "C-ALIVE", tell=_printed),
    Fault("alive-raises", "C-ALIVE", tell=_raised),
    Fault(
        "retry-unasked",
        "C-RETRY",
        careless=lambda case: "no retry" in case.kinds[0],
        how={"again": (429,)},
    ),
    Fault(
        "retry-at-once",
        "C-RETRY",
        careless=lambda case: case.retry,
        how={"again": (429,)},
    ),
    Fault(
        "retry-400",
        "C-RETRY",
        careless=lambda case: case.retry,
        how={"again": (400, 409)},
    ),
    Fault(
        "redirect-followed",
        "C-REDIRECT",
        careless=_answered("30"),
        how={"redirects": True},
    ),
    Fault(
        "redirect-as-success",
        "C-REDIRECT",
        tell=lambda outcome, case, keys: (
            Outcome("snapshot", snapshot={})
            if case.responses[0].status == 307
            else outcome
        ),
    ),
    Fault("site-unchecked", "C-SITE", careless=_is("site")),
    Fault(
        "site-suffix-only",
        "C-SITE",
        careless=lambda case: _is("site")(case) and "datadoghq.com" in case.site,
    ),
    Fault(
        "parity-gov-told-otherwise",
        "C-PARITY",
        tell=lambda outcome, case, keys: (
            replace(outcome, snapshot={})
            if "gov" in case.site and outcome.kind == "snapshot"
            else outcome
        ),
    ),
    Fault(
        "parity-eu-media",
        "C-PARITY",
        wire=lambda request, case: (
            request.headers.update({"Accept": "*/*"})
            if case.site == "datadoghq.eu"
            else None
        ),
    ),
    Fault("time-drip-unbounded", "C-TIME", tell=_late),
    Fault(
        "time-cut-as-success",
        "C-TIME",
        tell=lambda outcome, case, keys: (
            Outcome("snapshot", snapshot={})
            if case.responses[0].delivery == "cut"
            else outcome
        ),
    ),
    Fault("tls-any-authority", "C-TLS", trust=AnyAuthority),
    Fault("tls-any-name", "C-TLS", trust=AnyName),
    Fault("tls-any-date", "C-TLS", trust=AnyDate),
    Fault("tls-plain-instead", "C-TLS", trust=PlainInstead),
    Fault("secret-in-message", "C-SECRET", tell=_key_said),
    Fault("secret-in-log", "C-SECRET", tell=_key_logged),
    Fault("secret-mended", "C-SECRET", careless=_is("keys"), how={"mend": True}),
)
"""The faults for clients; those of C-TLS show on the impostor alone, all others on the mocked sites."""
