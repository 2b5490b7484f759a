"""What our side of a call costs: python tests/benchmarks/latency.py [CALLS].

Median and 99th percentile in milliseconds. 40 ms would be acknowledgements that are delayed and meet Nagle's algorithm.
"""

import http.client
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from contract.api import client_under_test
from contract.cases.client import client_scenarios
from contract.model import Case, Response
from contract.sandbox import ORGS, PATH, Sandbox, serving
from contract.servers.fake_sites import FakeSites
from contract.spec import load

SPEC = load()
HOST = f"api.{SPEC.sites[0]}"
HEAD = f"PATCH /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n".encode()
OK = Response(200, (("Content-Type", "application/json"),), b"{}")
KEYS = {"DD-API-KEY": ORGS[0].api_key, "DD-APPLICATION-KEY": ORGS[0].app_key}


def measured(name: str, call: Callable[[], object], calls: int) -> None:
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    cuts = statistics.quantiles(seconds, n=100)
    print(f"{name:60} {1e3 * cuts[49]:8.2f} {1e3 * cuts[98]:8.2f}")


def impostor(calls: int) -> None:
    with FakeSites(SPEC.sites) as stage:
        stage.script(Case("latency", ("latency",), "id", {}, responses=(OK,) * calls))
        raw = socket.create_connection(("127.0.0.1", stage.port), timeout=5)
        raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        raw.recv(1000)
        with ssl.create_default_context(cafile=str(stage.ca_file)).wrap_socket(
            raw, server_hostname=HOST
        ) as kept:

            def call() -> None:
                kept.sendall(HEAD)
                kept.sendall(
                    b"{}"
                )  # a second small segment: Nagle keeps it until the first is acknowledged
                kept.recv(1000)

            measured("impostor: TLS by the proxy, kept, in two segments", call, calls)


def sandbox(calls: int) -> None:
    with serving(Sandbox()) as url:
        kept = http.client.HTTPConnection(urlsplit(url).netloc)

        def call() -> None:
            kept.request("GET", f"{PATH}?filter[view_name]=x", headers=KEYS)
            kept.getresponse().read()

        measured("sandbox: kept", call, calls)
        kept.close()


def driver(calls: int) -> None:
    case = next(iter(client_scenarios(SPEC)[0].boundary())).on(SPEC.sites[0])
    with client_under_test(
        [sys.executable, "-m", "contract.drivers.minimal"], SPEC
    ) as subject:
        subject.play(case)
        measured(
            "a case: the minimal client as a driver, on the impostor",
            lambda: subject.play(case),
            calls,
        )


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"{f'{number} calls each':60} {'median':>8} {'99 %':>8}")
    for measure in (impostor, sandbox, driver):
        measure(number)
