"""What several clauses ask of an exchange: what the client sent of its own, what it was served, what it told."""

import gzip
import zlib
from functools import lru_cache
from urllib.parse import urlsplit

from contract.clauses.base import Reading, read
from contract.model import Exchange, Outcome, Request, Response
from contract.spec import Schema, Spec

__all__ = [
    "documented_success",
    "is_sendable",
    "kind_of",
    "origin_of",
    "own_requests",
    "read_body",
    "read_sent",
    "redirect_of",
    "served_answer",
    "told_to_caller",
]


def redirect_of(answer: Response | None) -> str | None:
    """Return where an answer redirects to, or None."""
    if answer is None or not 300 <= answer.status < 400:
        return None
    return answer.header("Location")


def own_requests(exchange: Exchange) -> tuple[Request, ...]:
    """Return the requests that the client made for the call, those after a redirect or a reset aside.

    HTTP libraries take a reset behind a proxy, as ours is, for the proxy's own failure and try again, which they
    don't without one (urllib3 2: ProxyError).
    """
    for index, answer in enumerate(exchange.responses):
        if redirect_of(answer) is not None or (
            answer is not None and answer.delivery == "reset"
        ):
            return exchange.requests[: index + 1]
    return exchange.requests


def is_sendable(exchange: Exchange) -> bool:
    """Tell whether nothing in the case forbids a request: body, id, key, site and certificate are good."""
    return exchange.case.violation is None and exchange.case.tls == "trusted"


def told_to_caller(exchange: Exchange) -> Outcome | None:
    """Return what the caller was told, or None where another clause is the one to judge: a crash, no support."""
    return (
        None
        if exchange.outcome.kind in ("crashed", "unsupported")
        else exchange.outcome
    )


def served_answer(exchange: Exchange) -> Response | None:
    """Return the answer that decides the call, or None where it is not the one that the case had in store."""
    if (
        not exchange.requests
        or not exchange.responses
        or exchange.responses[-1] is None
        or redirect_of(exchange.responses[0]) is not None
    ):
        return None
    answer = exchange.responses[-1]
    return answer if answer.delivery == "whole" else None


@lru_cache(maxsize=256)
def read_body(body: bytes) -> Reading:
    """Read a body as JSON; the value is shared, so that it must not be changed."""
    return read(Response(200, (), body))


def read_sent(request: Request) -> Reading:
    """Read the body of a request as JSON, after its Content-Encoding."""
    try:
        match (request.header("Content-Encoding") or "identity").lower():
            case "gzip":
                return read_body(gzip.decompress(request.body))
            case "deflate":
                return read_body(zlib.decompress(request.body))
            case "identity":
                return read_body(request.body)
            case other:
                return Reading(
                    None, f"Content-Encoding {other}, which cannot be read here"
                )
    except (OSError, zlib.error, EOFError) as error:
        return Reading(None, f"not what its Content-Encoding says: {error}")


@lru_cache(maxsize=4096)
def _is_snapshot(body: bytes, schema: Schema) -> bool:
    reading = read_body(body)
    return (
        not reading.trouble
        and schema.is_valid(reading.value)
        and "errors" not in reading.value
    )


def documented_success(exchange: Exchange, spec: Spec) -> Response | None:
    """Return the answer if it is a documented success."""
    answer = served_answer(exchange)
    if answer is None or answer.status != 200:
        return None
    return (
        answer
        if _is_snapshot(answer.body, spec.documented[200].media["application/json"])
        else None
    )


def kind_of(outcome: Outcome) -> str:
    """Return an outcome in two words."""
    return (
        f"{outcome.kind} {outcome.status}"
        if outcome.status is not None
        else outcome.kind
    )


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, without the port that https has anyway."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".removesuffix(":443")
