"""Checks of clients, and how the command line and pytest name them."""

import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from contract.cases.client import catalogue, json_response
from contract.cases.documents import Documents
from contract.cases.parameters import CREDENTIALS
from contract.cases.scenario import Scenario
from contract.clauses import CLIENT_CLAUSES
from contract.drivers.building import checkout_of, driver_command
from contract.drivers.examples import ALL, LANGUAGES, Example, NotRun, shown_call
from contract.engine.job import RunOptions, make_job, spec_of
from contract.engine.selection import select, select_scenarios, select_sites
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import MissingError, SubjectError, UsageError
from contract.model import ClientCase, Label, SubjectKind
from contract.recordings.replay import RecordedUpdates
from contract.redaction import Redactor
from contract.report.files import writing
from contract.servers.fake_sites import FakeSites
from contract.spec import Spec
from contract.subjects.closing import closed
from contract.subjects.heartbeat import outer_watcher
from contract.subjects.in_process import ClientSubject, minimal_subject
from contract.subjects.preflight import preflight
from contract.subjects.python_client import load_factory, running_client
from contract.subjects.workers import Workers

Client = Sequence[str] | str | Callable[..., Any] | None
"""A driver's command, `MODULE:FACTORY` or a factory. None is the minimal client.

A factory, which may be asynchronous, returns an object with `update(call)`. A function
of the call is one itself.
"""

ON_THE_WIRE = (
    "C-METHOD",
    "C-HOST",
    "C-PATH",
    "C-AUTH",
    "C-MEDIA",
    "C-BODY",
    "C-VALID",
    "C-PARITY",
)
"""Clauses that judge requests only. A program of the page reports nothing."""

CLIENT_LOCK = threading.RLock()


@writing
def check_client(
    client: Client = None,
    *,
    recordings: Path | None = None,
    sites: Iterable[str] = (),
    **options: Unpack[RunOptions],
) -> Verdict:
    """Check a client by the clauses for clients, on some sites or on all.

    A command and a factory of this process meet the fake sites over TLS, the minimal
    client mocked ones where no real socket is needed. `recordings` replace the
    scenarios. Raise UsageError, SubjectError if the client cannot be started.
    """
    spec = spec_of(options)
    if recordings:
        updates = RecordedUpdates(recordings, spec).scenarios()
        chosen = select_scenarios(options.get("scenarios", ()), updates)
        options |= {"scenarios": chosen}
    job = make_job(SubjectKind.CLIENT, spec, options)
    names = select_sites(sites, spec)
    with client_under_test(client, spec, names) as subject:
        return job.run(subject, names)


@writing
def check_example(
    page: str,
    language: str,
    *,
    sites: Iterable[str] = (),
    sdk: tuple[str, Path | None] = ("", None),
    **options: Unpack[RunOptions],
) -> Verdict:
    """Check the requests of a program of the documentation page, whose text is `page`.

    It is played once on each site that the program can be pointed at. With `all` those
    in all languages are parts of the verdict: one that is not on the page or lacks a
    tool is not run, one whose SDK cannot be built leaves it unknown. `sdk` is a driver
    and where it was built. Raise UsageError, SpecError if the page has no such program,
    SubjectError.
    """
    accepted = {name: (name,) for name in LANGUAGES} | {ALL: LANGUAGES}
    (languages,) = select("example", [language], accepted)
    names = select_sites(sites, spec_of(options))
    parts = [
        play_example(page, name, names, options, sdk, language == ALL)
        for name in languages
    ]
    if language != ALL:
        return parts[0]
    return replace(merge_parts(parts), name="the page's examples")


def play_example(
    page: str,
    language: str,
    sites: tuple[str, ...],
    options: RunOptions,
    sdk: tuple[str, Path | None],
    is_optional: bool,
) -> Verdict:
    """Return the verdict on a program of the page, empty if it may be missing."""
    spec = spec_of(options)
    snapshot_id, body = shown_call(page)
    title = f"the page's {language} example"
    case = ClientCase(
        labels=(Label("", title),),
        snapshot_id=snapshot_id,
        credential=CREDENTIALS["plain"],
        body=body,
        violation=next(iter(spec.request.errors(body)), None),
        responses=(json_response(Documents(spec.success_schema.raw).full()),),
    )
    scenario = Scenario("example", lambda: iter((case,)))
    available = {c.id: c for c in CLIENT_CLAUSES if c.id in ON_THE_WIRE}
    clauses = select("clause", options.get("clauses", ()), available)
    settings: RunOptions = {**options, "profile": "quick", "clauses": ()}
    settings["scenarios"] = [scenario]
    job = replace(make_job(SubjectKind.CLIENT, spec, settings), clauses=clauses)
    problem = ""
    with FakeSites(spec.sites) as server, ExitStack() as stack:
        program: Example | NotRun
        try:
            directory = dict([sdk]).get(language)
            program = Example(page, language, server.environment(), directory)
            stack.enter_context(program)
        except (MissingError, SubjectError) as error:
            if not is_optional:
                raise
            program = NotRun(str(error))
            problem = "" if isinstance(error, MissingError) else str(error)
        playable = tuple(site for site in sites if program.site in ("", site))
        verdict = job.run(ClientSubject(program, server, title), playable or sites)
    verdict = replace(verdict, interrupted=verdict.interrupted or problem)
    if not program.site:
        return verdict
    reason = f"the program names its site itself: {program.site}"
    return replace(verdict, skipped={**verdict.skipped, f"{title}, elsewhere": reason})


