"""The pytest plugin of the contract, as pytest finds it. `contract/plugin.py` acts.

An installation puts this file beside the package, under the name of the distribution.
It imports nothing of the package until an option, an ini value or a fixture asks for
it, so that it costs a foreign run nothing. A folder `tests/contract/` with an
`__init__.py` may take the package's name there. PYTEST_DONT_REWRITE
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

TEXT_OPTIONS = {
    "client": ("COMMAND", "a client that speaks the driver protocol"),
    "python": ("MODULE:FACTORY", "a client of this process"),
    "driver": ("NAME", "an official SDK with a built-in driver, or curl"),
    "live": ("SITE", "a live site, in the organization CONTRACT_SANDBOX_ORG_ID"),
    "recordings": ("DIR", "play recorded responses to clients"),
    "accepted": ("FILE", "accepted breaches"),
    "profile": ("quick|ci|nightly", "number of cases (default: ci)"),
    "seed": ("N", "random seed (default: 1, nightly: random)"),
    "jobs": ("N", "drivers that play at once (default: 1)"),
    "waiting": ("N", "more drivers, which only wait (default: 8)"),
    "fault": ("SIDE/ID", "put a built-in fault into the fixtures of every test"),
}
LIST_OPTIONS = {
    "service": ("URL", "a service; several URLs are sites of one service"),
    "site": ("SITE", "one site; repeatable"),
    "clause": ("ID", "one clause; repeatable"),
    "scenario": ("NAME", "one scenario; repeatable"),
}
FLAGS = {
    "strict": "let a broken 'should' count",
    "prove": "run each test against the faults of its mark proven_by; it must fail",
}
SCENARIO_FIXTURES = ("contract_client_scenario", "contract_service_scenario")
ACTING_FIXTURES = frozenset(
    ("contract_mock", "contract_sites", "contract_sandbox", "contract_client")
)

UNSCRIPT: list[Callable[[], None]] = []
"""Each takes back a response of the fixture in setup."""


def package(module: str) -> Any:
    """Import a module of the package. Fail in one line if another one hides it."""
    home = importlib.import_module("contract")
    if "same_json" in getattr(home, "__all__", ()):
        return importlib.import_module(f"contract.{module}")
    pytest.fail(
        f"the package contract is hidden by {getattr(home, '__file__', None)}: remove "
        "that __init__.py, or put another one into the folder above it",
        pytrace=False,
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "contract of Update replay heatmap snapshot")
    for name, (metavar, text) in TEXT_OPTIONS.items():
        group.addoption(f"--contract-{name}", metavar=metavar, help=text)
        parser.addini(f"contract_{name}", text, "string", "")
    for name, (metavar, text) in LIST_OPTIONS.items():
        group.addoption(
            f"--contract-{name}", action="append", metavar=metavar, help=text
        )
        parser.addini(f"contract_{name}", text, "args", [])
    for name, text in FLAGS.items():
        group.addoption(f"--contract-{name}", action="store_true", help=text)
        parser.addini(f"contract_{name}", text, "bool", False)


def option(config: pytest.Config, name: str) -> Any:
    """Return an option of the command line, else the ini value."""
    return config.getoption(f"contract_{name}") or config.getini(f"contract_{name}")


def is_used(config: pytest.Config) -> bool:
    names = (*TEXT_OPTIONS, *LIST_OPTIONS, *FLAGS)
    return any(option(config, name) for name in names)


def pytest_configure(config: pytest.Config) -> None:
    text = "proven_by(*faults): --contract-prove must see the test fail under each"
    config.addinivalue_line("markers", text)
    for name in (*TEXT_OPTIONS, *LIST_OPTIONS):
        value = config.getoption(f"contract_{name}")
        if "" in (value if isinstance(value, list) else [value]):
            problem = "an empty argument; is a variable not set?"
            raise pytest.UsageError(f"--contract-{name}: {problem}")
    if is_used(config):
        try:
            package("plugin").configure(config)
        except pytest.fail.Exception as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    if is_used(node.config):
        node.workerinput["contract_seed"] = package("plugin").seed(node.config)


def pytest_report_header(config: pytest.Config) -> str | None:
    return package("plugin").header(config) if is_used(config) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture in SCENARIO_FIXTURES:
        if fixture in metafunc.fixturenames:
            package("plugin").parametrize(metafunc, fixture)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Iterator[None]:
    """Let the fixtures act in the test that asks for them."""
    request: Any = getattr(item, "_request", None)
    names = ACTING_FIXTURES.intersection(getattr(request, "fixturenames", ()))
    if not names:
        return (yield)
    for name in names - item.funcargs.keys():  # of getfixturevalue
        item.funcargs[name] = request.getfixturevalue(name)
    with package("fixtures").play_fixtures(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Let what a fixture scripts end with it."""
    try:
        return (yield)
    finally:
        while UNSCRIPT:
            request.addfinalizer(UNSCRIPT.pop())


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if option(config, "prove"):
        package("plugin").keep_provable(config, items, ACTING_FIXTURES)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if option(config, "prove"):
        package("plugin").show_proofs(terminalreporter)


# -- fixtures --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def contract_mock() -> Iterator[Any]:
    """The sites by `responses`: respond(), requests, last_request."""
    with package("fixtures").mocked_sites() as sites:
        yield sites


@pytest.fixture(scope="session")
def contract_sites() -> Iterator[Any]:
    """The sites over TLS: the same, and proxy_url, ca_file, environment."""
    with package("fixtures").tls_sites() as sites:
        yield sites


@pytest.fixture(scope="session")
def contract_sandbox() -> Iterator[Any]:
    """The reference service on loopback: url, headers, snapshot_id."""
    with package("fixtures").reference_service() as service:
        yield service


@pytest.fixture(scope="session")
def contract_client() -> Any:
    """The minimal client, a function of the site. Override it with your own."""
    return package("fixtures").MinimalClients()


@pytest.fixture(scope="session")
def contract_started_client(pytestconfig: pytest.Config) -> Iterator[Any]:
    """The client that the options name, started once, and its words."""
    with package("plugin").started_client(pytestconfig) as client:
        yield client


@pytest.fixture(scope="session")
def contract_started_services(pytestconfig: pytest.Config) -> Iterator[Any]:
    """The service that the options name, else the sandbox, set up once."""
    with package("plugin").started_services(pytestconfig) as services:
        yield services


@pytest.fixture
def contract_check_client(
    pytestconfig: pytest.Config, contract_started_client: Any
) -> Iterator[Any]:
    """Plays a scenario on the client, and fails on a breach."""
    with package("plugin").client_check(pytestconfig, contract_started_client) as check:
        yield check


@pytest.fixture
def contract_check_service(
    pytestconfig: pytest.Config, request: pytest.FixtureRequest
) -> Any:
    """Plays a scenario on the service, and fails on a breach."""
    return package("plugin").service_check(pytestconfig, request.getfixturevalue)
