"""Time that the suite's own side of a call takes.

    python -m tests.benchmarks.latency [CALLS]

Median and 99th percentile in milliseconds. 40 ms would be a delayed acknowledgement
that meets Nagle's algorithm.
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
from contract.cases.parameters import CREDENTIALS
from contract.model import ClientCase, Response
from contract.sandbox import ORGS, PATH, Sandbox, serving
from contract.servers.fake_sites import FakeSites
from contract.spec import load

SPEC = load()
SITE = SPEC.sites[0]
HOST = f"api.{SITE}"
HEAD = f"PATCH /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n".encode()
OK = Response(200, (("Content-Type", "application/json"),), b"{}")
KEYS = {"DD-API-KEY": ORGS[0].api_key, "DD-APPLICATION-KEY": ORGS[0].app_key}


def measure(name: str, call: Callable[[], object], calls: int) -> None:
    """Print the times of a call."""
    times_s = []
    for _ in range(calls):
        begin_s = time.perf_counter()
        call()
        times_s.append(time.perf_counter() - begin_s)
    cuts = statistics.quantiles(times_s, n=100)
    print(f"{name:60} {1e3 * cuts[49]:8.2f} {1e3 * cuts[98]:8.2f}")


def fake_sites(calls: int) -> None:
    """Measure a request over TLS by the proxy, on one connection, in two segments."""
    case = ClientCase(
        snapshot_id="id",
        credential=CREDENTIALS["plain"],
        body={},
        responses=(OK,) * calls,
    )
    with FakeSites(SPEC.sites) as sites:
        sites.script(case, SITE)
        raw = socket.create_connection(("127.0.0.1", sites.port), timeout=5)
        raw.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        raw.recv(1000)
        tls = ssl.create_default_context(cafile=str(sites.ca_file))
        with tls.wrap_socket(raw, server_hostname=HOST) as connection:

            def call() -> None:
                connection.sendall(HEAD)
                # Nagle keeps a second small segment until the first is acknowledged.
                connection.sendall(b"{}")
                connection.recv(1000)

            measure("fake sites: TLS by the proxy, in two segments", call, calls)


def sandbox(calls: int) -> None:
    """Measure a list request on one connection."""
    with serving(Sandbox()) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)

        def call() -> None:
            connection.request("GET", f"{PATH}?filter[view_name]=x", headers=KEYS)
            connection.getresponse().read()

        measure("sandbox: one connection", call, calls)
        connection.close()


def driver(calls: int) -> None:
    """Measure a case of the minimal client as a driver."""
    case = next(client_scenarios(SPEC)[0].cases())
    command = [sys.executable, "-m", "contract.drivers.minimal"]
    with client_under_test(command, SPEC) as subject:
        subject.play(case, SITE)
        name = "a case: the minimal client as a driver, on the fake sites"
        measure(name, lambda: subject.play(case, SITE), calls)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"{f'{number} calls each':60} {'median':>8} {'99 %':>8}")
    for benchmark in (fake_sites, sandbox, driver):
        benchmark(number)
