"""The fixtures for tests of one's own: mocked sites, sites over TLS, the sandbox.

A fixture lives as long as the session, since Hypothesis refuses function-scoped ones.
`active` wraps the call of a test: it lets the fixture act inside the test, and makes it
new before each example of Hypothesis.
"""

import json as json_module
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial, wraps
from inspect import iscoroutinefunction
from itertools import chain
from typing import Any, NoReturn, TypeAlias, TypeVar
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import core
from hypothesis.vendor import pretty
from replay_heatmap_contract import UNSCRIPT, option

from contract.cases.client import JSON, catalogue, raw_response
from contract.cases.parameters import EXAMPLE_ID
from contract.client import SnapshotClient, SnapshotError
from contract.endpoint import create_body
from contract.engine.selection import select
from contract.errors import UsageError
from contract.faults import Fault, client_fault, service_fault
from contract.faults.plain import RECORDING_FAULTS, PlainFaultyClient
from contract.jsondiff import MISSING
from contract.model import ClientCase, Json, Request, Response
from contract.sandbox import ORGS, Sandbox, serving
from contract.servers import Script
from contract.servers.fake_sites import FakeSites
from contract.servers.mock import MockedSites
from contract.spec import load

MARKER = "proven_by"

Alteration: TypeAlias = Callable[[Response], Response]
Fixture = TypeVar("Fixture")


class OpenScript(Script):
    """A script that grows. Its last response repeats."""

    responses: list[Response]

    def __init__(
        self, default: Response, responses: Sequence[Response], alter: Alteration
    ) -> None:
        super().__init__(list(responses))
        self.default, self.alter = default, alter

    def next_response(self) -> Response:
        self.sent += 1
        responses = self.responses or [self.default]
        return self.alter(responses[min(self.sent, len(responses)) - 1])


INACTIVE = "the sites act only in the body of a test that names their fixture"


