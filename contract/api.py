"""The Python API: put a client or a service under test and get a verdict.

    contract.check_client(["node", "driver.js"], profile="quick").assert_holds()
    contract.check_service("http://127.0.0.1:8080", keys=(api_key, app_key))

pytest and the command line call the same functions.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Unpack

from contract import live
from contract.cases.client import catalogue, client_scenarios, json_response
from contract.cases.documents import Documents
from contract.cases.parameters import CREDENTIALS
from contract.cases.placeholders import KeyPair
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.drivers.examples import ALL, LANGUAGES, Example, NotRun, shown_call
from contract.endpoint import create_body
from contract.engine.job import RunOptions, make_job, spec_of
from contract.engine.selection import (
    select,
    select_scenarios,
    select_sites,
)
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import MissingError, SubjectError, UsageError
from contract.live import Bounds, check_remote
from contract.live.access import are_remote, by_owner, chosen_keys
from contract.model import ClientCase, Headers, Label, SubjectKind
from contract.processes import beside, hosted, is_forkable
from contract.recordings.replay import RecordedUpdates
from contract.redaction import (
    Redactor,
    secrets_of_headers,
    secrets_of_keys,
)
from contract.report.files import writing
from contract.sandbox import ORGS, Sandbox, serving, serving_each
from contract.servers.fake_sites import FakeSites
from contract.spec import Spec, load
from contract.subjects.closing import closed
from contract.subjects.heartbeat import outer_watcher
from contract.subjects.http import TlsFiles, tls_files
from contract.subjects.in_process import (
    ClientSubject,
    minimal_subject,
    suite_version,
)
from contract.subjects.preflight import preflight
from contract.subjects.python_client import load_factory, running_client
from contract.subjects.service import MultiSiteService, service_under_test

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

REMOTE_ONLY = ("max_requests", "max_minutes", "clean_up_s", "snapshot_view")
"""Options of `check_service` that mean nothing on loopback."""

check_live = writing(live.check_live)

CLIENT_LOCK = threading.RLock()

RATE_LIMIT = (3, 1.0)
"""Requests and seconds of the sandbox on which a rate limit is met."""


@writing
def check_client(
    client: Client = None,
    *,
    recordings: Path | None = None,
    sites: Iterable[str] = (),
    **options: Unpack[RunOptions],
) -> Verdict:
    """Check a client by the clauses for clients, on some sites or on all.

    A command and a factory of this process meet the fake sites over TLS. The minimal
    client meets the mocked sites, and the fake sites for cases that need real sockets.
    `recordings` replace the scenarios. Raise UsageError for an option of no use,
    SubjectError if the client cannot be started.
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

    It is played once on each site that the program can be pointed at. `all` stands for
    the programs in all languages, each a part of the verdict. One that is not on the
    page or lacks a tool is not run. One whose SDK cannot be built leaves the verdict
    unknown. `sdk` is a driver and where it was built. Raise UsageError, SpecError if
    the page has no such program, SubjectError.
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


class ServiceOptions(RunOptions, Bounds, TlsFiles, total=False):
    """Options of `check_service`. The bounds are for services that are remote.

    Sites have `names` instead of their URLs. `keys` are API key and application key
    (default: DD_API_KEY and DD_APP_KEY).
    `other_keys` are those of a second organization (default: CONTRACT_OTHER_API_KEY and
    CONTRACT_OTHER_APP_KEY). With `snapshot_id` nothing is created or listed. No report
    shows these keys, a header whose name speaks of a secret, or one of the `secrets`.
    Without `collection` no case changes the collection of a service on loopback.
    `max_lag_s` bounds the seconds until a list shows an update (default: 3 on a
    loopback address, else 5), `max_rate` the requests in a second. A service is remote
    if it is neither on loopback nor `disposable`, which is one that its user may lose.
    """

    keys: tuple[str, str] | None
    other_keys: tuple[str, str] | None
    snapshot_id: str | None
    snapshot_view: str | None
    headers: Headers
    secrets: Mapping[str, str]
    collection: bool
    max_rate: float | None
    max_lag_s: float | None
    disposable: bool
    names: tuple[str, ...]


