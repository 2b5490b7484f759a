"""`contract serve` under load.

    python -m tests.benchmarks.serve_load [SECONDS] [CONNECTIONS]

Each connection updates a snapshot of its own and one that all share. Now and then it
lists them, and creates and deletes snapshots. Prints requests a second, responses 5xx,
lost updates, and the memory of the server.
"""

import http.client
import json
import multiprocessing
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from contract.sandbox import ORGS, PATH

KEYS = {
    "DD-API-KEY": ORGS[0].api_key,
    "DD-APPLICATION-KEY": ORGS[0].app_key,
    "Content-Type": "application/json",
}


class Connection:
    """One connection that stays open. Counts requests and responses 5xx."""

    def __init__(self, url: str) -> None:
        self.conn = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.requests = self.failed = 0

    def __call__(
        self, method: str, path: str, body: object = None
    ) -> dict[str, object]:
        self.conn.request(
            method, PATH + path, None if body is None else json.dumps(body), KEYS
        )
        answer = self.conn.getresponse()
        text = answer.read()
        self.requests += 1
        self.failed += answer.status >= 500
        return json.loads(text) if text else {}

    def create(self, view: str) -> str:
        attributes = change(0, "")["data"]["attributes"]
        more = {
            "application_id": "a",
            "device_type": "desktop",
            "snapshot_name": "load",
            "view_name": view,
        }
        return self(
            "POST", "", {"data": {"type": "snapshots", "attributes": attributes | more}}
        )["data"]["id"]

    def stored(self, view: str) -> dict[str, dict[str, object]]:
        return {
            row["id"]: row["attributes"]
            for row in self("GET", f"?filter[view_name]={view}")["data"]
        }


def change(start: int, event: str) -> dict[str, object]:
    attributes = {
        "event_id": event,
        "is_device_type_selected_by_user": True,
        "start": start,
    }
    return {"data": {"type": "snapshots", "attributes": attributes}}


def work(
    url: str, shared: str, which: int, seconds: float
) -> tuple[int, int, int, list[str]]:
    """Return requests, responses 5xx, lost updates, and the times of shared updates."""
    call, lost, moments = Connection(url), 0, []
    view = f"load-{which}"
    own, turn, end = call.create(view), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        turn += 1
        start = which << 32 | turn
        row = call("PATCH", f"/{own}", change(start, f"{which}.{turn}"))["data"]
        lost += row["attributes"]["start"] != start
        row = call("PATCH", f"/{shared}", change(start, f"{which}.{turn}"))["data"]
        attributes = row["attributes"]
        expected = start, f"{which}.{turn}"
        lost += (attributes["start"], attributes["event_id"]) != expected
        moments.append(attributes["modified_at"])
        if turn % 10 == 0:
            doomed = call.create(view)
            rows = call.stored(view)
            lost += rows[own]["start"] != start or doomed not in rows
            call("DELETE", f"/{doomed}")
            lost += doomed in call.stored(view)
    return call.requests, call.failed, lost, moments


def memory_kb(pid: int) -> int:
    """Return the resident memory of a process in kilobytes, 0 if it is unknown."""
    status = Path(f"/proc/{pid}/status")
    match = (
        re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    )
    return int(match[1]) if match else 0


def main(seconds: float = 30, connections: int = 8) -> None:
    command = [sys.executable, "-m", "contract", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            url = next(iter(server.stdout)).split()[2].rstrip(",")
            shared = Connection(url).create("load-shared")
            with multiprocessing.Pool(connections) as pool:
                pool.starmap(
                    work, [(url, shared, which, 1) for which in range(connections)]
                )  # warm
                before_kb = memory_kb(server.pid)
                done = pool.starmap(
                    work,
                    [(url, shared, which, seconds) for which in range(connections)],
                )
                after_kb = memory_kb(server.pid)
            moments = [moment for *_, times in done for moment in times]
            # Of two updates in one instant one is lost.
            lost = sum(counts[2] for counts in done) + len(moments) - len(set(moments))
            row = Connection(url).stored("load-shared")[shared]
            lost += row["modified_at"] != max(moments)
        finally:
            server.terminate()
    total = sum(counts[0] for counts in done)
    print(f"connections        {connections}")
    print(f"seconds            {seconds:g}")
    print(f"requests           {total}  ({total / seconds:.0f} a second)")
    print(f"responses 5xx      {sum(counts[1] for counts in done)}")
    print(f"lost updates       {lost}")
    print(f"memory             {before_kb} kB before, {after_kb} kB after")
    print(f"exit status        {server.returncode}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