class Sites:
    """The sites. They answer 200 until a test scripts more.

    While a test runs, DD_API_KEY and DD_APP_KEY hold `api_key` and `app_key`.
    """

    def __init__(
        self,
        server: MockedSites | FakeSites,
        context: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._server, self._context = server, context
        self.case: ClientCase = catalogue().plain
        self.api_key = self.case.credential.api_key
        self.app_key = self.case.credential.app_key
        self.alter: Alteration = lambda response: response
        self._of_fixtures: list[Response] = []
        self.renew_script()
        self._is_active = False

    def respond(
        self,
        status: int = 200,
        *,
        json: Json = MISSING,
        body: bytes | str = b"",
        media_type: str | None = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Script the next response, with `json` or `body`. The last one repeats.

        What a fixture scripts is there in each example of a test.
        """
        body = body if json is MISSING else json_module.dumps(json)
        content = body.encode() if isinstance(body, str) else body
        fields = tuple((headers or {}).items())
        is_typed = "content-type" in map(str.lower, headers or {})
        media_type = media_type if content and not is_typed else None
        response = raw_response(content, status, media_type, fields)
        if self._is_active:
            self.script.responses.append(response)
        else:
            refuse_unless_in("setup", INACTIVE)
            self._of_fixtures.append(response)
            UNSCRIPT.append(partial(self._of_fixtures.remove, response))

    @property
    def requests(self) -> tuple[Request, ...]:
        if not self._is_active:
            refuse(INACTIVE)
        return self._server.recorded()[0]

    @property
    def last_request(self) -> Request:
        """The last request. Raises AssertionError if none was sent."""
        requests = self.requests
        assert requests, "no request was sent"  # noqa: S101
        return requests[-1]

    @contextmanager
    def active(self) -> Iterator[None]:
        keys = {"DD_API_KEY": self.api_key, "DD_APP_KEY": self.app_key}
        try:
            with self._context(), patch.dict(os.environ, keys):
                self._is_active = True
                self.renew()
                yield
        finally:
            self._is_active = False

    def renew(self) -> None:
        self.renew_script()
        self._server.start(self.script)

    def renew_script(self) -> None:
        (default,) = self.case.responses
        self.script = OpenScript(default, self._of_fixtures, self.alter)

    def case_of(self, snapshot_id: str, body: Json) -> ClientCase:
        responses = tuple(self.script.responses) or self.case.responses
        return replace(
            self.case, snapshot_id=snapshot_id, body=body, responses=responses
        )


class TlsSites(Sites):
    """The sites over TLS, behind a proxy on loopback.

    The environment of this process leads to them while a test runs.
    """

    def __init__(self, server: FakeSites) -> None:
        super().__init__(server, server.in_environment)
        self.proxy_url = server.proxy_url
        self.ca_file = str(server.ca_file)
        self.environment = server.environment()


class ReferenceService:
    """The sandbox on loopback. It holds one snapshot, `snapshot_id`.

    `headers` are the keys of its organization.
    """

    snapshot_id = EXAMPLE_ID
    headers: Mapping[str, str] = dict(
        zip(load().auth_headers, ORGS[0].keys, strict=True)
    )

    def __init__(self) -> None:
        self.url = ""
        self.fault: Fault | None = None
        self.renew()

    @contextmanager
    def active(self) -> Iterator[None]:
        self.renew()
        yield

    def renew(self) -> None:
        make = self.fault.make_sandbox if self.fault else Sandbox
        ids = chain([EXAMPLE_ID], iter(lambda: str(uuid4()), ""))
        self._sandbox = make(new_id=ids.__next__)
        attributes = create_body("view", "name")["data"]["attributes"]
        self._sandbox.insert(ORGS[0], attributes)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer one request (PEP 3333)."""
        return self._sandbox(environ, start_response)


class MinimalClients:
    """Makes minimal clients, with the keys of the environment."""

    def __init__(self, own_sites: Sequence[str]) -> None:
        self._own_sites = own_sites

    def __call__(self, site: str) -> SnapshotClient:
        refuse_unless_in("call", "call contract_client in the body of a test")
        return SnapshotClient(site=site, own_sites=self._own_sites)


@contextmanager
def mocked_sites(own_sites: Sequence[str] = ()) -> Iterator[Sites]:
    server = MockedSites(load().with_sites(own_sites).sites)
    yield Sites(server, lambda: server)


@contextmanager
def tls_sites(own_sites: Sequence[str] = ()) -> Iterator[TlsSites]:
    with FakeSites(load().with_sites(own_sites).sites) as server:
        yield TlsSites(server)


@contextmanager
def reference_service() -> Iterator[ReferenceService]:
    service = ReferenceService()
    with serving(service) as service.url:
        yield service


# -- the test --------------------------------------------------------------------------


@contextmanager
def play_fixtures(item: Any) -> Iterator[None]:
    """Let the fixtures of a test act in it, with its faults in a proof."""
    name = option(item.config, "fault")
    if not option(item.config, "prove"):
        with with_fault(item, name) if name else nullcontext(), active_in(item):
            yield
        return
    names = [name for mark in item.iter_markers(MARKER) for name in mark.args]
    if not names:
        refuse(f"it names no fault: mark it with {MARKER}")
    for number, name in enumerate(names, start=1):
        with with_fault(item, name), active_in(item), expected_failure(item, name):
            if number < len(names):
                item.runtest()
            else:
                yield


@contextmanager
def expected_failure(item: Any, name: str) -> Iterator[None]:
    """Note the failure of a test under a fault. Fail if there is none."""
    try:
        yield
    except BaseException as error:
        if not is_failure(error):
            raise
        text = f"{item.originalname or item.name} fails under {name}"
        item.user_properties.append((MARKER, f"{text}: {type(error).__name__}"))
    else:
        refuse(f"it passes under the fault {name}")


def is_failure(error: BaseException) -> bool:
    """Return whether a test failed, rather than could not be played."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_failure, error.exceptions))
    return isinstance(error, AssertionError | pytest.fail.Exception | SnapshotError)


@contextmanager
def with_fault(item: Any, name: str) -> Iterator[None]:
    """Put a fault into a test: `client/ID`, `service/ID` or `recording/ID`."""
    arguments: dict[str, Any] = item.funcargs
    change: AbstractContextManager[Any]
    try:
        side, fault = named_fault(name)
        if side == "service":
            service = needed(arguments, ReferenceService, name)
            change = patch.object(service, "fault", fault)
        elif side == "recording":
            change = patch.object(needed(arguments, Sites, name), "alter", fault)
        else:
            sites = needed(arguments, Sites, name)
            make = partial(PlainFaultyClient, fault, sites.case_of)
            change = patch.dict(arguments, contract_client=make)
    except UsageError as error:
        refuse(str(error))
    with change:
        yield


def named_fault(name: str) -> tuple[str, Any]:
    """Return the side and the fault of a name. Raises UsageError."""
    side, _, fault_id = str(name).partition("/")
    sides = {"client": client_fault, "service": service_fault}
    if side in sides:
        return side, sides[side](fault_id)
    if side != "recording":
        raise UsageError(f"fault {name!r}: must be client/, service/ or recording/ID")
    return side, select("fault of recordings", [fault_id], RECORDING_FAULTS)[0]


def needed(arguments: Mapping[str, Any], kind: type[Fixture], name: str) -> Fixture:
    for value in arguments.values():
        if isinstance(value, kind):
            return value
    raise UsageError(f"it asks for no fixture that {name} can be put into")


@contextmanager
def active_in(item: Any) -> Iterator[None]:
    values = {id(value): value for value in item.funcargs.values()}.values()
    resources = [v for v in values if isinstance(v, Sites | ReferenceService)]
    if len(resources) > 1:
        refuse("ask for one of contract_mock, contract_sites and contract_sandbox")
    if not resources:
        if any(isinstance(value, MinimalClients) for value in values):
            refuse("contract_client needs contract_mock or contract_sites beside it")
        yield
        return
    (resource,) = resources
    with ExitStack() as stack:
        stack.enter_context(resource.active())
        stack.enter_context(renewed_for_each_example(item.obj, resource))
        # The plugin of Schemathesis replaces the printer of the whole process by one
        # that prints no arguments.
        printer = pretty.RepresentationPrinter
        stack.enter_context(patch.object(core, "RepresentationPrinter", printer))
        yield


def refuse(reason: str) -> NoReturn:
    raise pytest.fail.Exception(reason, pytrace=False) from None


def refuse_unless_in(phase: str, reason: str) -> None:
    if not os.environ.get("PYTEST_CURRENT_TEST", "").endswith(f"({phase})"):
        refuse(reason)


@contextmanager
def renewed_for_each_example(
    test: Any, resource: Sites | ReferenceService
) -> Iterator[None]:
    """Wrap the inner test of Hypothesis, which is called once for each example."""
    handle = getattr(test, "hypothesis", None)
    if handle is None:
        yield
        return
    inner = handle.inner_test

    @wraps(inner)
    def example(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        resource.renew()
        return inner(*args, **kwargs)

    async def async_example(*args: Any, **kwargs: Any) -> Any:
        return await example(*args, **kwargs)

    # anyio looks for a coroutine function.
    renewing = async_example if iscoroutinefunction(inner) else example
    with patch.object(handle, "inner_test", renewing):
        yield
