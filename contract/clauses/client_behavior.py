"""The clauses that judge how a client behaves: alive, patient, discreet, the same on every site."""

import base64
from functools import lru_cache

from contract.clauses.base import Clause, clause
from contract.clauses.client_context import (
    kind_of,
    origin_of,
    own_requests,
    read_sent,
    redirect_of,
)
from contract.model import Exchange, Finding, Json, Level, Request, Response
from contract.spec import Spec

__all__ = ["BEHAVIOUR"]

_TOLERANCE_S = 0.05
_MOST_RETRIES = 10
_LONGEST_RESET_S = 86_400


@clause("safety")
def c_alive(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """No input and no answer makes the client crash, hang, or write where it should not."""
    found = []
    if exchange.outcome.kind == "crashed":
        message = f"crashed: {exchange.outcome.type}: {exchange.outcome.message[:300]}"
        kind = (
            "" if exchange.outcome.type in ("garbled", "wrong seq") else None
        )  # of a driver: whatever it was asked
        found.append(Finding(message, keyword=exchange.outcome.type, kind=kind))
    if exchange.outcome.stray:
        found.append(
            Finding(
                f"wrote {exchange.outcome.stray[:80]!r} to standard output",
                keyword="stray output",
                kind="",
            )
        )
    return found


@clause(
    "observed: X-RateLimit-Reset (overlay); RFC 9110, 9.2.2: PATCH is not idempotent"
)
def c_retry(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Only a 429, 408 or 5xx is sent again, asked for, at most 10 times, the same bytes, after the Reset."""
    requests = own_requests(exchange)
    if (
        not requests
        or exchange.outcome.kind == "unsupported"
        or not any(answer for answer in exchange.responses)
    ):
        return None
    found = []
    if len(requests) - 1 > _MOST_RETRIES:
        found.append(
            Finding(f"sent again {len(requests) - 1} times", keyword="too often")
        )
    for before, after, answer in zip(
        requests, requests[1:], exchange.responses, strict=False
    ):
        status = answer.status if answer else None
        if not exchange.case.retry:
            found.append(
                Finding(f"sent again after {status}, unasked", keyword="unasked")
            )
        elif status is not None and status not in (408, 429) and status < 500:
            found.append(Finding(f"sent again after {status}", keyword="status"))
        if (before.method, before.url, before.body) != (
            after.method,
            after.url,
            after.body,
        ):
            found.append(
                Finding("what was sent again differs", keyword="other bytes", kind="")
            )
        reset = _reset(answer)
        waited = after.at_s - before.answered_s
        if status == 429 and reset is not None and waited < reset - _TOLERANCE_S:
            found.append(
                Finding(
                    f"sent again after {waited:.2f} s, the Reset was {reset} s",
                    keyword="too early",
                )
            )
    return found


def _reset(answer: Response | None) -> int | None:
    text = (answer and answer.header("X-RateLimit-Reset")) or ""
    return (
        int(text)
        if text.isascii() and text.isdecimal() and 0 < int(text) <= _LONGEST_RESET_S
        else None
    )


@clause("safety; RFC 9110, 15.4")
def c_redirect(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Keys never reach another origin; a redirect to one is not a success."""
    if not exchange.requests or not any(
        redirect_of(answer) is not None for answer in exchange.responses
    ):
        return None
    found = []
    for request in exchange.requests[len(own_requests(exchange)) :]:
        carried = "\n".join(
            [request.url, *(value for _, value in request.headers)]
        ) + request.body.decode("latin-1")
        if origin_of(request.url) != spec.url(exchange.case.site) and any(
            key in carried for key in exchange.keys
        ):
            found.append(
                Finding(f"keys were sent to {origin_of(request.url)}", keyword="keys")
            )
    if exchange.outcome.kind == "snapshot":
        found.append(
            Finding(
                "a redirect to another origin was reported as a success",
                keyword="success",
            )
        )
    return found


@clause("page: the site table; safety")
def c_site(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A site that cannot be a Datadog host is refused and nothing is sent; so should be every other one."""
    wrong = exchange.case.violation
    if (
        wrong is None
        or wrong.pointer != "site"
        or exchange.outcome.kind == "unsupported"
    ):
        return None
    level: Level | None = "should" if wrong.keyword == "enum" else None
    sent = (
        [
            Finding(
                f"the site {exchange.case.site!r} was sent a request",
                "site",
                "sent",
                level=level,
            )
        ]
        if exchange.requests
        else []
    )
    told = (
        exchange.outcome.kind != "refused"
        and not exchange.requests
        and exchange.outcome.kind != "crashed"
    )
    if told:
        sent.append(
            Finding(
                f"the site {exchange.case.site!r} was reported as {kind_of(exchange.outcome)}",
                "site",
                "told",
                level="should",
            )
        )
    return sent


@clause("page: the site table", per_site=True)
def c_parity(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The eight sites get the same request, host aside, and the same answer gives the same outcome."""
    other = exchange.reference
    if other is None:
        return None
    found = []
    asked, before = (
        [_request(request, spec) for request in own_requests(each)]
        for each in (exchange, other)
    )
    if asked != before:
        found.append(
            Finding(
                f"{exchange.case.site} gets another request than {other.case.site}",
                keyword="request",
                kind="",
            )
        )
    ours, theirs = exchange.outcome, other.outcome
    if (ours.kind, ours.status, ours.errors, ours.snapshot) != (
        theirs.kind,
        theirs.status,
        theirs.errors,
        theirs.snapshot,
    ):
        message = f"{exchange.case.site} ends as {kind_of(ours)}, {other.case.site} as {kind_of(theirs)}"
        found.append(Finding(message, keyword="outcome", kind=""))
    return found


def _request(request: Request, spec: Spec) -> Json:
    sent = read_sent(request)
    documented = (*spec.auth_headers, "Content-Type", "Accept")
    target = request.url.split("://", 1)[-1].partition("/")[2]
    return (
        request.method,
        target,
        [request.all_headers(name) for name in documented],
        sent.trouble and request.body,
        sent.value,
    )


@clause("safety")
def c_time(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A stalled or dripping answer ends within the caller's time-out and 1 s; one cut short is no success."""
    slow = next(
        (
            answer
            for answer in exchange.responses
            if answer is not None and answer.delivery != "whole"
        ),
        None,
    )
    if slow is None or exchange.outcome.kind == "unsupported":
        return None
    found = []
    if exchange.outcome.seconds > exchange.case.timeout_s + 1:
        message = f"the call took {exchange.outcome.seconds:.1f} s, its time-out was {exchange.case.timeout_s} s"
        found.append(Finding(message, keyword=slow.delivery))
    if exchange.outcome.kind == "snapshot" and slow.delivery != "drip":
        found.append(
            Finding(
                f"an answer that was {slow.delivery} was reported as a success",
                keyword="success",
            )
        )
    return found


@clause("safety; RFC 9110, 4.3.4")
def c_tls(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Over plain http, or to a host whose certificate is not trusted, no key is sent."""
    if exchange.case.tls == "trusted" or exchange.outcome.kind == "unsupported":
        return None
    for request in exchange.requests:
        carried = (
            request.url
            + "".join(value for _, value in request.headers)
            + request.body.decode("latin-1")
        )
        if any(key in carried for key in exchange.keys):
            return [
                Finding(
                    f"keys were sent to a host with: {exchange.case.tls}",
                    keyword=exchange.case.tls,
                )
            ]
    return []


@clause("safety; RFC 9110, 5.5")
def c_secret(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """No key is in any message, log line or output; with a key that holds CR, LF or NUL nothing is sent."""
    found = []
    if (
        exchange.case.violation is not None
        and exchange.case.violation.pointer == "keys"
        and exchange.requests
    ):
        found.append(Finding("a key that no header can hold was sent", "keys", "sent"))
    told = exchange.outcome
    text = "\n".join((told.message, told.output, told.stray, *told.errors))
    if any(secret in text for secret in _secrets(exchange.keys)):
        found.append(
            Finding(f"a key is in what the client says ({told.kind})", keyword="said")
        )
    return found


@lru_cache(maxsize=64)
def _secrets(keys: tuple[str, str]) -> list[str]:
    """Return what no text may hold: the parts of both keys, whole or between control characters, also in Base64."""
    parts = (
        part
        for key in keys
        for part in "".join(c if c >= " " else "\n" for c in key).split("\n")
    )
    pieces = [part for part in parts if len(part) >= 12]
    return pieces + [base64.b64encode(piece.encode()).decode() for piece in pieces]


BEHAVIOUR: tuple[Clause, ...] = (
    c_alive,
    c_retry,
    c_redirect,
    c_site,
    c_parity,
    c_time,
    c_tls,
    c_secret,
)