@writing
def check_service(*urls: str, **options: Unpack[ServiceOptions]) -> Verdict:
    """Check a service by the clauses for services. No URL means the embedded sandbox.

    Several URLs are several sites of one service, which must behave alike. Those that
    are remote are checked one after the other, as live sites are. Snapshots
    are created for the run and removed after it. `Verdict.leftovers` names those that
    could not be removed. Raise UsageError for an option that cannot be used,
    SubjectError if nothing could be judged.
    """
    if are_remote(urls, disposable=options.get("disposable", False)):
        return check_remotes(urls, options)
    job = make_job(SubjectKind.SERVICE, load(), options)
    with (
        job.drawing_beside() if urls else nullcontext() as drawn,
        services_under_test(*urls, **options) as subject,
    ):
        verdict = job.run(subject, subject.sites, drawn)
        reasons, notes = subject.reasons, {**verdict.notes, **subject.notes}
    return replace(verdict, reasons=reasons, notes=notes, leftovers=subject.leftovers)


def check_remotes(urls: Sequence[str], options: ServiceOptions) -> Verdict:
    """Check remote services one after the other, and join the verdicts."""
    pairs, secrets = by_owner(*keys_of(options)), secrets_of(options)
    left_out = {"keys", "other_keys", "secrets", "disposable", "collection"}
    settings: Any = {k: v for k, v in options.items() if k not in left_out}
    check = partial(check_remote, keys=pairs, secrets=secrets, **settings)
    with Redactor.of_environment(secrets).errors():
        parts = list(map(check, dict.fromkeys(urls)))
    return parts[0] if len(parts) == 1 else merge_parts(parts)


def keys_of(options: ServiceOptions) -> tuple[KeyPair, KeyPair | None]:
    """Return the keys of both organizations. Raise UsageError without any."""
    return chosen_keys(options.get("keys"), options.get("other_keys"))


def secrets_of(options: ServiceOptions) -> dict[str, str]:
    """Return the secrets of a service by their names."""
    return {
        **secrets_of_keys(*keys_of(options)),
        **secrets_of_headers(options.get("headers", ())),
        **options.get("secrets", {}),
    }


@writing
def check_all(*, sites: Iterable[str] = (), **options: Unpack[RunOptions]) -> Verdict:
    """Check the minimal client and the embedded sandbox: the main job.

    Two sandboxes must behave alike. A third one has a rate limit. With 2 or more `jobs`
    they play beside the client, whose exchanges `progress` hears of. Raise UsageError.
    """
    spec, begin_s = spec_of(options), time.monotonic()
    sides = CLIENT_CLAUSES, SERVICE_CLAUSES
    by_id = {clause.id: clause for side in sides for clause in side}
    chosen = select("clause", options.get("clauses", ()), by_id)
    catalogues = client_scenarios(spec), service_scenarios(spec)
    items = select_scenarios(options.get("scenarios", ()), chain(*catalogues))
    names = {scenario.name for scenario in items}
    client, service = (
        options
        | RunOptions(
            clauses=[clause.id for clause in clauses if clause in chosen],
            scenarios=[item.name for item in cases if item.name in names],
        )
        for cases, clauses in zip(catalogues, sides, strict=True)
    )
    has_client = client["clauses"] and client["scenarios"]
    has_service = service["clauses"] and service["scenarios"]
    jobs, parts = options.get("jobs") or 1, list[Verdict]()
    with ExitStack() as stack:
        others: Any = None
        if has_service:
            sandboxes = sandboxes_for(options, Sandbox(), Sandbox())
            check = partial(check_sandboxes, stack.enter_context(sandboxes))
            others = partial(check, service)
            if has_client and jobs > 1:
                client["jobs"], service["jobs"] = jobs - 1, 1
                others = stack.enter_context(beside(check, service))
        if has_client:
            parts.append(check_client(**client, sites=sites))
        if others:
            parts += others(any(part.interrupted for part in parts))
    if not parts:
        raise UsageError("no clause is judged in any of these scenarios")
    return replace(merge_parts(parts), seconds=time.monotonic() - begin_s)


