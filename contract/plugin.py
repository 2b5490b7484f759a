"""The pytest plugin: what is put under the clauses, and failures that say what is wrong.

    pytest                                         the minimal client on mocked sites, the embedded sandbox
    pytest --client-command 'node driver.js'       any program that speaks the driver protocol, over real TLS
    pytest --client-python our_client:factory      any Python object with update(case)
    pytest --service-url http://127.0.0.1:8080     a service, with the keys of DD_API_KEY and DD_APP_KEY
    pytest --live datadoghq.eu                     a live site's sandbox organization
    pytest --site datadoghq.eu --profile nightly   one site; random cases, whose seed is printed

A suite of its own loads it with `pytest_plugins = ["contract.plugin"]` and asks for the
fixtures `hold_client` and `hold_service`; `client_scenario` and `service_scenario` make a test of each scenario.
"""

import random
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest

from contract.api import client_under_test, services_under_test
from contract.cases.client import Scenario, client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.engine.runner import INTERRUPTED, PROFILES, run
from contract.engine.schedule import plan
from contract.engine.selection import chosen_profile, chosen_sites
from contract.engine.verdict import Verdict
from contract.errors import ContractError
from contract.live import check_live
from contract.recordings import recorded_scenarios
from contract.report import explain
from contract.spec import load
from contract.subjects.in_process import ClientSubject
from contract.subjects.multi_site import SeveralSites

__all__ = ["hold_client", "hold_service"]

_MOST_SHOWN = 5
_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say what is under test and how much is played."""
    group = parser.getgroup(
        "contract", "the contract of “Update replay heatmap snapshot”"
    )
    group.addoption(
        "--client-command",
        metavar="COMMAND",
        help="a client that speaks the driver protocol",
    )
    group.addoption(
        "--client-python", metavar="MODULE:FACTORY", help="a client of this process"
    )
    group.addoption(
        "--service-url",
        action="append",
        default=[],
        metavar="URL",
        help="a service; repeatable: sites of one",
    )
    group.addoption(
        "--live",
        metavar="SITE",
        help="a live site, in the sandbox organization CONTRACT_SANDBOX_ORG_ID",
    )
    group.addoption(
        "--recordings",
        metavar="DIR",
        help="play recorded answers to clients instead of generated ones",
    )
    group.addoption(
        "--site",
        action="append",
        default=[],
        metavar="SITE",
        help="on this site only; repeatable",
    )
    group.addoption(
        "--profile",
        default="ci",
        metavar="|".join(PROFILES),
        help="how much is played (default: ci)",
    )
    group.addoption(
        "--contract-seed",
        type=int,
        metavar="N",
        help="seed of generated cases (nightly: random)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything is collected; choose the seed, the same on every worker of xdist."""
    try:
        chosen_sites(
            [*config.getoption("site"), *filter(None, [config.getoption("live")])],
            load(),
        )
        profile = chosen_profile(config.getoption("profile"))
    except ContractError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("client_command") and config.getoption("client_python"):
        raise pytest.UsageError(
            "one client at a time: give --client-command or --client-python"
        )
    if config.getoption("live") and config.getoption("service_url"):
        raise pytest.UsageError("one service at a time: give --live or --service-url")
    seed = config.getoption("contract_seed")
    if seed is None:
        given = getattr(config, "workerinput", {}).get("contract_seed")
        seed = (
            given
            if given is not None
            else random.randrange(2**32)  # noqa: S311
            if profile.name == "nightly"
            else 1
        )
    config.stash[_SEED] = seed


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each scenario where a test asks for `client_scenario` or `service_scenario`."""
    recordings, spec = metafunc.config.getoption("recordings"), load()
    scenarios: dict[str, Callable[[], tuple[Scenario, ...]]] = {
        "client_scenario": lambda: (
            recorded_scenarios(Path(recordings))
            if recordings
            else client_scenarios(spec)
        ),
        "service_scenario": lambda: service_scenarios(spec),
    }
    for name, make in scenarios.items():
        if name in metafunc.fixturenames:
            try:
                metafunc.parametrize(name, make(), ids=lambda each: each.name)
            except ContractError as error:
                raise pytest.UsageError(f"--recordings {recordings}: {error}") from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist the seed."""
    node.workerinput["contract_seed"] = node.config.stash[_SEED]


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is under test, and the seed that plays the same again."""
    client = (
        config.getoption("client_command")
        or config.getoption("client_python")
        or "minimal"
    )
    service = (
        config.getoption("live")
        or ", ".join(config.getoption("service_url"))
        or "sandbox"
    )
    profile, seed = config.getoption("profile"), config.stash[_SEED]
    return f"contract: client {client}, service {service}, profile {profile}, --contract-seed {seed}"


@pytest.fixture(scope="session")
def _real_client(pytestconfig: pytest.Config) -> Iterator[ClientSubject | None]:
    """The client that the options name, started once; None stands for the minimal one."""
    command, python = (
        pytestconfig.getoption("client_command"),
        pytestconfig.getoption("client_python"),
    )
    with ExitStack() as stack:
        try:
            client = shlex.split(command) if command else python
            yield (
                stack.enter_context(client_under_test(client, load()))
                if client
                else None
            )
        except ContractError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture
def hold_client(
    pytestconfig: pytest.Config, _real_client: ClientSubject | None
) -> Iterator[Callable[[Scenario], None]]:
    """Return a function that plays a scenario on the client under test and fails where a clause is broken."""
    config, spec = pytestconfig, load()
    command, python = (
        config.getoption("client_command"),
        config.getoption("client_python"),
    )
    with (
        nullcontext(_real_client)
        if _real_client
        else client_under_test(None, spec) as subject
    ):

        def hold(scenario: Scenario) -> None:
            __tracebackhide__ = True
            profile, sites = (
                chosen_profile(config.getoption("profile")),
                chosen_sites(config.getoption("site"), spec),
            )
            verdict = run(
                subject,
                (scenario,),
                CLIENT,
                spec,
                profile=profile,
                seed=config.stash[_SEED],
                sites=sites,
            )
            verdict.arguments = (
                f" -- {command}" if command else f" --python {python}" if python else ""
            )
            _settle(verdict)

        yield hold


@pytest.fixture(scope="session")
def _services(pytestconfig: pytest.Config) -> Iterator[SeveralSites]:
    """The service that the options name, else the embedded sandbox, set up once."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(
                services_under_test(*pytestconfig.getoption("service_url"))
            )
        except ContractError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture
