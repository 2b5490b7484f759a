"""Driver protocol 1: replies, read and checked, and the values of echo requests."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from contract.endpoint import RateLimitHeader
from contract.jsondiff import walk
from contract.model import ClientCase, Json, Outcome, OutcomeKind

PROTOCOL = 1
MAX_EXCERPT = 200

MAX_WAIT_S = 60.0
"""Longest wait that a rate limit can ask for. A client that sleeps longer hangs."""


class ProtocolError(Exception):
    """The client broke the protocol. The outcome of the call is a crash.

    Its type is `hang`, `process-died`, `garbled` or `wrong seq`.
    """

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.outcome = Outcome(OutcomeKind.CRASHED, type=type, message=message)


@dataclass(frozen=True)
class About:
    """Client, version, language and features, as a driver's hello states them.

    The feature `case`, for the suite's own drivers, asks for the whole case.
    """

    client: str
    version: str
    language: str
    features: frozenset[str]


def about_of(reply: dict[str, Json]) -> About:
    """Read the reply to hello. Raise ProtocolError."""
    texts: list[Any] = [reply.get(name) for name in ("client", "version", "language")]
    features = reply.get("features", [])
    is_about = are_texts(texts) and are_texts(features)
    if is_about and reply.get("protocol") == PROTOCOL:
        client, version, language = texts
        return About(client, version, language, frozenset(features))
    message = f"its hello is not one of protocol {PROTOCOL}: {excerpt(reply)}"
    raise ProtocolError("garbled", message)


def outcome_of(reply: Json) -> Outcome:
    """Read an outcome. Raise ProtocolError."""
    if isinstance(reply, dict) and reply.get("outcome") in list(OutcomeKind):
        kind, status = reply["outcome"], reply.get("status")
        texts = [reply.get(name, "") for name in ("message", "type")]
        lists = [reply.get(name, []) for name in ("errors", "trace")]
        is_complete = kind != OutcomeKind.SNAPSHOT or "snapshot" in reply
        is_typed = all(map(are_texts, [texts, *lists]))
        if is_complete and is_typed and type(status) in (int, type(None)):
            snapshot, (message, type_) = reply.get("snapshot"), texts
            errors, trace = map(tuple, lists)
            return Outcome(kind, snapshot, status, errors, message, type_, trace)
    message = f"the reply is no outcome of protocol {PROTOCOL}: {excerpt(reply)}"
    raise ProtocolError("garbled", message)


def are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def patience_s(case: ClientCase, grace_s: float) -> float:
    """Return the seconds of time-out, grace and waits that its responses ask for."""
    waits_s = 0.0
    for response in case.responses if case.retry else ():
        with suppress(ValueError):
            wait_s = float(response.header(RateLimitHeader.RESET) or 0)
            waits_s += wait_s if 0 < wait_s <= MAX_WAIT_S else 0
    return case.timeout_s + grace_s + waits_s


def excerpt(value: Json) -> str:
    """Return a text or JSON that fits into a message."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]}…"


@dataclass(frozen=True)
class Probe:
    """A value to echo, and a test for values that may be lost likewise."""

    name: str
    value: Json
    type: type
    test: Callable[[Any], object]

    def is_in(self, value: Json) -> bool:
        """Return whether a JSON value, or any part of it, may be lost."""
        return any(
            isinstance(item, self.type) and self.test(item)
            for _, part in walk(value)
            for item in (part, *(part if isinstance(part, dict) else ()))
        )


NAMES = ("", "__proto__", "constructor", "_id", "a b", "10", "9")
"""Names that may collide with those of a language."""

EMPTY: tuple[Json, ...] = ({}, [], "", None)
CONTROLS = "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff"


def is_deep(value: Json) -> bool:
    return len(re.findall(r"[\[{]", json.dumps(value))) > 50


def has_odd_name(members: dict[str, Json]) -> bool:
    return not all(name.isidentifier() and not name.startswith("_") for name in members)


PROBES = (
    Probe("greatest int64", 2**63 - 1, int, lambda number: number > 2**53),
    Probe("least int64", -(2**63), int, lambda number: number < -(2**53)),
    Probe("beyond 2^53", 2**53 + 1, int, lambda number: abs(number) > 2**53),
    Probe("beyond int64", 2**64, int, lambda n: not -(2**63) <= n < 2**63),
    Probe("small float", 1e-7, float, lambda number: 0 < abs(number) < 1e-6),
    Probe("great float", 1.7976931348623157e308, float, lambda n: abs(n) > 1e21),
    Probe(
        "astral text", "\U0001f600\U0010fffd", str, re.compile("[^\0-\uffff]").search
    ),
    Probe(
        "lone surrogates", "\ud83d \ude00", str, re.compile("[\ud800-\udfff]").search
    ),
    Probe("control characters", CONTROLS, str, re.compile(f"[{CONTROLS}]").search),
    Probe("odd names", {name: {"a": None} for name in NAMES}, dict, has_odd_name),
    Probe("empty values", [*EMPTY, False, 0], object, lambda value: value in EMPTY),
    Probe("deep nesting", json.loads("[" * 100 + "]" * 100), list, is_deep),
    Probe(
        "long text", "0123456789abcdef" * 2**16, str, lambda text: len(text) > 10_000
    ),
)
"""Every probe. A value that the echo of one loses is not played."""
