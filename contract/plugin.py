"""The pytest plugin, once a run asks for it.

`contract_client_scenario` and `contract_service_scenario` make a test of each scenario,
which `contract_check_client` and `contract_check_service` play.
`replay_heatmap_contract` declares options, hooks and fixtures.
"""

import datetime
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, NoReturn, TypeAlias

import pytest
from replay_heatmap_contract import SCENARIO_FIXTURES, option, own_value

from contract.cases.client import client_scenarios
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.clauses.base import AnyClause
from contract.drivers.building import recipe_of, split_command
from contract.engine.baseline import read_baseline
from contract.engine.job import RunOptions, make_job, spec_of
from contract.engine.ledger import INTERRUPTED
from contract.engine.schedule import PROFILES
from contract.engine.selection import select, select_scenarios, select_sites
from contract.engine.subject import Subject
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import ContractError, UsageError
from contract.fixtures import MARKER, named_fault
from contract.live import check_live
from contract.live.access import are_remote
from contract.model import SubjectKind
from contract.options import OPTIONS, parameters_of
from contract.recordings.replay import RecordedUpdates
from contract.redaction import quoted
from contract.report.files import RunFiles
from contract.report.reading import CLAUSES
from contract.report.terminal import explain
from contract.report.view import make_view
from contract.runs.clients import (
    Chosen,
    check_driver,
    chosen_client,
    client_under_test,
)
from contract.runs.services import (
    check_service,
    check_service_options,
    is_missing,
    read_header,
    service_arguments,
    service_options,
    services_under_test,
)
from contract.spec import load
from contract.subjects.http import HttpConnection
from contract.subjects.python_client import split_path
from contract.subjects.service import MultiSiteService

Check: TypeAlias = Callable[[Scenario], None]
SEED = pytest.StashKey[int]()

VERDICTS = pytest.StashKey[list[Verdict]]()

CLIENTS = ("client", "python", "driver")


def configure(config: pytest.Config) -> None:
    """Check the options, and choose the seed, the same on every xdist worker."""
    live, urls = option(config, "live"), option(config, "service")
    try:
        spec = spec_of(own_options(config))
        if live and urls:
            accepted = "give --contract-live or --contract-service"
            raise UsageError(f"one service at a time: {accepted}")
        select_sites([live] if live else (), load())
        select_sites(option(config, "site"), spec)
        select("profile", [profile(config)], PROFILES)
        select("clause", option(config, "clause"), CLAUSES)
        if (names := option(config, "scenario")) or option(config, "recordings"):
            sides = (scenarios_of(config, fixture) for fixture in SCENARIO_FIXTURES)
            select_scenarios(names, chain(*sides))
        if fault := option(config, "fault"):
            named_fault(fault)
        check_files(config)
        check_subjects(config)
        if sum(bool(option(config, name)) for name in CLIENTS) > 1:
            names = "--contract-client, --contract-python or --contract-driver"
            raise UsageError(f"one client at a time: give {names}")
    except ContractError as error:
        raise pytest.UsageError(str(error)) from None
    seed(config)


def check_files(config: pytest.Config) -> None:
    files = files_of(config)
    files.check()
    if files.updated and getattr(config.option, "dist", "no") != "no":
        raise UsageError("--update-accepted: needs one process; leave out -n")
    if accepted := files.run_options.get("accepted"):
        read_baseline(accepted)


def check_subjects(config: pytest.Config) -> None:
    if driver := option(config, "driver"):
        recipe_of(driver)
    version, source = option(config, "driver-version"), option(config, "driver-source")
    check_driver(driver, version, source)
    if python := option(config, "python"):
        split_path(python)
    if command := option(config, "client"):
        split_command("--contract-client", command)
    urls, live = option(config, "service"), option(config, "live")
    for url in urls:
        HttpConnection(url)
    items = parameters_of("service")
    names = {i.parameter for i in items if i.in_pytest and own_value(config, i.name)}
    check_service_options(urls, live, names)
    service_words(config)


def own_options(config: pytest.Config) -> Any:
    """Return the options of the Python API that pytest has. Those not given lack."""
    names = RunOptions.__annotations__
    items = (i for i in OPTIONS if i.in_pytest and i.parameter in names)
    values = {item.parameter: option(config, item.name) for item in items}
    # pytest -n uses the cores.
    return {"jobs": 1} | {n: v for n, v in values.items() if not is_missing(v)}


def files_of(config: pytest.Config, folder: str = "") -> RunFiles:
    options = own_options(config)
    if report := options.get("report"):
        worker = getattr(config, "workerinput", {}).get("workerid", "")
        options["report"] = report / worker / folder
    return RunFiles(options, option(config, "site"))


def profile(config: pytest.Config) -> str:
    return str(option(config, "profile") or "ci")


def seed(config: pytest.Config) -> int:
    """Return the seed of the run."""
    if SEED not in config.stash:
        number = option(config, "seed")
        if number is None:
            number = getattr(config, "workerinput", {}).get("contract_seed")
        if number is None:
            is_random = profile(config) == "nightly"
            number = random.randrange(2**32) if is_random else 1  # noqa: S311
        config.stash[SEED] = number
    return config.stash[SEED]


def scenarios_of(config: pytest.Config, fixture: str) -> Iterable[Scenario]:
    spec = spec_of(own_options(config))
    if fixture == "contract_service_scenario":
        return service_scenarios(spec)
    if recordings := option(config, "recordings"):
        return RecordedUpdates(recordings, spec).scenarios()
    return client_scenarios(spec)


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
        remark = RecordedUpdates(recordings, load()).remark
        line += f"\n{recordings}: {remark}" if remark else ""
    return line


