"""The pytest plugin, once a run asks for it.

`contract_client_scenario` and `contract_service_scenario` make a test of each scenario,
which `contract_check_client` and `contract_check_service` play.
`replay_heatmap_contract` declares options, hooks and fixtures.
"""

import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest
from replay_heatmap_contract import SCENARIO_FIXTURES, option

from contract.api import (
    Client,
    are_remote,
    check_service,
    client_under_test,
    services_under_test,
)
from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.clauses.base import AnyClause
from contract.drivers.building import driver_command, recipe_of, split_command
from contract.engine.ahead import WAITING
from contract.engine.baseline import read_baseline
from contract.engine.job import RunOptions, make_job
from contract.engine.ledger import INTERRUPTED
from contract.engine.schedule import PROFILES
from contract.engine.selection import select, select_scenarios, select_sites
from contract.engine.subject import Subject
from contract.engine.verdict import Verdict
from contract.errors import ContractError
from contract.fixtures import MARKER, named_fault
from contract.live import check_live
from contract.model import SubjectKind
from contract.recordings.replay import RecordedUpdates
from contract.redaction import quoted
from contract.report import explain, make_view
from contract.spec import load
from contract.subjects.http import HttpConnection
from contract.subjects.python_client import split_path
from contract.subjects.service import MultiSiteService

Check: TypeAlias = Callable[[Scenario], None]
SEED = pytest.StashKey[int]()

CLIENTS = ("client", "python", "driver")


def configure(config: pytest.Config) -> None:
    """Check the options, and choose the seed, the same on every xdist worker."""
    live, accepted = option(config, "live"), option(config, "accepted")
    clauses = {clause.id: clause for clause in (*CLIENT_CLAUSES, *SERVICE_CLAUSES)}
    try:
        select_sites([*option(config, "site"), *([live] if live else [])], load())
        select("profile", [profile(config)], PROFILES)
        select("clause", option(config, "clause"), clauses)
        if (names := option(config, "scenario")) or option(config, "recordings"):
            sides = (scenarios_of(config, fixture) for fixture in SCENARIO_FIXTURES)
            select_scenarios(names, chain(*sides))
        if fault := option(config, "fault"):
            named_fault(fault)
        if accepted:
            read_baseline(Path(accepted))
        check_subjects(config)
        number(config, "jobs", 1), number(config, "waiting", WAITING)
    except ContractError as error:
        raise pytest.UsageError(str(error)) from None
    if sum(bool(option(config, name)) for name in CLIENTS) > 1:
        raise pytest.UsageError(
            "one client at a time: give --contract-client, --contract-python or "
            "--contract-driver"
        )
    if live and option(config, "service"):
        raise pytest.UsageError(
            "one service at a time: give --contract-live or --contract-service"
        )
    seed(config)


def check_subjects(config: pytest.Config) -> None:
    """Check the names of clients and services. Raise UsageError of the package."""
    if driver := option(config, "driver"):
        recipe_of(driver)
    if python := option(config, "python"):
        split_path(python)
    for url in option(config, "service"):
        HttpConnection(url)
    if command := option(config, "client"):
        split_command("--contract-client", command)


def number(config: pytest.Config, name: str, default: int) -> int:
    """Return an option that is a number. Raises UsageError of pytest."""
    text = option(config, name)
    try:
        return int(text) if text else default
    except ValueError:
        problem = f"--contract-{name}: must be an integer; is {text!r}"
        raise pytest.UsageError(problem) from None


def profile(config: pytest.Config) -> str:
    return str(option(config, "profile") or "ci")


def seed(config: pytest.Config) -> int:
    """Return the seed of the run. Raises UsageError if it is no number."""
    if SEED not in config.stash:
        text = option(config, "seed")
        text = text or getattr(config, "workerinput", {}).get("contract_seed")
        if text is None:
            is_random = profile(config) == "nightly"
            text = random.randrange(2**32) if is_random else 1  # noqa: S311
        try:
            config.stash[SEED] = int(text)
        except ValueError:
            raise pytest.UsageError(
                f"--contract-seed: must be an integer; is {text!r}"
            ) from None
    return config.stash[SEED]


def scenarios_of(config: pytest.Config, fixture: str) -> Iterable[Scenario]:
    if fixture == "contract_service_scenario":
        return service_scenarios(load())
    if recordings := option(config, "recordings"):
        return RecordedUpdates(Path(recordings), load()).scenarios()
    return client_scenarios(load())


def parametrize(metafunc: pytest.Metafunc, fixture: str) -> None:
    names = option(metafunc.config, "scenario")
    scenarios = scenarios_of(metafunc.config, fixture)
    chosen = [s for s in scenarios if not names or s.name in names]
    metafunc.parametrize(fixture, chosen, ids=[s.name for s in chosen])


