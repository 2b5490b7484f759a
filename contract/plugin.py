"""The pytest plugin: a test for each scenario, played on a client or a service.

    pytest                                        minimal client, embedded sandbox
    pytest --contract-client 'node driver.js'     a program with the driver protocol
    pytest --contract-python our_client:factory   a Python object with update(call)
    pytest --contract-driver python               an official SDK with a built-in driver
    pytest --contract-service http://127.0.0.1:8080
    pytest --contract-live datadoghq.eu           a live site's sandbox organization

A suite of its own loads it with `pytest_plugins = ["contract.plugin"]` and asks for the
fixtures `hold_client` and `hold_service`. The fixtures `client_scenario` and
`service_scenario` make a test of each scenario.
"""

import random
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.api import Client, client_under_test, services_under_test
from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES, all_causes
from contract.clauses.base import AnyClause
from contract.drivers.building import driver_command
from contract.engine.baseline import read_baseline
from contract.engine.job import RunOptions, make_job
from contract.engine.ledger import INTERRUPTED
from contract.engine.profile import PROFILES
from contract.engine.selection import select, select_profile, select_sites
from contract.engine.subject import Subject
from contract.engine.verdict import Verdict
from contract.errors import ContractError
from contract.live import check_live
from contract.model import SubjectKind
from contract.recordings import recorded_scenarios
from contract.report import explain, make_view
from contract.spec import load
from contract.subjects.service import MultiSiteService

SEED = pytest.StashKey[int]()

