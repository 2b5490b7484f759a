"""Starts one program and sees to its end; run by `contract.drivers` as a process of its own, never imported.

    python launcher.py DESCRIPTOR COMMAND…

The descriptor is a socket to the suite. The launcher leads the process group that the program runs in, and
stays until the socket closes, which the kernel does however the suite ends, SIGKILL included: then it
kills the whole group. So a program that hangs outlives nobody, and the group's number is never reused.
Standard input and output belong to the program alone. What it says on the socket: how the program ended.
"""

import os
import signal
import sys
import threading


def main() -> None:
    """Run the program, report its exit status (negative: the signal that ended it), wait for the suite."""
    line, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(line, False)
    signal.signal(
        signal.SIGTERM, lambda *_: None
    )  # a handler, since SIG_IGN would be inherited
    threading.Thread(target=kill_the_group_when_the_suite_is_gone, args=(line,)).start()
    try:
        program = os.posix_spawnp(
            command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
    except OSError as error:
        os.write(line, f"cannot be started: {error.strerror}".encode())
        return
    finally:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
    os.write(line, str(os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])).encode())


def kill_the_group_when_the_suite_is_gone(line: int) -> None:
    """Wait for the end of the socket, then kill everything in the group, the launcher too."""
    while os.read(line, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
