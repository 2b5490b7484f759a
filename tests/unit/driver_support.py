"""A driver program for tests, and what runs of it."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contract.model import ClientCase, Credential

SITE = "datadoghq.eu"
CREDENTIAL = Credential("plain", "api-key", "app-key")

# It does what the snapshot id says, or else answers with the line that it was sent.
FAKE = """
import json, os, signal, subprocess, sys, time

def say(reply):
    print(json.dumps(reply), flush=True)

HELLO = {"protocol": 1, "client": "fake", "version": "0.1", "language": "python", "features": ["retry"]}
if sys.argv[2:] == ["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    request = json.loads(line)
    word = request.get("snapshot_id", request["cmd"])
    reply = {"seq": request.get("seq"), "outcome": "snapshot", "snapshot": request}
    match word:
        case "hello": say(HELLO)
        case "echo": say({"seq": request["seq"], "value": request["value"]})
        case "bye":
            while sys.argv[2:] == ["deaf"]: time.sleep(60)
            sys.exit(0)
        case "pid": say(reply | {"snapshot": os.getpid()})
        case "environment": say(reply | {"snapshot": dict(os.environ)})
        case "hang": time.sleep(60)
        case "hang after a child":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]])
            print("ready", file=sys.stderr, flush=True)
            time.sleep(60)
        case "daemon":
            program = "import sys, time; print(flush=True); time.sleep(60)"
            child = [sys.executable, "-c", program, sys.argv[1]]
            start = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
            subprocess.run([sys.executable, "-c", start, *child], stdout=subprocess.DEVNULL)
            say(reply)
        case "flood":
            while True: print("x" * 2**20, end="", flush=True)
        case "flood of errors":
            while True: print("x" * 2**20, file=sys.stderr, flush=True)
        case "flood of lines":
            while True: print("{}\\n" * 2**18, end="", flush=True)
        case "half a line": print('{"seq": ', end="", flush=True); time.sleep(60)
        case "exit": print("last words", file=sys.stderr, flush=True); sys.exit(3)
        case "abort": os.kill(os.getpid(), signal.SIGABRT)
        case "close": os.close(1); time.sleep(60)
        case "reply and exit": say(reply); sys.exit(4)
        case "not json": print("Traceback, or so", flush=True)
        case "not an object": print("[1]", flush=True)
        case "not utf-8": sys.stdout.buffer.write(b'{"seq": "\\xff\\n'); sys.stdout.flush()
        case "too deep": print("[" * 100000, flush=True)
        case "wrong seq": say(reply | {"seq": request["seq"] - 1})
        case "no seq": say({"outcome": "refused"})
        case "true seq": say(reply | {"seq": True})
        case "unknown outcome": say(reply | {"outcome": "fine"})
        case "no snapshot": say({"seq": request["seq"], "outcome": "snapshot"})
        case "status as text": say(reply | {"status": "429"})
        case "errors as text": say(reply | {"errors": "x"})
        case "message as number": say(reply | {"message": 1})
        case "trace as text": say(reply | {"trace": "x"})
        case "stray after": sys.stdout.write(json.dumps(reply) + "\\nprinted\\n"); sys.stdout.flush()
        case "stray later": say(reply); time.sleep(0.05); print("printed", flush=True)
        case "noise": print("warning: x" * 20000, file=sys.stderr, flush=True); say(reply)
        case "much noise": sys.stderr.write("x" * 5_000_000); sys.stderr.flush(); say(reply)
        case "no standard error": os.close(2); say(reply)
        case "api error":
            say({"seq": request["seq"], "outcome": "api_error", "status": 429, "errors": ["a", "b"], "message": "m"})
        case "crashed": say({"seq": request["seq"], "outcome": "crashed", "type": "KeyError", "message": "k",
                             "trace": ["inner.py:3 f", "outer.py:9 g"]})
        case _: say(reply)
"""


def case(word: str, *, timeout_s: float | None = None, **details: Any) -> ClientCase:
    """Return a case for a word. A time-out is short only if it must run out."""
    if timeout_s is None:
        timeout_s = 0.1 if word in ("hang", "half a line") else 5.0
    settings = {"body": {"data": None}, "credential": CREDENTIAL} | details
    return ClientCase(snapshot_id=word, timeout_s=timeout_s, **settings)


def processes(fake: list[str]) -> list[str]:
    """Return what runs with the marker of this test on its command line."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid,stat,args"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        line
        for line in listed.stdout.splitlines()
        if fake[2] in line and " Z" not in line
    ]


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Fail where the block would hang."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def eventually(true: Callable[[], bool], within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def fake_command(directory: Path) -> list[str]:
    """Write the program, and return its command with a marker of its own."""
    program = directory / "fake_driver.py"
    program.write_text(FAKE)
    return [sys.executable, str(program), f"marker-{uuid.uuid4()}"]
