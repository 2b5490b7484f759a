"""Memory and time against hostile services, drivers and clients.

    python tests/soak/hostile_memory.py [NAME ...]

Each one meets a process of its own. Exits with 1 if one takes 500 MB or more, or if
an exchange takes longer than its time-out and 1 s.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

sys.path.insert(0, str(Path(__file__).parents[2]))

from contract.sandbox import Sandbox, serving
from contract.sandbox.service import ORGS
from contract.subjects.http import HttpConnection
from contract.subjects.process import Process
from tests.unit.raw_servers import listening

FLOOR_MB = 500
TIMEOUT_S = 5.0
MEGABYTE = b"x" * (1 << 20)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PAGES = b'{"links": {"next": "?page=%d"}, "data": [' + b"{}," * 1_398_000 + b"{}]}"
ZEROS = b"".join(gzip.compress(bytes(1 << 24), 9) for _ in range(64))


def whole(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    """Return a response with a length."""
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%s" % (status, more)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


SERVICES: dict[str, tuple[str, bytes, bytes]] = {
    "endless chunks": (
        "PATCH",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"100000\r\n" + MEGABYTE + b"\r\n",
    ),
    "small chunks": (
        "PATCH",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n" * 9_999,
    ),
    "no length": ("PATCH", HEAD + b"\r\n", MEGABYTE),
    "false length": ("PATCH", HEAD + b"Content-Length: 99999999999\r\n\r\n", MEGABYTE),
    "endless head": ("PATCH", HEAD, b"X: y\r\n" * 9_999),
    "900 headers": ("PATCH", HEAD, b"X: " + b"y" * 200_000 + b"\r\n"),
    "endless 1xx": ("PATCH", b"", b"HTTP/1.1 102 A\r\n\r\n" * 999),
    "a text of 50 MB": ("PATCH", whole(b'"' + MEGABYTE * 50 + b'"'), b""),
    "zeros by gzip": ("PATCH", whole(ZEROS, more=b"Content-Encoding: gzip\r\n"), b""),
    "empty objects": ("PATCH", whole(b"[" + b"{}," * 1_398_000 + b"{}]"), b""),
    "violations": (
        "PATCH",
        whole(b'{"data": [' + b"{}," * 1_398_000 + b"{}]}"),
        b"",
    ),
    "errors": (
        "PATCH",
        whole(b'{"errors": [' + b"{}," * 1_398_000 + b"{}]}", b"404 Not Found"),
        b"",
    ),
    "429s": (
        "PATCH",
        whole(MEGABYTE * 3, b"429 Many", b"X-RateLimit-Reset: 1\r\n"),
        b"",
    ),
    "endless list": ("GET", HEAD + b"\r\n", MEGABYTE),
    "pages": ("GET", whole(PAGES), b""),
}

DRIVER = """
import json, os, socket, sys, threading

