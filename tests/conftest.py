"""Fixtures that several test files need."""

import json
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import responses
import yaml
from hypothesis import settings

from contract import client as minimal_client
from contract.drift import Drift, drift
from contract.sandbox import Sandbox, serving
from contract.servers.fake_sites import FakeSites
from contract.servers.mock import MockedSites
from contract.spec import Spec, load
from tests.unit.client_support import Wire
from tests.unit.live_runs import LiveRuns
from tests.unit.sandbox_support import Caller, Clock

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CLIENT_VARIABLES = (
    "DD_SITE",
    "DD_API_KEY",
    "DD_APP_KEY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
)

# -- the spec --------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Play the same examples in each run, others with --hypothesis-seed.

    A shell lets a job in the background ignore Ctrl-C, which tests send to themselves.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    is_fixed = config.getoption("--hypothesis-seed") is None
    settings.register_profile(
        "tests", derandomize=is_fixed, deadline=None, database=None
    )
    settings.load_profile("tests")


@pytest.fixture(scope="session")
def spec() -> Spec:
    """Return the spec of the checkout."""
    return load()


@pytest.fixture
def write_spec(tmp_path: Path, spec: Spec) -> Callable[..., Path]:
    """Write a changed copy of the document, and an overlay of some actions."""

    def write(
        change: Callable[[dict[str, Any]], object] = lambda document: None,
        *actions: dict[str, Any],
    ) -> Path:
        document = json.loads(json.dumps(spec.document))
        change(document)
        changes = {"overlay": "1.0.0", "actions": actions}
        (tmp_path / "openapi.yaml").write_text(json.dumps(document))
        (tmp_path / "observed.overlay.yaml").write_text(json.dumps(changes))
        return tmp_path

    return write


@pytest.fixture
def compare(spec: Spec, tmp_path: Path) -> Callable[..., Drift]:
    """Compare pages, OpenAPI documents and one cassette, given as texts, with the spec."""

    def compare(
        *pages: str,
        openapis: tuple[str, ...] = (),
        cassette: dict[str, Any] | None = None,
    ) -> Drift:
        sources: dict[str, list[str]] = {"md": [], "yaml": []}
        for suffix, texts in (("md", pages), ("yaml", openapis)):
            for number, text in enumerate(texts):
                file = tmp_path / f"{number}.{suffix}"
                file.write_text(text, encoding="utf-8")
                sources[suffix].append(str(file))
        recordings = []
        if cassette is not None:
            recordings = [tmp_path / "recordings"]
            recordings[0].mkdir()
            (recordings[0] / "one.yaml").write_text(yaml.safe_dump(cassette))
        return drift(sources["md"], sources["yaml"], recordings, spec)

    return compare


# -- the environment -------------------------------------------------------------------


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove everything from the environment that a client reads."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in CLIENT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


@pytest.fixture
def elsewhere(
    bare_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """Work in an empty directory, without any key in the environment."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


BROKEN = (
    "class Broken:\n    def update(self, call):\n        raise OSError(call.site)\n"
)


@pytest.fixture
def broken_client(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the arguments for a client that always raises."""
    monkeypatch.syspath_prepend(elsewhere)
    (elsewhere / "broken_client.py").write_text(BROKEN)
    return ["client", "--python", "broken_client:Broken", "--scenario", "keys"]


# -- the minimal client ----------------------------------------------------------------


@pytest.fixture
def mocked(bare_environment: None) -> Iterator[responses.RequestsMock]:
    """Mock the sites for the minimal client."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def wire(bare_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Point the minimal client at a server on loopback."""
    server = Wire()
    base = f"http://127.0.0.1:{server.port}/api/v2/replay/heatmap/snapshots/"
    monkeypatch.setattr(minimal_client, "URL", base + "{snapshot_id}")
    yield server
    server.close()


# -- sites and services ----------------------------------------------------------------


@pytest.fixture
def mocked_sites(spec: Spec) -> Iterator[MockedSites]:
    """Mock the documented sites in this process."""
    with MockedSites(spec.sites) as sites:
        yield sites


@pytest.fixture
def fake_sites(spec: Spec) -> Iterator[FakeSites]:
    """Serve the documented sites on loopback, over TLS and behind a proxy."""
    with FakeSites(spec.sites) as sites:
        yield sites


@pytest.fixture
def sandbox_url() -> Iterator[str]:
    """Serve a plain sandbox on loopback."""
    with serving(Sandbox()) as url:
        yield url


@pytest.fixture
def short_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for lists that lag for a short time, where real time passes."""
    for name in ("LOOPBACK_LIMIT_S", "REMOTE_LIMIT_S"):
        monkeypatch.setattr(f"contract.subjects.settling.{name}", 0.2)


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LiveRuns]:
    """Play live runs on the sandbox over TLS, by a clock of their own."""
    with LiveRuns(monkeypatch, tmp_path) as runs:
        yield runs


# -- the sandbox -----------------------------------------------------------------------


@pytest.fixture
def sandbox_clock() -> Clock:
    """Return a clock that stands until it is set."""
    return Clock()


@pytest.fixture
def sandbox(sandbox_clock: Clock) -> Sandbox:
    """Return a sandbox whose snapshots have the ids 1, 2, 3 as UUIDs."""
    ids = (str(UUID(int=number)) for number in count(1))
    return Sandbox(clock=sandbox_clock, new_id=ids.__next__)


@pytest.fixture
def call(sandbox: Sandbox) -> Caller:
    """Return calls of the sandbox in this process."""
    return Caller(sandbox)


@pytest.fixture
def snapshot_id(call: Caller) -> str:
    """Return the id of a snapshot in the sandbox."""
    return call.create()