def sandboxes_for(
    options: RunOptions, *sandboxes: Sandbox
) -> AbstractContextManager[Any]:
    """Serve sandboxes, with 2 or more `jobs` in another process. Give their URLs."""
    is_apart = (options.get("jobs") or 1) > 1 and is_forkable()
    return (partial(hosted, serving_each) if is_apart else serving_each)(*sandboxes)


def check_sandboxes(
    urls: Sequence[str], options: RunOptions, is_stopped: bool = False
) -> list[Verdict]:
    """Return the verdict of two sandboxes, then that of one with a rate limit."""
    if is_stopped:
        return []
    own, other = ORGS
    settings: Any = {**options, "names": ("sandbox-1", "sandbox-2")}
    settings |= {"keys": own.keys, "other_keys": other.keys}
    parts = [check_service(*urls, **settings)]
    is_first = (options.get("shard") or "1/1").startswith("1/")
    is_chosen = "S-RATE" in options["clauses"] and "repeats" in options["scenarios"]
    if is_first and is_chosen:
        parts.append(check_rate_limit(options))
    return [replace(p, name="sandbox", version=suite_version()) for p in parts]


def check_rate_limit(options: RunOptions) -> Verdict:
    """Play a few cases on a sandbox with a rate limit and judge S-RATE only.

    Nothing but the cases is sent, so that one of them meets the limit.
    """
    sandbox = Sandbox(rate_limit=RATE_LIMIT)
    data = create_body("contract", "contract")["data"]
    row = sandbox.insert(ORGS[0], data["attributes"])
    (scenario,) = select_scenarios(["repeats"], service_scenarios(load()))
    few = replace(scenario, cases=lambda: islice(scenario.cases(), 3), strategy=None)
    options |= {"clauses": ["S-RATE"], "scenarios": [few], "shard": None}
    with serving(sandbox) as url:
        settings: Any = {**options, "names": ("sandbox-3",)}
        return check_service(url, keys=ORGS[0].keys, snapshot_id=row.id, **settings)


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
    if client == "" or client == [] or client == [""]:
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
    # Only drivers and the minimal client need it.
    from contract.subjects.workers import Workers

    with Workers(list(client or ()), spec.sites, catalogue().plain) as workers:
        start = minimal_subject(spec, workers) if client is None else workers.subject()
        with start as subject:
            yield subject


@contextmanager
def services_under_test(
    *urls: str, **options: Unpack[ServiceOptions]
) -> Iterator[MultiSiteService]:
    """Set up the services at some URLs, else the embedded sandbox. Clean up after."""
    is_sandbox = not urls
    if bounds := [name for name in REMOTE_ONLY if options.get(name) is not None]:
        raise UsageError(f"{', '.join(bounds)}: only for a service that is remote")
    with ExitStack() as stack:
        if is_sandbox:
            urls = tuple(stack.enter_context(sandboxes_for(options, Sandbox())))
            own, other = ORGS
            options = {**options, "keys": own.keys, "other_keys": other.keys}
        keys, other_keys = keys_of(options)
        secrets = secrets_of(options)
        stack.enter_context(Redactor.of_environment(secrets).errors())
        service = service_under_test(
            *dict.fromkeys(urls),
            keys=keys,
            other_keys=other_keys,
            snapshot_id=options.get("snapshot_id"),
            headers=options.get("headers", ()),
            max_rate=options.get("max_rate"),
            **tls_files(options),
            collection=options.get("collection", True),
            is_loopback=options.get("disposable") or None,
            max_lag_s=options.get("max_lag_s"),
            names=options.get("names", ("sandbox",) if is_sandbox else ()),
        )
        subject = stack.enter_context(service)
        subject.secrets = secrets
        if is_sandbox:
            subject.name, subject.version = "sandbox", suite_version()
        yield subject