def header(config: pytest.Config) -> str:
    """Name the subjects, and the seed that plays the same again."""
    clients = (option(config, name) for name in CLIENTS)
    service = option(config, "live") or ", ".join(option(config, "service"))
    line = (
        f"contract: client {next(filter(None, clients), 'minimal')}, "
        f"service {service or 'sandbox'}, profile {profile(config)}, "
        f"--contract-seed {seed(config)}"
    )
    if recordings := option(config, "recordings"):
        remark = RecordedUpdates(Path(recordings), load()).remark
        line += f"\n{recordings}: {remark}" if remark else ""
    return line


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
        "profile": profile(config),
        "seed": seed(config),
        "scenarios": [scenario],
        "clauses": ids,
        "accepted": Path(accepted) if accepted else None,
        "strict": option(config, "strict"),
        "jobs": number(config, "jobs", 1),
        "waiting": number(config, "waiting", WAITING),
    }


def client_option(config: pytest.Config) -> tuple[Client, str]:
    if command := option(config, "client"):
        return split_command("--contract-client", command), f" -- {command}"
    if python := option(config, "python"):
        return python, f" --python {python}"
    if driver := option(config, "driver"):
        return driver_command(driver, None), f" --driver {driver}"
    return None, ""


@contextmanager
def started_client(config: pytest.Config) -> Iterator[tuple[Subject | None, str]]:
    """Start the client that the options name, and return its words too.

    None is the minimal client, which patches `requests` while it is active.
    """
    with ExitStack() as stack:
        try:
            client, arguments = client_option(config)
            subject = None
            if client is not None:
                sites = select_sites(option(config, "site"), load())
                client_context = client_under_test(client, load(), sites)
                subject = stack.enter_context(client_context)
            yield subject, arguments
        except (ContractError, ValueError) as error:
            fail(error)


@contextmanager
def client_check(
    config: pytest.Config, client: tuple[Subject | None, str]
) -> Iterator[Check]:
    """Yield a function that plays a scenario on the client and fails on a breach."""
    spec = load()
    started, arguments = client
    sites = select_sites(option(config, "site"), spec)
    with ExitStack() as stack:
        subject = started or stack.enter_context(client_under_test(None, spec))

        def check(scenario: Scenario) -> None:
            __tracebackhide__ = True
            options = run_options(config, scenario, CLIENT_CLAUSES)
            verdict = make_job(SubjectKind.CLIENT, spec, options).run(subject, sites)
            fail_unless_holds(replace(verdict, arguments=arguments))

        yield check


@contextmanager
def started_services(config: pytest.Config) -> Iterator[MultiSiteService]:
    """Set up the service that the options name, else the embedded sandbox."""
    with ExitStack() as stack:
        try:
            urls = option(config, "service")
            yield stack.enter_context(services_under_test(*urls))
        except ContractError as error:
            fail(error)


def service_check(config: pytest.Config, fixture: Callable[[str], Any]) -> Check:
    """Return a function that plays a scenario on the service and fails on a breach."""
    live, urls = option(config, "live"), option(config, "service")

    def check(scenario: Scenario) -> None:
        __tracebackhide__ = True
        options = run_options(config, scenario, SERVICE_CLAUSES)
        arguments = "".join(f" --service {url}" for url in urls)
        if live or are_remote(urls):
            arguments = f" --live {live}" if live else arguments
            try:
                if live:
                    verdict = check_live(live, **options)
                else:
                    verdict = check_service(*urls, **options)
            except ContractError as error:
                fail(error)
        else:
            subject = fixture("contract_started_services")
            job = make_job(SubjectKind.SERVICE, load(), options)
            verdict = job.run(subject, subject.sites)
        fail_unless_holds(replace(verdict, arguments=arguments))

    return check


def fail_unless_holds(verdict: Verdict) -> None:
    """Fail with the causes that count. Skip a scenario that cannot be played here."""
    __tracebackhide__ = True
    if verdict.interrupted == INTERRUPTED:
        raise KeyboardInterrupt
    if verdict.error:
        trace = "".join(traceback.format_exception(verdict.error))
        fail(verdict.redactor.text(trace))
    view = make_view(verdict, load())
    run = view.run
    if run.failures:
        head, newline, lines = explain(view).partition("\n")
        fail(lines, head + newline)
    if run.leftovers:
        fail(", ".join(run.leftovers), "could not be removed: ")
    if run.interrupted:
        fail(run.interrupted, "ended early: ")
    if run.cut_off:
        fail(", ".join(run.cut_off), "waiting for time-outs was cut off: ")
    if run.verdict == "unknown":
        reasons = "; ".join(dict.fromkeys(run.skipped.values()))
        pytest.skip(quoted("", reasons) or "no case of it here")


def fail(text: object, head: str = "") -> NoReturn:
    """Fail with a text of others after words of the suite."""
    __tracebackhide__ = True
    pytest.fail(quoted(head, str(text)), pytrace=False)


# -- proofs ----------------------------------------------------------------------------


def keep_provable(
    config: pytest.Config, items: list[pytest.Item], fixtures: frozenset[str]
) -> None:
    """Deselect the tests that use none of some fixtures."""
    others = [i for i in items if fixtures.isdisjoint(getattr(i, "fixturenames", ()))]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def show_proofs(reporter: Any) -> None:
    """Write how each test failed under its faults, and how often."""
    proofs = Counter(
        text
        for report in reporter.stats.get("passed", ())
        for name, text in report.user_properties
        if name == MARKER
    )
    reporter.section("proofs")
    for text, number in proofs.items():
        reporter.line(f"{text} ({number} times)")
