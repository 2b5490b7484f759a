"""One run of a driver program: its pipes, what it replies, what else it writes, how it ends."""

import json
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

from contract.model import Json

__all__ = ["CrashError", "Process", "short"]

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_MOST_REPLY = 64 * 2**20
_MOST_KEPT = 2**20  # of what a program writes beside its replies, in one call
_SIGNALS = {known.value: known.name for known in signal.Signals}


class CrashError(Exception):
    """The program broke the protocol; `type` is hang, exit, garbled or wrong seq."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type, self.message = type, message


class Process:
    """One run of the program: pipes, read without blocking in the caller's own thread."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(  # noqa: S603 - the user's own command
                [sys.executable, "-I", "-S", _LAUNCHER, str(theirs.fileno()), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        streams = [
            stream
            for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr)
            if stream
        ]
        self._streams, (self._in, self._out, self._err) = (
            streams,
            (stream.fileno() for stream in streams),
        )
        self._poll = select.poll()
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        for descriptor in (self._out, self._err):
            self._poll.register(descriptor, select.POLLIN)
        self.output, self.stray, self._too_early = bytearray(), bytearray(), ""

    def ask(self, question: dict[str, Json], timeout_s: float) -> dict[str, Json]:
        """Send a line, return the line that comes back; raises CrashError on anything else.

        Then `output` is what came on standard error meanwhile, `stray` what else on standard output.
        """
        end = time.monotonic() + timeout_s
        self.output.clear()
        self.stray.clear()
        self._gather()  # late words, after the reply before
        unsent = memoryview(json.dumps(question).encode() + b"\n")
        parts: list[bytes] = []
        size = 0
        while True:
            if unsent:
                unsent = self._send(unsent)
            left_s = end - time.monotonic()
            if left_s <= 0:
                _keep(b"".join(parts), self.stray)
                self._gather()
                raise CrashError("hang", f"no reply within {timeout_s:g} s")
            for descriptor, _ in self._poll.poll(left_s * 1000):
                if descriptor == self._err and not self._drain(self._err, self.output):
                    self._poll.unregister(self._err)
                elif descriptor == self._out:
                    part = os.read(self._out, 2**20)
                    if not part:
                        _keep(b"".join(parts), self.stray)
                        ending = self._ending(1.0) or "it closed its standard output"
                        raise CrashError("exit", f"{ending}{self._too_early}")
                    size += len(part)
                    parts.append(part)
                    if b"\n" in part or size > _MOST_REPLY:
                        return self._reply(b"".join(parts))

    def _reply(self, received: bytes) -> dict[str, Json]:
        line, newline, rest = received.partition(b"\n")
        _keep(rest, self.stray)
        self._gather()
        try:
            reply = json.loads(line) if newline else None
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            _keep(line, self.stray)
            raise CrashError(
                "garbled",
                f"the reply is no JSON object: {short(line.decode(errors='replace'))}",
            )
        return reply

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._in, unsent) :]
        except BlockingIOError:
            self._poll.register(self._in, select.POLLOUT)
            return unsent
        except BrokenPipeError:
            unsent = memoryview(b"")  # what it said last is still to be read
            self._too_early = (
                ", before it had read the line: perhaps the call before is at fault"
            )
        if unsent:
            self._poll.register(self._in, select.POLLOUT)
        else:
            with suppress(KeyError):
                self._poll.unregister(self._in)
        return unsent

    def _gather(self) -> None:
        """Keep what lies ready beside the reply."""
        for descriptor, _ in self._poll.poll(0):
            if descriptor == self._out:
                self._drain(self._out, self.stray)
            elif descriptor == self._err and not self._drain(self._err, self.output):
                self._poll.unregister(self._err)

    def _drain(self, descriptor: int, into: bytearray) -> bool:
        """Keep what can be read without waiting; return False at its end."""
        with suppress(BlockingIOError):
            for _ in range(
                1000
            ):  # one that never stops writing is ended by the time-out
                part = os.read(descriptor, 2**16)
                if not part:
                    return False
                _keep(part, into)
        return True

    def _ending(self, timeout_s: float) -> str:
        """Return how the program ended, or "" if it has not within this time."""
        self._line.settimeout(timeout_s)
        try:
            status = self._line.recv(1000).decode()
        except TimeoutError:
            return ""
        if status.startswith("-"):
            return f"it was ended by {_SIGNALS.get(-int(status), status)}"
        return (
            f"it ended with exit status {status}"
            if status.isdecimal()
            else f"it {status or 'was ended'}"
        )

    def end(self, farewell_s: float) -> None:
        """Ask the program to go, then make it."""
        try:
            with suppress(OSError):
                os.write(self._in, b'{"cmd": "bye"}\n')
            self._streams[0].close()
            if not self._ending(farewell_s):
                os.killpg(self._popen.pid, signal.SIGTERM)
                self._ending(farewell_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the whole group, and leave no descriptor open."""
        with suppress(
            ProcessLookupError, PermissionError
        ):  # the launcher is ours and not yet waited for
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._drain(self._err, self.output)
        for stream in self._streams:
            stream.close()
        self._line.close()


def short(value: Json) -> str:
    """Return a text, or JSON, that fits into a message."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _keep(part: bytes, kept: bytearray) -> None:
    kept += part[: max(0, _MOST_KEPT - len(kept))]
