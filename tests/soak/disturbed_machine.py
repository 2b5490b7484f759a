"""Quick runs on a machine that is busy, pauses, collects garbage, or is far away.

    python tests/soak/disturbed_machine.py [ROUNDS [DISTURBANCE ...]]

The subjects hold: the minimal client, the same behind a driver, the sandbox. Exits with
1 and names each breach that a run has found. Twenty rounds take hours.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from contract.api import check_client, check_service
from contract.engine.verdict import Verdict
from contract.runs import clients
from contract.servers.fake_sites import FakeSites

DRIVER = [sys.executable, "-m", "contract.drivers.minimal"]
PAUSE_S, PERIOD_S = 1.5, 5.0
LATENCY_S = 0.1
HEAP = 1_000_000


# -- disturbances from outside ---------------------------------------------------------


@contextmanager
def calm(pid: int) -> Iterator[None]:
    """Disturb nothing."""
    yield


@contextmanager
def busy(pid: int) -> Iterator[None]:
    """Keep the processors busy with four loops."""
    loop = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(loop) for _ in range(4)]  # noqa: S603
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def pausing(pid: int) -> Iterator[None]:
    """Stop the suite and all its children for 1.5 s every 5 s."""
    is_over = threading.Event()

    def pause() -> None:
        while not is_over.wait(PERIOD_S):
            stopped = family(pid)
            send(signal.SIGSTOP, stopped)
            time.sleep(PAUSE_S)
            send(signal.SIGCONT, stopped)

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    command = ["ps", "-eo", "pid=,ppid="]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    parents = {
        int(child): int(parent) for child, parent in map(str.split, text.splitlines())
    }
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def send(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# -- disturbances in the suite ---------------------------------------------------------


def collect_for_ever() -> None:
    """Collect the garbage of a large heap again and again, from a thread."""
    heap = [[number] for number in range(HEAP)]

    def collect() -> None:
        while heap:
            gc.collect()
            time.sleep(0.05)

    threading.Thread(target=collect, daemon=True).start()


@contextmanager
def relay(port: int) -> Iterator[int]:
    """Forward connections to a port, each byte later by the latency."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

        def accept() -> None:
            while True:
                with suppress(OSError):
                    near = listener.accept()[0]
                    far = socket.create_connection(("127.0.0.1", port))
                    for source, target in ((near, far), (far, near)):
                        start(forward, source, target)

        start(accept)
        yield listener.getsockname()[1]


def forward(source: socket.socket, target: socket.socket) -> None:
    """Forward one direction, through a queue of delayed parts."""

    def deliver(due_s: float, part: bytes) -> None:
        time.sleep(max(0.0, due_s - time.monotonic()))
        with suppress(OSError):
            target.sendall(part) if part else target.shutdown(socket.SHUT_WR)

    previous = None
    part = b"-"
    while part:
        try:
            part = source.recv(65536)
        except OSError:
            part = b""
        before, due_s = previous, time.monotonic() + LATENCY_S

        def in_order(before=before, due_s=due_s, part=part) -> None:
            if before is not None:
                before.join()
            deliver(due_s, part)

        previous = start(in_order)


def start(function: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


class FarSites(FakeSites):
    """The fake sites behind a relay."""

    def environment(self) -> dict[str, str]:
        """Return the variables, which lead to the relay."""
        values = super().environment()
        far_url = f"http://127.0.0.1:{self.far_port}"
        return {n: v.replace(self.proxy_url, far_url) for n, v in values.items()}

    def __enter__(self):
        super().__enter__()
        self._relay = relay(self.port)
        self.far_port = self._relay.__enter__()
        return self


# -- runs ------------------------------------------------------------------------------


def played(subject: str, disturbance: str) -> Verdict:
    if disturbance == "collecting":
        collect_for_ever()
    if disturbance == "latency":
        clients.FakeSites = FarSites
    if subject == "service":
        return check_service(profile="quick")
    return check_client(DRIVER if subject == "driver" else None, profile="quick")


def play(subject: str, disturbance: str) -> None:
    """Play a run and print its findings as JSON."""
    verdict = played(subject, disturbance)
    findings = {
        "verdict": verdict.verdict,
        "breaches": [breach.id for breach in verdict.breaches],
        "not confirmed": [breach.id for breach in verdict.not_confirmed],
        "seconds": round(verdict.seconds, 1),
    }
    print(json.dumps(findings), flush=True)


OUTSIDE = {"calm": calm, "busy": busy, "pausing": pausing}
SUBJECTS = ("client", "driver", "service")


def main(arguments: list[str]) -> int:
    """Play all runs and return the exit status."""
    if arguments[:1] == ["--play"]:
        play(*arguments[1:])
        return 0
    rounds = int(arguments[0]) if arguments else 20
    names = arguments[1:] or ["busy", "pausing", "collecting", "latency"]
    runs = [
        (disturbance, subject, number)
        for disturbance in names
        for subject in (("driver",) if disturbance == "latency" else SUBJECTS)
        for number in range(rounds)
    ]
    broken = 0
    for disturbance, subject, number in runs:
        command = [sys.executable, __file__, "--play", subject, disturbance]
        disturb = OUTSIDE.get(disturbance, calm)
        run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        with run, disturb(run.pid):
            output = run.communicate()[0]
        print(f"{disturbance} {subject} {number + 1}: {output.strip()}", flush=True)
        broken += run.returncode != 0 or json.loads(output)["verdict"] != "holds"
    print(f"runs that do not hold: {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
