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
from replay_heatmap_contract_options import (
    GROUPS,
    OPTIONS,
    WORDS,
    Option,
    read_settings,
)

OWN_OPTIONS = (
    Option("fault", "SIDE/ID", "Put a built-in fault into the fixtures of every test."),
    Option("prove", "", "Test the tests: each must fail by its faults.", kind=bool),
)
TAKEN = {item.name: item for item in (*OPTIONS, *OWN_OPTIONS) if item.in_pytest}
"""The options of pytest by their names."""

WITHOUT_INI = ("header",)
"""Options whose values may be secrets, which no file of a project may hold."""

SETTINGS = pytest.StashKey[dict[str, Any]]()
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
    for name, item in TAKEN.items():
        text = item.text.replace("%", "%%")
        if item.kind is bool:
            group.addoption(f"--contract-{name}", action="store_true", help=text)
        else:
            action = "append" if item.is_list else "store"
            names = {"metavar": item.metavar, "help": text}
            group.addoption(f"--contract-{name}", action=action, **names)
        if name not in WITHOUT_INI:
            is_list = item.is_list
            kind: Any = "bool" if item.kind is bool else "args" if is_list else "string"
            empty: Any = [] if is_list else False if item.kind is bool else ""
            parser.addini(ini_name(name), text, kind, empty)


def ini_name(name: str) -> str:
    return f"contract_{name}".replace("-", "_")


def own_value(config: pytest.Config, name: str) -> Any:
    """Return an option of the command line, else the ini value."""
    value = config.getoption(ini_name(name))
    return value or (name not in WITHOUT_INI and config.getini(ini_name(name)))


def option(config: pytest.Config, name: str) -> Any:
    """Return an option of the command line, else the ini value, else the setting.

    An option replaces the settings of its whole group.
    """
    item = TAKEN[name]
    stem = name.removesuffix("-version")
    group = next((names for names in GROUPS if stem in names), (name,))
    value = own_value(config, name)
    if not (value or any(own_value(config, other) for other in group)):
        value = config.stash.get(SETTINGS, {}).get(name, value)
    return converted(item, value)


def converted(item: Option, value: Any) -> Any:
    """Return a value in the type of its option. Raise UsageError."""
    try:
        if value in (None, "", []) or item.is_list:
            return value or ([] if item.is_list else None)
        return item.kind(value)
    except ValueError:
        problem = f"must be {WORDS[item.kind]}; is {value!r}"
        raise pytest.UsageError(f"--contract-{item.name}: {problem}") from None


def is_used(config: pytest.Config) -> bool:
    return bool(config.stash.get(SETTINGS, {})) or any(
        own_value(config, name) for name in TAKEN
    )


def pytest_configure(config: pytest.Config) -> None:
    text = "proven_by(*faults): --contract-prove must see the test fail under each"
    config.addinivalue_line("markers", text)
    for name in TAKEN:
        value = config.getoption(ini_name(name))
        if "" in (value if isinstance(value, list) else [value]):
            problem = "an empty argument; is a variable not set?"
            raise pytest.UsageError(f"--contract-{name}: {problem}")
    try:
        config.stash[SETTINGS] = read_settings(config.rootpath)
        if is_used(config):
            package("plugin").configure(config)
    except (ValueError, pytest.fail.Exception) as error:
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


def pytest_sessionfinish(session: pytest.Session) -> None:
    if is_used(session.config):
        package("plugin").write_files(session.config)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if option(config, "prove"):
        package("plugin").show_proofs(terminalreporter)


# -- fixtures --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def contract_mock(pytestconfig: pytest.Config) -> Iterator[Any]:
    """The sites by `responses`: respond(), requests, last_request."""
    own_sites = option(pytestconfig, "own-site")
    with package("fixtures").mocked_sites(own_sites) as sites:
        yield sites


@pytest.fixture(scope="session")
def contract_sites(pytestconfig: pytest.Config) -> Iterator[Any]:
    """The sites over TLS: the same, and proxy_url, ca_file, environment."""
    with package("fixtures").tls_sites(option(pytestconfig, "own-site")) as sites:
        yield sites


@pytest.fixture(scope="session")
def contract_sandbox() -> Iterator[Any]:
    """The reference service on loopback: url, headers, snapshot_id."""
    with package("fixtures").reference_service() as service:
        yield service


@pytest.fixture(scope="session")
def contract_client(pytestconfig: pytest.Config) -> Any:
    """The minimal client, a function of the site. Override it with your own."""
    return package("fixtures").MinimalClients(option(pytestconfig, "own-site"))


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
