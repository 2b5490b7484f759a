"""The eight sites within the process, by `responses`: scripted answers, a virtual clock, and no way out.

    with MockedSites(SITES) as mock:
        subject = ClientSubject(MinimalClientAdapter(), mock)
        exchange = subject.play(case.on("datadoghq.eu"))

Meanwhile `time.sleep` takes no time and `time.monotonic` counts it all the same; whoever opens a socket
gets an OSError. An answer that drips or stalls takes real time: the time-outs of a client are real too.
"""

import io
import re
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
import responses
import urllib3

from contract.model import DRIP_S, Case, Request, Response
from contract.servers.slow import Slow, read_timeout

__all__ = ["MockedSites"]

_monotonic = time.monotonic


class _Script:
    """One case: its answers, what was asked, and whether its bodies must end."""

    def __init__(self, case: Case) -> None:
        self.case, self.given, self.led_away = case, 0, False
        self.records: list[tuple[Request, Response | None]] = []
        self.attempts: list[str] = []
        self.over = threading.Event()


class _Anything(responses.CallbackResponse):
    """What matches every request: whether it is the right one, the clauses judge."""

    def matches(self, request: requests.PreparedRequest) -> tuple[bool, str]:
        return True, ""


class MockedSites:
    """The sites, and everything that a client could wait for or connect to; a context manager."""

    def __init__(self, sites: tuple[str, ...]) -> None:
        self._origins = [f"https://api.{site}" for site in sites]
        self._lock = threading.Lock()
        self._slept_s = 0.0
        self._script = _Script(Case("", (), "", None))
        self._answering = _Anything(
            "PATCH", re.compile(""), self._answer, content_type=None
        )

    def __enter__(self) -> Self:
        with ExitStack() as patches:
            self._mock = patches.enter_context(
                responses.RequestsMock(assert_all_requests_are_fired=False)
            )
            self._mock.add(self._answering)
            for owner, name, ours in (
                (time, "sleep", self._sleep),
                (time, "monotonic", self._now),
                (socket.socket, "connect", lambda _, address: self._refuse(address)),
                (socket.socket, "connect_ex", lambda _, address: self._refuse(address)),
                (
                    socket,
                    "getaddrinfo",
                    lambda host, port, *_, **__: self._refuse((host, port)),
                ),
            ):
                patches.enter_context(patch.object(owner, name, ours))
            self._patches = patches.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._script.over.set()
        self._patches.close()

    @staticmethod
    def skip_reason(case: Case) -> str | None:
        """Return why the case cannot be played here, None if it can."""
        if case.tls != "trusted":
            return "only a real socket can show a client another certificate, or none"
        if any(answer.delivery == "stall" for answer in case.responses):
            return "only a real socket can stall before the headers"
        return None

    def script(self, case: Case) -> None:
        """Answer requests from now on as this case says; what the case before left open ends."""
        self._script.over.set()
        self._script = _Script(case)
        self._mock.calls.reset()
        self._answering.calls.reset()

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        """Return what was asked since `script`, and what each request was answered; None: it was refused.

        A real connection that was tried is a CONNECT to `host:port`.
        """
        now_s = self._now()
        tried = (
            (Request("CONNECT", target, (), b"", at_s=now_s), None)
            for target in self._script.attempts
        )
        records = (*self._script.records, *tried)
        return tuple(request for request, _ in records), tuple(
            answer for _, answer in records
        )

    def _sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        with self._lock:
            self._slept_s += seconds

    def _now(self) -> float:
        return _monotonic() + self._slept_s

    def _refuse(self, address: Any) -> Any:
        target = (
            f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
        )
        self._script.attempts.append(target)
        raise OSError(f"no real connection while the sites are mocked: {target}")

    def _answer(
        self, sent: requests.PreparedRequest
    ) -> tuple[int, list[tuple[str, str]], bytes | io.BufferedReader]:
        """Record a request and answer it; raises requests.ConnectionError."""
        at_s, parts = self._now(), urlsplit(str(sent.url))
        origin = (
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2].removesuffix(':443')}"
        )
        headers = tuple(
            (_text(name), _text(value)) for name, value in sent.headers.items()
        )
        body = (
            sent.body.encode()
            if isinstance(sent.body, str)
            else bytes(sent.body or b"")
        )
        request = Request(str(sent.method), origin + sent.path_url, headers, body, at_s)
        with self._lock:
            script, answer = self._script, None
            known, number, answers = (
                script.led_away or origin in self._origins,
                script.given,
                script.case.responses,
            )
            if known and number < len(answers):
                answer, script.given = answers[number], number + 1
                script.led_away |= (
                    300 <= answer.status < 400 and answer.header("Location") is not None
                )
                request = replace(request, answered_s=self._now())
            index = len(script.records)
            script.records.append((request, answer))
        if not known:
            expected = ", ".join(self._origins)
            raise requests.ConnectionError(
                f"{origin} is not mocked; expected: {expected}", request=sent
            )
        if answer is None:
            expected = f"{len(answers)} (answered: {', '.join(str(answer.status) for answer in answers) or 'none'})"
            raise requests.ConnectionError(
                f"request {index + 1} is unscripted; expected: {expected}", request=sent
            )
        if answer.delivery == "reset" or (answer.delivery == "cut" and not answer.body):
            reset = ConnectionResetError(104, "Connection reset by peer")
            raise requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", reset),
                request=sent,
            )
        announced = list(answer.headers)
        if not (
            answer.header("Content-Length")
            or answer.header("Transfer-Encoding")
            or answer.status in (204, 304)
        ):
            announced.append(("Content-Length", str(len(answer.body))))
        if answer.body and answer.delivery in ("drip", "stall-body"):

            def progress() -> None:
                script.records[index] = replace(request, answered_s=self._now()), answer

            gap_s = DRIP_S if answer.delivery == "drip" else float("inf")
            silence_s = read_timeout(getattr(sent, "req_kwargs", {}).get("timeout"))
            slow = Slow(
                answer.body,
                gap_s,
                silence_s,
                2 * script.case.timeout_s + 1,
                script.over,
                progress,
            )
            return answer.status, announced, io.BufferedReader(slow)
        whole = answer.delivery == "whole"
        return (
            answer.status,
            announced,
            answer.body if whole else answer.body[: len(answer.body) // 2],
        )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