def hold_service(
    pytestconfig: pytest.Config, request: pytest.FixtureRequest
) -> Callable[[Scenario], None]:
    """Return a function that plays a scenario on the service under test and fails where a clause is broken."""
    live, urls = pytestconfig.getoption("live"), pytestconfig.getoption("service_url")
    profile, seed, spec = (
        pytestconfig.getoption("profile"),
        pytestconfig.stash[_SEED],
        load(),
    )

    def hold(scenario: Scenario) -> None:
        __tracebackhide__ = True
        if live:
            try:
                verdict = check_live(
                    live, profile=profile, seed=seed, scenarios=[scenario]
                )
            except ContractError as error:
                pytest.fail(str(error), pytrace=False)
        else:
            subject: SeveralSites = request.getfixturevalue("_services")
            rules, sites = chosen_profile(profile), subject.sites
            planned, _ = plan((scenario,), rules)
            verdict = run(
                subject, planned, SERVICE, spec, profile=rules, seed=seed, sites=sites
            )
        verdict.arguments = (
            f" --live {live}" if live else "".join(f" --service {url}" for url in urls)
        )
        _settle(verdict)

    return hold


def _settle(verdict: Verdict) -> None:
    """Fail with what is wrong; skip, with the reason, what cannot be played here; let Ctrl-C end pytest."""
    __tracebackhide__ = True
    if verdict.interrupted == INTERRUPTED:
        raise KeyboardInterrupt
    if verdict.counting:
        shown = [explain(breach, verdict) for breach in verdict.counting[:_MOST_SHOWN]]
        more = len(verdict.counting) - len(shown)
        clauses = ", ".join(dict.fromkeys(each.clause for each in verdict.counting))
        rest = [f"and {more} more, of {clauses} in all"] if more else []
        pytest.fail("\n\n".join([*shown, *rest]), pytrace=False)
    if verdict.left:
        pytest.fail(f"could not be removed: {', '.join(verdict.left)}", pytrace=False)
    if verdict.interrupted:
        pytest.fail(f"ended early: {verdict.interrupted}", pytrace=False)
    if verdict.verdict == "unknown":
        pytest.skip(
            "; ".join(dict.fromkeys(verdict.unplayed.values())) or "no case of it here"
        )