def run_options(
    config: pytest.Config, scenario: Scenario, clauses: Sequence[AnyClause]
) -> RunOptions:
    """Return the options of pytest as those of the Python API.

    Skip the test if none of its clauses is chosen.
    """
    __tracebackhide__ = True
    names = option(config, "clause")
    ids = [clause.id for clause in clauses if not names or clause.id in names]
    if not ids:
        pytest.skip("no clause of it is chosen")
    options: RunOptions = files_of(config).run_options
    return {**options, "seed": seed(config), "scenarios": [scenario], "clauses": ids}


def service_words(config: pytest.Config) -> tuple[dict[str, Any], str]:
    """Return the arguments of `check_service` or a live run, and their words."""
    values = {
        item.parameter: value
        for item in parameters_of("service")
        if item.in_pytest and item.parameter not in RunOptions.__annotations__
        if not is_missing(value := option(config, item.name))
    }
    urls, fields = values.pop("urls", ()), values.pop("headers", ())
    headers = list(map(read_header, fields))
    options = service_options(values, headers, is_live="live" in values)
    return options, service_arguments(urls, values, headers)


@contextmanager
def started_client(config: pytest.Config) -> Iterator[tuple[Subject | None, Chosen]]:
    """Start the client that the options name, and return its name too.

    None is the minimal client, which patches `requests` while it is active.
    """
    with ExitStack() as stack:
        try:
            line = option(config, "client")
            command = split_command("--contract-client", line) if line else ()
            names = ("python", "driver", "driver-version", "driver-source")
            values = {name.replace("-", "_"): option(config, name) for name in names}
            chosen = chosen_client(command=command, **values)
            subject = None
            if chosen.client is not None:
                spec = spec_of(own_options(config))
                sites = select_sites(option(config, "site"), spec)
                client_context = client_under_test(chosen.client, spec, sites)
                subject = stack.enter_context(client_context)
            yield subject, chosen
        except UsageError as error:
            if hasattr(config, "workerinput"):
                fail(error)
            pytest.exit(quoted("", str(error)), pytest.ExitCode.USAGE_ERROR)
        except (ContractError, ValueError) as error:
            fail(error)


@contextmanager
def client_check(
    config: pytest.Config, client: tuple[Subject | None, Chosen]
) -> Iterator[Check]:
    spec = spec_of(own_options(config))
    started, chosen = client
    sites = select_sites(option(config, "site"), spec)
    with ExitStack() as stack:
        subject = started or stack.enter_context(client_under_test(None, spec))

        def check(scenario: Scenario) -> None:
            __tracebackhide__ = True
            options = run_options(config, scenario, CLIENT_CLAUSES)
            verdict = make_job(SubjectKind.CLIENT, spec, options).run(subject, sites)
            fail_unless_holds(config, chosen.name(verdict))

        yield check


@contextmanager
def started_services(config: pytest.Config) -> Iterator[MultiSiteService]:
    with ExitStack() as stack:
        try:
            options: Any = service_words(config)[0]
            services = services_under_test(*option(config, "service"), **options)
            yield stack.enter_context(services)
        except ContractError as error:
            fail(error)


def service_check(config: pytest.Config, fixture: Callable[[str], Any]) -> Check:
    live, urls = option(config, "live"), option(config, "service")

    def check(scenario: Scenario) -> None:
        __tracebackhide__ = True
        options: Any = run_options(config, scenario, SERVICE_CLAUSES)
        own, arguments = service_words(config)
        if live or are_remote(urls, disposable=own.get("disposable", False)):
            try:
                if live:
                    verdict = check_live(live, **options, **own)
                else:
                    verdict = check_service(*urls, **options, **own)
            except ContractError as error:
                fail(error)
        else:
            subject = fixture("contract_started_services")
            job = make_job(SubjectKind.SERVICE, load(), options)
            verdict = job.run(subject, subject.sites)
        fail_unless_holds(config, replace(verdict, arguments=arguments))

    return check


def fail_unless_holds(config: pytest.Config, verdict: Verdict) -> None:
    """Fail with the causes that count. Skip a scenario that cannot be played here."""
    __tracebackhide__ = True
    config.stash.setdefault(VERDICTS, []).append(verdict)
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
    __tracebackhide__ = True
    pytest.fail(quoted(head, str(text)), pytrace=False)


def write_files(config: pytest.Config) -> None:
    verdicts = config.stash.get(VERDICTS, [])
    for kind in SubjectKind if files_of(config).paths else ():
        parts = [verdict for verdict in verdicts if verdict.kind is kind]
        if not parts:
            continue
        left_out = frozenset.intersection(*(frozenset(p.left_out) for p in parts))
        whole = replace(merge_parts(parts), parts=(), left_out=left_out)
        files = files_of(config, str(kind))
        try:
            if files.accepted and files.accepted.exists():
                baseline = read_baseline(files.accepted)
                whole = baseline.apply(whole, datetime.date.today())
            _, text = files.write(whole)
        except ContractError as error:
            pytest.exit(quoted("", str(error)), pytest.ExitCode.INTERRUPTED)
        if text:
            config.get_terminal_writer().line(f"\n{text}")


# -- proofs ----------------------------------------------------------------------------


def keep_provable(
    config: pytest.Config, items: list[pytest.Item], fixtures: frozenset[str]
) -> None:
    others = [i for i in items if fixtures.isdisjoint(getattr(i, "fixturenames", ()))]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def show_proofs(reporter: Any) -> None:
    proofs = Counter(
        text
        for report in reporter.stats.get("passed", ())
        for name, text in report.user_properties
        if name == MARKER
    )
    reporter.section("proofs")
    for text, number in proofs.items():
        reporter.line(f"{text} ({number} times)")
