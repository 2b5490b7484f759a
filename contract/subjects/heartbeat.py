"""The heartbeat of a process, and its watcher.

A machine that pauses stops a heart for a while. A client that holds the interpreter's
lock stops the heart of this process too, so that for a client in this process another
process has the heart: `python heartbeat.py FILE`, which ends with its standard input.
"""

import mmap
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

INTERVAL_S = 0.05
LONGEST_GAP_S = INTERVAL_S + 0.2
BEAT = struct.Struct("dd")
"""The time of the last beat, and the number of gaps before it."""


def beat(
    memory: Any,
    is_over: Callable[[float], object],
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Note the time again and again, and count gaps, until `is_over` says so."""
    last_s, gaps = BEAT.unpack_from(memory)
    while not is_over(INTERVAL_S):
        now_s = now()
        gaps += now_s - last_s > LONGEST_GAP_S
        last_s = now_s
        BEAT.pack_into(memory, 0, now_s, gaps)


@dataclass(frozen=True)
class Watcher:
    """Counts the gaps of a heartbeat: times at which the suite stood still."""

    memory: Any
    now: Callable[[], float] = time.monotonic

    def gaps(self) -> float:
        """Return the number of gaps so far. The last one may not be over."""
        last_s, gaps = BEAT.unpack_from(self.memory)
        return float(gaps + (self.now() - last_s > LONGEST_GAP_S))


@contextmanager
def own_watcher() -> Iterator[Watcher]:
    """Watch this process from a thread."""
    memory, is_over = bytearray(BEAT.size), threading.Event()
    BEAT.pack_into(memory, 0, time.monotonic(), 0)
    thread = threading.Thread(target=beat, args=(memory, is_over.wait), daemon=True)
    thread.start()
    try:
        yield Watcher(memory)
    finally:
        is_over.set()
        thread.join()


@contextmanager
def outer_watcher() -> Iterator[Watcher]:
    """Watch the machine from another process."""
    with tempfile.NamedTemporaryFile(prefix="contract-heartbeat-") as file:
        file.write(BEAT.pack(time.monotonic(), 0))
        file.flush()
        command = [sys.executable, "-I", "-S", __file__, file.name]
        with (
            mmap.mmap(file.fileno(), BEAT.size) as memory,
            subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process,
        ):
            try:
                yield Watcher(memory)
            finally:
                process.kill()  # a fork of the client may hold its input open


def main() -> None:
    """Beat in a file until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the suite ends by Ctrl-C, not this

    def is_over(seconds: float) -> object:
        return select.select([sys.stdin], [], [], seconds)[0]

    with (
        open(sys.argv[1], "r+b") as file,
        mmap.mmap(file.fileno(), BEAT.size) as memory,
    ):
        beat(memory, is_over)


if __name__ == "__main__":
    main()
