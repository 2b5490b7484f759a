"""`contract service` against a bare `http.client` loop that sends the same requests.

    python -m tests.benchmarks.bare_loop [ROUNDS] [PROFILE]

The sandbox is a process of its own (`contract serve`). In each round a run is played
against it, reads included, and then the loop sends the requests of that run again, one
after the other on one connection, and reads each response. Ids of new snapshots are
replaced. A share of 70 % means that the run takes 1 / 0.7 of the time of the loop. The
second share is of the CPU time of both processes together, which a busy machine hardly
changes. Imports are done before the first round.
"""

import gc
import http.client
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

import contract.engine.adapter  # noqa: F401 - it is slow to import
from contract.__main__ import NEW_OBJECTS
from contract.api import check_service
from contract.engine.job import cores
from contract.sandbox import ORGS
from contract.subjects.http import HttpConnection

KEYS, OTHER_KEYS = (org.keys for org in ORGS)
UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Sent(NamedTuple):
    """A request of a run, and the id of the snapshot that it made."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    made: str


class Cost(NamedTuple):
    """Seconds of the wall, and of the CPU: this process, its own, and the server."""

    wall_s: float
    cpu_s: float


@contextmanager
def served(*options: str) -> Iterator[tuple[str, int]]:
    """Serve the sandbox in another process. Yield its URL and the process id."""
    command = [sys.executable, "-m", "contract", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            line = next(iter(server.stdout or ()))
            yield re.findall(r"http://[0-9.:]+", line)[0], server.pid
        finally:
            server.terminate()


def server_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost(pid: int, work: Callable[[], object]) -> Cost:
    begin = time.perf_counter(), sum(os.times()[:4]) + server_cpu_s(pid)
    work()
    end = time.perf_counter(), sum(os.times()[:4]) + server_cpu_s(pid)
    return Cost(end[0] - begin[0], end[1] - begin[1])


def made_id(body: bytes) -> str:
    match = UUID.search(body.decode("utf-8", "replace"))
    return match[0] if match else ""


def run(url: str, profile: str) -> int:
    """Judge the service, as the command does. Return the number of exchanges."""
    keys: Any = {"keys": KEYS, "other_keys": OTHER_KEYS}
    return check_service(url, **keys, profile=profile, jobs=cores()).exchanges


def requests_of_run(url: str, profile: str) -> list[Sent]:
    """Return the requests of a run."""
    sent: list[Sent] = []
    send = HttpConnection.send

    def recorded(
        self: Any, method: str, target: str, headers: Any, body: bytes, **details: Any
    ) -> Any:
        made = ""
        try:
            response = send(self, method, target, headers, body, **details)
            made = made_id(response.body) if method == "POST" else ""
            return response
        finally:
            sent.append(Sent(method, target, tuple(headers), body, made))

    with patch.object(HttpConnection, "send", recorded):
        run(url, profile)
    return sent


def send_all(url: str, requests: list[Sent]) -> None:
    """Send the requests of a run by http.client."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    ids: dict[str, str] = {}
    for method, target, headers, body, made in requests:
        target = UUID.sub(lambda match: ids.get(match[0], match[0]), target)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        try:
            connection.endheaders(body)
            text = connection.getresponse().read()
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()
        else:
            if made:
                ids[made] = made_id(text)
    connection.close()


def main(rounds: int, profile: str) -> None:
    gc.set_threshold(NEW_OBJECTS)  # as the command does
    with served() as (url, pid):
        requests = requests_of_run(url, profile)
        count = run(url, profile)
        runs, loops = [], []
        for _ in range(rounds):
            runs.append(cost(pid, lambda: run(url, profile)))
            loops.append(cost(pid, lambda: send_all(url, requests)))
    print(f"contract service --profile {profile}: {count} exchanges")
    print(f"requests, reads included: {len(requests)}")
    for name, figures in {"run": runs, "bare loop": loops}.items():
        texts = (f"{wall:.2f} ({cpu:.2f})" for wall, cpu in figures)
        print(f"{name}, seconds of the wall (CPU): {', '.join(texts)}")
    for index, name in enumerate(("wall", "CPU")):
        pairs = zip(runs, loops, strict=True)
        shares = [loop[index] / whole[index] for whole, loop in pairs]
        texts = (f"{share:.0%}" for share in shares)
        median = statistics.median(shares)
        print(f"share of the {name}: {', '.join(texts)}; median {median:.0%}")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(*words[:1] or ["5"]), *words[1:2] or ["ci"])
