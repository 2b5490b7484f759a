"""Clients as subprocesses, by JSON lines: driver protocol 1.

A hang, an exit, a reply that is not JSON or a wrong `seq` counts as a crash. The next
call restarts the program. If `hello` is not answered, SubjectError ends the run.
"""

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from contract.cases.codec import case_to_json
from contract.endpoint import RateLimitHeader
from contract.errors import SubjectError
from contract.jsondiff import canonical, shorten, walk
from contract.model import ClientCase, Json, Outcome, OutcomeKind
from contract.redaction import without_secrets
from contract.servers.fake_sites import client_environment
from contract.subjects.process import Process, ProtocolError, excerpt

PROTOCOL = 1

LONGEST_ERROR = 300

GRACE_S = 3.0
"""Seconds that a call may take beyond its time-out."""

MAX_WAIT_S = 60.0
"""Longest wait that a rate limit can ask for. A client that sleeps longer hangs."""

DRIVER_FAILURES = ("hang", "process-died", "garbled", "wrong seq")
EXPECTED = {
    "hello": '{"protocol": 1, "client": "…", "version": "…", "language": "…"}',
    "echo": '{"seq": …, "value": …}, both as in the request',
}


@dataclass(frozen=True)
class About:
    """Client, version and features, as a driver's hello states them.

    The feature `case`, for the suite's own drivers, asks for the whole case.
    """

    client: str
    version: str
    features: frozenset[str]


def about_of(reply: dict[str, Json]) -> About:
    """Read the reply to hello. Raise ProtocolError."""
    texts: list[Any] = [reply.get(name) for name in ("client", "version", "language")]
    features = reply.get("features", [])
    is_about = are_texts(texts) and are_texts(features)
    if is_about and reply.get("protocol") == PROTOCOL:
        client, version, _ = texts
        return About(client, version, frozenset(features))
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


PLAIN = {"data": "text"}

PROBES = (
    Probe("greatest int64", 2**63 - 1, int, lambda n: n > 2**53),
    Probe("least int64", -(2**63), int, lambda n: n < -(2**53)),
    Probe("beyond 2^53", 2**53 + 1, int, lambda n: abs(n) > 2**53),
    Probe("beyond int64", 2**64, int, lambda n: not -(2**63) <= n < 2**63),
    Probe("small float", 1e-7, float, lambda n: 0 < abs(n) < 1e-6),
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
    Probe("long text", "0123456789abcdef" * 2**16, str, lambda text: len(text) > 10**4),
)
"""Every probe. A value that the echo of one loses is not played."""


@dataclass
class Driver:
    """A program that speaks the driver protocol, as a context manager.

    `environment` is set beside the inherited variables that the protocol allows.
    `grace_s` is the time that a call may take beyond its time-out, `goodbye_s` that of
    each of `bye` and SIGTERM. `lost_probes` are those that its echo did not return.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    hello_timeout_s: float = 20.0
    grace_s: float = GRACE_S
    goodbye_s: float = 1.0
    about: About = field(init=False)
    lost_probes: tuple[Probe, ...] = ()
    _process: Process | None = None
    _seq: int = 0

    def __enter__(self) -> Self:
        process = self._start()
        if problem := self._echo_problem(PLAIN):
            self._end()
            raise self._no_driver("echo", problem, process)
        lost = (probe for probe in PROBES if self._echo_problem(probe.value))
        self.lost_probes = tuple(lost)
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self.goodbye_s)

    def update(self, case: ClientCase, site: str) -> Outcome:
        """Make the client call a site. Raise SubjectError if it cannot be started."""
        if lost := self._lost(case):
            message = f"the driver's lines lose {', '.join(sorted(lost))}"
            return Outcome(OutcomeKind.UNSUPPORTED, message=message)
        process = self._process or self._start()
        call = case.call(site)
        request = {item.name: getattr(call, item.name) for item in fields(call)}
        if "case" in self.about.features:
            request["case"] = case_to_json(case)
        begin_s = time.perf_counter()
        try:
            limit_s = patience_s(case, self.grace_s)
            outcome = outcome_of(self._ask("update", request, limit_s))
        except ProtocolError as error:
            outcome = replace(error.outcome, seconds=time.perf_counter() - begin_s)
            self._end()
        return replace(
            outcome,
            seconds=outcome.seconds or time.perf_counter() - begin_s,
            printed=process.printed.decode(errors="replace"),
            logged=process.logged.decode(errors="replace"),
        )

    def _lost(self, case: ClientCase) -> list[str]:
        values = [case.snapshot_id, case.body]
        for response in case.responses if self.lost_probes else ():
            with suppress(ValueError, RecursionError):
                values.append(json.loads(response.body))
        return [probe.name for probe in self.lost_probes if probe.is_in(values)]

    def restart(self) -> None:
        """End the program. The next call starts it again."""
        self._end(self.goodbye_s)

    def abort(self) -> None:
        """End the program, from another thread, so that the call that waits ends."""
        if process := self._process:
            process.abort()

    def _start(self) -> Process:
        environment = client_environment(self.environment)
        process = self._process = Process(self.command, environment)
        hello = {"cmd": "hello", "protocol": PROTOCOL}
        try:
            self.about = about_of(process.ask(hello, self.hello_timeout_s))
        except BaseException as error:  # Ctrl-C, too
            self._end()
            if isinstance(error, ProtocolError):
                raise self._no_driver("hello", str(error), process) from None
            raise
        return process

    def _no_driver(self, request: str, problem: str, process: Process) -> SubjectError:
        expected = f"expected in reply to {request}: {EXPECTED[request]}"
        problem = shorten(without_secrets(problem), LONGEST_ERROR)
        message = f"no driver: {shlex.join(self.command)}: {problem}; {expected}"
        lines = without_secrets(process.logged.decode(errors="replace")).split("\n")
        if last := [line.strip() for line in lines if line.strip()][-3:]:
            message += f"; its standard error ends: {' | '.join(last)[-500:]}"
        return SubjectError(message)

    def _ask(self, command: str, request: dict[str, Json], timeout_s: float) -> Json:
        process = self._process or self._start()
        self._seq += 1
        line = {"cmd": command, "seq": self._seq, **request}
        try:
            reply = process.ask(line, timeout_s)
        except KeyboardInterrupt:  # nobody would read the reply that is coming
            self._end()
            raise
        seq = reply.get("seq")
        if type(seq) is int and seq == self._seq:
            return reply
        raise ProtocolError("wrong seq", f"asked {self._seq}, answered {excerpt(seq)}")

    def _echo_problem(self, value: Json) -> str:
        """Return how the echo of a value differs, or an empty text."""
        try:
            reply = self._ask("echo", {"value": value}, self.grace_s)
        except ProtocolError as error:
            self._end()
            return f"no reply to echo: {error}"
        is_same = canonical(reply.get("value")) == canonical(value)
        return "" if is_same else f"it replies to echo with {excerpt(reply)}"

    def _end(self, goodbye_s: float = 0.0) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(goodbye_s)
