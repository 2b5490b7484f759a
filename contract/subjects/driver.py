"""Clients as subprocesses: driver protocol 1, JSON lines over standard input and output.

    with Driver(["node", "driver.js"], impostor.environment()) as driver:
        outcome = driver.update(case, keys)

A program that hangs, ends, talks nonsense or answers another question has crashed: that is an outcome, and the
next call starts it anew. A program that does not say hello is no subject: SubjectError. Whatever ends the
suite, nothing of the program is left (`launcher.py` says how).

The drivers themselves are programs, not modules: `drivers/NAME/`, each with the manifest of its packages.
"""

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, get_args
from unittest.mock import patch

from contract.errors import SubjectError
from contract.model import Case, Json, Outcome, OutcomeKind
from contract.servers.fake_sites import FakeSites
from contract.spec import Spec
from contract.subjects.driver_process import CrashError, Process, short

__all__ = [
    "PROBES",
    "PROTOCOL",
    "About",
    "Driver",
    "environment_with_fake_sites",
    "inherited_with",
    "outcome_of",
    "patience_s",
    "shows",
]

PROTOCOL = 1

PROBES: Mapping[str, Json] = {
    "greatest int64": 2**63 - 1,
    "least int64": -(2**63),
    "beyond 2^53": 2**53 + 1,
    "beyond int64": 2**64,
    "small float": 1e-7,
    "great float": 1.7976931348623157e308,
    "astral text": "\U0001f600\U0010fffd",
    "lone surrogates": "\ud83d \ude00",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff",
    "odd names": {
        "": 1,
        "__proto__": {"a": None},
        "constructor": 2,
        "_id": 3,
        "a b": 4,
        "10": 5,
        "9": 6,
    },
    "empty values": [{}, [], "", None, False, 0],
    "deep nesting": json.loads("[" * 100 + "]" * 100),
    "long text": "0123456789abcdef" * 2**16,
}
"""Values that a line may lose, by name: what an echo does not bring back is not to be played."""

_REMOVED = {"NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"}
_MOST_WAIT_S = 60.0
_KINDS: tuple[OutcomeKind, ...] = get_args(OutcomeKind)


@dataclass(frozen=True)
class About:
    """What a driver says of the client that it wraps. The feature `case`, ours alone, asks for the whole case."""

    client: str
    version: str
    language: str
    features: frozenset[str]