# -- subjects --


@contextmanager
def client_under_test(
    client: Client, spec: Spec, sites: Sequence[str] = ()
) -> Iterator[ClientSubject]:
    """Start a client and the sites that it meets. Nothing is left of either.

    One plain update on the first site shows whether it can be tested, and the latency.
    Another thread waits: environment and output are the process's. Raise SubjectError.
    """
    redactor = Redactor.of_environment()  # the sites hide the keys from the client
    with redactor.errors(), closed(started_client(client, spec, sites)) as subject:
        subject.secrets = redactor.secrets
        yield subject


@contextmanager
def started_client(
    client: Client, spec: Spec, sites: Sequence[str]
) -> Iterator[ClientSubject]:
    if client in ("", [], [""]):
        raise UsageError("an empty client; the minimal one is None")
    with CLIENT_LOCK, client_subject(client, spec) as subject:
        if subject.is_real_time:
            preflight(subject, catalogue().plain, (*sites, *spec.sites)[0])
        yield subject


@contextmanager
def client_subject(client: Client, spec: Spec) -> Iterator[ClientSubject]:
    if isinstance(client, str) or callable(client):
        with (
            FakeSites(spec.sites) as sites,
            sites.in_environment(),
            outer_watcher() as watcher,
        ):
            factory = load_factory(client) if isinstance(client, str) else client
            with running_client(factory) as own:
                name = getattr(factory, "__qualname__", own.name)
                name = client if isinstance(client, str) else name
                yield ClientSubject(own, sites, name, watcher=watcher)
        return
    with Workers(list(client or ()), spec.sites, catalogue().plain) as workers:
        start = minimal_subject(spec, workers) if client is None else workers.subject()
        with start as subject:
            yield subject


# -- names --


class Chosen(NamedTuple):
    """A client, and the words that name it on a command line.

    None is the minimal client. `mark` is added to the version.
    """

    client: Client
    arguments: str
    mark: str = ""

    def name(self, verdict: Verdict) -> Verdict:
        version = f"{verdict.version}{self.mark}"
        sites = "".join(f" --own-site {site}" for site in verdict.own_sites)
        return replace(verdict, version=version, arguments=f"{sites}{self.arguments}")


def chosen_client(
    python: str | None = None,
    driver: str | None = None,
    driver_version: str | None = None,
    driver_source: Path | None = None,
    command: Sequence[str] = (),
) -> Chosen:
    """Return the client that options name. Raise UsageError, SubjectError."""
    if sum(map(bool, (python, driver, command))) > 1:
        raise UsageError("one client at a time: give --python, --driver or -- COMMAND")
    check_driver(driver, driver_version, driver_source)
    if driver:
        words = f" --driver {driver}"
        words += f" --driver-version {driver_version}" if driver_version else ""
        words += f" --driver-source {place_of(driver_source)}" if driver_source else ""
        checkout = checkout_of(driver, driver_source) if driver_source else None
        line = driver_command(driver, driver_version, checkout)
        return Chosen(line, words, checkout.mark if checkout else "")
    if python:
        return Chosen(python, f" --python {shlex.quote(python)}")
    words = f" -- {shlex.join(command)}" if command else ""
    return Chosen(list(command) or None, words)


def check_driver(driver: str | None, version: str | None, source: Path | None) -> None:
    """Raise UsageError for options about an SDK that do not go together."""
    for what, value in ("version", version), ("source", source):
        if value and not driver:
            raise UsageError(f"--driver-{what}: needs --driver NAME")
    if version and source:
        raise UsageError("one SDK: give --driver-version or --driver-source")


def place_of(directory: Path) -> str:
    """Return a directory as a word: its path below this one, or DIR."""
    place, here = directory.absolute(), Path.cwd()
    inside = place.is_relative_to(here) and ".." not in place.parts
    return shlex.quote(str(place.relative_to(here))) if inside else "DIR"
