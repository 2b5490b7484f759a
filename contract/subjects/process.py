"""The program of a driver: its lines, its output, its end.

Output and time are bounded. `launcher` kills the program and what it started, however
the suite ends.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from contract.model import MAX_BODY, Json, Outcome, OutcomeKind

MAX_EXCERPT = 5_000
"""Characters of a reply in an outcome. No report is long enough to show their end."""

LAUNCHER = str(Path(__file__).with_name("launcher.py"))
SIGNAL_NAMES = {item.value: item.name for item in signal.Signals}

MAX_REPLY = MAX_BODY + 2**20
MAX_OUTPUT = 2**20  # other output that is stored for one call
MAX_READS = 1000  # a program that never stops writing ends by its time-out
EXIT_WAIT_S = 1.0
LAUNCHER_S = 5.0
"""Seconds that the launcher has to kill everything, and to report what is left."""

LOG = logging.getLogger("contract")
CLOSED = "it closed its standard output"
TOO_EARLY = ", before it had read the line: perhaps the call before is at fault"


class ProtocolError(Exception):
    """The client broke the protocol. The outcome of the call is a crash.

    Its type is one of `DRIVER_FAILURES`.
    """

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.outcome = Outcome(OutcomeKind.CRASHED, type=type, message=message)


def excerpt(value: Json) -> str:
    """Return a text or JSON that fits into a message."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]}…"


class Process:
    """The program, read without blocking in the caller's own thread.

    After `ask`, `logged` has the standard error of the call, and `printed` the standard
    output beside the reply.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.logged = bytearray()
        self.printed = bytearray()
        self._too_early = ""
        self._status, other_end = socket.socketpair()
        number = other_end.fileno()
        with other_end:
            self._popen = popen = subprocess.Popen(  # noqa: S603 - the user's command
                [sys.executable, "-I", "-S", LAUNCHER, str(number), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                start_new_session=True,
                pass_fds=[number],
            )
        self._pipes: list[Any] = [popen.stdin, popen.stdout, popen.stderr]
        numbers = [pipe.fileno() for pipe in self._pipes]
        for number in numbers:
            os.set_blocking(number, False)
        self._stdin, self._stdout, self._stderr = numbers
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)
        self._poll.register(self._stderr, select.POLLIN)

    def ask(self, request: dict[str, Json], timeout_s: float) -> dict[str, Json]:
        """Send a line and return the line that comes back. Raise ProtocolError."""
        end_s = time.monotonic() + timeout_s
        self.logged.clear()
        self.printed.clear()
        self._gather()  # output that came after the reply before
        unsent = memoryview(json.dumps(request).encode() + b"\n")
        received = bytearray()
        self._poll.register(self._stdin, select.POLLOUT)
        while (remaining_s := end_s - time.monotonic()) > 0:
            if unsent:
                unsent = self._send(unsent)
            ready = dict(self._poll.poll(remaining_s * 1000))
            if self._stderr in ready:
                self._read_stderr()
            if self._stdout not in ready:
                continue
            part = os.read(self._stdout, 2**20)
            received += part
            if not part:
                store(received, self.printed)
                ending = self._ending(EXIT_WAIT_S) or CLOSED
                raise ProtocolError("process-died", ending + self._too_early)
            if b"\n" in part or len(received) > MAX_REPLY:
                return self._reply(bytes(received))
        store(received, self.printed)
        self._gather()
        raise ProtocolError("hang", f"no reply within {timeout_s:g} s")

    def _reply(self, received: bytes) -> dict[str, Json]:
        line, newline, rest = received.partition(b"\n")
        store(rest, self.printed)
        self._gather()
        with suppress(ValueError, RecursionError):
            reply = json.loads(line)
            if newline and isinstance(reply, dict):
                return reply
        store(line, self.printed)
        text = excerpt(line.decode(errors="replace"))
        raise ProtocolError("garbled", f"the reply is no JSON object: {text}")

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._stdin, unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            unsent = memoryview(b"")  # its last output is still to be read
            self._too_early = TOO_EARLY
        if not unsent:
            self._poll.unregister(self._stdin)
        return unsent

    def _gather(self) -> None:
        drain(self._stdout, self.printed)
        self._read_stderr()

    def _read_stderr(self) -> None:
        if not drain(self._stderr, self.logged):
            with suppress(KeyError):  # it was closed before
                self._poll.unregister(self._stderr)

    def _ending(self, timeout_s: float) -> str:
        self._status.settimeout(timeout_s)
        try:
            status = self._status.recv(1000).decode().strip()
        except TimeoutError:
            return ""
        if status.isdecimal():
            return f"it ended with exit status {status}"
        if status.startswith("-"):
            return f"it was ended by {SIGNAL_NAMES.get(-int(status), status)}"
        return f"it {status or 'was ended'}"

    def _last_report(self) -> str:
        self._status.settimeout(LAUNCHER_S)
        self.abort()
        text = b""
        with suppress(OSError):
            while part := self._status.recv(1000):
                text += part
        return text.decode().partition("left ")[2].strip()

    def abort(self) -> None:
        """Let the launcher kill everything."""
        with suppress(OSError):
            self._status.shutdown(socket.SHUT_WR)

    def end(self, goodbye_s: float) -> None:
        """Kill the program and its children. Ask it to exit first if there is time."""
        try:
            if goodbye_s:
                with suppress(OSError):
                    os.write(self._stdin, b'{"cmd": "bye"}\n')
                self._pipes[0].close()
                if not self._ending(goodbye_s):
                    os.killpg(self._popen.pid, signal.SIGTERM)
                    self._ending(goodbye_s)
        finally:
            try:
                left = self._last_report()
            finally:
                # The launcher is not waited for yet: its number is still its own.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._popen.pid, signal.SIGKILL)
                self._popen.wait()
            if left:
                LOG.warning("processes of the driver could not be ended: %s", left)
            drain(self._stderr, self.logged)
            for pipe in self._pipes:
                pipe.close()
            self._status.close()


def drain(descriptor: int, output: bytearray) -> bool:
    """Store what can be read without waiting. Return False at the end of the output."""
    with suppress(BlockingIOError):
        for _ in range(MAX_READS):
            part = os.read(descriptor, 2**16)
            if not part:
                return False
            store(part, output)
    return True


def store(part: bytes | bytearray, output: bytearray) -> None:
    output += part[: max(0, MAX_OUTPUT - len(output))]