def say(reply):
    print(json.dumps(reply), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    match request["cmd"]:
        case "hello": say({"protocol": 1, "client": "c", "version": "1", "language": "l"})
        case "echo": say({"seq": request["seq"], "value": request["value"]})
        case "bye": sys.exit(0)
        case "update":
            seq = request["seq"]
%s
"""

REACH = """
host, port = os.environ["CONTRACT_SITES_ADDRESS"].split(":")
def flood(head, part, number=1):
    try:
        s = socket.create_connection((host, int(port)))
        s.sendall(b"CONNECT api.%s:443 HTTP/1.1\\r\\n\\r\\n" % request["site"].encode())
        s.recv(999)
        s.sendall(head)
        for _ in range(999):
            s.sendall(part)
    except OSError:
        pass
"""
FAILED = 'say({"seq": seq, "outcome": "failed", "message": "m"})'
PATCH = "b'PATCH / HTTP/1.1\\r\\n"
PROGRAMS = {
    "a driver without an end of line": 'while True: print("x" * 2**20, end="")',
    "a driver of lines": 'while True: print("{}\\n" * 2**18, end="")',
    "a driver of errors": 'while True: print("x" * 2**20, file=sys.stderr)',
    "a driver of objects": """
print('{"seq": %d, "outcome": "snapshot", "snapshot": [' % seq + "{}," * 1_390_000 + "{}]}", flush=True)
""",
    "a driver of errors in a reply": """
say({"seq": seq, "outcome": "api_error", "status": 404, "errors": [""] * 1_000_000})
""",
    "a client of bodies": f"""{REACH}
flood({PATCH}Content-Length: 9999999999\\r\\n\\r\\n', b"x" * 2**20)
{FAILED}""",
    "a client of headers": f"""{REACH}
flood({PATCH}', b"X: y\\r\\n" * 2**18)
{FAILED}""",
    "a client of requests": f"""{REACH}
for _ in range(99):
    flood({PATCH}Content-Length: 3999999\\r\\n\\r\\n', b"x" * 3_999_999)
{FAILED}""",
    "a client of zeros": f"""{REACH}
import gzip
body = gzip.compress(bytes(2**28), 9)
flood({PATCH}Content-Encoding: gzip\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body), body)
{FAILED}""",
}


def answer(
    upstream: str, method: str, begin: bytes, part: bytes, connection: socket
) -> None:
    """Answer one method with hostile bytes. The sandbox answers others."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(1 << 16)
    head, _, body = request.partition(b"\r\n\r\n")
    name, target, _ = head.decode().split("\r\n")[0].split(" ", 2)
    if name == method:
        connection.sendall(begin.replace(b"%d", b"%d" % time.monotonic_ns()))
        while part:
            connection.sendall(part)
        return
    length = int(re.findall(r"(?i)content-length: (\d+)", head.decode())[0])
    while len(body) < length:
        body += connection.recv(1 << 16)
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    server = HTTPConnection(upstream.removeprefix("http://"))
    server.request(name, target, body, headers)
    response = server.getresponse()
    text = response.read()
    status = f"{response.status} Status".encode()
    connection.sendall(whole(text, status, b"Connection: close\r\n"))
    server.close()


def judged(*arguments: str) -> None:
    """Judge in this process, and print the longest exchange in seconds."""
    longest_s = 0.0

    def timed(method: Callable[..., object], self: object, *args: object) -> object:
        nonlocal longest_s
        begin_s = time.monotonic()
        limit_s = TIMEOUT_S if isinstance(self, HttpConnection) else float(str(args[1]))
        try:
            return method(self, *args)
        finally:
            longest_s = max(longest_s, time.monotonic() - begin_s - limit_s)

    for owner, name in ((HttpConnection, "send"), (Process, "ask")):
        method = getattr(owner, name)
        setattr(owner, name, lambda self, *a, m=method, **k: timed(m, self, *a))
    from contract.cli import main

    with suppress(SystemExit):
        main([*arguments, "--profile", "quick", "--max-wait", "6"])
    print(f"beyond its time-out: {longest_s:.1f} s")


def measured(arguments: list[str]) -> tuple[int, float, str]:
    """Run in a process of its own. Return MB, seconds beyond a time-out, output."""
    environment = {"DD_API_KEY": ORGS[0].keys[0], "DD_APP_KEY": ORGS[0].keys[1]}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, __file__, "--judge", *arguments],
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        output.seek(0)
        text = output.read()
    late_s = re.findall("beyond its time-out: (.*) s", text)
    return usage.ru_maxrss >> 10, float(late_s[0]) if late_s else 99.0, text


def service(name: str) -> tuple[int, float, str]:
    with serving(Sandbox()) as upstream:
        respond = partial(answer, upstream, *SERVICES[name])
        with listening(respond) as url:
            chosen = [item for word in SCENARIOS for item in ("--scenario", word)]
            return measured(["service", url, *chosen])


SCENARIOS = ("repeats",)


def driver(name: str) -> tuple[int, float, str]:
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "driver.py"
        body = textwrap.indent(PROGRAMS[name].strip(), " " * 12)
        program.write_text(DRIVER % body)
        chosen = ["--scenario", "body-values", "--scenario", "success"]
        return measured(["client", *chosen[:0], "--", sys.executable, str(program)])


def main() -> int:
    """Measure each one, print a line for each."""
    names = sys.argv[1:] or [*SERVICES, *PROGRAMS]
    failures = 0
    for name in names:
        begin_s = time.monotonic()
        megabytes, late_s, text = (service if name in SERVICES else driver)(name)
        is_bad = megabytes >= FLOOR_MB or late_s > 1
        failures += is_bad
        seconds = time.monotonic() - begin_s
        print(f"{name}: {megabytes} MB, {late_s:+.1f} s, {seconds:.0f} s in all")
        if is_bad or "--verbose" in os.environ.get("SOAK", ""):
            print(textwrap.indent(text[-2000:], "    "))
    print(json.dumps({"too much": failures}))
    return int(failures > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        judged(*sys.argv[2:])
    else:
        sys.exit(main())