TEXT_OPTIONS = {
    "client": ("COMMAND", "a client that speaks the driver protocol"),
    "python": ("MODULE:FACTORY", "a client of this process"),
    "driver": ("NAME", "an official SDK with a built-in driver, or curl"),
    "live": ("SITE", "a live site, in the organization CONTRACT_SANDBOX_ORG_ID"),
    "recordings": ("DIR", "play recorded responses to clients"),
    "accepted": ("FILE", "accepted breaches"),
}
LIST_OPTIONS = {
    "service": ("URL", "a service; several URLs are sites of one service"),
    "site": ("SITE", "one site; repeatable"),
    "clause": ("ID", "one clause; repeatable"),
    "scenario": ("NAME", "one scenario; repeatable"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "contract of Update replay heatmap snapshot")
    for name, (metavar, text) in TEXT_OPTIONS.items():
        group.addoption(f"--contract-{name}", metavar=metavar, help=text)
    for name, (metavar, text) in LIST_OPTIONS.items():
        group.addoption(
            f"--contract-{name}",
            action="append",
            default=[],
            metavar=metavar,
            help=text,
        )
    group.addoption(
        "--contract-profile",
        default="ci",
        metavar="|".join(PROFILES),
        help="number of cases (default: ci)",
    )
    group.addoption(
        "--contract-seed",
        type=int,
        metavar="N",
        help="random seed (default: 1, nightly: random)",
    )
    group.addoption(
        "--contract-strict", action="store_true", help="let a broken 'should' count"
    )


def option(config: pytest.Config, name: str) -> Any:
    return config.getoption(f"contract_{name}")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and choose the seed, the same on every xdist worker."""
    live, accepted = option(config, "live"), option(config, "accepted")
    clauses = {clause.id: clause for clause in (*CLIENT_CLAUSES, *SERVICE_CLAUSES)}
    try:
        select_sites([*option(config, "site"), *([live] if live else [])], load())
        profile = select_profile(option(config, "profile"))
        select("clause", option(config, "clause"), clauses)
        if accepted:
            read_baseline(Path(accepted), all_causes())
    except ContractError as error:
        raise pytest.UsageError(str(error)) from None
    clients = [option(config, name) for name in ("client", "python", "driver")]
    if sum(map(bool, clients)) > 1:
        raise pytest.UsageError(
            "one client at a time: give --contract-client, --contract-python or "
            "--contract-driver"
        )
    if live and option(config, "service"):
        raise pytest.UsageError(
            "one service at a time: give --contract-live or --contract-service"
        )
    seed = option(config, "seed")
    if seed is None:
        seed = getattr(config, "workerinput", {}).get("contract_seed")
    if seed is None:
        is_random = profile.name == "nightly"
        seed = random.randrange(2**32) if is_random else 1  # noqa: S311
    config.stash[SEED] = seed


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["contract_seed"] = node.config.stash[SEED]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each scenario for `client_scenario` and `service_scenario`."""
    recordings = option(metafunc.config, "recordings")
    names = option(metafunc.config, "scenario")
    for fixture in ("client_scenario", "service_scenario"):
        if fixture not in metafunc.fixturenames:
            continue
        try:
            if fixture == "service_scenario":
                scenarios = service_scenarios(load())
            elif recordings:
                scenarios = recorded_scenarios(Path(recordings))
            else:
                scenarios = client_scenarios(load())
        except ContractError as error:
            raise pytest.UsageError(
                f"--contract-recordings {recordings}: {error}"
            ) from None
        chosen = [s for s in scenarios if not names or s.name in names]
        metafunc.parametrize(fixture, chosen, ids=[s.name for s in chosen])


def pytest_report_header(config: pytest.Config) -> str:
    """Name the subjects, and the seed that plays the same again."""
    clients = [option(config, name) for name in ("client", "python", "driver")]
    client = next(filter(None, clients), "minimal")
    service = option(config, "live") or ", ".join(option(config, "service"))
    return (
        f"contract: client {client}, service {service or 'sandbox'}, "
        f"profile {option(config, 'profile')}, --contract-seed {config.stash[SEED]}"
    )


def run_options(
    config: pytest.Config, scenario: Scenario, clauses: Sequence[AnyClause]
) -> RunOptions:
    """Return the options of pytest as those of the Python API.

    Skip the test if none of its clauses is chosen.
    """
    __tracebackhide__ = True
    accepted, chosen = option(config, "accepted"), option(config, "clause")
    ids = [clause.id for clause in clauses if not chosen or clause.id in chosen]
    if not ids:
        pytest.skip("no clause of it is chosen")
    return {
        "profile": option(config, "profile"),
        "seed": config.stash[SEED],
        "scenarios": [scenario],
        "clauses": ids,
        "accepted": Path(accepted) if accepted else None,
        "strict": option(config, "strict"),
    }


def client_option(config: pytest.Config) -> tuple[Client, str]:
    if command := option(config, "client"):
        return shlex.split(command), f" -- {command}"
    if python := option(config, "python"):
        return python, f" --python {python}"
    if driver := option(config, "driver"):
        return driver_command(driver, None), f" --driver {driver}"
    return None, ""


@pytest.fixture(scope="session")
def contract_started_client(
    pytestconfig: pytest.Config,
) -> Iterator[tuple[Subject | None, str]]:
    """The client that the options name, started once, and its words.

    None is the minimal client, which patches `requests` while it is active.
    """
    with ExitStack() as stack:
        try:
            client, arguments = client_option(pytestconfig)
            subject = None
            if client is not None:
                subject = stack.enter_context(client_under_test(client, load()))
            yield subject, arguments
        except (ContractError, ValueError) as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture
def hold_client(
    pytestconfig: pytest.Config, contract_started_client: tuple[Subject | None, str]
) -> Iterator[Callable[[Scenario], None]]:
    """Return a function that plays a scenario on the client and fails on a breach."""
    spec = load()
    started, arguments = contract_started_client
    sites = select_sites(option(pytestconfig, "site"), spec)
    with ExitStack() as stack:
        subject = started or stack.enter_context(client_under_test(None, spec))

        def hold(scenario: Scenario) -> None:
            __tracebackhide__ = True
            options = run_options(pytestconfig, scenario, CLIENT_CLAUSES)
            verdict = make_job(SubjectKind.CLIENT, spec, options).run(subject, sites)
            fail_unless_holds(replace(verdict, arguments=arguments))

        yield hold


@pytest.fixture(scope="session")
def contract_started_services(
    pytestconfig: pytest.Config,
) -> Iterator[MultiSiteService]:
    """The service that the options name, else the embedded sandbox, set up once."""
    with ExitStack() as stack:
        try:
            urls = option(pytestconfig, "service")
            yield stack.enter_context(services_under_test(*urls))
        except ContractError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture
def hold_service(
    pytestconfig: pytest.Config, request: pytest.FixtureRequest
) -> Callable[[Scenario], None]:
    """Return a function that plays a scenario on the service and fails on a breach."""
    live, urls = option(pytestconfig, "live"), option(pytestconfig, "service")

    def hold(scenario: Scenario) -> None:
        __tracebackhide__ = True
        options = run_options(pytestconfig, scenario, SERVICE_CLAUSES)
        if live:
            arguments = f" --live {live}"
            try:
                verdict = check_live(live, **options)
            except ContractError as error:
                pytest.fail(str(error), pytrace=False)
        else:
            arguments = "".join(f" --service {url}" for url in urls)
            subject = request.getfixturevalue("contract_started_services")
            job = make_job(SubjectKind.SERVICE, load(), options)
            verdict = job.run(subject, subject.sites)
        fail_unless_holds(replace(verdict, arguments=arguments))

    return hold


def fail_unless_holds(verdict: Verdict) -> None:
    """Fail with the causes that count. Skip a scenario that cannot be played here."""
    __tracebackhide__ = True
    if verdict.interrupted == INTERRUPTED:
        raise KeyboardInterrupt
    if verdict.failures:
        pytest.fail(explain(make_view(verdict, load())), pytrace=False)
    if verdict.leftovers:
        pytest.fail(
            f"could not be removed: {', '.join(verdict.leftovers)}", pytrace=False
        )
    if verdict.interrupted:
        pytest.fail(f"ended early: {verdict.interrupted}", pytrace=False)
    if verdict.cut_off:
        scenarios = ", ".join(verdict.cut_off)
        pytest.fail(f"waiting for time-outs was cut off: {scenarios}", pytrace=False)
    if verdict.verdict == "unknown":
        reasons = "; ".join(dict.fromkeys(verdict.skipped.values()))
        pytest.skip(reasons or "no case of it here")
