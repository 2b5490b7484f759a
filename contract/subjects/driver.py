"""Clients as subprocesses, by JSON lines: driver protocol 1.

A program that hangs, dies, sends no JSON or answers another request has crashed. The
next call starts it anew. A program that does not answer `hello` is no subject. Nothing
of the program is left, however the suite ends (see `launcher`).
"""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Self

from contract.cases.codec import case_to_json
from contract.errors import SubjectError
from contract.jsondiff import canonical
from contract.model import ClientCase, Json, Outcome, OutcomeKind
from contract.servers.fake_sites import client_environment
from contract.subjects.driver_process import Process
from contract.subjects.probes import PROBES, Probe
from contract.subjects.protocol import (
    PROTOCOL,
    About,
    ProtocolError,
    about_of,
    excerpt,
    outcome_of,
    patience_s,
)


@dataclass
class Driver:
    """A program that speaks the driver protocol, as a context manager.

    `environment` is set beside the inherited variables that the protocol allows.
    `grace_s` is the time that a call may take beyond its time-out, `goodbye_s` that of
    each of `bye` and SIGTERM. `lost_probes` are those that its echo did not return.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    _: KW_ONLY
    hello_timeout_s: float = 20.0
    grace_s: float = 3.0
    goodbye_s: float = 1.0
    about: About = field(init=False)
    lost_probes: tuple[Probe, ...] = ()
    _process: Process | None = None
    _seq: int = 0

    def __enter__(self) -> Self:
        self._start()
        lost = (probe for probe in PROBES if not self._echoes(probe.value))
        self.lost_probes = tuple(lost)
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self.goodbye_s)

    def update(self, case: ClientCase, site: str) -> Outcome:
        """Make the client call a site. Raise SubjectError if it cannot be started."""
        values = [case.snapshot_id, case.body]
        if lost := [probe.name for probe in self.lost_probes if probe.is_in(values)]:
            message = f"the driver's lines lose {', '.join(sorted(lost))}"
            return Outcome(OutcomeKind.UNSUPPORTED, message=message)
        process = self._process or self._start()
        call = case.call(site)
        request = {item.name: getattr(call, item.name) for item in fields(call)}
        if "case" in self.about.features:
            request["case"] = case_to_json(case)
        begin_s = time.perf_counter()
        try:
            reply = self._ask("update", request, patience_s(case, self.grace_s))
            outcome = outcome_of(reply)
        except ProtocolError as error:
            outcome = replace(error.outcome, seconds=time.perf_counter() - begin_s)
            self._end()
        return replace(
            outcome,
            seconds=outcome.seconds or time.perf_counter() - begin_s,
            printed=process.printed.decode(errors="replace"),
            logged=process.logged.decode(errors="replace"),
        )

    def _start(self) -> Process:
        environment = client_environment(self.environment)
        process = self._process = Process(self.command, environment)
        hello = {"cmd": "hello", "protocol": PROTOCOL}
        try:
            self.about = about_of(process.ask(hello, self.hello_timeout_s))
        except ProtocolError as error:
            self._end()
            message = f"no driver: {shlex.join(self.command)}: {error}"
            lines = process.logged.decode(errors="replace").split("\n")
            if last := [line.strip() for line in lines if line.strip()][-3:]:
                message += f"; its standard error ends: {' | '.join(last)[-500:]}"
            raise SubjectError(message) from None
        except BaseException:  # Ctrl-C
            self._end()
            raise
        return process

    def _ask(
        self, command: str, request: dict[str, Json], timeout_s: float
    ) -> dict[str, Json]:
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

    def _echoes(self, value: Json) -> bool:
        try:
            reply = self._ask("echo", {"value": value}, self.grace_s)
        except ProtocolError:
            self._end()
            return False
        return "value" in reply and canonical(reply["value"]) == canonical(value)

    def _end(self, goodbye_s: float = 0.0) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(goodbye_s)