class Driver:
    """One program that speaks the protocol; it runs while the context does, and is started anew after a crash.

    `environment` is what is set beside the inherited variables, less those that the protocol removes.
    `lost` names the `PROBES` that did not come back from it unchanged. `grace_s` is what a call may take
    beyond its case's own time-out; `farewell_s` what each of `bye` and SIGTERM is given.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        hello_timeout_s: float = 20.0,
        grace_s: float = 3.0,
        farewell_s: float = 1.0,
    ) -> None:
        self._command, self._environment = list(command), inherited_with(environment)
        self._hello_timeout_s, self._grace_s, self._farewell_s = (
            hello_timeout_s,
            grace_s,
            farewell_s,
        )
        self._process: Process | None = None
        self._seq = 0
        self.lost: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        try:
            self._start()
            self.lost = frozenset(
                name for name, value in PROBES.items() if not self._echoes(value)
            )
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Have the client make the case's call on its site; raises SubjectError if the program can't be started."""
        if lost := sorted(
            name for name in self.lost if shows(name, [case.snapshot_id, case.body])
        ):
            return Outcome(
                "unsupported", message=f"the driver's lines lose {', '.join(lost)}"
            )
        question = {
            "cmd": "update",
            "seq": self._seq + 1,
            "site": case.site,
            "api_key": keys[0],
            "app_key": keys[1],
            "snapshot_id": case.snapshot_id,
            "body": case.body,
            "timeout_s": case.timeout_s,
            "retry": case.retry,
        }
        process = self._process or self._start()
        if "case" in self.about.features:
            question["case"] = case.to_json()
        begin = time.perf_counter()
        try:
            outcome = outcome_of(
                self._ask(process, question, patience_s(case, self._grace_s))
            )
            seconds = time.perf_counter() - begin
        except CrashError as crash:
            seconds = time.perf_counter() - begin
            self._abandon()
            outcome = Outcome("crashed", type=crash.type, message=crash.message)
        output, stray = (
            bytes(kept).decode(errors="replace")
            for kept in (process.output, process.stray)
        )
        return replace(outcome, seconds=seconds, output=output, stray=stray)

    def close(self) -> None:
        """Say bye, then SIGTERM, then SIGKILL; the whole process group is gone afterwards."""
        process, self._process = self._process, None
        if process is not None:
            process.end(self._farewell_s)

    def _start(self) -> Process:
        process = self._process = Process(self._command, self._environment)
        try:
            reply = process.ask(
                {"cmd": "hello", "protocol": PROTOCOL}, self._hello_timeout_s
            )
            self.about = _about(reply)
        except CrashError as crash:
            self._abandon()
            said = bytes(process.output).decode(errors="replace").split("\n")
            said = [line.strip() for line in said if line.strip()][-3:]
            tail = (
                f"; its standard error ends: {' | '.join(said)[-500:]}" if said else ""
            )
            raise SubjectError(
                f"no driver: {shlex.join(self._command)}: {crash.message}{tail}"
            ) from None
        except BaseException:  # Ctrl-C
            self._abandon()
            raise
        return process

    def _ask(
        self, process: Process, question: dict[str, Json], timeout_s: float
    ) -> dict[str, Json]:
        self._seq = question["seq"]
        try:
            reply = process.ask(question, timeout_s)
        except CrashError:
            raise
        except BaseException:  # Ctrl-C: a reply is on its way that nobody would read
            self._abandon()
            raise
        if type(reply.get("seq")) is not int or reply["seq"] != self._seq:
            raise CrashError(
                "wrong seq", f"asked {self._seq}, answered {short(reply.get('seq'))}"
            )
        return reply

    def _echoes(self, value: Json) -> bool:
        question = {"cmd": "echo", "seq": self._seq + 1, "value": value}
        try:
            reply = self._ask(self._process or self._start(), question, self._grace_s)
        except CrashError:
            self._abandon()
            return False
        return "value" in reply and _canonical(reply["value"]) == _canonical(value)

    def _abandon(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()


def inherited_with(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a client under test: `ours`, and what is inherited less what the protocol removes."""
    inherited = {
        k: v
        for k, v in os.environ.items()
        if k not in _REMOVED and not k.startswith("DD_")
    }
    return inherited | dict(ours)


def patience_s(case: Case, grace_s: float = 3.0) -> float:
    """Return how many seconds a call may take: its time-out, the grace, and the waits that its answers ask for.

    A Reset of more than a minute asks for nothing sensible: whoever sleeps that long in a call hangs.
    """
    waits = 0.0
    if case.retry:
        for answer in case.responses:
            with suppress(ValueError):
                wait = float(answer.header("X-RateLimit-Reset") or 0)
                waits += wait if 0 < wait <= _MOST_WAIT_S else 0
    return case.timeout_s + grace_s + waits


def _about(reply: dict[str, Json]) -> About:
    client, version, language = (
        reply.get(name) for name in ("client", "version", "language")
    )
    features = reply.get("features", [])
    known = isinstance(features, list) and all(
        isinstance(item, str) for item in [client, version, language, *features]
    )
    if not known or reply.get("protocol") != PROTOCOL:
        raise CrashError(
            "garbled", f"its hello is not one of protocol {PROTOCOL}: {short(reply)}"
        )
    return About(str(client), str(version), str(language), frozenset(features))


_OF: Mapping[str, Callable[[Json], bool]] = {
    "greatest int64": lambda v: type(v) is int and v > 2**53,
    "least int64": lambda v: type(v) is int and v < -(2**53),
    "beyond 2^53": lambda v: type(v) is int and abs(v) > 2**53,
    "beyond int64": lambda v: type(v) is int and not -(2**63) <= v < 2**63,
    "small float": lambda v: type(v) is float and 0 < abs(v) < 1e-6,
    "great float": lambda v: type(v) is float and abs(v) > 1e21,
    "astral text": lambda v: isinstance(v, str) and any(c > "\uffff" for c in v),
    "lone surrogates": lambda v: (
        isinstance(v, str) and any("\ud800" <= c <= "\udfff" for c in v)
    ),
    "control characters": lambda v: (
        isinstance(v, str)
        and any(c < " " or c in "\x7f\x85\u2028\u2029\ufeff" for c in v)
    ),
    "odd names": lambda v: (
        isinstance(v, dict)
        and not all(name.isidentifier() and name[0] != "_" for name in v)
    ),
    "empty values": lambda v: v in ({}, [], "", None),
    "deep nesting": lambda v: (
        isinstance(v, dict | list)
        and json.dumps(v).count("[") + json.dumps(v).count("{") > 50
    ),
    "long text": lambda v: isinstance(v, str) and len(v) > 10_000,
}
"""Whether a value has what a probe stands for."""


def shows(probe: str, value: Json) -> bool:
    """Tell whether a value has, anywhere in it, what a probe stands for."""
    inner = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, list)
        else ()
    )
    names = list(value) if isinstance(value, dict) else []
    return _OF[probe](value) or any(shows(probe, item) for item in (*names, *inner))


def outcome_of(reply: dict[str, Json]) -> Outcome:
    """Read an outcome line; raises CrashError on one that is not of the protocol."""
    status, errors = reply.get("status"), reply.get("errors", [])
    message, type_ = reply.get("message", ""), reply.get("type", "")
    kind: OutcomeKind | None = next(
        (known for known in _KINDS if known == reply.get("outcome")), None
    )
    if (
        kind is None
        or not (status is None or type(status) is int)
        or not (
            isinstance(errors, list) and all(isinstance(error, str) for error in errors)
        )
        or not (isinstance(message, str) and isinstance(type_, str))
        or (kind == "snapshot" and "snapshot" not in reply)
    ):
        raise CrashError(
            "garbled", f"the reply is no outcome of protocol {PROTOCOL}: {short(reply)}"
        )
    return Outcome(kind, reply.get("snapshot"), status, tuple(errors), message, type_)


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


@contextmanager
def environment_with_fake_sites(spec: Spec) -> Iterator[FakeSites]:
    """Have a client of this process meet the impostor sites, as the environment tells it."""
    with (
        FakeSites(spec.sites) as stage,
        patch.dict(os.environ, inherited_with(stage.environment()), clear=True),
    ):
        yield stage
