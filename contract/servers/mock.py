"""The sites within this process, by `responses`: scripted responses and no way out.

On `server.clock` sleeping takes no time. Until the context ends, opening a socket
raises OSError.
"""

import re
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
import responses
import urllib3

from contract.model import ClientCase, Delivery, Request, Response, Tls
from contract.servers.clock import virtual_clock
from contract.servers.script import Script

DELIVERIES = (Delivery.WHOLE, Delivery.CUT, Delivery.RESET)


class AnyRequest(responses.CallbackResponse):
    """Matches every request. The clauses judge whether it is the right one."""

    def matches(self, request: requests.PreparedRequest) -> tuple[bool, str]:
        return True, ""


class MockedSites:
    """The sites, as a context manager. It patches `requests` and the socket module."""

    is_real_time = False

    def __init__(self, sites: Sequence[str]) -> None:
        self.clock = virtual_clock()
        self._origins = [f"https://api.{site}" for site in sites]
        self._lock = threading.Lock()
        self._script = Script()
        self._handler = AnyRequest("", re.compile(""), self._respond, content_type=None)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._mock = stack.enter_context(
                responses.RequestsMock(assert_all_requests_are_fired=False)
            )
            self._mock.add(self._handler)
            guards: tuple[tuple[Any, str, Any], ...] = (
                (socket.socket, "connect", lambda _, to: self._refuse(to)),
                (socket.socket, "connect_ex", lambda _, to: self._refuse(to)),
                (
                    socket,
                    "getaddrinfo",
                    lambda host, port, *_, **__: self._refuse((host, port)),
                ),
            )
            for owner, name, guard in guards:
                stack.enter_context(patch.object(owner, name, guard))
            self._patches = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def skip_reason(self, case: ClientCase) -> str:
        """Return why only real sockets can play a case."""
        if case.tls is not Tls.TRUSTED:
            return "only a real socket has another certificate"
        if any(response.delivery not in DELIVERIES for response in case.responses):
            return "only a real socket can drip or stall"
        return ""

    def script(self, case: ClientCase, site: str) -> None:
        """Answer from now on with the responses of a case."""
        self.start(Script(case.responses))

    def start(self, script: Script) -> None:
        """Answer from now on by a script."""
        self._script = script
        self._mock.calls.reset()
        self._handler.calls.reset()

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        """Return the requests. A refused connection is a CONNECT."""
        return self._script.recorded()

    def _refuse(self, address: Any) -> Any:
        is_pair = isinstance(address, tuple)
        target = f"{address[0]}:{address[1]}" if is_pair else str(address)
        self._script.record(Request("CONNECT", target, sent_at_s=self.clock.now()))
        raise OSError(f"no real connection while the sites are mocked: {target}")

    def _respond(
        self, prepared: requests.PreparedRequest
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        request = self._request(prepared)
        with self._lock:
            script = self._script
            record = script.record(request)
            is_mocked = request.origin in self._origins or is_redirected(script)
            response = script.next_response() if is_mocked else None
            if response is not None:
                record.response = response
                record.request = replace(request, answered_at_s=self.clock.now())
        if response is None:
            problem = f"request {len(script.records)} is unscripted"
            expected = [str(response.status) for response in script.responses]
            if not is_mocked:
                problem, expected = f"{request.origin} is not mocked", self._origins
            message = f"{problem}; expected: {', '.join(expected) or 'none'}"
            raise requests.ConnectionError(message, request=prepared)
        is_cut = response.delivery is Delivery.CUT
        if response.delivery is Delivery.RESET or (is_cut and not response.body):
            error = ConnectionResetError(104, "Connection reset by peer")
            aborted = urllib3.exceptions.ProtocolError("Connection aborted.", error)
            raise requests.ConnectionError(aborted, request=prepared)
        headers = list(response.headers)
        if not has_framing(response):
            headers.append(("Content-Length", str(len(response.body))))
        body = response.body
        return response.status, headers, body[: len(body) // 2] if is_cut else body

    def _request(self, prepared: requests.PreparedRequest) -> Request:
        parts = urlsplit(str(prepared.url))
        authority = parts.netloc.rpartition("@")[2].removesuffix(":443")
        headers = [(text(name), text(v)) for name, v in prepared.headers.items()]
        body = prepared.body or b""
        return Request(
            method=str(prepared.method),
            url=f"{parts.scheme}://{authority}{prepared.path_url}",
            headers=tuple(headers),
            body=body.encode() if isinstance(body, str) else bytes(body),
            sent_at_s=self.clock.now(),
        )


def is_redirected(script: Script) -> bool:
    """Return whether a redirect was sent. The request after it may go anywhere."""
    return any(
        300 <= response.status < 400 and response.header("Location") is not None
        for response in script.responses[: script.sent]
    )


def has_framing(response: Response) -> bool:
    """Return whether a response needs no further Content-Length."""
    return bool(
        response.header("Content-Length")
        or response.header("Transfer-Encoding")
        or response.status in (204, 304)
    )


def text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
