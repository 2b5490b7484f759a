"""The sites within this process, by `responses`: scripted responses and no way out.

On `server.clock` sleeping takes no time. Until the context ends, opening a socket
raises OSError.
"""

import io
import re
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

import requests
import responses
import urllib3
from urllib3 import HTTPHeaderDict, HTTPResponse

from contract.model import ClientCase, Delivery, Request, Response, Tls
from contract.servers import Recorded, Script, script_of, virtual_clock
from contract.servers.answers import framed_headers, packed
from contract.servers.fake_sites import FakeSites
from contract.servers.guard import guarded_sockets

DELIVERIES = (Delivery.WHOLE, Delivery.GZIP, Delivery.CUT, Delivery.RESET)
FRAMING = {"connection", "transfer-encoding"}


class AnyRequest(responses.CallbackResponse):
    """Matches every request. The clauses judge whether it is the right one."""

    def matches(self, request: requests.PreparedRequest) -> tuple[bool, str]:
        return True, ""

    def get_response(self, request: requests.PreparedRequest) -> HTTPResponse:
        """Return the callback's response in half of the time."""
        response: HTTPResponse = self.callback(request)
        return response


class MockedSites:
    """The sites, as a context manager. It patches `requests` and the socket module."""

    is_real_time = False
    latency_s = 0.0

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
            stack.enter_context(guarded_sockets(self._refuse))
            self._patches = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def skip_reason(self, case: ClientCase) -> str:
        """Return why only real sockets can play a case."""
        if case.tls is not Tls.TRUSTED:
            return "only a real socket has another certificate"
        first = case.first_call
        responses = (*case.responses, *((first.response,) if first else ()))
        if any(response.delivery not in DELIVERIES for response in responses):
            return "only a real socket has this delivery"
        names = {name.lower() for response in responses for name, _ in response.headers}
        if names & FRAMING:
            return "only a real socket has a framing"
        if first is not None and first.is_closed:
            return "only a real connection can be closed"
        return ""

    def script(self, case: ClientCase, site: str) -> None:
        self.follow(case.opening or case)

    def follow(self, case: ClientCase) -> None:
        """Answer with the responses of a case whose first call has ended."""
        self.start(script_of(case))

    def start(self, script: Script) -> None:
        self._script = script
        self._mock.calls.reset()
        self._handler.calls.reset()

    def end_call(self, *, is_due: bool) -> int:
        """Return 0: a request of this process is never late."""
        return 0

    def recorded(self) -> Recorded:
        """Return the requests. A refused connection is a CONNECT."""
        return self._script.recorded()

    def _refuse(self, target: str, _: bool) -> None:
        self._script.record(Request("CONNECT", target, sent_at_s=self.clock.now()))
        raise OSError(f"no real connection while the sites are mocked: {target}")

    def _respond(self, prepared: requests.PreparedRequest) -> HTTPResponse:
        parts = urlsplit(str(prepared.url))
        authority = parts.netloc.rpartition("@")[2].removesuffix(":443")
        origin = f"{parts.scheme}://{authority}"
        with self._lock:
            script = self._script
            is_mocked = origin in self._origins or is_redirected(script)
            response = script.next_response() if is_mocked else None
            now_s, body = self.clock.now(), prepared.body or b""
            request = Request(
                str(prepared.method),
                origin + prepared.path_url,
                tuple((text(name), text(v)) for name, v in prepared.headers.items()),
                body.encode() if isinstance(body, str) else bytes(body),
                sent_at_s=now_s,
                answered_at_s=now_s if response else 0.0,
            )
            script.record(request).response = response
        if response is None:
            problem = f"request {len(script.records)} is unscripted"
            expected = [str(r.status) for r in script.responses]
            if not is_mocked:
                problem, expected = f"{origin} is not mocked", self._origins
            message = f"{problem}; expected: {', '.join(expected) or 'none'}"
            raise requests.ConnectionError(message, request=prepared)
        is_cut = response.delivery is Delivery.CUT
        if response.delivery is Delivery.RESET or (is_cut and not response.body):
            error = ConnectionResetError(104, "Connection reset by peer")
            aborted = urllib3.exceptions.ProtocolError("Connection aborted.", error)
            raise requests.ConnectionError(aborted, request=prepared)
        response = packed(response, request)
        body, head = response.body, head_of(response).copy()  # clients may change it
        original: Any = None
        if "Set-Cookie" in head:  # requests looks for it in the original response
            (empty := io.BytesIO()).close()
            original = HTTPResponse(empty, msg=head)
        return HTTPResponse(
            io.BytesIO(body[: len(body) // 2] if is_cut else body),
            head,
            response.status,
            original_response=original,
            preload_content=False,
        )


class LocalSites:
    """The mocked sites, and the fake sites for cases that need real sockets.

    The mocked sites patch `requests`, and clients find the fake sites by the
    environment. So one of them is active at a time.
    """

    is_real_time = False
    latency_s = 0.0

    def __init__(self, sites: Sequence[str]) -> None:
        self._mocked = MockedSites(sites)
        self.clock = self._mocked.clock
        self._fake = FakeSites(sites, self.clock)
        self._last: tuple[ClientCase | None, bool] = None, False
        self._server: MockedSites | FakeSites = self._mocked
        self._active = ExitStack()

    def __enter__(self) -> Self:
        self._fake.__enter__()
        self._active.enter_context(self._mocked)
        return self

    def __exit__(self, *error: object) -> None:
        self._active.close()
        self._fake.__exit__(*error)

    def skip_reason(self, case: ClientCase) -> str:
        return ""

    def is_on_loopback(self, case: ClientCase) -> bool:
        """Return whether a case meets the fake sites."""
        if case is not self._last[0]:  # it is played on one site after the other
            self._last = case, bool(self._mocked.skip_reason(case))
        return self._last[1]

    def script(self, case: ClientCase, site: str) -> None:
        server = self._fake if self.is_on_loopback(case) else self._mocked
        if server is not self._server:
            self._active.close()
            is_fake = server is self._fake
            context = self._fake.in_environment() if is_fake else self._mocked
            self._active.enter_context(context)
            self._server = server
        server.script(case, site)

    def end_call(self, *, is_due: bool) -> int:
        return self._server.end_call(is_due=is_due)

    def follow(self, case: ClientCase) -> None:
        self._server.follow(case)

    def recorded(self) -> Recorded:
        return self._server.recorded()


@lru_cache(maxsize=8)
def head_of(response: Response) -> Any:
    """Return the head of a response to one site after the other."""
    return HTTPHeaderDict(framed_headers(response, len(response.body)))


def is_redirected(script: Script) -> bool:
    """Return whether a redirect was sent, so that requests may go anywhere."""
    sent = script.responses[: script.sent]
    return any(response.location is not None for response in sent)


def text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
