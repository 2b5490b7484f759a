"""Program that starts and ends another one: `python launcher.py DESCRIPTOR COMMAND…`.

The descriptor is a socket to the suite. The launcher leads the process group of the
program, and reports on the socket how the program ended. It kills the whole group when
the socket closes, which the kernel does however the suite ends.
"""

import os
import signal
import sys
import threading


def main() -> None:
    """Run the program, report its end, wait for the suite."""
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(descriptor, False)
    # A handler, since the program would inherit SIG_IGN.
    signal.signal(signal.SIGTERM, lambda *_: None)
    threading.Thread(target=kill_group_at_end, args=(descriptor,)).start()
    defaults = [signal.SIGPIPE, signal.SIGXFSZ]
    try:
        pid = os.posix_spawnp(command[0], command, os.environ, setsigdef=defaults)
    except OSError as error:
        os.write(descriptor, f"cannot be started: {error.strerror}".encode())
        return
    finally:
        for number in (0, 1, 2):
            os.close(number)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(descriptor, str(status).encode())


def kill_group_at_end(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
