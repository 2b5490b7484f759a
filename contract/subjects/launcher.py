"""Program that starts and ends another one: `python launcher.py DESCRIPTOR COMMAND…`.

The descriptor is a socket to the suite. The launcher leads the process group of the
program, and reports on the socket how the program ended. When the socket is shut, which
the kernel does however the suite ends, the launcher kills what the program started, and
reports what is left. On Linux it becomes the parent of orphans, so that it also sees
those that lead a session of their own (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36

END_S = 2.0
"""Seconds within which the processes must end."""


def main() -> None:
    """Run the program, report its end, wait for the suite."""
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(descriptor, False)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A handler, since the program would inherit SIG_IGN.
    signal.signal(signal.SIGTERM, lambda *_: None)
    defaults = [signal.SIGPIPE, signal.SIGXFSZ]
    try:
        pid = os.posix_spawnp(command[0], command, os.environ, setsigdef=defaults)
    except OSError as error:
        os.write(descriptor, f"cannot be started: {error.strerror}\n".encode())
    else:
        reaper = threading.Thread(target=reap, args=(pid, descriptor), daemon=True)
        reaper.start()
    for number in (0, 1, 2):
        os.close(number)
    with suppress(OSError):
        while os.read(descriptor, 1):
            pass
    if left := end_descendants():
        with suppress(OSError):
            os.write(descriptor, f"left {', '.join(map(str, left))}\n".encode())


def reap(program: int, descriptor: int) -> None:
    """Report the end of the program. Other children are orphans."""
    with suppress(ChildProcessError, BrokenPipeError):
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == program:
                code = os.waitstatus_to_exitcode(status)
                os.write(descriptor, f"{code}\n".encode())


def end_descendants() -> list[int]:
    """Kill all processes below this one. Return those that do not end."""
    end_s = time.monotonic() + END_S
    while (left := descendants()) and time.monotonic() < end_s:
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return left


def descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent, state in processes():
        if state not in "XZ":
            children.setdefault(parent, []).append(pid)
    pids, todo = list[int](), [os.getpid()]
    while todo:
        below = children.pop(todo.pop(), [])
        pids += below
        todo += below
    return pids


def processes() -> Iterator[tuple[int, int, str]]:
    if sys.platform == "linux":
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                yield int(name), int(parent), state.decode()
        return
    import subprocess  # a launcher of each driver is in memory

    listed = subprocess.PIPE
    command = ["ps", "-A", "-o", "pid=,ppid=,stat="]
    with subprocess.Popen(command, stdout=listed, text=True) as ps:  # noqa: S603
        for line in ps.communicate()[0].splitlines():
            pid, parent, state = line.split(maxsplit=2)
            if int(pid) != ps.pid:
                yield int(pid), int(parent), state[:1]


if __name__ == "__main__":
    main()
