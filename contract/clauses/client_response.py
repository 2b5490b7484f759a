"""The clauses that judge what a client makes of an answer."""

import json
from functools import lru_cache

from contract.clauses.base import Clause, clause, differences
from contract.clauses.client_context import (
    documented_success,
    kind_of,
    read_body,
    served_answer,
    told_to_caller,
)
from contract.model import Exchange, Finding, Level
from contract.spec import Spec

__all__ = ["ANSWER"]


@clause("page: 200 model")
def c_snapshot(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A valid 200 reaches the caller losslessly: nothing documented is added, lost or altered."""
    answer, told = documented_success(exchange, spec), told_to_caller(exchange)
    if (
        answer is None
        or told is None
        or answer.header("Content-Type") != "application/json"
    ):
        return None
    if told.kind == "refused":
        return None
    if told.kind != "snapshot":
        return [
            Finding(
                f"a valid 200 was reported as {kind_of(told)}: {told.message[:200]}",
                keyword="not a success",
            )
        ]
    found = []
    for difference in differences(
        read_body(answer.body).value, told.snapshot, _dates(spec)
    ):
        place = spec.documented[200].media["application/json"].place(difference.pointer)
        level: Level | None = None if place == difference.pointer else "should"
        found.append(
            Finding(
                f"the caller's snapshot differs at {difference}",
                place,
                difference.how,
                "",
                level,
            )
        )
    return found


@lru_cache(maxsize=4)
def _dates(spec: Spec) -> frozenset[str]:
    constraints = spec.documented[200].media["application/json"].constraints
    return frozenset(
        each.pointer for each in constraints if each.schema.get("format") == "date-time"
    )


@clause("page: responses; safety")
def c_answer(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A 2xx that is not a documented success is never reported as one."""
    answer, told = served_answer(exchange), told_to_caller(exchange)
    if (
        answer is None
        or told is None
        or not 200 <= answer.status < 300
        or documented_success(exchange, spec) is not None
    ):
        return None
    if told.kind == "snapshot":
        return [
            Finding(
                f"a broken {answer.status} was reported as a success", keyword="success"
            )
        ]
    return []


@lru_cache(maxsize=256)
def _error_texts(body: bytes, spec: Spec) -> list[str] | None:
    """Return the texts of an error document of the documented shape, or None for any other shape."""
    reading = read_body(body)
    if reading.trouble or not spec.documented[429].media["application/json"].is_valid(
        reading.value
    ):
        return None
    texts: list[str] = reading.value["errors"]
    return texts


def _forms(text: str) -> tuple[str, ...]:
    """Return a text as it is, and as a raw JSON body has it: a caller who is given that has the text, too."""
    return text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


@clause("page: 429 model")
def c_error(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """An error answer reaches the caller as an error with its status and every documented error text."""
    answer, told = served_answer(exchange), told_to_caller(exchange)
    if answer is None or told is None or answer.status < 400:
        return None
    texts = _error_texts(answer.body, spec)
    if texts is None:
        return None
    if told.kind != "api_error" or told.status != answer.status:
        return [
            Finding(
                f"an error {answer.status} was reported as {kind_of(told)}",
                keyword="status",
                kind=None,
            )
        ]
    lost = [
        text
        for text in texts
        if not any(form in heard for form in _forms(text) for heard in told.errors)
    ]
    return [
        Finding(
            f"the error text {text[:80]!r} did not reach the caller",
            "/errors/*",
            "lost",
        )
        for text in lost[:1]
    ]


@clause("observed: errors of other shapes (overlay); RFC 9110, 15")
def c_error_odd(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """An error of any other shape reaches the caller as an error with its status."""
    answer, told = served_answer(exchange), told_to_caller(exchange)
    if (
        answer is None
        or told is None
        or answer.status < 400
        or _error_texts(answer.body, spec) is not None
    ):
        return None
    if told.kind == "api_error" and told.status == answer.status:
        return []
    return [
        Finding(
            f"an error {answer.status} was reported as {kind_of(told)}: {told.message[:200]}",
            keyword="status",
        )
    ]


ANSWER: tuple[Clause, ...] = (c_snapshot, c_answer, c_error, c_error_odd)
